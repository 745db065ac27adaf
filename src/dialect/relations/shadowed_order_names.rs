//! Sort keys whose name is also the alias of an item of the select list.
//!
//! In `SELECT upper(k.id) AS id FROM api_keys k ORDER BY k.id` the key is the column, and `id` is the item. The engine
//! adds the column to the select list, and then refuses two columns of one name.

use std::collections::HashSet;
use std::mem;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{Expr, Ident, OrderByKind, Query, SelectItem, SetExpr, TableFactor};

use super::rule::Tables;
use crate::dialect::ast::{folded, idents, visit_mut};
use crate::dialect::error::Error;
use crate::dialect::parse;
use crate::dialect::walk::{ChangedQueries, Walk};

/// Gives the items of such a query other names while it is ordered.
///
/// ```sql
/// SELECT upper(k.id) AS id, k.spec FROM api_keys k ORDER BY k.id LIMIT 5
/// -- becomes
/// SELECT __item_1 AS id, __item_2 AS spec FROM (SELECT upper(k.id) AS __item_1, k.spec AS __item_2 FROM api_keys k ORDER BY k.id LIMIT 5) AS __ordered
/// ```
///
/// A key that is a name alone still is the item of that name. Leaves a star alone, since the names in it are not known, and
/// DISTINCT, whose keys are items. Refuses a key that is the name of two items.
pub(super) fn shadowed_order_names(
    statement: &mut EngineStatement,
    tables: &Tables<'_>,
) -> Result<(), Error> {
    let mut queries = ChangedQueries(|query: &mut Query| {
        if has_taken_key(query) == Some(true) {
            let names = own_names(query);
            if let Err(error) = name_items_in_order(query, &names, tables.is_nested) {
                return ControlFlow::Break(error);
            }
            set_apart(query, names);
        }
        ControlFlow::Continue(())
    });
    visit_mut(statement, &mut queries)
}

/// Writes the own names of items for the keys that are their names alone, which [`set_apart`] takes from them.
fn name_items_in_order(
    query: &mut Query,
    own_names: &[Ident],
    is_nested: &dyn Fn(&str) -> bool,
) -> Result<(), Error> {
    let (SetExpr::Select(select), Some(order_by)) = (query.body.as_ref(), &mut query.order_by)
    else {
        return Ok(());
    };
    let OrderByKind::Expressions(keys) = &mut order_by.kind else {
        return Ok(());
    };
    let names: Vec<_> = select
        .projection
        .iter()
        .map(|item| name_of(item, is_nested))
        .collect();
    for key in keys {
        let Expr::Identifier(typed) = &key.expr else {
            continue;
        };
        let name = folded(typed);
        let mut items = (names.iter().enumerate()).filter_map(|(at, own)| {
            own.as_ref()
                .filter(|(own, _)| *own == name)
                .map(|own| (at, own.1))
        });
        let Some((at, expr)) = items.next() else {
            continue;
        };
        if items.any(|(_, other)| other != expr) {
            let error = Error::new(format!("`{typed}` in ORDER BY is the name of two columns"));
            return Err(error
                .at(typed.span)
                .hint("give one of them another name with AS"));
        }
        key.expr = Expr::Identifier(own_names[at].clone());
    }
    Ok(())
}

/// Returns what the column of `item` is called, if it has a name, and what it is.
fn name_of<'i>(
    item: &'i SelectItem,
    is_nested: &dyn Fn(&str) -> bool,
) -> Option<(String, &'i Expr)> {
    match item {
        SelectItem::ExprWithAlias { expr, alias } => Some((folded(alias), expr)),
        SelectItem::UnnamedExpr(expr) => match idents(expr)?.as_slice() {
            [name] => Some((folded(name), expr)),
            [table, name] if !is_nested(&folded(table)) => Some((folded(name), expr)),
            _ => None,
        },
        _ => None,
    }
}

/// Returns what the items of `query` are called while it is ordered. Other clauses may name one whose name no key has.
fn own_names(query: &Query) -> Vec<Ident> {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return Vec::new();
    };
    let mut taken = HashSet::new();
    let _ = query.order_by.expressions(|expr| {
        if let Expr::CompoundIdentifier(path) = expr {
            taken.extend(path.last().map(folded));
        }
        ControlFlow::<()>::Continue(())
    });
    let own = |(position, item): (usize, &SelectItem)| match item {
        SelectItem::ExprWithAlias { alias, .. } if taken.insert(folded(alias)) => alias.clone(),
        _ => Ident::with_quote('"', format!("__item_{}", position + 1)),
    };
    select.projection.iter().enumerate().map(own).collect()
}

