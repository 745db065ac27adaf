//! Runs StackQL's own statements. None of them needs the network, except those that stand for SQL.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{Expr as SqlExpr, ExprWithAlias};

use async_trait::async_trait;

use super::diagnose;
use super::error::in_statement;
use super::report::Done;
use super::sink::Sink;
use super::{Call, Session};
use crate::dialect::error::{meant, nearest};
use crate::dialect::output_names::renamed;
use crate::dialect::type_names::type_name;
use crate::dialect::walk::WalkMut;
use crate::error::{Error, ErrorKind};
use crate::resource::{self, CATALOG, DEFAULT_SCHEMA, Relation};
use crate::sql::operation::Operation;
use crate::sql::split::Piece;
use crate::sql::stackql::{Answer, Describe, Filter, Stackql};

impl Session {
    /// Runs `statement`, which the statement of `call` was read as.
    pub(super) async fn stackql(
        &self,
        statement: Stackql,
        call: Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Done, Error> {
        let Call {
            piece, interrupt, ..
        } = call;
        match statement {
            Stackql::Materialize { name, fill } => {
                self.fill(*fill, call).await?;
                self.materialized.lock().insert(name, piece.clone());
                Ok(Done::Ok)
            }
            Stackql::Refresh { name } => {
                let created = self.materialized.lock().get(&name).cloned();
                let Some(created) = created else {
                    return Err(self.no_materialized(&name));
                };
                let wrong = |error| in_statement(error, &created.text, created.line);
                if let Operation::Stackql(Stackql::Materialize { fill, .. }) =
                    Operation::read(&created, self.dialect()).map_err(wrong)?
                {
                    self.fill(*fill, call.of(&created)).await?;
                }
                Ok(Done::Ok)
            }
            Stackql::Sleep(milliseconds) => tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(milliseconds)) => Ok(Done::Ok),
                () = interrupt.raised() => Err(Error::interrupted()),
            },
            Stackql::Nothing(note) => Ok(Done::Note(note)),
            statement => match self.answer(statement).await? {
                Some(answer) => self.deliver(answer, piece, sink).await,
                None => Ok(Done::Ok),
            },
        }
    }

    /// Returns the rows that `statement` consists of; None if it does something instead.
    pub(super) async fn answer(&self, statement: Stackql) -> Result<Option<Answer>, Error> {
        Ok(Some(match statement {
            Stackql::Answer(answer) => answer,
            Stackql::Describe(describe) => self.describe_table(&describe).await?,
            Stackql::Auth => self.auth(),
            Stackql::Functions { filter } => self.show_functions(filter),
            Stackql::Materialize { .. }
            | Stackql::Refresh { .. }
            | Stackql::Sleep(_)
            | Stackql::Nothing(_) => return Ok(None),
        }))
    }

    /// Runs `operation`, whose rows are not asked for.
    pub(super) async fn without_rows(
        &self,
        operation: Operation,
        call: Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Done, Error> {
        let shows_rows = self.is_shown_write(&operation);
        let mut nowhere = DiscardRows;
        let sink = match shows_rows {
            true => sink,
            false => &mut nowhere,
        };
        let done = Box::pin(self.perform(operation, call, sink)).await?;
        Ok(match (done, shows_rows) {
            (Done::Rows(rows), false) => {
                Done::Note(format!("{rows} rows; /*+ SHOWRESULTS */ shows them"))
            }
            (done, _) => done,
        })
    }

    /// Returns true if `operation` is a write whose requests are shown, because this is a dry run.
    pub(super) fn is_shown_write(&self, operation: &Operation) -> bool {
        self.options.dry_run && matches!(operation, Operation::Write { .. })
    }

    async fn deliver(
        &self,
        answer: Answer,
        piece: &Piece,
        sink: &mut dyn Sink,
    ) -> Result<Done, Error> {
        let failed = |error: DataFusionError| diagnose::diagnose(error, piece, &self.tables());
        let schema = schema_of(&answer.columns);
        let rows = self.filtered(answer).await.map_err(failed)?;
        sink.begin(&schema).await?;
        let mut count = 0;
        for batch in rows {
            count += batch.num_rows();
            sink.rows(&renamed(batch, &schema)).await?;
        }
        sink.finish().await?;
        Ok(Done::Rows(count))
    }

    /// Returns the rows of `answer` that match its filter. The engine evaluates it.
    async fn filtered(&self, answer: Answer) -> Result<Vec<RecordBatch>, DataFusionError> {
        let names: Vec<String> = answer.columns.iter().map(|c| c.to_lowercase()).collect();
        let fields = names
            .iter()
            .map(|name| Field::new(name, DataType::Utf8, true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let columns = (0..names.len()).map(|column| {
            let cells = answer.rows.iter().map(|row| row[column].as_deref());
            Arc::new(cells.collect::<StringArray>()) as _
        });
        let batch = RecordBatch::try_new(schema, columns.collect())?;
        let frame = self.context.read_batch(batch)?;
        let predicate = match answer.filter {
            Filter::None => return frame.collect().await,
            Filter::Like(pattern) => names
                .iter()
                .filter(|name| ["id", "name", "methodname"].contains(&name.as_str()))
                .map(|name| col(name.as_str()).ilike(lit(pattern.clone())))
                .reduce(Expr::or)
                .unwrap_or_else(|| lit(true)),
            Filter::Where(mut expr) => {
                name_columns(&mut expr, &names);
                let expr = ExprWithAlias {
                    expr: *expr,
                    alias: None,
                };
                let state = self.context.state();
                state.create_logical_expr_from_sql_expr(expr, frame.schema())?
            }
        };
        frame.filter(predicate)?.collect().await
    }

    async fn describe_table(&self, describe: &Describe) -> Result<Answer, Error> {
        if let Some(Relation::Table(resource)) = resource::named(&describe.name) {
            return Ok(describe.of_resource(resource));
        }
        let schema = self.table(&describe.name).await?.schema();
        let row = |field: &Arc<Field>| {
            let name = Some(field.name().clone());
            let mut row = vec![name, Some(type_name(field.data_type()))];
            if describe.extended {
                row.push(None);
            }
            row
        };
        let mut columns = vec!["name", "type"];
        if describe.extended {
            columns.push("description");
        }
        Ok(Answer {
            columns,
            rows: schema.fields().iter().map(row).collect(),
            filter: describe.filter.clone(),
        })
    }

    async fn table(&self, name: &[String]) -> Result<Arc<dyn TableProvider>, Error> {
        let reference = match name {
            [table] => TableReference::bare(table.as_str()),
            [schema, table] => TableReference::partial(schema.as_str(), table.as_str()),
            _ => TableReference::parse_str(&name.join(".")),
        };
        self.context.table_provider(reference).await.map_err(|_| {
            let typed = name.join(".");
            let tables = self.tables();
            let error = Error::new(ErrorKind::Name, format!("no table `{typed}`"));
            let last = name.last().map_or("", String::as_str);
            let near = nearest(last, tables.iter().map(String::as_str));
            let near = near.map(|near| match (name.len() > 1, near.contains('.')) {
                (true, true) => format!("{CATALOG}.{near}"),
                (true, false) => format!("{CATALOG}.{DEFAULT_SCHEMA}.{near}"),
                (false, _) => near.to_owned(),
            });
            error.hint(meant(near, format!("tables here: {}", tables.join(", "))))
        })
    }

    fn auth(&self) -> Answer {
        let row = match self.connection.client() {
            Ok(client) => match client.key_id() {
                Some(key) => vec![Some(key.to_owned()), Some("basic".to_owned()), None],
                None => vec![None, Some("bearer".to_owned()), None],
            },
            Err(missing) => vec![None, None, Some(missing.reason)],
        };
        Answer::new(vec!["principal", "type", "source"], vec![row])
    }

    /// Returns the functions of this session.
    fn show_functions(&self, filter: Filter) -> Answer {
        let rows = self.functions().into_iter().map(|function| {
            let description = Some(function.description).filter(|text| !text.is_empty());
            vec![Some(function.name), Some(function.signature), description]
        });
        Answer {
            columns: vec!["name", "signature", "description"],
            rows: rows.collect(),
            filter,
        }
    }

    /// Runs `fill`, which fills a materialized view and was read from the statement of `call`.
    async fn fill(&self, fill: EngineStatement, call: Call<'_>) -> Result<(), Error> {
        let piece = call.piece;
        let wrong = |error| in_statement(error, &piece.text, piece.line);
        let operation = Operation::of(fill).map_err(wrong)?;
        Box::pin(self.perform(operation, call, &mut DiscardRows)).await?;
        Ok(())
    }

    fn no_materialized(&self, name: &str) -> Error {
        let views = self.materialized.lock();
        let known: Vec<&str> = views.keys().map(String::as_str).collect();
        let error = Error::new(ErrorKind::Name, format!("no materialized view `{name}`"));
        match known.is_empty() {
            true => error.hint("CREATE MATERIALIZED VIEW makes one, for this session"),
            false => error.hint(format!("there is: {}", known.join(", "))),
        }
    }
}

/// Resolves the names in `expr` to columns, in any case, quoted or not.
fn name_columns(expr: &mut SqlExpr, columns: &[String]) {
    expr.change_expressions(|expr| {
        if let SqlExpr::Identifier(ident) = expr
            && let Some(column) = columns
                .iter()
                .find(|column| column.eq_ignore_ascii_case(&ident.value))
        {
            ident.value.clone_from(column);
        }
    });
}

pub(super) fn schema_of(columns: &[&str]) -> SchemaRef {
    let fields = columns
        .iter()
        .map(|name| Field::new(*name, DataType::Utf8, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Discards the rows of a statement whose result is not wanted.
struct DiscardRows;

#[async_trait]
impl Sink for DiscardRows {
    async fn begin(&mut self, _: &SchemaRef) -> Result<(), Error> {
        Ok(())
    }

    async fn rows(&mut self, _: &RecordBatch) -> Result<(), Error> {
        Ok(())
    }
}
