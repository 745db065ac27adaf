//! One line on stderr for each call: whoever watches the server sees the statements, but never a cell.
//!
//! The line is JSON, so that programs can read it. It has the statement as it was typed, and counts; the values of
//! parameters and everything that came from the service stay out.

use std::time::Instant;

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::error::ErrorKind;
use crate::render::escape_controls;

/// One call, while it runs.
#[derive(Debug)]
pub(super) struct Record {
    tool: &'static str,
    started: Instant,
    /// What was to be run or described.
    pub(super) statement: String,
    /// The requests that were sent.
    pub(super) requests: u64,
    /// The rows of the result.
    pub(super) rows: usize,
    /// The bound that cut the result.
    pub(super) truncated_by: Option<&'static str>,
}

impl Record {
    /// A call of `tool` that begins now.
    pub(super) fn of(tool: &'static str) -> Self {
        Self {
            tool,
            started: Instant::now(),
            statement: String::new(),
            requests: 0,
            rows: 0,
            truncated_by: None,
        }
    }

    /// Returns the line of the call, which has ended with `error` if there was one.
    pub(super) fn line(&self, error: Option<ErrorKind>) -> String {
        let mut line = Map::new();
        let mut add = |name: &str, value: Value| line.insert(name.to_owned(), value);
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        add("at", json!(now));
        add("tool", json!(self.tool));
        add("statement", json!(escape_controls(&self.statement)));
        add("outcome", json!(error.map_or("ok", kind)));
        add("requests", json!(self.requests));
        add("rows", json!(self.rows));
        if let Some(bound) = self.truncated_by {
            add("truncated_by", json!(bound));
        }
        let took = self.started.elapsed().as_millis();
        add("ms", json!(u64::try_from(took).unwrap_or(u64::MAX)));
        format!("audit: {}", Value::Object(line))
    }
}

/// Returns the name of a kind of error.
pub(super) fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Usage => "usage",
        ErrorKind::Syntax => "syntax",
        ErrorKind::Name => "name",
        ErrorKind::Type => "type",
        ErrorKind::Statement => "statement",
        ErrorKind::Permission => "permission",
        ErrorKind::Credentials => "credentials",
        ErrorKind::Service => "service",
        ErrorKind::Io => "io",
        ErrorKind::Interrupted => "cancelled",
        ErrorKind::BrokenPipe | ErrorKind::Internal => "internal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_on_one_line_that_hides_nothing() {
        let mut record = Record::of("query");
        record.statement = "SELECT\n'\u{202e}'".to_owned();
        (record.requests, record.rows) = (3, 200);
        record.truncated_by = Some("rows");
        let line = record.line(None);
        assert_eq!(line.lines().count(), 1);
        let read: Value = serde_json::from_str(line.strip_prefix("audit: ").unwrap()).unwrap();
        assert_eq!(read["statement"], r"SELECT\n'\u{202e}'");
        assert_eq!(read["outcome"], "ok");
        assert_eq!(
            (&read["requests"], &read["rows"], &read["truncated_by"]),
            (&json!(3), &json!(200), &json!("rows"))
        );
        let line = record.line(Some(ErrorKind::Permission));
        assert!(line.contains(r#""outcome":"permission""#), "{line}");
    }
}
