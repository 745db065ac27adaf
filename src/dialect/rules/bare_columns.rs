//! Columns beside aggregates that are neither grouped nor aggregated.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    GroupByExpr, Ident, OrderByExpr, OrderByKind, OrderByOptions, Query, Select, SelectItem,
    SetExpr, Statement, VisitorMut,
};

use super::rule::Aggregation;
use crate::dialect::ast::{call, folded, function_name, idents, position, taken};
use crate::dialect::path::path_name;
use crate::dialect::walk::WalkMut;

/// Takes a bare column from some row of each group, as SQLite does; beside a lone `max` or `min`, from the row with the
/// largest or smallest value.
///
/// ```sql
/// SELECT id, max(a) FROM t GROUP BY kind
/// -- becomes
/// SELECT first_value(id ORDER BY a DESC NULLS LAST) AS "id", max(a) FROM t GROUP BY kind
/// ```
///
/// Not below GROUP BY ALL, which has no bare column, and not in inner queries of an item.
///
/// Returns the names of the columns that it takes from any row.
pub(super) fn bare_columns(
    statement: &mut Statement,
    aggregation: &Aggregation<'_>,
) -> BTreeSet<String> {
    let mut queries = Queries {
        aggregation,
        taken: BTreeSet::new(),
    };
    // The visitor never breaks off.
    let _ = statement.walk_mut(&mut queries);
    queries.taken
}

struct Queries<'f> {
    aggregation: &'f Aggregation<'f>,
    taken: BTreeSet<String>,
}

impl VisitorMut for Queries<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Query { body, order_by, .. } = query;
        match body.as_mut() {
            SetExpr::Select(select) => {
                let order = order_by.as_mut().map(|order_by| &mut order_by.kind);
                self.select(select, order);
            }
            body => self.operands(body),
        }
        ControlFlow::Continue(())
    }
}

impl Queries<'_> {
    fn operands(&mut self, body: &mut SetExpr) {
        match body {
            SetExpr::Select(select) => self.select(select, None),
            SetExpr::SetOperation { left, right, .. } => {
                self.operands(left);
                self.operands(right);
            }
            _ => {}
        }
    }

    fn select(&mut self, select: &mut Select, order: Option<&mut OrderByKind>) {
        // Grouped by every column there is, it has no bare one.
        if matches!(select.group_by, GroupByExpr::All(_)) {
            return;
        }
        let mut groups = groups(select);
        let mut aggregates = Aggregates {
            aggregation: self.aggregation,
            found: Vec::new(),
        };
        let _ = select.projection.walk_mut(&mut aggregates);
        let _ = select.having.walk_mut(&mut aggregates);
        if groups.is_empty() && aggregates.found.is_empty() {
            return;
        }
        let aliases: Vec<String> = select
            .projection
            .iter()
            .filter_map(|item| match item {
                SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
                _ => None,
            })
            .collect();
        let mut columns = Columns {
            aggregation: self.aggregation,
            groups: std::mem::take(&mut groups),
            aliases: Vec::new(),
            order: extreme(&aggregates.found),
            within: 0,
            path: Vec::new(),
            taken: &mut self.taken,
        };
        // What is given a name, and that name.
        let mut named: Vec<(Expr, Ident)> = Vec::new();
        for item in &mut select.projection {
            let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item
            else {
                continue;
            };
            let bare = expr.clone();
            let _ = expr.walk_own_mut(&mut columns);
            // A query around this one finds it by the name of the column, and not the column of that name further out.
            if let SelectItem::UnnamedExpr(expr) = item
                && *expr != bare
                && let Some(name) = idents(&bare).and_then(|mut idents| idents.pop())
                && !aliases.contains(&folded(&name))
                && named.iter().all(|(_, known)| known.value != folded(&name))
            {
                let alias = Ident::with_quote('"', folded(&name));
                named.push((bare, alias.clone()));
                *item = SelectItem::ExprWithAlias {
                    expr: taken(expr),
                    alias,
                };
            }
        }
        // These see the names that the select list gives.
        columns.aliases = aliases;
        let _ = select.having.walk_own_mut(&mut columns);
        let names = named.iter().map(|(_, alias)| alias.value.clone());
        columns.aliases.extend(names);
        if let Some(OrderByKind::Expressions(keys)) = order {
            for key in keys {
                if let Some((_, alias)) = named.iter().find(|(bare, _)| *bare == key.expr) {
                    key.expr = Expr::Identifier(alias.clone());
                }
                let _ = key.expr.walk_own_mut(&mut columns);
            }
        }
    }
}

