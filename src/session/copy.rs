//! COPY TO: what was at the target stays there until the copy has succeeded.
//!
//! Turns a plan that writes to a target into one that writes to a folder beside it, and moves what was written to the
//! target at the end. A file keeps its mode, and a link still points to it; a pipe or a device is written to, not
//! replaced. It depends on the engine's plans and on the file system. It reads no rows and formats none.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::dml::CopyTo;
use datafusion::sql::parser::{CopyToSource, Statement as EngineStatement};
use etcetera::home_dir;
use url::Url;

use super::partition_key;
use super::sink::Sink;
use super::staging::{self, Target};
use super::write::RescueFile;
use crate::dialect::parse::{self, STDOUT, query_statement};
use crate::error::Error;
use crate::private_file;

/// The option that lets a COPY write into a folder that holds files: `OPTIONS (overwrite true)`. The engine takes options
/// without a prefix for options of the format.
const OVERWRITE: [&str; 2] = ["overwrite", "format.overwrite"];

/// The engine's option that says whether a target is one file or a folder of them.
const SINGLE_FILE: &str = "single_file_output";

/// What a COPY has written, before it is moved to its target. Removed when it is dropped.
#[derive(Debug)]
pub(super) struct Staged {
    folder: PathBuf,
    /// Shows other programs that the folder is in use.
    _claim: Option<File>,
    /// In `folder`, by the name of the target.
    written: PathBuf,
    target: Target,
    kind: Kind,
    /// True if it replaces files that are there.
    overwrites: bool,
    /// The extension of its files.
    extension: String,
    /// True if all of it was written: no thread writes any more.
    is_complete: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A regular file, or nothing so far.
    File,
    /// Something to write to that cannot be replaced: a pipe, a device.
    Stream,
    /// A folder, with so many levels of partitions. Those that were written are replaced; without any, the folder is.
    Folder(usize),
}

/// Makes the COPYs in `plan` write beside their targets, and returns what is to be moved once they have succeeded.
///
/// Fails if a target cannot be written, or holds files already and OVERWRITE is not said, or holds files that are not
/// those of a COPY.
pub(super) fn stage(
    plan: LogicalPlan,
    rescue_file: Option<&RescueFile>,
) -> EngineResult<(LogicalPlan, Vec<Staged>)> {
    let mut staged = Vec::new();
    // EXPLAIN writes nothing; EXPLAIN ANALYZE does.
    if matches!(plan, LogicalPlan::Explain(_)) {
        return Ok((plan, staged));
    }
    let plan = plan.transform_up(|plan| {
        let LogicalPlan::Copy(copy) = plan else {
            return Ok(Transformed::no(plan));
        };
        let (mut copy, written) = redirect(copy, rescue_file)?;
        if !copy.partition_by.is_empty() {
            let input = Arc::unwrap_or_clone(copy.input);
            copy.input = Arc::new(partition_key::without_nulls(input, &copy.partition_by)?);
        }
        staged.push(written);
        Ok(Transformed::yes(LogicalPlan::Copy(copy)))
    })?;
    Ok((plan.data, staged))
}

/// Refuses a COPY whose format is none. `is_known` knows formats: the engine would pass over one that it does not know, and
/// take that of the name's end.
///
/// Fails with the formats that there are.
pub(super) fn check_format(
    statement: &EngineStatement,
    is_known: &dyn Fn(&str) -> bool,
) -> Result<(), Error> {
    let EngineStatement::CopyTo(copy) = statement else {
        return Ok(());
    };
    match &copy.stored_as {
        Some(format) if !is_known(format) => {
            Err(Error::statement(format!("unknown file format `{format}`"))
                .hint("file formats: csv, tsv, json, jsonl, ndjson, parquet, arrow"))
        }
        _ => Ok(()),
    }
}

