//! Implements rustyline's callbacks while a line is edited, with the pure files of this room.
//!
//! A line is looked at together with those of the same statement that were entered before it. One pass of the
//! tokenizer answers a keystroke; text beyond [`MAX_TEXT`] is left plain, so that its cost stays bounded.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{MAIN_SEPARATOR, Path};
use std::sync::Arc;
use std::thread;

use rustyline::completion::{Candidate as Offered, Completer};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::Validator;
use rustyline::{Context, Helper, Result};
use tokio::runtime::Handle;
use unicode_width::UnicodeWidthChar;

use super::candidates::{Candidate, Files};
use super::catalog::{Catalog, Field, fields_of};
use super::complete;
use super::highlight;
use super::history::History;
use super::lex::lex;
use super::reflow::{self, Drawn};
use crate::invisible::is_hidden;
use crate::session::Session;
use crate::sql::split::Piece;
use crate::terminal::directories::expand_home;

/// Bytes of a statement that are coloured as it is typed.
const MAX_TEXT: usize = 20_000;

/// Bytes of a line that are coloured: a line in colours is drawn again with each key.
const MAX_LINE: usize = 2_000;

/// What is known while a line is edited.
#[derive(Debug, Default)]
pub(super) struct LineHelper {
    /// The earlier lines of the statement, with their line breaks.
    pub(super) before: String,
    pub(super) catalog: Arc<Catalog>,
    pub(super) history: History,
    pub(super) color: bool,
    /// What knows the columns of files.
    pub(super) session: Option<Arc<Session>>,
    /// True once the line is entered, so hints are no longer shown.
    pub(super) is_entered: Cell<bool>,
    /// What the editor has drawn.
    pub(super) drawn: RefCell<Drawn>,
    /// True while the history is searched, which asks for no hints.
    pub(super) is_searching: Cell<bool>,
}

impl LineHelper {
    fn text(&self, line: &str) -> String {
        format!("{}{line}", self.before)
    }

    /// Returns the columns of a file, whose name is in quotes; none if it cannot be read.
    fn columns(&self, file: &str) -> Vec<Field> {
        let (Some(session), Ok(runtime)) = (&self.session, Handle::try_current()) else {
            return Vec::new();
        };
        let piece = Piece::new(format!("SELECT * FROM {file}"));
        let describe = || runtime.block_on(session.describe(&piece));
        // This thread runs the shell, and cannot wait for another future.
        let described = thread::scope(|scope| scope.spawn(describe).join());
        match described {
            Ok(Ok(description)) => fields_of(description.columns.fields()),
            _ => Vec::new(),
        }
    }

    /// Returns what is shown behind the cursor in a terminal of `columns`.
    fn suggestion(&self, line: &str, pos: usize, columns: usize) -> Option<Suggestion> {
        // Without colours a hint would look like typed text.
        if self.is_plain(line) || pos < line.len() || line.trim().is_empty() {
            return None;
        }
        if let Some(signature) = complete::signature(line, &self.catalog) {
            return Some(Suggestion {
                text: signature.to_owned(),
                is_text: false,
            });
        }
        let text = self.text(line);
        let rest = self.history.suggestion(&text)?.get(text.len()..)?;
        let text = rest
            .lines()
            .next()
            .filter(|rest| !rest.is_empty() && !rest.contains(is_hidden))?;
        // What is taken is what is seen: the rest of a long statement is suggested in turn.
        Some(Suggestion {
            text: begun(text, columns).to_owned(),
            is_text: true,
        })
    }

    /// Puts the cursor where the editor expects it, if the terminal has wrapped the line anew.
    fn follow(&self, line: &str, pos: usize, columns: usize) {
        let moved = self.drawn.borrow_mut().moved(line, pos, columns);
        if let Some(moved) = moved
            && std::io::stdout().is_terminal()
            && reflow::reflows(|name| std::env::var(name).ok())
        {
            let mut stdout = std::io::stdout().lock();
            // If the terminal is gone, reading from it fails next.
            let _ = stdout
                .write_all(moved.as_bytes())
                .and_then(|()| stdout.flush());
        }
    }

