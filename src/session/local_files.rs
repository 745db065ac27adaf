//! Local files as tables, and sessions whose statements may not touch any.
//!
//! Turns a quoted name in FROM into a table over a file. Without files it refuses COPY TO, CREATE EXTERNAL TABLE and
//! such names by what they are: it does not look whether there is a file, because that is an answer, too. It depends on
//! the engine's catalog and on the file system.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{TableProvider, UrlTableFactory};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::Statement as EngineStatement;

use crate::error::{Error, ErrorKind};

/// What a session without files says about one.
const HINT: &str = "--no-files is set: statements neither read nor write local files";

/// A table that is refused because it would be a file. Crosses the engine as `DataFusionError::External`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is a local file, and this session uses none")]
pub(super) struct FileRefused {
    /// The name as it was typed, without quotes.
    pub(super) name: String,
}

impl FileRefused {
    pub(super) const HINT: &str = HINT;
}

/// Refuses a statement that reads or writes local files by its form.
///
/// # Errors
///
/// Fails with the statement and the file.
pub(super) fn refuse(statement: &EngineStatement) -> Result<(), Error> {
    match statement {
        EngineStatement::CopyTo(copy) => Err(refused("COPY", &copy.target)),
        EngineStatement::CreateExternalTable(create) => Err(refused(
            "CREATE EXTERNAL TABLE",
            &create.locations.join("`, `"),
        )),
        EngineStatement::Explain(explain) => refuse(&explain.statement),
        _ => Ok(()),
    }
}

/// Refuses a plan that reads or writes local files, in whatever way the statement came to it.
///
/// # Errors
///
/// Fails with what is refused.
pub(super) fn refuse_plan(plan: &LogicalPlan) -> Result<(), Error> {
    match plan {
        LogicalPlan::Copy(copy) => return Err(refused("COPY", &copy.output_url)),
        LogicalPlan::Ddl(DdlStatement::CreateExternalTable(create)) => {
            return Err(refused(
                "CREATE EXTERNAL TABLE",
                &create.locations.join("`, `"),
            ));
        }
        _ => {}
    }
    plan.inputs().into_iter().try_for_each(refuse_plan)
}

fn refused(statement: &str, file: &str) -> Error {
    let message = format!("{statement} uses the local file `{file}`, and this session uses none");
    Error::new(ErrorKind::Permission, message).hint(HINT)
}

/// Refuses to write a file in a session that is read-only.
///
/// # Errors
///
/// Fails for COPY TO, and for EXPLAIN ANALYZE of it.
pub(super) fn refuse_writing(plan: &LogicalPlan) -> Result<(), Error> {
    match plan {
        LogicalPlan::Copy(copy) => Err(Error::new(
            ErrorKind::Permission,
            format!(
                "this session is read-only, and COPY would write the local file `{}`",
                copy.output_url
            ),
        )
        .hint("leave out --read-only; --output-file, which is no statement, still writes rows")),
        // EXPLAIN writes nothing.
        LogicalPlan::Explain(_) => Ok(()),
        plan => plan.inputs().into_iter().try_for_each(refuse_writing),
    }
}

/// Refuses every name that can only be that of a file.
#[derive(Debug)]
pub(super) struct NoFiles;

#[async_trait]
impl UrlTableFactory for NoFiles {
    async fn try_new(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match is_file_name(name) {
            true => Err(DataFusionError::External(Box::new(FileRefused {
                name: name.to_owned(),
            }))),
            false => Ok(None),
        }
    }
}

/// Returns true if `name` can be a file's, but not that of a table of the session: those are words.
fn is_file_name(name: &str) -> bool {
    name.contains(['/', '\\', '.', ':', '~', '*', '?', '['])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_from_tables_by_their_names() {
        for file in [
            "a.csv",
            "/etc/passwd",
            "~/a",
            "C:\\a",
            "file:///a",
            "*",
            "a[1]",
            ".",
        ] {
            assert!(is_file_name(file), "{file}");
        }
        for table in ["api_keys", "my table", "Größe", "t-1", ""] {
            assert!(!is_file_name(table), "{table}");
        }
    }
}
