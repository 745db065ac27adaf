//! Refuses calls that the engine's planner accepts but carries out only in part, or not at all.
//!
//! The engine would ignore the filter of `abs(k) FILTER (…)`, and the second argument of `count(1, 2)`. `count(t.*)`
//! would count rows of an outer join that have no `t`. Also refuses, with a place and a hint, what the planner refuses
//! with an unhelpful message: `row_number()` without OVER, a window function in WHERE. Pure: the caller says which
//! functions exist.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, JoinOperator, Query, Select, SetExpr, Spanned,
    TableFactor, TableWithJoins, UnaryOperator, Value, Visitor,
};
use sqlparser::tokenizer::Span;

use super::ast::{folded, visit};
use super::error::Error;
use crate::dialect::walk::Walk;

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

/// Returns the kind of the function with a name in lower case. The flag says whether the call has an OVER clause: some
/// names stand for an aggregate and for a window function.
pub(crate) type KindOf<'a> = &'a dyn Fn(&str, bool) -> Option<Kind>;

/// Fails for a call that would not be carried out as it is written.
///
/// Fails with the place, and what to write instead.
pub(crate) fn check(statement: &EngineStatement, kind_of: KindOf<'_>) -> Result<(), Error> {
    let mut calls = Calls {
        kind_of,
        has_outer_join: Vec::new(),
    };
    visit(statement, &mut calls)
}

struct Calls<'a> {
    kind_of: KindOf<'a>,
    /// For each query around the call: whether it has an outer join.
    has_outer_join: Vec<bool>,
}

/// The most arguments of `grouping`: one bit of an integer for each.
const MOST_GROUPED: usize = 31;

type Found = ControlFlow<Error>;

impl Visitor for Calls<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> Found {
        self.has_outer_join.push(has_outer_join(&query.body));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> Found {
        self.has_outer_join.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> Found {
        if let Some(condition) = &select.selection {
            self.without_windows(
                condition,
                "WHERE",
                "use QUALIFY, which is evaluated after the windows",
            )?;
        }
        if let Some(condition) = &select.having {
            self.without_windows(
                condition,
                "HAVING",
                "use QUALIFY, which is evaluated after the windows",
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
        let count = arguments.map_or(0, |list| list.args.len());
        if name == "grouping" && count > MOST_GROUPED {
            return no(
                format!("`grouping` takes up to {MOST_GROUPED} arguments, not {count}"),
                place,
                "split the arguments over several calls",
            );
        }
        // The two arguments of PostgreSQL's own function are the other way round.
        if name == "position" && count == 2 {
            return no(
                "`position` with a comma has two meanings".to_owned(),
                place,
                "write position('b' IN x), or strpos(x, 'b')",
            );
        }
        match (self.kind_of)(&name, function.over.is_some()) {
            Some(Kind::Scalar) => scalar(&name, place, function, arguments),
            Some(Kind::Aggregate) => self.aggregate(&name, place, function, arguments),
            Some(Kind::Window) => window(&name, place, function, arguments),
            None => ControlFlow::Continue(()),
        }
    }

    fn aggregate(
        &self,
        name: &str,
        place: Span,
        function: &Function,
        arguments: Option<&FunctionArgumentList>,
    ) -> Found {
        let Some(list) = arguments else {
            return ControlFlow::Continue(());
        };
        if function.over.is_some() && order_of(list).is_some() {
            return no(
                format!("ORDER BY within `{name}` over a window is not supported"),
                place,
                "put the order into OVER: `OVER (ORDER BY …)`",
            );
        }
        if name != "count" {
            return ControlFlow::Continue(());
        }
        if let [_, second, ..] = list.args.as_slice() {
            return no(
                format!("`count` takes one argument, not {}", list.args.len()),
                argument_span(second, place),
                "count(*) counts rows, count(x) those where x is not NULL",
            );
        }
        let is_beside_outer_join = self.has_outer_join.last().is_some_and(|outer| *outer);
        match list.args.as_slice() {
            [] => no(
                "`count` without an argument".to_owned(),
                place,
                "count(*) counts rows, count(x) those where x is not NULL",
            ),
            [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]
                if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) =>
            {
                no(
                    "`count(DISTINCT *)` names no column".to_owned(),
                    place,
                    "name the column, as in count(DISTINCT owner_id), or count the rows of \
                     a SELECT DISTINCT * in FROM",
                )
            }
            [FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(table))]
                if is_beside_outer_join || list.duplicate_treatment.is_some() =>
            {
                no(
                    format!("`count({table}.*)` beside an outer join or DISTINCT is not supported"),
                    place,
                    &format!("count a column that is never NULL, such as `count({table}.id)`"),
                )
            }
            _ => ControlFlow::Continue(()),
        }
    }

    /// Refuses functions of windows in a condition that is looked at before there are windows.
    fn without_windows(&self, condition: &Expr, clause: &str, instead: &str) -> Found {
        let windowed = condition.own_expressions(|expr| match expr {
            Expr::Function(function) if function.over.is_some() => {
                ControlFlow::Break(function.name.span())
            }
            _ => ControlFlow::Continue(()),
        });
        match windowed {
            ControlFlow::Break(place) => no(
                format!(
                    "a window function is not allowed in {clause}, which comes before the windows"
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
    if let Some(stride) = arguments.and_then(|list| backwards(name, list)) {
        return no(
            format!("the stride of `{name}` must be positive"),
            stride,
            "write a positive interval, such as INTERVAL '15 minutes'",
        );
    }
    let is_distinct = arguments
        .is_some_and(|list| list.duplicate_treatment == Some(DuplicateTreatment::Distinct));
    let is_sorted = arguments.is_some_and(|list| order_of(list).is_some());
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
        format!("`{name}` does not take {clause}: it is a scalar function"),
        place,
        &match clause {
            "FILTER" => format!("write CASE WHEN … THEN {name}(…) END"),
            _ => format!("leave {clause} out, or use an aggregate such as max"),
        },
    )
}

/// Returns the place of a stride of `date_bin` that is below zero.
fn backwards(name: &str, list: &FunctionArgumentList) -> Option<Span> {
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(stride))) = list.args.first() else {
        return None;
    };
    let text = match bare(stride) {
        Expr::Interval(interval) => interval.value.as_ref(),
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            ..
        } if name == "date_bin" => return Some(stride.span()),
        other => other,
    };
    match text {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) if text.trim_start().starts_with('-') => {
                (name == "date_bin").then(|| stride.span())
            }
            _ => None,
        },
        _ => None,
    }
}

