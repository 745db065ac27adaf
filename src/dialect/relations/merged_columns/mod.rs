//! USING and NATURAL joins as joins ON a condition, with the merged column spelled out wherever it is named.
//!
//! The engine takes an unqualified `x` for one of the two sides. Of an inner and a left join the left side is right, of a
//! right join the right one, of a full join neither. `SELECT *` gives the merged columns first and once. `a.x` and `b.x`
//! stay what they are. A join in parentheses with an alias becomes a subquery.
//!
//! The columns of tables come from outside, those of subqueries and CTEs are read here. Column aliases that are fewer
//! than the columns are completed along the way, because this is where both are known: `(VALUES (1, 2)) t(a)` becomes
//! `t(a, column2)`.
//!
//! ORDER BY ALL becomes the positions of the columns. The engine ignores it after a set operation.
//!
//! A CTE that has the name of one outside, which the engine refuses, is renamed where it is known.
//!
//! Not handled: `x.field` of a merged object, which is ambiguous for the engine and so an error, and pipe operators.

mod relation;
mod tree;

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{
    Cte, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, OrderBy, OrderByExpr, OrderByKind,
    Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableAlias,
    TableAliasColumnDef, TableFactor, TableWithJoins, VisitMut, Visitor, VisitorMut,
};

use self::relation::{Found, Relation};
use super::rule::Tables;
use crate::dialect::ast::{folded, number, result, visit, visit_mut};
use crate::dialect::error::Error;
use crate::dialect::walk::WalkMut;

/// The columns of a table by its name as it was typed; None if they are not known.
type Columns<'t> = dyn Fn(&ObjectName) -> Option<Vec<String>> + 't;

/// The names of a query's columns; None if not all of them are known.
type Names = Option<Vec<String>>;

/// Returns true if `statement` has a join whose columns are merged, or orders by all columns of a set operation, so that
/// [`MERGED_COLUMNS`] has to know its tables.
pub(crate) fn has_merged_columns(statement: &EngineStatement) -> bool {
    visit(statement, &mut Merges).is_err()
}

/// Returns the names of the tables that `statement` reads, CTEs among them.
pub(crate) fn tables_of(statement: &EngineStatement) -> Vec<ObjectName> {
    let mut tables = Named(Vec::new());
    // The visitor never breaks off.
    let _ = visit(statement, &mut tables);
    tables.0
}

struct Named(Vec<ObjectName>);

impl Visitor for Named {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name, args: None, ..
        } = factor
            && !self.0.contains(name)
        {
            self.0.push(name.clone());
        }
        ControlFlow::Continue(())
    }
}

struct Merges;

impl Visitor for Merges {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let kind = query.order_by.as_ref().map(|order_by| &order_by.kind);
        match (kind, query.body.as_ref()) {
            (Some(OrderByKind::All(_)), SetExpr::SetOperation { .. }) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        match select.from.iter().any(merges) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

/// Returns true if `tree` has USING or NATURAL outside of subqueries.
fn merges(tree: &TableWithJoins) -> bool {
    let within = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin {
            table_with_joins, ..
        } => merges(table_with_joins),
        _ => false,
    };
    let joins = &tree.joins;
    let merged = |operator: &JoinOperator| {
        matches!(
            tree::constraint(operator),
            Some((_, JoinConstraint::Using(_) | JoinConstraint::Natural))
        )
    };
    within(&tree.relation)
        || joins
            .iter()
            .any(|join| merged(&join.join_operator) || within(&join.relation))
}

/// Makes joins with USING, and NATURAL ones, joins ON a condition. Where `a` is (x, y) and `b` is (x, z):
///
/// ```sql
/// SELECT * FROM a FULL JOIN b USING (x) WHERE x > 1
/// -- becomes
/// SELECT coalesce(a.x, b.x) AS x, a.y, b.z FROM a FULL JOIN b ON a.x = b.x WHERE coalesce(a.x, b.x) > 1
/// ```
///
/// Also spells ORDER BY ALL out, as the positions of all columns. Refuses a column of USING that one side does not have, or
/// has twice.
pub(super) fn merged_columns(
    statement: &mut EngineStatement,
    tables: &Tables<'_>,
) -> Result<(), Error> {
    let mut rewriter = Rewriter {
        tables: tables.columns,
        ctes: Vec::new(),
        outer: Vec::new(),
        beside: 0,
        derived: 0,
        renamed: 0,
    };
    let mut visitor = Expressions {
        rewriter: &mut rewriter,
        depth: 0,
    };
    visit_mut(statement, &mut visitor)
}

struct Rewriter<'t> {
    tables: &'t Columns<'t>,
    /// The CTEs in sight, the innermost last.
    ctes: Vec<CteInSight>,
    /// The relations that an expression may refer to, those of outer queries first.
    outer: Vec<Relation>,
    /// How many of these are tables before the one at hand, which sees them if it is LATERAL.
    beside: usize,
    /// How many subqueries have been given an alias.
    derived: usize,
    /// How many CTEs have been renamed.
    renamed: usize,
}

