//! Where rows are written: stdout or a file, in the format that was asked for.
//!
//! A file is written next to its target and moved there by [`Output::commit`], so that the old file is not lost to a
//! statement that fails. The secrets of new keys exist nowhere else: a file that holds them is kept from its first row
//! on, and each row is on the disk before the next one is created.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ChildStdin;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use parking_lot::Mutex;

use super::notes;
use super::secrets;
use super::stream::Stream;
use crate::error::{Error, ErrorKind};
use crate::render::{self, OutputFormat, RenderOptions, Renderer, Summary, renderer};
use crate::session::{Interrupt, Sink, StagedFile, Target as FileTarget, unfinished};

/// Writes the results of one statement after another.
pub(crate) struct Output {
    format: OutputFormat,
    options: RenderOptions,
    target: Target,
    current: Option<Box<dyn Renderer>>,
    /// True if the current result is written row by row, whatever its format.
    is_expected: bool,
    /// The format of the next result, if it names one.
    once: Option<OutputFormat>,
    /// Results so far.
    results: usize,
    /// True once there is a row.
    has_rows: bool,
}

/// What results are written to, shared with the current renderer.
#[derive(Clone)]
struct Target(Arc<Mutex<Shared>>);

struct Shared {
    stream: Stream,
    /// If so, the progress line is erased before rows are written.
    is_terminal: bool,
    /// The file beside the place that it is written for.
    staged: Option<StagedFile>,
    /// True once a result was to hold the secrets of new keys.
    holds_secrets: bool,
    /// True once one does, and its rows are not yet in their place.
    has_secrets: bool,
    /// The same of the results before the current one.
    had_secrets: bool,
    /// True if rows of the current result were refused: its statement saves their secrets.
    is_refused: bool,
}

impl Shared {
    /// Prepares for a result, which may hold secrets.
    fn begin(&mut self, holds_secrets: bool) -> io::Result<()> {
        (self.had_secrets, self.is_refused) = (self.has_secrets, false);
        if !holds_secrets {
            return Ok(());
        }
        self.holds_secrets = true;
        if let Some(staged) = &mut self.staged {
            staged.keep()?;
        }
        if self.stream.is_open_to_others() {
            notes::warn(
                "stdout is a file that other users can read, and secrets are written to it",
            );
        }
        Ok(())
    }

    /// Takes note of rows that are about to be written.
    fn note_rows(&mut self, count: usize) {
        self.has_secrets |= self.holds_secrets && count > 0;
    }

    /// Makes rows that hold secrets outlast a crash of the machine.
    fn sync(&mut self) -> io::Result<()> {
        if !self.holds_secrets {
            return Ok(());
        }
        self.stream.sync()?;
        let there = self.staged.as_ref().map_or(Ok(()), StagedFile::check);
        self.is_refused = there.is_err();
        there
    }

    /// Returns true unless another program has taken away the file that rows are written to.
    fn is_there(&self) -> bool {
        self.staged
            .as_ref()
            .is_none_or(|staged| staged.check().is_ok())
    }

    /// Ends results that did not get to their place; see [`Output::unfinished`].
    fn unfinished(&mut self) -> Option<String> {
        let is_there = self.is_there();
        let staged = self.staged.as_mut()?;
        if !is_there {
            let is_lost = match self.is_refused {
                true => self.had_secrets,
                false => self.has_secrets,
            };
            (self.has_secrets, self.had_secrets) = (false, false);
            return is_lost.then(|| rescue(staged));
        }
        if self.holds_secrets && !self.has_secrets {
            // If that fails, an empty file is left.
            let _ = staged.hide();
            return None;
        }
        let (rows, target) = (staged.unfinished()?.display(), staged.target());
        let told = format!("the rows with the secrets of new keys are in `{rows}`");
        Some(match staged.unfinished() == Some(target) {
            true => told,
            false => format!("{told}; `{}` is unchanged", target.display()),
        })
    }
}

/// Saves rows with secrets whose file is gone, and says where they are.
fn rescue(staged: &mut StagedFile) -> String {
    let file = secrets::rescue_file();
    let rows = staged.content();
    let saved = rows.and_then(|rows| file.save_rows(staged.target(), &rows));
    let path = file.path().display();
    match saved {
        Ok(()) => format!("the rows with the secrets of new keys are in `{path}`"),
        Err(error) => format!(
            "the rows with the secrets of new keys are lost, and cannot be saved to `{path}` ({error}): revoke the keys"
        ),
    }
}

