//! Turns lines into steps: statements that end with a semicolon, and commands. Pure.

use super::command::{self, Command};
use super::lex::lex;
use super::prompt::{Pending, pending};
use super::scan::Scan;
use crate::error::Error;
use crate::session::in_statement;
use crate::sql::split::{Piece, split};

/// Something to do.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Run this statement.
    Statement(Piece),
    /// Do this; a command that runs or edits a statement has the one that stands before it.
    Command(Command, Option<Piece>),
    /// Tell of this.
    Invalid(Error),
    /// Remind a person of this.
    Remind(&'static str),
}

impl Step {
    /// Returns true if it runs a statement or a command.
    pub(super) fn is_work(&self) -> bool {
        matches!(self, Self::Statement(_) | Self::Command(..))
    }
}

/// The typed text that has not run yet.
#[derive(Debug, Default)]
pub(super) struct Input {
    text: String,
    /// What is known of `text`.
    scan: Scan,
    /// Lines taken so far.
    taken: u64,
}

impl Input {
    /// Returns the unfinished statement, including its last line break.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns what the unfinished statement still needs.
    pub(super) fn pending(&self) -> Pending {
        self.scan.pending()
    }

    /// Replaces the unfinished statement with `text`.
    pub(super) fn replace(&mut self, text: &str) {
        self.text = text.to_owned();
        self.scan = Scan::of(text);
    }

    /// Takes what was typed up to Enter, which may be several lines that were pasted, and returns what to do.
    pub(super) fn push(&mut self, typed: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        for line in typed.split('\n') {
            self.push_line(line, &mut steps);
        }
        steps
    }

    fn push_line(&mut self, line: &str, steps: &mut Vec<Step>) {
        self.taken += 1;
        match self.pending() {
            Pending::Nothing => {
                if let Some(command) = command::bare(line) {
                    steps.push(step(command, None));
                    return;
                }
            }
            pending => steps.extend(reminder(pending, line).map(Step::Remind)),
        }
        self.text.push_str(line);
        self.text.push('\n');
        self.scan.go_on(&self.text);
        self.take_statements(steps);
        if let Some(at) = self.scan.backslash() {
            let command = command::backslash(self.text[at + 1..].trim_end());
            let before = match &command {
                Ok(command) if command.takes_statement() => {
                    let before = self.text[..at].trim().to_owned();
                    let line = self.begins();
                    self.replace("");
                    (pending(&lex(&before)) != Pending::Nothing)
                        .then(|| Piece::new(before).at_line(line))
                }
                _ => {
                    let before = match self.text[..at].trim().is_empty() {
                        true => String::new(),
                        false => format!("{}\n", &self.text[..at]),
                    };
                    self.replace(&before);
                    None
                }
            };
            steps.push(step(command, before));
        }
        if self.pending() == Pending::Nothing {
            self.replace("");
        }
    }

    /// Returns the line on which the unfinished statement begins, counted from 1.
    fn begins(&self) -> u64 {
        (self.taken + 1).saturating_sub(self.text.matches('\n').count() as u64)
    }

    /// Takes the statements that a semicolon ends.
    fn take_statements(&mut self, steps: &mut Vec<Step>) {
        let Some(end) = self.scan.semicolon() else {
            return;
        };
        // A command before a semicolon owns it: `SELECT 1 \g;`
        if self.scan.backslash().is_some_and(|command| command < end) {
            return;
        }
        let before = self.begins() - 1;
        let rest = self.text.split_off(end);
        for mut piece in split(&self.text).pieces {
            piece.line += before;
            steps.push(Step::Statement(piece));
        }
        self.replace(&rest);
    }

    /// Takes what is left as a statement, at the end of a file.
    pub(super) fn finish(&mut self) -> Option<Step> {
        let before = self.begins() - 1;
        let script = split(&self.text);
        self.replace("");
        let mut last = script.pieces.into_iter().next_back();
        if let Some(piece) = &mut last {
            piece.line += before;
        }
        match script.broken {
            Some((piece, error)) => Some(Step::Invalid(in_statement(
                error,
                &piece.text,
                piece.line + before,
            ))),
            None => last.map(Step::Statement),
        }
    }
}

/// Says how to quit or get help if `line` asks for it but is part of an unfinished statement.
fn reminder(pending: Pending, line: &str) -> Option<&'static str> {
    Some(match (pending, command::bare(line)?.ok()?) {
        (Pending::End(_), Command::Quit) => "Ctrl-C discards the statement; then \\q quits",
        (Pending::End(_), Command::Help) => "Ctrl-C discards the statement; then \\? helps",
        (_, Command::Quit) => "\\q quits, Ctrl-C discards the statement",
        (_, Command::Help) => "\\? lists the commands, Ctrl-C discards the statement",
        _ => return None,
    })
}

