//! What the tests of this room share: a session over a small table shaped like the real one.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::json::ReaderBuilder;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::config::Dialect as Parsed;
use datafusion::datasource::MemTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};

use super::value::json_field;
use super::{Error, register};
use crate::dialect::Dialect;
use crate::dialect::rewrite::rewrite;
use crate::dialect::shape::Shape;

/// Three keys: of a service account with everything set, of a user with little, and of nobody with nothing.
const KEYS: [&str; 3] = [
    r#"{"id": "KEYA", "metadata": {"self": "https://example.org/KEYA", "resource_name": "crn://a/b=c/api-key=KEYA",
        "created_at": "2026-01-03T04:05:06.81192Z", "updated_at": "2026-02-03T04:05:06Z"},
        "spec": {"display_name": "ci", "description": "naïve \"key\"", "expires_at": "2027-01-01T00:00:00Z",
        "owner": {"id": "sa-1", "kind": "ServiceAccount"}, "resource": {"id": "lkc-1", "environment": "env-1"},
        "resources": [{"id": "lkc-1"}, {"id": "lkc-2"}]}}"#,
    r#"{"id": "KEYB", "metadata": {"self": "https://example.org/KEYB", "created_at": "2026-03-01T00:00:00Z"},
        "spec": {"display_name": "", "owner": {"id": "u-2", "kind": "User"}, "resources": []}}"#,
    r#"{"id": "KEYC", "metadata": {}, "spec": {}}"#,
];

/// Returns a session with the functions and the table `api_keys`.
pub(crate) fn context() -> SessionContext {
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .with_information_schema(true)
        .set_bool(
            "datafusion.optimizer.enable_leaf_expression_pushdown",
            false,
        );
    let builder = SessionStateBuilder::new()
        .with_config(config)
        .with_default_features();
    let context = SessionContext::new_with_state(register(builder).build());
    let batch = keys();
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).expect("one schema");
    context
        .register_table("api_keys", Arc::new(table))
        .expect("a new name");
    context
}

/// Plans `sql` as a session of the dialect `stackql` does: parsed, rewritten, planned.
pub(crate) async fn planned(context: &SessionContext, sql: &str) -> Result<DataFrame> {
    planned_in(Dialect::Stackql, context, sql).await
}

async fn planned_in(dialect: Dialect, context: &SessionContext, sql: &str) -> Result<DataFrame> {
    let mut statement = context.state().sql_to_statement(sql, &Parsed::Generic)?;
    rewrite(&mut statement, &Shape::default(), dialect);
    let plan = context.state().statement_to_plan(statement).await?;
    context.execute_logical_plan(plan).await
}

/// Runs `sql` and returns its cells, NULL as "NULL".
pub(crate) async fn rows(sql: &str) -> Result<Vec<Vec<String>>> {
    rows_in(Dialect::Stackql, sql).await
}

async fn rows_in(dialect: Dialect, sql: &str) -> Result<Vec<Vec<String>>> {
    let batches = planned_in(dialect, &context(), sql)
        .await?
        .collect()
        .await?;
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in &batches {
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            rows.push(
                columns
                    .iter()
                    .map(|column| column.value(row).to_string())
                    .collect(),
            );
        }
    }
    Ok(rows)
}

/// Runs `sql` and returns its first column.
pub(crate) async fn column(sql: &str) -> Vec<String> {
    let rows = rows(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    rows.into_iter().map(|mut row| row.swap_remove(0)).collect()
}

/// Evaluates one expression without a table.
pub(crate) async fn value(expression: &str) -> String {
    column(&format!("SELECT {expression}")).await.swap_remove(0)
}

/// Evaluates one expression in the default dialect; an error of this room is its text.
pub(crate) async fn default_value(expression: &str) -> String {
    match rows_in(Dialect::Default, &format!("SELECT {expression}")).await {
        Ok(mut rows) => rows.swap_remove(0).swap_remove(0),
        Err(error) => error.find_root().to_string(),
    }
}

/// Runs `sql`, which must fail with an error of this room.
pub(crate) async fn error(sql: &str) -> Error {
    let error = rows(sql).await.expect_err(sql);
    match error.find_root() {
        DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
            Some(error) => error.clone(),
            None => panic!("{sql}: {inner}"),
        },
        other => panic!("{sql}: {other}"),
    }
}

/// Returns the plan of `sql` after optimisation, indented.
pub(crate) async fn optimized_plan(sql: &str) -> String {
    let frame = planned(&context(), sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    frame
        .into_optimized_plan()
        .expect("optimizes")
        .display_indent()
        .to_string()
}

/// Returns the predicate of `SELECT id FROM api_keys WHERE <predicate>` after optimisation.
pub(crate) async fn optimized_filter(predicate: &str) -> String {
    let plan = optimized_plan(&format!("SELECT id FROM api_keys WHERE {predicate}")).await;
    let filters = plan
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Filter: "));
    filters.collect::<Vec<_>>().join(" AND ")
}

fn keys() -> RecordBatch {
    let nested = schema();
    let mut decoder = ReaderBuilder::new(Arc::clone(&nested))
        .build_decoder()
        .expect("a decoder");
    for key in KEYS {
        decoder.decode(key.as_bytes()).expect("JSON");
    }
    let batch = decoder.flush().expect("rows").expect("three rows");
    let specs: StringArray = KEYS
        .iter()
        .map(|key| {
            serde_json::from_str::<serde_json::Value>(key).expect("JSON")["spec"].to_string()
        })
        .map(Some)
        .collect();
    let mut fields = vec![json_field("_spec")];
    fields.extend(nested.fields().iter().cloned());
    let mut columns: Vec<datafusion::arrow::array::ArrayRef> = vec![Arc::new(specs)];
    columns.extend(batch.columns().iter().cloned());
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns match")
}

fn schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let time = |name: &str| {
        Field::new(
            name,
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            true,
        )
    };
    let reference = DataType::Struct(Fields::from(vec![
        text("id"),
        text("environment"),
        text("related"),
        text("resource_name"),
        text("api_version"),
        text("kind"),
    ]));
    let spec = Fields::from(vec![
        text("secret"),
        text("display_name"),
        text("description"),
        time("expires_at"),
        Field::new("owner", reference.clone(), true),
        Field::new("resource", reference.clone(), true),
        Field::new_list("resources", Field::new_list_field(reference, true), true),
    ]);
    let metadata = Fields::from(vec![
        text("self"),
        text("resource_name"),
        time("created_at"),
        time("updated_at"),
        time("deleted_at"),
    ]);
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("metadata", DataType::Struct(metadata), true),
        Field::new("spec", DataType::Struct(spec), true),
    ]))
}