/// Returns what `select` is grouped by, positions and names of the select list resolved.
fn groups(select: &Select) -> Vec<Expr> {
    let GroupByExpr::Expressions(expressions, _) = &select.group_by else {
        return Vec::new();
    };
    let resolved = |expr: &Expr| {
        let item = match expr {
            Expr::Value(_) => position(expr).and_then(|position| select.projection.get(position)),
            Expr::Identifier(ident) => select.projection.iter().find(|item| {
                matches!(item, SelectItem::ExprWithAlias { alias, .. } if folded(alias) == folded(ident))
            }),
            _ => None,
        };
        match item {
            Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => {
                expr.clone()
            }
            _ => expr.clone(),
        }
    };
    expressions
        .iter()
        .flat_map(|expr| [expr.clone(), resolved(expr)])
        .collect()
}

/// Returns the order that puts the row first which the only aggregate, `max(x)` or `min(x)`, stands for.
fn extreme(aggregates: &[Function]) -> Option<OrderByExpr> {
    let [only] = aggregates else {
        return None;
    };
    let ascending = match function_name(only).as_str() {
        "min" => true,
        "max" => false,
        _ => return None,
    };
    let FunctionArguments::List(list) = &only.args else {
        return None;
    };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(value))] = list.args.as_slice() else {
        return None;
    };
    Some(OrderByExpr {
        expr: value.clone(),
        options: OrderByOptions {
            asc: Some(ascending),
            nulls_first: Some(false),
        },
        with_fill: None,
    })
}

/// Returns true for a call that looks at all rows of a group: `max(a)`, but not `max(a, b)` or `sum(a) OVER ()`.
fn aggregates(function: &Function, aggregation: &Aggregation<'_>) -> bool {
    let name = function_name(function);
    let arguments = match &function.args {
        FunctionArguments::List(list) => list.args.len(),
        _ => 0,
    };
    let is_scalar = matches!(name.as_str(), "max" | "min") && arguments > 1;
    function.over.is_none() && !is_scalar && (aggregation.is_aggregate)(&name)
}

/// Finds the aggregates of one query.
struct Aggregates<'f> {
    aggregation: &'f Aggregation<'f>,
    found: Vec<Function>,
}

impl VisitorMut for Aggregates<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && aggregates(function, self.aggregation)
            && !self.found.contains(function)
        {
            self.found.push(function.clone());
        }
        ControlFlow::Continue(())
    }
}

/// Wraps the columns of one query that are outside of its aggregates and groups.
struct Columns<'q> {
    aggregation: &'q Aggregation<'q>,
    groups: Vec<Expr>,
    /// Names that are not columns.
    aliases: Vec<String>,
    order: Option<OrderByExpr>,
    /// How many of the expressions on the way here are not to be looked into.
    within: usize,
    /// For each expression on the way here, whether it is one of those.
    path: Vec<bool>,
    taken: &'q mut BTreeSet<String>,
}

