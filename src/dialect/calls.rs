//! Calls that the engine's planner takes, and then carries out in part or not at all.
//!
//! `abs(k) FILTER (…)` would leave the filter out, `count(1, 2)` the second argument, and `ORDER BY 'k'` the sort: they
//! are refused, as is what the planner refuses in words of its own: `row_number()` without OVER, a window function in WHERE.
//! Pure: it is told which functions there are.

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as EngineStatement};
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments, OrderBy, OrderByKind, Query, Select, Spanned, Value, ValueWithSpan, Visit,
    Visitor,
};
use sqlparser::tokenizer::Span;

use super::ast::folded;
use super::error::Error;

/// What kind of function a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of the values of one row.
    Scalar,
    /// Of the rows of a group, or of a window.
    Aggregate,
    /// Of a window alone.
    Window,
}

/// Fails for a call that would not be carried out as it is written. `kind_of` knows the functions.
///
/// # Errors
///
/// Fails with the place, and what to write instead.
pub(crate) fn check(
    statement: &EngineStatement,
    kind_of: &dyn Fn(&str) -> Option<Kind>,
) -> Result<(), Error> {
    let mut calls = Calls { kind_of };
    let found = match statement {
        EngineStatement::Statement(statement) => statement.visit(&mut calls),
        EngineStatement::Explain(explain) => return check(&explain.statement, kind_of),
        EngineStatement::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => query.visit(&mut calls),
            CopyToSource::Relation(_) => return Ok(()),
        },
        _ => return Ok(()),
    };
    match found {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Calls<'a> {
    kind_of: &'a dyn Fn(&str) -> Option<Kind>,
}

type Found = ControlFlow<Error>;