fn window(
    name: &str,
    place: Span,
    function: &Function,
    arguments: Option<&FunctionArgumentList>,
) -> Found {
    if function.over.is_none() {
        return no(
            format!("`{name}` needs a window"),
            place,
            &format!("write {name}(…) OVER (ORDER BY …)"),
        );
    }
    if function.filter.is_some() {
        return no(
            format!("`{name}` takes no FILTER"),
            place,
            "filter the rows in a subquery, and number those",
        );
    }
    let Some(list) = arguments else {
        return ControlFlow::Continue(());
    };
    if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
        return no(
            format!("`{name}` takes no DISTINCT"),
            place,
            "leave it out, or select distinct rows in a subquery",
        );
    }
    if let Some(span) = order_of(list) {
        return no(
            format!("ORDER BY within `{name}` is not supported"),
            span,
            "put the order into OVER: `OVER (ORDER BY …)`",
        );
    }
    let wanted = match name {
        "first_value" | "last_value" => 1,
        "nth_value" => 2,
        _ => list.args.len(),
    };
    if list.args.len() != wanted {
        return no(
            format!(
                "`{name}` takes {wanted} argument{}, not {}",
                if wanted == 1 { "" } else { "s" },
                list.args.len()
            ),
            place,
            match wanted {
                1 => "write first_value(x) OVER (ORDER BY …)",
                _ => "write nth_value(x, 2) OVER (ORDER BY …)",
            },
        );
    }
    let (which, at) = match name {
        "lead" | "lag" | "nth_value" => ("second", 1),
        "ntile" => ("first", 0),
        _ => return ControlFlow::Continue(()),
    };
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(offset))) = list.args.get(at) else {
        return ControlFlow::Continue(());
    };
    let (is, hint) = match bare(offset) {
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } if name == "nth_value" && matches!(expr.as_ref(), Expr::Value(_)) => (
            "is less than 1",
            "rows count from 1; order the other way to count from the end",
        ),
        Expr::Value(value) if name == "nth_value" && is_zero(&value.value) => (
            "is less than 1",
            "rows count from 1; order the other way to count from the end",
        ),
        Expr::Value(value) if value.value == Value::Null => ("is NULL", "it is a whole number"),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
            ("is a column", "it is a whole number, the same for all rows")
        }
        _ => return ControlFlow::Continue(()),
    };
    no(
        format!("the {which} argument of `{name}` {is}"),
        offset.span(),
        hint,
    )
}

