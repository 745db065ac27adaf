//! Secrets that could not be delivered: the service shows each of them once, so they are kept in a file.
//!
//! `unsaved-secrets.jsonl` in the state directory, for its owner only, one key a line as the service sent it. It is
//! locked while it is written, so that processes side by side keep their lines apart.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::api::KeyBody;
use crate::private_file;

const NAME: &str = "unsaved-secrets.jsonl";

/// The file of secrets that could not be delivered.
#[derive(Debug, Clone)]
pub struct RescueFile {
    path: PathBuf,
    /// False if there is no state directory for it.
    has_place: bool,
}

impl RescueFile {
    /// The file in the directory `state`.
    pub fn in_dir(state: &Path) -> Self {
        Self {
            path: state.join(NAME),
            has_place: true,
        }
    }

    /// A file that has no place, so that no secret can be saved and no key is created.
    pub fn nowhere() -> Self {
        Self {
            path: PathBuf::from(NAME),
            has_place: false,
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
        if !self.has_place {
            return Ok(0);
        }
        let file = match private_file::read(&self.path) {
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

    /// Finds out whether `bytes` of secrets could be saved, leaving nothing behind.
    ///
    /// Fails if they could not, such as because the disk is full.
    pub(super) fn check(&self, bytes: usize) -> io::Result<()> {
        let dir = self.dir()?;
        private_file::create_dir(dir)?;
        match private_file::append_existing(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => drop(opened?),
        }
        // Not the real file: another run may be about to write it.
        let probe = dir.join(private_file::unique(&format!(".{NAME}.")));
        let mut file = private_file::create_new(&probe)?;
        let written = file
            .write_all(&vec![b'\n'; bytes])
            .and_then(|()| file.sync_all());
        fs::remove_file(&probe).and(written)
    }

    /// Appends `keys`, and returns once they are on disk.
    ///
    /// Fails if the file cannot be written. It is then as it was.
    pub(super) fn save(&self, keys: &[KeyBody]) -> io::Result<()> {
        // One line each: a line break in JSON is layout, never part of a value. Nothing is parsed, so even a malformed
        // answer is saved.
        self.append(keys.iter().map(|key| key.raw().replace(['\n', '\r'], " ")))
    }

    /// Appends `rows` that were written for the file `name`: as they are if each is JSON, else as one object.
    ///
    /// # Errors
    ///
    /// Fails as [`save`](Self::save) does.
    pub(crate) fn save_rows(&self, name: &Path, rows: &str) -> io::Result<()> {
        let is_object = |line: &str| {
            line.starts_with('{') && serde_json::from_str::<serde_json::Value>(line).is_ok()
        };
        match rows.lines().all(is_object) {
            true => self.append(rows.lines().map(str::to_owned)),
            false => {
                let object =
                    serde_json::json!({"output_file": name.to_string_lossy(), "rows": rows});
                self.append([object.to_string()])
            }
        }
    }

    fn append(&self, added: impl IntoIterator<Item = String>) -> io::Result<()> {
        let dir = self.dir()?;
        private_file::create_dir(dir)?;
        let mut file = private_file::append(&self.path)?;
        file.lock()?;
        let before = file.seek(SeekFrom::End(0))?;
        let mut lines = String::new();
        if before > 0 && !ends_with_a_line(&mut file)? {
            // Whoever wrote the last line did not get to its end.
            lines.push('\n');
        }
        for line in added {
            lines.push_str(&line);
            lines.push('\n');
        }
        let written = file
            .write_all(lines.as_bytes())
            .and_then(|()| file.sync_all());
        if written.is_err() {
            // What is there is of no use in part. If it cannot be taken back, the next line begins after it.
            let _ = file.set_len(before);
        }
        written?;
        private_file::sync_dir(dir)
    }

    fn dir(&self) -> io::Result<&Path> {
        match self.path.parent() {
            Some(dir) if self.has_place => Ok(dir),
            _ => Err(io::Error::other("there is no state directory")),
        }
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

fn ends_with_a_line(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn key(json: &'static str) -> KeyBody {
        KeyBody::parse(Bytes::from_static(json.as_bytes())).unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn secrets_are_kept_for_their_owner_only_one_a_line() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let rescue_file = RescueFile::in_dir(&dir.path().join("iamql"));
        assert_eq!(rescue_file.count().unwrap(), 0);
        let key = key("{\n \"id\": \"K\",\n \"spec\": {}\n}");
        rescue_file.save(&[key.clone(), key.clone()]).unwrap();
        rescue_file.save(&[key]).unwrap();
        assert_eq!(rescue_file.count().unwrap(), 3);
        let text = fs::read_to_string(rescue_file.path()).unwrap();
        assert_eq!(text.lines().next(), Some(r#"{  "id": "K",  "spec": {} }"#));
        rescue_file.check(5000).unwrap();
        let entries = fs::read_dir(rescue_file.path().parent().unwrap()).unwrap();
        assert_eq!(entries.count(), 1, "the check leaves nothing");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(rescue_file.path()), 0o600);
        assert_eq!(mode(rescue_file.path().parent().unwrap()), 0o700);
    }

    #[test]
    fn a_line_that_was_torn_stays_apart_from_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let rescue_file = RescueFile::in_dir(dir.path());
        fs::write(rescue_file.path(), "{\"id\":\"A\"}\n{\"id\":\"B\",\"sp").unwrap();
        rescue_file.save(&[key("{\"id\":\"C\"}")]).unwrap();
        rescue_file.save(&[key("{\"id\":\"D\"}")]).unwrap();
        let text = fs::read_to_string(rescue_file.path()).unwrap();
        assert_eq!(
            text,
            "{\"id\":\"A\"}\n{\"id\":\"B\",\"sp\n{\"id\":\"C\"}\n{\"id\":\"D\"}\n"
        );
    }

    #[test]
    fn a_place_that_cannot_be_written_is_found_out_before() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("iamql");
        let rescue_file = RescueFile::in_dir(&file);
        rescue_file.check(1).unwrap();
        fs::remove_dir(&file).unwrap();
        fs::write(&file, "a file where the folder should be").unwrap();
        rescue_file.check(1).unwrap_err();
        assert_eq!(rescue_file.count().unwrap(), 0);
        // Not even root can write to a folder.
        let rescue_file = RescueFile::in_dir(dir.path());
        fs::create_dir(rescue_file.path()).unwrap();
        rescue_file.check(1).unwrap_err();
        rescue_file.count().unwrap_err();
    }

    #[test]
    fn without_a_place_nothing_can_be_saved() {
        let nowhere = RescueFile::nowhere();
        nowhere.check(1).unwrap_err();
        nowhere.save(&[key("{}")]).unwrap_err();
        assert_eq!(nowhere.count().unwrap(), 0);
    }
}