impl VisitorMut for Columns<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let is_closed = self.groups.contains(expr)
            || is_column(expr)
            || matches!(expr, Expr::Function(function)
                if function.over.is_some() || aggregates(function, self.aggregation));
        self.path.push(is_closed);
        self.within += usize::from(is_closed);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.path.pop() == Some(true) {
            self.within -= 1;
        }
        let is_alias =
            matches!(expr, Expr::Identifier(ident) if self.aliases.contains(&folded(ident)));
        if self.within == 0 && is_column(expr) && !is_alias && !self.groups.contains(expr) {
            self.taken.insert(
                path_name(expr, self.aggregation.shape).unwrap_or_else(|| expr.to_string()),
            );
            let column = taken(expr);
            *expr = first_value(column, self.order.clone());
        }
        ControlFlow::Continue(())
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. }
    )
}

fn first_value(column: Expr, order: Option<OrderByExpr>) -> Expr {
    let mut call = call("first_value", column);
    if let (Expr::Function(function), Some(order)) = (&mut call, order)
        && let FunctionArguments::List(list) = &mut function.args
    {
        list.clauses = vec![FunctionArgumentClause::OrderBy(vec![order])];
    }
    call
}

#[cfg(test)]
mod tests {
    use super::super::tests::statement;
    use super::*;
    use crate::dialect::shape::tests::shape;

    fn taken(sql: &str) -> (String, Vec<String>) {
        let mut statement = statement(sql);
        let aggregation = Aggregation {
            is_aggregate: &|name| ["count", "max", "min", "first_value"].contains(&name),
            shape: &shape(),
        };
        let taken = bare_columns(&mut statement, &aggregation);
        let (once, names) = (statement.to_string(), taken.into_iter().collect());
        assert!(
            bare_columns(&mut statement, &aggregation).is_empty(),
            "{once}"
        );
        (once, names)
    }

    #[test]
    fn bare_columns_are_of_some_row() {
        for (sql, expected, names) in [
            (
                "SELECT id, count(*) FROM t",
                "SELECT first_value(id) AS \"id\", count(*) FROM t",
                vec!["id"],
            ),
            (
                "SELECT a + b AS c, upper(a), count(b) FROM t GROUP BY upper(a) HAVING b > 1 ORDER BY c, d",
                "SELECT first_value(a) + first_value(b) AS c, upper(a), count(b) FROM t GROUP BY upper(a) HAVING first_value(b) > 1 ORDER BY c, first_value(d)",
                vec!["a", "b", "d"],
            ),
            (
                "SELECT upper(x) AS u, y FROM t GROUP BY u",
                "SELECT upper(x) AS u, first_value(y) AS \"y\" FROM t GROUP BY u",
                vec!["y"],
            ),
            (
                "SELECT 1 UNION SELECT spec.owner.id FROM t GROUP BY kind",
                "SELECT 1 UNION SELECT first_value(spec.owner.id) AS \"id\" FROM t GROUP BY kind",
                vec!["spec.owner.id"],
            ),
        ] {
            let (sql, taken) = taken(sql);
            assert_eq!(sql, expected);
            assert_eq!(taken, names);
        }
    }

    #[test]
    fn the_row_of_a_lone_extreme_is_the_one_with_it() {
        let (sql, _) = taken("SELECT id, max(a) FROM t GROUP BY kind");
        assert_eq!(
            sql,
            "SELECT first_value(id ORDER BY a DESC NULLS LAST) AS \"id\", max(a) FROM t GROUP BY kind"
        );
        let (sql, _) = taken("SELECT id, min(a), count(*) FROM t");
        assert!(sql.contains("first_value(id) AS"), "{sql}");
    }

    #[test]
    fn other_queries_stay_as_they_are() {
        for sql in [
            "SELECT a, max(a, b) FROM t",
            "SELECT a, count(*) OVER () FROM t",
            "SELECT kind, count(*) FROM t GROUP BY 1 ORDER BY kind",
            "SELECT count(*), (SELECT a FROM u LIMIT 1) FROM t",
        ] {
            assert_eq!(taken(sql), (sql.to_owned(), Vec::new()));
        }
    }
}