    /// Returns true if `line` is drawn without colours.
    fn is_plain(&self, line: &str) -> bool {
        !self.color || line.len() > MAX_LINE || self.before.len() + line.len() > MAX_TEXT
    }
}

impl Helper for LineHelper {}

// Every line is accepted: an unfinished statement continues at the next prompt, which says what is missing.
impl Validator for LineHelper {}

impl Offered for Candidate {
    fn display(&self) -> &str {
        &self.display
    }

    fn replacement(&self) -> &str {
        &self.text
    }
}

impl Completer for LineHelper {
    type Candidate = Candidate;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> Result<(usize, Vec<Candidate>)> {
        let before = self.before.len();
        let text = self.text(line);
        let columns = |file: &str| self.columns(file);
        let files = Files {
            list: &list_files,
            columns: &columns,
        };
        let completion = complete::complete(&text, before, before + pos, &self.catalog, files);
        Ok((completion.start - before, completion.candidates))
    }
}

/// What is shown after the cursor.
#[derive(Debug)]
pub(super) struct Suggestion {
    text: String,
    /// True if the right arrow takes it.
    is_text: bool,
}

impl Hint for Suggestion {
    fn display(&self) -> &str {
        &self.text
    }

    fn completion(&self) -> Option<&str> {
        self.is_text.then_some(self.text.as_str())
    }
}

impl Hinter for LineHelper {
    type Hint = Suggestion;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Suggestion> {
        let columns = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
        self.follow(line, pos, columns);
        let suggestion = self.suggestion(line, pos, columns);
        let shown = suggestion.as_ref().map_or("", |shown| shown.text.as_str());
        self.drawn.borrow_mut().draw(line, shown, columns);
        suggestion
    }
}

/// Returns what of `text` fits into `columns`, at least one character.
fn begun(text: &str, columns: usize) -> &str {
    let mut width = 0;
    let mut characters = text.char_indices();
    let end = characters.find(|(at, c)| {
        width += c.width().unwrap_or_default();
        *at > 0 && width > columns
    });
    end.map_or(text, |(end, _)| &text[..end])
}

impl Highlighter for LineHelper {
    fn highlight<'l>(&self, line: &'l str, pos: usize) -> Cow<'l, str> {
        if self.is_searching.get() {
            self.drawn.borrow_mut().draw_found(line);
        }
        let before = self.before.len();
        if self.is_plain(line) || line.starts_with(['\\', '.']) {
            return Cow::Borrowed(line);
        }
        let text = self.text(line);
        let cursor = (!self.is_entered.get()).then_some(before + pos);
        Cow::Owned(highlight::highlight(&text, &lex(&text), before, cursor))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(
        &'s self,
        prompt: &'p str,
        is_ours: bool,
    ) -> Cow<'b, str> {
        prompt.clone_into(&mut self.drawn.borrow_mut().prompt);
        self.is_searching.set(!is_ours);
        match self.color {
            true => Cow::Owned(format!("\x1b[1m{prompt}\x1b[0m")),
            false => Cow::Borrowed(prompt),
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        match self.color {
            true => Cow::Owned(format!("\x1b[2m{hint}\x1b[0m")),
            false => Cow::Borrowed(hint),
        }
    }

    fn highlight_char(&self, line: &str, _: usize, kind: CmdKind) -> bool {
        self.is_entered.set(kind == CmdKind::ForcedRefresh);
        if kind != CmdKind::Other {
            self.drawn.borrow_mut().without_hint();
        }
        // Colours depend on what stands further left, and brackets on the cursor.
        !self.is_plain(line)
    }
}

