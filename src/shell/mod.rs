//! The interactive shell: lines from a person, statements to the session, rows to the screen.
//!
//! The parts that decide are pure and know no terminal: `lex`, `prompt`, `highlight`, `context`, `complete`, `catalog`,
//! `words` (a line while it is edited), `input`, `command`, `variables`, `settings` (a line once it is entered),
//! `describe`, `help` (answers). The parts that act are `helper` and `history` (rustyline and its memory), `screen`,
//! `pager` and `progress` (output), `confirm`, `edit`, `signals`, and the loop here with `run` and `act`.
//!
//! It depends on the session and on rendering, and shares stdout and stderr with [`crate::cli`]. It never sends a
//! request itself, and an error never ends it.

mod act;
mod catalog;
mod command;
mod complete;
mod confirm;
mod context;
mod describe;
mod edit;
mod help;
mod helper;
mod highlight;
mod history;
mod input;
mod lex;
mod pager;
mod progress;
mod prompt;
mod run;
mod screen;
mod settings;
mod signals;
mod variables;
mod words;

use std::fs;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::home_dir;
use futures::future::BoxFuture;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Behavior, ColorMode, CompletionType, Config, Editor};

use crate::cli::notes;
use crate::cli::output::Output;
use crate::error::Error;
use crate::render::{OutputFormat, RenderOptions};
use crate::sandbox::Sandbox;
use crate::session::{Interrupt, Session};
use crate::sql::split::Piece;

use catalog::Catalog;
use helper::LineHelper;
use history::{History, MAX_ENTRIES};
use input::Input;
use run::Flow;
use settings::{Expanded, Settings};
use signals::Life;
use variables::Variables;

pub(crate) use confirm::AtTerminal;
pub(crate) use progress::{Progress, enable as enable_progress};

/// File in the configuration directory whose statements run at the start.
const RC: &str = "iamqlrc";

/// Columns of a tab in the line editor.
const TAB: u8 = 4;

/// A session, and where it is connected.
pub(crate) struct Opened {
    /// The session.
    pub(crate) session: Session,
    /// What it asks, if that is the sandbox of this process: it serves for as long as the session lives.
    pub(crate) sandbox: Option<Sandbox>,
}

/// Opens a session with another profile of config.toml; None is how the program was started.
pub(crate) type Reopen =
    Box<dyn Fn(Option<String>) -> BoxFuture<'static, Result<Opened, Error>> + Send + Sync>;

/// What the command line says about the shell.
pub(crate) struct Setup {
    /// The session to begin with.
    pub(crate) opened: Opened,
    /// Opens the next one.
    pub(crate) reopen: Reopen,
    /// The profiles there are.
    pub(crate) profiles: Vec<String>,
    /// How rows are shown.
    pub(crate) format: OutputFormat,
    /// How rows are shown, further.
    pub(crate) render: RenderOptions,
    /// Where rows go, if not to stdout.
    pub(crate) output_file: Option<PathBuf>,
    /// No banner and no footer.
    pub(crate) quiet: bool,
    /// What Ctrl-C raises while a statement runs.
    pub(crate) interrupt: Interrupt,
    /// The directory of `iamqlrc`.
    pub(crate) config_dir: Option<PathBuf>,
    /// The directory of the history.
    pub(crate) state_dir: Option<PathBuf>,
}

/// The shell between two lines.
struct Shell {
    opened: Opened,
    reopen: Reopen,
    settings: Settings,
    variables: Variables,
    /// Where rows go, if not to the terminal.
    output: Option<Output>,
    pager: Option<String>,
    interrupt: Interrupt,
    catalog: Arc<Catalog>,
    /// The statement that ran last.
    last: Option<Piece>,
    /// Statements come from a file: places in errors are its lines.
    in_script: bool,
    life: Life,
}

/// Runs the shell until the person leaves. If stdin is not a terminal its statements run without prompts, up to the
/// first that fails.
///
/// # Errors
///
/// Fails if the terminal cannot be used, and where stdin is not a terminal with the first failure.
pub(crate) async fn run(setup: Setup) -> Result<(), Error> {
    let is_terminal = std::io::stdin().is_terminal();
    let color = setup.render.color;
    let quiet = setup.quiet || !is_terminal;
    let state_dir = setup.state_dir.clone();
    let rc = setup.config_dir.as_ref().map(|dir| dir.join(RC));
    let mut shell = Shell::new(setup, quiet).await?;
    if !is_terminal {
        return shell.run_stdin().await;
    }
    let _watch = signals::watch(&shell.life)?;
    if !quiet {
        shell.greet();
    }
    if let Some(rc) = rc.filter(|rc| rc.exists())
        && let Err(error) = shell.run_file(&rc).await
    {
        notes::error(&error);
    }
    let mut editor = editor(color, state_dir.as_deref())?;
    shell.talk(&mut editor).await
}

type LineEditor = Editor<LineHelper, MemHistory>;

fn editor(color: bool, state_dir: Option<&Path>) -> Result<LineEditor, Error> {
    let failed =
        |error: ReadlineError| Error::statement("the terminal cannot be used").caused_by(&error);
    let config = Config::builder()
        .max_history_size(MAX_ENTRIES)
        .map_err(failed)?
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .tab_stop(TAB)
        // Whether to use colours is settled already; rustyline would look at the environment again.
        .color_mode(if color {
            ColorMode::Forced
        } else {
            ColorMode::Disabled
        })
        .behavior(behavior())
        .build();
    let memory = MemHistory::with_config(&config);
    let mut editor = Editor::with_history(config, memory).map_err(failed)?;
    editor.set_bell_style(rustyline::config::BellStyle::None);
    editor.set_helper(Some(LineHelper {
        history: History::open(state_dir),
        color,
        ..LineHelper::default()
    }));
    recall(&mut editor);
    Ok(editor)
}

