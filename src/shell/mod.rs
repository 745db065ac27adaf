//! The interactive shell: reads lines, runs statements and commands, shows rows.
//!
//! Most files are pure and know no terminal:
//! - a line while it is edited: `lex`, `prompt`, `highlight`, `context`, `sources`, `complete`, `candidates`, `catalog`,
//!   `words`;
//! - a line once it is entered: `input`, `scan`, `command`, `listing`, `other_shells`, `variables`, `settings`;
//! - answers: `describe`, `help`.
//!
//! The others act: `helper`, `history` and `dialogue` (the line editor, its memory, and the loop), `run` and `dispatch`
//! (statements and commands), `screen` and `pager` (output), `confirm`, `edit` and `leave`.
//!
//! It depends on the session, on rendering and on [`crate::terminal`]. It never sends a request itself, and an error
//! never ends it.

mod candidates;
mod catalog;
mod command;
mod complete;
mod confirm;
mod context;
mod describe;
mod dialogue;
mod dispatch;
mod edit;
mod help;
mod helper;
mod highlight;
mod history;
mod input;
mod leave;
mod lex;
mod listing;
mod other_shells;
mod pager;
mod prompt;
mod run;
mod scan;
mod screen;
mod settings;
mod sources;
mod variables;
mod view;
mod words;

use std::fs;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::render::{OutputFormat, RenderOptions};
use crate::session::Interrupt;
use crate::sql::split::Piece;
use crate::terminal::open::{OpenSession, Opener};
use crate::terminal::output::Output;
use crate::terminal::{directories, notes, signals};
use etcetera::home_dir;

use catalog::Catalog;
use confirm::ConfirmAtTerminal;
use input::Input;
use leave::Shutdown;
use run::Flow;
use settings::{Expanded, Settings};
use variables::Variables;

/// A file in the configuration directory whose statements run at the start.
const RC: &str = "iamqlrc";

/// How deep files that run files may nest.
const MAX_NESTED: usize = 16;

/// How to start the shell.
pub(crate) struct Setup {
    /// Opens its sessions.
    pub(crate) opener: Opener,
    /// How rows are shown.
    pub(crate) format: OutputFormat,
    /// Further options for rows.
    pub(crate) render: RenderOptions,
    /// Where rows go, if not to stdout.
    pub(crate) output_file: Option<PathBuf>,
    /// No banner and no footer.
    pub(crate) quiet: bool,
}

/// The state of the shell between two lines.
struct Shell {
    opened: OpenSession,
    opener: Opener,
    settings: Settings,
    variables: Variables,
    /// Where rows go, if not to the terminal.
    output: Option<Output>,
    pager: Option<String>,
    /// What Ctrl-C raises while a statement runs.
    interrupt: Interrupt,
    catalog: Arc<Catalog>,
    /// The statement that ran last.
    last: Option<Piece>,
    /// How deep the running files nest. Within a file, places in errors are its lines.
    nested: usize,
    shutdown: Shutdown,
}

/// Runs the shell until the person quits. If stdin is not a terminal, its statements run without prompts, up to the
/// first that fails.
///
/// # Errors
///
/// Fails if the terminal cannot be used, and, if stdin is not a terminal, with the first failure.
pub(crate) async fn run(mut setup: Setup) -> Result<(), Error> {
    let is_terminal = std::io::stdin().is_terminal();
    let asking = ConfirmAtTerminal::default();
    if is_terminal {
        setup.opener = setup.opener.asking(Arc::new(asking.clone()));
    }
    let opened = setup.opener.open().await?;
    let interrupt = Interrupt::default();
    let _signals = signals::watch(&interrupt)?;
    let color = setup.render.color;
    let mut shell = Shell::new(setup, opened, interrupt, asking.shutdown()).await?;
    if !is_terminal {
        return shell.run_stdin().await;
    }
    let _watch = leave::watch(&shell.shutdown)?;
    if shell.settings.footer {
        shell.greet();
    }
    let rc = directories::config().map(|dir| dir.join(RC));
    if let Some(rc) = rc.filter(|rc| rc.exists())
        && let Err(error) = shell.run_file(&rc).await
    {
        notes::error(&error);
    }
    let mut editor = dialogue::editor(color, directories::state().as_deref())?;
    shell.read_loop(&mut editor).await
}

/// Returns `path` with `~/` as the home directory.
fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), home_dir()) {
        (Some(rest), Ok(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

impl Shell {
    async fn new(
        setup: Setup,
        opened: OpenSession,
        interrupt: Interrupt,
        shutdown: Shutdown,
    ) -> Result<Self, Error> {
        let stdin = std::io::stdin().is_terminal();
        let stdout = std::io::stdout().is_terminal();
        let output = match (&setup.output_file, stdout) {
            (None, true) => None,
            (file, _) => Some(Output::open(
                setup.format,
                setup.render.clone(),
                file.as_deref(),
                &interrupt,
            )?),
        };
        let variable = |name: &str| std::env::var(name).ok();
        let mut shell = Self {
            settings: Settings {
                format: setup.format,
                expanded: Expanded::Off,
                timing: true,
                footer: stdin && !setup.quiet,
                pager: true,
                width: None,
                render: setup.render,
            },
            variables: Variables::new(),
            output,
            pager: pager::command(variable("PAGER").as_deref(), variable("TERM").as_deref())
                .filter(|_| stdout && stdin),
            interrupt,
            catalog: Arc::new(Catalog {
                profiles: setup.opener.profiles(),
                ..Catalog::default()
            }),
            last: None,
            nested: 0,
            shutdown,
            opened,
            opener: setup.opener,
        };
        shell.refresh_catalog().await;
        Ok(shell)
    }

    /// Updates the catalog of what can be named.
    async fn refresh_catalog(&mut self) {
        let session = &self.opened.session;
        self.catalog = Arc::new(Catalog {
            profiles: self.catalog.profiles.clone(),
            variables: self.variables.keys().cloned().collect(),
            ..Catalog::new(session.relations().await, session.functions())
        });
    }

    fn greet(&self) {
        notes::line(&format!(
            "iamql {} {}\nStatements end with a semicolon. \\? lists commands, \\q quits.",
            env!("CARGO_PKG_VERSION"),
            self.connection_info()
        ));
    }

    /// Describes where the session is connected, and as whom.
    fn connection_info(&self) -> String {
        match self.opened.session.connection().client() {
            Ok(client) => {
                let who = match client.key_id() {
                    Some(key) => format!("API key {key}"),
                    None => "a bearer token".to_owned(),
                };
                let what = match self.opened.sandbox.is_some() {
                    true => "the sandbox at ",
                    false => "",
                };
                format!("on {what}{}, {who}", client.endpoint())
            }
            Err(missing) => format!("not connected: {}; {}", missing.reason, missing.hint),
        }
    }

    async fn run_stdin(&mut self) -> Result<(), Error> {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map_err(|error| Error::usage("cannot read statements from stdin").caused_by(error))?;
        self.run_text(&text).await.map(drop)
    }

    /// Runs the statements and commands of a file, up to the first that fails.
    async fn run_file(&mut self, file: &Path) -> Result<Flow, Error> {
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
