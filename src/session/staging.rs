//! Files that are replaced only once there is something to put in their place.
//!
//! Turns the name of a file into what is to be written, and what was written beside it into the file. A link still points
//! to it, and it keeps its mode and its owner; a pipe or a device is written to as it is. It depends on the file system
//! alone, and knows nothing of rows and formats.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;

use super::write::RescueFile;
use crate::private_file;

/// The suffix of files with the rows of a statement that did not finish.
const UNFINISHED: &str = "unfinished";

/// The suffix of files with what secrets have replaced.
const EARLIER: &str = "earlier";

/// How the names of files begin that are written beside their targets.
const ROWS: &str = ".iamql-rows-";

/// How the names of folders begin in which a COPY writes.
pub(crate) const COPY: &str = ".iamql-copy-";

/// How old what a killed program has left must be to be removed: until then another program may be about to lock it.
const ABANDONED: Duration = Duration::from_secs(60);

/// The staged files and folders of this program that are to be gone when it ends.
static STAGED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Where something is to be written.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its place, links followed.
    pub(crate) path: PathBuf,
    /// What is there.
    pub(crate) found: Option<Metadata>,
    /// True if it is an open file of a process, such as `/dev/fd/3`.
    is_descriptor: bool,
}

impl Target {
    /// Finds out what writing to `path` means.
    ///
    /// Fails if it cannot be written, or is the file of undelivered secrets.
    pub(crate) fn of(path: &Path, rescue_file: Option<&RescueFile>) -> io::Result<Self> {
        let path = followed(&std::path::absolute(path)?)?;
        if rescue_file.is_some_and(|file| file.is_at(&path)) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "iamql keeps undelivered secrets in that folder; choose another",
            ));
        }
        let found = fs::metadata(&path).ok();
        if found.as_ref().is_some_and(Metadata::is_file) {
            // A file that may not be written is not replaced either.
            File::options().write(true).open(&path)?;
        }
        Ok(Self {
            is_descriptor: descriptor(&path).is_some(),
            found,
            path,
        })
    }

    /// Returns true if it is written to and cannot be replaced: a pipe, a device, an open file.
    pub(crate) fn is_stream(&self) -> bool {
        let found = self.found.as_ref();
        self.is_descriptor || found.is_some_and(|found| !found.is_file() && !found.is_dir())
    }

    /// Returns true if it is this process's stdout.
    pub(crate) fn is_stdout(&self) -> bool {
        let folder = self.path.parent();
        let own = [
            PathBuf::from("/dev/fd"),
            PathBuf::from("/proc/self/fd"),
            PathBuf::from(format!("/proc/{}/fd", std::process::id())),
        ];
        descriptor(&self.path) == Some(1) && own.iter().any(|own| Some(own.as_path()) == folder)
    }

    /// Puts the file `written` in its place, with the mode and the owner of what is there unless it `holds_secrets`.
    ///
    /// Fails if that cannot be done. What is there is unchanged then, unless it could only be written in place and that
    /// [broke off](is_in_part): then `written` must not be removed.
    pub(crate) fn put(&self, written: &Path, holds_secrets: bool) -> io::Result<()> {
        check_unused(&self.path)?;
        let found = fs::metadata(&self.path).ok();
        let taken_over = match &found {
            Some(found) => take_over(written, found, holds_secrets),
            None => Ok(()),
        };
        File::open(written)?.sync_all()?;
        let moved = taken_over.and_then(|()| fs::rename(written, &self.path));
        match (moved, found) {
            (Ok(()), _) => sync_folder_of(&self.path),
            // Somebody else's file, or a folder that takes no other: all that is left is to write into the file.
            (Err(_), Some(found)) if found.is_file() => self.write_into(written, holds_secrets),
            (Err(error), _) => Err(error),
        }
    }

    fn write_into(&self, written: &Path, holds_secrets: bool) -> io::Result<()> {
        let mut file = File::options().write(true).open(&self.path)?;
        if holds_secrets {
            close_to_others(&file)?;
        }
        overwrite(&mut file, &mut File::open(written)?).map_err(|error| match error {
            Overwrite::Unchanged(cause) => cause,
            Overwrite::InPart(cause) => io::Error::other(InPart {
                written: written.to_owned(),
                cause,
            }),
        })?;
        fs::remove_file(written)
    }
}

