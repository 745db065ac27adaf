//! Functions and operators that have another name in PostgreSQL or DuckDB and mean the same.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, ObjectName, OrderByExpr, OrderByOptions, Value,
};
use sqlparser::tokenizer::Span;

use super::rule::Context;
use crate::dialect::ast::{
    binary, calls, function_name, last_ident, number, rename, taken, text, wrap,
};

const NAMES: [(&str, &str); 18] = [
    // The engine's own take the first element alone.
    ("array_remove", "array_remove_all"),
    ("array_replace", "array_replace_all"),
    ("clock_timestamp", "now"),
    ("every", "bool_and"),
    ("gen_random_uuid", "uuid"),
    ("json_agg", "json_group_array"),
    ("json_build_array", "json_array"),
    ("json_build_object", "json_object"),
    ("jsonb_agg", "json_group_array"),
    ("jsonb_array_length", "json_array_length"),
    ("jsonb_build_array", "json_array"),
    ("jsonb_build_object", "json_object"),
    ("jsonb_object_agg", "json_object_agg"),
    ("lcase", "lower"),
    ("statement_timestamp", "now"),
    ("to_jsonb", "to_json"),
    ("transaction_timestamp", "now"),
    ("ucase", "upper"),
];

const PARTS: [&str; 7] = [
    "year", "quarter", "month", "day", "hour", "minute", "second",
];

/// Divides integers.
///
/// ```sql
/// SELECT a // b AS q FROM t
/// -- becomes
/// SELECT trunc(a / b) AS q FROM t
/// ```
///
/// Rounds towards zero, numbers with a point too, which DuckDB would not round.
pub(super) fn integer_division(expr: &mut Expr, _: &Context<'_>) {
    if let Expr::BinaryOp {
        op: op @ BinaryOperator::DuckIntegerDivide,
        ..
    } = expr
    {
        *op = BinaryOperator::Divide;
        wrap("trunc", expr);
    }
}

/// Renames a function to its name in the engine.
///
/// ```sql
/// SELECT EVERY(a), json_agg(b), lcase(c) FROM t
/// -- becomes
/// SELECT bool_and(a), json_group_array(b), lower(c) FROM t
/// ```
///
/// Only functions that take the same arguments; quoted names are the user's own.
pub(super) fn function_names(expr: &mut Expr, _: &Context<'_>) {
    if let Expr::Function(function) = expr {
        let name = function_name(function);
        if let Some((_, ours)) = NAMES.iter().find(|(theirs, _)| *theirs == name) {
            rename(function, ours);
        }
    }
}

/// Pads base64 with `=`, as PostgreSQL does.
///
/// ```sql
/// SELECT encode(a, 'base64') FROM t
/// -- becomes
/// SELECT encode(a, 'base64pad') FROM t
/// ```
///
/// Lines are not broken after 76 characters.
pub(super) fn base64_with_padding(expr: &mut Expr, _: &Context<'_>) {
    if let Expr::Function(function) = expr
        && function_name(function) == "encode"
        && let FunctionArguments::List(list) = &mut function.args
        && let [
            _,
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(format))),
        ] = list.args.as_mut_slice()
        && let Value::SingleQuotedString(format) = &mut format.value
        && format.eq_ignore_ascii_case("base64")
    {
        format.push_str("pad");
    }
}

/// Makes the length of an empty array NULL where PostgreSQL does: with the number of a dimension.
///
/// ```sql
/// SELECT array_length(a, 1), array_length(a) FROM t
/// -- becomes
/// SELECT nullif(list_length(a, 1), 0), array_length(a) FROM t
/// ```
///
/// Without a dimension the call is DuckDB's, whose empty list has the length 0.
pub(super) fn length_of_array(expr: &mut Expr, _: &Context<'_>) {
    if let Expr::Function(function) = expr
        && function_name(function) == "array_length"
        && matches!(&function.args, FunctionArguments::List(list) if list.args.len() == 2)
    {
        rename(function, "list_length");
        *expr = calls("nullif", vec![taken(expr), number(0)]);
    }
}

/// Replaces functions such as `year(x)`, which exist elsewhere, by `date_part`.
///
/// ```sql
/// SELECT year(a), year FROM t
/// -- becomes
/// SELECT date_part('year', a), year FROM t
/// ```
///
/// Not `date`, which is SQLite's function.
pub(super) fn part_of_date(expr: &mut Expr, _: &Context<'_>) {
    let Expr::Function(function) = expr else {
        return;
    };
    let name = function_name(function);
    if let FunctionArguments::List(list) = &mut function.args
        && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(_))] = list.args.as_slice()
        && PARTS.contains(&name.as_str())
    {
        let part = FunctionArgExpr::Expr(text(&name, span(&function.name)));
        list.args.insert(0, FunctionArg::Unnamed(part));
        rename(function, "date_part");
    }
}

/// Takes the value of one column from the row with the largest or smallest of another.
///
/// ```sql
/// SELECT max_by(a, b), arg_min(a, b) FROM t
/// -- becomes
/// SELECT first_value(a ORDER BY b DESC NULLS LAST) FILTER (WHERE b IS NOT NULL),
/// first_value(a ORDER BY b ASC NULLS LAST) FILTER (WHERE b IS NOT NULL) FROM t
/// ```
///
/// Not as a window function, and not DuckDB's third argument, the number of rows.
pub(super) fn value_of_extreme(expr: &mut Expr, _: &Context<'_>) {
    let Expr::Function(function) = expr else {
        return;
    };
    let is_ascending = match function_name(function).as_str() {
        "max_by" | "arg_max" => false,
        "min_by" | "arg_min" => true,
        _ => return,
    };
    if let FunctionArguments::List(list) = &mut function.args
        && let [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(by))] = list.args.as_slice()
        && function.over.is_none()
        && list.clauses.is_empty()
    {
        let by = by.clone();
        list.args.truncate(1);
        list.clauses
            .push(FunctionArgumentClause::OrderBy(vec![OrderByExpr {
                expr: by.clone(),
                options: OrderByOptions {
                    asc: Some(is_ascending),
                    nulls_first: Some(false),
                },
                with_fill: None,
            }]));
        only_where(function, Expr::IsNotNull(Box::new(by)));
        rename(function, "first_value");
    }
}

fn span(name: &ObjectName) -> Span {
    last_ident(name).map_or(Span::empty(), |ident| ident.span)
}

fn only_where(function: &mut Function, condition: Expr) {
    let filter = match function.filter.take() {
        Some(filter) => binary(Expr::Nested(filter), BinaryOperator::And, condition),
        None => condition,
    };
    function.filter = Some(Box::new(filter));
}

#[cfg(test)]
mod tests {
    use super::super::tests::rewritten;

    #[test]
    fn functions_are_called_as_they_are_here() {
        insta::assert_snapshot!(rewritten("SELECT EVERY(a) AS a, year(b) AS b, max_by(c, d) FILTER (WHERE e) AS c, arg_min(c, d) AS d, year AS e, \"Year\"(f) AS f"), @r#"SELECT bool_and(a) AS a, date_part('year', b) AS b, first_value(c ORDER BY d DESC NULLS LAST) FILTER (WHERE (e) AND d IS NOT NULL) AS c, first_value(c ORDER BY d ASC NULLS LAST) FILTER (WHERE d IS NOT NULL) AS d, year AS e, "Year"(f) AS f"#);
    }

    #[test]
    fn integers_are_divided_by_a_function() {
        insta::assert_snapshot!(rewritten("SELECT a // b AS a FROM t"), @"SELECT trunc(a / b) AS a FROM t");
    }
}
