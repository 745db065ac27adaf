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
pub struct RescueFile {
    path: PathBuf,
}

impl RescueFile {
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

    /// Returns true if writing to `target` would harm it: `target` is the file under whatever name, a folder around it,
    /// or anything else in its folder.
    pub(crate) fn is_at(&self, target: &Path) -> bool {
        let (own, target) = (real(&self.path), real(target));
        let is_same = match (same_file(&own), same_file(&target)) {
            (Some(own), Some(target)) => own == target,
            _ => false,
        };
        is_same || own.starts_with(&target) || own.parent() == target.parent()
    }

    /// Returns how many secrets it holds; 0 if there is no such file.
    ///
    /// # Errors
    ///
    /// Fails if there is one that cannot be read.
    pub fn count(&self) -> io::Result<usize> {
        let file = match File::open(&self.path) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(0);
            }
            file => file?,
        };
        let mut count = 0;
        for line in BufReader::new(file).split(b'\n') {
            count += usize::from(!line?.trim_ascii().is_empty());
        }
        Ok(count)
    }

    /// Finds out whether secrets could be saved, leaving nothing behind.
    ///
    /// # Errors
    ///
    /// Fails if they could not.
    pub(super) fn check(&self) -> io::Result<()> {
        let Some(dir) = self.path.parent() else {
            return Ok(());
        };
        create_dir(dir)?;
        match File::options().append(true).open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened.map(drop),
        }
        // Not the real file: another run may be about to write it.
        let probe = dir.join(format!(".{NAME}.{}", std::process::id()));
        File::create(&probe)?;
        fs::remove_file(&probe)
    }

    /// Appends `keys`, and returns once they are on disk.
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
            // One line each: a line break in JSON is layout, never part of a value. Nothing is parsed, so even a
            // malformed answer is saved.
            lines.push_str(&key.raw().replace(['\n', '\r'], " "));
            lines.push('\n');
        }
        file.write_all(lines.as_bytes())?;
        file.sync_all()
    }
}

/// Returns `path` without links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(real), ..) => real,
        (Err(_), Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_owned(),
    }
}

/// Returns what is the same for all names of a file.
#[cfg(unix)]
fn same_file(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// There is no such thing here.
#[cfg(not(unix))]
fn same_file(_: &Path) -> Option<(u64, u64)> {
    None
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
    // An existing file may be readable by others.
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
        let rescue_file = RescueFile::in_dir(&dir.path().join("iamql"));
        assert_eq!(rescue_file.count().unwrap(), 0);
        let key =
            KeyBody::parse(Bytes::from_static(b"{\n \"id\": \"K\",\n \"spec\": {}\n}")).unwrap();
        rescue_file.save(&[key.clone(), key.clone()]).unwrap();
        rescue_file.save(&[key]).unwrap();
        assert_eq!(rescue_file.count().unwrap(), 3);
        let text = fs::read_to_string(rescue_file.path()).unwrap();
        assert_eq!(text.lines().next(), Some(r#"{  "id": "K",  "spec": {} }"#));
        rescue_file.check().unwrap();
        let entries = fs::read_dir(rescue_file.path().parent().unwrap()).unwrap();
        assert_eq!(entries.count(), 1, "the check leaves nothing");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(rescue_file.path()), 0o600);
        assert_eq!(mode(rescue_file.path().parent().unwrap()), 0o700);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_found_out_before() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("iamql");
        let rescue_file = RescueFile::in_dir(&file);
        rescue_file.check().unwrap();
        fs::remove_dir(&file).unwrap();
        fs::write(&file, "a file where the folder should be").unwrap();
        rescue_file.check().unwrap_err();
        assert_eq!(rescue_file.count().unwrap(), 0);
        // Not even root can write to a folder.
        let rescue_file = RescueFile::in_dir(dir.path());
        fs::create_dir(rescue_file.path()).unwrap();
        rescue_file.check().unwrap_err();
        rescue_file.count().unwrap_err();
    }
}
