//! The journal of creates: after a process was killed, it tells which keys may exist whose secrets nobody has.
//!
//! One file for each INSERT, in the state directory, locked for as long as its process lives. A line says that a create
//! is about to be sent, and is on disk before it is; further lines say what became of it, and that its secret was
//! delivered. The file is removed once every row is accounted for. One that is left behind, and that nobody holds
//! locked, is what [`unfinished`] reads.
//!
//! It holds names, owners and ids, and never a secret: a secret that is on disk is one that must be protected there.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::candidates::{Candidates, distinct};
use crate::private_file;
use crate::resource::{self, Resource};
use crate::sql::spec::{self, Spec};

/// What the names of journals begin and end with.
const PREFIX: &str = "creates-";
const SUFFIX: &str = ".jsonl";

/// The most ids that a SELECT leaves out.
const LEFT_OUT: usize = 200;

/// The directory of journals.
#[derive(Debug, Clone)]
pub struct Journals {
    dir: PathBuf,
}

/// The journal of one INSERT.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// In RFC 3339.
    began: String,
    service: String,
    table: String,
}

/// A line about one row of an INSERT.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    row: usize,
    #[serde(flatten)]
    event: Event,
}

/// What happened to a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum Event {
    /// Its create is about to be sent.
    Intended {
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        display_name: Option<String>,
    },
    /// Its key exists.
    Created { id: String },
    /// Nobody knows whether its key exists.
    Unknown,
    /// Its key does not exist.
    NotCreated,
    /// Its secret is where it belongs, or saved.
    Delivered,
    /// Its answer showed the time on the service's clock: by that clock no key of the INSERT is older than this.
    Dated { since: DateTime<Utc> },
}

impl Event {
    /// The owner that was asked for.
    fn owner(&self) -> Option<&str> {
        match self {
            Self::Intended { owner, .. } => owner.as_deref(),
            _ => None,
        }
    }

    /// The name that was asked for.
    fn display_name(&self) -> Option<&str> {
        match self {
            Self::Intended { display_name, .. } => display_name.as_deref(),
            _ => None,
        }
    }
}

/// What an INSERT that never came to its end has left behind.
#[derive(Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Its journal.
    pub path: PathBuf,
    /// When it began, and where it sent its requests; or why that cannot be read, nor perhaps which keys may exist.
    pub origin: Result<Origin, String>,
    /// The keys that exist, and whose secrets were not delivered.
    pub ids: Vec<String>,
    /// A SELECT that finds further keys that may exist; None if there are none.
    pub select: Option<String>,
}

/// When and where an INSERT began.
#[derive(Debug, PartialEq, Eq)]
pub struct Origin {
    /// When it began.
    pub began: String,
    /// Where it sent its requests.
    pub service: String,
}

impl Journals {
    /// The journals in the directory `state`.
    pub fn in_dir(state: &Path) -> Self {
        Self {
            dir: state.to_owned(),
        }
    }

    /// Begins a journal of creates of `resource`, sent to `service`.
    ///
    /// Fails if it cannot be written.
    pub(super) fn begin(&self, resource: &Resource, service: String) -> io::Result<Journal> {
        private_file::create_dir(&self.dir)?;
        let name = private_file::unique(PREFIX);
        // Locked before it has its name, so that nobody finds it unlocked.
        let new = self.dir.join(format!(".{name}"));
        let path = self.dir.join(format!("{name}{SUFFIX}"));
        let mut file = private_file::create_new(&new)?;
        let head = Head {
            began: seconds(Utc::now()),
            service,
            table: resource.table.to_owned(),
        };
        let begun = file
            .lock()
            .and_then(|()| file.write_all(&line(&head)?))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&new, &path))
            .and_then(|()| private_file::sync_dir(&self.dir));
        if let Err(error) = begun {
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        Ok(Journal {
            path,
            file: Mutex::new(file),
        })
    }

    /// Returns what INSERTs have left behind whose processes are gone.
    pub fn unfinished(&self) -> Vec<Unfinished> {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                let name = path.file_name().and_then(|name| name.to_str());
                name.is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
            })
            .collect();
        paths.sort();
        paths.into_iter().filter_map(unfinished).collect()
    }
}