impl Visitor for Calls<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> Found {
        let Some(OrderBy {
            kind: OrderByKind::Expressions(keys),
            ..
        }) = &query.order_by
        else {
            return ControlFlow::Continue(());
        };
        for key in keys {
            if let Expr::Value(ValueWithSpan {
                value: Value::SingleQuotedString(text),
                span,
            }) = &key.expr
            {
                return no(
                    format!("ORDER BY '{text}' would sort by the same text in every row"),
                    *span,
                    &format!("a column is written without quotes: ORDER BY {text}"),
                );
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> Found {
        if let Some(condition) = &select.selection {
            self.without_windows(
                condition,
                "WHERE",
                "QUALIFY, which comes after it, looks at windows",
            )?;
        }
        if let Some(condition) = &select.having {
            self.without_windows(
                condition,
                "HAVING",
                "QUALIFY, which comes after it, looks at windows",
            )?;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Found {
        match expr {
            Expr::Function(function) => self.call(function),
            Expr::Substring {
                expr: text,
                substring_from: None,
                substring_for: None,
                shorthand,
                ..
            } => no(
                format!(
                    "`{}` takes 2 to 3 arguments, not 1",
                    if *shorthand { "substr" } else { "substring" }
                ),
                text.span(),
                "say where it begins, as in substr(id, 1, 3)",
            ),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl Calls<'_> {
    fn call(&self, function: &Function) -> Found {
        let name = match function.name.0.as_slice() {
            [part] => part.as_ident(),
            _ => None,
        };
        let Some(ident) = name else {
            return ControlFlow::Continue(());
        };
        let (name, place) = (folded(ident), ident.span);
        let arguments = match &function.args {
            FunctionArguments::List(list) => Some(list),
            _ => None,
        };
        match (self.kind_of)(&name) {
            Some(Kind::Scalar) => scalar(&name, place, function, arguments),
            Some(Kind::Window) if function.over.is_none() => no(
                format!("`{name}` needs a window"),
                place,
                &format!("write {name}(…) OVER (ORDER BY …)"),
            ),
            Some(Kind::Window) if function.filter.is_some() => no(
                format!("`{name}` takes no FILTER"),
                place,
                "filter the rows in a subquery",
            ),
            Some(Kind::Aggregate) if name == "count" => {
                let given = arguments.map_or(0, |list| list.args.len());
                match given {
                    2.. => no(
                        format!("`count` takes one argument, not {given}"),
                        arguments
                            .and_then(|list| list.args.get(1))
                            .map_or(place, |arg| argument_span(arg, place)),
                        "count(*) counts rows, count(x) those where x is not NULL",
                    ),
                    _ => ControlFlow::Continue(()),
                }
            }
            _ => ControlFlow::Continue(()),
        }
    }

    /// Refuses functions of windows in a condition that is looked at before there are windows.
    fn without_windows(&self, condition: &Expr, clause: &str, instead: &str) -> Found {
        let mut windows = Windows { depth: 0 };
        match condition.visit(&mut windows) {
            ControlFlow::Break(place) => no(
                format!(
                    "a window function cannot stand in {clause}, which comes before the windows"
                ),
                place,
                instead,
            ),
            ControlFlow::Continue(()) => ControlFlow::Continue(()),
        }
    }
}

fn scalar(
    name: &str,
    place: Span,
    function: &Function,
    arguments: Option<&FunctionArgumentList>,
) -> Found {
    let is_distinct = arguments
        .is_some_and(|list| list.duplicate_treatment == Some(DuplicateTreatment::Distinct));
    let is_sorted = arguments.is_some_and(|list| {
        list.clauses
            .iter()
            .any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_)))
    });
    let clause = if function.over.is_some() {
        "OVER"
    } else if function.filter.is_some() {
        "FILTER"
    } else if !function.within_group.is_empty() {
        "WITHIN GROUP"
    } else if function.null_treatment.is_some() {
        "IGNORE NULLS"
    } else if is_distinct {
        "DISTINCT"
    } else if is_sorted {
        "ORDER BY"
    } else {
        return ControlFlow::Continue(());
    };
    no(
        format!("`{name}` takes no {clause}: it looks at one row at a time"),
        place,
        &match clause {
            "FILTER" => format!("write CASE WHEN … THEN {name}(…) END"),
            _ => format!("leave {clause} out, or use an aggregate such as max"),
        },
    )
}

fn argument_span(argument: &FunctionArg, otherwise: Span) -> Span {
    match argument.span() {
        span if span == Span::empty() => otherwise,
        span => span,
    }
}

/// Finds the first function of a window outside of subqueries.
struct Windows {
    depth: usize,
}

impl Visitor for Windows {
    type Break = Span;

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<Span> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Span> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Span> {
        match expr {
            Expr::Function(function) if self.depth == 0 && function.over.is_some() => {
                ControlFlow::Break(function.name.span())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

fn no(message: String, place: Span, hint: &str) -> Found {
    ControlFlow::Break(Error::new(message).at(place).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse::parse;

    fn checked(sql: &str) -> Result<(), Error> {
        let kind_of = |name: &str| match name {
            "abs" | "round" => Some(Kind::Scalar),
            "count" | "max" => Some(Kind::Aggregate),
            "row_number" => Some(Kind::Window),
            _ => None,
        };
        check(&parse(sql).unwrap(), &kind_of)
    }

    #[test]
    fn what_would_be_left_out_is_refused() {
        for (sql, message) in [
            (
                "SELECT abs(k) FILTER (WHERE k > 0) FROM t",
                "`abs` takes no FILTER: it looks at one row at a time",
            ),
            (
                "SELECT round(k) OVER () FROM t",
                "`round` takes no OVER: it looks at one row at a time",
            ),
            (
                "SELECT abs(DISTINCT k) FROM t",
                "`abs` takes no DISTINCT: it looks at one row at a time",
            ),
            (
                "SELECT k FROM t ORDER BY 'k'",
                "ORDER BY 'k' would sort by the same text in every row",
            ),
            ("SELECT count(1, 2)", "`count` takes one argument, not 2"),
            ("SELECT row_number() FROM t", "`row_number` needs a window"),
            (
                "SELECT 1 FROM t WHERE (row_number() OVER ()) = 1",
                "a window function cannot stand in WHERE, which comes before the windows",
            ),
            (
                "EXPLAIN SELECT substr(id) FROM t",
                "`substr` takes 2 to 3 arguments, not 1",
            ),
        ] {
            let error = checked(sql).unwrap_err();
            assert_eq!(error.message, message, "{sql}");
            assert!(error.span.is_some() && error.hint.is_some(), "{sql}");
        }
    }

    #[test]
    fn what_is_carried_out_is_let_through() {
        for sql in [
            "SELECT count(*), count(DISTINCT k), max(k) FILTER (WHERE k > 0), max(k) OVER () FROM t",
            "SELECT row_number() OVER (ORDER BY k) AS n FROM t QUALIFY n = 1 ORDER BY 1, k",
            "SELECT 1 FROM t WHERE k IN (SELECT row_number() OVER () FROM t)",
            "SELECT substr(id, 2), unknown(1, 2) FROM t",
        ] {
            checked(sql).unwrap();
        }
    }
}
