//! One call, from its arguments to its result.
//!
//! A result is structured content beside a short text. Cells are in the structured content alone, and so is an error that
//! may quote one: the text is what some clients put before the model as if the server had said it.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use rmcp::RoleServer;
use rmcp::model::{
    CallToolResult, ContentBlock, JsonObject, ProgressNotificationParam, ProgressToken,
};
use rmcp::service::RequestContext;
use serde::Deserialize;
use serde_json::{Value, json};

use super::audit::{self, Record};
use super::rows::{Cut, Rows};
use super::server::Server;
use super::statement::{self, Takes};
use super::tools::Name;
use super::{command_line, hints, visible};
use crate::api::{self, Traffic};
use crate::dialect::error::{meant, nearest};
use crate::dialect::type_names::type_name;
use crate::error::{Cause, Error, ErrorKind, counted};
use crate::render::{Diagnostic, escape_controls};
use crate::resource::{self, DEFAULT_SCHEMA, Relation};
use crate::session::{Done, Interrupt, Params, Report, in_statement};
use crate::sql::split::Piece;

/// What a call came to: a JSON object, and a short text that holds no cell.
struct Answer {
    content: Value,
    text: String,
}

/// Why a call failed.
struct Failure {
    error: Error,
    /// True if the error may quote what came from the service.
    quotes: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(error, false)
    }
}

/// The arguments of the tools that take a statement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    sql: String,
    #[serde(default)]
    params: BTreeMap<String, Value>,
}

/// The arguments of `describe`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: Option<String>,
    sql: Option<String>,
}

/// A call under way.
pub(super) struct Call<'c> {
    server: &'c Server,
    context: &'c RequestContext<RoleServer>,
    record: Record,
}

impl<'c> Call<'c> {
    /// Carries out a call of `tool`.
    pub(super) async fn run(
        server: &'c Server,
        context: &'c RequestContext<RoleServer>,
        tool: Name,
        arguments: JsonObject,
    ) -> CallToolResult {
        let mut call = Self {
            server,
            context,
            record: Record::of(tool.as_str()),
        };
        let answer = match tool {
            Name::Query => call.query(arguments).await,
            Name::Describe => call.describe(arguments).await,
            Name::Explain => call.explain(arguments).await,
            Name::PreviewWrite => call.preview_write(arguments).await,
        };
        let requests = call.record.requests;
        let failed = answer.as_ref().err().map(|failure| failure.error.kind);
        server.audit(&call.record.line(failed));
        let (mut result, text) = match answer {
            Ok(Answer { content, text }) => (CallToolResult::structured(content), text),
            Err(failure) => {
                let content = json!({ "error": failure.content(), "requests": requests });
                (CallToolResult::structured_error(content), failure.text())
            }
        };
        result.content = vec![ContentBlock::text(text)];
        result
    }

    async fn query(&mut self, arguments: JsonObject) -> Result<Answer, Failure> {
        let (piece, params) = self.read(arguments, Takes::Reads)?;
        let rows = Rows::within(self.server.bounds);
        let (rows, report) = self.rows(&piece, &self.params(&params)?, rows).await?;
        let bounds = &self.server.bounds;
        let mut text = format!(
            "{} in structuredContent.rows, {} sent",
            counted(rows.rows.len() as u64, "row"),
            counted(self.record.requests, "request")
        );
        let mut content = json!({
            "columns": rows.columns(),
            "row_count": rows.rows.len(),
            "truncated": rows.cut.is_some(),
            "requests": self.record.requests,
            "warnings": report.warnings,
        });
        if let Some(note) = report.note {
            text = escape_controls(&note).into_owned();
            content["note"] = visible::text(&note);
        }
        if let Some(cut) = rows.cut {
            text = format!("{text}; {}", cut.told(bounds));
            content["truncated_by"] = json!(cut.name());
            content["ask_for_less"] = json!(cut.told(bounds));
        }
        content["rows"] = Value::Array(rows.rows);
        Ok(report_warnings(Answer { content, text }))
    }

