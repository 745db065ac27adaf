//! The modifiers of a time value: `+1 month`, `start of day`, `weekday 0`, `unixepoch` and the like.
//!
//! Turns one moment into another, from left to right. A modifier that is not one makes the whole call NULL, as in
//! SQLite ("Modifiers" in "Date And Time Functions"). `localtime` and `utc` use the computer's time zone.

use chrono::{DateTime, Local, NaiveDateTime, TimeZone, Utc};

use super::julian_time::{DAY, JulianTime, TimeValue, UNIX_EPOCH, number, time_of_day};

/// Applies `modifiers` to `value`.
pub(crate) fn apply<'a>(
    value: TimeValue,
    modifiers: impl Iterator<Item = &'a str>,
) -> Option<JulianTime> {
    let mut value = value;
    for (i, modifier) in modifiers.enumerate() {
        value = one(value, &modifier.to_ascii_lowercase(), i == 0)?;
    }
    value.moment()?.in_range()
}

fn one(value: TimeValue, modifier: &str, first: bool) -> Option<TimeValue> {
    // These three say what a number is, so they only make sense next to it.
    let explained = match (modifier, value) {
        ("auto", TimeValue::Number(number, None)) if first => unix(number)?,
        ("auto", value) if first => value.moment()?,
        ("unixepoch", TimeValue::Number(number, _)) if first => unix(number)?,
        ("julianday", TimeValue::Number(_, Some(moment))) if first => moment,
        ("auto" | "unixepoch" | "julianday", _) => return None,
        // A sum must not leave the range even for a while, or it could overflow.
        _ => {
            return moved(value.moment()?, modifier)?
                .in_range()
                .map(TimeValue::JulianTime);
        }
    };
    Some(TimeValue::JulianTime(explained))
}

fn unix(seconds: f64) -> Option<JulianTime> {
    let julian = seconds * 1000.0 + UNIX_EPOCH as f64;
    (julian >= 0.0)
        .then(|| JulianTime::new((julian + 0.5) as i64))?
        .in_range()
}

fn moved(moment: JulianTime, modifier: &str) -> Option<JulianTime> {
    match modifier {
        "localtime" => return local(moment),
        "utc" => return universal(moment),
        _ => {}
    }
    if let Some(weekday) = modifier.strip_prefix("weekday ") {
        let weekday =
            number(weekday).filter(|day| (0.0..7.0).contains(day) && day.fract() == 0.0)?;
        let ahead = (weekday as i64 - moment.weekday()).rem_euclid(7);
        return Some(JulianTime {
            julian: moment.julian + ahead * DAY,
            ..moment
        });
    }
    if let Some(unit) = modifier.strip_prefix("start of ") {
        let mut calendar = moment.calendar();
        (calendar.hour, calendar.minute, calendar.millis) = (0, 0, 0);
        match unit {
            "day" => {}
            "month" => calendar.day = 1,
            "year" => (calendar.month, calendar.day) = (1, 1),
            _ => return None,
        }
        return calendar.moment();
    }
    shifted(moment, modifier)
}

/// `±N unit` or `±HH:MM[:SS]`.
fn shifted(moment: JulianTime, modifier: &str) -> Option<JulianTime> {
    if !modifier.starts_with(|c: char| c.is_ascii_digit() || c == '+' || c == '-') {
        return None;
    }
    let end = modifier.find(|c: char| c == ':' || c.is_ascii_whitespace())?;
    if modifier[end..].starts_with(':') {
        let (time, _) = time_of_day(modifier.trim_start_matches(['+', '-']))?;
        let time = time.rem_euclid(DAY);
        let time = if modifier.starts_with('-') {
            -time
        } else {
            time
        };
        return Some(JulianTime {
            julian: moment.julian + time,
            ..moment
        });
    }
    let amount = number(&modifier[..end])?;
    let unit = modifier[end..].trim_start();
    // The bounds keep the sum far from overflow; beyond them there is no time anyway.
    let (bound, seconds) = match unit.strip_suffix('s').unwrap_or(unit) {
        "second" => (4.6427e14, 1.0),
        "minute" => (7.7379e12, 60.0),
        "hour" => (1.2897e11, 3600.0),
        "day" => (5_373_485.0, 86_400.0),
        "month" => (176_546.0, 30.0 * 86_400.0),
        "year" => (14_713.0, 365.0 * 86_400.0),
        _ => return None,
    };
    if amount.abs() >= bound {
        return None;
    }
    let (moment, rest) = match unit.trim_end_matches('s') {
        "month" | "year" => {
            let months = amount as i64 * if unit.starts_with('y') { 12 } else { 1 };
            let mut calendar = moment.calendar();
            let month = calendar.year * 12 + calendar.month - 1 + months;
            (calendar.year, calendar.month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
            (
                JulianTime {
                    zoned: moment.zoned,
                    ..calendar.moment()?
                },
                amount.fract(),
            )
        }
        _ => (moment, amount),
    };
    let rounding = if amount < 0.0 { -0.5 } else { 0.5 };
    let millis = (rest * 1000.0 * seconds + rounding) as i64;
    Some(JulianTime {
        julian: moment.julian + millis,
        ..moment
    })
}

fn local(moment: JulianTime) -> Option<JulianTime> {
    let time: DateTime<Utc> = DateTime::from_timestamp_millis(moment.julian - UNIX_EPOCH)?;
    let offset = Local
        .from_utc_datetime(&time.naive_utc())
        .offset()
        .local_minus_utc();
    Some(JulianTime::new(moment.julian + i64::from(offset) * 1000))
}

fn universal(moment: JulianTime) -> Option<JulianTime> {
    // A text with a zone has been converted already.
    if moment.zoned {
        return Some(moment);
    }
    let time: NaiveDateTime =
        DateTime::from_timestamp_millis(moment.julian - UNIX_EPOCH)?.naive_utc();
    let offset = Local
        .from_local_datetime(&time)
        .earliest()?
        .offset()
        .local_minus_utc();
    Some(JulianTime {
        julian: moment.julian - i64::from(offset) * 1000,
        zoned: true,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_modifier_breaks_it(modifiers in prop::collection::vec(
            "[+-][0-9]{1,20}(\\.[0-9]{1,3})? (second|minute|hour|day|month|year)s?|weekday [0-9]|[+-]?[0-9: é]{0,9}",
            0..5,
        )) {
            let start = TimeValue::JulianTime(JulianTime::new(UNIX_EPOCH));
            apply(start, modifiers.iter().map(String::as_str));
        }
    }
}
