//! Dates and times: `date`, `time`, `datetime`, `julianday`, `unixepoch`, `strftime`, `timediff`.
//!
//! SQLite's functions over its time values (text, Julian day numbers, `now`) and over Arrow's dates and timestamps,
//! which are read as their RFC 3339 text. All give text but `julianday` (days, Float64) and `unixepoch` (seconds,
//! Int64), and NULL for what is not a valid time. `now` is the start of the query, the same wherever it is used.

mod julian_time;
mod modifier;

use chrono::Utc;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::internal_err;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};

use crate::dialect::functions::error::Error;
use crate::dialect::functions::scalar::{Arity, Eval, anything, by_name, evaluate};
use crate::dialect::functions::time::julian_time::{Calendar, DAY, JulianTime, TimeValue};
use crate::dialect::functions::value::{Value, real_text};

type Evaluated = Result<Value<'static>, Error>;

/// Returns the functions of this module.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    let any = Arity::AtLeast(0);
    let functions = [
        ("date", any, DataType::Utf8, date as Eval),
        ("time", any, DataType::Utf8, time),
        ("datetime", any, DataType::Utf8, datetime),
        ("julianday", any, DataType::Float64, julianday),
        ("unixepoch", any, DataType::Int64, unixepoch),
        ("strftime", Arity::AtLeast(1), DataType::Utf8, strftime),
        ("timediff", Arity::Between(2, 2), DataType::Utf8, timediff),
    ];
    functions
        .map(|(name, arity, returns, eval)| {
            let signature = anything(Volatility::Stable);
            ScalarUDF::new_from_impl(TimeFunction {
                name,
                arity,
                signature,
                returns,
                eval,
            })
        })
        .into()
}

#[derive(Debug, Clone)]
struct TimeFunction {
    name: &'static str,
    arity: Arity,
    signature: Signature,
    returns: DataType,
    eval: Eval,
}

impl TimeFunction {
    /// Returns which arguments are time values.
    fn places(&self) -> &'static [usize] {
        match self.name {
            "strftime" => &[1],
            "timediff" => &[0, 1],
            _ => &[0],
        }
    }
}

by_name!(TimeFunction.name);

impl ScalarUDFImpl for TimeFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> PlanResult<DataType> {
        self.arity.check(self.name, arg_types.len())?;
        Ok(self.returns.clone())
    }

    fn simplify(
        &self,
        mut args: Vec<Expr>,
        info: &SimplifyContext,
    ) -> PlanResult<ExprSimplifyResult> {
        let now = |place: &&usize| match args.get(**place) {
            None => true,
            Some(Expr::Literal(value, _)) => is_now(value.try_as_str().flatten()),
            Some(_) => false,
        };
        let places: Vec<usize> = self.places().iter().filter(now).copied().collect();
        if places.is_empty() {
            return Ok(ExprSimplifyResult::Original(args));
        }
        let start = info.query_execution_start_time().unwrap_or_else(Utc::now);
        let start = lit(start.format("%Y-%m-%d %H:%M:%S%.3f").to_string());
        for place in places {
            match args.get_mut(place) {
                Some(arg) => *arg = start.clone(),
                None => args.push(start.clone()),
            }
        }
        Ok(ExprSimplifyResult::Simplified(
            ScalarUDF::new_from_impl(self.clone()).call(args),
        ))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        let now = |place: &usize| match args.args.get(*place) {
            None => true,
            Some(ColumnarValue::Scalar(value)) => is_now(value.try_as_str().flatten()),
            Some(ColumnarValue::Array(_)) => false,
        };
        if self.places().iter().any(now) {
            // Constants are tried before simplification, which takes this as "not yet".
            return internal_err!("{} of now is fixed while planning", self.name);
        }
        evaluate(self.name, &args, self.eval)
    }
}

fn is_now(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.eq_ignore_ascii_case("now"))
}