/// The error of a file that could only be written in place, which broke off.
#[derive(Debug, thiserror::Error)]
#[error("it is overwritten in part ({cause}); all rows are in `{}`", written.display())]
struct InPart {
    written: PathBuf,
    cause: io::Error,
}

/// Returns true if `error` says that a file is overwritten in part, and where the rows are.
pub(crate) fn is_in_part(error: &io::Error) -> bool {
    let inner = error.get_ref();
    inner.is_some_and(|inner| inner.is::<InPart>())
}

/// How overwriting a file can fail.
#[derive(Debug)]
enum Overwrite {
    /// Before anything of it was touched.
    Unchanged(io::Error),
    /// In the middle.
    InPart(io::Error),
}

/// Makes the content of `file` that of `new`. What is longer than before is written first: if there is no room for it,
/// what was there is still whole. The rest takes no room.
fn overwrite(file: &mut File, new: &mut File) -> Result<(), Overwrite> {
    let unchanged = Overwrite::Unchanged;
    let before = file.metadata().map_err(unchanged)?.len();
    let after = new.metadata().map_err(unchanged)?.len();
    if after > before {
        let added = new
            .seek(SeekFrom::Start(before))
            .and_then(|_| file.seek(SeekFrom::Start(before)))
            .and_then(|_| io::copy(new, file))
            .and_then(|_| file.sync_all());
        if let Err(error) = added {
            return Err(match file.set_len(before) {
                Ok(()) => Overwrite::Unchanged(error),
                Err(_) => Overwrite::InPart(error),
            });
        }
    }
    new.rewind()
        .and_then(|()| file.rewind())
        .and_then(|()| io::copy(&mut new.take(before), file))
        .and_then(|_| file.set_len(after))
        .and_then(|()| file.sync_all())
        .map_err(Overwrite::InPart)
}

/// Returns where the links at `path` lead, also to a file that does not exist yet.
fn followed(path: &Path) -> io::Result<PathBuf> {
    /// More links in a row than any system follows.
    const MOST: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST {
        // What an open file links to need not be a path.
        if descriptor(&path).is_some() {
            return Ok(path);
        }
        match fs::read_link(&path) {
            Ok(link) => {
                path = match path.parent() {
                    Some(parent) => parent.join(link),
                    None => link,
                }
            }
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Returns the number of the open file that `path` stands for.
fn descriptor(path: &Path) -> Option<u32> {
    let number = path.file_name()?.to_str()?.parse().ok()?;
    let folder = path.parent()?;
    let is_one = folder == Path::new("/dev/fd")
        || folder.starts_with("/proc") && folder.file_name().is_some_and(|name| name == "fd");
    is_one.then_some(number)
}

/// Gives `written` the owner of `found`, and its mode unless it `holds_secrets`.
#[cfg(unix)]
fn take_over(written: &Path, found: &Metadata, holds_secrets: bool) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let own = fs::metadata(written)?;
    if (own.uid(), own.gid()) != (found.uid(), found.gid()) {
        std::os::unix::fs::chown(written, Some(found.uid()), Some(found.gid()))?;
    }
    match holds_secrets {
        true => Ok(()),
        false => fs::set_permissions(written, found.permissions()),
    }
}

/// Here a file inherits its permissions from its folder.
#[cfg(not(unix))]
fn take_over(_: &Path, _: &Metadata, _: bool) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn close_to_others(file: &File) -> io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
}

#[cfg(not(unix))]
fn close_to_others(_: &File) -> io::Result<()> {
    Ok(())
}

/// Makes the names in the folder of `path` last.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), private_file::sync_dir)
}

/// A file that is written beside its target. Unless it is kept or put there, it is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct StagedFile {
    target: Target,
    written: PathBuf,
    /// What is written, wherever other programs have moved it.
    file: File,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody needs it before it is complete.
    Hidden,
    /// It holds what exists nowhere else, and can be found by its name.
    Kept,
    /// The same, and its name is that of the target, where nothing was.
    Placed,
    /// It has replaced the target.
    There,
}

