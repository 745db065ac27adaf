//! SQLite's spellings as StackQL's users mean them, where PostgreSQL means something else or refuses them.
//!
//! A function that answers otherwise there is called `stackql_…` here, so that what is planned in one dialect keeps its
//! meaning when the session goes on in the other.

use sqlparser::ast::{
    BinaryOperator, CastKind, CeilFloorKind, DataType, DateTimeField, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArguments, LimitClause, Offset, OffsetRows, Query, Select, SetExpr,
    SetOperator, SetQuantifier, Spanned, Statement, UnaryOperator, Value,
};

use super::conditions::like_each;
use super::rule::Context;
use crate::dialect::ast::{
    call, calls, function_name, is_null, is_number, rename, taken, text, wrap,
};
use crate::dialect::error::Error;
use crate::dialect::functions;
use crate::dialect::parse;
use crate::dialect::parser::{IS, IS_NOT, MOD};
use crate::dialect::walk::WalkMut;

/// Reads the operators that MySQL and SQLite write as words, and MySQL's `<=>`.
///
/// ```sql
/// SELECT a DIV 2, a MOD 2 FROM t WHERE a IS 'x' OR a IS NOT b OR a <=> b
/// -- becomes
/// SELECT trunc(a / 2), a % 2 FROM t WHERE a IS NOT DISTINCT FROM 'x' OR a IS DISTINCT FROM b OR a IS NOT DISTINCT FROM b
/// ```
///
/// Not `a IS 1`, where the parser sees no value after IS.
pub(super) fn operators_of_stackql(expr: &mut Expr, _: &mut Context<'_>) {
    let Expr::BinaryOp { left, op, right } = expr else {
        return;
    };
    type Pair = fn(Box<Expr>, Box<Expr>) -> Expr;
    let pair: Pair = match op {
        BinaryOperator::MyIntegerDivide => |left, right| {
            let op = BinaryOperator::Divide;
            call("trunc", Expr::BinaryOp { left, op, right })
        },
        BinaryOperator::Custom(word) if word == MOD => |left, right| {
            let op = BinaryOperator::Modulo;
            Expr::BinaryOp { left, op, right }
        },
        BinaryOperator::Custom(word) if word == IS_NOT => Expr::IsDistinctFrom,
        BinaryOperator::Custom(word) if word == IS => Expr::IsNotDistinctFrom,
        BinaryOperator::Spaceship => Expr::IsNotDistinctFrom,
        _ => return,
    };
    *expr = pair(Box::new(taken(left)), Box::new(taken(right)));
}

pub(super) fn operator_refused(expr: &Expr) -> Option<Error> {
    let op = match expr {
        Expr::BinaryOp { op, .. } => op,
        Expr::RLike { regexp: false, .. } => {
            let error = Error::new("`RLIKE` is not an operator here");
            return Some(error.hint("write text ~ pattern"));
        }
        Expr::Cast {
            kind: CastKind::SafeCast,
            ..
        } => {
            let error = Error::new("`SAFE_CAST` is not a function here");
            return Some(error.hint("write TRY_CAST(x AS INT)"));
        }
        _ => return None,
    };
    let (operator, instead) = match op {
        BinaryOperator::Xor => ("XOR", "write a <> b between conditions"),
        BinaryOperator::MyIntegerDivide => ("DIV", "write trunc(a / b)"),
        BinaryOperator::Spaceship => ("<=>", "write a IS NOT DISTINCT FROM b"),
        BinaryOperator::Custom(word) if word == MOD => (MOD, "write a % b, or mod(a, b)"),
        BinaryOperator::Custom(word) if word == IS => (
            IS,
            "write a = b, or a IS NOT DISTINCT FROM b if NULLs are to be equal",
        ),
        BinaryOperator::Custom(word) if word == IS_NOT => (
            IS_NOT,
            "write a <> b, or a IS DISTINCT FROM b if NULLs are to be equal",
        ),
        _ => return None,
    };
    let message = match operator {
        IS | IS_NOT => format!("{operator} takes NULL, TRUE, FALSE or DISTINCT FROM, not a value"),
        _ => format!("`{operator}` is not an operator here"),
    };
    Some(Error::new(message).hint(instead))
}