fn is_zero(value: &Value) -> bool {
    let (Value::Number(number, _) | Value::SingleQuotedString(number)) = value else {
        return false;
    };
    number.trim().parse() == Ok(0)
}

fn argument_span(argument: &FunctionArg, otherwise: Span) -> Span {
    match argument.span() {
        span if span == Span::empty() => otherwise,
        span => span,
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
fn order_of(list: &FunctionArgumentList) -> Option<Span> {
    list.clauses.iter().find_map(|clause| match clause {
        FunctionArgumentClause::OrderBy(keys) => {
            Some(keys.first().map_or_else(Span::empty, |key| key.expr.span()))
        }
        _ => None,
    })
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

fn no(message: String, place: Span, hint: &str) -> Found {
    ControlFlow::Break(Error::new(message).at(place).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse::parse;

    fn checked(sql: &str) -> Result<(), Error> {
        let kind_of = |name: &str, is_windowed: bool| match name {
            "abs" | "round" => Some(Kind::Scalar),
            "count" | "max" | "sum" => Some(Kind::Aggregate),
            "row_number" | "lag" | "rank" => Some(Kind::Window),
            "nth_value" if is_windowed => Some(Kind::Window),
            "nth_value" => Some(Kind::Aggregate),
            _ => None,
        };
        check(&parse(sql).unwrap(), &kind_of)
    }

    #[test]
    fn what_would_be_left_out_is_refused() {
        for (sql, message) in [
            (
                "SELECT abs(k) FILTER (WHERE k > 0) FROM t",
                "`abs` does not take FILTER: it is a scalar function",
            ),
            (
                "SELECT round(k) OVER () FROM t",
                "`round` does not take OVER: it is a scalar function",
            ),
            (
                "SELECT abs(DISTINCT k) FROM t",
                "`abs` does not take DISTINCT: it is a scalar function",
            ),
            ("SELECT count(1, 2)", "`count` takes one argument, not 2"),
            ("SELECT count()", "`count` without an argument"),
            (
                "SELECT count(DISTINCT *) FROM t",
                "`count(DISTINCT *)` names no column",
            ),
            ("SELECT row_number() FROM t", "`row_number` needs a window"),
            (
                "SELECT 1 FROM t WHERE (row_number() OVER ()) = 1",
                "a window function is not allowed in WHERE, which comes before the windows",
            ),
            (
                "SELECT rank() FILTER (WHERE x) OVER (ORDER BY x) FROM t",
                "`rank` takes no FILTER",
            ),
            (
                "SELECT lag(DISTINCT x) OVER (ORDER BY x) FROM t",
                "`lag` takes no DISTINCT",
            ),
            (
                "SELECT sum(x ORDER BY x) OVER () FROM t",
                "ORDER BY within `sum` over a window is not supported",
            ),
            (
                "SELECT nth_value(x, 2 ORDER BY x) OVER () FROM t",
                "ORDER BY within `nth_value` is not supported",
            ),
            (
                "SELECT lag(x, NULL) OVER (ORDER BY x) FROM t",
                "the second argument of `lag` is NULL",
            ),
            (
                "SELECT lag(x, (y)) OVER (ORDER BY x) FROM t",
                "the second argument of `lag` is a column",
            ),
            (
                "SELECT nth_value(x, -1) OVER (ORDER BY x) FROM t",
                "the second argument of `nth_value` is less than 1",
            ),
            (
                "SELECT 1 WHERE EXISTS (SELECT count(1, 2))",
                "`count` takes one argument, not 2",
            ),
            (
                "SELECT count(b.*) FROM a LEFT JOIN b ON true",
                "`count(b.*)` beside an outer join or DISTINCT is not supported",
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
            "SELECT sum(DISTINCT x) FILTER (WHERE x > 1), sum(x) OVER (ORDER BY x), lag(x, 2) OVER () FROM t",
            "SELECT nth_value(x, 2 ORDER BY x) FILTER (WHERE x > 1) FROM t",
            "SELECT count(b.*) FROM a JOIN b ON true",
        ] {
            checked(sql).unwrap();
        }
    }
}
