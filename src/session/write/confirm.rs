//! The confirmation that a person gives before many keys are created, changed or revoked.
//!
//! An edge implements [`Confirm`]; [`super::guard`] decides when to ask. It depends on the values of a write alone.

use datafusion::arrow::array::RecordBatch;

use crate::resource::Resource;
use crate::sql::spec::Spec;

/// Asks a person before many keys are created, changed or revoked.
pub trait Confirm: Send + Sync {
    /// Returns true if the person said yes, by typing the number of keys.
    fn confirm(&self, question: &Question<'_>) -> bool;
}

/// What a person is asked.
#[derive(Debug)]
pub struct Question<'q> {
    /// What is written.
    pub resource: &'static Resource,
    /// What will be done.
    pub verb: Verb,
    /// How many keys it touches.
    pub count: usize,
    /// Their ids; none if they are still to be created.
    pub ids: Vec<&'q str>,
    /// Their rows, with all columns of the table first, if they had to be fetched.
    pub rows: Option<&'q RecordBatch>,
    /// What is set, key by key: the new keys of an INSERT, the new values of an UPDATE.
    pub values: &'q [Spec],
}

/// What a write does to keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Creates them.
    Insert,
    /// Changes their texts.
    Update,
    /// Revokes them.
    Delete,
}

impl Verb {
    /// The SQL keyword.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }

    /// For people: `create`, `change`, `revoke`.
    pub fn plain(self) -> &'static str {
        match self {
            Self::Insert => "create",
            Self::Update => "change",
            Self::Delete => "revoke",
        }
    }
}
