//! Conditions that the engine's planner does not take, or takes for something else, put into others that mean the
//! same. Pure: one expression at a time, for [`super::rewrite`] to call.
//!
//! - `LIKE 'a!_b' ESCAPE '!'` is escaped by backslashes;
//! - `x SIMILAR TO 'a(b|c)%'` is `x ~ '^(?:a(b|c).*)$'`: the engine would take the pattern for a regular expression;
//! - `(a, b) IN ((1, 2), (3, 4))` is `a = 1 AND b = 2 OR a = 3 AND b = 4`, so that it can reach the requests;
//! - `INTERVAL '1 day 02:30:00'` is written with units.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use sqlparser::ast::{BinaryOperator, Expr, Interval, UnaryOperator, Value, ValueWithSpan};

/// Turns a pattern with an escape character of its own into one with the backslash, the only one that the engine knows.
pub(super) fn escape_by_backslash(expr: &mut Expr) {
    let (Expr::Like {
        pattern,
        escape_char,
        ..
    }
    | Expr::ILike {
        pattern,
        escape_char,
        ..
    }) = expr
    else {
        return;
    };
    let escape = match escape_char.as_ref().map(|escape| &escape.value) {
        Some(Value::SingleQuotedString(escape)) => escape.clone(),
        _ => return,
    };
    let (Expr::Value(pattern), Ok(escape)) = (pattern.as_mut(), escape.parse::<char>()) else {
        return;
    };
    if let Value::SingleQuotedString(text) = &mut pattern.value {
        let mut escaped = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                c if c == escape => {
                    escaped.push('\\');
                    escaped.extend(chars.next());
                }
                '\\' => escaped.push_str("\\\\"),
                c => escaped.push(c),
            }
        }
        *text = escaped;
        *escape_char = None;
    }
}

/// Turns SIMILAR TO into a comparison with a regular expression, where its pattern is a literal.
pub(super) fn similar_to_regex(expr: &mut Expr) {
    let Expr::SimilarTo {
        negated,
        expr: text,
        pattern,
        escape_char,
    } = expr
    else {
        return;
    };
    let escape = match escape_char.as_ref().map(|escape| &escape.value) {
        None => Some('\\'),
        Some(Value::SingleQuotedString(escape)) => escape.parse().ok(),
        Some(_) => return,
    };
    let Expr::Value(ValueWithSpan {
        value: Value::SingleQuotedString(literal),
        span,
    }) = pattern.as_ref()
    else {
        return;
    };
    let regex = Value::SingleQuotedString(regex_of(literal, escape)).with_span(*span);
    let op = match negated {
        true => BinaryOperator::PGRegexNotMatch,
        false => BinaryOperator::PGRegexMatch,
    };
    *expr = Expr::BinaryOp {
        left: text.clone(),
        op,
        right: Box::new(Expr::Value(regex)),
    };
}

/// Returns a pattern of SQL as a regular expression. Both know `|*+?{}()[]`.
fn regex_of(pattern: &str, escape: Option<char>) -> String {
    // As in SQL, any character may be a line break.
    let mut regex = String::from("^(?s:");
    let mut chars = pattern.chars();
    let mut bracketed = false;
    while let Some(c) = chars.next() {
        match c {
            c if Some(c) == escape => {
                let literal = chars.next().map(String::from).unwrap_or_default();
                regex.push_str(&regex::escape(&literal));
            }
            '[' | ']' => {
                bracketed = c == '[';
                regex.push(c);
            }
            '%' if !bracketed => regex.push_str(".*"),
            '_' if !bracketed => regex.push('.'),
            '.' | '$' | '\\' => {
                regex.push('\\');
                regex.push(c);
            }
            '^' if !bracketed => regex.push_str("\\^"),
            c => regex.push(c),
        }
    }
    regex.push_str(")$");
    regex
}

/// Turns a comparison of rows into comparisons of their columns.
pub(super) fn rows_by_columns(expr: &mut Expr) {
    let compared = match expr {
        Expr::BinaryOp {
            left,
            op: op @ (BinaryOperator::Eq | BinaryOperator::NotEq),
            right,
        } => equal(left, right).map(|same| (same, *op == BinaryOperator::NotEq)),
        Expr::InList {
            expr,
            list,
            negated,
        } => {
            let same: Option<Vec<Expr>> = list.iter().map(|row| equal(expr, row)).collect();
            same.and_then(|rows| all(rows, &BinaryOperator::Or))
                .map(|any| (any, *negated))
        }
        _ => None,
    };
    if let Some((same, negated)) = compared {
        let same = Box::new(same);
        *expr = match negated {
            true => Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr: Box::new(Expr::Nested(same)),
            },
            false => Expr::Nested(same),
        };
    }
}

