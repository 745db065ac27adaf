//! Builds the queries that a write consists of.

use sqlparser::ast::{
    Expr, Ident, ObjectName, Query, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    Statement, TableAlias, TableFactor, TableWithJoins, WildcardAdditionalOptions, With,
};
use sqlparser::parser::Parser;

use crate::dialect::parser::IamqlDialect;

/// Prefix of the columns that hold the values of an UPDATE.
const VALUE: &str = "__value_";

/// Returns `SELECT items FROM tables, others WHERE selection`.
pub(super) fn select(
    items: Vec<SelectItem>,
    tables: Vec<TableFactor>,
    others: &[TableWithJoins],
    selection: Option<&Expr>,
) -> Query {
    let mut query = template("SELECT 1");
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = items;
        select.from = tables
            .into_iter()
            .map(|relation| TableWithJoins {
                relation,
                joins: Vec::new(),
            })
            .chain(others.iter().cloned())
            .collect();
        select.selection = selection.cloned();
    }
    query
}

/// Returns the query for all columns of the keys to write, followed by `values`.
pub(super) fn rows(
    factor: &TableFactor,
    others: &[TableWithJoins],
    selection: Option<&Expr>,
    values: &[Expr],
) -> Query {
    let all = match qualifier(factor) {
        Some(name) if !others.is_empty() => SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(name),
            WildcardAdditionalOptions::default(),
        ),
        _ => SelectItem::Wildcard(WildcardAdditionalOptions::default()),
    };
    let items = std::iter::once(all).chain(named(values)).collect();
    select(items, vec![factor.clone()], others, selection)
}

/// Returns the query for the ids of the keys to write.
pub(super) fn ids(
    factor: &TableFactor,
    others: &[TableWithJoins],
    selection: Option<&Expr>,
) -> Query {
    let mut parts = qualifier(factor)
        .map(|name| name.0)
        .unwrap_or_default()
        .iter()
        .filter_map(|part| part.as_ident().cloned())
        .collect::<Vec<_>>();
    parts.push(Ident::new("id"));
    let item = SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts));
    select(vec![item], vec![factor.clone()], others, selection)
}

/// Returns the query for `values` alone.
pub(super) fn values(values: &[Expr]) -> Query {
    select(named(values).collect(), Vec::new(), &[], None)
}

fn named(values: &[Expr]) -> impl Iterator<Item = SelectItem> {
    values
        .iter()
        .enumerate()
        .map(|(position, value)| SelectItem::ExprWithAlias {
            expr: value.clone(),
            alias: Ident::with_quote('"', format!("{VALUE}{position}")),
        })
}

/// Returns `name AS alias` as a table of a query.
pub(super) fn table(name: &ObjectName, alias: Option<&Ident>) -> TableFactor {
    let mut query = template("SELECT 1 FROM t");
    let mut factor = match query.body.as_mut() {
        SetExpr::Select(select) => select.from.remove(0).relation,
        _ => unreachable!("the template is a SELECT"),
    };
    if let TableFactor::Table {
        name: table,
        alias: table_alias,
        ..
    } = &mut factor
    {
        *table = name.clone();
        *table_alias = alias.map(|alias| TableAlias {
            explicit: true,
            name: alias.clone(),
            columns: Vec::new(),
            at: None,
        });
    }
    factor
}

/// Parses the select list `text`, which is part of this program.
pub(super) fn items(text: &str) -> Vec<SelectItem> {
    match *template(&format!("SELECT {text}")).body {
        SetExpr::Select(select) => select.projection,
        _ => Vec::new(),
    }
}

/// Returns true if the query reads from any table.
pub(super) fn has_from(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => !select.from.is_empty(),
        SetExpr::Query(query) => has_from(&query.body),
        SetExpr::SetOperation { left, right, .. } => has_from(left) || has_from(right),
        _ => false,
    }
}

/// Returns the write after WITH that `query` consists of, if it does.
pub(super) fn behind_with(query: &Query) -> Option<(&Statement, &With)> {
    match (query.body.as_ref(), &query.with) {
        (SetExpr::Insert(write) | SetExpr::Update(write) | SetExpr::Delete(write), Some(with)) => {
            Some((write, with))
        }
        _ => None,
    }
}

/// Puts the CTEs of `with` before those that `query` has.
pub(super) fn put_with(query: &mut Query, with: &With) {
    let mut with = with.clone();
    if let Some(inner) = query.with.take() {
        with.recursive |= inner.recursive;
        with.cte_tables.extend(inner.cte_tables);
    }
    query.with = Some(with);
}

/// Returns how the columns of `factor` are qualified.
fn qualifier(factor: &TableFactor) -> Option<ObjectName> {
    match factor {
        TableFactor::Table {
            alias: Some(alias), ..
        } => Some(ObjectName::from(vec![alias.name.clone()])),
        TableFactor::Table { name, .. } => Some(name.clone()),
        _ => None,
    }
}

fn template(sql: &str) -> Query {
    let parsed = Parser::parse_sql(&IamqlDialect::DEFAULT, sql).map(|mut parsed| parsed.pop());
    match parsed {
        Ok(Some(Statement::Query(query))) => *query,
        _ => unreachable!("`{sql}` is a query"),
    }
}