impl StagedFile {
    /// Makes a file beside `target` that only its owner can read.
    ///
    /// Fails if there is no room for it.
    pub(crate) fn beside(target: Target) -> io::Result<(Self, File)> {
        let folder = target.path.parent().unwrap_or(Path::new("/"));
        let (written, file) = match create_in(folder) {
            // A file in a folder that takes no other is written in place in the end.
            Err(error)
                if error.kind() == io::ErrorKind::PermissionDenied && target.found.is_some() =>
            {
                create_in(&std::env::temp_dir())?
            }
            created => created?,
        };
        let staged = Self {
            target,
            written,
            file: file.try_clone()?,
            state: State::Hidden,
        };
        Ok((staged, file))
    }

    /// Makes what is written survive the end of the program, however it ends: at the target if nothing is there, else
    /// under a name beside it.
    ///
    /// Fails if neither can be done.
    pub(crate) fn keep(&mut self) -> io::Result<()> {
        claim(&self.file);
        if self.state != State::Hidden {
            return Ok(());
        }
        let target = &self.target.path;
        let is_empty = fs::metadata(target).is_ok_and(|found| found.is_file() && found.len() == 0)
            && check_unused(target).is_ok();
        let moved = match is_empty {
            true => fs::rename(&self.written, target),
            false => move_to_new(&self.written, target),
        };
        is_needed(&self.written);
        (self.written, self.state) = match moved {
            Ok(()) => (target.clone(), State::Placed),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let kept = |_: &Path, name: &Path| move_to_new(&self.written, name);
                (to_new_name(target, UNFINISHED, kept)?, State::Kept)
            }
            Err(error) => return Err(error),
        };
        File::open(&self.written)?.sync_all()?;
        sync_folder_of(&self.written)
    }

    /// Finds out whether what was written is still where it was written to.
    ///
    /// # Errors
    ///
    /// Fails if another program has removed or replaced it.
    pub(crate) fn check(&self) -> io::Result<()> {
        if is_at(&self.file, &self.written) {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "`{}` was removed or replaced while rows were written to it",
                self.written.display()
            ),
        ))
    }

    /// Returns all that was written, wherever it is now. What is written next follows it.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read.
    pub(crate) fn content(&mut self) -> io::Result<String> {
        let mut content = Vec::new();
        self.file.rewind()?;
        self.file.read_to_end(&mut content)?;
        Ok(String::from_utf8_lossy(&content).into_owned())
    }

    /// Puts what was written in its place. Secrets never replace what may be secrets too: returns where that is now.
    ///
    /// Fails as [`Target::put`] does.
    pub(crate) fn commit(&mut self) -> io::Result<Option<PathBuf>> {
        self.check()?;
        let mut earlier = None;
        let holds_secrets = matches!(self.state, State::Kept | State::Placed);
        match self.state {
            State::Placed | State::There => File::open(&self.written)?.sync_all()?,
            state => {
                if state == State::Kept {
                    // Where the folder takes no other file, what is there is overwritten.
                    earlier = to_new_name(&self.target.path, EARLIER, copied).ok();
                }
                let put = self.target.put(&self.written, state == State::Kept);
                if put.as_ref().is_err_and(is_in_part) {
                    // It is not to be removed, and can be found by its name.
                    self.state = State::Kept;
                    is_needed(&self.written);
                }
                put?;
            }
        }
        is_needed(&self.written);
        (self.written, self.state) = (self.target.path.clone(), State::There);
        if !holds_secrets {
            // Others may replace what can be read again.
            let _ = self.file.unlock();
        }
        Ok(earlier)
    }

    /// Hides the file again that was kept for rows which never came. The old file is unchanged.
    ///
    /// Fails if the file cannot be renamed; it is kept then.
    pub(crate) fn hide(&mut self) -> io::Result<()> {
        if !matches!(self.state, State::Kept | State::Placed) {
            return Ok(());
        }
        let (hidden, file) = create_in(self.written.parent().unwrap_or(Path::new("/")))?;
        drop(file);
        fs::rename(&self.written, &hidden)?;
        if self.state == State::Placed
            && let Some(found) = &self.target.found
        {
            File::create(&self.target.path)?;
            fs::set_permissions(&self.target.path, found.permissions())?;
        }
        (self.written, self.state) = (hidden, State::Hidden);
        Ok(())
    }

    /// Returns where the rows of a statement are that exist nowhere else, if it did not finish.
    pub(crate) fn unfinished(&self) -> Option<&Path> {
        matches!(self.state, State::Kept | State::Placed).then_some(self.written.as_path())
    }

    /// Returns where it is to be.
    pub(crate) fn target(&self) -> &Path {
        &self.target.path
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if self.state == State::Hidden {
            remove(&self.written);
            is_needed(&self.written);
        }
    }
}

