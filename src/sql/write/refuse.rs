//! Statements that the service cannot carry out: the reason, and what to use instead.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Delete, Expr, FromTable, Insert, ObjectName, OnInsert, Query, Set, Spanned, SqliteOnConflict,
    Statement, TableFactor, TableObject, TableWithJoins, Update, Visit,
};

use super::query::behind_with;
use super::{relation, writable};
use crate::dialect::ast::folded;
use crate::dialect::error::Error;
use crate::dialect::walk::Walk;
use crate::resource::Resource;

/// Rejects statements that would change a resource or its schema in a way that the API has no request for.
///
/// Fails with the reason and what to use instead.
pub(crate) fn refuse(statement: &Statement) -> Result<(), Error> {
    match statement {
        Statement::StartTransaction { .. }
        | Statement::Commit { .. }
        | Statement::Rollback { .. }
        | Statement::Savepoint { .. }
        | Statement::ReleaseSavepoint { .. }
        | Statement::Set(Set::SetTransaction { .. }) => Err(Error::new(
            "the service has no transactions: every request takes effect at once",
        )
        .hint("leave BEGIN, COMMIT and ROLLBACK out; --dry-run shows what a statement would do")),
        // Names of tables would mean one thing to a SELECT and another to a write.
        Statement::Set(set)
            if set
                .to_string()
                .to_lowercase()
                .contains("datafusion.catalog.default_") =>
        {
            Err(
                Error::new("the default catalog and schema cannot be changed")
                    .hint("write the full name, such as other.table"),
            )
        }
        Statement::Merge(merge) => {
            let TableFactor::Table { name, .. } = &merge.table else {
                return Ok(());
            };
            match writable(name)? {
                Some(resource) => Err(Error::new(format!(
                    "MERGE cannot write to `{}`",
                    resource.table
                ))
                .at(name.span())
                .hint(format!(
                    "use INSERT … SELECT for new {}, and UPDATE … FROM for those that exist",
                    resource.nouns.many
                ))),
                None => Ok(()),
            }
        }
        Statement::Truncate(truncate) => {
            let mut names = truncate.table_names.iter().map(|table| &table.name);
            match names.find_map(|name| Some((name, relation(name)?.resource()))) {
                Some((name, resource)) => Err(Error::new(format!(
                    "TRUNCATE cannot empty `{}`",
                    resource.table
                ))
                .at(name.span())
                .hint("use DELETE, which shows what it will revoke")),
                None => Ok(()),
            }
        }
        Statement::Drop { names, .. } => names.iter().try_for_each(fixed_schema),
        Statement::CreateTable(create) => {
            fixed_schema(&create.name)?;
            within(&create.query)
        }
        Statement::CreateView(create) => {
            fixed_schema(&create.name)?;
            within(&create.query)
        }
        Statement::AlterTable(alter) => fixed_schema(&alter.name),
        Statement::CreateIndex(create) => fixed_schema(&create.table_name),
        Statement::Query(query) => within_query(query),
        // The statement in it is run later.
        Statement::Prepare { statement, .. } => within(statement.as_ref()),
        _ => Ok(()),
    }
}

/// Refuses a write to a resource inside `query`, which would not be run and would have no rows. A write after WITH, and
/// nothing else, is allowed.
///
/// Fails with what to write instead.
pub(crate) fn within_query(query: &Query) -> Result<(), Error> {
    match behind_with(query) {
        Some((write, with)) => within(with).and_then(|()| match write {
            Statement::Insert(insert) => within(&insert.source),
            Statement::Update(update) => within(&update.selection),
            Statement::Delete(delete) => within(&delete.selection),
            _ => Ok(()),
        }),
        None => within(query),
    }
}