    async fn explain(&mut self, arguments: JsonObject) -> Result<Answer, Failure> {
        let (piece, params) = self.read(arguments, Takes::Queries)?;
        let explained = Piece::new(format!("{EXPLAIN}{}", piece.text));
        let rows = Rows::within(self.server.bounds);
        let rows = self.rows(&explained, &self.params(&params)?, rows).await;
        let (rows, _) = rows.map_err(|failure| without_explain(failure, &piece))?;
        let plan = rows.lines();
        let text = format!(
            "{} in structuredContent.plan",
            counted(plan.len() as u64, "line")
        );
        let content = json!({ "plan": plan, "requests": self.record.requests });
        Ok(Answer { content, text })
    }

    async fn preview_write(&mut self, arguments: JsonObject) -> Result<Answer, Failure> {
        let (piece, params) = self.read(arguments, Takes::Writes)?;
        // The command line has texts alone, so the preview has, too.
        let mut texts = self.server.params.clone();
        for (name, value) in &params {
            texts.insert(bare(name), typed(name, value)?);
        }
        let wrong = |error| in_statement(error, &piece.text, piece.line);
        let command = command_line::of(&self.server.flags, &piece.text, &texts).map_err(wrong)?;
        let bytes = self.server.bounds.bytes;
        if command.len() > bytes {
            let message = format!("the command for a person would have more than {bytes} bytes");
            let hint = "write a shorter statement, or shorter parameters";
            return Err(Error::statement(message).hint(hint).into());
        }
        let rows = Rows::within(self.server.bounds).counting_all();
        let (rows, report) = self.rows(&piece, &Params::texts(&texts), rows).await?;
        let mut text = format!(
            "the statement would send {}, which structuredContent.would_send shows; nothing was changed. Show \
             structuredContent.command to a person, who decides",
            counted(rows.count as u64, "request")
        );
        let mut content = json!({
            "command": command,
            "total": rows.count,
            "truncated": rows.cut.is_some(),
            "requests": self.record.requests,
            "warnings": report.warnings,
        });
        if let Some(cut) = rows.cut {
            text = format!("{text}; only the first {} are shown", rows.rows.len());
            content["truncated_by"] = json!(cut.name());
        }
        content["would_send"] = Value::Array(rows.rows);
        Ok(report_warnings(Answer { content, text }))
    }

    async fn describe(&mut self, arguments: JsonObject) -> Result<Answer, Failure> {
        let Subject { name, sql } = parsed(arguments)?;
        let content = match (name, sql) {
            (None, None) => json!({ "tables": tables() }),
            (Some(name), None) => {
                self.record.statement = name.clone();
                json!({ "columns": self.columns_of(&name).await? })
            }
            (None, Some(sql)) => {
                self.record.statement = sql.clone();
                let piece = statement::read(&sql, Takes::Reads)?;
                let described = self.server.session.describe(&piece).await?;
                let columns = described.columns.fields().iter();
                let columns = columns.map(
                    |field| json!({ "name": escape_controls(field.name()), "type": type_name(field.data_type()) }),
                );
                let parameters = described.parameters.iter();
                let parameters = parameters
                    .map(|(name, ty)| json!({ "name": name, "type": ty.as_ref().map(type_name) }));
                json!({
                    "columns": columns.collect::<Vec<_>>(),
                    "parameters": parameters.collect::<Vec<_>>(),
                })
            }
            (Some(_), Some(_)) => {
                return Err(Error::usage("describe takes `name` or `sql`, not both").into());
            }
        };
        let members = content.as_object().into_iter().flatten();
        let counts = members.map(|(name, list)| {
            let count = list.as_array().map_or(0, Vec::len) as u64;
            format!(
                "{} in structuredContent.{name}",
                counted(count, name.trim_end_matches('s'))
            )
        });
        let text = counts.collect::<Vec<_>>().join(", ");
        Ok(Answer { content, text })
    }