/// Notes that `path` is to be removed when the program ends, unless it is needed.
pub(crate) fn is_staged(path: &Path) {
    STAGED.lock().insert(path.to_owned());
}

/// Notes that `path` is not to be removed when the program ends, or is gone.
pub(crate) fn is_needed(path: &Path) {
    STAGED.lock().remove(path);
}

/// Returns true if [`remove_staged`] has something to remove.
pub(crate) fn has_staged() -> bool {
    !STAGED.lock().is_empty()
}

/// Removes what is staged and not needed, at the end of the program. A COPY that was interrupted may have written its
/// folder again after it was removed: a thread in the middle of a write cannot be stopped.
pub(crate) fn remove_staged() {
    for path in std::mem::take(&mut *STAGED.lock()) {
        remove(&path);
    }
}

/// Removes a staged file or folder. One that cannot be removed does no harm.
pub(crate) fn remove(path: &Path) {
    let _ = fs::remove_file(path).or_else(|_| fs::remove_dir_all(path));
}

/// Returns the files beside `target` with rows of statements that did not end, and whether another run is writing them.
pub(crate) fn unfinished(target: &Path) -> Vec<(PathBuf, bool)> {
    names_beside(target, UNFINISHED)
        .take_while(|name| name.exists())
        .map(|name| {
            let is_written = check_unused(&name).is_err();
            (name, is_written)
        })
        .collect()
}

/// Returns `target` with `suffix`, and a number from the second name on.
fn names_beside(target: &Path, suffix: &str) -> impl Iterator<Item = PathBuf> {
    (1..10_000).map(move |n: u32| {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{suffix}"));
        if n > 1 {
            name.push(format!("-{n}"));
        }
        target.with_file_name(name)
    })
}

/// Calls `make` for the first name of `target` with `suffix` that is not taken, and returns the name.
fn to_new_name(
    target: &Path,
    suffix: &str,
    make: impl Fn(&Path, &Path) -> io::Result<()>,
) -> io::Result<PathBuf> {
    for name in names_beside(target, suffix) {
        match make(target, &name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| name),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Moves `from` to `to`, where nothing may be.
fn move_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Not every file system has hard links.
        Err(_) if !to.exists() => fs::rename(from, to),
        Err(_) => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

fn create_in(folder: &Path) -> io::Result<(PathBuf, File)> {
    remove_abandoned(folder);
    let path = folder.join(private_file::unique(ROWS));
    let file = create(&path)?;
    is_staged(&path);
    claim(&file);
    Ok((path, file))
}

/// Makes a file that only its owner can read, where there is none.
fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Copies `from` to the new file `to`. It is no link: what is written into one must not change the other.
fn copied(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut copy = create(to)?;
    io::copy(&mut source, &mut copy)
        .and_then(|_| copy.sync_all())
        .inspect_err(|_| drop(fs::remove_file(to)))
}

/// Shows other programs that a staged file or folder is in use, until `file` is closed.
fn claim(file: &File) {
    // Locks of other systems keep other programs from reading. Where there are none, nothing is ever removed.
    if cfg!(unix) {
        let _ = file.try_lock();
    }
}

/// Fails if a program has claimed the file `path`: the secrets of new keys are being written to it.
fn check_unused(path: &Path) -> io::Result<()> {
    let is_file = fs::metadata(path).is_ok_and(|found| found.is_file());
    if !cfg!(unix) || !is_file {
        return Ok(());
    }
    let opened = File::open(path).map(|file| file.try_lock_shared());
    match opened {
        Ok(Err(fs::TryLockError::WouldBlock)) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "secrets of new keys are being written to it",
        )),
        _ => Ok(()),
    }
}

/// Returns true if `path` is the open `file`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (opened, found) = (file.metadata(), fs::symlink_metadata(path));
    matches!((opened, found), (Ok(opened), Ok(found))
        if (opened.dev(), opened.ino()) == (found.dev(), found.ino()))
}

/// Here a name says nothing more of a file.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Claims a folder, for as long as what is returned is open.
pub(crate) fn claim_folder(folder: &Path) -> Option<File> {
    let opened = File::open(folder).ok()?;
    claim(&opened);
    Some(opened)
}

