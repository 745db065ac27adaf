//! INSERT, UPDATE and DELETE on a resource, as plain values.
//!
//! A [`Write`] holds the parts of what was typed: which fields are set, the queries that compute the values and find the
//! rows, the RETURNING list. The engine plans those queries; nothing here sends or plans anything. Statements on other
//! tables are left to the engine.

mod query;
mod refuse;
mod target;

use sqlparser::ast::{
    AssignmentTarget, Delete as DeleteAst, Expr, FromTable, Insert as InsertAst, ObjectName, Query,
    SelectItem, SetExpr, Spanned, Statement, TableFactor, TableObject, TableWithJoins,
    Update as UpdateAst, UpdateTableFromKind, Value, ValueWithSpan, With,
};

use crate::dialect::ast::folded;
use crate::dialect::error::Error;
use crate::resource::{self, Relation, Resource, last_step};

pub(crate) use refuse::{refuse, within_query};
pub(crate) use target::Target;
pub(crate) use target::{immutable, read_only, removed};

/// A statement that changes keys.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    /// Creates keys.
    Insert(Box<Insert>),
    /// Renames keys.
    Update(Box<Update>),
    /// Revokes keys.
    Delete(Box<Delete>),
}

/// INSERT.
#[derive(Debug, Clone)]
pub(crate) struct Insert {
    /// What is created.
    pub(crate) resource: &'static Resource,
    /// The fields that are set, in the order of the source's columns.
    pub(crate) targets: Vec<Target>,
    /// The query that computes the rows, with NULL for each `DEFAULT`.
    pub(crate) source: Query,
    /// Where the source says `DEFAULT`: row and column, counted from 0.
    pub(crate) defaults: Vec<(usize, usize)>,
    /// True if the rows come from a table or a file, false if they were typed.
    pub(crate) is_copy: bool,
    /// The RETURNING list, if there is one.
    pub(crate) returning: Option<Returning>,
}

/// UPDATE.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    /// What is changed.
    pub(crate) resource: &'static Resource,
    /// The fields that are set, in the order of [`Update::values`].
    pub(crate) targets: Vec<Target>,
    /// The values without the rows, for values that do not depend on them.
    pub(crate) values: Query,
    /// The rows, each with its key's columns and then the values.
    pub(crate) rows: Query,
    /// The ids of the rows alone.
    pub(crate) ids: Query,
    /// True if there is no WHERE.
    pub(crate) is_unbounded: bool,
    /// The RETURNING list, if there is one.
    pub(crate) returning: Option<Returning>,
}

/// DELETE.
#[derive(Debug, Clone)]
pub(crate) struct Delete {
    /// What is deleted.
    pub(crate) resource: &'static Resource,
    /// The rows, with all columns of their keys.
    pub(crate) rows: Query,
    /// The ids of the rows alone.
    pub(crate) ids: Query,
    /// True if there is no WHERE.
    pub(crate) is_unbounded: bool,
    /// The RETURNING list, if there is one.
    pub(crate) returning: Option<Returning>,
}

/// RETURNING.
#[derive(Debug, Clone)]
pub(crate) struct Returning {
    /// What was written.
    pub(crate) resource: &'static Resource,
    /// The expressions as they were typed.
    pub(crate) items: Vec<SelectItem>,
    /// The query over the table that stands for them.
    pub(crate) query: Query,
}

impl Write {
    /// Reads `statement` as a write to a resource; None if it is something else.
    ///
    /// Fails for a write that the table cannot take, and names what does not fit.
    pub(crate) fn of(statement: &Statement) -> Result<Option<Self>, Error> {
        if let Statement::Query(query) = statement
            && let Some((statement, with)) = query::behind_with(query)
        {
            let write = Self::of(statement)?;
            return write.map(|write| write.with(with)).transpose();
        }
        Ok(match statement {
            Statement::Insert(insert) => Insert::of(insert)?.map(Box::new).map(Self::Insert),
            Statement::Update(update) => Update::of(update)?.map(Box::new).map(Self::Update),
            Statement::Delete(delete) => Delete::of(delete)?.map(Box::new).map(Self::Delete),
            _ => None,
        })
    }

