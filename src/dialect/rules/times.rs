//! Times as people write them, as the engine takes them.

use sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, TypedString, Value,
    ValueWithSpan,
};
use sqlparser::tokenizer::Span;

use super::rule::{Context, Dialects, Hook, SyntaxRule, Writer};
use crate::dialect::ast::{function_name, wrap};
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
/// A precision that is written stays. Text that is compared with a time is completed later, by its type.
pub(super) const TIMES_IN_MICROSECONDS: SyntaxRule = SyntaxRule::new(
    "times_in_microseconds",
    Dialects::BOTH,
    &[Writer::Psql, Writer::DuckDb],
    Hook::Expr(times_in_microseconds),
);

fn times_in_microseconds(expr: &mut Expr, _: &Context<'_>) {
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
            let zone = sqlparser::ast::TimezoneInfo::None;
            *data_type = DataType::Timestamp(Some(precision.unwrap_or(6)), zone);
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

/// Turns PostgreSQL's patterns into those of `strftime`: the engine would answer with the pattern itself.
///
/// ```sql
/// SELECT to_char(a, 'YYYY-MM-DD"T"HH24:MI:SS'), to_char(a, 'DD-MON-YY') FROM t
/// -- becomes
/// SELECT to_char(a, '%Y-%m-%dT%H:%M:%S'), upper(to_char(a, '%d-%b-%y')) FROM t
/// ```
///
/// Patterns with a `%` are for `strftime` already. One with a part that it lacks, such as `RM`, stays, and
/// [`crate::dialect::unsupported`] refuses it.
pub(super) const TIME_PATTERNS: SyntaxRule = SyntaxRule::new(
    "time_patterns",
    Dialects::BOTH,
    &[Writer::Psql],
    Hook::Expr(time_patterns),
);

fn time_patterns(expr: &mut Expr, _: &Context<'_>) {
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
    *pattern = read.strftime;
    if name == "to_char" && read.is_upper {
        wrap("upper", expr);
    }
}

/// Returns the place of the pattern of `to_char` that neither PostgreSQL nor `strftime` would read as one.
pub(crate) fn unread_pattern(function: &Function) -> Option<Span> {
    if function_name(function) != "to_char" {
        return None;
    }
    let literal = second_literal(function)?;
    match &literal.value {
        Value::SingleQuotedString(text) if !text.contains('%') && Pattern::read(text).is_none() => {
            Some(literal.span)
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

/// The parts of PostgreSQL's patterns, those that begin alike with the longer first, and what they are to `strftime`.
const PARTS: [(&str, &str); 26] = [
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
    ("SS", "%S"),
    ("US", "%6f"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("ID", "%u"),
    ("IW", "%V"),
    ("TZH:TZM", "%:z"),
    ("TZ", "%Z"),
    ("OF", "%:z"),
    ("Q", "%q"),
    ("T", "T"),
];

struct Pattern {
    strftime: String,
    /// True if names are wanted in capitals.
    is_upper: bool,
}

impl Pattern {
    /// Reads PostgreSQL's `pattern`; None if it is one of `strftime`'s, or has a part that has no like there.
    fn read(pattern: &str) -> Option<Self> {
        if pattern.contains('%') {
            return None;
        }
        let (mut strftime, mut is_upper, mut is_lower) = (String::new(), false, false);
        let mut rest = pattern;
        while let Some(next) = rest.chars().next() {
            if let Some(quoted) = rest.strip_prefix('"') {
                let (text, after) = quoted.split_once('"')?;
                strftime.push_str(text);
                is_lower |= text.contains(char::is_lowercase);
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
                    if matches!(*to, "%B" | "%b" | "%A" | "%a") {
                        is_upper |= typed == *part;
                        is_lower |= typed != *part;
                    }
                    let to = match *to {
                        "%p" if typed != *part => "%P",
                        to => to,
                    };
                    strftime.push_str(to);
                    rest = after;
                }
                // A letter that is no part is none of this list either.
                None if next.is_alphabetic() => return None,
                None => {
                    strftime.push(next);
                    rest = &rest[next.len_utf8()..];
                }
            }
        }
        Some(Self {
            strftime,
            is_upper: is_upper && !is_lower,
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
    }

    #[test]
    fn patterns_of_postgresql_are_read() {
        insta::assert_snapshot!(rewritten(r#"to_char(a, 'YYYY-MM-DD"T"HH24:MI:SS.MS')"#), @"to_char(a, '%Y-%m-%dT%H:%M:%S.%3f')");
        insta::assert_snapshot!(rewritten("to_char(a, 'Mon dd, yyyy HH12:MI am')"), @"to_char(a, '%b %d, %Y %I:%M %P')");
        insta::assert_snapshot!(rewritten("to_char(a, 'DD-MON-YY')"), @"upper(to_char(a, '%d-%b-%y'))");
        insta::assert_snapshot!(rewritten("to_date('x', 'DD.MM.YYYY')"), @"to_date('x', '%d.%m.%Y')");
        insta::assert_snapshot!(rewritten("to_char(a, '%Y') || to_char(b, 'RM') || to_char(c, d)"), @"to_char(a, '%Y') || to_char(b, 'RM') || to_char(c, d)");
    }
}