/// Removes the staged files and folders in `folder` whose programs were killed. They hold part of the rows of a SELECT:
/// what holds secrets has another name.
pub(crate) fn remove_abandoned(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if is_abandoned(&path) == Some(true) {
            remove(&path);
        }
    }
}

/// Returns true if `path` has a name of ours and belongs to this user, is old, and no program has claimed it.
#[cfg(unix)]
fn is_abandoned(path: &Path) -> Option<bool> {
    use std::os::unix::fs::MetadataExt;
    let name = path.file_name()?.to_str()?;
    let unique = name.strip_prefix(ROWS).or(name.strip_prefix(COPY))?;
    let (process, random) = unique.split_once('-')?;
    let is_hex = random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    process.parse::<u32>().ok().filter(|_| is_hex)?;
    let found = fs::symlink_metadata(path).ok()?;
    let is_ours = found.uid() == nix::unistd::Uid::effective().as_raw();
    let age = found.modified().ok()?.elapsed().ok()?;
    if !is_ours || found.is_symlink() || !(found.is_file() || found.is_dir()) || age < ABANDONED {
        return Some(false);
    }
    Some(File::open(path).ok()?.try_lock().is_ok())
}

/// Without such locks it cannot be known.
#[cfg(not(unix))]
fn is_abandoned(_: &Path) -> Option<bool> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn begin(path: &Path, rows: &str) -> StagedFile {
        let (staged, mut file) = StagedFile::beside(Target::of(path, None).unwrap()).unwrap();
        file.write_all(rows.as_bytes()).unwrap();
        staged
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_killed_programs_have_left_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let age = |name: &str| {
            let file = File::open(path(name)).unwrap();
            file.set_modified(std::time::SystemTime::now() - 2 * ABANDONED)
                .unwrap();
            file
        };
        let left = [
            ".iamql-rows-1-0123456789abcdef",
            ".iamql-copy-2-0123456789abcdef",
        ];
        fs::write(path(left[0]), "rows").unwrap();
        fs::create_dir(path(left[1])).unwrap();
        fs::write(path(left[1]).join("rows.csv"), "rows").unwrap();
        let kept = [
            ".iamql-rows-3-0123456789abcdef",
            ".iamql-rows-mine",
            ".iamql-rows-4-0123456789abcdef.csv",
            "rows.csv.unfinished",
        ];
        for name in kept {
            fs::write(path(name), "rows").unwrap();
        }
        let claimed = age(kept[0]);
        claim(&claimed);
        for name in left.iter().chain(&kept[1..]) {
            age(name);
        }
        let young = path(".iamql-rows-5-0123456789abcdef");
        fs::write(&young, "rows").unwrap();
        let link = path(".iamql-rows-6-0123456789abcdef");
        symlink(path("rows.csv.unfinished"), &link).unwrap();
        let (new, _file) = create_in(dir.path()).unwrap();
        for name in left {
            assert!(!path(name).exists(), "{name}");
        }
        let kept = kept.map(path);
        for path in kept.iter().chain([&young, &link, &new]) {
            assert!(path.exists(), "{path:?}");
        }
    }

    #[test]
    fn what_is_given_up_leaves_nothing_and_what_is_put_there_keeps_link_and_mode() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("rows"), dir.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("rows", &link).unwrap();
        drop(begin(&link, "new"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(names(dir.path()), ["link", "rows"]);
        begin(&link, "new").commit().unwrap();
        assert_eq!(fs::read_to_string(&link).unwrap(), "new");
        assert_eq!(mode(&file), 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(names(dir.path()), ["link", "rows"]);
    }

    #[test]
    fn a_file_is_overwritten_whether_it_grows_or_shrinks() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        for (before, after) in [
            ("", "abc"),
            ("abcdef", ""),
            ("abc", "ABCDEF"),
            ("abcdef", "XY"),
        ] {
            fs::write(&old, before).unwrap();
            fs::write(&new, after).unwrap();
            let mut file = File::options().write(true).open(&old).unwrap();
            overwrite(&mut file, &mut File::open(&new).unwrap()).unwrap();
            assert_eq!(fs::read_to_string(&old).unwrap(), after, "{before}");
        }
        // What cannot be written to is as it was.
        fs::write(&old, "abc").unwrap();
        let mut file = File::open(&old).unwrap();
        for longer in ["abcdef", "ab"] {
            fs::write(&new, longer).unwrap();
            overwrite(&mut file, &mut File::open(&new).unwrap()).unwrap_err();
            assert_eq!(fs::read_to_string(&old).unwrap(), "abc");
        }
    }

    #[test]
    fn what_is_kept_survives_beside_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("rows");
        fs::write(&file, "old").unwrap();
        for (n, name) in ["rows.unfinished", "rows.unfinished-2"].iter().enumerate() {
            let mut staged = begin(&file, "secret");
            staged.keep().unwrap();
            staged.keep().unwrap();
            assert_eq!(staged.unfinished(), Some(dir.path().join(name).as_path()));
            drop(staged);
            assert_eq!(unfinished(&file).len(), n + 1);
            assert_eq!(mode(&dir.path().join(name)), 0o600);
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        let mut staged = begin(&file, "all");
        staged.keep().unwrap();
        staged.commit().unwrap();
        assert_eq!(staged.unfinished(), None);
        assert_eq!(fs::read_to_string(&file).unwrap(), "all");
        assert_eq!(mode(&file), 0o600, "it holds secrets");
    }

    #[test]
    fn what_is_kept_is_at_its_place_where_nothing_was() {
        let dir = tempfile::tempdir().unwrap();
        let (file, empty) = (dir.path().join("rows"), dir.path().join("empty"));
        fs::write(&empty, "").unwrap();
        for path in [&file, &empty] {
            let mut staged = begin(path, "secret");
            staged.keep().unwrap();
            drop(staged);
            assert_eq!(fs::read_to_string(path).unwrap(), "secret");
            assert_eq!(mode(path), 0o600);
        }
        assert_eq!(names(dir.path()), ["empty", "rows"]);
    }

    #[test]
    fn what_was_kept_for_rows_that_never_came_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("empty"), "").unwrap();
        fs::write(path("old"), "old").unwrap();
        for name in ["new", "empty", "old"] {
            let mut staged = begin(&path(name), "header");
            staged.keep().unwrap();
            staged.hide().unwrap();
            staged.keep().unwrap();
            staged.hide().unwrap();
        }
        assert_eq!(names(dir.path()), ["empty", "old"]);
        assert_eq!(fs::read_to_string(path("empty")).unwrap(), "");
        assert_eq!(fs::read_to_string(path("old")).unwrap(), "old");
        // What has replaced a file stays.
        let mut staged = begin(&path("old"), "new");
        staged.commit().unwrap();
        staged.keep().unwrap();
        staged.hide().unwrap();
        drop(staged);
        assert_eq!(fs::read_to_string(path("old")).unwrap(), "new");
    }

    #[test]
    fn the_file_of_secrets_is_no_target_by_any_name() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        fs::create_dir(&state).unwrap();
        let rescue_file = RescueFile::in_dir(&state);
        let refused = |path: &Path| Target::of(path, Some(&rescue_file)).is_err();
        // Before it exists, too.
        assert!(refused(rescue_file.path()));
        fs::write(rescue_file.path(), "secret").unwrap();
        let (link, hard) = (dir.path().join("link"), dir.path().join("hard"));
        symlink(rescue_file.path(), &link).unwrap();
        fs::hard_link(rescue_file.path(), &hard).unwrap();
        let linked_folder = dir.path().join("folder");
        symlink(&state, &linked_folder).unwrap();
        for path in [
            rescue_file.path().to_owned(),
            state.join("../state/./unsaved-secrets.jsonl"),
            linked_folder.join("unsaved-secrets.jsonl"),
            link,
            hard,
            state.clone(),
            dir.path().to_owned(),
        ] {
            assert!(refused(&path), "{}", path.display());
        }
        assert!(!refused(&dir.path().join("other")));
    }

    #[test]
    fn streams_and_files_that_may_not_be_written_are_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        assert!(
            Target::of(Path::new("/dev/null"), None)
                .unwrap()
                .is_stream()
        );
        let fd = Target::of(Path::new("/dev/fd/2"), None).unwrap();
        assert!(fd.is_stream() && !fd.is_stdout());
        assert!(
            Target::of(Path::new("/dev/stdout"), None)
                .unwrap()
                .is_stdout()
        );
        assert!(!Target::of(dir.path(), None).unwrap().is_stream());
        assert!(
            !Target::of(&dir.path().join("new"), None)
                .unwrap()
                .is_stream()
        );
    }
}
