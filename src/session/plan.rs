//! A statement of the engine to its plan, read as it is written, or where that fails as SQLite would read it.
//!
//! Readings are tried only after the engine has refused the statement, so that none of them changes what another
//! statement means. A write is never read leniently: it could then mean other keys than were meant.

use datafusion::common::{ScalarValue, SchemaError};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as EngineStatement;

use super::Session;
use crate::sql::error::nearest;
use crate::sql::rewrite;
use crate::table::scope::Scope;

/// How a statement is read that the engine refuses.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reading<'s> {
    /// As it is written.
    Strict,
    /// As SQLite and PostgreSQL would: `"text"` without such a column, a name of the select list in WHERE, a bare column beside an
    /// aggregate. What is worth telling of it goes to the scope.
    Lenient(&'s Scope),
}

impl Session {
    /// Plans `statement`, and carries it out if it is one that has no rows (CREATE, SET, …).
    pub(super) async fn plan(
        &self,
        mut statement: EngineStatement,
        reading: Reading<'_>,
    ) -> Result<DataFrame, DataFusionError> {
        rewrite::rewrite(&mut statement);
        let plan = self.logical_plan(statement, reading).await?;
        let changes_nothing = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        if self.options.read_only {
            changes_nothing.verify_plan(&plan)?;
        }
        let plan = self.with_params(plan)?;
        if let LogicalPlan::Explain(explain) = &plan {
            // The engine would tell an error as if it were a plan.
            self.context
                .state()
                .create_physical_plan(&explain.plan)
                .await?;
        }
        self.context.execute_logical_plan(plan).await
    }

    async fn logical_plan(
        &self,
        mut statement: EngineStatement,
        reading: Reading<'_>,
    ) -> Result<LogicalPlan, DataFusionError> {
        let state = self.context.state();
        loop {
            let error = match state.statement_to_plan(statement.clone()).await {
                Ok(plan) => return Ok(plan),
                Err(error) => error,
            };
            let Reading::Lenient(scope) = reading else {
                return Err(error);
            };
            // Each reading takes away what the engine has refused, so that this ends.
            let is_changed = match error.find_root() {
                DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
                    SchemaError::FieldNotFound {
                        field,
                        valid_fields,
                    } => {
                        let columns = valid_fields.iter().map(|column| column.name.as_str());
                        let is_slip = nearest(&field.name, columns).is_some();
                        rewrite::name_to_item(&mut statement, &field.name)
                            || rewrite::name_rows(&mut statement, &field.name)
                            || rewrite::name_to_text(&mut statement, &field.name, is_slip)
                    }
                    _ => false,
                },
                DataFusionError::Plan(message) if message.contains(SAME_NAME) => {
                    rewrite::name_every_item(&mut statement)
                }
                DataFusionError::Plan(message) if message.contains(BARE_COLUMN) => {
                    let is_aggregate = |name: &str| state.aggregate_functions().contains_key(name);
                    let columns = rewrite::columns_of_any_row(&mut statement, &is_aggregate);
                    scope.any_row(&columns);
                    !columns.is_empty()
                }
                _ => false,
            };
            if !is_changed {
                return Err(error);
            }
        }
    }

    pub(super) fn with_params(&self, plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
        // PREPARE keeps its placeholders for EXECUTE.
        if self.options.params.is_empty() || matches!(plan, LogicalPlan::Statement(_)) {
            return Ok(plan);
        }
        let values: Vec<(String, ScalarValue)> = self
            .options
            .params
            .iter()
            .map(|(name, value)| (name.clone(), ScalarValue::from(value.as_str())))
            .collect();
        plan.with_param_values(values)
    }
}

/// What the engine says of two items of a select list that it makes the same of.
const SAME_NAME: &str = "require unique expression names";

/// What the engine says of a column that is neither grouped nor aggregated.
const BARE_COLUMN: &str = "must be in GROUP BY or an aggregate function";
