//! What one statement shares with all scans that run for it: the figures of its requests, and its warnings.
//!
//! The session puts a [`Scope`] into the engine's configuration before it runs a statement; a scan takes it from there.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use parking_lot::Mutex;

use super::decode::Oddities;
use super::skipped_controls::SkippedControls;
use crate::api::{Budget, Client, Traffic};

/// The state of one running statement.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    traffic: Arc<Traffic>,
    budget: Budget,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    warnings: Vec<Warning>,
    skips: SkippedControls,
    pushed: BTreeSet<String>,
    /// How long a person was waited for.
    waited: Duration,
}

/// Something worth telling that did not stop the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A key asked for by id was refused, which the service also does for keys that are gone.
    Forbidden {
        /// The id asked for.
        id: String,
    },
    /// Timestamps and dates that could not be parsed.
    Timestamps {
        /// How many.
        count: usize,
        /// One of them.
        example: String,
    },
    /// What a write has to say besides its rows.
    Write(String),
    /// Members of another type than the service documents.
    Types {
        /// How many.
        count: usize,
        /// The name of one of them.
        member: &'static str,
    },
    /// A value that the service writes in another way, so that nothing is equal to it.
    Misspelled {
        /// The column that it was compared with.
        column: &'static str,
        /// The value.
        typed: String,
        /// What the service writes.
        written: &'static str,
    },
    /// A control whose data may not be read, which the rows do not tell.
    Skipped {
        /// The name of the control.
        control: &'static str,
        /// What may not be read.
        reason: String,
    },
    /// Columns that are neither grouped nor aggregated.
    AnyRow {
        /// Their names.
        columns: Vec<String>,
    },
}

impl Scope {
    /// Starts a statement whose requests are counted by `traffic`.
    pub(crate) fn new(traffic: Arc<Traffic>) -> Self {
        Self {
            traffic,
            ..Self::default()
        }
    }

    /// The same, whose statement sends no more requests than `budget` allows.
    pub(crate) fn within(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }

    /// Returns `client` for the requests of the statement, which `traffic` counts.
    pub(crate) fn client(&self, client: &Client, traffic: Arc<Traffic>) -> Client {
        client.observed_by(traffic).within(self.budget.clone())
    }

