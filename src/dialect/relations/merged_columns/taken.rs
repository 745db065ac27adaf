//! Names that an item of the select list has taken from a column, in HAVING and in expressions of ORDER BY.
//!
//! In `SELECT g, max(x) AS x FROM t GROUP BY g HAVING max(x) > 1 ORDER BY -max(x)` the engine takes the item for `x`, and
//! PostgreSQL the column. Here the column is given its table. Where no table has such a column, the item is all that can be
//! meant.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, GroupByExpr, Ident, OrderByExpr, Select, SelectItem, VisitorMut};

use super::relation::{Relation, any_may_have};
use crate::dialect::ast::{folded, idents, result};
use crate::dialect::error::Error;
use crate::dialect::walk::{Walk, WalkMut};

/// Names that are taken around a subquery.
pub(super) struct Taken {
    /// How many relations there are around the subquery.
    pub(super) level: usize,
    pub(super) names: Vec<String>,
    /// The clause that it is in.
    pub(super) clause: &'static str,
}

/// Breaks if an expression among `keys` has the name of one of `items` in it.
pub(super) fn name_an_item(keys: &[OrderByExpr], items: &[SelectItem]) -> ControlFlow<()> {
    let is_item = |ident: &Ident| {
        items.iter().any(
            |item| matches!(item, SelectItem::ExprWithAlias { alias, .. } if folded(alias) == folded(ident)),
        )
    };
    keys.iter()
        .filter(|key| !matches!(key.expr, Expr::Identifier(_)))
        .try_for_each(|key| {
            key.expressions(|expr| match expr {
                Expr::Identifier(ident) if is_item(ident) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            })
        })
}

/// Returns the names of `items` for something else than the columns of `from`, or of the queries in `outer`, that have them.
pub(super) fn taken_names(
    items: &[SelectItem],
    from: &Relation,
    outer: &[Relation],
) -> Vec<String> {
    let taken = |item: &SelectItem| {
        let SelectItem::ExprWithAlias { expr, alias } = item else {
            return None;
        };
        let name = folded(alias);
        let is_itself = idents(expr).is_some_and(|path| match path.as_slice() {
            [column] => folded(column) == name,
            // A path into a nested column is another column.
            [table @ .., column] => folded(column) == name && from.has_table(table),
            [] => false,
        });
        let is_taken = from.may_have(&name) || any_may_have(outer, &name);
        (is_taken && !is_itself).then_some(name)
    };
    items.iter().filter_map(taken).collect()
}

/// Gives the columns in HAVING whose names are `taken` their table: they can be columns if they are grouped by, or in a call.
///
/// # Errors
///
/// Fails for a column whose table has no name, and for one of an outer query.
pub(super) fn name_in_having(
    select: &mut Select,
    from: &Relation,
    taken: &[String],
) -> Result<(), Error> {
    let name = |expr: &Expr| match expr {
        Expr::Identifier(ident) => Some(folded(ident)),
        _ => None,
    };
    let items = select.projection.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr) => Some(expr),
        _ => None,
    });
    let keys: &[Expr] = match &select.group_by {
        GroupByExpr::Expressions(keys, _) => keys,
        GroupByExpr::All(_) => &[],
    };
    let grouped: Vec<String> = items.chain(keys).filter_map(name).collect();
    let mut columns = Columns {
        taken,
        from,
        clause: "HAVING",
        calls: 0,
        is_column: &|name, calls| calls > 0 || grouped.iter().any(|grouped| grouped == name),
    };
    result(select.having.walk_own_mut(&mut columns))
}

/// The same for an expression that rows are ordered by, where no name is an item's.
///
/// # Errors
///
/// Fails for a column whose table has no name, and for one of an outer query.
pub(super) fn name_in_order(
    key: &mut Expr,
    from: &Relation,
    taken: &[String],
) -> Result<(), Error> {
    let mut columns = Columns {
        taken,
        from,
        clause: "ORDER BY",
        calls: 0,
        is_column: &|_, _| true,
    };
    result(key.walk_own_mut(&mut columns))
}

/// Refuses a name that is `taken` in `expr`, which is in `clause`.
pub(super) fn refuse(expr: &Expr, taken: &[String], clause: &str) -> Result<(), Error> {
    result(expr.expressions(|expr| match expr {
        Expr::Identifier(ident) if taken.contains(&folded(ident)) => {
            ControlFlow::Break(is_both(ident, clause))
        }
        _ => ControlFlow::Continue(()),
    }))
}

/// Returns the column `name` of `from` with its table, as a subquery names it; None if it cannot. `within` are the relations
/// between the two.
pub(super) fn column(name: &str, from: &Relation, within: &[Relation]) -> Option<Expr> {
    let column = from.qualified(name)?;
    let table = idents(&column).and_then(|mut path| path.pop().map(|_| path));
    let is_hidden = table.is_none_or(|table| {
        let is_column = |it: &Relation| {
            table
                .last()
                .is_some_and(|last| it.has_column(&folded(last)))
        };
        (within.iter()).any(|it| it.has_table(&table) || is_column(it))
    });
    (!is_hidden).then_some(column)
}

/// Returns the error for a name that could be the column or the item.
pub(super) fn is_both(ident: &Ident, clause: &str) -> Error {
    Error::new(format!(
        "`{ident}` in {clause} is a column, and a name of the select list for something else"
    ))
    .hint("give the item another name")
    .at(ident.span)
}

struct Columns<'s> {
    taken: &'s [String],
    from: &'s Relation,
    clause: &'static str,
    /// How many calls are around the current expression.
    calls: usize,
    /// Returns true if a name within that many calls is that of a column, if there is one.
    is_column: &'s dyn Fn(&str, usize) -> bool,
}

impl VisitorMut for Columns<'_> {
    type Break = Error;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        self.calls += usize::from(matches!(expr, Expr::Function(_)));
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        self.calls -= usize::from(matches!(expr, Expr::Function(_)));
        let Expr::Identifier(ident) = expr else {
            return ControlFlow::Continue(());
        };
        let name = folded(ident);
        let is_outer = !self.from.may_have(&name);
        if self.taken.contains(&name) && (is_outer || (self.is_column)(&name, self.calls)) {
            match self.from.qualified(&name) {
                Some(column) => *expr = column,
                None => return ControlFlow::Break(is_both(ident, self.clause)),
            }
        }
        ControlFlow::Continue(())
    }
}
