//! Functions that are called otherwise in PostgreSQL and DuckDB, and mean the same. Pure: one expression at a time, for
//! [`crate::dialect::rewrite`] to call.
//!
//! - `every(x)` is `bool_and(x)`, `json_agg(x)` is `json_group_array(x)`, and so on;
//! - `year(x)` is `date_part('year', x)`;
//! - `a // b` is `trunc(a / b)`;
//! - `percentile_disc(0.5) WITHIN GROUP (ORDER BY x)` is an element of `array_agg(x ORDER BY x)`;
//! - `max_by(x, y)` and `arg_max(x, y)` are `first_value(x ORDER BY y DESC)` of the rows that have a `y`.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, Ident, ObjectName, OrderByExpr, OrderByOptions, SelectItem, SetExpr,
    Statement,
};

use super::objects::call;
use crate::dialect::parse::{as_sql, parse};
use crate::dialect::rewrite::{folded, text};

const NAMES: [(&str, &str); 17] = [
    ("clock_timestamp", "now"),
    ("every", "bool_and"),
    ("gen_random_uuid", "uuid"),
    ("json_agg", "json_group_array"),
    ("json_build_array", "json_array"),
    ("json_build_object", "json_object"),
    ("json_object_agg", "json_group_object"),
    ("jsonb_agg", "json_group_array"),
    ("jsonb_array_length", "json_array_length"),
    ("jsonb_build_array", "json_array"),
    ("jsonb_build_object", "json_object"),
    ("jsonb_object_agg", "json_group_object"),
    ("lcase", "lower"),
    ("statement_timestamp", "now"),
    ("to_jsonb", "to_json"),
    ("transaction_timestamp", "now"),
    ("ucase", "upper"),
];

const PARTS: [&str; 7] = [
    "year", "quarter", "month", "day", "hour", "minute", "second",
];

/// Calls a function by the name that it has here.
pub(crate) fn call_by_name(expr: &mut Expr) {
    if let Expr::BinaryOp {
        op: op @ BinaryOperator::DuckIntegerDivide,
        ..
    } = expr
    {
        *op = BinaryOperator::Divide;
        *expr = call("trunc", expr.clone());
        return;
    }
    let Expr::Function(function) = expr else {
        return;
    };
    let [part] = function.name.0.as_slice() else {
        return;
    };
    let Some(ident) = part.as_ident().cloned() else {
        return;
    };
    let name = folded(&ident);
    let renamed = |to: &str| ObjectName::from(vec![Ident::with_span(ident.span, to)]);
    if name == "percentile_disc" {
        if let Some(element) = element(function) {
            *expr = element;
        }
        return;
    }
    if let Some((_, ours)) = NAMES.iter().find(|(theirs, _)| *theirs == name) {
        function.name = renamed(ours);
        return;
    }
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    match (name.as_str(), list.args.as_slice()) {
        (part, [FunctionArg::Unnamed(FunctionArgExpr::Expr(_))]) if PARTS.contains(&part) => {
            let part = FunctionArgExpr::Expr(text(part, ident.span));
            list.args.insert(0, FunctionArg::Unnamed(part));
            function.name = renamed("date_part");
        }
        (
            "max_by" | "arg_max" | "min_by" | "arg_min",
            [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(by))],
        ) if function.over.is_none() && list.clauses.is_empty() => {
            let by = by.clone();
            list.args.truncate(1);
            list.clauses
                .push(FunctionArgumentClause::OrderBy(vec![OrderByExpr {
                    expr: by.clone(),
                    options: OrderByOptions {
                        asc: Some(name.contains("min")),
                        nulls_first: Some(false),
                    },
                    with_fill: None,
                }]));
            only_where(function, Expr::IsNotNull(Box::new(by)));
            function.name = renamed("first_value");
        }
        _ => {}
    }
}

/// Returns the element that `percentile_disc` stands for: the first with at least that share of the values up to it.
fn element(function: &Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let ([FunctionArg::Unnamed(FunctionArgExpr::Expr(share))], [by], None, None) = (
        list.args.as_slice(),
        function.within_group.as_slice(),
        &function.over,
        &function.filter,
    ) else {
        return None;
    };
    let value = &by.expr;
    let element = format!(
        "SELECT array_element(
            array_agg({value} ORDER BY {by}) FILTER (WHERE {value} IS NOT NULL),
            greatest(1, CAST(ceil({share} * count({value})) AS BIGINT)))"
    );
    match as_sql(&parse(&element).ok()?)? {
        Statement::Query(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.as_slice() {
                [SelectItem::UnnamedExpr(expr)] => Some(expr.clone()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn only_where(function: &mut Function, condition: Expr) {
    let filter = match function.filter.take() {
        Some(filter) => Expr::BinaryOp {
            left: Box::new(Expr::Nested(filter)),
            op: BinaryOperator::And,
            right: Box::new(condition),
        },
        None => condition,
    };
    function.filter = Some(Box::new(filter));
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse::parse;
    use crate::dialect::rewrite::rewrite;

    #[test]
    fn functions_are_called_as_they_are_here() {
        let mut statement = parse(
            "SELECT EVERY(a) AS a, year(b) AS b, max_by(c, d) FILTER (WHERE e) AS c, arg_min(c, d) AS d, year AS e, \"Year\"(f) AS f",
        )
        .unwrap();
        rewrite(&mut statement);
        insta::assert_snapshot!(statement, @r#"SELECT bool_and(a) AS a, date_part('year', b) AS b, first_value(c ORDER BY d DESC NULLS LAST) FILTER (WHERE (e) AND d IS NOT NULL) AS c, first_value(c ORDER BY d ASC NULLS LAST) FILTER (WHERE d IS NOT NULL) AS d, year AS e, "Year"(f) AS f"#);
    }

    #[test]
    fn operators_and_percentiles_are_told_by_functions() {
        let mut statement = parse(
            "SELECT a // b AS a, percentile_disc(0.5) WITHIN GROUP (ORDER BY b DESC) AS b FROM t",
        )
        .unwrap();
        rewrite(&mut statement);
        insta::assert_snapshot!(statement, @"SELECT trunc(a / b) AS a, array_element(array_agg(b ORDER BY b DESC) FILTER (WHERE b IS NOT NULL), greatest(1, CAST(CEIL(0.5 * count(b)) AS BIGINT))) AS b FROM t");
    }
}
