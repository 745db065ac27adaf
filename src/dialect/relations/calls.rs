//! Clauses of a call that the engine leaves out, and calls that count other rows than they say. They are refused.
//!
//! `abs(x) FILTER (WHERE …)` and `round(x) OVER ()` are the bare calls to the engine, `count(x, y)` is a count of its
//! own, and `count(t.*)` counts the rows of an outer join that have no `t`.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, JoinOperator, Query, SetExpr, Spanned, TableFactor, TableWithJoins,
    UnaryOperator, Value, VisitorMut,
};
use sqlparser::tokenizer::Span;

use crate::dialect::error::Error;

/// What a function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One value from those of one row.
    Scalar,
    /// One value from those of many rows.
    Aggregate,
    /// One value for each row of a window.
    Window,
}

/// Fails for a call with a clause that would be left out; `kind` knows the functions by their names in lower case.
///
/// # Errors
///
/// Fails with the clause, its place and what to write instead.
pub(crate) fn refuse(
    statement: &mut EngineStatement,
    kind: &dyn Fn(&str) -> Option<Kind>,
) -> Result<(), Error> {
    let mut calls = Calls {
        kind,
        outer: Vec::new(),
    };
    super::visit(statement, &mut calls)
}

struct Calls<'k> {
    kind: &'k dyn Fn(&str) -> Option<Kind>,
    /// For each query around: whether it has an outer join.
    outer: Vec<bool>,
}

impl VisitorMut for Calls<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        self.outer.push(has_outer_join(&query.body));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Error> {
        self.outer.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let Expr::Function(call) = expr else {
            return ControlFlow::Continue(());
        };
        let name = call.name.to_string().to_lowercase();
        let is_outer = self.outer.last().is_some_and(|outer| *outer);
        let wrong = match (self.kind)(&name) {
            Some(Kind::Scalar) => of_scalar(call, &name),
            Some(Kind::Aggregate) => of_aggregate(call, &name, is_outer),
            Some(Kind::Window) => of_window(call, &name),
            None => None,
        };
        match wrong {
            Some(error) => ControlFlow::Break(error),
            None => ControlFlow::Continue(()),
        }
    }
}

fn of_scalar(call: &Function, name: &str) -> Option<Error> {
    let is_distinct = |list: &sqlparser::ast::FunctionArgumentList| {
        matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct))
    };
    let (clause, of) = if call.filter.is_some() {
        ("FILTER", "aggregate functions")
    } else if call.over.is_some() {
        ("OVER", "aggregate and window functions")
    } else if !call.within_group.is_empty() {
        ("WITHIN GROUP", "aggregate functions")
    } else if call.null_treatment.is_some() {
        ("IGNORE NULLS and RESPECT NULLS", "window functions")
    } else {
        match &call.args {
            FunctionArguments::List(list) if is_distinct(list) => {
                ("DISTINCT", "aggregate functions")
            }
            FunctionArguments::List(list) if order_of(list).is_some() => {
                ("ORDER BY", "aggregate functions")
            }
            _ => return None,
        }
    };
    Some(
        Error::new(format!("`{name}` cannot have {clause}"))
            .at(place(call))
            .hint(format!("that is for {of}, and `{name}` is of one row")),
    )
}

fn of_aggregate(call: &Function, name: &str, is_outer: bool) -> Option<Error> {
    let FunctionArguments::List(list) = &call.args else {
        return None;
    };
    if call.over.is_some() && order_of(list).is_some() {
        return Some(
            Error::new(format!(
                "ORDER BY within `{name}` over a window is not supported"
            ))
            .at(place(call))
            .hint("put the order into OVER: `OVER (ORDER BY …)`"),
        );
    }
    if name != "count" {
        return None;
    }
    if list.args.len() > 1 && list.duplicate_treatment.is_none() {
        return Some(
            Error::new(format!(
                "`count` takes one argument, not {}",
                list.args.len()
            ))
            .at(place(call))
            .hint("`count(*)` counts rows, `count(DISTINCT x)` different values"),
        );
    }
    let of_table = match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(table))] => Some(table),
        _ => None,
    };
    match of_table {
        Some(table) if is_outer || list.duplicate_treatment.is_some() => Some(
            Error::new(format!(
                "`count({table}.*)` beside an outer join or DISTINCT is not supported"
            ))
            .at(place(call))
            .hint(format!(
                "count a column that is never NULL, such as `count({table}.id)`"
            )),
        ),
        _ => None,
    }
}

fn of_window(call: &Function, name: &str) -> Option<Error> {
    if call.filter.is_some() {
        return Some(
            Error::new(format!("`{name}` cannot have FILTER"))
                .at(place(call))
                .hint("filter the rows in a subquery, and number those"),
        );
    }
    let FunctionArguments::List(list) = &call.args else {
        return None;
    };
    if matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct)) {
        return Some(
            Error::new(format!("`{name}` cannot have DISTINCT"))
                .at(place(call))
                .hint("leave it out, or take different rows in a subquery"),
        );
    }
    if let (true, Some(span)) = (call.over.is_some(), order_of(list)) {
        return Some(
            Error::new(format!("ORDER BY within `{name}` is not supported"))
                .at(span)
                .hint("put the order into OVER: `OVER (ORDER BY …)`"),
        );
    }
    let (which, at) = match name {
        "lead" | "lag" | "nth_value" => ("second", 1),
        "ntile" => ("first", 0),
        _ => return None,
    };
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(offset))) = list.args.get(at) else {
        return None;
    };
    let wrong = |is: &str, hint: &str| {
        let message = format!("the {which} argument of `{name}` {is}");
        Some(Error::new(message).at(offset.span()).hint(hint))
    };
    match bare(offset) {
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } if name == "nth_value" && matches!(expr.as_ref(), Expr::Value(_)) => wrong(
            "is less than 1",
            "rows count from 1; order the other way to count from the end",
        ),
        Expr::Value(value) if value.value == Value::Null => {
            wrong("is NULL", "it is a whole number")
        }
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
            wrong("is a column", "it is a whole number, the same for all rows")
        }
        _ => None,
    }
}

