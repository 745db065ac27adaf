//! Where rows are written: stdout or a file, in the format that was asked for.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::notes;
use crate::error::Error;
use crate::render::{self, OutputFormat, RenderOptions, Renderer, renderer};
use crate::session::Sink;

/// Writes the results of one statement after another.
pub(crate) struct Output {
    format: OutputFormat,
    options: RenderOptions,
    target: Target,
    current: Option<Box<dyn Renderer>>,
}

/// What results are written to.
#[derive(Clone)]
enum Target {
    Stdout { is_terminal: bool },
    File(Arc<Mutex<OutputFile>>),
}

/// A file, whose former content stays until there is a result to write in its place.
struct OutputFile {
    file: File,
    is_emptied: bool,
}

impl OutputFile {
    /// Prepares the file for a result, which may hold secrets.
    fn begin(&mut self, holds_secrets: bool) -> io::Result<()> {
        if !self.is_emptied {
            // A device has no length to set.
            if self.file.metadata()?.is_file() {
                self.file.set_len(0)?;
            }
            self.is_emptied = true;
        }
        #[cfg(unix)]
        if holds_secrets && self.file.metadata()?.is_file() {
            self.file
                .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        }
        #[cfg(not(unix))]
        let _ = holds_secrets;
        Ok(())
    }
}

impl Output {
    /// Writes to stdout, or to the file `path`, which is emptied once there is a result.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub(crate) fn open(
        format: OutputFormat,
        mut options: RenderOptions,
        path: Option<&Path>,
    ) -> Result<Self, Error> {
        let target = match path {
            Some(path) => {
                let file = create(path).map_err(|error| {
                    Error::usage(format!("cannot write to `{}`", path.display())).caused_by(&error)
                })?;
                options.width = None;
                options.color = false;
                options.terminal = false;
                Target::File(Arc::new(Mutex::new(OutputFile {
                    file,
                    is_emptied: false,
                })))
            }
            None => {
                options.terminal = io::stdout().is_terminal();
                Target::Stdout {
                    is_terminal: options.terminal,
                }
            }
        };
        Ok(Self {
            format,
            options,
            target,
            current: None,
        })
    }

    /// Writes the results from now on in another form to the same place.
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

/// Returns stdout where it is a terminal: the line of progress goes before anything is written.
pub(crate) fn stdout() -> impl Write + Send {
    Target::Stdout { is_terminal: true }
}

/// Opens a file for rows, which may hold secrets: a new one is for its owner only.
fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl Sink for Output {
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        if let Target::File(file) = &self.target {
            let marked = schema
                .fields()
                .iter()
                .any(|field| field.metadata().contains_key(render::SECRET_MARK));
            lock(file)
                .begin(marked)
                .map_err(|error| output_error(error.into()))?;
        }
        let mut current = renderer(self.format, &self.options, Box::new(self.target.clone()));
        current.begin(schema).map_err(output_error)?;
        self.current = Some(current);
        Ok(())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.current()?.batch(batch).map_err(output_error)
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.current()?.flush().map_err(output_error)
    }

    fn finish(&mut self) -> Result<(), Error> {
        let summary = self.current()?.finish().map_err(output_error)?;
        self.current = None;
        note_shortened(&summary.shortened);
        Ok(())
    }

    fn is_streaming(&self) -> bool {
        self.format.is_streaming()
    }

    fn discards(&self) -> bool {
        matches!(self.target, Target::Stdout { .. }) && is_null(io::stdout())
    }
}

/// Returns true if `stream` is the null device, as a closed one is too: the runtime opens it in its place.
#[cfg(unix)]
fn is_null(stream: impl std::os::fd::AsFd) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |file: io::Result<File>| file?.metadata().map(|meta| meta.rdev());
    let stream = device(stream.as_fd().try_clone_to_owned().map(File::from));
    let null = device(File::open("/dev/null"));
    matches!((stream, null), (Ok(stream), Ok(null)) if stream == null)
}

#[cfg(not(unix))]
fn is_null(_: io::Stdout) -> bool {
    false
}

/// Tells which columns a table does not show whole.
pub(crate) fn note_shortened(columns: &[String]) {
    if !columns.is_empty() {
        notes::say(&format!(
            "shortened to fit: {} (\\x or -o line shows all)",
            render::escape_controls(&columns.join(", "))
        ));
    }
}

pub(crate) fn output_error(error: render::Error) -> Error {
    let hint = error.hint();
    let converted = Error {
        is_broken_pipe: error.is_broken_pipe(),
        hint,
        ..Error::statement("the rows cannot be written")
    };
    converted.caused_by(&error)
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout { is_terminal } => {
                if *is_terminal {
                    notes::end_status();
                }
                io::stdout().lock().write(bytes)
            }
            Self::File(file) => lock(file).file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout { .. } => io::stdout().lock().flush(),
            Self::File(file) => lock(file).file.flush(),
        }
    }
}

fn lock(file: &Mutex<OutputFile>) -> std::sync::MutexGuard<'_, OutputFile> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}
