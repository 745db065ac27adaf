//! The interactive shell: reads lines, runs statements and commands, shows rows.
//!
//! Most files are pure and know no terminal:
//! - a line while it is edited: `lex`, `prompt`, `highlight`, `context`, `sources`, `complete`, `candidates`, `catalog`,
//!   `words`, `reflow`;
//! - a line once it is entered: `input`, `scan`, `command`, `command_table`, `other_shells`, `variables`, `settings`;
//! - answers: `describe`, `help`.
//!
//! The others act: `state` (the shell between two lines), `helper`, `history` and `dialogue` (the line editor, its
//! memory, and the loop), `run`, `dispatch` and `script` (statements, commands and files of them), `screen` and `pager`
//! (output), `confirm`, `edit` and `shutdown`.
//!
//! It depends on the session, on rendering and on [`crate::terminal`]. It never sends a request itself, and an error
//! never ends it.

mod buffered_rows;
mod candidates;
mod catalog;
mod command;
mod command_table;
mod complete;
mod conditions;
mod confirm;
mod context;
mod crosstab;
mod describe;
mod dialogue;
mod dispatch;
mod edit;
mod help;
mod helper;
mod highlight;
mod history;
mod input;
mod key_bindings;
mod lex;
mod other_shells;
mod pager;
mod prompt;
mod reflow;
mod row_target;
mod run;
mod scan;
mod screen;
mod script;
mod seen_values;
mod settings;
mod shutdown;
mod sources;
mod state;
mod variables;
mod view_columns;
mod words;

use std::io::IsTerminal;
use std::sync::Arc;

use crate::error::Error;
use crate::session::Interrupt;
use crate::terminal::{directories, notes, signals};

use confirm::ConfirmAtTerminal;
use state::Shell;

pub use command_table::commands;
pub(crate) use script::first_command;
pub(crate) use state::Setup;
pub(crate) use words::STARTS;

/// A file in the configuration directory whose statements run at the start.
const RC: &str = "iamqlrc";

/// Runs the shell until the person quits. If stdin is not a terminal, its statements run without prompts, up to the
/// first that fails.
///
/// Fails if the terminal cannot be used, and, if stdin is not a terminal, with the first failure.
pub(crate) async fn run(mut setup: Setup) -> Result<(), Error> {
    let is_terminal = std::io::stdin().is_terminal();
    let asking = ConfirmAtTerminal::default();
    if is_terminal {
        setup.opener = setup.opener.asking(Arc::new(asking.clone()));
    }
    let opened = setup.opener.open().await?;
    let interrupt = Interrupt::with_reader_limit(setup.reader_limit);
    let _signals = signals::watch(&interrupt)?;
    let color = setup.render.color;
    let mut shell = Shell::new(setup, opened, interrupt, asking.shutdown()).await?;
    if !is_terminal {
        return shell.run_stdin().await;
    }
    let _watch = shutdown::watch(&shell.shutdown)?;
    if shell.settings.footer {
        shell.greet();
    }
    let rc = directories::config().map(|dir| dir.join(RC));
    if let Some(rc) = rc.filter(|rc| rc.exists())
        && let Err(mut error) = shell.run_file(&rc).await
    {
        error
            .notes
            .push("what follows it there was not run".to_owned());
        notes::error(&error);
    }
    let mut editor = dialogue::editor(color, directories::state().as_deref())?;
    shell.read_loop(&mut editor).await
}