/// Returns `expr` without parentheses and conversions.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(expr) | Expr::Cast { expr, .. } => bare(expr),
        expr => expr,
    }
}

/// Returns the place of ORDER BY within the parentheses of a call.
fn order_of(list: &sqlparser::ast::FunctionArgumentList) -> Option<Span> {
    list.clauses.iter().find_map(|clause| match clause {
        FunctionArgumentClause::OrderBy(keys) => {
            Some(keys.first().map_or_else(Span::empty, |key| key.expr.span()))
        }
        _ => None,
    })
}

/// Returns the place of the name of a call.
fn place(call: &Function) -> Span {
    call.name.span()
}

/// Returns true if `body` joins tables so that one of them may have no row.
fn has_outer_join(body: &SetExpr) -> bool {
    fn within(tree: &TableWithJoins) -> bool {
        let nested = |factor: &TableFactor| match factor {
            TableFactor::NestedJoin {
                table_with_joins, ..
            } => within(table_with_joins),
            _ => false,
        };
        let outer = |operator: &JoinOperator| {
            use JoinOperator as Join;
            matches!(
                operator,
                Join::Left(_)
                    | Join::LeftOuter(_)
                    | Join::Right(_)
                    | Join::RightOuter(_)
                    | Join::FullOuter(_)
            )
        };
        let mut joins = tree.joins.iter();
        nested(&tree.relation)
            || joins.any(|join| outer(&join.join_operator) || nested(&join.relation))
    }
    match body {
        SetExpr::Select(select) => select.from.iter().any(within),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse::parse;

    fn refused(sql: &str) -> String {
        let kind = |name: &str| {
            Some(match name {
                "abs" => Kind::Scalar,
                "sum" | "count" => Kind::Aggregate,
                "lag" | "rank" | "nth_value" => Kind::Window,
                _ => return None,
            })
        };
        match refuse(&mut parse(sql).unwrap(), &kind) {
            Ok(()) => "taken".to_owned(),
            Err(error) => format!("{}; {}", error.message, error.hint.unwrap_or_default()),
        }
    }

    #[test]
    fn a_clause_that_would_be_left_out_is_refused() {
        insta::assert_snapshot!(refused("SELECT abs(x) FILTER (WHERE x > 1) FROM t"), @"`abs` cannot have FILTER; that is for aggregate functions, and `abs` is of one row");
        insta::assert_snapshot!(refused("SELECT ABS(x) OVER () FROM t"), @"`abs` cannot have OVER; that is for aggregate and window functions, and `abs` is of one row");
        insta::assert_snapshot!(refused("SELECT abs(DISTINCT x) FROM t"), @"`abs` cannot have DISTINCT; that is for aggregate functions, and `abs` is of one row");
        insta::assert_snapshot!(refused("SELECT rank() FILTER (WHERE x) OVER (ORDER BY x) FROM t"), @"`rank` cannot have FILTER; filter the rows in a subquery, and number those");
        insta::assert_snapshot!(refused("SELECT sum(x ORDER BY x) OVER () FROM t"), @"ORDER BY within `sum` over a window is not supported; put the order into OVER: `OVER (ORDER BY …)`");
        insta::assert_snapshot!(refused("SELECT lag(x, NULL) OVER (ORDER BY x) FROM t"), @"the second argument of `lag` is NULL; it is a whole number");
        insta::assert_snapshot!(refused("SELECT nth_value(x, -1) OVER (ORDER BY x) FROM t"), @"the second argument of `nth_value` is less than 1; rows count from 1; order the other way to count from the end");
        insta::assert_snapshot!(refused("SELECT 1 WHERE EXISTS (SELECT count(1, 2))"), @"`count` takes one argument, not 2; `count(*)` counts rows, `count(DISTINCT x)` different values");
    }

    #[test]
    fn rows_of_one_table_are_not_counted_beside_an_outer_join() {
        insta::assert_snapshot!(refused("SELECT count(b.*) FROM a LEFT JOIN b ON true"), @"`count(b.*)` beside an outer join or DISTINCT is not supported; count a column that is never NULL, such as `count(b.id)`");
        assert_eq!(refused("SELECT count(b.*) FROM a JOIN b ON true"), "taken");
    }

    #[test]
    fn what_is_carried_out_is_taken() {
        for sql in [
            "SELECT sum(DISTINCT x) FILTER (WHERE x > 1), sum(x) OVER (ORDER BY x), lag(x, 2) OVER () FROM t",
            "SELECT count(DISTINCT x), count(*), abs(x), other(x) OVER () FROM t",
        ] {
            assert_eq!(refused(sql), "taken", "{sql}");
        }
    }
}
