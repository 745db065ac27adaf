//! Runs the statements and commands of a file, or of stdin, up to the first that fails.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use sqlparser::tokenizer::{Location, Span};

use super::input::{Input, Step};
use super::run::Flow;
use super::state::Shell;
use crate::error::{Error, Place};
use crate::sql::split::without_mark;

/// How deep files that run files may nest.
const MAX_NESTED: usize = 16;

/// Returns the first command in `script` with its line, counted from 1.
pub(crate) fn first_command(script: &str) -> Option<(u64, String)> {
    let mut input = Input::default();
    for (line, number) in script.lines().zip(1..) {
        let is_command = |step: &Step| matches!(step, Step::Command(..) | Step::Invalid(_));
        if input.push(line).iter().any(is_command) {
            let at = line.find('\\').unwrap_or_default();
            return Some((number, line[at..].trim().to_owned()));
        }
    }
    None
}

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
            .hint("does the file run itself?"));
        }
        let text = fs::read_to_string(file)
            .map_err(|error| Error::statement(format!("cannot read `{name}`")).caused_by(error))?;
        let outer = self.folder.replace(match file.parent() {
            Some(folder) => folder.to_owned(),
            None => PathBuf::new(),
        });
        let outcome = self.run_text(&text).await;
        self.folder = outer;
        outcome.map_err(|error| error.in_file(name))
    }

    async fn run_text(&mut self, text: &str) -> Result<Flow, Error> {
        self.nested += 1;
        let outer = std::mem::take(&mut self.conditions);
        let outcome = self.run_lines(without_mark(text)).await;
        let is_open = self.conditions.is_open();
        self.conditions = outer;
        self.nested -= 1;
        match outcome {
            Ok(Flow::GoOn) if is_open => {
                Err(Error::statement("the file ends within `\\if`").hint("end it with \\endif"))
            }
            outcome => outcome,
        }
    }

    async fn run_lines(&mut self, text: &str) -> Result<Flow, Error> {
        let mut input = Input::default();
        for (line, number) in text.lines().zip(1..) {
            for step in input.push(line) {
                if self.interrupt.is_raised() {
                    return Err(Error::interrupted());
                }
                let is_command = match &step {
                    Step::Command(command, _) => !command.takes_statement(),
                    step => matches!(step, Step::Invalid(_)),
                };
                // A file may run another file, so the future is recursive.
                let outcome = Box::pin(self.step(step, &mut input)).await;
                let outcome = outcome.map_err(|error| match is_command {
                    true => at_command(error, line, number),
                    false => error,
                });
                if let Flow::Leave = outcome? {
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

/// Points at the command of a line, unless the error says where it is.
fn at_command(error: Error, line: &str, number: u64) -> Error {
    if error.place.is_some() || error.file.is_some() {
        return error;
    }
    let line = line.trim_end();
    let before = line
        .find('\\')
        .unwrap_or(line.len() - line.trim_start().len());
    let (first, last) = (line[..before].chars().count(), line.chars().count());
    let column = |count: usize| Location::new(1, count as u64 + 1);
    let place = Place {
        text: line.to_owned(),
        line: number,
        span: Span::new(column(first), column(last)),
    };
    Error {
        place: Some(Box::new(place)),
        ..error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_command_says_where_it_is() {
        let error = at_command(Error::statement("no"), "SELECT 1 \\wacth 2 ", 7);
        let place = error.place.clone().unwrap();
        assert_eq!((place.line, place.text.as_str()), (7, "SELECT 1 \\wacth 2"));
        assert_eq!((place.span.start.column, place.span.end.column), (10, 18));
        let known = at_command(error, "\\i other.sql", 9).place.unwrap();
        assert_eq!(known.line, 7);
        let of_another = at_command(Error::statement("no").in_file("b.sql"), "\\i b.sql", 1);
        assert!(of_another.place.is_none());
    }

    #[test]
    fn a_command_in_a_script_is_found_and_one_in_a_text_is_not() {
        let found =
            |script| first_command(script).map(|(line, command)| format!("{line} {command}"));
        assert_eq!(
            found("SELECT 1;\nSELECT 2 \\gx;\n").as_deref(),
            Some("2 \\gx;")
        );
        assert_eq!(
            found("\n.mode csv\nSELECT 1").as_deref(),
            Some("2 .mode csv")
        );
        assert_eq!(found("SELECT 1;\n\\wacth").as_deref(), Some("2 \\wacth"));
        assert_eq!(found("SELECT '\\d' -- \\d\n/* \\d */;\n'.mode'"), None);
    }
}