/// Reads `LIMIT offset, count`.
///
/// ```sql
/// SELECT 1 FROM t LIMIT 5, 10
/// -- becomes
/// SELECT 1 FROM t LIMIT 10 OFFSET 5
/// ```
///
/// Nothing is left alone.
pub(super) fn comma_in_limit(query: &mut Query) {
    if let Some(LimitClause::OffsetCommaLimit { offset, limit }) = &mut query.limit_clause {
        query.limit_clause = Some(LimitClause::LimitOffset {
            limit: Some(taken(limit)),
            offset: Some(Offset {
                value: taken(offset),
                rows: OffsetRows::None,
            }),
            limit_by: Vec::new(),
        });
    }
}

pub(super) fn comma_refused(query: &Query) -> Option<Error> {
    let Some(LimitClause::OffsetCommaLimit { offset, limit }) = &query.limit_clause else {
        return None;
    };
    let instead = format!("write LIMIT {limit} OFFSET {offset}");
    let message = format!("LIMIT takes one number, not `{offset}, {limit}`");
    Some(Error::new(message).hint(instead).at(offset.span()))
}

/// Carries set operations out from left to right: in SQLite INTERSECT comes before no other.
///
/// ```sql
/// SELECT a FROM t UNION SELECT b FROM t INTERSECT SELECT c FROM t
/// -- becomes
/// (SELECT a FROM t UNION SELECT b FROM t) INTERSECT SELECT c FROM t
/// ```
///
/// Queries that are in parentheses already stay.
pub(super) fn sets_from_left(query: &mut Query) {
    if !matches!(query.body.as_ref(), SetExpr::SetOperation { .. }) {
        return;
    }
    let Some(mut other) = parse::query("SELECT 1") else {
        return;
    };
    std::mem::swap(&mut other.body, &mut query.body);
    let mut from_left = None;
    put_on_left(&mut from_left, None, *other.body);
    if let Some(body) = from_left {
        *query.body = body;
    }
}

/// Combines `left`, by `how`, with the operands of `body`, one after the other.
fn put_on_left(
    left: &mut Option<SetExpr>,
    how: Option<(SetOperator, SetQuantifier)>,
    body: SetExpr,
) {
    if let SetExpr::SetOperation {
        left: first,
        op,
        set_quantifier,
        right,
    } = body
    {
        put_on_left(left, how, *first);
        put_on_left(left, Some((op, set_quantifier)), *right);
        return;
    }
    *left = match (left.take(), how) {
        (Some(left), Some((op, set_quantifier))) => Some(SetExpr::SetOperation {
            left: Box::new(match op {
                SetOperator::Intersect => in_parentheses(left),
                _ => left,
            }),
            op,
            set_quantifier,
            right: Box::new(body),
        }),
        _ => Some(body),
    };
}

/// Puts a set operation that INTERSECT comes before in parentheses.
fn in_parentheses(body: SetExpr) -> SetExpr {
    match (&body, parse::query("SELECT 1")) {
        (SetExpr::SetOperation { op, .. }, Some(mut query)) if *op != SetOperator::Intersect => {
            *query.body = body;
            SetExpr::Query(Box::new(query))
        }
        _ => body,
    }
}

/// Ignores the case of ASCII letters in LIKE, in which a backslash is a character like any other.
///
/// ```sql
/// SELECT 1 FROM t WHERE a LIKE 'x%' AND b NOT LIKE 'y!%' ESCAPE '!'
/// -- becomes
/// SELECT 1 FROM t WHERE stackql_like(a, 'x%') AND NOT stackql_like(b, 'y!%', '!')
/// ```
///
/// Not ILIKE, which SQLite does not have.
pub(super) fn like_ignores_case(expr: &mut Expr, context: &Context<'_>) {
    if let Expr::Like { any: true, .. } = expr {
        like_each(expr, context);
        expr.change_expressions(|expr| {
            like(expr);
        });
    }
    like(expr);
}

