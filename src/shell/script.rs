//! Runs the statements and commands of a file, or of stdin, up to the first that fails.

use std::fs;
use std::io::Read;
use std::path::Path;

use super::input::Input;
use super::run::Flow;
use super::state::Shell;
use crate::error::Error;

/// How deep files that run files may nest.
const MAX_NESTED: usize = 16;

impl Shell {
    /// Runs the statements and commands of stdin, up to the first that fails.
    pub(super) async fn run_stdin(&mut self) -> Result<(), Error> {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map_err(|error| Error::usage("cannot read statements from stdin").caused_by(error))?;
        self.run_text(&text).await.map(drop)
    }

    /// Runs the statements and commands of a file, up to the first that fails.
    pub(super) async fn run_file(&mut self, file: &Path) -> Result<Flow, Error> {
        let name = file.display().to_string();
        if self.nested == MAX_NESTED {
            return Err(Error::statement(format!(
                "`{name}` would be nested {} files deep",
                self.nested + 1
            ))
            .hint("does it run itself?"));
        }
        let text = fs::read_to_string(file)
            .map_err(|error| Error::statement(format!("cannot read `{name}`")).caused_by(error))?;
        self.run_text(&text)
            .await
            .map_err(|error| error.in_file(name))
    }

    async fn run_text(&mut self, text: &str) -> Result<Flow, Error> {
        self.nested += 1;
        let outcome = self.run_lines(text).await;
        self.nested -= 1;
        outcome
    }

    async fn run_lines(&mut self, text: &str) -> Result<Flow, Error> {
        let mut input = Input::default();
        for line in text.lines() {
            for step in input.push(line) {
                if self.interrupt.is_raised() {
                    return Err(Error::interrupted());
                }
                // A file may run another file, so the future is recursive.
                if let Flow::Leave = Box::pin(self.step(step, &mut input)).await? {
                    return Ok(Flow::Leave);
                }
            }
        }
        match input.finish() {
            Some(step) => Box::pin(self.step(step, &mut input)).await,
            None => Ok(Flow::GoOn),
        }
    }
}