/// Returns true if a key of the order is, or has in it, a column with the name of a table before it, and an item that is
/// something else has the column's name. None if `query` cannot be set apart.
fn has_taken_key(query: &Query) -> Option<bool> {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return None;
    };
    let keys = match &query.order_by.as_ref()?.kind {
        OrderByKind::Expressions(keys) => keys,
        OrderByKind::All(_) => return None,
    };
    let aliases = select.projection.iter().map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } => Some(Some((expr, folded(alias)))),
        SelectItem::UnnamedExpr(_) => Some(None),
        _ => None,
    });
    let aliases: Vec<_> = aliases.collect::<Option<Vec<_>>>()?;
    if select.distinct.is_some() {
        return None;
    }
    let is_taken = |key: &Expr| {
        let path = match key {
            Expr::CompoundIdentifier(path) => path,
            _ => return ControlFlow::Continue(()),
        };
        let name = path.last().map(folded);
        let is_other = aliases
            .iter()
            .flatten()
            .any(|(expr, alias)| Some(alias) == name.as_ref() && *expr != key);
        match is_other {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    Some(keys.expressions(is_taken).is_break())
}

/// Puts `query` into FROM, where its items have names of their own.
fn set_apart(query: &mut Query, own_names: Vec<Ident>) {
    let Some(mut outer) = parse::query("SELECT FROM (SELECT 1) AS __ordered") else {
        return;
    };
    let (SetExpr::Select(around), SetExpr::Select(select)) =
        (outer.body.as_mut(), query.body.as_mut())
    else {
        return;
    };
    for (item, own) in mem::take(&mut select.projection).into_iter().zip(own_names) {
        let (expr, alias) = match item {
            SelectItem::ExprWithAlias { expr, alias } => (expr, alias),
            SelectItem::UnnamedExpr(expr) => {
                let name = idents(&expr).and_then(|path| path.last().cloned());
                let name = name.unwrap_or_else(|| Ident::with_quote('"', expr.to_string()));
                (expr, name)
            }
            _ => return,
        };
        around.projection.push(SelectItem::ExprWithAlias {
            expr: Expr::Identifier(own.clone()),
            alias,
        });
        select
            .projection
            .push(SelectItem::ExprWithAlias { expr, alias: own });
    }
    let Some(TableFactor::Derived { subquery, .. }) =
        around.from.first_mut().map(|from| &mut from.relation)
    else {
        return;
    };
    outer.with = query.with.take();
    mem::swap(subquery.as_mut(), query);
    *query = outer;
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;
    use super::shadowed_order_names;

    fn set(sql: &str) -> String {
        told(shadowed_order_names, sql).replace('"', "")
    }

    #[test]
    fn only_what_is_taken_is_set_apart() {
        for sql in [
            "SELECT k.id AS id FROM k ORDER BY k.id",
            "SELECT upper(k.id) AS x FROM k ORDER BY k.id",
            "SELECT upper(k.id) AS id FROM k ORDER BY id",
            "SELECT DISTINCT upper(k.id) AS id FROM k ORDER BY k.id",
            "SELECT *, upper(k.id) AS id FROM k ORDER BY k.id",
        ] {
            assert_eq!(set(sql), sql);
        }
    }

    #[test]
    fn a_name_alone_is_that_of_an_item() {
        insta::assert_snapshot!(set("SELECT -k.id AS id, k.z FROM k ORDER BY id, Z, k.id, y"), @"SELECT __item_1 AS id, __item_2 AS z FROM (SELECT -k.id AS __item_1, k.z AS __item_2 FROM k ORDER BY __item_1, __item_2, k.id, y) AS __ordered");
        insta::assert_snapshot!(set("SELECT -k.id AS id, k.x AS z, k.y AS z FROM k ORDER BY z, k.id"), @"`z` in ORDER BY is the name of two columns; give one of them another name with AS");
    }

    #[test]
    fn other_clauses_may_name_an_item() {
        insta::assert_snapshot!(set("SELECT lower(o) AS p, max(k.a) AS a FROM k GROUP BY p ORDER BY min(k.a), p"), @"SELECT p AS p, __item_2 AS a FROM (SELECT lower(o) AS p, max(k.a) AS __item_2 FROM k GROUP BY p ORDER BY min(k.a), p) AS __ordered");
    }

    #[test]
    fn a_key_is_looked_at_inside() {
        insta::assert_snapshot!(set("WITH c AS (SELECT 1 AS x) SELECT -c.x AS X, c.x + 1 FROM c ORDER BY abs(c.x)"), @"WITH c AS (SELECT 1 AS x) SELECT __item_1 AS X, __item_2 AS c.x + 1 FROM (SELECT -c.x AS __item_1, c.x + 1 AS __item_2 FROM c ORDER BY abs(c.x)) AS __ordered");
    }
}
