//! Rewrites conditions that the engine's planner does not support, or misreads, into equivalent ones.

use regex::Captures;
use sqlparser::ast::{
    Array, BinaryOperator, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments,
    Interval, Statement, UnaryOperator, Value, ValueWithSpan,
};
use sqlparser::tokenizer::Span;

use super::rule::Context;

use crate::dialect::ast::{self, binary, calls, function_name, taken, text_of};
use crate::dialect::walk::WalkMut;
use crate::pattern::patterns;

/// Escapes a pattern by backslashes, the only escape character that the engine knows.
///
/// ```sql
/// SELECT 1 FROM t WHERE a LIKE '1!%\_' ESCAPE '!'
/// -- becomes
/// SELECT 1 FROM t WHERE a LIKE '1\%\\_'
/// ```
///
/// Only literals, and one character: an escape that is computed is the planner's to refuse.
pub(super) fn escape_by_backslash(expr: &mut Expr, _: &Context<'_>) {
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

/// Turns SIMILAR TO into a comparison with a regular expression: the engine would take the pattern itself for one.
///
/// ```sql
/// SELECT 1 FROM t WHERE a SIMILAR TO '%(b|c)_' OR a NOT SIMILAR TO 'x+'
/// -- becomes
/// SELECT 1 FROM t WHERE a ~ '^(?s:.*(b|c).)$' OR a !~ '^(?s:x+)$'
/// ```
///
/// Only literal patterns: what else there is, is refused beforehand.
pub(super) fn similar_to_regex(expr: &mut Expr, _: &Context<'_>) {
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
    let Some((literal, span)) = text_of(pattern) else {
        return;
    };
    let regex = ast::text(&regex_of(literal, escape), span);
    let op = match negated {
        true => BinaryOperator::PGRegexNotMatch,
        false => BinaryOperator::PGRegexMatch,
    };
    *expr = binary(taken(text), op, regex);
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

/// Compares rows column by column, so that the comparisons can reach the requests.
///
/// ```sql
/// SELECT 1 FROM t WHERE (a, b) IN ((1, 2), (3, 4)) AND ROW(a, b) > (1, 2) AND ROW(a, b) IS NOT NULL
/// -- becomes
/// SELECT 1 FROM t WHERE (a = 1 AND b = 2 OR a = 3 AND b = 4) AND (a > 1 OR a = 1 AND (b > 2))
/// AND (a IS NOT NULL AND b IS NOT NULL)
/// ```
///
/// A row is NULL if every column is, and not NULL if none is. Rows of different lengths stay, for the planner to refuse.
pub(super) fn rows_by_columns(expr: &mut Expr, _: &Context<'_>) {
    let compared = match expr {
        Expr::IsNull(row) => every(row, Expr::IsNull).map(|null| (null, false)),
        Expr::IsNotNull(row) => every(row, Expr::IsNotNull).map(|there| (there, false)),
        Expr::BinaryOp {
            left,
            op: op @ (BinaryOperator::Eq | BinaryOperator::NotEq),
            right,
        } => equal(left, right).map(|same| (same, *op == BinaryOperator::NotEq)),
        Expr::BinaryOp { left, op, right } => ordered(left, op, right).map(|after| (after, false)),
        Expr::Between {
            expr,
            negated,
            low,
            high,
        } => {
            let above = ordered(expr, &BinaryOperator::GtEq, low);
            let below = ordered(expr, &BinaryOperator::LtEq, high);
            let nested = |side: Expr| Expr::Nested(Box::new(side));
            let both = above.zip(below).and_then(|(above, below)| {
                all(vec![nested(above), nested(below)], &BinaryOperator::And)
            });
            both.map(|between| (between, *negated))
        }
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

/// Returns the columns of a row that is written as one, `(a, b)` or `ROW(a, b)`.
fn columns(row: &Expr) -> Option<Vec<&Expr>> {
    match row {
        Expr::Tuple(columns) => Some(columns.iter().collect()),
        Expr::Function(function) if function_name(function) == "row" => {
            let FunctionArguments::List(list) = &function.args else {
                return None;
            };
            let columns = list.args.iter().map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(column)) => Some(column),
                _ => None,
            });
            columns.collect()
        }
        _ => None,
    }
}

/// Returns `condition` of every column of a row.
fn every(row: &Expr, condition: fn(Box<Expr>) -> Expr) -> Option<Expr> {
    let each = columns(row)?
        .into_iter()
        .map(|column| condition(Box::new(column.clone())));
    all(each.collect(), &BinaryOperator::And)
}

/// Returns that two rows of equal length are the same in every column.
fn equal(left: &Expr, right: &Expr) -> Option<Expr> {
    let (left, right) = (columns(left)?, columns(right)?);
    if left.len() != right.len() {
        return None;
    }
    let columns = left
        .into_iter()
        .zip(right)
        .map(|(left, right)| binary(left.clone(), BinaryOperator::Eq, right.clone()));
    all(columns.collect(), &BinaryOperator::And)
}

/// Returns that one row comes before or after another of equal length, its first columns counting most.
fn ordered(left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Expr> {
    use BinaryOperator::{Gt, GtEq, Lt, LtEq};
    let strictly = match op {
        Lt | LtEq => Lt,
        Gt | GtEq => Gt,
        _ => return None,
    };
    let (left, right) = (columns(left)?, columns(right)?);
    if left.len() != right.len() {
        return None;
    }
    let compare = |op: &BinaryOperator, (left, right): (&Expr, &Expr)| {
        binary(left.clone(), op.clone(), right.clone())
    };
    let mut columns = left.into_iter().zip(right).rev();
    let last = compare(op, columns.next()?);
    Some(columns.fold(last, |rest, column| {
        let tied = all(
            vec![
                compare(&BinaryOperator::Eq, column),
                Expr::Nested(Box::new(rest)),
            ],
            &BinaryOperator::And,
        );
        let before = compare(&strictly, column);
        match tied {
            Some(tied) => binary(before, BinaryOperator::Or, tied),
            None => before,
        }
    }))
}

/// Makes an array by a call: the planner of ARRAY does not see the columns of outer queries.
///
/// ```sql
/// SELECT ARRAY[1, 2], ARRAY[a, 1] FROM t
/// -- becomes
/// SELECT ARRAY[1, 2], make_array(a, 1) FROM t
/// ```
///
/// Not arrays of literals alone, which need no columns.
pub(super) fn array_by_call(statement: &mut Statement) {
    statement.change_expressions(|expr| {
        if let Expr::Array(array) = expr
            && !array.elem.iter().all(is_literal)
        {
            *expr = calls("make_array", std::mem::take(&mut array.elem));
        }
    });
}

fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) | Expr::TypedString(_) => true,
        Expr::UnaryOp { expr, .. } | Expr::Cast { expr, .. } | Expr::Nested(expr) => {
            is_literal(expr)
        }
        Expr::Array(array) => array.elem.iter().all(is_literal),
        _ => false,
    }
}