    /// Returns the columns of the table or view called `name`.
    async fn columns_of(&self, name: &str) -> Result<Vec<Value>, Error> {
        let parts: Vec<String> = name.split('.').map(str::to_lowercase).collect();
        let found = resource::named(&parts);
        if let Some(Relation::Table(resource)) = found {
            let columns = resource.paths().into_iter().map(|(path, column)| {
                let mut described = json!({
                    "name": path,
                    "type": column.ty.label(),
                    "description": column.description,
                });
                if let Some(sent) = resource.sent_as(&path) {
                    described["sent_as"] = json!(sent);
                }
                described
            });
            return Ok(columns.collect());
        }
        let relations = self.server.session.relations().await;
        let short = name.to_lowercase();
        let short = short.trim_start_matches("confluent.");
        let schema = format!("{DEFAULT_SCHEMA}.");
        let is_named =
            |candidate: &str| candidate == short || short.strip_prefix(&schema) == Some(candidate);
        let Some(relation) = relations.iter().find(|relation| is_named(&relation.name)) else {
            let typed = escape_controls(name);
            let error = Error::new(ErrorKind::Name, format!("no table `{typed}`"));
            let names = relations.iter().map(|relation| relation.name.as_str());
            return Err(error.hint(meant(
                nearest(short, names),
                "describe without a name lists the tables",
            )));
        };
        let computed = match found {
            Some(Relation::View(view)) => view.computed,
            _ => &[],
        };
        let columns = relation.schema.fields().iter().map(|field| {
            let mut described = json!({
                "name": field.name(),
                "type": type_name(field.data_type()),
            });
            if let Some((_, said)) = computed.iter().find(|(name, _)| name == field.name()) {
                described["description"] = json!(said);
            }
            described
        });
        Ok(columns.collect())
    }

    /// Reads the arguments of a tool that takes a statement.
    fn read(
        &mut self,
        arguments: JsonObject,
        takes: Takes,
    ) -> Result<(Piece, BTreeMap<String, Value>), Error> {
        if let Some(Value::String(sql)) = arguments.get("sql") {
            self.record.statement.clone_from(sql);
        }
        let Statement { sql, params } = parsed(arguments)?;
        Ok((statement::read(&sql, takes)?, params))
    }