/// Returns that two rows of equal length are the same in every column.
fn equal(left: &Expr, right: &Expr) -> Option<Expr> {
    let (Expr::Tuple(left), Expr::Tuple(right)) = (left, right) else {
        return None;
    };
    if left.len() != right.len() {
        return None;
    }
    let columns = left.iter().zip(right).map(|(left, right)| Expr::BinaryOp {
        left: Box::new(left.clone()),
        op: BinaryOperator::Eq,
        right: Box::new(right.clone()),
    });
    all(columns.collect(), &BinaryOperator::And)
}

fn all(conditions: Vec<Expr>, op: &BinaryOperator) -> Option<Expr> {
    conditions.into_iter().reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: op.clone(),
        right: Box::new(right),
    })
}

/// Turns the time of day in an interval, `02:30:00`, into hours, minutes and seconds.
pub(super) fn clock_in_interval(expr: &mut Expr) {
    static CLOCK: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(^|\s)([+-]?)(\d+):(\d\d)(?::(\d\d(?:\.\d+)?))?$").ok());
    let Expr::Interval(Interval {
        value,
        leading_field: None,
        ..
    }) = expr
    else {
        return;
    };
    if let Expr::Value(ValueWithSpan {
        value: Value::SingleQuotedString(text),
        ..
    }) = value.as_mut()
        && let Some(clock) = CLOCK.as_ref()
    {
        let units = clock.replace(text.trim(), |found: &Captures<'_>| {
            let seconds = found.get(5).map_or("0", |seconds| seconds.as_str());
            let [before, sign, hours, minutes] = [1, 2, 3, 4].map(|part| &found[part]);
            format!("{before}{sign}{hours} hours {sign}{minutes} minutes {sign}{seconds} seconds")
        });
        *text = units.into_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse::parse;
    use crate::sql::rewrite::rewrite;

    fn rewritten(condition: &str) -> String {
        let mut statement = parse(&format!("SELECT 1 FROM t WHERE {condition}")).unwrap();
        rewrite(&mut statement);
        let sql = statement.to_string();
        sql.trim_start_matches("SELECT 1 FROM t WHERE ").to_owned()
    }

    #[test]
    fn patterns_are_escaped_by_backslashes() {
        insta::assert_snapshot!(rewritten(r"a LIKE '1!%\_!!' ESCAPE '!' OR a ILIKE 'x' ESCAPE 'xy'"), @r"a LIKE '1\%\\_\!' OR a ILIKE 'x' ESCAPE 'xy'");
    }

    #[test]
    fn patterns_of_sql_are_told_as_regular_expressions() {
        insta::assert_snapshot!(rewritten("a SIMILAR TO '%(b|c)_' OR a NOT SIMILAR TO 'x+'"), @"a ~ '^(?s:.*(b|c).)$' OR a !~ '^(?s:x+)$'");
        insta::assert_snapshot!(rewritten("a SIMILAR TO '1!%.[%^_]$' ESCAPE '!'"), @r"a ~ '^(?s:1%\.[%^_]\$)$'");
        for (pattern, text, matches) in [
            ("%(prod|test)", "in prod", true),
            ("(prod|test)", "in prod", false),
            ("a_c", "a\nc", true),
            ("a.c", "abc", false),
            (r"100\%", "100%", true),
            (r"100\%", "100 per cent", false),
            ("[a-c]{2}", "bb", true),
            ("a|b", "ab", false),
        ] {
            let regex = Regex::new(&regex_of(pattern, Some('\\'))).unwrap();
            assert_eq!(regex.is_match(text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn rows_are_compared_column_by_column() {
        insta::assert_snapshot!(rewritten("(a, b) = (1, 2) AND (a, b) <> (c, d)"), @"(a = 1 AND b = 2) AND NOT (a = c AND b = d)");
        insta::assert_snapshot!(rewritten("(a, b) IN ((1, 2), (3, 4)) OR (a, b) NOT IN ((1, 2))"), @"(a = 1 AND b = 2 OR a = 3 AND b = 4) OR NOT (a = 1 AND b = 2)");
        insta::assert_snapshot!(rewritten("(a, b) IN ((1, 2), (3, 4, 5))"), @"(a, b) IN ((1, 2), (3, 4, 5))");
    }

    #[test]
    fn a_time_of_day_in_an_interval_is_hours_minutes_and_seconds() {
        insta::assert_snapshot!(rewritten("a > INTERVAL '1 day 02:30' AND a < INTERVAL '-1:00:00.5'"), @"a > INTERVAL '1 day 02 hours 30 minutes 0 seconds' AND a < INTERVAL '-1 hours -00 minutes -00.5 seconds'");
        insta::assert_snapshot!(rewritten("a > INTERVAL '90 days'"), @"a > INTERVAL '90 days'");
    }
}