/// A CTE by the name that it was given.
#[derive(Clone)]
struct CteInSight {
    name: String,
    columns: Names,
    /// What it is called instead, because one outside has its name: the engine knows one of a name.
    called: Option<Ident>,
}

impl Rewriter<'_> {
    fn query(&mut self, query: &mut Query) -> Result<Names, Error> {
        let in_sight = self.ctes.len();
        let beside = std::mem::take(&mut self.beside);
        if let Some(with) = &mut query.with {
            for cte in &mut with.cte_tables {
                let name = folded(&cte.alias.name);
                let is_taken = self.ctes[..in_sight].iter().any(|it| it.name == name);
                let called = is_taken.then(|| {
                    self.renamed += 1;
                    Ident::with_quote('"', format!("__{name}_{}", self.renamed))
                });
                let columns = match with.recursive {
                    true => self.recursive(cte, &name, called.as_ref())?,
                    false => self.query(&mut cte.query)?,
                };
                let columns = named(columns, Some(&mut cte.alias));
                if let Some(called) = &called {
                    cte.alias.name = called.clone();
                }
                self.ctes.push(CteInSight {
                    name,
                    columns,
                    called,
                });
            }
        }
        let columns = match query.body.as_mut() {
            SetExpr::Select(select) => self.select(select, query.order_by.as_mut()),
            body => self.body(body),
        };
        if let Some(order_by) = &mut query.order_by
            && let (OrderByKind::All(options), Ok(Some(names))) = (&order_by.kind, &columns)
        {
            let keys = (1..=names.len()).map(|position| OrderByExpr {
                expr: number(position as u64),
                options: *options,
                with_fill: None,
            });
            order_by.kind = OrderByKind::Expressions(keys.collect());
        }
        if let Some(limit) = &mut query.limit_clause {
            self.expressions(limit)?;
        }
        self.ctes.truncate(in_sight);
        self.beside = beside;
        columns
    }

    /// A CTE of WITH RECURSIVE, whose second term sees the columns of its first.
    fn recursive(
        &mut self,
        cte: &mut Cte,
        name: &str,
        called: Option<&Ident>,
    ) -> Result<Names, Error> {
        let SetExpr::SetOperation { left, right, .. } = cte.query.body.as_mut() else {
            return self.query(&mut cte.query);
        };
        let columns = self.body(left)?;
        let seen = named(columns.clone(), Some(&mut cte.alias));
        self.ctes.push(CteInSight {
            name: name.to_owned(),
            columns: seen,
            called: called.cloned(),
        });
        let outcome = self.body(right);
        self.ctes.pop();
        outcome?;
        Ok(columns)
    }

    fn body(&mut self, body: &mut SetExpr) -> Result<Names, Error> {
        match body {
            SetExpr::Select(select) => self.select(select, None),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { left, right, .. } => {
                let columns = self.body(left)?;
                self.body(right)?;
                Ok(columns)
            }
            SetExpr::Values(values) => {
                let width = values.rows.first().map_or(0, |row| row.len());
                self.expressions(values)?;
                Ok(Some((1..=width).map(|n| format!("column{n}")).collect()))
            }
            SetExpr::Table(table) => {
                let name = table.table_name.as_deref().map(Ident::new);
                let cte = name.and_then(|name| self.cte(&name));
                let Some(cte) = cte.filter(|_| table.schema_name.is_none()) else {
                    return Ok(None);
                };
                if let Some(called) = cte.called {
                    table.table_name = Some(called.value);
                }
                Ok(cte.columns)
            }
            _ => Ok(None),
        }
    }

    fn select(
        &mut self,
        select: &mut Select,
        order_by: Option<&mut OrderBy>,
    ) -> Result<Names, Error> {
        let is_merged = select.from.iter().any(merges);
        let several = select.from.len() > 1 || select.from.iter().any(|it| !it.joins.is_empty());
        let mut from = Relation::default();
        for tree in &mut select.from {
            let relation = self.behind(from.clone(), |it| it.tree(tree, several));
            from.append(relation?);
        }
        if is_merged {
            from.spread_stars(select)?;
        }
        self.outer.push(from);
        let outcome = self.clauses(select, order_by);
        let from = self.outer.pop().unwrap_or_default();
        outcome?;
        Ok(output(select, &from))
    }

    /// Lets `rewrite` look at a table that comes after `before`.
    fn behind<T>(&mut self, before: Relation, rewrite: impl FnOnce(&mut Self) -> T) -> T {
        let beside = self.beside;
        self.outer.push(before);
        self.beside += 1;
        let outcome = rewrite(self);
        // What fails leaves its own count there.
        self.beside = beside;
        self.outer.pop();
        outcome
    }

    /// Everything of a SELECT but FROM.
    fn clauses(
        &mut self,
        select: &mut Select,
        order_by: Option<&mut OrderBy>,
    ) -> Result<(), Error> {
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(Expr::Identifier(ident)) = item
                && let Some(expr) = self.merged(ident)
            {
                let alias = Ident::with_quote('"', folded(ident));
                *item = SelectItem::ExprWithAlias { expr, alias };
            }
        }
        if let Some(from) = self.outer.last() {
            tell_apart(&mut select.projection, from);
        }
        let from = std::mem::take(&mut select.from);
        let outcome = self.expressions(select);
        select.from = from;
        outcome?;
        let Some(order_by) = order_by else {
            return Ok(());
        };
        let OrderByKind::Expressions(keys) = &mut order_by.kind else {
            return Ok(());
        };
        for key in keys {
            let is_output = |item: &SelectItem| match (item, &key.expr) {
                (SelectItem::ExprWithAlias { alias, .. }, Expr::Identifier(ident)) => {
                    folded(alias) == folded(ident)
                }
                _ => false,
            };
            if !select.projection.iter().any(is_output) {
                self.expressions(key)?;
            }
        }
        Ok(())
    }

    /// Puts merged columns in the place of their names in `node`, and rewrites the queries in it.
    fn expressions(&mut self, node: &mut impl VisitMut) -> Result<(), Error> {
        let mut visitor = Expressions {
            rewriter: self,
            depth: 0,
        };
        result(node.walk_mut(&mut visitor))
    }

    /// Returns what `ident` stands for, if that is a merged column of the nearest query that has it.
    fn merged(&self, ident: &Ident) -> Option<Expr> {
        let name = folded(ident);
        for relation in self.outer.iter().rev() {
            match relation.find(&name) {
                Found::Nothing => {}
                Found::Merged(expr) => return Some(expr.clone()),
                Found::Other => return None,
            }
        }
        None
    }
}