fn step(command: Result<Command, Error>, before: Option<Piece>) -> Step {
    match command {
        Ok(command) => Step::Command(command, before),
        Err(error) => Step::Invalid(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Spells the steps that `lines` lead to, and what is left.
    fn steps(lines: &[&str]) -> (Vec<String>, String) {
        let mut input = Input::default();
        let spelt = lines
            .iter()
            .flat_map(|line| input.push(line))
            .map(|step| match step {
                Step::Statement(piece) => format!("{}: {}", piece.line, piece.text),
                Step::Command(command, before) => match before {
                    Some(piece) => format!("{command:?} of {}", piece.text),
                    None => format!("{command:?}"),
                },
                Step::Invalid(error) => error.message,
                Step::Remind(of) => of.to_owned(),
            })
            .collect();
        (spelt, input.text().to_owned())
    }

    #[test]
    fn a_statement_goes_on_until_its_semicolon() {
        let (done, left) = steps(&["SELECT 1", "+ ';", "' -- ;", "; SELECT 2; SELECT"]);
        assert_eq!(done, ["1: SELECT 1\n+ ';\n' -- ;", "4: SELECT 2"]);
        assert_eq!(left, " SELECT\n");
    }

    #[test]
    fn pasted_lines_are_taken_one_by_one() {
        let (done, left) = steps(&["SELECT 1;\n\\timing\nSELECT\n2;"]);
        assert_eq!(done, ["1: SELECT 1", "Timing(None)", "3: SELECT\n2"]);
        assert_eq!(left, "");
    }

    #[test]
    fn a_wrong_statement_goes_on_all_the_same() {
        assert_eq!(steps(&["SELEC )", "FORM"]).1, "SELEC )\nFORM\n");
    }

    #[test]
    fn commands_that_run_a_statement_take_the_one_before_them() {
        assert_eq!(
            steps(&["SELECT 1", "+ 1 \\g out.csv"]).0,
            ["Go { to: Some(File(\"out.csv\")), expanded: false } of SELECT 1\n+ 1"]
        );
        assert_eq!(
            steps(&["SELECT 1\\G"]).0,
            ["Go { to: None, expanded: true } of SELECT 1"]
        );
        assert_eq!(
            steps(&["SELECT 1; \\watch 5"]).0,
            ["1: SELECT 1", "Watch(Watch { every: 5s, count: None })"]
        );
        assert_eq!(steps(&["\\g;"]).0, ["Go { to: None, expanded: false }"]);
    }

    #[test]
    fn other_commands_leave_the_statement_as_it_is() {
        let (done, left) = steps(&["SELECT", "\\timing off", "1;"]);
        assert_eq!(done, ["Timing(Some(\"off\"))", "1: SELECT\n\n1"]);
        assert_eq!(left, "");
        assert_eq!(
            steps(&["SELECT \\wacth"]).0,
            ["there is no command `\\wacth`"]
        );
    }

    #[test]
    fn backslashes_words_and_dots_within_a_statement_are_no_commands() {
        let (done, left) = steps(&["SELECT '\\q", "exit", ".tables", "' -- \\q"]);
        assert_eq!(done, ["Ctrl-C discards the statement; then \\q quits"]);
        assert_eq!(left, "SELECT '\\q\nexit\n.tables\n' -- \\q\n");
        assert_eq!(steps(&["-- remark", "exit"]).0, ["Quit"]);
        assert_eq!(
            steps(&["SELECT (1", "help", ".quit"]).0,
            [
                "\\? lists the commands, Ctrl-C discards the statement",
                "\\q quits, Ctrl-C discards the statement"
            ]
        );
    }

    #[test]
    fn the_end_of_a_file_ends_the_last_statement() {
        let mut input = Input::default();
        input.push("SELECT 1;\n\nSELECT 2");
        let Some(Step::Statement(piece)) = input.finish() else {
            panic!("a statement is left");
        };
        assert_eq!((piece.line, piece.text.as_str()), (3, "SELECT 2"));
        input.push("SELECT 'x");
        assert!(matches!(input.finish(), Some(Step::Invalid(_))));
        assert!(input.finish().is_none());
    }

    proptest! {
        #[test]
        fn statements_are_those_of_the_script(lines in prop::collection::vec("[a-z';\"/*\\- é]{0,12}", 0..6)) {
            let script = lines.join("\n");
            prop_assume!(!lines.iter().any(|line| line.contains('\\') || command::bare(line).is_some()));
            let mut input = Input::default();
            let mut done: Vec<_> = lines.iter().flat_map(|line| input.push(line)).collect();
            done.extend(input.finish());
            let found: Vec<_> = done
                .into_iter()
                .filter_map(|step| match step {
                    Step::Statement(piece) => Some(piece.text),
                    _ => None,
                })
                .collect();
            let expected: Vec<_> = split(&script).pieces.into_iter().map(|p| p.text).collect();
            prop_assert_eq!(found.len(), expected.len());
            // Remarks in front of a statement are let go of as soon as they are entered.
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!(expected.ends_with(found), "{found:?} {expected:?}");
            }
        }
    }
}