fn within(node: &impl Visit) -> Result<(), Error> {
    let found = node.statements(|statement| {
        let name = match statement {
            Statement::Insert(insert) => match &insert.table {
                TableObject::TableName(name) => Some(name),
                _ => None,
            },
            Statement::Update(update) => name_of(&update.table),
            Statement::Delete(delete) => match &delete.from {
                FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables) => {
                    tables.iter().find_map(name_of)
                }
            },
            Statement::Merge(merge) => match &merge.table {
                TableFactor::Table { name, .. } => Some(name),
                _ => None,
            },
            _ => None,
        };
        match name.and_then(|name| Some((name.span(), relation(name)?))) {
            Some(found) => ControlFlow::Break(found),
            None => ControlFlow::Continue(()),
        }
    });
    match found {
        ControlFlow::Break((place, written)) => Err(Error::new(format!(
            "a write to `{}` must be a statement of its own",
            written.resource().table
        ))
        .at(place)
        .hint("run it first: RETURNING gives its rows, and --output-file keeps them")),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn name_of(table: &TableWithJoins) -> Option<&ObjectName> {
    match &table.relation {
        TableFactor::Table { name, .. } => Some(name),
        _ => None,
    }
}

/// Refuses a DELETE from several `tables`, of which ours is one.
pub(super) fn several_tables(tables: &[TableWithJoins]) -> Result<(), Error> {
    let mut names = tables.iter().filter_map(name_of);
    match names.find_map(|name| Some((name, relation(name)?.resource()))) {
        Some((name, resource)) => {
            Err(Error::new("DELETE takes one table")
                .at(name.span())
                .hint(format!(
                    "name the others in USING: DELETE FROM {} USING … WHERE …",
                    resource.table
                )))
        }
        None => Ok(()),
    }
}

fn fixed_schema(name: &ObjectName) -> Result<(), Error> {
    let Some(relation) = relation(name) else {
        return Ok(());
    };
    let revokes = match relation.resource().writes {
        Some(_) => "; DELETE revokes keys",
        None => "",
    };
    Err(Error::new(format!(
        "`{name}` belongs to the service: it cannot be created, altered or dropped"
    ))
    .at(name.span())
    .hint(format!(
        "choose another name for a table or view of your own{revokes}"
    )))
}

pub(super) fn insert_clauses(insert: &Insert, resource: &Resource) -> Result<(), Error> {
    if let Some(on) = &insert.on {
        let clause = match on {
            OnInsert::OnConflict(_) => "ON CONFLICT",
            _ => "ON DUPLICATE KEY",
        };
        return Err(Error::new(format!(
            "INSERT … {clause} is not possible: a new key never conflicts with another"
        ))
        .hint("leave it out; UPDATE changes keys that exist"));
    }
    // IGNORE is heeded: it is about keys that conflict, and none does.
    let is_ignore = matches!(insert.or, None | Some(SqliteOnConflict::Ignore));
    if insert.overwrite || insert.replace_into || !is_ignore {
        return Err(
            Error::new("INSERT cannot replace keys: a new key gets a new id")
                .hint("use UPDATE to rename a key, or DELETE and INSERT"),
        );
    }
    if insert.partitioned.is_some() || !insert.after_columns.is_empty() {
        return Err(Error::new(format!(
            "`{}` is not partitioned",
            resource.table
        )));
    }
    Ok(())
}

pub(super) fn update_clauses(update: &Update, resource: &Resource) -> Result<(), Error> {
    if update.or.is_some() || update.limit.is_some() || !update.order_by.is_empty() {
        return Err(limited("UPDATE", resource));
    }
    Ok(())
}

pub(super) fn delete_clauses(delete: &Delete, resource: &Resource) -> Result<(), Error> {
    if delete.limit.is_some() || !delete.order_by.is_empty() {
        return Err(limited("DELETE", resource));
    }
    Ok(())
}

/// Refuses `selection` if it names parameters of StackQL: they are not conditions, and a write must have one.
pub(super) fn parameters(selection: Option<&Expr>) -> Result<(), Error> {
    let Some(selection) = selection else {
        return Ok(());
    };
    let found = selection.expressions(|expr| match expr {
        Expr::Identifier(ident)
            if ["page_size", "page_token"].contains(&folded(ident).as_str()) =>
        {
            ControlFlow::Break(ident.clone())
        }
        _ => ControlFlow::Continue(()),
    });
    match found {
        ControlFlow::Break(ident) => Err(Error::new(format!(
            "`{ident}` is not a condition for a write"
        ))
        .at(ident.span)
        .hint("leave it out: it is a parameter of listings, and does not select keys")),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn limited(verb: &str, resource: &Resource) -> Error {
    Error::new(format!("{verb} does not support ORDER BY or LIMIT")).hint(format!(
        "choose the rows in WHERE: {verb} … WHERE id IN (SELECT id FROM {} … LIMIT n)",
        resource.table
    ))
}