fn like(expr: &mut Expr) {
    if let Expr::Like {
        negated,
        any: false,
        expr: value,
        pattern,
        escape_char,
    } = expr
    {
        let mut args = vec![taken(value), taken(pattern)];
        args.extend(escape_char.take().map(Expr::Value));
        let like = calls("stackql_like", args);
        *expr = match negated {
            true => Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr: Box::new(like),
            },
            false => like,
        };
    }
}

pub(super) fn function_refused(expr: &Expr) -> Option<Error> {
    let Expr::Function(function) = expr else {
        return None;
    };
    let name = function_name(function);
    // Neither PostgreSQL nor DuckDB has these.
    let instead = match name.as_str() {
        "char" => "write chr(65)",
        "covar" => "write covar_samp(y, x)",
        "date_format" => "write to_char(x, 'YYYY-MM-DD')",
        "find_in_set" => "write array_position(string_to_array(list, ','), x)",
        "from_unixtime" => "write to_timestamp(x)",
        "iszero" => "write x = 0",
        "likely" => "write the condition alone",
        "nanvl" => "write CASE WHEN isnan(x) THEN y ELSE x END",
        "nvl" => "write coalesce(x, y)",
        "nvl2" => "write CASE WHEN x IS NOT NULL THEN y ELSE z END",
        "rand" => "write random()",
        "regexp" => "write text ~ pattern",
        "signum" => "write sign(x)",
        "sqlite_version" => "SHOW VERSION tells which iamql this is",
        "struct" => "write ROW(x, y), or {'a': x}",
        "substr_index" | "substring_index" => "write split_part(text, separator, 1)",
        "total" => "write coalesce(sum(x), 0)",
        "var" | "var_sample" => "write var_samp(x)",
        "zeroblob" => "write decode(repeat('00', n), 'hex')",
        _ => return None,
    };
    Some(
        Error::new(format!("`{name}` is not a function of this dialect"))
            .hint(instead)
            .at(function.name.span()),
    )
}

/// Calls the functions that answer otherwise in StackQL, and replaces every match of a regular expression.
///
/// ```sql
/// SELECT split_part(a, '/', -1), substr(a, -5), SUBSTRING(a FROM -5 FOR 2), regexp_replace(a, '[0-9]', '#'), ceil(b) FROM t
/// -- becomes
/// SELECT stackql_split_part(a, '/', -1), stackql_substr(a, -5), stackql_substr(a, -5, 2),
/// stackql_regexp_replace(a, '[0-9]', '#', 'g'), stackql_ceil(b) FROM t
/// ```
///
/// Not `regexp_replace` with flags, which StackQL does not have.
pub(super) fn functions_of_stackql(expr: &mut Expr, _: &Context<'_>) {
    match expr {
        Expr::Substring {
            expr: value,
            substring_from,
            substring_for,
            ..
        } => {
            let start = match substring_from.take() {
                Some(start) => *start,
                None => crate::dialect::ast::number(1),
            };
            let mut args = vec![taken(value), start];
            args.extend(substring_for.take().map(|length| *length));
            *expr = calls("stackql_substr", args);
        }
        // These have a syntax of their own, `CEIL(x TO DAY)`, which is left alone.
        Expr::Ceil {
            expr: value,
            field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
        } => *expr = call("stackql_ceil", taken(value)),
        Expr::Floor {
            expr: value,
            field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
        } => *expr = call("stackql_floor", taken(value)),
        Expr::Function(function) => {
            let name = function_name(function);
            if name == "regexp_replace" {
                every_match(function);
            }
            if functions::differs_in_stackql(&name) {
                rename(function, &format!("stackql_{name}"));
            }
        }
        _ => {}
    }
}

fn every_match(function: &mut Function) {
    if let FunctionArguments::List(list) = &mut function.args
        && list.args.len() == 3
    {
        let flag = text("g", function.name.span());
        list.args
            .push(FunctionArg::Unnamed(FunctionArgExpr::Expr(flag)));
    }
}

