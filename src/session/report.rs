//! What a statement did, besides its rows: for an edge to tell in its own way.

use std::sync::Arc;
use std::time::Duration;

use crate::api::Traffic;
use crate::table::scope::Warning;

/// What a statement did, besides its rows.
#[derive(Debug)]
pub struct Report {
    /// What was done.
    pub done: Done,
    /// Worth telling.
    pub warnings: Vec<Warning>,
    /// The figures of the requests.
    pub traffic: Arc<Traffic>,
    /// The predicates that the requests carried, as they are typed.
    pub pushed: Vec<String>,
    /// The time from reading the statement to the end of its rows, without that in which a person was asked.
    pub elapsed: Duration,
}

impl Report {
    /// Returns how many controls could not be checked without a row that says so.
    pub fn skipped_controls(&self) -> usize {
        let is_skipped = |warning: &&Warning| matches!(warning, Warning::Skipped { .. });
        self.warnings.iter().filter(is_skipped).count()
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Rows were delivered.
    Rows(usize),
    /// Rows were written to a file.
    Written(usize),
    /// Rows of a local table were inserted.
    LocalInserted(usize),
    /// Rows of a local table were changed.
    LocalUpdated(usize),
    /// Rows of a local table were deleted.
    LocalDeleted(usize),
    /// Keys were created.
    Inserted(usize),
    /// Keys were changed.
    Updated(usize),
    /// Keys were revoked.
    Deleted(usize),
    /// The requests of a write were shown, and not sent.
    Shown(usize),
    /// Nothing had to be done, with the reason; or rows were computed but not asked for.
    Note(String),
    /// A statement without a result succeeded, such as CREATE VIEW or SET.
    Ok,
}
