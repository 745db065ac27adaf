//! A point in time, as SQLite's date functions know it, and the texts that name one.
//!
//! Turns a time value into a [`JulianTime`], which counts milliseconds from noon on 24 November 4714 BC (the Julian day
//! number), and takes that apart into a calendar date and a time of day. Follows "Time Values" in SQLite's "Date And
//! Time Functions"; times outside the years -4713 to 9999 are not valid.

use chrono::{DateTime, Utc};

/// Milliseconds of a day.
pub(crate) const DAY: i64 = 86_400_000;
/// The Julian day number of 1970-01-01, in milliseconds.
pub(crate) const UNIX_EPOCH: i64 = 210_866_760_000_000;
/// The last millisecond of the year 9999.
const LAST: i64 = 464_269_060_799_999;
/// The numbers below this are Julian day numbers.
const JULIAN_DAYS: f64 = 5_373_484.5;

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct JulianTime {
    /// Milliseconds since the Julian epoch.
    pub(crate) julian: i64,
    /// Whether the text said which zone it is in.
    pub(crate) zoned: bool,
}

/// A time value: a point in time, or a number that a modifier may still explain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TimeValue {
    JulianTime(JulianTime),
    /// The number, and the time it is as a Julian day number, if it is one.
    Number(f64, Option<JulianTime>),
}

/// A date and a time of day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Calendar {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    /// Milliseconds of the minute.
    pub(crate) millis: i64,
}

impl JulianTime {
    /// Returns the moment of `julian` milliseconds.
    pub(crate) fn new(julian: i64) -> Self {
        Self {
            julian,
            zoned: false,
        }
    }

    /// Returns the moment of `time`.
    pub(crate) fn of(time: DateTime<Utc>) -> Self {
        Self::new(time.timestamp_millis() + UNIX_EPOCH)
    }

    /// Returns itself unless it is out of range.
    pub(crate) fn in_range(self) -> Option<Self> {
        (0..=LAST).contains(&self.julian).then_some(self)
    }

    /// Returns the whole seconds since 1970.
    pub(crate) fn unix_seconds(self) -> i64 {
        self.julian / 1000 - UNIX_EPOCH / 1000
    }

    /// Returns days since Sunday.
    pub(crate) fn weekday(self) -> i64 {
        (self.julian + DAY * 3 / 2) / DAY % 7
    }

    /// Takes it apart, after Meeus, "Astronomical Algorithms", chapter 7.
    pub(crate) fn calendar(self) -> Calendar {
        let z = (self.julian + DAY / 2) / DAY;
        let alpha = ((z as f64 - 1_867_216.25) / 36_524.25) as i64;
        let a = z + 1 + alpha - alpha / 4;
        let b = a + 1524;
        let c = ((b as f64 - 122.1) / 365.25) as i64;
        let d = 36_525 * (c & 32_767) / 100;
        let e = ((b - d) as f64 / 30.6001) as i64;
        let x = (30.6001 * e as f64) as i64;
        let month = if e < 14 { e - 1 } else { e - 13 };
        let time = (self.julian + DAY / 2) % DAY;
        Calendar {
            year: if month > 2 { c - 4716 } else { c - 4715 },
            month,
            day: b - d - x,
            hour: time / 3_600_000,
            minute: time / 60_000 % 60,
            millis: time % 60_000,
        }
    }
}

impl Calendar {
    /// Puts it together; days beyond the end of the month run into the next. None outside of the years there are.
    pub(crate) fn moment(self) -> Option<JulianTime> {
        if !(-4713..=9999).contains(&self.year) {
            return None;
        }
        let (year, month) = if self.month <= 2 {
            (self.year - 1, self.month + 12)
        } else {
            (self.year, self.month)
        };
        let a = year / 100;
        let b = 2 - a + a / 4;
        let days = 36_525 * (year + 4716) / 100 + 306_001 * (month + 1) / 10_000 + self.day + b;
        let midnight = days * DAY - 1524 * DAY - DAY / 2;
        let time = self.hour * 3_600_000 + self.minute * 60_000 + self.millis;
        Some(JulianTime::new(midnight + time))
    }
}

impl TimeValue {
    /// Parses text; `now` is the time of the query.
    pub(crate) fn parse(text: &str, now: impl FnOnce() -> JulianTime) -> Option<Self> {
        if let Some(moment) = date_and_time(text).or_else(|| time_alone(text)) {
            return Some(Self::JulianTime(moment));
        }
        if text.eq_ignore_ascii_case("now") {
            return Some(Self::JulianTime(now()));
        }
        Some(Self::number(number(text)?))
    }