/// Visits the expressions of one query; those of queries in it are the rewriter's.
struct Expressions<'r, 't> {
    rewriter: &'r mut Rewriter<'t>,
    depth: usize,
}

impl VisitorMut for Expressions<'_, '_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        self.depth += 1;
        if self.depth == 1
            && let Err(error) = self.rewriter.query(query)
        {
            return ControlFlow::Break(error);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Error> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        if let (0, Expr::Identifier(ident)) = (self.depth, &*expr)
            && let Some(merged) = self.rewriter.merged(ident)
        {
            *expr = merged;
        }
        ControlFlow::Continue(())
    }
}

/// Gives columns of one table an alias where another column has their name: a merged one, which the engine would find
/// ambiguous, or the same without its table, which it would find there twice.
fn tell_apart(items: &mut [SelectItem], from: &Relation) {
    let names: Vec<String> = items
        .iter()
        .filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            SelectItem::UnnamedExpr(Expr::Identifier(ident)) => Some(folded(ident)),
            _ => None,
        })
        .collect();
    let mut number = 0;
    for item in items {
        if let SelectItem::UnnamedExpr(Expr::CompoundIdentifier(idents)) = item
            && let [table @ .., column] = idents.as_slice()
            && names.contains(&folded(column))
            && from.has_table(table)
        {
            number += 1;
            let alias = format!("{}_{number}", folded(column));
            *item = SelectItem::ExprWithAlias {
                expr: Expr::CompoundIdentifier(idents.clone()),
                alias: Ident::with_quote('"', alias),
            };
        }
    }
}

/// Returns the names of a relation's columns under `alias`, whose list of columns is completed.
fn named(columns: Names, alias: Option<&mut TableAlias>) -> Names {
    let Some(alias) = alias else {
        return columns;
    };
    let typed = alias.columns.iter().map(|column| folded(&column.name));
    let Some(columns) = columns else {
        return (!alias.columns.is_empty()).then(|| typed.collect());
    };
    if alias.columns.is_empty() {
        return Some(columns);
    }
    let missing = columns.get(alias.columns.len()..).unwrap_or_default();
    let missing = missing.iter().map(|name| TableAliasColumnDef {
        name: Ident::with_quote('"', name),
        data_type: None,
    });
    let missing: Vec<_> = missing.collect();
    alias.columns.extend(missing);
    Some(alias.columns.iter().map(|it| folded(&it.name)).collect())
}

/// Returns the names of the columns of `select` over `from`.
fn output(select: &Select, from: &Relation) -> Names {
    let mut names = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::ExprWithAlias { alias, .. } => names.push(folded(alias)),
            SelectItem::UnnamedExpr(expr) => names.push(match expr {
                Expr::Identifier(ident) => folded(ident),
                Expr::CompoundIdentifier(idents) => idents.last().map(folded)?,
                expr => expr.to_string(),
            }),
            SelectItem::Wildcard(options) if relation::is_plain(options) => {
                names.extend(from.names()?);
            }
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) if relation::is_plain(options) => names.extend(from.names_of(name)?),
            _ => return None,
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests;
