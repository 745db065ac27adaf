//! Rewrites USING and NATURAL joins as joins ON a condition, and spells the merged column out wherever it is named.
//!
//! The engine reads an unqualified `x` as one of the two sides. For inner and left joins the left side is correct, for
//! a right join the right one, for a full join neither. `SELECT *` lists the merged columns first, and once. `a.x` and
//! `b.x` stay what they are. A join in parentheses with an alias becomes a subquery.
//!
//! The columns of tables come from outside, those of subqueries and CTEs are read here. Column aliases that are fewer
//! than the columns are completed along the way, because this is where both are known: `(VALUES (1, 2)) t(a)` becomes
//! `t(a, column2)`.
//!
//! ORDER BY ALL becomes the positions of the columns. The engine ignores it after a set operation.
//!
//! A name that the engine would take from an outer query, although the nearest query has it, is refused or made
//! resolvable: one that is in two tables there, an item without AS of a subquery or a view, and a name in HAVING or
//! ORDER BY.
//!
//! A CTE that has the name of one outside, which the engine refuses, is renamed where it is known.
//!
//! Not handled: `x.field` of a merged object, which is ambiguous for the engine and so an error, and pipe operators.

mod names;
mod relation;
mod taken;
mod tree;

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{
    Cte, Distinct, Expr, FromTable, GroupByExpr, Ident, JoinConstraint, JoinOperator, ObjectName,
    OrderBy, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, Statement, TableAlias,
    TableAliasColumnDef, TableFactor, TableWithJoins, VisitMut, Visitor, VisitorMut,
};

use self::names::{Naming, is_relation};
use self::relation::{Found, Names, Relation};
use self::taken::Taken;
use super::rule::Tables;
use crate::dialect::ast::{
    each_sql, folded, idents, items_before_star, number, position, result, visit,
};
use crate::dialect::error::Error;
use crate::dialect::parse;
use crate::dialect::walk::WalkMut;
use crate::error::ErrorKind;

/// The columns of a table by its name as it was typed; None if they are not known.
type Columns<'t> = dyn Fn(&ObjectName) -> Option<Vec<String>> + 't;