/// Returns the query of a COPY to stdout, whose rows `sink` gets in the format that it names. Every other statement is as
/// it was.
///
/// Fails if the rows cannot be written so.
pub(super) fn to_stdout(
    statement: EngineStatement,
    sink: &mut dyn Sink,
) -> Result<EngineStatement, Error> {
    let copy = match statement {
        EngineStatement::CopyTo(copy) if copy.target == STDOUT => copy,
        statement => return Ok(statement),
    };
    let refused = |what: &str| {
        let error = Error::statement(format!("COPY TO STDOUT does not take {what}"));
        error.hint("--no-header and --delimiter say how rows are written to stdout")
    };
    if !copy.options.is_empty() {
        return Err(refused("OPTIONS"));
    }
    if !copy.partitioned_by.is_empty() {
        return Err(refused("PARTITIONED BY"));
    }
    if let Some(format) = &copy.stored_as {
        sink.reformat(format)?;
    }
    Ok(match copy.source {
        CopyToSource::Query(query) => query_statement(*query),
        CopyToSource::Relation(name) => parse::parse(&format!("SELECT * FROM {name}"))
            .map_err(|error| Error::statement(error.message))?,
    })
}

fn redirect(mut copy: CopyTo, rescue_file: Option<&RescueFile>) -> Result<(CopyTo, Staged), Error> {
    let typed = copy.output_url.clone();
    let failed =
        |error: io::Error| Error::statement(format!("cannot write to `{typed}`")).caused_by(error);
    let path = local_path(&typed)?;
    let overwrites = OVERWRITE
        .iter()
        .filter_map(|name| copy.options.remove(*name))
        .any(|value| value.eq_ignore_ascii_case("true"));
    let target = Target::of(&path, rescue_file).map_err(failed)?;
    let found = &target.found;
    let is_folder = match copy.options.get(SINGLE_FILE).map(|value| value.trim()) {
        Some("true") => false,
        Some("false") => true,
        _ => {
            typed.ends_with('/')
                || !copy.partition_by.is_empty()
                || found.as_ref().is_some_and(fs::Metadata::is_dir)
                || target.path.extension().is_none()
                    && found.as_ref().is_none_or(fs::Metadata::is_dir)
        }
    };
    let kind = match (found, is_folder) {
        (_, true) => Kind::Folder(copy.partition_by.len()),
        (_, false) if target.is_stream() => Kind::Stream,
        (_, false) => Kind::File,
    };
    if is_folder && found.as_ref().is_some_and(|found| !found.is_dir()) {
        return Err(Error::statement(format!("`{typed}` is not a folder"))
            .hint("name a folder, or something that does not exist"));
    }
    if is_folder && !overwrites && holds_anything(&target.path) {
        return Err(
            Error::statement(format!("the folder `{typed}` is not empty")).hint(
                "name another folder, or add OPTIONS (overwrite true), which replaces the partitions that are written",
            ),
        );
    }
    let extension = copy.file_type.get_ext();
    if kind == Kind::Folder(0) && target.found.is_some() {
        check_replaceable(&target.path, &extension)?;
    }
    let (Some(name), Some(parent)) = (target.path.file_name(), target.path.parent()) else {
        return Err(Error::statement(format!("cannot write to `{typed}`"))
            .hint("name a file, or a folder that ends with `/`"));
    };
    let beside = match kind {
        Kind::Stream => &std::env::temp_dir(),
        _ => parent,
    };
    let folder = match staging_folder(beside) {
        // A file in a folder that takes no other is written in place in the end.
        Err(error)
            if error.kind() == io::ErrorKind::PermissionDenied
                && kind == Kind::File
                && target.found.is_some() =>
        {
            staging_folder(&std::env::temp_dir())
        }
        folder => folder,
    };
    let folder = folder.map_err(failed)?;
    let written = folder.join(name);
    let url = match is_folder {
        true => Url::from_directory_path(&written),
        false => Url::from_file_path(&written),
    };
    // As a URL, so that `*` and `?` are characters of a name.
    let url = url.map_err(|()| Error::statement(format!("cannot write to `{typed}`")))?;
    copy.output_url = url.into();
    copy.options
        .insert(SINGLE_FILE.to_owned(), (!is_folder).to_string());
    Ok((
        copy,
        Staged {
            _claim: staging::claim_folder(&folder),
            folder,
            written,
            target,
            kind,
            overwrites,
            extension,
            is_complete: false,
        },
    ))
}

