//! The read loop: reads a line, runs it, and reads the next one.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use rustyline::config::{BellStyle, Configurer};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Behavior, ColorMode, CompletionType, Config, Editor};
use unicode_width::UnicodeWidthStr;

use super::conditions::Conditions;
use super::edit;
use super::helper::LineHelper;
use super::history::{History, MAX_ENTRIES};
use super::input::{Input, Step};
use super::key_bindings::{KeyBindings, at_line_before};
use super::pager::Size;
use super::reflow::TAB;
use super::run::Flow;
use super::state::Shell;
use crate::error::Error;
use crate::terminal::notes;

/// The line editor.
pub(super) type LineEditor = Editor<LineHelper, MemHistory>;

/// Returns the line editor, with the history in the directory `state_dir`.
///
/// Fails if the terminal cannot be used.
pub(super) fn editor(color: bool, state_dir: Option<&Path>) -> Result<LineEditor, Error> {
    let failed =
        |error: ReadlineError| Error::statement("the terminal cannot be used").caused_by(error);
    let config = Config::builder()
        .max_history_size(MAX_ENTRIES)
        .map_err(failed)?
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .tab_stop(TAB)
        // Already decided; rustyline would look at the environment again.
        .color_mode(if color {
            ColorMode::Forced
        } else {
            ColorMode::Disabled
        })
        .behavior(behavior())
        .build();
    let memory = MemHistory::with_config(&config);
    let mut editor = Editor::with_history(config, memory).map_err(failed)?;
    editor.set_bell_style(BellStyle::None);
    editor.set_helper(Some(LineHelper {
        history: History::open(state_dir),
        color,
        ..LineHelper::default()
    }));
    recall(&mut editor);
    Ok(editor)
}

/// Prompts are not rows: if stdout is redirected, they still go to the terminal.
pub(super) fn behavior() -> Behavior {
    match std::io::stdout().is_terminal() {
        true => Behavior::Stdio,
        false => Behavior::PreferTerm,
    }
}

/// Gives the entries of the history to the editor's arrows and Ctrl-R.
fn recall(editor: &mut LineEditor) {
    let entries = editor
        .helper()
        .map(|helper| helper.history.entries().to_vec());
    // Neither can fail in memory.
    let _ = editor.clear_history();
    for entry in entries.unwrap_or_default() {
        let _ = editor.add_history_entry(entry);
    }
}

impl Shell {
    /// Reads and runs lines until one asks to quit.
    pub(super) async fn read_loop(&mut self, editor: &mut LineEditor) -> Result<(), Error> {
        let keys = KeyBindings::default();
        keys.bind(editor);
        let mut input = Input::default();
        let mut typed = String::new();
        // The text on either side of the cursor to begin with.
        let mut initial = (String::new(), String::new());
        loop {
            if let Some(helper) = editor.helper_mut() {
                helper.before = input.text().to_owned();
                helper.catalog = Arc::clone(&self.catalog);
                helper.session = Some(Arc::clone(&self.opened.session));
            }
            keys.begin_line(!input.text().is_empty());
            if self.shutdown.is_leaving() {
                return Err(Error::interrupted());
            }
            self.interrupt.clear();
            let ready = self.ready_prompt();
            let prompt = input.pending().prompt(&ready);
            if let Some(helper) = editor.helper_mut() {
                helper.drawn.get_mut().begin(&prompt);
            }
            let (left, right) = std::mem::take(&mut initial);
            let line = self
                .shutdown
                .while_reading(|| editor.readline_with_initial(prompt.as_str(), (&left, &right)));
            if self.shutdown.is_leaving() {
                return Err(Error::interrupted());
            }
            // If the terminal edits lines itself, Ctrl-C clears only the current line.
            if self.interrupt.is_raised() {
                input.replace("");
                typed.clear();
            }
            match line {
                Ok(line) => {
                    if let Some(column) = keys.up() {
                        erase(input.text(), &line, prompt.width());
                        let text = format!("{}{line}", input.text());
                        let (left, right) = at_line_before(&text, &line, column);
                        initial = (left.to_owned(), right.to_owned());
                        input.replace("");
                        typed.clear();
                        continue;
                    }
                    typed.push_str(&line);
                    typed.push('\n');
                    self.interrupt.clear();
                    let flow = self.run_line(&mut input, &line).await;
                    if input.text().is_empty() {
                        remember(editor, typed.trim_end());
                        typed.clear();
                    }
                    match flow {
                        Flow::Leave => return Ok(()),
                        Flow::Edit(text) => {
                            let Some(edited) = self.edit(&text) else {
                                continue;
                            };
                            remember(editor, edited.trim_end());
                            self.interrupt.clear();
                            if let Flow::Leave = self.run_line(&mut input, edited.trim_end()).await
                            {
                                return Ok(());
                            }
                        }
                        Flow::GoOn => {}
                    }
                }
                Err(ReadlineError::Interrupted) => {
                    typed.push_str(&keys.draft());
                    remember(editor, typed.trim_end());
                    input.replace("");
                    typed.clear();
                    self.conditions = Conditions::default();
                }
                Err(ReadlineError::Signal(_)) => {}
                // Ctrl-D, or a terminal that is gone.
                Err(_) => return Ok(()),
            }
        }
    }

    /// Runs `line`. Errors are shown and do not end the shell.
    async fn run_line(&mut self, input: &mut Input, line: &str) -> Flow {
        let mut steps = input.push(line).into_iter();
        while let Some(step) = steps.next() {
            match self.step(step, input).await {
                Ok(Flow::GoOn) => {}
                Ok(other) => return other,
                Err(error) => notes::error(&error),
            }
            if self.interrupt.is_raised() || self.shutdown.is_leaving() {
                match steps.filter(Step::is_work).count() {
                    0 => {}
                    1 => notes::line("the statement after it was not run"),
                    n => notes::line(&format!("the {n} statements after it were not run")),
                }
                break;
            }
        }
        Flow::GoOn
    }

    /// Lets the person edit `text`; None if it is unchanged.
    fn edit(&self, text: &str) -> Option<String> {
        match edit::edit(text) {
            Ok(edited) if edited.trim() == text.trim() => {
                notes::line("unchanged: nothing to run");
                None
            }
            Ok(edited) => {
                notes::visible(&edited);
                Some(edited)
            }
            Err(error) => {
                notes::error(&error);
                None
            }
        }
    }
}

/// Erases the lines of a statement from the terminal, the one that was edited last, which are drawn again as one text.
fn erase(before: &str, line: &str, prompt: usize) {
    let Some(size) = Size::of_terminal().filter(|_| std::io::stdout().is_terminal()) else {
        return;
    };
    let rows: usize = before
        .lines()
        .chain([line])
        .map(|line| (prompt + line.width()) / size.columns.max(1) + 1)
        .sum();
    let mut stdout = std::io::stdout().lock();
    // If the terminal is gone, reading from it fails next.
    let _ = write!(stdout, "\x1b[{rows}A\r\x1b[J").and_then(|()| stdout.flush());
}

/// Keeps `entry` for the arrows, Ctrl-R and the next session.
fn remember(editor: &mut LineEditor, entry: &str) {
    let added = editor
        .helper_mut()
        .is_some_and(|helper| helper.history.add(entry));
    if added {
        recall(editor);
    }
}
