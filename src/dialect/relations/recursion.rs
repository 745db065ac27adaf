//! Refuses clauses of a recursive CTE that the engine ignores, and a second reference to its own rows.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{
    Cte, Expr, Function, JoinOperator, LimitClause, ObjectName, OrderByKind, Query, Select,
    SelectItem, SetExpr, Spanned, TableFactor, TableWithJoins, Visit, Visitor,
};
use sqlparser::tokenizer::Span;

use super::rule::Tables;
use crate::dialect::ast::{folded, function_name, visit_mut, wrap};
use crate::dialect::error::Error;
use crate::dialect::walk::{ChangedQueries, Walk};

/// Refuses ORDER BY, LIMIT and OFFSET after the terms of a recursive CTE, a CTE that reads itself twice, and one that
/// counts its own rows or joins them where they may be missing.
///
/// ```sql
/// WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM t LIMIT 3) SELECT * FROM t
/// -- becomes
/// refused
/// ```
///
/// The LIMIT is after both terms, where the engine does not look. Items of the second term become calls, `coalesce(x + 1)`:
/// a conversion around one is then the engine's own, and [`crate::dialect::plan`] sees which types it has.
pub(super) fn recursion(statement: &mut EngineStatement, tables: &Tables<'_>) -> Result<(), Error> {
    let mut queries = ChangedQueries(|query: &mut Query| {
        let ctes = query.with.iter_mut().filter(|with| with.recursive);
        for cte in ctes.flat_map(|with| &mut with.cte_tables) {
            let SetExpr::SetOperation { right, .. } = cte.query.body.as_ref() else {
                continue;
            };
            let named = times_named(right, cte);
            let name = &cte.alias.name;
            if named > 1 {
                let error = Error::new(format!(
                    "the recursive query `{}` is read {named} times in its second part",
                    name.value
                ));
                return ControlFlow::Break(
                    error
                        .at(name.span)
                        .hint("it can be read once there, in FROM"),
                );
            }
            let reads_itself = times_named(cte.query.as_ref(), cte) > 0;
            if let (true, Some((clause, span))) = (reads_itself, left_out(&cte.query)) {
                let error = Error::new(format!(
                    "{clause} in the recursive query `{}` is not supported",
                    name.value
                ));
                return ControlFlow::Break(error.at(span).hint(
                    "end the recursion with WHERE in its second part, and put ORDER BY and LIMIT where the result is read",
                ));
            }
            if named == 1 {
                let mut term = Term {
                    cte,
                    is_aggregate: tables.is_aggregate,
                };
                right.walk(&mut term)?;
                if let SetExpr::SetOperation { right, .. } = cte.query.body.as_mut() {
                    as_calls(right);
                }
            }
        }
        ControlFlow::Continue(())
    });
    visit_mut(statement, &mut queries)
}

/// Looks over the second term of a recursive CTE.
struct Term<'c> {
    cte: &'c Cte,
    is_aggregate: &'c dyn Fn(&str) -> bool,
}

impl Visitor for Term<'_> {
    type Break = Error;

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
        for table in &select.from {
            self.outer_join(table)?;
        }
        let is_read = select.from.iter().any(|table| self.is_in(table));
        if !is_read {
            return ControlFlow::Continue(());
        }
        let refuse = |expr: &Expr| self.aggregate(expr);
        select.projection.own_expressions(refuse)?;
        select.having.own_expressions(refuse)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
        let subquery = match expr {
            Expr::Subquery(subquery)
            | Expr::Exists { subquery, .. }
            | Expr::InSubquery { subquery, .. } => subquery,
            _ => return ControlFlow::Continue(()),
        };
        match times_named(subquery.as_ref(), self.cte) {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(self.misread("in a subquery that is a value or a condition")),
        }
    }
}

impl Term<'_> {
    /// Refuses `expr` if it is an aggregate.
    fn aggregate(&self, expr: &Expr) -> ControlFlow<Error> {
        match expr {
            Expr::Function(call)
                if call.over.is_none() && (self.is_aggregate)(&function_name(call)) =>
            {
                let error = Error::new(format!(
                    "`{}` in the second part of a recursive query",
                    call.name
                ));
                ControlFlow::Break(error.at(call.name.span()).hint(
                    "it would see only the rows of the current round; aggregate where the result is read",
                ))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn misread(&self, how: &str) -> Error {
        let name = &self.cte.alias.name;
        Error::new(format!(
            "the recursive query `{}` is read {how}",
            name.value
        ))
        .at(name.span)
        .hint("its second part takes it from FROM, in an inner join or to the left of a LEFT JOIN")
    }

    fn is_in(&self, table: &TableWithJoins) -> bool {
        let mut factors =
            std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation));
        factors.any(|factor| match factor {
            TableFactor::Table { .. } => times_named(factor, self.cte) > 0,
            TableFactor::NestedJoin {
                table_with_joins, ..
            } => self.is_in(table_with_joins),
            _ => false,
        })
    }

    /// Refuses an outer join in which the rows of the CTE may be missing.
    fn outer_join(&self, table: &TableWithJoins) -> ControlFlow<Error> {
        use JoinOperator::{FullOuter, Left, LeftOuter, Right, RightOuter};
        let nested = |factor: &TableFactor| match factor {
            TableFactor::NestedJoin {
                table_with_joins, ..
            } => self.outer_join(table_with_joins),
            _ => ControlFlow::Continue(()),
        };
        nested(&table.relation)?;
        let mut is_left = times_named(&table.relation, self.cte) > 0;
        for join in &table.joins {
            nested(&join.relation)?;
            let is_right = times_named(&join.relation, self.cte) > 0;
            let may_be_missing = match &join.join_operator {
                Left(_) | LeftOuter(_) => is_right,
                Right(_) | RightOuter(_) => is_left,
                FullOuter(_) => is_left || is_right,
                _ => false,
            };
            if may_be_missing {
                return ControlFlow::Break(
                    self.misread("on the side of an outer join whose rows may be missing"),
                );
            }
            is_left |= is_right;
        }
        ControlFlow::Continue(())
    }
}