    /// Returns the values of the parameters: those of the call, over those that the server was started with.
    fn params(&self, given: &BTreeMap<String, Value>) -> Result<Params, Error> {
        let mut values = BTreeMap::new();
        for (name, text) in &self.server.params {
            values.insert(name.clone(), ScalarValue::from(text.as_str()));
        }
        for (name, value) in given {
            let value = match value {
                Value::Null => ScalarValue::Null,
                Value::Bool(value) => ScalarValue::Boolean(Some(*value)),
                Value::String(text) => ScalarValue::from(text.as_str()),
                Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                    (Some(number), _) => ScalarValue::Int64(Some(number)),
                    (None, number) => ScalarValue::Float64(number),
                },
                Value::Array(_) | Value::Object(_) => return Err(not_scalar(name)),
            };
            values.insert(bare(name), value);
        }
        Ok(values.into_iter().collect())
    }

    /// Runs `piece`, and returns its rows, which go into `rows`.
    async fn rows(
        &mut self,
        piece: &Piece,
        params: &Params,
        mut rows: Rows,
    ) -> Result<(Rows, Told), Failure> {
        let traffic = Arc::new(Traffic::default());
        let outcome = self.run_into(piece, params, &traffic, &mut rows).await;
        self.record.requests = traffic.figures().requests;
        let told = match outcome {
            Ok(report) => Told::of(report),
            Err(error) if rows.cut.is_some() => Told {
                note: None,
                warnings: shown(error.notes),
            },
            Err(error) if is_budget_spent(&error) && !rows.rows.is_empty() => {
                rows.cut = Some(Cut::Requests);
                Told {
                    note: None,
                    warnings: shown(error.notes),
                }
            }
            Err(error) => {
                let quotes = self.record.requests > 0 && error.find::<api::Error>().is_none();
                return Err(Failure::new(error, quotes));
            }
        };
        self.record.rows = rows.rows.len();
        self.record.truncated_by = rows.cut.map(Cut::name);
        Ok((rows, told))
    }

    async fn run_into(
        &self,
        piece: &Piece,
        params: &Params,
        traffic: &Arc<Traffic>,
        rows: &mut Rows,
    ) -> Result<Report, Error> {
        let interrupt = Interrupt::default();
        let token = self.context.meta.get_progress_token();
        let session = &self.server.session;
        let running = session.run(piece, params, Arc::clone(traffic), rows, &interrupt);
        let mut running = std::pin::pin!(running);
        let mut progress = 0;
        loop {
            tokio::select! {
                outcome = &mut running => {
                    // A page that is still under way is the last: what is told here is all that was sent.
                    interrupt.raise();
                    return outcome;
                }
                () = self.context.ct.cancelled(), if !interrupt.is_raised() => interrupt.raise(),
                () = traffic.answer(), if token.is_some() => {
                    if let Some(token) = &token {
                        self.tell(token, traffic, &mut progress).await;
                    }
                }
            }
        }
    }

    /// Tells the client how many requests have been sent, if there are more than it knows of.
    async fn tell(&self, token: &ProgressToken, traffic: &Traffic, known: &mut u64) {
        let figures = traffic.figures();
        if figures.requests <= *known {
            return;
        }
        *known = figures.requests;
        let requests = counted(figures.requests, "request");
        let message = format!("{requests}, {}", counted(figures.keys, "object"));
        let progress = ProgressNotificationParam::new(token.clone(), figures.requests as f64)
            .with_message(message);
        // A client that has gone needs no progress; the call ends where its result is sent.
        let _ = self.context.peer.notify_progress(progress).await;
    }
}

/// What a statement had to say besides its rows.
struct Told {
    note: Option<String>,
    warnings: Vec<String>,
}

impl Told {
    fn of(report: Report) -> Self {
        let note = match report.done {
            Done::Note(note) => Some(note),
            _ => None,
        };
        let warnings = report.warnings.iter().map(ToString::to_string);
        Self {
            note,
            warnings: shown(warnings.collect()),
        }
    }
}

impl Failure {
    fn new(error: Error, quotes: bool) -> Self {
        let hint = error.hint.as_deref().and_then(hints::for_model);
        let error = Error { hint, ..error };
        Self { error, quotes }
    }

    /// Returns the error for programs.
    fn content(&self) -> Value {
        let error = &self.error;
        let mut content = json!({
            "kind": audit::kind(error.kind),
            "message": bounded(&escape_controls(&error.message)),
        });
        let causes = error.causes.iter().flat_map(Cause::shown);
        let details = causes.chain(error.notes.iter().cloned());
        let details = details.take(MAX_DETAILS).map(|detail| bounded(&detail));
        let details = shown(details.collect());
        if !details.is_empty() {
            content["details"] = json!(details);
        }
        if let Some(hint) = &error.hint {
            content["hint"] = json!(bounded(&escape_controls(hint)));
        }
        if let Some(place) = &error.place {
            content["excerpt"] = json!(bounded(&excerpt(error)));
            content["line"] = json!(place.line + place.span.start.line - 1);
            content["column"] = json!(place.span.start.column);
        }
        content
    }

    /// Returns the error for people, as the shell shows it; without its words if they may quote a cell.
    fn text(&self) -> String {
        let color = false;
        let text = match self.quotes {
            false => Diagnostic {
                error: &self.error,
                color,
                width: None,
            }
            .to_string(),
            true => format!(
                "error: the statement failed on what it had read; structuredContent.error says why\n{}",
                excerpt(&self.error)
            ),
        };
        bounded(&text)
    }
}

