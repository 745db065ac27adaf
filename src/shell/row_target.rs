//! Where rows go instead of the screen: a file, a program, or stdout.

use std::path::Path;
use std::process::Stdio;

use super::command::Destination;
use crate::error::{Error, ErrorKind};
use crate::render::{OutputFormat, RenderOptions};
use crate::session::Interrupt;
use crate::terminal::children::Attended;
use crate::terminal::directories::expand_home;
use crate::terminal::output::Output;
use crate::terminal::{children, notes};

/// A place that rows are written to.
pub(super) struct RowTarget {
    /// None once it is closed: a program reads up to the end of its stdin.
    output: Option<Output>,
    /// The format that the name of the file asks for.
    named: Option<OutputFormat>,
    program: Option<Program>,
}

/// A program that reads the rows.
struct Program {
    typed: String,
    child: Attended,
    interrupt: Interrupt,
}

impl RowTarget {
    /// Opens `to`. A file takes its format from its name, unless `format` is another one than table.
    ///
    /// Fails if the file cannot be written, or the program not be run.
    pub(super) fn open(
        to: &Destination,
        format: OutputFormat,
        options: &RenderOptions,
        interrupt: &Interrupt,
    ) -> Result<Self, Error> {
        let named = match to {
            Destination::File(file) => OutputFormat::of_path(Path::new(file)),
            _ => None,
        };
        let format = in_file(format, named);
        let open = |path: Option<&Path>| {
            let output = Output::open(format, options.clone(), path, interrupt);
            output.map_err(|error| match error.kind {
                ErrorKind::Usage => Error {
                    kind: ErrorKind::Io,
                    ..error
                },
                _ => error,
            })
        };
        let (output, program) = match to {
            Destination::Stdout => (open(None)?, None),
            Destination::File(file) => (open(Some(&expand_home(file)))?, None),
            Destination::Program(program) => {
                let failed = |error: std::io::Error| {
                    Error::statement(format!("`{program}` cannot be run")).caused_by(error)
                };
                notes::end_status();
                let mut command = children::shell(program);
                let child = Attended::start(command.stdin(Stdio::piped()));
                let mut child = child.map_err(failed)?;
                let stdin = child
                    .stdin()
                    .take()
                    .ok_or_else(|| failed(std::io::ErrorKind::BrokenPipe.into()))?;
                let output = Output::to_program(format, options.clone(), stdin, interrupt)
                    .map_err(failed)?;
                let program = Program {
                    typed: program.clone(),
                    child,
                    interrupt: interrupt.clone(),
                };
                (output, Some(program))
            }
        };
        Ok(Self {
            output: Some(output),
            named,
            program,
        })
    }

    /// Writes further results in another format.
    ///
    /// Fails if it is closed.
    pub(super) fn reform(
        &mut self,
        format: OutputFormat,
        options: &RenderOptions,
    ) -> Result<(), Error> {
        let format = in_file(format, self.named);
        self.output()?.reform(format, options);
        Ok(())
    }

    /// Returns what rows are written to.
    ///
    /// Fails if it is closed.
    pub(super) fn output(&mut self) -> Result<&mut Output, Error> {
        self.output
            .as_mut()
            .ok_or_else(|| Error::statement("the output is closed"))
    }

    /// Returns the warning for rows that were not delivered.
    pub(super) fn unfinished(&self) -> Option<String> {
        self.output.as_ref()?.unfinished()
    }

    /// Returns true if rows go to a program.
    pub(super) fn is_program(&self) -> bool {
        self.program.is_some()
    }
}

/// Returns the format of a file whose name asks for `named`, unless another one than table was chosen.
fn in_file(format: OutputFormat, named: Option<OutputFormat>) -> OutputFormat {
    match format {
        OutputFormat::Table => named.unwrap_or(format),
        format => format,
    }
}

impl From<Output> for RowTarget {
    fn from(output: Output) -> Self {
        Self {
            output: Some(output),
            named: None,
            program: None,
        }
    }
}

impl Drop for RowTarget {
    /// The next prompt must wait for the program. One that does not end for Ctrl-C is left behind at the second one,
    /// which ends the shell.
    fn drop(&mut self) {
        self.output = None;
        if let Some(Program {
            typed,
            child,
            interrupt,
        }) = &mut self.program
        {
            let _running = interrupt.running();
            match child.wait() {
                Ok(status) if status.success() => {}
                Ok(status) => notes::warn(&format!("`{typed}` ended with {status}")),
                Err(error) => notes::warn(&format!("`{typed}` cannot be waited for: {error}")),
            }
        }
    }
}
