//! Where rows are written: stdout or a file, in the format that was asked for.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::notes;
use super::stream::Stream;
use crate::error::{Error, ErrorKind};
use crate::render::{self, OutputFormat, RenderOptions, Renderer, renderer};
use crate::session::{Interrupt, Sink};

/// Writes the results of one statement after another.
pub(crate) struct Output {
    format: OutputFormat,
    options: RenderOptions,
    target: Target,
    current: Option<Box<dyn Renderer>>,
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
    /// False until the first result: a file keeps its old content until there is something to replace it.
    is_emptied: bool,
}

impl Shared {
    /// Prepares for a result, which may hold secrets.
    fn begin(&mut self, holds_secrets: bool) -> io::Result<()> {
        if !self.is_emptied {
            self.stream.empty()?;
            self.is_emptied = true;
        }
        if holds_secrets {
            self.stream.close_to_others()?;
            if self.stream.is_open_to_others() {
                notes::warn("stdout is a file that others can read, and secrets go into it");
            }
        }
        Ok(())
    }
}

impl Output {
    /// Writes to stdout, or to the file `path`, which is emptied once there is a result. Waits for a paused reader
    /// until `interrupt` is raised.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub(crate) fn open(
        format: OutputFormat,
        mut options: RenderOptions,
        path: Option<&Path>,
        interrupt: &Interrupt,
    ) -> Result<Self, Error> {
        let (stream, name) = match path {
            Some(path) => {
                options.width = None;
                options.color = false;
                options.terminal = false;
                let stream = create(path).and_then(|file| Stream::new(file, interrupt));
                (stream, path.display().to_string())
            }
            None => {
                options.terminal = io::stdout().is_terminal();
                (Stream::stdout(interrupt), "stdout".to_owned())
            }
        };
        let stream = stream
            .map_err(|error| Error::usage(format!("cannot write to `{name}`")).caused_by(error))?;
        let shared = Shared {
            is_terminal: options.terminal,
            is_emptied: false,
            stream,
        };
        Ok(Self {
            format,
            options,
            target: Target(Arc::new(Mutex::new(shared))),
            current: None,
            has_rows: false,
        })
    }

    /// Returns true if there was a row since the last call.
    pub(crate) fn take_has_rows(&mut self) -> bool {
        std::mem::take(&mut self.has_rows)
    }

    /// Writes further results in another format to the same place.
    pub(crate) fn reform(&mut self, format: OutputFormat, options: &RenderOptions) {
        let terminal = self.options.terminal;
        self.format = format;
        self.options = RenderOptions {
            terminal,
            width: options.width.filter(|_| terminal),
            color: options.color && terminal,
            ..options.clone()
        };
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

/// Opens a file for rows, which may hold secrets: a new one is for its owner only.
fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[async_trait]
impl Sink for Output {
    async fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        let marked = schema
            .fields()
            .iter()
            .any(|field| field.metadata().contains_key(render::SECRET_MARK));
        self.target
            .lock()
            .begin(marked)
            .map_err(|error| output_error(error.into()))?;
        let mut current = renderer(self.format, &self.options, Box::new(self.target.clone()));
        current.begin(schema).map_err(output_error)?;
        self.current = Some(current);
        Ok(())
    }

    async fn rows(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.has_rows |= batch.num_rows() > 0;
        self.current()?.batch(batch).map_err(output_error)
    }

    async fn flush(&mut self) -> Result<(), Error> {
        self.current()?.flush().map_err(output_error)
    }

    async fn finish(&mut self) -> Result<(), Error> {
        let summary = self.current()?.finish().map_err(output_error)?;
        self.current = None;
        note_shortened(&summary.shortened);
        Ok(())
    }

    fn is_streaming(&self) -> bool {
        self.format.is_streaming()
    }

    async fn check(&mut self) -> Result<(), Error> {
        let checked = self.target.lock().stream.check();
        checked.map_err(|error| output_error(error.into()))
    }

    async fn settle(&mut self) -> Result<(), Error> {
        let settled = self.target.lock().stream.settle();
        settled.map_err(|error| output_error(error.into()))
    }

    fn keeps(&self) -> bool {
        self.target.lock().stream.keeps()
    }

    fn discards(&self) -> bool {
        self.target.lock().stream.discards()
    }
}

/// Says which columns of a table are shortened.
pub(crate) fn note_shortened(columns: &[String]) {
    if !columns.is_empty() {
        notes::if_terminal(&format!(
            "shortened to fit: {} (\\x or -o line shows all)",
            render::escape_controls(&columns.join(", "))
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

impl Target {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut shared = self.lock();
        if shared.is_terminal {
            notes::end_status();
        }
        shared.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().stream.flush()
    }
}