/// Prompts are no rows: they go past a stdout that leads elsewhere.
fn behavior() -> Behavior {
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

/// Returns `path` with `~/` as the home directory.
fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), home_dir()) {
        (Some(rest), Ok(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

impl Shell {
    async fn new(setup: Setup, quiet: bool) -> Result<Self, Error> {
        let stdout = std::io::stdout().is_terminal();
        let output = match (&setup.output_file, stdout) {
            (None, true) => None,
            (file, _) => Some(Output::open(
                setup.format,
                setup.render.clone(),
                file.as_deref(),
            )?),
        };
        let variable = |name: &str| std::env::var(name).ok();
        let mut shell = Self {
            settings: Settings {
                format: setup.format,
                expanded: Expanded::Off,
                timing: true,
                footer: !quiet,
                pager: true,
                width: None,
                render: setup.render,
            },
            variables: Variables::new(),
            output,
            pager: pager::command(variable("PAGER").as_deref(), variable("TERM").as_deref())
                .filter(|_| stdout),
            interrupt: setup.interrupt,
            catalog: Arc::new(Catalog {
                profiles: setup.profiles,
                ..Catalog::default()
            }),
            last: None,
            in_script: false,
            life: Life::default(),
            opened: setup.opened,
            reopen: setup.reopen,
        };
        shell.learn().await;
        Ok(shell)
    }

    /// Looks at what can be named now.
    async fn learn(&mut self) {
        let session = &self.opened.session;
        self.catalog = Arc::new(Catalog {
            profiles: self.catalog.profiles.clone(),
            variables: self.variables.keys().cloned().collect(),
            ..Catalog::new(session.relations().await, session.functions())
        });
    }

    fn greet(&self) {
        notes::tell(&format!(
            "iamql {} {}\nStatements end with a semicolon. \\? lists commands, \\q leaves.",
            env!("CARGO_PKG_VERSION"),
            self.place()
        ));
    }

    /// Says where the session is connected, and as whom.
    fn place(&self) -> String {
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

    /// Reads lines and does what they ask for, until one asks to leave.
    async fn talk(&mut self, editor: &mut LineEditor) -> Result<(), Error> {
        let mut input = Input::default();
        let mut typed = String::new();
        loop {
            if let Some(helper) = editor.helper_mut() {
                helper.before = input.text().to_owned();
                helper.catalog = Arc::clone(&self.catalog);
            }
            if self.life.is_leaving() {
                return Err(Error::interrupted());
            }
            let line = self
                .life
                .while_reading(|| editor.readline(input.pending().prompt()));
            if self.life.is_leaving() {
                return Err(Error::interrupted());
            }
            match line {
                Ok(line) => {
                    typed.push_str(&line);
                    typed.push('\n');
                    self.interrupt.clear();
                    let flow = self.take(&mut input, &line).await;
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
                            if let Flow::Leave = self.take(&mut input, edited.trim_end()).await {
                                return Ok(());
                            }
                        }
                        Flow::GoOn => {}
                    }
                }
                Err(ReadlineError::Interrupted) => {
                    input.replace("");
                    typed.clear();
                }
                Err(ReadlineError::Signal(_)) => {}
                // Ctrl-D, or a terminal that is gone.
                Err(_) => return Ok(()),
            }
        }
    }

    /// Does what `line` asks for; errors are told, and end nothing.
    async fn take(&mut self, input: &mut Input, line: &str) -> Flow {
        let mut flow = Flow::GoOn;
        for step in input.push(line) {
            if self.interrupt.is_raised() || self.life.is_leaving() {
                break;
            }
            match self.step(step, input).await {
                Ok(Flow::GoOn) => {}
                Ok(other) => {
                    flow = other;
                    break;
                }
                Err(error) => notes::error(&error),
            }
        }
        flow
    }

    /// Lets the person edit `text`; None if it was left as it is.
    fn edit(&self, text: &str) -> Option<String> {
        match edit::edit(text) {
            Ok(edited) if edited.trim() == text.trim() => {
                notes::tell("unchanged, so nothing is run");
                None
            }
            Ok(edited) => {
                notes::tell(&edited);
                Some(edited)
            }
            Err(error) => {
                notes::error(&error);
                None
            }
        }
    }

    async fn run_stdin(&mut self) -> Result<(), Error> {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map_err(|error| Error::usage("cannot read statements from stdin").caused_by(&error))?;
        self.run_text(&text).await.map(drop)
    }

    /// Runs the statements and commands of a file, up to the first that fails.
    async fn run_file(&mut self, file: &Path) -> Result<Flow, Error> {
        let text = fs::read_to_string(file).map_err(|error| {
            Error::statement(format!("cannot read `{}`", file.display())).caused_by(&error)
        })?;
        self.run_text(&text).await
    }

    async fn run_text(&mut self, text: &str) -> Result<Flow, Error> {
        let was_in_script = std::mem::replace(&mut self.in_script, true);
        let outcome = self.run_lines(text).await;
        self.in_script = was_in_script;
        outcome
    }

    async fn run_lines(&mut self, text: &str) -> Result<Flow, Error> {
        let mut input = Input::default();
        for line in text.lines() {
            for step in input.push(line) {
                if self.interrupt.is_raised() {
                    return Err(Error::interrupted());
                }
                // A file that runs a file makes the future one within another.
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

fn remember(editor: &mut LineEditor, entry: &str) {
    let added = editor
        .helper_mut()
        .is_some_and(|helper| helper.history.add(entry));
    if added {
        recall(editor);
    }
}
