//! What a statement came to: its rows, its requests, its warnings.

use std::sync::LazyLock;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use iamql::error::Error;
use iamql::render::cell_text;
use iamql::session::{Done, Sink};
use regex::Regex;

/// What a statement came to.
#[derive(Debug, Default)]
#[must_use = "assert the rows or the requests"]
pub(crate) struct Answer {
    /// The names of the columns.
    pub(crate) columns: Vec<String>,
    /// The rows, their cells joined by ` | `.
    pub(crate) rows: Vec<String>,
    /// The same rows, cell by cell, NULL as none.
    pub(crate) cells: Vec<Vec<Option<String>>>,
    /// The request lines in order of arrival; the values of page tokens are shown as `*`.
    pub(crate) requests: Vec<String>,
    /// The warnings.
    pub(crate) warnings: Vec<String>,
    /// What was done, besides.
    pub(crate) done: Option<Done>,
}

impl Answer {
    /// The only cell of the only row.
    #[track_caller]
    pub(crate) fn value(&self) -> &str {
        assert_eq!(self.columns.len(), 1, "{self:?}");
        assert_eq!(self.rows.len(), 1, "{self:?}");
        &self.rows[0]
    }

    /// The cells of the only row.
    #[track_caller]
    pub(crate) fn value_list(&self) -> Vec<&str> {
        assert_eq!(self.rows.len(), 1, "{self:?}");
        self.rows[0].split(" | ").collect()
    }

    /// The rows in an order that does not depend on that of the answers.
    pub(crate) fn sorted(&self) -> Vec<&str> {
        let mut rows: Vec<&str> = self.rows.iter().map(String::as_str).collect();
        rows.sort_unstable();
        rows
    }

    /// The request lines in an order that does not depend on which of those side by side came first.
    pub(crate) fn sorted_requests(&self) -> Vec<&str> {
        let mut requests: Vec<&str> = self.requests.iter().map(String::as_str).collect();
        requests.sort_unstable();
        requests
    }
}

/// Hides what a page token says.
pub(crate) fn without_token(line: &str) -> String {
    static TOKEN: LazyLock<Regex> = LazyLock::new(|| Regex::new("page_token=[^&]+").unwrap());
    TOKEN.replace(line, "page_token=*").into_owned()
}

/// Hides what differs from run to run in an error: request ids, ports, times.
pub(crate) fn steady(text: &str) -> String {
    static VARYING: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?x) (request\ id\ )[0-9a-f]+ | (127\.0\.0\.1:)\d+ | (tries\ in\ )[0-9.]+\ m?s | (before\ an\ answer\ arrived:\ )[^,\n]+",
        )
        .unwrap()
    });
    VARYING.replace_all(text, "$1$2$3$4*").into_owned()
}

/// Collects rows as text.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) finished: bool,
}

#[async_trait]
impl Sink for Collector {
    async fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        self.columns = schema.fields().iter().map(|f| f.name().clone()).collect();
        Ok(())
    }

    async fn rows(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let schema = batch.schema();
        for row in 0..batch.num_rows() {
            let cells = schema
                .fields()
                .iter()
                .zip(batch.columns())
                .map(|(field, column)| cell_text(field, column, row).unwrap());
            self.rows.push(cells.collect());
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Error> {
        self.finished = true;
        Ok(())
    }

    fn is_streaming(&self) -> bool {
        false
    }
}

impl Collector {
    /// The rows, their cells joined by ` | `, NULL as `NULL`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |cells: &Vec<Option<String>>| {
            let cells = cells.iter().map(|cell| cell.as_deref().unwrap_or("NULL"));
            cells.collect::<Vec<_>>().join(" | ")
        };
        self.rows.iter().map(line).collect()
    }
}