/// Returns the path that `typed` names on this machine, `~` being the home directory.
fn local_path(typed: &str) -> Result<PathBuf, Error> {
    if let Ok(url) = Url::parse(typed)
        && url.scheme().len() > 1
    {
        return url.to_file_path().map_err(|()| {
            Error::statement(format!("`{typed}` is not a local file"))
                .hint("COPY writes local files; upload them with the tools of your store")
        });
    }
    let path = match typed.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => home_dir()
            .map(|home| home.join(rest.trim_start_matches('/')))
            .map_err(|_| Error::statement("there is no home directory for `~`"))?,
        _ => PathBuf::from(typed),
    };
    std::path::absolute(path)
        // Without the `/` at the end, which would keep a link from being followed.
        .map(|path| path.components().collect())
        .map_err(|error| Error::statement(format!("cannot write to `{typed}`")).caused_by(error))
}

fn holds_anything(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

/// Checks that `folder` may be removed: that it holds nothing but files of earlier COPYs, of the same format.
///
/// # Errors
///
/// Fails with the name of something else in it.
fn check_replaceable(folder: &Path, extension: &str) -> Result<(), Error> {
    let shown = folder.display();
    let metadata = fs::symlink_metadata(folder).map_err(|error| unreadable(folder, error))?;
    if !metadata.is_dir() {
        return Err(Error::statement(format!("`{shown}` is not a folder"))
            .hint("COPY would put a folder there: rename it, or name another target"));
    }
    if std::env::current_dir().is_ok_and(|current| current == folder) {
        return Err(Error::statement(format!(
            "`{shown}` is the current directory, which COPY would replace"
        ))
        .hint("name a folder in it"));
    }
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let entry = entry.map_err(|error| unreadable(folder, error))?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !is_file || !is_written_by_copy(&entry.file_name().to_string_lossy(), extension) {
            return Err(Error::statement(format!(
                "`{}` is not a {extension} file that COPY has written, and would be deleted",
                entry.path().display()
            ))
            .hint("move it out of the folder, or name another target"));
        }
    }
    Ok(())
}

/// Returns true for the names that the engine gives to the files of a folder: 16 letters and digits, a number where there
/// are no partitions, and the extensions.
fn is_written_by_copy(name: &str, extension: &str) -> bool {
    let Some((stem, extensions)) = name.split_once('.') else {
        return false;
    };
    let (id, number) = stem.split_once('_').unwrap_or((stem, "0"));
    let compression = extensions.strip_prefix(extension.trim_start_matches('.'));
    id.len() == 16
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && number.parse::<usize>().is_ok()
        && compression.is_some_and(|rest| matches!(rest, "" | ".gz" | ".bz2" | ".xz" | ".zst"))
}

fn unreadable(folder: &Path, error: io::Error) -> Error {
    Error::statement(format!("cannot read the folder `{}`", folder.display())).caused_by(error)
}

/// Makes a folder in `parent` that nobody else can read.
fn staging_folder(parent: &Path) -> io::Result<PathBuf> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    staging::remove_abandoned(parent);
    let folder = parent.join(private_file::unique(staging::COPY));
    builder.create(&folder)?;
    staging::is_staged(&folder);
    Ok(folder)
}

impl Staged {
    /// Returns true if the target is written to, and not replaced.
    pub(super) fn is_stream(&self) -> bool {
        self.kind == Kind::Stream
    }

    /// Returns the path of what was written.
    pub(super) fn written(&self) -> PathBuf {
        self.written.clone()
    }

    /// Moves what was written to its target.
    ///
    /// Fails if that cannot be done; then the target is unchanged, except for partitions that were moved already.
    pub(super) fn commit(mut self) -> Result<(), Error> {
        self.is_complete = true;
        let failed = |error: io::Error| {
            Error::statement(format!("cannot write to `{}`", self.target.path.display()))
                .caused_by(error)
        };
        if !self.written.exists() {
            // The engine makes no file of no rows.
            match self.kind {
                Kind::File | Kind::Stream => File::create(&self.written).map(drop),
                Kind::Folder(_) => fs::create_dir(&self.written),
            }
            .map_err(failed)?;
        }
        match self.kind {
            // A SELECT never returns a secret.
            Kind::File => {
                let put = self.target.put(&self.written, false);
                let is_needed = put.as_ref().is_err_and(staging::is_in_part);
                let outcome = put.map_err(failed);
                if is_needed {
                    staging::is_needed(&self.folder);
                    // Dropped, it would be removed.
                    std::mem::forget(self);
                }
                outcome
            }
            Kind::Stream => self.pour().map_err(failed),
            Kind::Folder(depth) => {
                let mut moves = Vec::new();
                self.plan(&self.written, &self.target.path, depth, &mut moves)?;
                moves
                    .iter()
                    .try_for_each(|(new, old)| self.replace(new, old))
                    .map_err(failed)
            }
        }
    }

