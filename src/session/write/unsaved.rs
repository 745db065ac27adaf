//! Secrets that could not be delivered: the service shows each of them once, so they are kept in a file.
//!
//! `unsaved-secrets.jsonl` in the state directory, for its owner only, one key a line as the service sent it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use crate::api::KeyBody;

const NAME: &str = "unsaved-secrets.jsonl";

/// The file of secrets that could not be delivered.
#[derive(Debug, Clone)]
pub struct Unsaved {
    path: PathBuf,
}

impl Unsaved {
    /// The file in the directory `state`.
    pub fn in_dir(state: &Path) -> Self {
        Self {
            path: state.join(NAME),
        }
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns how many secrets it holds; 0 if there is no such file.
    pub fn count(&self) -> usize {
        let Ok(file) = File::open(&self.path) else {
            return 0;
        };
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        lines.filter(|line| !line.trim().is_empty()).count()
    }

    /// Adds `keys`, and returns once they are on the disk.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub(super) fn save(&self, keys: &[KeyBody]) -> io::Result<()> {
        if let Some(dir) = self.path.parent() {
            create_dir(dir)?;
        }
        let mut file = open(&self.path)?;
        let mut lines = String::new();
        for key in keys {
            // One line each: a line break in JSON is layout, never part of a value. Nothing is parsed, so that nothing
            // in an answer can keep it from being saved.
            lines.push_str(&key.raw().replace(['\n', '\r'], " "));
            lines.push('\n');
        }
        file.write_all(lines.as_bytes())?;
        file.sync_all()
    }
}

/// Makes the directory `dir` for its owner only, and those above it.
#[cfg(unix)]
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}

/// Makes the directory `dir` and those above it.
#[cfg(not(unix))]
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // A file that was there before may have been opened up to others.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[cfg(unix)]
    #[test]
    fn secrets_are_kept_for_their_owner_only_one_a_line() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let unsaved = Unsaved::in_dir(&dir.path().join("iamql"));
        assert_eq!(unsaved.count(), 0);
        let key =
            KeyBody::parse(Bytes::from_static(b"{\n \"id\": \"K\",\n \"spec\": {}\n}")).unwrap();
        unsaved.save(&[key.clone(), key.clone()]).unwrap();
        unsaved.save(&[key]).unwrap();
        assert_eq!(unsaved.count(), 3);
        let text = fs::read_to_string(unsaved.path()).unwrap();
        assert_eq!(text.lines().next(), Some(r#"{  "id": "K",  "spec": {} }"#));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(unsaved.path()), 0o600);
        assert_eq!(mode(unsaved.path().parent().unwrap()), 0o700);
    }
}