impl Output {
    /// Writes to stdout, or for the file `path`, which [`commit`](Self::commit) replaces. Waits for a paused reader until
    /// `interrupt` is raised.
    ///
    /// Fails if the file cannot be written.
    pub(crate) fn open(
        format: OutputFormat,
        mut options: RenderOptions,
        path: Option<&Path>,
        interrupt: &Interrupt,
    ) -> Result<Self, Error> {
        let (opened, name) = match path {
            Some(path) => (create(path, interrupt), path.display().to_string()),
            None => (
                Stream::stdout(interrupt).map(|stream| (stream, None)),
                "stdout".to_owned(),
            ),
        };
        let (stream, staged) = opened.map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => Error::interrupted(),
            _ => Error::usage(format!("cannot write to `{name}`")).caused_by(error),
        })?;
        // Also that of `--output-file /dev/tty`.
        options.terminal = stream.is_terminal();
        if path.is_some() {
            options.width = None;
            options.color = false;
        }
        if let Some(staged) = &staged {
            remind_of_unfinished(staged.target());
        }
        Ok(Self::new(format, options, stream, staged))
    }

    fn new(
        format: OutputFormat,
        options: RenderOptions,
        stream: Stream,
        staged: Option<StagedFile>,
    ) -> Self {
        let shared = Shared {
            is_terminal: options.terminal,
            stream,
            staged,
            holds_secrets: false,
            has_secrets: false,
            had_secrets: false,
            is_refused: false,
        };
        Self {
            format,
            options,
            target: Target(Arc::new(Mutex::new(shared))),
            current: None,
            is_expected: false,
            once: None,
            results: 0,
            has_rows: false,
        }
    }

    /// Moves the results to their target, replacing the old file; later writes are appended.
    ///
    /// Fails if that cannot be done.
    pub(crate) fn commit(&mut self) -> Result<(), Error> {
        let mut shared = self.target.0.lock();
        let committed = match &mut shared.staged {
            Some(staged) => staged.commit().map(|earlier| {
                if let Some(earlier) = earlier {
                    notes::warn(&format!(
                        "`{}` holds the secrets of new keys now; what was in it before is in `{}`",
                        staged.target().display(),
                        earlier.display()
                    ));
                }
            }).map_err(|error| {
                let target = staged.target().display();
                Error::new(ErrorKind::Io, format!("cannot write to `{target}`")).caused_by(error)
            }),
            None => Ok(()),
        };
        match committed {
            Ok(()) => shared.has_secrets = false,
            Err(mut error) => {
                error.notes.extend(shared.unfinished());
                return Err(error);
            }
        }
        Ok(())
    }

    /// Ends the results of a run that has failed. Returns what to tell people of those that did not get to their place,
    /// and cannot be made again.
    pub(crate) fn unfinished(&self) -> Option<String> {
        self.target.0.lock().unfinished()
    }

    /// Writes to the stdin of a program. Waits for a program that does not read until `interrupt` is raised.
    ///
    /// Fails if the stream cannot be used.
    pub(crate) fn to_program(
        format: OutputFormat,
        options: RenderOptions,
        stdin: ChildStdin,
        interrupt: &Interrupt,
    ) -> io::Result<Self> {
        #[cfg(unix)]
        let file = File::from(std::os::fd::OwnedFd::from(stdin));
        #[cfg(windows)]
        let file = File::from(std::os::windows::io::OwnedHandle::from(stdin));
        let options = RenderOptions {
            width: None,
            color: false,
            terminal: false,
            ..options
        };
        Ok(Self::new(
            format,
            options,
            Stream::new(file, interrupt)?,
            None,
        ))
    }

    /// Returns true if there was a row since the last call.
    pub(crate) fn take_has_rows(&mut self) -> bool {
        std::mem::take(&mut self.has_rows)
    }

    /// Writes further results in another format to the same place.
    pub(crate) fn reform(&mut self, format: OutputFormat, options: &RenderOptions) {
        let terminal = self.options.terminal;
        self.once = None;
        self.format = format;
        self.options = RenderOptions {
            terminal,
            width: options.width.filter(|_| terminal),
            color: options.color && terminal,
            ..options.clone()
        };
    }

    /// Fails if a result in `format` could not be read, or `holds_secrets` that could be lost.
    fn check_binary(&self, format: OutputFormat, holds_secrets: bool) -> Result<(), Error> {
        if self.options.terminal {
            return Err(
                Error::usage(format!("{format} cannot be shown on a terminal"))
                    .hint("write it to a file with --output-file"),
            );
        }
        if self.results > 0 {
            return Err(Error::statement(format!(
                "a file in {format} holds one result, and there is one already"
            ))
            .hint("write each result to a file of its own: COPY (SELECT …) TO 'name.parquet'"));
        }
        if holds_secrets && !format.is_streaming() {
            return Err(Error::statement(format!(
                "{format} is complete only at the end, and the secrets of new keys could be lost before that"
            ))
            .hint("-o jsonl writes each key as soon as it exists"));
        }
        Ok(())
    }

    fn current(&mut self) -> Result<&mut Box<dyn Renderer>, Error> {
        self.current
            .as_mut()
            .ok_or_else(|| Error::statement("rows came before their columns"))
    }
}

/// Returns stdout as a terminal: the progress line is erased before anything is written.
pub(crate) fn stdout() -> impl Write + Send {
    Terminal
}

struct Terminal;

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        notes::end_status();
        io::stdout().lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().lock().flush()
    }
}

