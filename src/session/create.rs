//! CREATE VIEW and CREATE TABLE AS.
//!
//! For a view the engine would keep, and check, a plan whose types its own rules have settled. Here a view
//! is kept as it was written, so that its query means what it means in FROM, and what is wrong with it is told when it is
//! created.
//!
//! In the engine a table created from a query refuses NULL wherever the query cannot return one. Here, as in
//! PostgreSQL, only a column declared NOT NULL refuses it.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef, Schema, TimeUnit};
use datafusion::catalog::MemTable;
use datafusion::common::{ResolvedTableReference, TableReference, exec_err};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::ViewTable;
use datafusion::error::Result;
use datafusion::logical_expr::{
    CreateMemoryTable, CreateView, DdlStatement, LogicalPlan, LogicalPlanBuilder,
};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::planner::object_name_to_table_reference;

use super::memory::HeldRows;
use super::prepared::Prepared;
use crate::dialect::relations::merged_columns::tables_of;
use crate::dialect::{parse, plan};
use crate::error::Error;
use crate::resource::{CATALOG, DEFAULT_SCHEMA};

/// Fails if `plan` removes or replaces a table that a view or a prepared statement reads: what those were planned over
/// would stay as it was.
///
/// Fails with the name of the first one.
pub(super) async fn check_unread(
    context: &SessionContext,
    prepared: &Prepared,
    plan: &LogicalPlan,
) -> Result<()> {
    let LogicalPlan::Ddl(ddl) = plan else {
        return Ok(());
    };
    let gone = match ddl {
        DdlStatement::CreateView(view) if view.or_replace => &view.name,
        DdlStatement::CreateMemoryTable(table) if table.or_replace => &table.name,
        DdlStatement::CreateExternalTable(table) if table.or_replace => &table.name,
        DdlStatement::DropTable(drop) => &drop.name,
        DdlStatement::DropView(drop) => &drop.name,
        _ => return Ok(()),
    };
    let gone = full(gone.clone());
    let schema = context.state().schema_for_ref(gone.clone())?;
    let refused = |reader: String, hint: String| {
        Err(
            Error::statement(format!("`{}` is read by {reader}", gone.table))
                .hint(hint)
                .into(),
        )
    };
    for name in schema.table_names() {
        let table = schema.table(&name).await?;
        let view = table
            .as_ref()
            .and_then(|table| table.downcast_ref::<ViewTable>());
        let Some(definition) = view.and_then(ViewTable::definition) else {
            continue;
        };
        if *name != *gone.table && reads(definition).contains(&gone) {
            return refused(
                format!("the view `{name}`"),
                format!("DROP VIEW {name} first"),
            );
        }
    }
    match prepared.reader_of(&gone) {
        Some(name) => refused(
            format!("the prepared statement `{name}`"),
            format!("DEALLOCATE {name} first"),
        ),
        None => Ok(()),
    }
}

/// Returns the tables that the statement `definition` reads.
fn reads(definition: &str) -> Vec<ResolvedTableReference> {
    parse::parse(definition).map_or(Vec::new(), |statement| tables_read(&statement))
}

/// The same, of a statement that has been parsed.
pub(super) fn tables_read(statement: &EngineStatement) -> Vec<ResolvedTableReference> {
    let names = tables_of(statement).into_iter();
    let names = names.filter_map(|name| object_name_to_table_reference(name, true).ok());
    names.map(full).collect()
}

/// Returns `name` with its catalog and its schema. Statements cannot change which are meant where it does not say.
fn full(name: TableReference) -> ResolvedTableReference {
    name.resolve(CATALOG, DEFAULT_SCHEMA)
}

/// Creates `view`, or puts it in the place of another one if it says so.
///
/// Fails if there is such a table, if its query cannot be planned, or if two of its columns share a name.
pub(super) async fn view(context: &SessionContext, view: CreateView) -> Result<DataFrame> {
    let exists = context.table_exist(view.name.clone())?;
    if exists && !view.or_replace {
        return exec_err!("Table '{}' already exists", view.name);
    }
    let mut names = HashSet::new();
    for field in view.input.schema().fields() {
        if !names.insert(field.name()) {
            return exec_err!("column `{}` is in the view twice", field.name());
        }
    }
    let mut parameters: Vec<String> = view.input.get_parameter_names()?.into_iter().collect();
    parameters.sort();
    if let Some(parameter) = parameters.first() {
        return exec_err!("a view cannot have parameters such as `{parameter}`");
    }
    let state = context.state();
    let plan = Arc::unwrap_or_clone(view.input);
    state
        .analyzer()
        .execute_and_check(plan.clone(), state.config_options(), |_, _| {})?;
    if exists {
        context.deregister_table(view.name.clone())?;
    }
    let table = ViewTable::new(plan, view.definition);
    context.register_table(view.name, Arc::new(table))?;
    let nothing = LogicalPlanBuilder::empty(false).build()?;
    Ok(DataFrame::new(context.state(), nothing))
}

/// Creates `table`, or leaves one alone that is there if it says so.
///
/// Fails as the engine does, if a default is not of its column's type, and if there is no room for its rows.
pub(super) async fn table(context: &SessionContext, table: CreateMemoryTable) -> Result<DataFrame> {
    let name = table.name.clone();
    let is_declared = matches!(table.input.as_ref(), LogicalPlan::EmptyRelation(_));
    let exists = context.table_exist(name.clone())?;
    if is_declared || exists && !table.or_replace {
        let mut table = table;
        check_precision(table.input.schema().as_arrow())?;
        for (column, default) in &mut table.column_defaults {
            let field = table.input.schema().field_with_unqualified_name(column)?;
            *default = plan::assigned(default.clone(), field.data_type())?;
        }
        let plan = LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(table));
        return context.execute_logical_plan(plan).await;
    }
    let query = DataFrame::new(context.state(), Arc::unwrap_or_clone(table.input));
    let rows = query.execute_stream().await?;
    let known = rows.schema();
    let fields = known.fields().iter();
    let fields = fields.map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), known.metadata().clone());
    let schema = Arc::new(schema);
    let mut held = HeldRows::new(&context.runtime_env());
    let rows = held.collect(rows).await?;
    let rows = rows.into_iter();
    let rows = rows.map(|batch| batch.with_schema(Arc::clone(&schema)));
    let rows = vec![rows.collect::<Result<Vec<_>, _>>()?];
    if exists {
        context.deregister_table(name.clone())?;
    }
    context.register_table(name, Arc::new(MemTable::try_new(schema, rows)?))?;
    let nothing = LogicalPlanBuilder::empty(false).build()?;
    Ok(DataFrame::new(context.state(), nothing))
}

/// Refuses columns of times in seconds or milliseconds: what is put into them would be cut rather than rounded.
pub(super) fn check_precision(schema: &Schema) -> Result<()> {
    use TimeUnit::{Millisecond, Second};
    let is_coarse = |field: &&FieldRef| {
        matches!(
            field.data_type(),
            DataType::Timestamp(Second | Millisecond, _)
        )
    };
    match schema.fields().iter().find(is_coarse) {
        None => Ok(()),
        Some(field) => Err(Error::statement(format!(
            "the column `{}` has fewer digits than timestamps have in tables",
            field.name()
        ))
        .hint("write TIMESTAMP; x::timestamp(0) rounds what is put into it")
        .into()),
    }
}