/// Puts the items of `term` into calls that give their argument.
fn as_calls(term: &mut SetExpr) {
    match term {
        SetExpr::Select(select) => {
            for item in &mut select.projection {
                let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item
                else {
                    continue;
                };
                let is_plain = match &*expr {
                    Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) => true,
                    Expr::Function(Function { over, .. }) => over.is_none(),
                    _ => false,
                };
                if !is_plain {
                    wrap("coalesce", expr);
                }
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            as_calls(left);
            as_calls(right);
        }
        SetExpr::Query(query) => as_calls(&mut query.body),
        _ => {}
    }
}

/// Returns how often `term` reads the CTE that it is part of.
fn times_named(term: &impl Visit, cte: &Cte) -> usize {
    struct Named(String, usize);
    impl Visitor for Named {
        type Break = ();
        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
            let ident = match name.0.as_slice() {
                [part] => part.as_ident(),
                _ => None,
            };
            self.1 += usize::from(ident.is_some_and(|ident| folded(ident) == self.0));
            ControlFlow::Continue(())
        }
    }
    let mut named = Named(folded(&cte.alias.name), 0);
    let _ = term.walk(&mut named);
    named.1
}

fn left_out(query: &Query) -> Option<(&'static str, Span)> {
    if let Some(order_by) = &query.order_by {
        let first = match &order_by.kind {
            OrderByKind::Expressions(keys) => keys.first().map(|key| key.expr.span()),
            OrderByKind::All(_) => None,
        };
        return Some(("ORDER BY", first.unwrap_or_else(Span::empty)));
    }
    if let Some(fetch) = &query.fetch {
        let span = fetch.quantity.as_ref().map(Expr::span);
        return Some(("FETCH", span.unwrap_or_else(Span::empty)));
    }
    Some(match query.limit_clause.as_ref()? {
        LimitClause::LimitOffset {
            limit: Some(limit), ..
        } => ("LIMIT", limit.span()),
        LimitClause::LimitOffset {
            offset: Some(offset),
            ..
        } => ("OFFSET", offset.value.span()),
        LimitClause::LimitOffset { .. } => return None,
        LimitClause::OffsetCommaLimit { limit, .. } => ("LIMIT", limit.span()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::having;
    use super::*;
    use crate::dialect::parse::parse;

    fn refuse(statement: &mut EngineStatement) -> Result<(), Error> {
        recursion(statement, &having(&|_| None))
    }

    #[test]
    fn what_the_engine_would_leave_out_of_a_recursion_is_refused() {
        for (behind, clause) in [
            ("LIMIT 3", "LIMIT"),
            ("OFFSET 1", "OFFSET"),
            ("ORDER BY x LIMIT 3", "ORDER BY"),
            ("ORDER BY (SELECT max(x) FROM t)", "ORDER BY"),
            ("FETCH FIRST 3 ROWS ONLY", "FETCH"),
        ] {
            let sql = format!(
                "WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM T {behind}) SELECT * FROM t"
            );
            let error = refuse(&mut parse(&sql).unwrap()).unwrap_err();
            assert_eq!(
                error.message,
                format!("{clause} in the recursive query `t` is not supported")
            );
            assert!(error.span.is_some() || clause == "FETCH");
        }
    }

    #[test]
    fn its_own_rows_are_read_once() {
        let sql = "WITH RECURSIVE t AS (SELECT 1 AS x UNION SELECT a.x + b.x FROM t a, t b WHERE a.x < 9) SELECT * FROM t";
        let error = refuse(&mut parse(sql).unwrap()).unwrap_err();
        assert_eq!(
            error.message,
            "the recursive query `t` is read 2 times in its second part"
        );
    }

    #[test]
    fn what_is_not_recursive_keeps_its_limit() {
        let sql = "WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT 2 LIMIT 1) SELECT * FROM t ORDER BY x LIMIT 1";
        refuse(&mut parse(sql).unwrap()).unwrap();
    }

    #[test]
    fn its_own_rows_are_not_counted_nor_missing() {
        for (term, message) in [
            (
                "SELECT max(x) + 1 FROM t WHERE x < 3",
                "`max` in the second part of a recursive query",
            ),
            (
                "SELECT x FROM (SELECT max(x) AS x FROM t) AS s",
                "`max` in the second part of a recursive query",
            ),
            (
                "SELECT u.x FROM u LEFT JOIN t ON true",
                "the recursive query `t` is read on the side of an outer join whose rows may be missing",
            ),
            (
                "SELECT x FROM u WHERE EXISTS (SELECT 1 FROM t)",
                "the recursive query `t` is read in a subquery that is a value or a condition",
            ),
        ] {
            let sql = format!(
                "WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL {term}) SELECT max(x) FROM t"
            );
            let error = refuse(&mut parse(&sql).unwrap()).unwrap_err();
            assert_eq!(error.message, message);
        }
        for term in [
            "SELECT t.x + 1 FROM t LEFT JOIN u ON u.x = t.x WHERE t.x < (SELECT max(x) FROM u)",
            "SELECT max(x) OVER () + 1 FROM t",
        ] {
            let sql =
                format!("WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL {term}) SELECT * FROM t");
            refuse(&mut parse(&sql).unwrap()).unwrap();
        }
    }
}