    /// Puts the CTEs of `with` before each query of the write.
    fn with(mut self, with: &With) -> Result<Self, Error> {
        for cte in &with.cte_tables {
            let name = &cte.alias.name;
            let full = ObjectName::from(vec![name.clone()]);
            let is_written = |found: Relation| found.resource() == self.resource();
            // The write would go to the table, and its rows come from something else.
            if relation(&full).is_some_and(is_written) && writable(&full)?.is_some() {
                return Err(Error::new(format!(
                    "`{name}` is the table that the statement writes to"
                ))
                .at(name.span)
                .hint("give the query in WITH another name"));
            }
        }
        let queries = match &mut self {
            Self::Insert(insert) => vec![&mut insert.source],
            Self::Update(update) => vec![&mut update.values, &mut update.rows, &mut update.ids],
            Self::Delete(delete) => vec![&mut delete.rows, &mut delete.ids],
        };
        for query in queries {
            query::put_with(query, with);
        }
        Ok(self)
    }

    /// Returns what is written.
    pub(crate) fn resource(&self) -> &'static Resource {
        match self {
            Self::Insert(insert) => insert.resource,
            Self::Update(update) => update.resource,
            Self::Delete(delete) => delete.resource,
        }
    }
}

impl Insert {
    fn of(insert: &InsertAst) -> Result<Option<Self>, Error> {
        let TableObject::TableName(name) = &insert.table else {
            return Ok(None);
        };
        let Some(resource) = writable(name)? else {
            return Ok(None);
        };
        refuse::insert_clauses(insert, resource)?;
        let table = resource.table;
        let Some(source) = &insert.source else {
            let needed = resource.writes.as_ref().map_or("", |w| w.owner.path);
            return Err(Error::new("INSERT without rows")
                .at(name.span())
                .hint(format!(
                    "a {} needs an owner: INSERT INTO {table} ({needed}) VALUES ('sa-…')",
                    resource.nouns.one
                )));
        };
        if insert.columns.is_empty() {
            let fields = resource.writes.as_ref().map_or("", |w| w.example);
            return Err(Error::new("INSERT needs the list of fields that it sets")
                .at(name.span())
                .hint(format!(
                    "for example INSERT INTO {table} ({fields}) VALUES (…)"
                )));
        }
        let targets = insert
            .columns
            .iter()
            .map(|name| Target::of_insert(resource, name))
            .collect::<Result<Vec<_>, _>>()?;
        target::check_overlaps(&targets)?;
        let mut source = source.as_ref().clone();
        let defaults = take_defaults(&mut source, targets.len())?;
        let is_copy = query::has_from(&source.body);
        let alias = insert.table_alias.as_ref().map(|alias| &alias.alias);
        let factor = query::table(name, alias);
        Ok(Some(Self {
            resource,
            targets,
            source,
            defaults,
            is_copy,
            returning: Returning::of(resource, insert.returning.as_deref(), &factor),
        }))
    }
}

impl Update {
    fn of(update: &UpdateAst) -> Result<Option<Self>, Error> {
        let Some((resource, factor)) = our_factor(&update.table)? else {
            return Ok(None);
        };
        refuse::update_clauses(update, resource)?;
        refuse::parameters(update.selection.as_ref())?;
        let mut targets = Vec::new();
        let mut values = Vec::new();
        for assignment in &update.assignments {
            match (&assignment.target, &assignment.value) {
                (AssignmentTarget::ColumnName(name), value) => {
                    targets.push(Target::of_update(resource, name)?);
                    values.push(value.clone());
                }
                (AssignmentTarget::Tuple(names), Expr::Tuple(tuple))
                    if names.len() == tuple.len() =>
                {
                    for (name, value) in names.iter().zip(tuple) {
                        targets.push(Target::of_update(resource, name)?);
                        values.push(value.clone());
                    }
                }
                (AssignmentTarget::Tuple(_), value) => {
                    return Err(Error::new("expected as many values as fields")
                        .at(value.span())
                        .hint("write SET a = …, b = …"));
                }
            }
        }
        target::check_overlaps(&targets)?;
        let others = match &update.from {
            Some(
                UpdateTableFromKind::BeforeSet(tables) | UpdateTableFromKind::AfterSet(tables),
            ) => tables.as_slice(),
            None => &[],
        };
        let selection = update.selection.as_ref();
        Ok(Some(Self {
            resource,
            targets,
            rows: query::rows(&factor, others, selection, &values),
            ids: query::ids(&factor, others, selection),
            values: query::values(&values),
            is_unbounded: selection.is_none(),
            returning: Returning::of(resource, update.returning.as_deref(), &factor),
        }))
    }
}