/// Lists the paths that begin with `prefix`, folders with a separator; `~/` is the home directory.
fn list_files(prefix: &str) -> Vec<String> {
    let (folder, name) = match prefix.rfind(['/', MAIN_SEPARATOR]) {
        Some(at) => prefix.split_at(at + 1),
        None => ("", prefix),
    };
    let place = match folder {
        "" => Path::new(".").to_owned(),
        folder => expand_home(folder),
    };
    let Ok(entries) = fs::read_dir(place) else {
        return Vec::new();
    };
    let mut found: Vec<String> = entries
        .flatten()
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            // Hidden files are offered to those who ask for them.
            let is_offered = file.starts_with(name) && (!file.starts_with('.') || !name.is_empty());
            let is_folder = fs::metadata(entry.path()).is_ok_and(|meta| meta.is_dir());
            let end = if is_folder { "/" } else { "" };
            is_offered.then(|| format!("{folder}{file}{end}"))
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::super::catalog::sample;
    use super::*;
    use rustyline::history::MemHistory;

    #[test]
    fn a_suggestion_fits_a_row() {
        assert_eq!(begun("owner", 80), "owner");
        assert_eq!(begun("owner", 3), "own");
        assert_eq!(begun(&"a".repeat(20_000), 80).len(), 80);
        assert_eq!(begun("漢字", 1), "漢");
        assert_eq!(begun("漢字漢", 5), "漢字");
        assert_eq!(begun("", 80), "");
    }

    fn helper(before: &str) -> LineHelper {
        let mut history = History::default();
        history.add("SELECT id\nFROM api_keys;");
        LineHelper {
            before: before.to_owned(),
            catalog: Arc::new(sample()),
            history,
            color: true,
            ..LineHelper::default()
        }
    }

    fn hint(before: &str, line: &str) -> Option<(String, bool)> {
        let history = MemHistory::new();
        let hint = helper(before).hint(line, line.len(), &Context::new(&history))?;
        Some((hint.text.clone(), hint.completion().is_some()))
    }

    #[test]
    fn earlier_statements_are_suggested_line_by_line() {
        assert_eq!(hint("", "SEL"), Some(("ECT id".to_owned(), true)));
        assert_eq!(
            hint("SELECT id\n", "FR"),
            Some(("OM api_keys;".to_owned(), true))
        );
        assert_eq!(hint("", "SELECT id"), None);
        assert_eq!(hint("", "  "), None);
    }

    #[test]
    fn the_arguments_of_a_function_are_shown_but_not_typed() {
        assert_eq!(hint("", "SELECT count("), Some(("x)".to_owned(), false)));
    }

    #[test]
    fn completion_knows_the_lines_before() {
        let helper = helper("SELECT 1 FROM vw_api_keys\n");
        let history = MemHistory::new();
        let line = "WHERE ow";
        let (start, found) = helper
            .complete(line, line.len(), &Context::new(&history))
            .unwrap();
        assert_eq!((start, found[0].text.as_str()), (6, "owner_id"));
    }

    #[test]
    fn very_long_text_is_left_plain() {
        let helper = helper("");
        let line = "SELECT ".repeat(MAX_TEXT);
        assert!(matches!(helper.highlight(&line, 0), Cow::Borrowed(_)));
        assert!(!helper.highlight_char(&"x".repeat(MAX_LINE + 1), 0, CmdKind::Other));
        assert!(matches!(helper.highlight("SELECT", 0), Cow::Owned(_)));
    }

    #[test]
    fn folders_end_in_a_separator_and_hidden_files_are_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["a.sql", "b.sql", ".hidden"] {
            fs::write(dir.path().join(file), "").unwrap();
        }
        fs::create_dir(dir.path().join("also")).unwrap();
        let base = format!("{}/", dir.path().display());
        let listed = |prefix: &str| -> Vec<String> {
            let found = list_files(&format!("{base}{prefix}"));
            found
                .iter()
                .map(|path| path[base.len()..].to_owned())
                .collect()
        };
        assert_eq!(listed("a"), ["a.sql", "also/"]);
        assert_eq!(listed(""), ["a.sql", "also/", "b.sql"]);
        assert_eq!(listed("."), [".hidden"]);
        assert!(list_files("/no/such/folder/").is_empty());
    }
}
