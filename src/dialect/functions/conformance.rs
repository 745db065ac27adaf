//! The functions against sqlite3, as the dialect `stackql` has them: every expression of
//! `tests/fixtures/sqlite_functions.tsv`, with the value there.
//!
//! Compared is the text of values, as SQLite spells them, truth values as 1 and 0. A column here has one type, so a
//! number may be real where SQLite has an integer, and text where its type cannot be known before its value
//! (`json_extract`); numbers are therefore compared as numbers. Where the fixture has a value of ours, the difference
//! is meant, and is checked as well.

use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::datatypes::Field;
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::prelude::SessionContext;

use super::testing::{context, planned};
use super::value::{Column, Value};

const FIXTURE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/sqlite_functions.tsv"
));

/// The type and the text of a value: the columns of the fixture.
#[derive(Debug, PartialEq)]
struct Outcome {
    kind: &'static str,
    text: String,
}

impl Outcome {
    fn of(value: &Value<'_>) -> Self {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) | Value::Int(_) => "integer",
            Value::Real(_) => "real",
            Value::Text(_) | Value::Json(_) => "text",
            Value::Blob(_) => "blob",
        };
        Self {
            kind,
            text: value.text().unwrap_or_default().into_owned(),
        }
    }

    /// Returns true if this is what sqlite3 gave.
    fn matches(&self, kind: &str, text: &str) -> bool {
        if kind == "error" || self.kind == "error" {
            return kind == self.kind;
        }
        if (kind == "null") != (self.kind == "null") {
            return false;
        }
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * a.abs().max(b.abs());
        self.text == text
            || kind != "text"
                && matches!((self.text.parse(), text.parse()), (Ok(a), Ok(b)) if close(a, b))
    }
}

async fn evaluate(context: &SessionContext, expression: &str) -> Result<Outcome> {
    let sql = format!("SELECT {expression} AS x");
    let batches: Vec<RecordBatch> = planned(context, &sql).await?.collect().await?;
    let array = Arc::clone(batches[0].column(0));
    let field = Field::new("x", array.data_type().clone(), true);
    Ok(Outcome::of(
        &Column::try_new(&ColumnarValue::Array(array), &field)?.value(0),
    ))
}

#[tokio::test]
async fn every_expression_gives_what_sqlite_gives() {
    let context = context();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in FIXTURE
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        let (expression, kind, text, ours) = (next(), next(), next(), next());
        let outcome = evaluate(&context, expression)
            .await
            .unwrap_or_else(|error| Outcome {
                kind: "error",
                text: error.to_string(),
            });
        let as_expected = if ours.is_empty() {
            outcome.matches(kind, text)
        } else {
            !outcome.matches(kind, text) && (ours == outcome.text || ours == outcome.kind)
        };
        if !as_expected {
            wrong.push(format!(
                "{expression}\n  sqlite3 {kind} {text}\n  ours    {} {}",
                outcome.kind, outcome.text
            ));
        }
        count += 1;
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count >= 300, "{count} are too few");
}