/// The most characters of one text of an error. It may quote what a cell or the statement holds.
const MAX_TEXT: usize = 2000;

/// The most details of an error.
const MAX_DETAILS: usize = 20;

fn bounded(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns the place of `error` in its statement, in lines, with a mark under it.
fn excerpt(error: &Error) -> String {
    let place = Error {
        place: error.place.clone(),
        ..Error::statement("")
    };
    let shown = Diagnostic {
        error: &place,
        color: false,
        width: None,
    };
    let shown = shown.to_string();
    let lines = shown.lines().skip(1);
    lines.map(|line| format!("{line}\n")).collect()
}

/// What `explain` puts before a statement.
const EXPLAIN: &str = "EXPLAIN ";

/// Puts the place of an error into the statement as it was typed.
fn without_explain(mut failure: Failure, piece: &Piece) -> Failure {
    if let Some(place) = &mut failure.error.place {
        place.text.clone_from(&piece.text);
        place.line = piece.line;
        for at in [&mut place.span.start, &mut place.span.end] {
            if at.line == 1 {
                at.column = at.column.saturating_sub(EXPLAIN.len() as u64);
            }
        }
    }
    failure
}

fn is_budget_spent(error: &Error) -> bool {
    matches!(
        error.find::<api::Error>(),
        Some(api::Error::BudgetSpent { .. })
    )
}

fn shown(texts: Vec<String>) -> Vec<String> {
    let texts = texts.iter();
    texts
        .map(|text| escape_controls(text).into_owned())
        .collect()
}

fn report_warnings(answer: Answer) -> Answer {
    let count = answer.content["warnings"].as_array().map_or(0, Vec::len);
    let text = match count {
        0 => answer.text,
        count => {
            let warnings = counted(count as u64, "warning");
            format!("{}; {warnings} in structuredContent.warnings", answer.text)
        }
    };
    Answer { text, ..answer }
}

/// Reads the arguments of a tool.
fn parsed<T: serde::de::DeserializeOwned>(arguments: JsonObject) -> Result<T, Error> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| {
        let message = escape_controls(&error.to_string()).into_owned();
        Error::usage(format!("the arguments do not fit: {message}"))
            .hint("tools/list has the input schema of each tool")
    })
}

/// Returns a parameter's name without the `$` that it has in a statement.
fn bare(name: &str) -> String {
    name.trim_start_matches('$').to_owned()
}

fn not_scalar(name: &str) -> Error {
    let name = escape_controls(name);
    Error::new(
        ErrorKind::Type,
        format!("the parameter `{name}` is not text, a number or a boolean"),
    )
    .hint("write a list into the statement, with a parameter for each of its values")
}

/// Returns the value of a parameter as a command line has it.
fn typed(name: &str, value: &Value) -> Result<String, Error> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    if bare(name).is_empty() || !bare(name).chars().all(is_name) {
        let name = escape_controls(name);
        return Err(
            Error::usage(format!("`{name}` is not a valid parameter name"))
                .hint("a name is letters, digits and `_`"),
        );
    }
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null => Err(Error::new(
            ErrorKind::Type,
            format!("the parameter `{name}` is null, which a command line cannot say"),
        )
        .hint("write NULL into the statement")),
        Value::Array(_) | Value::Object(_) => Err(not_scalar(name)),
    }
}

/// Returns the tables and views with a sentence each.
fn tables() -> Vec<Value> {
    let mut tables = Vec::new();
    for resource in resource::ALL {
        let title = resource.nouns.title;
        tables.push(json!({
            "name": resource.full_name(),
            "kind": "table",
            "description": format!("{title}, as the service has them"),
        }));
    }
    for view in resource::VIEWS {
        tables.push(json!({
            "name": view.full_name(),
            "kind": "view",
            "description": view.description,
        }));
    }
    tables
}