    /// Reads a number.
    pub(crate) fn number(number: f64) -> Self {
        let julian = (0.0..JULIAN_DAYS)
            .contains(&number)
            .then(|| JulianTime::new((number * DAY as f64 + 0.5) as i64));
        Self::Number(number, julian)
    }

    /// Returns the point in time, if it is one without a modifier.
    pub(crate) fn moment(self) -> Option<JulianTime> {
        match self {
            Self::JulianTime(moment) | Self::Number(_, Some(moment)) => Some(moment),
            Self::Number(_, None) => None,
        }
    }
}

/// Parses a number that takes the whole text, spaces around it aside.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
    let plain = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.ends_with(|c: char| c.is_ascii_digit() || c == '.');
    if plain { text.parse().ok() } else { None }
}

/// `[-]YYYY-MM-DD`, alone or followed by a time.
fn date_and_time(text: &str) -> Option<JulianTime> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (year, rest) = digits(rest, 4, 0..=9999)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2, 1..=12)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2, 1..=31)?;
    let year = if negative { -year } else { year };
    let date = Calendar {
        year,
        month,
        day,
        hour: 0,
        minute: 0,
        millis: 0,
    }
    .moment()?;
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == 'T');
    if rest.is_empty() {
        return Some(date);
    }
    let (time, zoned) = time_of_day(rest)?;
    Some(JulianTime {
        julian: date.julian + time,
        zoned,
    })
}

/// `HH:MM…` on 2000-01-01.
fn time_alone(text: &str) -> Option<JulianTime> {
    let (time, zoned) = time_of_day(text)?;
    let date = Calendar {
        year: 2000,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        millis: 0,
    }
    .moment()?;
    Some(JulianTime {
        julian: date.julian + time,
        zoned,
    })
}

/// `HH:MM[:SS[.fraction]][zone]` as milliseconds, and whether there was a zone.
pub(crate) fn time_of_day(text: &str) -> Option<(i64, bool)> {
    let (hour, rest) = digits(text, 2, 0..=24)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2, 0..=59)?;
    let (mut millis, mut rest) = (hour * 3_600_000 + minute * 60_000, rest);
    if let Some(after) = rest.strip_prefix(':') {
        let (seconds, after) = digits(after, 2, 0..=59)?;
        let count = after.strip_prefix('.').map_or(0, |fraction| {
            fraction.bytes().take_while(u8::is_ascii_digit).count()
        });
        let (fraction, after) = after.split_at(if count > 0 { count + 1 } else { 0 });
        // What is less than a millisecond is cut: a second must not become the next one.
        let thousandths = format!("{:0<3}", fraction.trim_start_matches('.'));
        millis += seconds * 1000 + thousandths[..3].parse().unwrap_or(0);
        rest = after;
    }
    let offset = zone(rest)?;
    Some((millis - offset.unwrap_or(0) * 60_000, offset.is_some()))
}

/// `Z`, `±HH:MM` or nothing, as minutes.
fn zone(text: &str) -> Option<Option<i64>> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
    if text.is_empty() {
        return Some(None);
    }
    if text.eq_ignore_ascii_case("z") {
        return Some(Some(0));
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, rest) = digits(rest, 2, 0..=14)?;
    let (minutes, rest) = digits(rest.strip_prefix(':')?, 2, 0..=59)?;
    rest.is_empty()
        .then_some(Some(sign * (hours * 60 + minutes)))
}

fn digits(text: &str, count: usize, range: std::ops::RangeInclusive<i64>) -> Option<(i64, &str)> {
    let (digits, rest) = text.split_at_checked(count)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().ok()?;
    range.contains(&number).then_some((number, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_moment_since_the_year_0_goes_together_again(julian in 148_699_540_800_000..=LAST) {
            prop_assert_eq!(JulianTime::new(julian).calendar().moment(), Some(JulianTime::new(julian)));
        }

        #[test]
        fn no_text_breaks_the_parser(text in "[-+0-9TZ:. é]{0,30}") {
            TimeValue::parse(&text, || JulianTime::new(0));
        }
    }

    #[test]
    fn dates_agree_with_chrono() {
        for seconds in [
            -62_135_596_800_i64,
            -1,
            0,
            951_782_400,
            1_767_412_800,
            253_402_300_799,
        ] {
            let time = DateTime::from_timestamp(seconds, 0).expect("in range");
            let calendar = JulianTime::of(time).calendar();
            let text = format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
                calendar.year,
                calendar.month,
                calendar.day,
                calendar.hour,
                calendar.minute,
                calendar.millis / 1000
            );
            assert_eq!(text, time.format("%Y-%m-%dT%H:%M:%S").to_string());
        }
    }
}