    fn pour(&self) -> io::Result<()> {
        let mut written = File::open(&self.written)?;
        // Nothing is left behind if the program ends while a pipe waits for its reader.
        let _ = fs::remove_dir_all(&self.folder);
        let mut stream = File::options().write(true).open(&self.target.path)?;
        io::copy(&mut written, &mut stream).map(drop)
    }

    /// Adds to `moves` which folders go where, so that `old` has what `new` has, `depth` levels of partitions above the
    /// files. Nothing is moved before it is known that all of it can be.
    ///
    /// # Errors
    ///
    /// Fails if something would be lost that no COPY has written, or that was not to be replaced.
    fn plan(
        &self,
        new: &Path,
        old: &Path,
        depth: usize,
        moves: &mut Vec<(PathBuf, PathBuf)>,
    ) -> Result<(), Error> {
        let Ok(found) = fs::symlink_metadata(old) else {
            moves.push((new.to_owned(), old.to_owned()));
            return Ok(());
        };
        if depth == 0 || !found.is_dir() {
            if found.is_dir() && !self.overwrites && holds_anything(old) {
                // It was empty when the statement began.
                return Err(Error::statement(format!(
                    "the folder `{}` is not empty",
                    old.display()
                )));
            }
            check_replaceable(old, &self.extension)?;
            moves.push((new.to_owned(), old.to_owned()));
            return Ok(());
        }
        for entry in fs::read_dir(new).map_err(|error| unreadable(new, error))? {
            let entry = entry.map_err(|error| unreadable(new, error))?;
            self.plan(
                &entry.path(),
                &old.join(entry.file_name()),
                depth - 1,
                moves,
            )?;
        }
        Ok(())
    }

    /// Moves `new` to the place of `old`, which is kept until that is done.
    ///
    /// Where the file system can swap the two, one of them is at the place of `old` at every moment. Elsewhere a program
    /// that is killed between the two renames leaves `old` in the folder of this copy.
    fn replace(&self, new: &Path, old: &Path) -> io::Result<()> {
        if let Ok(found) = fs::metadata(old) {
            fs::set_permissions(new, found.permissions())?;
        }
        if swapped(new, old) {
            return fs::remove_dir_all(new);
        }
        let aside = self.folder.join("replaced");
        if old.exists() {
            fs::rename(old, &aside)?;
        }
        fs::rename(new, old).inspect_err(|_| {
            // Nothing more can be done if this fails, too.
            let _ = fs::rename(&aside, old);
        })?;
        match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Swaps the names of two folders in one step. Returns false if that cannot be done; nothing has changed then.
#[cfg(target_os = "linux")]
fn swapped(one: &Path, other: &Path) -> bool {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok()
}

/// No crate offers it here.
#[cfg(not(target_os = "linux"))]
fn swapped(_: &Path, _: &Path) -> bool {
    false
}

impl Drop for Staged {
    fn drop(&mut self) {
        staging::remove(&self.folder);
        if self.is_complete {
            staging::is_needed(&self.folder);
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn two_folders_change_places_or_stay() {
        let dir = tempfile::tempdir().unwrap();
        let [new, old] = ["new", "old"].map(|name| dir.path().join(name));
        fs::create_dir(&new).unwrap();
        assert!(!swapped(&new, &old), "nothing is there");
        fs::create_dir(&old).unwrap();
        fs::write(new.join("rows"), "new").unwrap();
        fs::write(old.join("rows"), "old").unwrap();
        let is_swapped = swapped(&new, &old);
        let (there, aside) = if is_swapped {
            (&old, &new)
        } else {
            (&new, &old)
        };
        assert_eq!(fs::read_to_string(there.join("rows")).unwrap(), "new");
        assert_eq!(fs::read_to_string(aside.join("rows")).unwrap(), "old");
    }
}
