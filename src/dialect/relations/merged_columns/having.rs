//! Names in HAVING that are a column and an item of the select list.
//!
//! The engine takes the item, and PostgreSQL the column. Where no table has such a column, the item is all that can be meant.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, GroupByExpr, Ident, Select, SelectItem};

use super::relation::Relation;
use crate::dialect::ast::{folded, idents};
use crate::dialect::walk::Walk;

/// Returns a name in HAVING that could be a column and an item of the select list: the engine takes the item, and PostgreSQL
/// the column. It can be a column of `from` if it is grouped by, or is in a call, and one of an `outer` query anywhere.
pub(super) fn name_of_both(select: &Select, from: &Relation, outer: &[Relation]) -> Option<Ident> {
    let having = select.having.as_ref()?;
    let items: Vec<(&Expr, Option<&Ident>)> = (select.projection.iter())
        .filter_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } => Some((expr, Some(alias))),
            SelectItem::UnnamedExpr(expr) => Some((expr, None)),
            _ => None,
        })
        .collect();
    let is_outer = |name: &Ident| {
        let name = folded(name);
        !from.may_have(&name) && outer.iter().any(|relation| relation.may_have(&name))
    };
    let is_column = |name: &Ident| from.may_have(&folded(name)) || is_outer(name);
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
        is_outer(name)
            || columns
                .any(|expr| matches!(expr, Expr::Identifier(key) if folded(key) == folded(name)))
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