/// Reads a key after an arrow that begins with `$` as a path.
///
/// ```sql
/// SELECT a -> b, a ->> $1, a -> 'c' ->> '$.d' FROM t
/// -- becomes
/// SELECT stackql_json_get(a, b), stackql_json_get_text(a, $1), a -> 'c' ->> '$.d' FROM t
/// ```
///
/// Not literals, which the planner of arrows reads; it knows the fields that they lead to.
pub(super) fn paths_behind_arrows(expr: &mut Expr, _: &Context<'_>) {
    let Expr::BinaryOp { left, op, right } = expr else {
        return;
    };
    let name = match op {
        BinaryOperator::Arrow => "stackql_json_get",
        BinaryOperator::LongArrow => "stackql_json_get_text",
        _ => return,
    };
    let is_literal = match unnested(right) {
        Expr::Value(key) => !matches!(key.value, Value::Placeholder(_)),
        // A number that counts from the end.
        Expr::UnaryOp { .. } => true,
        _ => false,
    };
    if !is_literal {
        *expr = calls(name, vec![taken(left), taken(right)]);
    }
}

pub(super) fn path_refused(expr: &Expr) -> Option<Error> {
    let Expr::BinaryOp {
        op: op @ (BinaryOperator::Arrow | BinaryOperator::LongArrow),
        right,
        ..
    } = expr
    else {
        return None;
    };
    let Expr::Value(key) = unnested(right) else {
        return None;
    };
    match &key.value {
        Value::SingleQuotedString(path) if path.starts_with('$') => {
            let message = format!("`{op}` takes the name of a member, but `{path}` is a path");
            let hint = match path.starts_with("$.") || path.starts_with("$[") {
                true => format!("write json_extract(x, '{path}')"),
                false => format!("write json_extract(x, '$.\"{path}\"') for a member of that name"),
            };
            Some(Error::new(message).hint(hint))
        }
        _ => None,
    }
}

fn unnested(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(expr) => unnested(expr),
        expr => expr,
    }
}

/// Casts to the types that StackQL's parser takes, which SQLite knows by their affinity: numbers and text.
///
/// ```sql
/// SELECT CAST(a AS SIGNED), CAST(b AS CHAR(2)) FROM t
/// -- becomes
/// SELECT stackql_numeric(a), to_text(b) FROM t
/// ```
///
/// UNSIGNED and BINARY are the same as SIGNED, NCHAR is the same as CHAR.
pub(super) fn casts_of_stackql(expr: &mut Expr, _: &Context<'_>) {
    let Expr::Cast {
        kind: CastKind::Cast,
        expr: value,
        data_type,
        ..
    } = expr
    else {
        return;
    };
    let name = match affinity(data_type) {
        Some(Affinity::Numeric) => "stackql_numeric",
        Some(Affinity::Text) => "to_text",
        None => return,
    };
    *expr = call(name, taken(value));
}

/// What SQLite makes of a value by the name of a type.
enum Affinity {
    Numeric,
    Text,
}

fn affinity(data_type: &DataType) -> Option<Affinity> {
    match data_type {
        DataType::Signed | DataType::Unsigned | DataType::Binary(_) => Some(Affinity::Numeric),
        DataType::Char(_) => Some(Affinity::Text),
        DataType::Custom(name, _) if name.to_string().eq_ignore_ascii_case("nchar") => {
            Some(Affinity::Text)
        }
        _ => None,
    }
}

pub(super) fn cast_refused(expr: &Expr) -> Option<Error> {
    let Expr::Cast { data_type, .. } = expr else {
        return None;
    };
    let instead = match data_type {
        DataType::Signed | DataType::Unsigned => "BIGINT",
        DataType::Binary(_) => "BYTEA for bytes, or DOUBLE for a number",
        DataType::Custom(name, _) if name.to_string().eq_ignore_ascii_case("nchar") => "TEXT",
        _ => return None,
    };
    let error = Error::new(format!("there is no type `{data_type}`"));
    Some(error.hint(format!("write {instead}")))
}