impl Journal {
    /// Notes that creates are about to be sent, and returns once that is on disk.
    ///
    /// Fails if it cannot be written.
    pub(super) fn intend<'s>(
        &self,
        resource: &Resource,
        rows: impl Iterator<Item = (usize, &'s Spec)>,
    ) -> io::Result<()> {
        let mut lines = Vec::new();
        for (row, spec) in rows {
            let text = |path: &str| Some(spec::at(spec, path)?.as_str()?.to_owned());
            let writes = resource.writes.as_ref();
            let event = Event::Intended {
                owner: writes.and_then(|writes| text(writes.owner.path)),
                display_name: writes.and_then(|writes| text(writes.display_name)),
            };
            lines.extend(line(&Line { row, event })?);
        }
        let mut file = self.file.lock();
        file.write_all(&lines)?;
        file.sync_data()
    }

    /// Notes what became of rows. This reaches the disk with the next intentions: should it be lost, the intentions
    /// still lead to the keys.
    pub(super) fn note(&self, events: impl IntoIterator<Item = (usize, Event)>) {
        let lines: io::Result<Vec<Vec<u8>>> = events
            .into_iter()
            .map(|(row, event)| line(&Line { row, event }))
            .collect();
        let mut file = self.file.lock();
        let _ = lines.and_then(|lines| file.write_all(&lines.concat()));
    }

    /// Removes the journal: every row is accounted for.
    pub(super) fn remove(&self) {
        // Should it stay, the next run names keys that are accounted for.
        let _ = fs::remove_file(&self.path);
    }
}

fn seconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// Reads a journal that was left behind, and removes it if it has nothing to say.
fn unfinished(path: PathBuf) -> Option<Unfinished> {
    let file = match private_file::read(&path) {
        Ok(file) => file,
        // Its process has just ended.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            return Some(Unfinished {
                path,
                origin: Err(error.to_string()),
                ids: Vec::new(),
                select: None,
            });
        }
    };
    match file.try_lock_shared() {
        Ok(()) => {}
        // Its process lives.
        Err(TryLockError::WouldBlock) => return None,
        Err(TryLockError::Error(_)) => {}
    }
    let mut lines = BufReader::new(&file).split(b'\n').map_while(Result::ok);
    let head: Option<Head> = lines
        .next()
        .and_then(|line| serde_json::from_slice(&line).ok());
    // A line may be torn. What it says is lost, and what the lines before it say still holds.
    let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(&line).ok());
    let (mut intended, mut states) = (BTreeMap::new(), BTreeMap::new());
    // This machine's clock says nothing about the service's.
    let mut since: Option<DateTime<Utc>> = None;
    for Line { row, event } in lines {
        match event {
            Event::Intended { .. } => drop(intended.insert(row, event)),
            Event::Dated { since: other } => {
                since = Some(since.map_or(other, |since| since.min(other)));
            }
            Event::Delivered | Event::Unknown | Event::NotCreated | Event::Created { .. } => {
                drop(states.insert(row, event));
            }
        }
    }
    let ids: Vec<String> = states
        .values()
        .filter_map(|state| match state {
            Event::Created { id } => Some(id.clone()),
            _ => None,
        })
        .collect();
    let doubtful: Vec<&Event> = intended
        .iter()
        .filter(|(row, _)| matches!(states.get(row), None | Some(Event::Unknown)))
        .map(|(_, event)| event)
        .collect();
    let Some(head) = head else {
        return Some(Unfinished {
            path,
            origin: Err("its first line is damaged".to_owned()),
            ids,
            select: None,
        });
    };
    if ids.is_empty() && doubtful.is_empty() {
        let _ = fs::remove_file(&path);
        return None;
    }
    let select = (!doubtful.is_empty()).then(|| select(&head.table, since, &doubtful, &ids));
    let Head { began, service, .. } = head;
    Some(Unfinished {
        path,
        origin: Ok(Origin { began, service }),
        ids,
        select,
    })
}

