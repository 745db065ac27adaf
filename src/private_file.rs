//! Files that are the program's own: readable by their owner only, and opened without a detour.
//!
//! Turns a path in the state directory into an open file, or into an error that says what is there instead. It depends
//! on nothing. It never follows a symbolic link, never waits for a pipe, and never changes the mode of a file that
//! belongs to somebody else: whoever can write to the directory could otherwise choose what is written to.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes the directory `dir` for its owner only, and those above it.
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Opens `path` for reading.
pub(crate) fn read(path: &Path) -> io::Result<File> {
    open(File::options().read(true), path)
}

/// Opens `path`, which exists, for reading and for writing at its end.
pub(crate) fn append_existing(path: &Path) -> io::Result<File> {
    open(File::options().read(true).append(true), path)
}

/// Opens `path` for reading and appending; creates it if it does not exist.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    open(File::options().read(true).append(true).create(true), path)
}

/// Makes the file `path`, and fails if anything has that name already.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    open(
        File::options().read(true).append(true).create_new(true),
        path,
    )
}

/// Returns a name that no other file has, beginning with `stem`.
pub(crate) fn unique(stem: &str) -> String {
    format!("{stem}{}-{:016x}", std::process::id(), fastrand::u64(..))
}

/// Makes the names in `dir` survive a power failure.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    // Other systems cannot open a directory as a file, and need not.
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(dir)?.sync_all() {
        // Some file systems cannot do it, and lose nothing by it.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

/// Returns `dir`, or a folder around it, if users other than its owner, or than the user of this process, can change what
/// is in `dir` or put another in its place.
#[cfg(unix)]
pub(crate) fn exposed(dir: &Path) -> Option<&Path> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let (everybody, sticky) = (0o002, 0o1000);
    let mut folders = dir.ancestors().enumerate();
    let found = folders.find(|(depth, folder)| {
        fs::metadata(folder).is_ok_and(|found| {
            let (owner, mode) = (found.uid(), found.permissions().mode());
            match depth {
                0 => mode & 0o022 != 0 || (owner != 0 && owner != user()),
                // With the sticky bit nobody can rename what belongs to others.
                _ => mode & everybody != 0 && mode & sticky == 0,
            }
        })
    });
    found.map(|(_, folder)| folder)
}

/// Here a directory inherits its permissions.
#[cfg(not(unix))]
pub(crate) fn exposed(_: &Path) -> Option<&Path> {
    None
}

#[cfg(unix)]
fn user() -> u32 {
    nix::unistd::Uid::effective().as_raw()
}

#[cfg(unix)]
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};

    use nix::libc::{ELOOP, O_NOFOLLOW, O_NONBLOCK};

    let opened = options
        .mode(0o600)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(ELOOP) => io::Error::other("it is a symbolic link"),
        _ => error,
    })?;
    let found = file.metadata()?;
    let refused = |why: &str| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    if !found.is_file() {
        return refused("it is not a regular file");
    }
    let (is_ours, user) = (found.uid() == user(), user());
    // The administrator may use what belongs to others.
    if !is_ours && user != 0 {
        return refused("it belongs to another user");
    }
    if found.permissions().mode() & 0o077 != 0 {
        if !is_ours {
            return refused("it belongs to another user, and others can read it");
        }
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(not(unix))]
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other("it is not a regular file"));
    }
    options.open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_made_for_their_owner_and_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        append(&path).unwrap().write_all(b"x").unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        read(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        create_new(&path).unwrap_err();
        append_existing(&dir.path().join("b")).unwrap_err();
    }

    #[test]
    fn links_pipes_and_folders_are_refused_and_left_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let [target, link, pipe, folder] =
            ["target", "link", "pipe", "folder"].map(|name| dir.path().join(name));
        fs::write(&target, "precious").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
        symlink(&target, &link).unwrap();
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::create_dir(&folder).unwrap();
        for path in [&link, &pipe, &folder] {
            for opened in [
                read(path),
                append(path),
                append_existing(path),
                create_new(path),
            ] {
                opened.unwrap_err();
            }
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert_eq!(mode(&target), 0o644);
        // A link to nothing makes no file.
        fs::remove_file(&target).unwrap();
        append(&link).unwrap_err();
        assert!(!target.exists());
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_exposed() {
        let dir = tempfile::tempdir().unwrap();
        for (mode, expected) in [(0o700, false), (0o755, false), (0o775, true), (0o702, true)] {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(exposed(dir.path()).is_some(), expected, "{mode:o}");
        }
        let inner = dir.path().join("inner");
        create_dir(&inner).unwrap();
        for (mode, expected) in [(0o777, true), (0o1777, false), (0o775, false)] {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(exposed(&inner), expected.then_some(dir.path()), "{mode:o}");
        }
    }
}
