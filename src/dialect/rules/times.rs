//! Rewrites times as people write them into what the engine takes.

use sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Statement,
    TimezoneInfo, TypedString, Value, ValueWithSpan,
};
use sqlparser::tokenizer::Span;

use super::rule::Context;
use crate::dialect::ast::{function_name, taken, wrap};
use crate::dialect::plan::with_seconds;

/// Makes times precise to the microsecond, as in PostgreSQL, and completes literals: the engine's nanoseconds end in 2262,
/// and it wants seconds.
///
/// ```sql
/// SELECT 1 FROM t WHERE a > TIMESTAMP '9999-12-31 10:20' OR a > '2026-01-31T10:20Z'::timestamptz
/// -- becomes
/// SELECT 1 FROM t WHERE a > TIMESTAMP(6) '9999-12-31 10:20:00' OR a > '2026-01-31T10:20:00Z'::TIMESTAMPTZ(6)
/// ```
///
/// `now()` becomes `CAST(now() AS TIMESTAMPTZ(6))`: the engine's clock has nanoseconds.
/// A precision that is written stays. Text that is compared with a time is completed later, by its type.
pub(super) fn times_in_microseconds(expr: &mut Expr, _: &Context<'_>) {
    match expr {
        Expr::Cast {
            data_type, expr, ..
        } => {
            if precise(data_type)
                && let Expr::Value(literal) = expr.as_mut()
            {
                complete(&mut literal.value);
            }
        }
        Expr::TypedString(TypedString {
            data_type, value, ..
        }) => {
            let is_time = precise(data_type);
            if is_time {
                complete(&mut value.value);
            }
        }
        Expr::Function(function)
            if matches!(
                function_name(function).as_str(),
                "now" | "current_timestamp"
            ) =>
        {
            *expr = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(taken(expr)),
                data_type: DataType::Timestamp(Some(6), TimezoneInfo::Tz),
                array: false,
                format: None,
            };
        }
        _ => {}
    }
}

/// Gives a type of times the precision that it has unless it is said otherwise; returns whether it is one.
fn precise(data_type: &mut DataType) -> bool {
    match data_type {
        DataType::Timestamp(precision, _) => {
            precision.get_or_insert(6);
            true
        }
        DataType::Datetime(precision) => {
            let precision = precision.unwrap_or(6);
            *data_type = DataType::Timestamp(Some(precision), TimezoneInfo::None);
            true
        }
        _ => false,
    }
}

fn complete(value: &mut Value) {
    if let Value::SingleQuotedString(text) = value {
        *text = with_seconds(text).into_owned();
    }
}

/// Gives columns of a table their times in microseconds, which reach any year.
///
/// ```sql
/// CREATE TABLE t (a TIMESTAMP, b TIMESTAMP WITH TIME ZONE)
/// -- becomes
/// CREATE TABLE t (a TIMESTAMP(6), b TIMESTAMP(6) WITH TIME ZONE)
/// ```
///
/// Not those that name another precision.
pub(super) fn times_of_columns(statement: &mut Statement) {
    if let Statement::CreateTable(table) = statement {
        for column in &mut table.columns {
            precise(&mut column.data_type);
        }
    }
}

/// Turns PostgreSQL's patterns into those of `strftime`: the engine would answer with the pattern itself.
///
/// ```sql
/// SELECT to_char(a, 'YYYY-MM-DD"T"HH24:MI:SS'), to_char(a, 'DD-MON-YY'), to_char(a, 'month') FROM t
/// -- becomes
/// SELECT to_char(a, '%Y-%m-%dT%H:%M:%S'), upper(to_char(a, '%d-%b-%y')), lower(to_char(a, '%B')) FROM t
/// ```
///
/// Patterns with a `%` are for `strftime` already. One with a part that it lacks, such as `RM`, stays, as does one that
/// writes names in several ways, `DAY, Month`, and
/// [`crate::dialect::unsupported`] refuses it.
pub(super) fn time_patterns(expr: &mut Expr, _: &Context<'_>) {
    let Expr::Function(function) = expr else {
        return;
    };
    let name = function_name(function);
    if !["to_char", "to_date", "to_timestamp"].contains(&name.as_str()) {
        return;
    }
    let Some(pattern) = second_text(function) else {
        return;
    };
    let Some(read) = Pattern::read(pattern) else {
        return;
    };
    // What is read may have its names in any case.
    if name == "to_char" && read.is_mixed {
        return;
    }
    *pattern = read.strftime;
    if name == "to_char" {
        match read.names {
            Some(Case::Upper) => wrap("upper", expr),
            Some(Case::Lower) => wrap("lower", expr),
            Some(Case::Capital) | None => {}
        }
    }
}

