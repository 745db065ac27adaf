//! The state of the shell between two lines: the session, the settings, and what can be named.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use super::catalog::Catalog;
use super::leave::Shutdown;
use super::pager;
use super::settings::{Expanded, Settings};
use super::variables::Variables;
use crate::error::Error;
use crate::render::{OutputFormat, RenderOptions};
use crate::session::Interrupt;
use crate::sql::split::Piece;
use crate::terminal::notes;
use crate::terminal::open::{OpenSession, Opener};
use crate::terminal::output::Output;

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
pub(super) struct Shell {
    pub(super) opened: OpenSession,
    pub(super) opener: Opener,
    pub(super) settings: Settings,
    pub(super) variables: Variables,
    /// Where rows go, if not to the terminal.
    pub(super) output: Option<Output>,
    pub(super) pager: Option<String>,
    /// What Ctrl-C raises while a statement runs.
    pub(super) interrupt: Interrupt,
    pub(super) catalog: Arc<Catalog>,
    /// The statement that ran last.
    pub(super) last: Option<Piece>,
    /// How deep the running files nest. Within a file, places in errors are its lines.
    pub(super) nested: usize,
    pub(super) shutdown: Shutdown,
}

impl Shell {
    /// Starts with an open session.
    ///
    /// # Errors
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
    pub(super) async fn refresh_catalog(&mut self) {
        let session = &self.opened.session;
        self.catalog = Arc::new(Catalog {
            profiles: self.catalog.profiles.clone(),
            variables: self.variables.keys().cloned().collect(),
            ..Catalog::new(session.relations().await, session.functions())
        });
    }

    /// Greets the person.
    pub(super) fn greet(&self) {
        notes::visible(&format!(
            "iamql {} {}\nStatements end with a semicolon. \\? lists commands, \\q quits.",
            env!("CARGO_PKG_VERSION"),
            self.connection_info()
        ));
    }

    /// Describes where the session is connected, and as whom.
    pub(super) fn connection_info(&self) -> String {
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