/// Gives a NULL that is aggregated the type of integers: the engine would have none for the result.
///
/// ```sql
/// SELECT sum(NULL), avg(a) FROM t
/// -- becomes
/// SELECT sum(CAST(NULL AS BIGINT)), avg(a) FROM t
/// ```
pub(super) fn typed_null(expr: &mut Expr, _: &Context<'_>) {
    if let Expr::Function(function) = expr
        && let Some(null) = summed_null(function)
    {
        let value = Box::new(taken(null));
        *null = Expr::Cast {
            kind: CastKind::Cast,
            expr: value,
            data_type: DataType::BigInt(None),
            array: false,
            format: None,
        };
    }
}

/// Returns the NULL that `function` adds up.
fn summed_null(function: &mut Function) -> Option<&mut Expr> {
    let is_sum = ["sum", "avg", "total"].contains(&function_name(function).as_str());
    let FunctionArguments::List(list) = &mut function.args else {
        return None;
    };
    match list.args.as_mut_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))] if is_sum && is_null(arg) => Some(arg),
        _ => None,
    }
}

pub(super) fn null_refused(expr: &Expr) -> Option<Error> {
    let Expr::Function(function) = expr else {
        return None;
    };
    summed_null(&mut function.clone())?;
    let name = function_name(function);
    let error = Error::new(format!("`{name}` of a NULL without a type"));
    Some(error.hint("write CAST(NULL AS BIGINT)"))
}

/// Takes numbers for conditions: what is not zero is true.
///
/// ```sql
/// SELECT NOT 1, NOT a, NOT (b = 2), 1 AND c FROM t
/// -- becomes
/// SELECT NOT stackql_truth(1), NOT stackql_truth(a), NOT (b = 2), stackql_truth(1) AND c FROM t
/// ```
///
/// What is a condition already is left alone, so that it still reaches the requests, and so are columns beside AND and OR.
pub(super) fn truth_of_numbers(expr: &mut Expr, _: &Context<'_>) {
    match expr {
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: operand,
        } if !functions::is_truth(operand)
            && !matches!(operand.as_ref(), Expr::Function(function) if function_name(function).starts_with("stackql_")) =>
        {
            wrap("stackql_truth", operand);
        }
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And | BinaryOperator::Or,
            right,
        } => {
            for operand in [left, right] {
                if is_number(operand) {
                    wrap("stackql_truth", operand);
                }
            }
        }
        _ => {}
    }
}

/// Takes a number for the condition of WHERE: what is not zero is true.
///
/// ```sql
/// SELECT a FROM t WHERE 1
/// -- becomes
/// SELECT a FROM t WHERE stackql_truth(1)
/// ```
///
/// A column is left alone: most are not numbers.
pub(super) fn number_as_condition(select: &mut Select, _: &Context<'_>) {
    if let Some(condition) = &mut select.selection
        && is_number(condition)
    {
        wrap("stackql_truth", condition);
    }
}

pub(super) fn condition_refused(query: &Query) -> Option<Error> {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return None;
    };
    let number = select.selection.as_ref().filter(|it| is_number(it))?;
    let error = Error::new(format!(
        "WHERE takes a condition, but `{number}` is a number"
    ));
    Some(
        error
            .at(number.span())
            .hint(format!("compare it with something, as in {number} = 0")),
    )
}

pub(super) fn truth_refused(expr: &Expr) -> Option<Error> {
    match expr {
        Expr::BinaryOp {
            left,
            op: op @ (BinaryOperator::And | BinaryOperator::Or),
            right,
        } => {
            let number = [left, right].into_iter().find(|side| is_number(side))?;
            let error = Error::new(format!("{op} takes conditions, but `{number}` is a number"));
            Some(error.hint(format!("compare it with something, as in {number} = 0")))
        }
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr,
        } if matches!(expr.as_ref(), Expr::Value(value) if matches!(value.value, Value::Number(..))) =>
        {
            let error = Error::new(format!("NOT takes a condition, but `{expr}` is a number"));
            Some(error.hint(format!("compare it with something, as in {expr} = 0")))
        }
        _ => None,
    }
}

