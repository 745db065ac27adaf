//! The history of typed lines, and which lines must never be kept.
//!
//! A file in the state directory, for its owner only: one entry a line, as a JSON string, so that an entry of many
//! lines stays one. Concurrent sessions append to it; the next one to start removes duplicates.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::pattern::patterns;
use crate::private_file;
use crate::terminal::notes;

/// Entries that are kept.
pub(super) const MAX_ENTRIES: usize = 5000;

/// Bytes that are kept, beyond which the oldest entries go.
const MAX_BYTES: usize = 4 << 20;

/// Bytes of an entry that is kept: what is longer came from a file, and would crowd out what was typed.
const MAX_ENTRY: usize = 64 << 10;

const NAME: &str = "history";

/// The entries of this session and those before it, oldest first, none twice.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: Vec<String>,
    file: Option<PathBuf>,
}

impl History {
    /// Reads the file in the directory `state`, which is made if there is none. Without a directory, or if it cannot be
    /// read, the history lasts as long as the session.
    pub(super) fn open(state: Option<&Path>) -> Self {
        let mut file = state
            .filter(|dir| private_file::create_dir(dir).is_ok())
            .map(|dir| dir.join(NAME));
        let text = match file.as_deref().map(read) {
            Some(Ok(text)) => text,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                let path = file.take().unwrap_or_default();
                notes::warn(&format!(
                    "the history in `{}` is not used: {error}",
                    path.display()
                ));
                Vec::new()
            }
            _ => Vec::new(),
        };
        // Line by line: what cannot be read hides nothing else.
        let stored: Vec<String> = text
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        let entries = newest(stored.iter().map(String::as_str));
        let history = Self { entries, file };
        // What is appended to a torn line would be lost with it.
        let is_torn = text.last().is_some_and(|byte| *byte != b'\n');
        if is_torn || stored.len() > history.entries.len() {
            // No history is worth an error.
            let _ = history.rewrite();
        }
        history
    }

    /// Returns the entries, oldest first.
    pub(super) fn entries(&self) -> &[String] {
        &self.entries
    }

    /// Adds `entry` unless it must not be kept; returns true if it was added.
    pub(super) fn add(&mut self, entry: &str) -> bool {
        if !may_be_kept(entry) {
            return false;
        }
        let is_new = self.entries.last().is_none_or(|last| last != entry);
        self.entries.retain(|old| old != entry);
        self.entries.push(entry.to_owned());
        let surplus = self.entries.len() - within_bounds(&self.entries);
        self.entries.drain(..surplus);
        if is_new {
            let _ = self.append(entry);
        }
        true
    }

    /// Returns the last entry that begins with `text` and goes on.
    pub(super) fn suggestion(&self, text: &str) -> Option<&str> {
        self.entries
            .iter()
            .rev()
            .find(|entry| entry.len() > text.len() && entry.starts_with(text))
            .map(String::as_str)
    }

    fn append(&self, entry: &str) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        private_file::append(file)?.write_all(line(entry)?.as_bytes())
    }

    fn rewrite(&self) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let mut text = String::new();
        for entry in &self.entries {
            text.push_str(&line(entry)?);
        }
        // Beside it first, so that a crash leaves one or the other whole.
        let new = file.with_file_name(private_file::unique(&format!(".{NAME}-")));
        let written = private_file::create_new(&new)?.write_all(text.as_bytes());
        written
            .and_then(|()| fs::rename(&new, file))
            .inspect_err(|_| {
                let _ = fs::remove_file(&new);
            })
    }
}

fn line(entry: &str) -> io::Result<String> {
    Ok(format!("{}\n", serde_json::to_string(entry)?))
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    private_file::read(file)?.read_to_end(&mut text)?;
    Ok(text)
}

/// Returns how many of `entries`, from the last one on, are not too many.
fn within_bounds<S: AsRef<str>>(entries: &[S]) -> usize {
    let mut bytes = 0;
    entries
        .iter()
        .rev()
        .take(MAX_ENTRIES)
        .take_while(|entry| {
            bytes += entry.as_ref().len();
            bytes <= MAX_BYTES
        })
        .count()
}

/// Returns the last of `entries`, as many as are kept, without those that come again later or must not be kept.
fn newest<'e>(entries: impl DoubleEndedIterator<Item = &'e str>) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut newest: Vec<String> = entries
        .rev()
        .filter(|entry| may_be_kept(entry) && seen.insert(*entry))
        .map(str::to_owned)
        .collect();
    newest.reverse();
    newest.split_off(newest.len() - within_bounds(&newest))
}

patterns! {
    /// Text that is, or contains, a secret.
    SECRET = concat!(
        r"(^|[^A-Za-z0-9+/])(cflt[A-Za-z0-9+/]{20,}|[A-Za-z0-9+/]{64}={0,2}([^A-Za-z0-9+/]|$))",
        r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
        r#"|(?i)\bsecret["'\]\\]*\s*[:=]\s*\\?['"][^'"\\]"#,
        r"|\\set\s+\w*(secret|password|token)\w*\s+\S",
    );
}