/// Returns the moment that a time value and its modifiers name, or None for a NULL among them and for no time.
fn moment(args: &[Value<'_>]) -> Option<JulianTime> {
    let (value, modifiers) = args.split_first()?;
    let value = match value {
        Value::Int(_) | Value::Real(_) | Value::Bool(_) => TimeValue::number(value.real()?),
        value => TimeValue::parse(&value.text()?, || JulianTime::of(Utc::now()))?,
    };
    let modifiers = modifiers
        .iter()
        .map(Value::text)
        .collect::<Option<Vec<_>>>()?;
    modifier::apply(value, modifiers.iter().map(AsRef::as_ref))
}

fn text(text: Option<String>) -> Evaluated {
    Ok(text.map_or(Value::Null, |text| Value::Text(text.into())))
}

fn date(args: &[Value<'_>]) -> Evaluated {
    text(moment(args).map(|moment| written_date(moment.calendar())))
}

fn time(args: &[Value<'_>]) -> Evaluated {
    text(moment(args).map(|moment| written_time(moment.calendar())))
}

fn datetime(args: &[Value<'_>]) -> Evaluated {
    text(moment(args).map(|moment| {
        let calendar = moment.calendar();
        format!("{} {}", written_date(calendar), written_time(calendar))
    }))
}

fn written_date(
    Calendar {
        year, month, day, ..
    }: Calendar,
) -> String {
    let sign = if year < 0 { "-" } else { "" };
    format!("{sign}{:04}-{month:02}-{day:02}", year.abs())
}

fn written_time(
    Calendar {
        hour,
        minute,
        millis,
        ..
    }: Calendar,
) -> String {
    format!("{hour:02}:{minute:02}:{:02}", millis / 1000)
}

fn julianday(args: &[Value<'_>]) -> Evaluated {
    Ok(moment(args).map_or(Value::Null, |moment| Value::Real(days(moment))))
}

fn days(moment: JulianTime) -> f64 {
    moment.julian as f64 / DAY as f64
}

fn unixepoch(args: &[Value<'_>]) -> Evaluated {
    Ok(moment(args).map_or(Value::Null, |moment| Value::Int(moment.unix_seconds())))
}

fn strftime(args: &[Value<'_>]) -> Evaluated {
    let Some(format) = args[0].text() else {
        return Ok(Value::Null);
    };
    text(moment(&args[1..]).and_then(|moment| formatted(&format, moment)))
}

/// What has to be added to the second time to give the first: years and months as long as they are there, then days.
fn timediff(args: &[Value<'_>]) -> Evaluated {
    let (Some(to), Some(from)) = (moment(&args[..1]), moment(&args[1..])) else {
        return Ok(Value::Null);
    };
    let is_later = to.julian >= from.julian;
    let (target, mut near) = (to.calendar(), from.calendar());
    let forward = if is_later { 1 } else { -1 };
    let mut months = forward * ((target.year - near.year) * 12 + target.month - near.month);
    (near.year, near.month) = (target.year, target.month);
    let Some(mut reached) = near.moment() else {
        return Ok(Value::Null);
    };
    // One month too many, unless the day of the month has come.
    while forward * (to.julian - reached.julian) < 0 {
        months -= 1;
        let month = near.year * 12 + near.month - 1 - forward;
        (near.year, near.month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
        match near.moment() {
            Some(moment) => reached = moment,
            None => return Ok(Value::Null),
        }
    }
    let rest = (to.julian - reached.julian).abs();
    let (days, time) = (rest / DAY, rest % DAY);
    let (minutes, millis) = (time / 60_000, time % 60_000);
    text(Some(format!(
        "{}{:04}-{:02}-{days:02} {:02}:{:02}:{:02}.{:03}",
        if is_later { '+' } else { '-' },
        months / 12,
        months % 12,
        minutes / 60,
        minutes % 60,
        millis / 1000,
        millis % 1000,
    )))
}

/// Writes `moment` by `format`; None if there is a conversion in it that does not exist.
fn formatted(format: &str, moment: JulianTime) -> Option<String> {
    let calendar = moment.calendar();
    let mut text = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let part = match chars.next()? {
            'd' => format!("{:02}", calendar.day),
            'f' => format!(
                "{:02}.{:03}",
                calendar.millis / 1000,
                calendar.millis % 1000
            ),
            'H' => format!("{:02}", calendar.hour),
            'j' => format!("{:03}", day_of_year(moment)? + 1),
            'J' => significant(days(moment)),
            'm' => format!("{:02}", calendar.month),
            'M' => format!("{:02}", calendar.minute),
            's' => moment.unix_seconds().to_string(),
            'S' => format!("{:02}", calendar.millis / 1000),
            'w' => moment.weekday().to_string(),
            // The week of the year that Monday begins; days before the first Monday are in week 0.
            'W' => format!(
                "{:02}",
                (day_of_year(moment)? + 7 - (moment.weekday() + 6) % 7) / 7
            ),
            'Y' => format!("{:04}", calendar.year),
            '%' => "%".to_owned(),
            _ => return None,
        };
        text.push_str(&part);
    }
    Some(text)
}

fn day_of_year(moment: JulianTime) -> Option<i64> {
    let new_year = Calendar {
        month: 1,
        day: 1,
        ..moment.calendar()
    }
    .moment()?;
    Some((moment.julian - new_year.julian + DAY / 2) / DAY)
}

/// Writes a day number with 16 significant digits and no more than it needs.
fn significant(days: f64) -> String {
    let whole = days.trunc().abs().to_string().len();
    let text = format!("{days:.places$}", places = 16_usize.saturating_sub(whole));
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        real_text(days)
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::functions::testing::{column, optimized_filter, rows, value};

    #[tokio::test]
    async fn timestamps_are_time_values() {
        for (expression, expected) in [
            ("date(metadata.created_at)", "2026-01-03"),
            ("time(json_extract(metadata, '$.created_at'))", "04:05:06"),
            (
                "datetime(metadata.created_at, '+24 hours')",
                "2026-01-04 04:05:06",
            ),
            ("strftime('%Y-%m', spec.expires_at)", "2027-01"),
            ("unixepoch(spec.expires_at)", "1798761600"),
            (
                "timediff('2023-02-15', '2022-01-31')",
                "+0001-00-15 00:00:00.000",
            ),
            (
                "timediff('2022-01-31', '2023-02-15')",
                "-0001-00-15 00:00:00.000",
            ),
            (
                "timediff('2026-03-01 10:00', '2026-02-28 09:30:15.5')",
                "+0000-00-01 00:29:44.500",
            ),
            (
                "timediff('2026-01-01', '2026-01-01')",
                "+0000-00-00 00:00:00.000",
            ),
            ("timediff('2026-01-01', 'nonsense')", "NULL"),
            ("date(date '2026-01-31', '+1 month')", "2026-03-03"),
            (
                "round(julianday(spec.expires_at) - julianday(metadata.created_at))",
                "363.0",
            ),
            (
                "(strftime('%s', spec.expires_at) - strftime('%s', metadata.created_at)) / 86400",
                "362",
            ),
        ] {
            let found = column(&format!("SELECT {expression} FROM api_keys LIMIT 1")).await;
            assert_eq!(found, [expected], "{expression}");
        }
    }

    #[tokio::test]
    async fn now_is_one_moment_in_a_query_and_folded_while_planning() {
        let filter =
            optimized_filter("julianday('now') - julianday(metadata.created_at) > 90").await;
        assert!(!filter.contains("now"), "{filter}");
        for equal in [
            "julianday('now') = julianday()",
            "strftime('%s', 'NOW') = strftime('%s')",
            "datetime('now') = datetime('now', '+0 days')",
            "abs(julianday('now') - julianday(now())) < 0.0001",
        ] {
            assert_eq!(value(equal).await, "true", "{equal}");
        }
    }

    #[tokio::test]
    async fn now_in_a_column_is_read_as_well() {
        let sql = "SELECT date(t) = date('now') FROM (VALUES ('now'), ('2000-01-01')) v(t)";
        assert_eq!(rows(sql).await.expect("runs"), [["true"], ["false"]]);
    }

    #[tokio::test]
    async fn dates_of_the_engine_still_work() {
        for (expression, expected) in [
            ("date '2026-01-02' + interval '1 day'", "2026-01-03"),
            ("cast('2026-01-02' AS date)", "2026-01-02"),
            ("'2026-01-02T03:04:05Z'::date", "2026-01-02"),
            (
                "date_trunc('month', timestamp '2026-01-02T03:04:05')",
                "2026-01-01T00:00:00",
            ),
            ("extract(year FROM date '2026-01-02')", "2026"),
            ("date('2026-01-02') = date '2026-01-02'", "true"),
            ("time '03:04:05'", "03:04:05"),
        ] {
            assert_eq!(value(expression).await, expected, "{expression}");
        }
    }
}