/// Opens what is written for the file `path`: beside it, or the pipe or device itself.
fn create(path: &Path, interrupt: &Interrupt) -> io::Result<(Stream, Option<StagedFile>)> {
    let target = FileTarget::of(path, Some(&secrets::rescue_file()))?;
    if target.is_stdout() {
        return Ok((Stream::stdout(interrupt)?, None));
    }
    if target.is_stream() {
        return Ok((Stream::open(&target.path, interrupt)?, None));
    }
    if target.found.as_ref().is_some_and(std::fs::Metadata::is_dir) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let (staged, file) = StagedFile::beside(target)?;
    Ok((Stream::new(file, interrupt)?, Some(staged)))
}

/// Tells of rows that earlier runs wrote for the same file, and that nobody may have seen.
fn remind_of_unfinished(target: &Path) {
    for (rows, is_written) in unfinished(target) {
        let rows = rows.display();
        notes::warn(&match is_written {
            true => format!("`{rows}`, with secrets of new keys, is being written by another run"),
            false => format!(
                "`{rows}` holds secrets of keys created by a run that did not finish; copy what you need and remove \
                 the file"
            ),
        });
    }
}

#[async_trait]
impl Sink for Output {
    async fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        let marked = schema
            .fields()
            .iter()
            .any(|field| field.metadata().contains_key(render::SECRET_MARK));
        let format = self.once.take().unwrap_or(self.format);
        if format.is_binary() {
            self.check_binary(format, marked)?;
        }
        self.results += 1;
        self.target
            .0
            .lock()
            .begin(marked)
            .map_err(|error| output_error(error.into()))?;
        let mut current = renderer(format, &self.options, Box::new(self.target.clone()));
        current.begin(schema).map_err(output_error)?;
        self.current = Some(current);
        self.is_expected = false;
        Ok(())
    }

    async fn expect(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        self.is_expected = true;
        self.current()?.expect(rows).map_err(output_error)
    }

    async fn rows(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.has_rows |= batch.num_rows() > 0;
        self.target.0.lock().note_rows(batch.num_rows());
        self.current()?.batch(batch).map_err(output_error)
    }

    async fn flush(&mut self) -> Result<(), Error> {
        self.current()?.flush().map_err(output_error)?;
        let synced = self.target.0.lock().sync();
        synced.map_err(|error| output_error(error.into()))
    }

    async fn finish(&mut self) -> Result<(), Error> {
        let summary = self.current()?.finish().map_err(output_error)?;
        self.current = None;
        note_shortened(&summary);
        Ok(())
    }

    fn is_streaming(&self) -> bool {
        self.format.is_streaming() || self.is_expected
    }

    async fn has_arrived(&mut self) -> bool {
        let shared = self.target.0.lock();
        shared.stream.has_arrived() && shared.is_there()
    }

    fn reformat(&mut self, format: &str) -> Result<(), Error> {
        self.once = Some(format.parse().map_err(output_error)?);
        Ok(())
    }

    async fn check(&mut self, bytes: u64) -> Result<(), Error> {
        let checked = self.target.0.lock().stream.check(bytes);
        checked.map_err(|error| output_error(error.into()))
    }

    async fn settle(&mut self) -> Result<(), Error> {
        let settled = self.target.0.lock().stream.settle();
        settled.map_err(|error| {
            let doubt = match error.kind() {
                io::ErrorKind::BrokenPipe => {
                    "the reader closed the pipe before the end of the rows"
                }
                io::ErrorKind::TimedOut => "the reader did not read all rows",
                _ => "it is unknown whether the rows were read",
            };
            Error::statement(doubt).caused_by(error)
        })
    }

    fn keeps(&self) -> bool {
        let shared = self.target.0.lock();
        shared.stream.keeps() && shared.is_there()
    }

    fn discards(&self) -> bool {
        self.target.0.lock().stream.discards()
    }
}

/// Says which columns of a table are cut, and which are left out.
pub(crate) fn note_shortened(summary: &Summary) {
    let told = [
        ("cut to fit: ", &summary.cut),
        ("left out: ", &summary.dropped),
    ];
    let told: Vec<_> = told
        .into_iter()
        .filter(|(_, columns)| !columns.is_empty())
        .map(|(what, columns)| format!("{what}{}", columns.join(", ")))
        .collect();
    if !told.is_empty() {
        notes::if_terminal(&format!(
            "{} (\\x or -o line shows all)",
            render::escape_controls(&told.join("; "))
        ));
    }
}

pub(crate) fn output_error(error: render::Error) -> Error {
    let kind = match &error {
        error if error.is_broken_pipe() => ErrorKind::BrokenPipe,
        render::Error::Io(_) => ErrorKind::Io,
        _ => ErrorKind::Statement,
    };
    Error {
        hint: error.hint(),
        ..Error::new(kind, "the rows cannot be written").caused_by(error)
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut shared = self.0.lock();
        if shared.is_terminal {
            notes::end_status();
        }
        shared.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().stream.flush()
    }
}