/// Returns the place of the pattern of `to_char` that neither PostgreSQL nor `strftime` would read as one.
pub(crate) fn unread_pattern(function: &Function) -> Option<Span> {
    if function_name(function) != "to_char" {
        return None;
    }
    let literal = second_literal(function)?;
    match &literal.value {
        Value::SingleQuotedString(text) if !text.contains('%') => {
            let is_unread = Pattern::read(text).is_none_or(|pattern| pattern.is_mixed);
            is_unread.then_some(literal.span)
        }
        _ => None,
    }
}

fn second_literal(function: &Function) -> Option<&ValueWithSpan> {
    match &function.args {
        FunctionArguments::List(list) => match list.args.as_slice() {
            [
                _,
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(literal))),
            ] => Some(literal),
            _ => None,
        },
        _ => None,
    }
}

fn second_text(function: &mut Function) -> Option<&mut String> {
    let FunctionArguments::List(list) = &mut function.args else {
        return None;
    };
    let [
        _,
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(literal))),
    ] = list.args.as_mut_slice()
    else {
        return None;
    };
    match &mut literal.value {
        Value::SingleQuotedString(text) => Some(text),
        _ => None,
    }
}

/// The parts of PostgreSQL's patterns, those that begin alike with the longer first, and what they are to `strftime`; none
/// for those that it lacks.
const PARTS: [(&str, &str); 27] = [
    ("YYYY", "%Y"),
    ("IYYY", "%G"),
    ("YY", "%y"),
    ("MONTH", "%B"),
    ("MON", "%b"),
    ("MM", "%m"),
    ("MI", "%M"),
    ("MS", "%3f"),
    ("DDD", "%j"),
    ("DD", "%d"),
    ("DAY", "%A"),
    ("DY", "%a"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("HH", "%I"),
    ("SSSS", ""),
    ("SS", "%S"),
    ("US", "%6f"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("ID", "%u"),
    ("IW", "%V"),
    ("TZH:TZM", "%:z"),
    ("TZ", "%Z"),
    ("TH", ""),
    ("Q", "%q"),
    ("T", "T"),
];

/// How a name is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Upper,
    Lower,
    Capital,
}

impl Case {
    fn of(typed: &str) -> Option<Self> {
        let rest = typed.get(1..)?;
        let is_lower = |text: &str| !text.contains(char::is_uppercase);
        let is_upper = |text: &str| !text.contains(char::is_lowercase);
        match (is_upper(typed), is_lower(typed)) {
            (true, _) => Some(Self::Upper),
            (_, true) => Some(Self::Lower),
            _ if is_upper(&typed[..1]) && is_lower(rest) => Some(Self::Capital),
            _ => None,
        }
    }
}

struct Pattern {
    strftime: String,
    /// How the names in it are wanted; `strftime` has them with capitals.
    names: Option<Case>,
    /// True if no function over the whole gives the names as they are wanted, and the rest as it is.
    is_mixed: bool,
}

impl Pattern {
    /// Reads PostgreSQL's `pattern`; None if it is one of `strftime`'s, or has a part that has no like there.
    fn read(pattern: &str) -> Option<Self> {
        if pattern.contains(['%', '\\']) {
            return None;
        }
        let mut strftime = String::new();
        let mut cases = Vec::new();
        // What is beside the names.
        let mut others = String::new();
        let mut rest = pattern;
        while let Some(next) = rest.chars().next() {
            if let Some(quoted) = rest.strip_prefix('"') {
                let (text, after) = quoted.split_once('"')?;
                strftime.push_str(text);
                others.push_str(text);
                rest = after;
                continue;
            }
            let part = PARTS.iter().find(|(part, _)| {
                rest.get(..part.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(part))
            });
            match part {
                Some((part, to)) => {
                    let (typed, after) = rest.split_at(part.len());
                    rest = after;
                    let case = Case::of(typed);
                    match *to {
                        "%B" | "%b" | "%A" | "%a" => cases.push(case?),
                        "%p" => {
                            others.push_str(typed);
                            strftime.push_str(match case? {
                                Case::Upper => "%p",
                                Case::Lower => "%P",
                                Case::Capital => return None,
                            });
                            continue;
                        }
                        "T" => {
                            others.push_str(typed);
                            strftime.push_str(typed);
                            continue;
                        }
                        // `strftime` has the zone in capitals.
                        "%Z" if case == Some(Case::Upper) => others.push_str(typed),
                        "" | "%Z" => return None,
                        _ if case == Some(Case::Capital) || case.is_none() => return None,
                        _ => {}
                    }
                    strftime.push_str(to);
                }
                // A letter that is not a part is not in this list either.
                None if next.is_alphabetic() => return None,
                None => {
                    strftime.push(next);
                    rest = &rest[next.len_utf8()..];
                }
            }
        }
        let names = cases.first().copied();
        let is_mixed = cases.iter().any(|case| Some(*case) != names)
            || match names {
                Some(Case::Upper) => others.contains(char::is_lowercase),
                Some(Case::Lower) => others.contains(char::is_uppercase),
                Some(Case::Capital) | None => false,
            };
        Some(Self {
            strftime,
            names,
            is_mixed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests;

    fn rewritten(sql: &str) -> String {
        let sql = tests::rewritten(&format!("SELECT {sql} AS x"));
        let sql = sql.trim_start_matches("SELECT ");
        sql.trim_end_matches(" AS x").to_owned()
    }

    #[test]
    fn times_are_in_microseconds_and_have_seconds() {
        insta::assert_snapshot!(rewritten("TIMESTAMP '9999-12-31 10:20'"), @"TIMESTAMP(6) '9999-12-31 10:20:00'");
        insta::assert_snapshot!(rewritten("'2026-01-31T10:20Z'::timestamptz"), @"'2026-01-31T10:20:00Z'::TIMESTAMPTZ(6)");
        insta::assert_snapshot!(rewritten("CAST(x AS TIMESTAMP(3))"), @"CAST(x AS TIMESTAMP(3))");
        insta::assert_snapshot!(rewritten("CAST('10:20' AS TEXT)"), @"CAST('10:20' AS TEXT)");
        insta::assert_snapshot!(rewritten("now()"), @"CAST(now() AS TIMESTAMPTZ(6))");
        insta::assert_snapshot!(rewritten("clock_timestamp()"), @"CAST(now() AS TIMESTAMPTZ(6))");
    }

    #[test]
    fn patterns_without_a_like_are_left() {
        for pattern in [
            "SSSS",
            "ssss",
            "OF",
            "tz",
            "DDTH",
            "DDth",
            "YYYY-MM-DDTHH24",
            "Yyyy",
            "MOnth",
            "Am",
            "Month day",
            "MON \"at\"",
            "day \"At\"",
            "MONTH am",
            "FMDay",
            "J",
            "YYYY\\",
            "\"open",
        ] {
            let sql = format!("to_char(a, '{pattern}')");
            assert_eq!(rewritten(&sql), sql);
        }
    }

    #[test]
    fn patterns_of_postgresql_are_read() {
        insta::assert_snapshot!(rewritten(r#"to_char(a, 'YYYY-MM-DD"T"HH24:MI:SS.MS')"#), @"to_char(a, '%Y-%m-%dT%H:%M:%S.%3f')");
        insta::assert_snapshot!(rewritten("to_char(a, 'Mon dd, yyyy HH12:MI am')"), @"to_char(a, '%b %d, %Y %I:%M %P')");
        insta::assert_snapshot!(rewritten("to_char(a, 'DD-MON-YY')"), @"upper(to_char(a, '%d-%b-%y'))");
        insta::assert_snapshot!(rewritten("to_char(a, 'MONTH DD') || to_char(a, 'day, HH12 am')"), @"upper(to_char(a, '%B %d')) || lower(to_char(a, '%A, %I %P'))");
        insta::assert_snapshot!(rewritten("to_char(a, 'Day DD.MM.YY\"t\"hh24:mi') || to_date(a, 'DD-mon-YYYY')"), @"to_char(a, '%A %d.%m.%yt%H:%M') || to_date(a, '%d-%b-%Y')");
        insta::assert_snapshot!(rewritten("to_date('x', 'DD.MM.YYYY')"), @"to_date('x', '%d.%m.%Y')");
        insta::assert_snapshot!(rewritten("to_char(a, '%Y') || to_char(b, 'RM') || to_char(c, d)"), @"to_char(a, '%Y') || to_char(b, 'RM') || to_char(c, d)");
    }
}
