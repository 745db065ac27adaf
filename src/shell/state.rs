//! The state of the shell between two lines: the session, the settings, and what can be named.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::catalog::Catalog;
use super::command::Destination;
use super::conditions::Conditions;
use super::describe::Grid;
use super::pager;
use super::prompt::ready;
use super::row_target::RowTarget;
use super::settings::{self, Settings};
use super::shutdown::Shutdown;
use super::variables::Variables;
use crate::error::{Error, ErrorKind};
use crate::render::{OutputFormat, RenderOptions};
use crate::session::Interrupt;
use crate::sql::split::Piece;
use crate::terminal::notes;
use crate::terminal::open::{OpenSession, Opener, ShellDefaults};
use crate::terminal::output::Output;

/// How to start the shell.
pub(crate) struct Setup {
    /// Opens its sessions.
    pub(crate) opener: Opener,
    /// How rows are shown; unless it is asked for, as `config.toml` says.
    pub(crate) format: Option<OutputFormat>,
    /// Further options for rows.
    pub(crate) render: RenderOptions,
    /// Where rows go, if not to stdout.
    pub(crate) output_file: Option<PathBuf>,
    /// No banner and no footer.
    pub(crate) quiet: bool,
    /// How long a reader of rows may take none.
    pub(crate) reader_limit: Option<Duration>,
}

/// The state of the shell between two lines.
pub(super) struct Shell {
    pub(super) opened: OpenSession,
    pub(super) opener: Opener,
    pub(super) settings: Settings,
    pub(super) variables: Variables,
    /// Where rows go, if not to the terminal.
    pub(super) output: Option<RowTarget>,
    /// Where the rows of the next statement go, if `\\once` was said.
    pub(super) once: Option<Destination>,
    pub(super) pager: Option<String>,
    /// What Ctrl-C raises while a statement runs.
    pub(super) interrupt: Interrupt,
    pub(super) catalog: Arc<Catalog>,
    /// The statement that ran last.
    pub(super) last: Option<Piece>,
    /// Why there is no last result, if there is none: see [`LAST_RESULT`](super::buffered_rows::LAST_RESULT).
    pub(super) no_result: Option<&'static str>,
    /// The conditions of `\\if` that surround the next step.
    pub(super) conditions: Conditions,
    /// The folder of the file that runs.
    pub(super) folder: Option<PathBuf>,
    /// How deep the running files nest. Within a file, places in errors are its lines.
    pub(super) nested: usize,
    pub(super) shutdown: Shutdown,
}

impl Shell {
    /// Starts with an open session.
    ///
    /// Fails if the output file cannot be written.
    pub(super) async fn new(
        setup: Setup,
        opened: OpenSession,
        interrupt: Interrupt,
        shutdown: Shutdown,
    ) -> Result<Self, Error> {
        let stdin = std::io::stdin().is_terminal();
        let stdout = std::io::stdout().is_terminal();
        // What a script prints does not depend on who runs it.
        let defaults = match stdin {
            true => setup.opener.shell().clone(),
            false => ShellDefaults::default(),
        };
        let in_file = |error| Error {
            kind: ErrorKind::Usage,
            ..error
        };
        let format = match (setup.format, &defaults.format) {
            (Some(format), _) => format,
            (None, Some(name)) => settings::format(name)
                .map_err(in_file)
                .map_err(|error| error.in_file("config.toml"))?,
            (None, None) => OutputFormat::default(),
        };
        let output = match (&setup.output_file, stdout) {
            (None, true) => None,
            (file, _) => Some(RowTarget::from(Output::open(
                format,
                setup.render.clone(),
                file.as_deref(),
                &interrupt,
            )?)),
        };
        let variable = |name: &str| std::env::var(name).ok();
        let mut shell = Self {
            settings: Settings {
                format,
                timing: true,
                footer: !setup.quiet,
                pager: true,
                width: None,
                render: setup.render,
            },
            variables: Variables::new(),
            output,
            once: None,
            no_result: Some("no statement has returned rows yet"),
            conditions: Conditions::default(),
            folder: None,
            pager: match defaults.pager.as_deref() {
                Some("off") => None,
                named => {
                    let pager = named.map(str::to_owned).or_else(|| variable("PAGER"));
                    pager::command(pager.as_deref(), variable("TERM").as_deref())
                }
            }
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
    pub(super) async fn refresh_catalog(&mut self) {
        let session = &self.opened.session;
        self.catalog = Arc::new(Catalog {
            profiles: self.catalog.profiles.clone(),
            variables: self.variables.keys().cloned().collect(),
            values: self.catalog.values.clone(),
            ..Catalog::new(session.relations().await, session.functions())
        });
    }

    /// Greets the person.
    pub(super) fn greet(&self) {
        notes::say(&format!(
            "iamql {} {}\nStatements end with a semicolon. \\? lists commands, \\q quits.",
            env!("CARGO_PKG_VERSION"),
            self.connection_info()
        ));
        if self.opened.session.connection().client().is_ok() {
            notes::say("Try: SELECT * FROM vw_api_keys LIMIT 5;");
        }
    }

    /// Returns the prompt where a statement may begin.
    pub(super) fn ready_prompt(&self) -> String {
        let place = match self.conditions.is_active() {
            true => self.opened.place.clone(),
            false => "skipping".to_owned(),
        };
        ready(&place, self.opened.session.dialect())
    }

    /// Describes the connection, and what the session may do.
    pub(super) fn conninfo(&self) -> Grid {
        let options = self.opened.session.options();
        let on_off = |on: bool| if on { "on" } else { "off" }.to_owned();
        let (endpoint, who) = match self.opened.session.connection().client() {
            Ok(client) => (client.endpoint().to_string(), who(client.key_id())),
            Err(missing) => ("not connected".to_owned(), missing.reason.clone()),
        };
        let rows = [
            ("endpoint", endpoint),
            ("credentials", who),
            ("profile", self.opened.profile.clone().unwrap_or_default()),
            ("sandbox", on_off(self.opened.sandbox.is_some())),
            ("dialect", self.opened.session.dialect().name().to_owned()),
            ("read_only", on_off(options.read_only)),
            ("dry_run", on_off(options.dry_run)),
            ("max_affected", options.max_affected.to_string()),
            ("yes", on_off(options.yes)),
        ];
        let rows = rows.map(|(name, value)| [name.to_owned(), value]).to_vec();
        Grid::pairs(&["connection", "value"], rows)
    }

    /// Describes where the session is connected, and as whom.
    pub(super) fn connection_info(&self) -> String {
        match self.opened.session.connection().client() {
            Ok(client) => {
                let who = who(client.key_id());
                let what = match self.opened.sandbox.is_some() {
                    true => "the sandbox at ",
                    false => "",
                };
                let place = match self.opened.place.as_str() {
                    // That is said already.
                    "" | "sandbox" => String::new(),
                    place => format!(" ({place})"),
                };
                format!("on {what}{}, {who}{place}", client.endpoint())
            }
            Err(missing) => format!("not connected: {}; {}", missing.reason, missing.hint),
        }
    }
}

/// Says whose credentials are used: those of a key, or a token.
fn who(key: Option<&str>) -> String {
    match key {
        Some(key) => format!("API key {key}"),
        None => "a bearer token".to_owned(),
    }
}
