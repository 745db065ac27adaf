//! Clauses of a recursive CTE that the engine leaves out, and a second look at its own rows, which it does not have. Both
//! are refused.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{
    Cte, Expr, LimitClause, ObjectName, OrderByKind, Query, SetExpr, Spanned, Visit, Visitor,
    VisitorMut,
};
use sqlparser::tokenizer::Span;

use super::rule::RelationRule;
use crate::dialect::ast::{folded, visit_mut};
use crate::dialect::error::Error;

/// Refuses ORDER BY, LIMIT and OFFSET after the terms of a recursive CTE, and a CTE that reads itself twice.
///
/// ```sql
/// WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM t LIMIT 3) SELECT * FROM t
/// -- becomes
/// refused
/// ```
///
/// The LIMIT is after both terms, where the engine does not look.
pub(super) const RECURSION: RelationRule = RelationRule {
    name: "recursion",
    apply: |statement, _| refuse(statement),
};

fn refuse(statement: &mut EngineStatement) -> Result<(), Error> {
    visit_mut(statement, &mut Queries)
}

struct Queries;

impl VisitorMut for Queries {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        let ctes = query.with.iter().filter(|with| with.recursive);
        for cte in ctes.flat_map(|with| &with.cte_tables) {
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
            if let (1, Some((clause, span))) = (named, left_out(&cte.query)) {
                let error = Error::new(format!(
                    "{clause} in the recursive query `{}` is not supported",
                    name.value
                ));
                return ControlFlow::Break(error.at(span).hint(
                    "end the recursion with WHERE in its second part, and put ORDER BY and LIMIT where the result is read",
                ));
            }
        }
        ControlFlow::Continue(())
    }
}

/// Returns how often `term` reads the CTE that it is part of.
fn times_named(term: &SetExpr, cte: &Cte) -> usize {
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
    let _ = term.visit(&mut named);
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
    use super::*;
    use crate::dialect::parse::parse;

    #[test]
    fn what_the_engine_would_leave_out_of_a_recursion_is_refused() {
        for (behind, clause) in [
            ("LIMIT 3", "LIMIT"),
            ("OFFSET 1", "OFFSET"),
            ("ORDER BY x LIMIT 3", "ORDER BY"),
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
}
