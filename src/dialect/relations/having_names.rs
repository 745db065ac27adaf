//! Names in HAVING that are a column and an item of the select list.
//!
//! The engine takes the item, and PostgreSQL the column. Where no table has such a column, the item is all that can be meant.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{Expr, GroupByExpr, Ident, Select, SelectItem, SetExpr, TableFactor, Visitor};

use super::rule::Tables;
use crate::dialect::ast::{cte_names, folded, idents, last_ident, visit};
use crate::dialect::error::Error;
use crate::dialect::walk::Walk;

/// Returns true if `statement` has HAVING, so that [`having_names`] has to know its tables.
pub(crate) fn has_having(statement: &EngineStatement) -> bool {
    visit(statement, &mut Having).is_err()
}

struct Having;

impl Visitor for Having {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        match select.having {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }
}

/// Refuses a name in HAVING that two things have. Where `a` is (x, y):
///
/// ```sql
/// SELECT y AS x, count(*) FROM a GROUP BY x, y HAVING x > 1
/// -- becomes
/// refused
/// ```
///
/// Tables whose columns are not known are taken to have it.
pub(super) fn having_names(
    statement: &mut EngineStatement,
    tables: &Tables<'_>,
) -> Result<(), Error> {
    let mut selects = Selects {
        tables,
        named: cte_names(statement),
    };
    visit(statement, &mut selects)
}

struct Selects<'s> {
    tables: &'s Tables<'s>,
    /// What the CTEs of the statement are called.
    named: Vec<String>,
}

impl Visitor for Selects<'_> {
    type Break = Error;

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
        let factors = || {
            select.from.iter().flat_map(|table| {
                let joined = table.joins.iter().map(|join| &join.relation);
                std::iter::once(&table.relation).chain(joined)
            })
        };
        let is_column = |name: &Ident| factors().any(|factor| self.may_have(factor, name));
        let Some(name) = name_of_both(select, &is_column) else {
            return ControlFlow::Continue(());
        };
        let message = format!(
            "`{name}` in HAVING is a column, and a name of the select list for something else"
        );
        ControlFlow::Break(
            Error::new(message)
                .hint("give the item another name")
                .at(name.span),
        )
    }
}

impl Selects<'_> {
    /// Returns false if `factor` is known to have no column `name`.
    fn may_have(&self, factor: &TableFactor, name: &Ident) -> bool {
        let wanted = folded(name);
        match factor {
            TableFactor::Table {
                name: table,
                alias,
                args: None,
                ..
            } => {
                let is_renamed = alias
                    .as_ref()
                    .is_some_and(|alias| !alias.columns.is_empty());
                let is_named =
                    last_ident(table).is_none_or(|ident| self.named.contains(&folded(ident)));
                let columns = match is_renamed || is_named {
                    true => None,
                    false => (self.tables.columns)(table),
                };
                columns.is_none_or(|columns| columns.contains(&wanted))
            }
            TableFactor::Derived {
                subquery,
                alias: Some(alias),
                ..
            } if alias.columns.is_empty() => match subquery.body.as_ref() {
                SetExpr::Select(select) => select.projection.iter().any(|item| match item {
                    SelectItem::ExprWithAlias { alias, .. } => folded(alias) == wanted,
                    SelectItem::UnnamedExpr(expr) => idents(expr)
                        .and_then(|path| path.last().map(folded))
                        .is_none_or(|own| own == wanted),
                    _ => true,
                }),
                _ => true,
            },
            _ => true,
        }
    }
}

/// Returns a name in HAVING that could be a column of a table and an item of the select list: the engine takes the item,
/// and PostgreSQL the column. It can be a column there if it is grouped by, or is in a call.
fn name_of_both(select: &Select, is_column: &dyn Fn(&Ident) -> bool) -> Option<Ident> {
    let having = select.having.as_ref()?;
    let items: Vec<(&Expr, Option<&Ident>)> = (select.projection.iter())
        .filter_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } => Some((expr, Some(alias))),
            SelectItem::UnnamedExpr(expr) => Some((expr, None)),
            _ => None,
        })
        .collect();
    let given = |name: &Ident| {
        items.iter().any(|(expr, alias)| {
            let column = idents(expr).and_then(|idents| idents.last().map(folded));
            alias.is_some_and(|alias| folded(alias) == folded(name)) && column != Some(folded(name))
        }) && is_column(name)
    };
    let keys: &[Expr] = match &select.group_by {
        GroupByExpr::Expressions(keys, _) => keys,
        GroupByExpr::All(_) => &[],
    };
    let grouped = |name: &Ident| {
        let items = items.iter().map(|(expr, _)| *expr);
        let mut columns = keys.iter().chain(items);
        columns.any(|expr| matches!(expr, Expr::Identifier(key) if folded(key) == folded(name)))
    };
    let find = |expr: &Expr, is_column: &dyn Fn(&Ident) -> bool| {
        expr.expressions(|expr| match expr {
            Expr::Identifier(name) if given(name) && is_column(name) => {
                ControlFlow::Break(name.clone())
            }
            _ => ControlFlow::Continue(()),
        })
        .break_value()
    };
    let in_calls = having.expressions(|expr| {
        let call = matches!(expr, Expr::Function(_)).then_some(expr);
        match call.and_then(|call| find(call, &|_| true)) {
            Some(name) => ControlFlow::Break(name),
            None => ControlFlow::Continue(()),
        }
    });
    in_calls.break_value().or_else(|| find(having, &grouped))
}

#[cfg(test)]
mod tests {
    use super::super::tests::applied;
    use super::*;

    #[test]
    fn a_name_that_no_table_has_is_the_item() {
        for sql in [
            "SELECT y AS own, count(*) FROM a GROUP BY own HAVING own > 1",
            "SELECT z AS own FROM (SELECT y AS z FROM a) AS s GROUP BY own HAVING own > 1",
        ] {
            assert_eq!(applied(having_names, sql).unwrap(), sql);
        }
        for sql in [
            "SELECT y AS own, count(*) FROM unknown GROUP BY own HAVING own > 1",
            "SELECT y AS own FROM (SELECT * FROM a) AS s GROUP BY own HAVING own > 1",
            "WITH a AS (SELECT 1 AS own, 2 AS y) SELECT y AS own FROM a GROUP BY own HAVING own > 1",
        ] {
            let error = applied(having_names, sql).unwrap_err();
            assert!(error.message.contains("`own` in HAVING"), "{sql}");
        }
    }
}