/// Returns true if the columns of the tables decide what `statement` means: it has a query in another one, whose names may
/// be those of either, a join whose columns are merged, HAVING, a name beside a star, an order by an
/// expression that names an item, or by all columns of a set operation.
pub(crate) fn needs_columns(statement: &EngineStatement) -> bool {
    let is_within = target(statement).is_some();
    visit(statement, &mut Needs { is_within }).is_err()
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

struct Needs {
    /// True once a query has begun: another one is in it.
    is_within: bool,
}

impl Visitor for Needs {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if std::mem::replace(&mut self.is_within, true) {
            return ControlFlow::Break(());
        }
        let kind = query.order_by.as_ref().map(|order_by| &order_by.kind);
        match (kind, query.body.as_ref()) {
            (Some(OrderByKind::All(_)), SetExpr::SetOperation { .. }) => ControlFlow::Break(()),
            (Some(OrderByKind::Expressions(keys)), SetExpr::Select(select)) => {
                taken::name_an_item(keys, &select.projection)
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            // Fewer names than columns are completed.
            TableFactor::Table {
                alias: Some(alias), ..
            } if !alias.columns.is_empty() => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let has = |is_it: fn(&SelectItem) -> bool| select.projection.iter().any(is_it);
        let is_beside_star = has(|item| matches!(item, SelectItem::ExprWithAlias { .. }))
            && has(|item| {
                matches!(
                    item,
                    SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
                )
            });
        match is_beside_star || select.having.is_some() || select.from.iter().any(merges) {
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
        is_named: is_relation(statement),
        naming: Naming::of(statement, tables.dialect),
        paths: Vec::new(),
        taken: Vec::new(),
    };
    // The table of a DELETE or an UPDATE is around the queries in it.
    if let Some((name, alias)) = target(statement) {
        rewriter
            .outer
            .push(tree::table(name, alias, tables.columns));
    }
    let mut outcome = ControlFlow::Continue(());
    each_sql(statement, &mut |sql| {
        outcome = sql.walk_own_mut(&mut Expressions(&mut rewriter));
    });
    result(outcome)
}

/// Returns the table that a DELETE or an UPDATE changes.
fn target(statement: &EngineStatement) -> Option<(&ObjectName, Option<&TableAlias>)> {
    let table = match parse::as_sql(statement)? {
        Statement::Delete(delete) => match &delete.from {
            FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables) => {
                tables.first()?
            }
        },
        Statement::Update(update) => &update.table,
        _ => return None,
    };
    match &table.relation {
        TableFactor::Table { name, alias, .. } => Some((name, alias.as_ref())),
        _ => None,
    }
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
    /// True if the columns of the query at hand will be read by their names.
    is_named: bool,
    naming: Naming,
    /// The paths into nested columns that a query was given as a column.
    paths: Vec<Vec<String>>,
    /// The names in the HAVING and ORDER BY clauses around the query at hand that items have taken from columns.
    taken: Vec<Taken>,
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
        let is_named = std::mem::take(&mut self.is_named);
        if let Some(with) = &mut query.with {
            for cte in &mut with.cte_tables {
                let name = folded(&cte.alias.name);
                let is_taken = self.ctes[..in_sight].iter().any(|it| it.name == name);
                let called = is_taken.then(|| {
                    self.renamed += 1;
                    Ident::with_quote('"', format!("__{name}_{}", self.renamed))
                });
                self.is_named = true;
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
        self.is_named = is_named;
        let columns = match query.body.as_mut() {
            SetExpr::Select(select) => self.select(select, query.order_by.as_mut()),
            body => self.body(body),
        };
        self.is_named = false;
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
        if let (Some(order_by), Ok(Some(names)), SetExpr::SetOperation { .. }) =
            (&mut query.order_by, &columns, query.body.as_ref())
            && let OrderByKind::Expressions(keys) = &mut order_by.kind
        {
            for key in keys {
                self.order_set_by_position(&mut key.expr, names)?;
            }
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
        let is_named = std::mem::take(&mut self.is_named);
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
        if is_named {
            self.paths
                .extend(self.naming.name_items(&mut select.projection, &from));
        }
        self.outer.push(from);
        let outcome = self.clauses(select, order_by, is_named);
        let from = self.outer.pop().unwrap_or_default();
        outcome?;
        Ok(output(select, &from, &self.naming))
    }

    /// Lets `rewrite` look at a table that comes after `before`.
    fn behind<T>(&mut self, mut before: Relation, rewrite: impl FnOnce(&mut Self) -> T) -> T {
        let beside = self.beside;
        if beside > 0
            && let Some(others) = self.outer.last()
        {
            before.append(others.clone());
        }
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
        mut order_by: Option<&mut OrderBy>,
        is_named: bool,
    ) -> Result<(), Error> {
        let names = match self.outer.split_last() {
            Some((from, outer)) => taken::taken_names(&select.projection, from, outer),
            None => Vec::new(),
        };
        if let Some(from) = self.outer.last() {
            taken::name_in_having(select, from, &names)?;
            // Where WHERE sees the names of the select list, it sees them before the columns of an outer query.
            if let (false, Some(condition)) = (self.naming.is_strict(), &select.selection) {
                let of_outer = names.iter().filter(|name| !from.may_have(name)).cloned();
                taken::refuse(condition, &of_outer.collect::<Vec<_>>(), "WHERE")?;
            }
        }
        self.name_keys(select, order_by.as_deref_mut(), &names)?;
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(Expr::Identifier(ident)) = item
                && let Some(expr) = self.merged(ident)?
            {
                let alias = Ident::with_quote('"', folded(ident));
                *item = SelectItem::ExprWithAlias { expr, alias };
            }
        }
        if let Some(from) = self.outer.last() {
            tell_apart(
                &mut select.projection,
                &self.outer,
                from,
                &self.naming,
                is_named,
            );
        }
        let (from, having) = (std::mem::take(&mut select.from), select.having.take());
        let outcome = self.expressions(select);
        (select.from, select.having) = (from, having);
        outcome?;
        self.taken.push(Taken {
            level: self.outer.len(),
            names,
            clause: "HAVING",
        });
        let outcome = self.expressions(&mut select.having);
        let outcome = outcome.and_then(|()| self.order(select, order_by));
        self.taken.pop();
        outcome
    }

    fn order(&mut self, select: &Select, order_by: Option<&mut OrderBy>) -> Result<(), Error> {
        if let Some(taken) = self.taken.last_mut() {
            taken.clause = "ORDER BY";
        }
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
                (
                    SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)),
                    Expr::Identifier(ident),
                ) => path.last().map(folded) == Some(folded(ident)),
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
        result(node.walk_own_mut(&mut Expressions(self)))
    }

    /// Takes an item for a name in ORDER BY and DISTINCT ON where another column might be taken: one of an outer query, a
    /// merged one, or the one in an item without a name, as in `SELECT x::text FROM a ORDER BY x`.
    ///
    /// # Errors
    ///
    /// Fails if several items have the name, and if a name within an expression may be that of an outer column.
    fn name_keys(
        &self,
        select: &mut Select,
        order_by: Option<&mut OrderBy>,
        taken: &[String],
    ) -> Result<(), Error> {
        if let Some(Distinct::On(keys)) = &select.distinct {
            let mut keys = keys.clone();
            for key in &mut keys {
                if let Some((_, item)) = self.named_item(select, key, "DISTINCT ON")? {
                    *key = item;
                }
            }
            select.distinct = Some(Distinct::On(keys));
        }
        let Some(OrderByKind::Expressions(keys)) = order_by.map(|it| &mut it.kind) else {
            return Ok(());
        };
        if matches!(&select.group_by, GroupByExpr::Expressions(groups, _) if !groups.is_empty()) {
            // One value for all groups orders nothing, and the engine looks for it among their keys.
            keys.retain(|key| !self.is_outer_item(select, &key.expr));
        }
        for key in keys {
            if let Some((position, _)) = self.named_item(select, &key.expr, "ORDER BY")? {
                key.expr = number(position);
            } else if !matches!(key.expr, Expr::Identifier(_) | Expr::Value(_))
                && let Some(from) = self.outer.last()
            {
                match (&select.distinct, position_of(&select.projection, &key.expr)) {
                    (None | Some(Distinct::On(_)), _) => {
                        taken::name_in_order(&mut key.expr, from, taken)?;
                    }
                    // Distinct rows have only items.
                    (_, Some(position)) => key.expr = number(position),
                    (_, None) => taken::refuse(&key.expr, taken, "ORDER BY")?,
                }
            }
        }
        Ok(())
    }

    /// Returns true if `key` is the position of an item that is a column of an outer query.
    fn is_outer_item(&self, select: &Select, key: &Expr) -> bool {
        let item = position(key).and_then(|at| items_before_star(&select.projection).nth(at));
        let (Some(path), Some((from, outer))) = (item.and_then(idents), self.outer.split_last())
        else {
            return false;
        };
        match path.as_slice() {
            [name] => {
                let name = folded(name);
                !from.may_have(&name) && relation::any_may_have(outer, &name)
            }
            [table @ .., _] => {
                !from.has_table(table) && outer.iter().any(|relation| relation.has_table(table))
            }
            [] => false,
        }
    }

    /// Returns the position and the value of the item that `key` names, if the engine might take something else for it.
    fn named_item(
        &self,
        select: &Select,
        key: &Expr,
        clause: &str,
    ) -> Result<Option<(u64, Expr)>, Error> {
        let (Expr::Identifier(ident), Some((from, outer))) = (key, self.outer.split_last()) else {
            return Ok(None);
        };
        let name = folded(ident);
        let is_outer =
            relation::any_may_have(outer, &name) || matches!(from.find(&name), Found::Merged(_));
        let mut found: Vec<(u64, Expr, bool)> = Vec::new();
        let mut hidden: Vec<(u64, Expr, bool)> = Vec::new();
        let mut position = 0;
        for item in &select.projection {
            let columns = match item {
                SelectItem::ExprWithAlias { alias, expr } => vec![(folded(alias), expr.clone())],
                SelectItem::UnnamedExpr(expr) => {
                    position += 1;
                    match self.naming.name(expr, from) {
                        // A path is shown as it was typed: `id` is hardly `spec.owner.id`.
                        Some(own) if own.name == name && own.path.is_none() => {
                            match own.is_hidden {
                                true => hidden.push((position, expr.clone(), true)),
                                false => found.push((position, expr.clone(), is_outer)),
                            }
                        }
                        _ => {}
                    }
                    continue;
                }
                star => match from.columns_of_star(star) {
                    Some(columns) => columns,
                    None => return Ok(None),
                },
            };
            for (own, column) in columns {
                position += 1;
                if own == name {
                    found.push((position, column, is_outer));
                }
            }
        }
        // What is shown under the name comes before what PostgreSQL would call so.
        let found = if found.is_empty() { hidden } else { found };
        let Some((first, rest)) = found.split_first() else {
            return Ok(None);
        };
        let is_first = |(_, expr, _): &(u64, Expr, bool)| from.path(expr) == from.path(&first.1);
        if self.naming.is_strict() && !rest.iter().all(is_first) {
            return Err(two_columns(ident, clause));
        }
        Ok(first.2.then(|| (first.0, first.1.clone())))
    }

    /// Takes a column of a set operation for a name in its ORDER BY, where the engine might take one of an outer query.
    fn order_set_by_position(&self, key: &mut Expr, names: &[String]) -> Result<(), Error> {
        let Expr::Identifier(ident) = key else {
            return Ok(());
        };
        let name = folded(ident);
        let mut positions = (1..).zip(names).filter(|(_, column)| **column == name);
        match (positions.next(), positions.next()) {
            (Some((position, _)), None) => *key = number(position),
            (Some(_), Some(_)) if self.naming.is_strict() => {
                return Err(two_columns(ident, "ORDER BY"));
            }
            (None, _) if relation::any_may_have(&self.outer, &name) => {
                return Err(Error::new(format!(
                    "ORDER BY names `{name}`, which is not in the select list"
                ))
                .kind(ErrorKind::Name)
                .at(ident.span)
                .hint("order by a name of the select list, or by a position: ORDER BY 1"));
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns what `ident` stands for, if that is a merged column of the nearest query that has it.
    ///
    /// # Errors
    ///
    /// Fails if the nearest query has it twice: the engine would take that of an outer one.
    fn merged(&self, ident: &Ident) -> Result<Option<Expr>, Error> {
        let name = folded(ident);
        let mut relations = self.outer.as_slice();
        while let Some((relation, outer)) = relations.split_last() {
            let level = relations.len();
            relations = outer;
            if let Some(taken) = self.taken.iter().find(|taken| taken.level == level)
                && taken.names.contains(&name)
                && let Some(within @ [_, ..]) = self.outer.get(level..)
            {
                let column = taken::column(&name, relation, within);
                return column.map_or_else(
                    || Err(taken::is_both(ident, taken.clause)),
                    |it| Ok(Some(it)),
                );
            }
            match relation.find(&name) {
                Found::Nothing => {}
                Found::Merged(expr) => return Ok(Some(expr.clone())),
                Found::Ambiguous if relation::any_may_have(outer, &name) => {
                    return Err(Error::new(format!(
                        "column `{}` is in more than one of the tables",
                        ident.value
                    ))
                    .kind(ErrorKind::Name)
                    .at(ident.span)
                    .hint("put the name of a table before it, as in `a.x`"));
                }
                Found::Twice(table) => {
                    let table = table
                        .last()
                        .map_or("a subquery", |ident| ident.value.as_str());
                    return Err(Error::new(format!(
                        "`{name}` is the name of two columns of `{table}`"
                    ))
                    .kind(ErrorKind::Name)
                    .at(ident.span)
                    .hint("give one of them another name with AS"));
                }
                // The engine may not look as far as to a table that is LATERAL's neighbor.
                Found::Other
                    if level < self.outer.len() && relation::any_may_have(outer, &name) =>
                {
                    let within = self.outer.get(level..).unwrap_or_default();
                    return Ok(taken::column(&name, relation, within));
                }
                Found::Ambiguous | Found::Other => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Returns the column of an outer table without the table, if a nearer table has a column with the name of that table:
    /// the engine would look for a field of it.
    ///
    /// # Errors
    ///
    /// Fails if the column is not found without its table.
    fn outer_column(&self, path: &[Ident]) -> Result<Option<Expr>, Error> {
        let [table, column] = path else {
            return Ok(None);
        };
        let has_table = |relation: &Relation| relation.has_table(std::slice::from_ref(table));
        let Some(at) = self.outer.iter().rposition(has_table) else {
            return Ok(None);
        };
        let (outer, nearer) = self.outer.split_at(at + 1);
        if !nearer.iter().any(|it| it.has_column(&folded(table))) {
            return Ok(None);
        }
        let name = folded(column);
        let is_found = !relation::any_may_have(nearer, &name)
            && outer
                .last()
                .is_some_and(|it| matches!(it.find(&name), Found::Other));
        match is_found {
            true => Ok(Some(Expr::Identifier(Ident::with_quote('"', name)))),
            false => Err(Error::new(format!(
                "`{table}` is a table of the query around it, and a column here"
            ))
            .kind(ErrorKind::Name)
            .at(table.span)
            .hint("give the table another alias")),
        }
    }

    /// Checks a path into a nested column, which the engine would take from an outer query where the nearest one has it
    /// twice, or has it under another name.
    ///
    /// # Errors
    ///
    /// Fails in both cases.
    fn check_path(&self, path: &[Ident]) -> Result<(), Error> {
        let [first, .., last] = path else {
            return Ok(());
        };
        let is_qualified = (1..path.len()).any(|length| {
            let table = &path[..length];
            self.outer.iter().any(|relation| relation.has_table(table))
        });
        if is_qualified {
            return Ok(());
        }
        self.merged(first)?;
        let Some((from, outer)) = self.outer.split_last() else {
            return Ok(());
        };
        let (first, last) = (folded(first), folded(last));
        let is_named = || {
            let path: Vec<String> = path.iter().map(folded).collect();
            self.paths.contains(&path)
        };
        if !from.may_have(&first)
            && from.may_have(&last)
            && relation::any_may_have(outer, &first)
            && is_named()
        {
            let typed: Vec<&str> = path.iter().map(|ident| ident.value.as_str()).collect();
            return Err(Error::new(format!(
                "`{}` is called `{last}` in this query, so this path would refer to the enclosing query",
                typed.join(".")
            ))
            .kind(ErrorKind::Name)
            .at(path[0].span)
            .hint("write that name, or the table before the path"));
        }
        Ok(())
    }
}

/// Visits the expressions of one query; those of queries in it are the rewriter's.
struct Expressions<'r, 't>(&'r mut Rewriter<'t>);

impl VisitorMut for Expressions<'_, '_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        match self.0.query(query) {
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let merged = match expr {
            Expr::Identifier(ident) => self.0.merged(ident),
            Expr::CompoundIdentifier(path) => self.0.outer_column(path).and_then(|column| {
                self.0.check_path(path)?;
                Ok(column)
            }),
            _ => Ok(None),
        };
        match merged {
            Ok(Some(merged)) => *expr = merged,
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }
}

/// Returns the position of the item that is `expr`, if no star comes before it.
fn position_of(items: &[SelectItem], expr: &Expr) -> Option<u64> {
    let items = items_before_star(items);
    (1..)
        .zip(items)
        .find_map(|(position, item)| (item == expr).then_some(position))
}

fn two_columns(ident: &Ident, clause: &str) -> Error {
    let name = folded(ident);
    Error::new(format!("`{name}` in {clause} is the name of two columns"))
        .kind(ErrorKind::Name)
        .at(ident.span)
        .hint("give them other names with AS, or order by a position: ORDER BY 1")
}

/// Gives columns of one table an alias where another column has their name: a merged one, which the engine would find
/// ambiguous, or the same without its table, which it would find there twice. A subquery has the name of its column. So has
/// an item one of its own that is called like a column of a star, unless the query `is_named`: then others may mean it.
fn tell_apart(
    items: &mut [SelectItem],
    outer: &[Relation],
    from: &Relation,
    naming: &Naming,
    is_named: bool,
) {
    let in_stars: Vec<String> = items
        .iter()
        .filter(|_| !is_named)
        .filter_map(|item| from.columns_of_star(item))
        .flatten()
        .map(|(name, _)| name)
        .collect();
    let names: Vec<String> = items
        .iter()
        .filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            SelectItem::UnnamedExpr(Expr::Identifier(ident)) => Some(folded(ident)),
            _ => None,
        })
        .collect();
    let all: Vec<String> = items
        .iter()
        .filter_map(|item| match item {
            SelectItem::UnnamedExpr(expr) => naming.name(expr, from).map(|own| own.name),
            SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            _ => None,
        })
        .collect();
    let mut number = 0;
    // Nobody names another column so.
    let mut own = |name: &Ident| {
        number += 1;
        Ident::with_quote('"', format!("{}:{number}", folded(name)))
    };
    for item in items {
        if let SelectItem::UnnamedExpr(expr @ Expr::Subquery(_)) = item
            && let Some(own) = naming.name(expr, from)
            && all.iter().filter(|name| **name == own.name).count() > 1
        {
            *item = SelectItem::ExprWithAlias {
                alias: Ident::with_quote('"', expr.to_string()),
                expr: expr.clone(),
            };
            continue;
        }
        if let SelectItem::UnnamedExpr(Expr::CompoundIdentifier(idents)) = item
            && let [table @ .., column] = idents.as_slice()
            && names.contains(&folded(column))
            && outer.iter().any(|relation| relation.has_table(table))
        {
            let alias = own(column);
            *item = SelectItem::ExprWithAlias {
                expr: Expr::CompoundIdentifier(idents.clone()),
                alias,
            };
        } else if let SelectItem::ExprWithAlias { alias, .. } = item
            && in_stars.contains(&folded(alias))
        {
            *alias = own(alias);
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

/// Returns the names of the columns of `select` over `from`. Items without AS that have one name keep it: a query around them
/// that uses it is refused. They leave it to another column, since they are shown as they were typed.
fn output(select: &Select, from: &Relation, naming: &Naming) -> Names {
    let is_plain = |name: &str| {
        select.projection.iter().any(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => folded(alias) == name,
            SelectItem::UnnamedExpr(expr) => naming
                .name(expr, from)
                .is_some_and(|own| own.name == name && !own.is_hidden),
            _ => false,
        })
    };
    let mut names = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::ExprWithAlias { alias, .. } => names.push(folded(alias)),
            SelectItem::UnnamedExpr(expr) => names.push(match naming.name(expr, from) {
                Some(own) if !own.is_hidden || !is_plain(&own.name) => own.name,
                _ => expr.to_string(),
            }),
            star => {
                let columns = from.columns_of_star(star)?.into_iter();
                names.extend(columns.map(|(name, _)| name));
            }
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests;
