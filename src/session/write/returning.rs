//! RETURNING: expressions over the keys that a write created, changed or deleted.
//!
//! It is planned before the first request, against an empty table, so that a wrong name is never found after a key was
//! created. The same plan then runs over each key as it arrives.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray, StructArray};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
    MemorySchemaProvider, SchemaProvider, streaming::StreamingTable,
};
use datafusion::common::plan_err;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{
    SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext,
};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::{TryStreamExt, stream};
use parking_lot::Mutex;
use sqlparser::ast::Query;

use crate::dialect::Dialect;
use crate::dialect::output_names::{Names, renamed};
use crate::dialect::parse::query_statement;
use crate::dialect::rewrite::rewrite;
use crate::dialect::source_json;
use crate::render::{SECRET_MARK, cell_json};
use crate::resource::{self, CATALOG, Resource, Writes};
use crate::secret;
use crate::session::description::{Description, parameters};
use crate::session::plan::Planner;
use crate::sql::spec::Spec;
use crate::sql::write;
use crate::table::decode::Decoder;

/// A RETURNING list, planned.
pub(super) struct Returning {
    resource: &'static Resource,
    plan: Arc<dyn ExecutionPlan>,
    rows: Arc<Rows>,
    context: Arc<TaskContext>,
    schema: SchemaRef,
    /// Positions of the table's columns that the list reads.
    reads: Vec<usize>,
}

/// The table that the plan reads: the rows that were last put in.
#[derive(Debug)]
struct Rows {
    schema: SchemaRef,
    rows: Mutex<RecordBatch>,
}

impl Returning {
    /// Plans `returning` with the functions, settings and parameters of the session.
    ///
    /// Fails for names that do not exist, and for aggregates and subqueries.
    pub(super) async fn plan(returning: write::Returning, planner: &Planner) -> Result<Self> {
        let resource = returning.resource;
        let (state, rows, logical) =
            Self::logical(returning.resource, returning.query, planner).await?;
        let logical = planner.with_params(logical)?;
        let reads = reads(resource, &state.optimize(&logical)?)?;
        let plan = state.create_physical_plan(&logical).await?;
        let schema = Names::of_items(&returning.items, resource::shape()).apply(
            &source_json::without_schema(&plan.schema()),
            resource::shape(),
        );
        Ok(Self {
            resource,
            plan,
            rows,
            context: state.task_ctx(),
            schema,
            reads,
        })
    }

    /// Describes `returning`.
    ///
    /// Fails as [`plan`](Self::plan) does.
    pub(super) async fn describe(
        returning: write::Returning,
        planner: &Planner,
    ) -> Result<Description> {
        let (_, _, logical) = Self::logical(returning.resource, returning.query, planner).await?;
        let parameters = parameters(&logical)?;
        let shape = resource::shape();
        let planned = planner.columns(logical, &parameters)?;
        Ok(Description {
            columns: Names::of_items(&returning.items, shape).apply(&planned, shape),
            parameters,
        })
    }

    async fn logical(
        resource: &'static Resource,
        query: Query,
        planner: &Planner,
    ) -> Result<(SessionState, Arc<Rows>, LogicalPlan)> {
        let schema = resource.schema();
        let rows = Arc::new(Rows {
            schema: Arc::clone(&schema),
            rows: Mutex::new(RecordBatch::new_empty(Arc::clone(&schema))),
        });
        let table = StreamingTable::try_new(schema, vec![Arc::clone(&rows) as _])?;
        let schema = MemorySchemaProvider::new();
        schema.register_table(resource.table.to_owned(), Arc::new(table))?;
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(resource.service.name, Arc::new(schema))?;
        let list = MemoryCatalogProviderList::new();
        list.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        let state = SessionStateBuilder::new_from_existing(planner.context.state())
            .with_catalog_list(Arc::new(list))
            .build();

        let mut statement = query_statement(query);
        let dialect = Dialect::of(state.config_options());
        rewrite(&mut statement, resource::shape(), dialect);
        let logical = state.statement_to_plan(statement).await?;
        if logical.exists(|plan| {
            Ok(matches!(
                plan,
                LogicalPlan::Aggregate(_) | LogicalPlan::Window(_)
            ))
        })? {
            return plan_err!("RETURNING takes expressions over each row, not aggregates");
        }
        if logical.exists(|plan| Ok(plan.expressions().iter().any(has_subquery)))? {
            return plan_err!("RETURNING takes expressions over each row, not subqueries");
        }
        Ok((state, rows, logical))
    }

