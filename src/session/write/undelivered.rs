//! Secrets of created keys that only this process has so far, and how they survive a panic.
//!
//! An INSERT holds each key from the answer to its create until its row is delivered. A panic unwinds, and as a rule
//! fails only its statement, but it may take along the code that would deliver the keys, and one in a destructor ends
//! the process. The panic hook always runs, but can reach only global state. So the keys are kept in a global list.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use super::RescueFile;
use super::journal::{Event, Journal};
use crate::api::{self, KeyBody};

/// The keys that all running INSERTs hold.
static UNDELIVERED: Mutex<Vec<Arc<Keys>>> = Mutex::new(Vec::new());

/// How long a panic waits for a lock. Its own thread may hold it, and waiting for itself would be a deadlock.
const WAIT: Duration = Duration::from_millis(100);

/// The keys that one INSERT holds, until it is dropped.
pub(super) struct UndeliveredSecrets(Option<Arc<Keys>>);

struct Keys {
    rescue_file: RescueFile,
    /// What outlives this process if it has no time to save anything.
    journal: Option<Journal>,
    /// By the row that asked for them.
    rows: Mutex<BTreeMap<usize, KeyBody>>,
}

impl Keys {
    fn note(&self, events: impl IntoIterator<Item = (usize, Event)>) {
        if let Some(journal) = &self.journal {
            journal.note(events);
        }
    }
}

impl UndeliveredSecrets {
    /// Begins to hold keys, to be saved to `rescue_file`, and to note in `journal` what becomes of them. Without a file,
    /// none are held.
    pub(super) fn begin(rescue_file: Option<&RescueFile>, journal: Option<Journal>) -> Self {
        let keys = rescue_file.map(|rescue_file| {
            Arc::new(Keys {
                rescue_file: rescue_file.clone(),
                journal,
                rows: Mutex::default(),
            })
        });
        UNDELIVERED.lock().extend(keys.clone());
        Self(keys)
    }

    /// Returns the journal.
    pub(super) fn journal(&self) -> Option<&Journal> {
        self.0.as_ref()?.journal.as_ref()
    }

    /// Returns a function that takes the answer to the create of row `row` as soon as there is one, and holds the key. By the
    /// service's clock no key of the INSERT is older than the time that it is given.
    pub(super) fn recorder(
        &self,
        row: usize,
    ) -> impl FnOnce(&Result<KeyBody, api::Error>, Option<DateTime<Utc>>) + Send + 'static {
        let keys = self.0.clone();
        move |answer, since| {
            let Some(keys) = keys else { return };
            // Held first: the journal may have to wait for the disk.
            if let Ok(key) = answer {
                keys.rows.lock().insert(row, key.clone());
            }
            let id = match answer {
                Ok(key) => key.id(),
                Err(error) => error.created_key().map(str::to_owned),
            };
            let is_unknown = answer
                .as_ref()
                .map_or_else(api::Error::outcome_unknown, |_| true);
            let event = match id {
                Some(id) => Event::Created { id },
                None if is_unknown => Event::Unknown,
                None => Event::NotCreated,
            };
            let dated = since.map(|since| (row, Event::Dated { since }));
            keys.note([(row, event)].into_iter().chain(dated));
        }
    }

    /// Releases the key of row `row`, which is delivered.
    pub(super) fn release(&self, row: usize) {
        if let Some(keys) = &self.0 {
            keys.rows.lock().remove(&row);
        }
    }

    /// Notes that the secrets of `rows` are where they belong, or saved.
    pub(super) fn arrived(&self, rows: impl IntoIterator<Item = usize>) {
        if let Some(keys) = &self.0 {
            keys.note(rows.into_iter().map(|row| (row, Event::Delivered)));
        }
    }

    /// Ends the journal: every row is delivered, saved, or named in the error of the statement.
    pub(super) fn settle(&self) {
        if let Some(journal) = self.journal() {
            journal.remove();
        }
    }
}

impl Drop for UndeliveredSecrets {
    fn drop(&mut self) {
        if let Some(keys) = self.0.take() {
            UNDELIVERED.lock().retain(|held| !Arc::ptr_eq(held, &keys));
        }
    }
}

/// Saves all undelivered secrets, for a panic hook. Returns the files that they are now in, or the errors.
///
/// A statement that continues after the panic delivers or saves them once more.
pub fn save_undelivered() -> Vec<(PathBuf, io::Result<usize>)> {
    let Some(held) = UNDELIVERED.try_lock_for(WAIT) else {
        return Vec::new();
    };
    let mut saved = Vec::new();
    for keys in held.iter() {
        let Some(rows) = keys.rows.try_lock_for(WAIT) else {
            continue;
        };
        if !rows.is_empty() {
            let bodies: Vec<KeyBody> = rows.values().cloned().collect();
            let outcome = keys.rescue_file.save(&bodies).map(|()| bodies.len());
            if outcome.is_ok() {
                keys.note(rows.keys().map(|&row| (row, Event::Delivered)));
            }
            saved.push((keys.rescue_file.path().to_owned(), outcome));
        }
    }
    saved
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn what_is_held_is_saved_and_what_is_delivered_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = RescueFile::in_dir(dir.path());
        let key = |id: &str| KeyBody::parse(Bytes::from(format!("{{\"id\":\"{id}\"}}"))).unwrap();
        // Other tests may hold keys of their own.
        let save = || {
            let mut saved = save_undelivered().into_iter();
            saved.find(|(path, _)| path.starts_with(dir.path()))
        };
        {
            let held = UndeliveredSecrets::begin(Some(&file), None);
            assert!(save().is_none());
            for (row, id) in ["A", "B", "C"].into_iter().enumerate() {
                held.recorder(row)(&Ok(key(id)), None);
            }
            held.release(1);
            let (path, saved) = save().unwrap();
            assert_eq!(saved.unwrap(), 2);
            let text = std::fs::read_to_string(path).unwrap();
            assert_eq!(text, "{\"id\":\"A\"}\n{\"id\":\"C\"}\n");
        }
        assert!(save().is_none());
        let held = UndeliveredSecrets::begin(None, None);
        held.recorder(0)(&Ok(key("D")), None);
        held.release(0);
    }
}