/// Turns LIKE with any of several patterns into one LIKE for each.
///
/// ```sql
/// SELECT 1 FROM t WHERE a LIKE ANY (ARRAY['x%', 'y%'])
/// -- becomes
/// SELECT 1 FROM t WHERE (a LIKE 'x%' OR a LIKE 'y%')
/// ```
///
/// Only patterns that are listed: how many a subquery or a column has is not known before it is read.
pub(super) fn like_each(expr: &mut Expr, _: &Context<'_>) {
    let patterns = match expr {
        Expr::Like {
            any: true, pattern, ..
        }
        | Expr::ILike {
            any: true, pattern, ..
        } => patterns(pattern),
        _ => None,
    };
    let Some(patterns) = patterns else {
        return;
    };
    let each = patterns.into_iter().map(|one| {
        let mut like = expr.clone();
        if let Expr::Like { any, pattern, .. } | Expr::ILike { any, pattern, .. } = &mut like {
            *any = false;
            **pattern = one;
        }
        like
    });
    // `NOT LIKE ANY` is true where one of them does not match.
    if let Some(likes) = all(each.collect(), &BinaryOperator::Or) {
        *expr = Expr::Nested(Box::new(likes));
    }
}

fn patterns(pattern: &Expr) -> Option<Vec<Expr>> {
    match pattern {
        Expr::Nested(pattern) => patterns(pattern),
        Expr::Array(array) => Some(array.elem.clone()),
        Expr::Tuple(patterns) => Some(patterns.clone()),
        Expr::Value(_) => Some(elements(pattern)?.map(element).collect()),
        _ => None,
    }
}