/// Returns false for what is blank, what begins with a space, what is very long, and what holds a secret: one as the
/// service makes them (`cflt` and 60 characters, or 64 of Base64), a bearer token, a member called `secret` with a
/// value, or a variable whose name says so.
fn may_be_kept(entry: &str) -> bool {
    !entry.trim().is_empty()
        && !entry.starts_with(' ')
        && entry.len() <= MAX_ENTRY
        && !SECRET.is_match(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn statements_with_secrets_are_not_kept() {
        let secret = format!("cflt{}", "aB3+/".repeat(12));
        let old = "aB3/".repeat(16);
        for entry in [
            format!("SELECT '{secret}'"),
            format!("SELECT {secret}"),
            format!("\\set s {secret}"),
            format!("SELECT '{old}'"),
            r#"INSERT INTO t VALUES ('{"secret": "hunter2"}')"#.to_owned(),
            r#"EXEC x @@json = '{\"secret\":\"hunter2\"}'"#.to_owned(),
            "UPDATE t SET spec.secret = 'hunter2'".to_owned(),
            "\\set api_secret hunter2".to_owned(),
            "SELECT 1; \\set PASSWORD 'hunter2'".to_owned(),
            "SELECT 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc'".to_owned(),
        ] {
            assert!(!may_be_kept(&entry), "{entry}");
        }
    }

    #[test]
    fn other_statements_are_kept() {
        for entry in [
            "SELECT spec.secret FROM api_keys",
            "SELECT 'cflt', id FROM api_keys WHERE id = 'ABCD1234EFGH5678'",
            "SELECT * FROM api_keys WHERE spec.secret IS NULL",
            "SELECT 1 FROM confluent.iam.api_keys -- the secret: none",
            r#"SELECT '{"secret": ""}'"#,
            "\\set secrets",
            "SELECT :'api_secret'",
        ] {
            assert!(may_be_kept(entry), "{entry}");
        }
        assert!(!may_be_kept("  ") && !may_be_kept(" SELECT 1"));
    }

    #[test]
    fn an_entry_is_there_once_and_last() {
        let mut history = History::default();
        for entry in ["a", "b", "a", "a"] {
            assert!(history.add(entry));
        }
        assert_eq!(history.entries(), ["b", "a"]);
        history.add("abc\ndef");
        assert_eq!(history.suggestion("ab"), Some("abc\ndef"));
        assert_eq!(history.suggestion("abc\ndef"), None);
    }

    #[test]
    fn the_oldest_entries_go() {
        let mut history = History::default();
        for n in 0..MAX_ENTRIES + 2 {
            history.add(&format!("SELECT {n}"));
        }
        assert_eq!(history.entries().len(), MAX_ENTRIES);
        assert_eq!(history.entries()[0], "SELECT 2");
    }

    #[test]
    fn long_entries_take_the_place_of_many() {
        let mut history = History::default();
        for n in 0..MAX_BYTES / MAX_ENTRY + 2 {
            history.add(&format!("SELECT {n:0width$}", width = MAX_ENTRY - 7));
        }
        assert_eq!(history.entries().len(), MAX_BYTES / MAX_ENTRY);
        assert_eq!(
            newest(history.entries().iter().map(String::as_str)),
            history.entries()
        );
        assert!(!history.add(&"x".repeat(MAX_ENTRY + 1)));
    }

    #[test]
    fn entries_last_across_sessions_side_by_side() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state/iamql");
        let mut one = History::open(Some(&state));
        let mut two = History::open(Some(&state));
        one.add("SELECT 1");
        two.add("SELECT\n2");
        one.add("SELECT 1");
        two.add("SELECT '\\é'");
        one.add("SELECT 3");
        two.add("SELECT 1");
        let expected = ["SELECT\n2", "SELECT '\\é'", "SELECT 3", "SELECT 1"];
        assert_eq!(History::open(Some(&state)).entries(), expected);
        // The first one to open it has left out what was there twice.
        let text = fs::read_to_string(state.join(NAME)).unwrap();
        assert_eq!(text.lines().count(), expected.len());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("iamql");
        History::open(Some(&state)).add("SELECT 1");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&state), 0o700);
        assert_eq!(mode(&state.join(NAME)), 0o600);
        fs::set_permissions(state.join(NAME), fs::Permissions::from_mode(0o644)).unwrap();
        History::open(Some(&state)).add("SELECT 2");
        assert_eq!(mode(&state.join(NAME)), 0o600);
    }

    #[test]
    fn a_broken_file_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(NAME), "not json\n\"SELECT 1\"\n\"").unwrap();
        assert_eq!(History::open(Some(dir.path())).entries(), ["SELECT 1"]);
        assert!(History::open(None).entries().is_empty());
    }

    #[test]
    fn a_bad_byte_hides_nothing_but_its_own_line() {
        let dir = tempfile::tempdir().unwrap();
        let stored = b"\"SELECT 1\"\n\"SELECT \xff\"\n\"SELECT 3\"\n";
        fs::write(dir.path().join(NAME), stored).unwrap();
        let mut history = History::open(Some(dir.path()));
        assert_eq!(history.entries(), ["SELECT 1", "SELECT 3"]);
        history.add("SELECT 4");
        assert_eq!(History::open(Some(dir.path())).entries().len(), 3);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_neither_followed_nor_waited_for_nor_changed() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let [target, history] = ["target", NAME].map(|name| dir.path().join(name));
        fs::write(&target, "\"SELECT 1\"\n").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
        symlink(&target, &history).unwrap();
        let mut through = History::open(Some(dir.path()));
        assert!(through.entries().is_empty());
        through.add("SELECT 2");
        assert_eq!(fs::read_to_string(&target).unwrap(), "\"SELECT 1\"\n");
        let mode = fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        fs::remove_file(&history).unwrap();
        nix::unistd::mkfifo(&history, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(History::open(Some(dir.path())).entries().is_empty());
    }

    proptest! {
        #[test]
        fn no_statement_with_a_secret_slips_through(
            before in "[ a-z'(=,\n]{0,10}", secret in "cflt[A-Za-z0-9+/]{60}", after in "[ a-z')=,;\n]{0,10}"
        ) {
            prop_assume!(!before.ends_with(|c: char| c.is_ascii_alphanumeric()));
            prop_assume!(!after.starts_with(|c: char| c.is_ascii_alphanumeric()));
            let entry = format!("{before}{secret}{after}");
            prop_assert!(!may_be_kept(&entry));
        }
    }
}
