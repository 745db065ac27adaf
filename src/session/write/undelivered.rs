//! Secrets of created keys that nobody has yet but this process, and what becomes of them if it panics.
//!
//! An INSERT holds each key from the answer to its create until its row is delivered. A release ends at a panic without
//! unwinding, so that no destructor saves anything; what still runs is the panic hook, which has nothing to start from
//! but what is global. So the keys that are held are kept where it finds them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;
use std::{io, thread};

use super::Unsaved;
use crate::api::KeyBody;

/// What all INSERTs under way hold.
static HELD: Mutex<Vec<Arc<Keys>>> = Mutex::new(Vec::new());

/// The keys that one INSERT holds, until it is dropped.
pub(super) struct Held(Option<Arc<Keys>>);

struct Keys {
    unsaved: Unsaved,
    /// By the row that asked for them.
    rows: Mutex<BTreeMap<usize, KeyBody>>,
}

impl Held {
    /// Begins to hold keys, which would be saved to `unsaved`; none are held without such a place.
    pub(super) fn begin(unsaved: Option<&Unsaved>) -> Self {
        let keys = unsaved.map(|unsaved| {
            Arc::new(Keys {
                unsaved: unsaved.clone(),
                rows: Mutex::default(),
            })
        });
        lock(&HELD).extend(keys.clone());
        Self(keys)
    }

    /// Returns what takes the key of row number `row`, as soon as it is there.
    pub(super) fn holder(&self, row: usize) -> impl FnOnce(&KeyBody) + Send + 'static {
        let keys = self.0.clone();
        move |key| {
            if let Some(keys) = keys {
                lock(&keys.rows).insert(row, key.clone());
            }
        }
    }

    /// Lets go of the key of row number `row`, which is delivered.
    pub(super) fn release(&self, row: usize) {
        if let Some(keys) = &self.0 {
            lock(&keys.rows).remove(&row);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(keys) = self.0.take() {
            lock(&HELD).retain(|held| !Arc::ptr_eq(held, &keys));
        }
    }
}

/// Saves the secrets that are held, for a panic hook: returns the files that they are in now, or what kept them from it.
///
/// A statement that goes on all the same delivers or saves them once more.
pub fn save_held() -> Vec<(PathBuf, io::Result<usize>)> {
    let Some(held) = lock_while_panicking(&HELD) else {
        return Vec::new();
    };
    let mut saved = Vec::new();
    for keys in held.iter() {
        let Some(rows) = lock_while_panicking(&keys.rows) else {
            continue;
        };
        if !rows.is_empty() {
            let rows: Vec<KeyBody> = rows.values().cloned().collect();
            let outcome = keys.unsaved.save(&rows).map(|()| rows.len());
            saved.push((keys.unsaved.path().to_owned(), outcome));
        }
    }
    saved
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is whole between any two steps.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks `mutex` unless it is this very thread that has it, which would wait for itself.
fn lock_while_panicking<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    for _ in 0..100 {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn what_is_held_is_saved_and_what_is_delivered_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let unsaved = Unsaved::in_dir(dir.path());
        let key = |id: &str| KeyBody::parse(Bytes::from(format!("{{\"id\":\"{id}\"}}"))).unwrap();
        // Other tests may hold keys of their own.
        let save = || {
            let mut saved = save_held().into_iter();
            saved.find(|(path, _)| path.starts_with(dir.path()))
        };
        {
            let held = Held::begin(Some(&unsaved));
            assert!(save().is_none());
            for (row, id) in ["A", "B", "C"].into_iter().enumerate() {
                held.holder(row)(&key(id));
            }
            held.release(1);
            let (path, saved) = save().unwrap();
            assert_eq!(saved.unwrap(), 2);
            let text = std::fs::read_to_string(path).unwrap();
            assert_eq!(text, "{\"id\":\"A\"}\n{\"id\":\"C\"}\n");
        }
        assert!(save().is_none());
        let held = Held::begin(None);
        held.holder(0)(&key("D"));
        held.release(0);
    }
}