/// Reads comparisons with each element of an array: a list that is written out as one, and ANY by way of ALL, of which the
/// engine knows that a NULL among the elements leaves the answer open.
///
/// ```sql
/// SELECT 1 FROM t WHERE a = ANY ('{x, y}') OR a <> ALL (ARRAY['x']) OR a = ANY (b) OR a > ANY (b)
/// -- becomes
/// SELECT 1 FROM t WHERE a IN ('x', 'y') OR a NOT IN ('x') OR NOT (a <> ALL(b)) OR NOT (a <= ALL(b))
/// ```
///
/// Not array literals with quotes or braces in them, whose syntax is another language. A subquery is not an array.
pub(super) fn any_element(expr: &mut Expr, _: &Context<'_>) {
    let is_any = matches!(expr, Expr::AnyOp { .. });
    let (Expr::AnyOp {
        left,
        compare_op,
        right,
        ..
    }
    | Expr::AllOp {
        left,
        compare_op,
        right,
    }) = expr
    else {
        return;
    };
    let negated = match (is_any, &*compare_op) {
        (true, BinaryOperator::Eq) => Some(false),
        (false, BinaryOperator::NotEq) => Some(true),
        _ => None,
    };
    if let (Some(negated), Some(list)) = (negated, written_out(right)) {
        *expr = Expr::InList {
            expr: Box::new(taken(left)),
            list,
            negated,
        };
        return;
    }
    let (true, false, Some(opposite)) = (is_any, is_subquery(right), opposite(compare_op)) else {
        return;
    };
    *expr = Expr::UnaryOp {
        op: UnaryOperator::Not,
        expr: Box::new(Expr::Nested(Box::new(Expr::AllOp {
            left: Box::new(taken(left)),
            compare_op: opposite,
            right: Box::new(taken(right)),
        }))),
    };
}

fn is_subquery(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(expr) => is_subquery(expr),
        expr => matches!(expr, Expr::Subquery(_)),
    }
}

/// Returns the elements of an array that is written out and has any.
fn written_out(array: &Expr) -> Option<Vec<Expr>> {
    match array {
        Expr::Nested(array) => written_out(array),
        Expr::Array(array) => (!array.elem.is_empty()).then(|| array.elem.clone()),
        array => elements(array).map(|each| each.map(element).collect()),
    }
}

/// Returns the comparison that is true where `op` is false.
fn opposite(op: &BinaryOperator) -> Option<BinaryOperator> {
    Some(match op {
        BinaryOperator::Eq => BinaryOperator::NotEq,
        BinaryOperator::NotEq => BinaryOperator::Eq,
        BinaryOperator::Lt => BinaryOperator::GtEq,
        BinaryOperator::LtEq => BinaryOperator::Gt,
        BinaryOperator::Gt => BinaryOperator::LtEq,
        BinaryOperator::GtEq => BinaryOperator::Lt,
        _ => return None,
    })
}

