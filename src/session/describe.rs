//! The columns and parameters of a statement, without running it. Clients of a server ask for them first.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::logical_expr::{LogicalPlan, Statement};
use datafusion::sql::parser::Statement as EngineStatement;
use futures::FutureExt;

use super::description::{Description, parameters};
use super::error::in_statement;
use super::executor::panicked;
use super::params::Params;
use super::plan::{PlanResult, Planner, Reading};
use super::{Session, diagnose, explain, stackql, write};
use crate::dialect::output_names::Names;
use crate::dialect::{parse, source_json};
use crate::error::Error;
use crate::resource;
use crate::sql::operation::Operation;
use crate::sql::split::Piece;
use crate::table::scope::Scope;

impl Session {
    /// Describes one statement. Sends no request and changes nothing.
    ///
    /// # Errors
    ///
    /// Fails if the statement is wrong and that can be seen without running it.
    pub async fn describe(&self, piece: &Piece) -> Result<Description, Error> {
        let described = AssertUnwindSafe(self.describe_unguarded(piece));
        let described = described.catch_unwind().await;
        described.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
    }

    async fn describe_unguarded(&self, piece: &Piece) -> Result<Description, Error> {
        let wrong = |error| in_statement(error, &piece.text, piece.line);
        let operation = Operation::read(piece, self.dialect()).map_err(wrong)?;
        self.describe_operation(piece, operation).await
    }

    async fn describe_operation(
        &self,
        piece: &Piece,
        operation: Operation,
    ) -> Result<Description, Error> {
        match operation {
            Operation::Query(statement) => {
                let scope = Arc::new(Scope::new(Arc::default()));
                self.describe_planned(piece, statement, Reading::Lenient(scope))
                    .await
            }
            Operation::Write { write, is_dry } => {
                write::describe(self, piece, write, is_dry || self.options.dry_run).await
            }
            Operation::Stackql(statement) => Ok(match self.answer(statement).await? {
                Some(answer) => Description::of(stackql::schema_of(&answer.columns)),
                None => Description::empty(),
            }),
            Operation::WithoutRows(operation) => {
                let shows_rows = self.is_shown_write(&operation);
                let described = Box::pin(self.describe_operation(piece, *operation)).await?;
                Ok(match shows_rows {
                    true => described,
                    false => Description {
                        columns: Arc::new(Schema::empty()),
                        ..described
                    },
                })
            }
        }
    }

    /// Describes a statement of the engine's.
    pub(super) async fn describe_planned(
        &self,
        piece: &Piece,
        statement: EngineStatement,
        reading: Reading,
    ) -> Result<Description, Error> {
        let planner = self.planner(&Params::default());
        let planning = || async move { planner.describe(statement, reading).await };
        self.within_timeout(planning)
            .await?
            .map_err(|error| diagnose::diagnose(error, piece, &self.tables()))
    }
}

impl Planner {
    async fn describe(
        &self,
        statement: EngineStatement,
        reading: Reading,
    ) -> PlanResult<Description> {
        let shape = resource::shape();
        let names = parse::as_sql(&statement)
            .map(|sql| Names::of(sql, shape))
            .unwrap_or_default();
        let plan = self.plan_open(statement, reading).await?;
        let parameters = parameters(&plan)?;
        let columns = match plan {
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => explain::schema(),
            LogicalPlan::Statement(Statement::Execute(execute)) => {
                let plan = self.prepared.plan(execute, &self.context.state())?;
                names.apply(&self.columns(plan, &BTreeMap::new())?, shape)
            }
            // What only tells how many rows it has written, tells it in its report.
            LogicalPlan::Ddl(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Copy(_) => Arc::new(Schema::empty()),
            plan => names.apply(&self.columns(plan, &parameters)?, shape),
        };
        Ok(Description {
            columns,
            parameters,
        })
    }

    /// Returns the columns of `plan` with their final types.
    pub(super) fn columns(
        &self,
        plan: LogicalPlan,
        parameters: &BTreeMap<String, Option<DataType>>,
    ) -> PlanResult<SchemaRef> {
        let state = self.context.state();
        let typed =
            state
                .analyzer()
                .execute_and_check(plan.clone(), state.config_options(), |_, _| {});
        match typed {
            Ok(plan) => Ok(source_json::without_schema(plan.schema().inner())),
            // The engine cannot infer types that depend on an untyped parameter.
            Err(_) if parameters.values().any(Option::is_none) => {
                Ok(source_json::without_schema(plan.schema().inner()))
            }
            Err(error) => Err(error),
        }
    }
}