impl Delete {
    fn of(delete: &DeleteAst) -> Result<Option<Self>, Error> {
        let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
        let [table] = tables.as_slice() else {
            return refuse::several_tables(tables).map(|()| None);
        };
        let Some((resource, factor)) = our_factor(table)? else {
            return Ok(None);
        };
        refuse::delete_clauses(delete, resource)?;
        refuse::parameters(delete.selection.as_ref())?;
        let others = delete.using.as_deref().unwrap_or_default();
        let selection = delete.selection.as_ref();
        Ok(Some(Self {
            resource,
            rows: query::rows(&factor, others, selection, &[]),
            ids: query::ids(&factor, others, selection),
            is_unbounded: selection.is_none(),
            returning: Returning::of(resource, delete.returning.as_deref(), &factor),
        }))
    }
}

impl Returning {
    fn of(
        resource: &'static Resource,
        items: Option<&[SelectItem]>,
        factor: &TableFactor,
    ) -> Option<Self> {
        let items = items?;
        Some(Self {
            resource,
            items: items.to_vec(),
            query: query::select(items.to_vec(), vec![factor.clone()], &[], None),
        })
    }

    /// Returns what INSERT shows without RETURNING: the id, the name, and the secret that is shown only now.
    pub(crate) fn of_created(resource: &'static Resource) -> Self {
        let name = ObjectName::from(vec![sqlparser::ast::Ident::new(resource.table)]);
        let writes = resource.writes.as_ref();
        let paths = writes.map_or(Vec::new(), |writes| {
            vec![writes.display_name, writes.secret]
        });
        let named = paths
            .iter()
            .map(|path| format!(", {path} AS {}", last_step(path)));
        let items = query::items(&format!("id{}", named.collect::<String>()));
        Self {
            resource,
            query: query::select(items.clone(), vec![query::table(&name, None)], &[], None),
            items,
        }
    }
}

/// Returns the resource whose table is called `name`; None if it is something else.
///
/// Fails if it is a view, or a table that cannot be written.
pub(crate) fn writable(name: &ObjectName) -> Result<Option<&'static Resource>, Error> {
    match relation(name) {
        None => Ok(None),
        Some(Relation::Table(resource)) if resource.writes.is_some() => Ok(Some(resource)),
        Some(Relation::Table(resource)) => Err(only_read(resource).at(name.span())),
        Some(Relation::View(view)) => Err(Error::new(format!(
            "`{}` is a view and cannot be written",
            view.name
        ))
        .at(name.span())
        .hint(format!(
            "write to `{}`; its columns are paths such as {}",
            view.of.table,
            view.of.writes.as_ref().map_or("", |w| w.display_name)
        ))),
    }
}

/// The error for a write to a resource that can only be read.
pub(crate) fn only_read(resource: &Resource) -> Error {
    Error::new(format!("`{}` can only be read", resource.table)).hint(format!(
        "iamql changes only API keys; change {} with Confluent's own tools",
        resource.nouns.many
    ))
}

/// Returns what `name`, with its qualifiers or without, stands for, if it is ours.
pub(crate) fn relation(name: &ObjectName) -> Option<Relation> {
    let parts = name.0.iter().map(|part| part.as_ident().map(folded));
    resource::named(&parts.collect::<Option<Vec<String>>>()?)
}

fn our_factor(table: &TableWithJoins) -> Result<Option<(&'static Resource, TableFactor)>, Error> {
    let TableFactor::Table { name, .. } = &table.relation else {
        return Ok(None);
    };
    let Some(resource) = writable(name)? else {
        return Ok(None);
    };
    if let Some(join) = table.joins.first() {
        return Err(Error::new("a write changes one table, not a join")
            .at(join.span())
            .hint("name the other tables in UPDATE … FROM or DELETE … USING"));
    }
    Ok(Some((resource, table.relation.clone())))
}

/// Replaces `DEFAULT` in VALUES by NULL and returns where it stood.
fn take_defaults(source: &mut Query, columns: usize) -> Result<Vec<(usize, usize)>, Error> {
    let SetExpr::Values(values) = source.body.as_mut() else {
        return Ok(Vec::new());
    };
    let mut defaults = Vec::new();
    for (row, values) in values.rows.iter_mut().enumerate() {
        if values.len() != columns {
            let span = values
                .first()
                .map_or(sqlparser::tokenizer::Span::empty(), Spanned::span);
            return Err(Error::new(format!(
                "row {} has {} values for {columns} fields",
                row + 1,
                values.len()
            ))
            .at(span));
        }
        for (column, value) in values.iter_mut().enumerate() {
            let is_default = matches!(value, Expr::Identifier(ident)
                if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"));
            if is_default {
                defaults.push((row, column));
                *value = Expr::Value(ValueWithSpan {
                    value: Value::Null,
                    span: value.span(),
                });
            }
        }
    }
    Ok(defaults)
}

#[cfg(test)]
mod tests;