/// Reads PostgreSQL's array literal where it is said to be one.
///
/// ```sql
/// SELECT '{x, NULL}'::TEXT[], CAST('{}' AS INT[]) FROM t
/// -- becomes
/// SELECT ARRAY['x', NULL]::TEXT[], CAST(ARRAY[] AS INT[]) FROM t
/// ```
///
/// Not array literals with quotes or braces in them, which are refused.
pub(super) fn array_in_text(expr: &mut Expr, _: &Context<'_>) {
    let Expr::Cast {
        expr: text,
        data_type: DataType::Array(_),
        ..
    } = expr
    else {
        return;
    };
    let is_empty = text_of(text).is_some_and(|(text, _)| text.trim() == "{}");
    let elem = match elements(text) {
        Some(elements) => elements.map(element).collect(),
        None if is_empty => Vec::new(),
        None => return,
    };
    **text = Expr::Array(Array { elem, named: true });
}

/// Returns the elements of an array or a path that is written as text, `{a,b}`, if none of them needs quotes.
fn elements(expr: &Expr) -> Option<impl Iterator<Item = &str>> {
    let (text, _) = text_of(expr)?;
    let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let is_plain = !inner.is_empty() && !inner.contains(['{', '}', '"', '\\']);
    is_plain.then(|| inner.split(',').map(str::trim))
}

/// Returns an element of an array that is written as text.
fn element(text: &str) -> Expr {
    match text.eq_ignore_ascii_case("null") {
        true => Expr::value(Value::Null),
        false => literal(text),
    }
}

fn literal(text: &str) -> Expr {
    ast::text(text, Span::empty())
}

/// Turns a path that is written as text into one arrow for each step.
///
/// ```sql
/// SELECT 1 FROM t WHERE a #>> '{owner,id}' = a #> '{b,0}'
/// -- becomes
/// SELECT 1 FROM t WHERE a -> 'owner' ->> 'id' = a -> 'b' -> 0
/// ```
///
/// Only literals, and no steps in quotes.
pub(super) fn path_by_arrows(expr: &mut Expr, _: &Context<'_>) {
    let Expr::BinaryOp { left, op, right } = expr else {
        return;
    };
    let last = match op {
        BinaryOperator::HashArrow => BinaryOperator::Arrow,
        BinaryOperator::HashLongArrow => BinaryOperator::LongArrow,
        _ => return,
    };
    let Some(steps) = elements(right) else {
        return;
    };
    let steps: Vec<&str> = steps.collect();
    let Some((end, before)) = steps.split_last() else {
        return;
    };
    let arrow = |left: Expr, op: &BinaryOperator, step: &str| {
        binary(
            left,
            op.clone(),
            match step.parse::<u32>() {
                Ok(_) => Expr::value(Value::Number(step.to_owned(), false)),
                Err(_) => literal(step),
            },
        )
    };
    let object = before.iter().fold(left.as_ref().clone(), |object, step| {
        arrow(object, &BinaryOperator::Arrow, step)
    });
    *expr = arrow(object, &last, end);
}

fn all(conditions: Vec<Expr>, op: &BinaryOperator) -> Option<Expr> {
    conditions
        .into_iter()
        .reduce(|left, right| binary(left, op.clone(), right))
}

patterns! {
    /// A time of day at the end of an interval.
    CLOCK = r"(^|\s)([+-]?)(\d+):(\d\d)(?::(\d\d(?:\.\d+)?))?$";
}

/// Writes the time of day in an interval with units.
///
/// ```sql
/// SELECT 1 FROM t WHERE a > INTERVAL '1 day 02:30'
/// -- becomes
/// SELECT 1 FROM t WHERE a > INTERVAL '1 day 02 hours 30 minutes 0 seconds'
/// ```
///
/// Not with a unit after the interval, `INTERVAL '1:30' HOUR TO MINUTE`, which the planner does not know.
pub(super) fn clock_in_interval(expr: &mut Expr, _: &Context<'_>) {
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
    {
        let units = CLOCK.replace(text.trim(), |found: &Captures<'_>| {
            let seconds = found.get(5).map_or("0", |seconds| seconds.as_str());
            let [before, sign, hours, minutes] = [1, 2, 3, 4].map(|part| &found[part]);
            format!("{before}{sign}{hours} hours {sign}{minutes} minutes {sign}{seconds} seconds")
        });
        *text = units.into_owned();
    }
}