    /// Returns the figures of the statement's requests so far.
    pub(crate) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Returns the warnings so far, one of each sort with the counts of all.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let state = self.state.lock();
        let mut warnings = state.warnings.clone();
        warnings.extend(state.skips.unreported());
        warnings
    }

    /// Takes note of rows that are on their way to a reader.
    pub(crate) fn note_rows(&self, rows: &RecordBatch) {
        self.state.lock().skips.note_rows(rows);
    }

    /// Takes note of a control whose data may not be read, for a reason.
    pub(super) fn skip(&self, control: &'static str, reason: &str) {
        self.state.lock().skips.add(control, reason);
    }

    /// Returns the predicates that the requests so far carried, as they are typed.
    pub(crate) fn pushed(&self) -> Vec<String> {
        self.state.lock().pushed.iter().cloned().collect()
    }

    pub(super) fn push(&self, predicates: Vec<String>) {
        self.state.lock().pushed.extend(predicates);
    }

    /// Returns how long the statement has waited for a person.
    pub(crate) fn waited(&self) -> Duration {
        self.state.lock().waited
    }

    /// Adds the time that a person took to answer.
    pub(crate) fn wait(&self, time: Duration) {
        self.state.lock().waited += time;
    }

    /// Adds a warning about a write.
    pub(crate) fn warn_of_write(&self, message: impl Into<String>) {
        self.warn(Warning::Write(message.into()));
    }

    pub(super) fn misspelled(&self, values: Vec<(&'static str, String, &'static str)>) {
        let warnings = &mut self.state.lock().warnings;
        for (column, typed, written) in values {
            let warning = Warning::Misspelled {
                column,
                typed,
                written,
            };
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }

    pub(super) fn forbidden(&self, id: &str) {
        self.warn(Warning::Forbidden { id: id.to_owned() });
    }

    /// Tells that `columns` are of some row of each group.
    pub(crate) fn any_row(&self, columns: &BTreeSet<String>) {
        if !columns.is_empty() {
            // The engine's spelling of a path, `spec['owner']['id']`, is not what was typed.
            let dotted = |name: &String| {
                let name = name.replace("']['", ".").replace("['", ".");
                name.replace("']", "")
            };
            self.warn(Warning::AnyRow {
                columns: columns.iter().map(dotted).collect(),
            });
        }
    }

    pub(super) fn odd(&self, oddities: Oddities) {
        let warnings = &mut self.state.lock().warnings;
        if let Some(text) = oddities.timestamp {
            let known = warnings.iter_mut().find_map(|warning| match warning {
                Warning::Timestamps { count, .. } => Some(count),
                _ => None,
            });
            match known {
                Some(count) => *count += oddities.timestamps,
                None => warnings.push(Warning::Timestamps {
                    count: oddities.timestamps,
                    example: text,
                }),
            }
        }
        if let Some(member) = oddities.member {
            let known = warnings.iter_mut().find_map(|warning| match warning {
                Warning::Types { count, .. } => Some(count),
                _ => None,
            });
            match known {
                Some(count) => *count += oddities.types,
                None => warnings.push(Warning::Types {
                    count: oddities.types,
                    member,
                }),
            }
        }
    }

    fn warn(&self, warning: Warning) {
        self.state.lock().warnings.push(warning);
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden { id } => write!(
                f,
                "key `{id}` is left out: the service answered 403, as it does for keys that are gone and for keys \
                 that these credentials may not see"
            ),
            Self::Write(message) => f.write_str(message),
            Self::Misspelled {
                column,
                typed,
                written,
            } => write!(
                f,
                "no `{column}` is equal to `{typed}`: the service writes `{written}`"
            ),
            Self::Skipped { control, reason } => {
                write!(f, "control `{control}` was not checked: {reason}")
            }
            Self::Timestamps { count: 1, example } => {
                write!(
                    f,
                    "a date or timestamp could not be read and is NULL: `{example}`"
                )
            }
            Self::Timestamps { count, example } => write!(
                f,
                "{count} dates or timestamps could not be read and are NULL, `{example}` among them"
            ),
            Self::AnyRow { columns } => write!(
                f,
                "`{}` {} neither in GROUP BY nor in an aggregate function: the value is that of some row of each group",
                columns.join("`, `"),
                match columns.len() {
                    1 => "is",
                    _ => "are",
                }
            ),
            Self::Types { count: 1, member } => write!(
                f,
                "a field is not of the documented type and is NULL: `{member}`"
            ),
            Self::Types { count, member } => write!(
                f,
                "{count} fields are not of the documented type and are NULL, `{member}` among them"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_they_are_typed() {
        let scope = Scope::default();
        let columns = ["spec['owner']['id']", "k.spec['display_name']", "id"];
        scope.any_row(&columns.map(str::to_owned).into());
        assert_eq!(
            scope.warnings(),
            [Warning::AnyRow {
                columns: ["id", "k.spec.display_name", "spec.owner.id"]
                    .map(str::to_owned)
                    .into(),
            }]
        );
    }

    #[test]
    fn oddities_of_many_pages_make_one_warning_of_each_sort() {
        let scope = Scope::default();
        for text in ["yesterday", "tomorrow"] {
            scope.odd(Oddities {
                timestamps: 2,
                timestamp: Some(text.to_owned()),
                types: 1,
                member: Some("owner"),
            });
        }
        scope.odd(Oddities::default());
        let texts: Vec<_> = scope.warnings().iter().map(Warning::to_string).collect();
        assert_eq!(
            texts,
            [
                "4 dates or timestamps could not be read and are NULL, `yesterday` among them",
                "2 fields are not of the documented type and are NULL, `owner` among them",
            ]
        );
    }
}