    /// Returns what was written.
    pub(super) fn resource(&self) -> &'static Resource {
        self.resource
    }

    /// Returns the columns of the result.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns true if the list reads no column but the key's id.
    pub(super) fn needs_id_only(&self) -> bool {
        self.reads.iter().all(|&column| column == 0)
    }

    /// Returns the list's values for `rows`, which have the columns of the table.
    ///
    /// Fails if an expression cannot be evaluated.
    pub(super) async fn apply(&self, rows: RecordBatch) -> Result<RecordBatch> {
        *self.rows.rows.lock() = rows;
        let results = execute_stream(Arc::clone(&self.plan), Arc::clone(&self.context))?;
        let schema = results.schema();
        let batches: Vec<RecordBatch> = results.try_collect().await?;
        let batch = source_json::without(&concat_batches(&schema, &batches)?)?;
        Ok(renamed(batch, &self.schema))
    }

    /// Returns rows that look like those of the keys that `specs` will create, for a table to make room for them. None
    /// of it is known to be right: an expression that fails now may not fail then.
    pub(super) async fn expected(&self, specs: &[Spec]) -> RecordBatch {
        let rows = async {
            let mut decoder = Decoder::of_created(self.resource);
            for spec in specs {
                let pushed = decoder.push(&expected(self.resource, spec).to_string());
                pushed.map_err(|error| DataFusionError::External(Box::new(error)))?;
            }
            self.apply(decoder.finish()?).await
        };
        let rows = rows.await;
        rows.unwrap_or_else(|_| RecordBatch::new_empty(Arc::clone(&self.schema)))
    }

    /// Returns true if the secret of a created key reaches the result. It finds out by evaluating the list over a
    /// probe, and marks the columns that the secret reaches, so that they are never shortened.
    ///
    /// Fails if an expression cannot be evaluated.
    pub(super) async fn carries_secret(&mut self) -> Result<bool> {
        const PROBE: &str = "cflt-probe-of-the-returning-list";
        let result = self.apply(probe(self.resource, PROBE)?).await?;
        let mut fields = Vec::with_capacity(result.num_columns());
        let mut carries = false;
        for (column, field) in self.schema.fields().iter().enumerate() {
            let mut field = field.as_ref().clone();
            if holds(&result.project(&[column])?, PROBE)? {
                carries = true;
                field
                    .metadata_mut()
                    .insert(SECRET_MARK.to_owned(), String::new());
            }
            fields.push(field);
        }
        self.schema = Arc::new(Schema::new_with_metadata(
            fields,
            self.schema.metadata().clone(),
        ));
        Ok(carries)
    }
}

fn has_subquery(expr: &Expr) -> bool {
    let is_subquery = |expr: &Expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_)
        ))
    };
    // The closure never fails.
    expr.exists(is_subquery).unwrap_or(true)
}

/// Returns true if any cell of `batch` contains `text`.
pub(super) fn holds(batch: &RecordBatch, text: &str) -> Result<bool> {
    let quoted = serde_json::Value::from(text).to_string();
    let text = quoted.trim_matches('"');
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        for row in 0..batch.num_rows() {
            if cell_json(field, column, row)?.contains(text) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Returns a key like the one that `spec` creates: what the service chooses is as long as it usually is.
fn expected(resource: &Resource, spec: &Spec) -> serde_json::Value {
    let mut spec = spec.clone();
    spec.insert(secret::NAME.to_owned(), "x".repeat(64).into());
    let id = "X".repeat(16);
    serde_json::json!({
        "api_version": resource.api_version,
        "kind": resource.kind,
        "id": id,
        "metadata": {
            "self": format!("https://api.confluent.cloud{}/{id}", resource.path),
            "created_at": "2026-01-01T00:00:00.000000Z",
            "updated_at": "2026-01-01T00:00:00.000000Z",
        },
        (Writes::BODY): spec,
    })
}

/// Returns a row in which only the secret is set, in `spec` and in `_spec`.
fn probe(resource: &Resource, text: &str) -> Result<RecordBatch> {
    let mut decoder = Decoder::of_created(resource);
    let key =
        serde_json::json!({"id": "PROBE", (Writes::BODY): {(secret::NAME): text, "owner": {}}});
    decoder
        .push(&key.to_string())
        .map_err(|error| DataFusionError::External(Box::new(error)))?;
    Ok(decoder.finish()?)
}

/// Returns the positions of the columns that the scan in `plan` reads.
fn reads(resource: &Resource, plan: &LogicalPlan) -> Result<Vec<usize>> {
    let mut read = Vec::new();
    plan.apply(|plan| {
        if let LogicalPlan::TableScan(scan) = plan {
            read = match &scan.projection {
                Some(columns) => columns.clone(),
                None => (0..resource.fields().len()).collect(),
            };
        }
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    })?;
    Ok(read)
}

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().clone();
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            stream::iter([Ok(rows)]),
        ))
    }
}

/// Returns rows that hold nothing but `ids`.
pub(super) fn ids_only(resource: &Resource, ids: &[&str]) -> Result<RecordBatch> {
    let schema = resource.schema();
    let arrays = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(position, field)| match (position, field.data_type()) {
            (0, _) => Arc::new(StringArray::from(ids.to_vec())) as ArrayRef,
            (_, DataType::Struct(fields)) => {
                Arc::new(StructArray::new_null(fields.clone(), ids.len()))
            }
            (_, ty) => datafusion::arrow::array::new_null_array(ty, ids.len()),
        })
        .collect();
    Ok(RecordBatch::try_new(schema, arrays)?)
}