/// Puts an interval behind a minus into brackets. The planner would put the minus before the text, where it is the sign of
/// the first field alone.
///
/// ```sql
/// SELECT 1 FROM t WHERE a > now() + - INTERVAL '1 month 5 days'
/// -- becomes
/// SELECT 1 FROM t WHERE a > now() + -(INTERVAL '1 month 5 days')
/// ```
pub(super) fn minus_interval(expr: &mut Expr, _: &Context<'_>) {
    if let Expr::UnaryOp {
        op: UnaryOperator::Minus,
        expr: interval,
    } = expr
        && matches!(**interval, Expr::Interval(_))
    {
        **interval = Expr::Nested(Box::new(taken(interval)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests;
    use super::*;

    fn rewritten(condition: &str) -> String {
        let sql = tests::rewritten(&format!("SELECT 1 FROM t WHERE {condition}"));
        sql.trim_start_matches("SELECT 1 FROM t WHERE ").to_owned()
    }

    #[test]
    fn patterns_are_escaped_by_backslashes() {
        insta::assert_snapshot!(rewritten(r"a LIKE '1!%\_!!' ESCAPE '!' OR a ILIKE 'x' ESCAPE 'xy'"), @r"a LIKE '1\%\\_\!' OR a ILIKE 'x' ESCAPE 'xy'");
    }

    #[test]
    fn patterns_of_sql_become_regular_expressions() {
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
            let regex = regex::Regex::new(&regex_of(pattern, Some('\\'))).unwrap();
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
    fn a_row_is_null_if_every_column_is() {
        insta::assert_snapshot!(rewritten("(a, b + 1) IS NULL OR NOT ROW(a, b) IS NOT NULL"), @"(a IS NULL AND b + 1 IS NULL) OR NOT (a IS NOT NULL AND b IS NOT NULL)");
        insta::assert_snapshot!(rewritten("(a) IS NULL OR row(a) IS NULL"), @"(a) IS NULL OR (a IS NULL)");
    }

    #[test]
    fn rows_are_ordered_by_their_first_columns() {
        insta::assert_snapshot!(rewritten("(a, b, c) > (1, 2, 3)"), @"(a > 1 OR a = 1 AND (b > 2 OR b = 2 AND (c > 3)))");
        insta::assert_snapshot!(rewritten("(a, b) <= (1, 2) AND (a, b) < (1, 2, 3)"), @"(a < 1 OR a = 1 AND (b <= 2)) AND (a, b) < (1, 2, 3)");
    }

    #[test]
    fn any_of_several_is_told_one_by_one() {
        insta::assert_snapshot!(rewritten("a LIKE ANY (ARRAY['x%', 'y%']) AND a ILIKE ANY ('x', 'y')"), @"(a LIKE 'x%' OR a LIKE 'y%') AND (a ILIKE 'x' OR a ILIKE 'y')");
        insta::assert_snapshot!(rewritten("a = ANY ('{x, y}') OR a <> ALL ('{x}') OR a = ANY ('{\"x\"}')"), @r#"a IN ('x', 'y') OR a NOT IN ('x') OR NOT (a <> ALL('{"x"}'))"#);
    }

    #[test]
    fn a_path_in_text_is_an_arrow_for_each_step() {
        insta::assert_snapshot!(rewritten("a #>> '{owner,id}' = a #> '{b,0}'"), @"a -> 'owner' ->> 'id' = a -> 'b' -> 0");
    }

    #[test]
    fn a_time_of_day_in_an_interval_is_hours_minutes_and_seconds() {
        insta::assert_snapshot!(rewritten("a > INTERVAL '1 day 02:30' AND a < INTERVAL '-1:00:00.5'"), @"a > INTERVAL '1 day 02 hours 30 minutes 0 seconds' AND a < INTERVAL '-1 hours -00 minutes -00.5 seconds'");
        insta::assert_snapshot!(rewritten("a > INTERVAL '90 days'"), @"a > INTERVAL '90 days'");
    }
}