/// Counts what is true as 1, and takes the number in a JSON text, as SQLite does.
///
/// ```sql
/// SELECT sum(a IS NULL), sum(json_extract(b, '$.n')) FROM t
/// -- becomes
/// SELECT sum((a IS NULL + 0)), sum((json_extract(b, '$.n') + 0)) FROM t
/// ```
///
/// See [`functions::numbers`].
pub(super) fn numbers_of_sqlite(statement: &mut Statement) {
    functions::numbers(statement);
}

pub(super) fn sum_refused(expr: &Expr) -> Option<Error> {
    let Expr::Function(function) = expr else {
        return None;
    };
    functions::sums_truth(function).then(|| {
        let name = function_name(function);
        Error::new(format!("`{name}` takes numbers, but this is a condition"))
            .hint("count(*) FILTER (WHERE …) counts the rows where it is true")
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::alone;
    use crate::dialect::Dialect;
    use crate::dialect::rewrite::refuse_other_dialect;

    #[test]
    fn any_of_several_patterns_may_match_in_any_case() {
        insta::assert_snapshot!(alone("like_ignores_case", "SELECT 1 WHERE a NOT LIKE ANY (ARRAY['x', 'y'])"), @"SELECT 1 WHERE (NOT stackql_like(a, 'x') OR NOT stackql_like(a, 'y'))");
        insta::assert_snapshot!(alone("like_ignores_case", "SELECT 1 WHERE a ILIKE 'x'"), @"SELECT 1 WHERE a ILIKE 'x'");
    }

    #[test]
    fn types_are_known_by_their_affinity() {
        insta::assert_snapshot!(alone("casts_of_stackql", "SELECT CAST(a AS UNSIGNED), CAST(a AS BINARY), CAST(a AS NCHAR), CAST(a AS INT), a::CHAR"), @"SELECT stackql_numeric(a), stackql_numeric(a), to_text(a), CAST(a AS INT), a::CHAR");
    }

    #[test]
    fn set_operations_go_from_left_to_right() {
        let from_left = |sql: &str| alone("sets_from_left", sql);
        insta::assert_snapshot!(from_left("SELECT 1 UNION SELECT 2 INTERSECT SELECT 3 INTERSECT SELECT 4 EXCEPT SELECT 5"), @"(SELECT 1 UNION SELECT 2) INTERSECT SELECT 3 INTERSECT SELECT 4 EXCEPT SELECT 5");
        insta::assert_snapshot!(from_left("SELECT 1 UNION (SELECT 2 INTERSECT SELECT 3) ORDER BY 1"), @"SELECT 1 UNION (SELECT 2 INTERSECT SELECT 3) ORDER BY 1");
    }

    #[test]
    fn the_other_dialect_says_what_to_write() {
        let refused = |sql: &str| {
            let parsed = crate::dialect::parse::parse(sql).unwrap();
            assert_eq!(refuse_other_dialect(&parsed, Dialect::Stackql), Ok(()));
            let error = refuse_other_dialect(&parsed, Dialect::Default).unwrap_err();
            let column = error.span.map_or(0, |span| span.start.column);
            format!(
                "{column}: {}; {}",
                error.message,
                error.hint.unwrap_or_default()
            )
        };
        insta::assert_snapshot!(refused("SELECT CAST(id AS SIGNED) FROM t"), @"13: there is no type `SIGNED`; write BIGINT; --dialect stackql takes it");
        insta::assert_snapshot!(refused("SELECT id, avg(NULL) FROM t"), @"12: `avg` of a NULL without a type; write CAST(NULL AS BIGINT); --dialect stackql takes it");
        insta::assert_snapshot!(refused("SELECT NOT 1"), @"12: NOT takes a condition, but `1` is a number; compare it with something, as in 1 = 0; --dialect stackql takes it");
        insta::assert_snapshot!(refused("SELECT sum(id LIKE 'x') FROM t"), @"8: `sum` takes numbers, but this is a condition; count(*) FILTER (WHERE …) counts the rows where it is true; --dialect stackql takes it");
    }
}