/// Returns a SELECT of `table` that finds the keys of `doubtful`, without those that are `known` or older than `since`.
fn select(
    table: &str,
    since: Option<DateTime<Utc>>,
    doubtful: &[&Event],
    known: &[String],
) -> String {
    let mut resources = resource::ALL.iter();
    let resource = resources.find(|resource| resource.table == table);
    let Some(writes) = resource.and_then(|resource| resource.writes.as_ref()) else {
        return format!("SELECT * FROM {table}");
    };
    let known = if known.len() <= LEFT_OUT { known } else { &[] };
    let candidates = Candidates {
        owners: distinct(doubtful.iter().map(|event| event.owner())),
        display_names: distinct(doubtful.iter().map(|event| event.display_name())),
        opens: None,
        since,
        known: known.iter().map(String::as_str).collect(),
    };
    candidates.select(table, writes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::API_KEYS;

    fn spec(name: &str) -> Spec {
        let spec = serde_json::json!({"display_name": name, "owner": {"id": "sa-1"}});
        spec.as_object().unwrap().clone()
    }

    fn begin(dir: &Path) -> Journal {
        let journals = Journals::in_dir(dir);
        journals.begin(&API_KEYS, "https://h".to_owned()).unwrap()
    }

    #[test]
    fn what_was_created_and_not_delivered_is_named_once_its_process_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let journal = begin(dir.path());
        let specs: Vec<Spec> = ["a", "it's", "c", "d", "e"].map(spec).into();
        journal.intend(&API_KEYS, specs.iter().enumerate()).unwrap();
        let created = |id: &str| Event::Created { id: id.to_owned() };
        journal.note([(0, created("K0"))]);
        journal.note([(2, created("K2")), (3, Event::NotCreated)]);
        journal.note([(4, Event::Unknown), (0, Event::Delivered)]);
        let dated = |seconds| Event::Dated {
            since: DateTime::from_timestamp(seconds, 0).unwrap(),
        };
        journal.note([(0, dated(60)), (2, dated(0))]);
        let journals = Journals::in_dir(dir.path());
        assert_eq!(journals.unfinished(), [], "its process lives");
        let path = journal.path.clone();
        drop(journal);
        // As after a loss of power in the middle of a line.
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("{\"row\":1,\"sta");
        fs::write(&path, text).unwrap();
        for _ in 0..2 {
            let unfinished = journals.unfinished();
            assert_eq!(unfinished.len(), 1);
            assert_eq!(unfinished[0].ids, ["K2"]);
            let origin = unfinished[0].origin.as_ref().unwrap();
            assert_eq!(origin.service, "https://h");
            let select = unfinished[0].select.as_deref().unwrap();
            let (_, conditions) = select.split_once(" WHERE ").unwrap();
            // A key that does not say when it was created may be one of them.
            assert_eq!(
                conditions,
                "spec.owner.id = 'sa-1' AND spec.display_name IN ('e', 'it''s') AND \
                 coalesce(metadata.created_at >= '1970-01-01T00:00:00Z', true) AND id NOT IN ('K2')"
            );
        }
    }

    #[test]
    fn a_journal_that_cannot_be_read_is_told_of_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let damaged = dir.path().join("creates-1.jsonl");
        fs::write(
            &damaged,
            "{\"began\n{\"row\":0,\"state\":\"created\",\"id\":\"K1\"}\n",
        )
        .unwrap();
        fs::write(dir.path().join("creates-2.jsonl"), "").unwrap();
        fs::create_dir(dir.path().join("creates-3.jsonl")).unwrap();
        let found = Journals::in_dir(dir.path()).unfinished();
        assert_eq!(found[0].ids, ["K1"]);
        assert_eq!(
            found[0].origin.as_ref().unwrap_err(),
            "its first line is damaged"
        );
        assert!(found.len() == 3 && found.iter().all(|found| found.origin.is_err()));
        assert!(damaged.exists());
    }

    #[test]
    fn a_journal_with_nothing_to_say_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let journal = begin(dir.path());
        journal
            .intend(&API_KEYS, [(0, &spec("a"))].into_iter())
            .unwrap();
        journal.note([(0, Event::Delivered)]);
        drop(journal);
        let another = begin(dir.path());
        assert_eq!(Journals::in_dir(dir.path()).unfinished(), []);
        // That of a living process is left alone.
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        another.remove();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_does_not_show_is_spelled_and_what_is_missing_is_left_out_of_the_select() {
        let since = Some(DateTime::UNIX_EPOCH);
        let odd = Event::Intended {
            owner: Some("u-1".to_owned()),
            display_name: Some("a\nb".to_owned()),
        };
        let nameless = Event::Intended {
            owner: None,
            display_name: None,
        };
        assert_eq!(
            select("api_keys", since, &[&odd], &[]),
            "SELECT id, spec.display_name, metadata.created_at FROM api_keys WHERE spec.owner.id = 'u-1' AND \
             spec.display_name = ('a' || chr(10) || 'b') AND coalesce(metadata.created_at >= '1970-01-01T00:00:00Z', true)"
        );
        assert!(select("api_keys", since, &[&odd, &nameless], &[]).ends_with("00:00:00Z', true)"));
        assert!(select("api_keys", None, &[&odd], &[]).ends_with("'b')"));
        assert_eq!(select("later", since, &[&odd], &[]), "SELECT * FROM later");
    }
}
