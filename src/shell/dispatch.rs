//! Runs the commands that do not run a statement.

use std::io::{IsTerminal, Write};

use super::command::Command;
use super::describe::{self, Grid};
use super::input::Input;
use super::run::Flow;
use super::screen::show_text;
use super::settings::NAMES;
use super::state::Shell;
use super::{help, variables};
use crate::error::Error;
use crate::render::escape_controls;
use crate::sql::split::Piece;
use crate::terminal::children::{self, Attended};
use crate::terminal::directories::expand_home;
use crate::terminal::{notes, output};

impl Shell {
    /// Runs `command`.
    pub(super) async fn act(&mut self, command: Command, input: &mut Input) -> Result<Flow, Error> {
        match command {
            Command::Help => self.show_help(&help::commands())?,
            Command::Syntax(name) => self.show_help(&help::syntax(name.as_deref())?)?,
            Command::Describe(Some(name)) => {
                let grids = match self.describe_other(&name).await? {
                    Some(grid) => vec![grid],
                    None => describe::describe_matching(&name, &self.catalog)?,
                };
                self.show(&grids).await?;
            }
            Command::Describe(None) => self.show_tables(None, None).await?,
            Command::Tables(pattern) => self.show_tables(pattern.as_deref(), None).await?,
            Command::Views(pattern) => self.show_tables(pattern.as_deref(), Some(true)).await?,
            Command::Functions(pattern) => {
                let grid = describe::functions(&self.catalog, pattern.as_deref());
                self.show(&[grid]).await?;
            }
            Command::Expanded(value) => self.set("expanded", value.as_deref())?,
            Command::Format(None) => self.say_setting("format"),
            Command::Format(value) => self.set("format", value.as_deref())?,
            Command::Timing(value) => self.set("timing", value.as_deref())?,
            Command::Dialect(None) => notes::line(self.opened.session.dialect().name()),
            Command::Dialect(Some(name)) => {
                let dialect = name
                    .parse()
                    .map_err(|error: String| Error::statement(error))?;
                self.opened.session.speak(dialect);
                self.say_dialect();
            }
            Command::Pset(None, _) => self.show_settings().await?,
            Command::Pset(Some(name), value) => self.set(&name, value.as_deref())?,
            Command::Output(None) => self.output = None,
            Command::Output(Some(to)) => self.open_output(&to)?,
            Command::Once(to) => self.once = Some(to),
            Command::Include(file) => return self.run_file(&expand_home(&file)).await,
            Command::IncludeRelative(file) => {
                let file = expand_home(&file);
                let file = match &self.folder {
                    Some(folder) => folder.join(file),
                    None => file,
                };
                return self.run_file(&file).await;
            }
            Command::System(command) => system(command.as_deref())?,
            Command::ChangeDirectory(folder) => change_directory(folder.as_deref())?,
            Command::Print => match input.text().trim() {
                "" => notes::if_terminal("the buffer is empty"),
                text => notes::visible(text),
            },
            Command::Reset => input.replace(""),
            Command::Set(None) => self.show_variables().await?,
            Command::Set(Some((name, value))) => {
                let value = variables::expand(&value, &self.variables);
                self.set_variable(name, value)?;
            }
            Command::Unset(name) => {
                self.variables.remove(&name);
                self.refresh_catalog().await;
            }
            Command::Echo(text) => {
                let text = variables::expand(&text, &self.variables);
                print(&text)?;
            }
            Command::ConnInfo => {
                let grid = self.conninfo();
                self.show(&[grid]).await?;
            }
            // The keys of a sandbox would be gone with it.
            Command::Connect(None) if self.opened.sandbox.is_some() => notes::say(&format!(
                "still {}; \\c PROFILE leaves it",
                self.connection_info()
            )),
            Command::Connect(profile) => {
                (self.opener, self.opened) = self.opener.reopen(profile).await?;
                self.no_result = Some("\\c started a new session");
                self.refresh_catalog().await;
                notes::say(&self.connection_info());
            }
            Command::Quit => return Ok(Flow::Leave),
            // These run a statement: see `run`.
            Command::Edit
            | Command::Go { .. }
            | Command::Gset(_)
            | Command::Crosstab(_)
            | Command::Watch(_)
            | Command::Copy(_)
            | Command::Branch(_) => {}
        }
        Ok(Flow::GoOn)
    }

    /// Describes a file, or a table that is not listed, such as those of information_schema.
    async fn describe_other(&self, name: &str) -> Result<Option<Grid>, Error> {
        if self.catalog.table(name).is_some() {
            return Ok(None);
        }
        let path = expand_home(name);
        let is_file = path.exists();
        let source = match is_file {
            true => {
                // A folder is known by its slash.
                let end = if path.is_dir() { "/" } else { "" };
                let path = path.display().to_string();
                let path = path.trim_end_matches('/').replace('\'', "''");
                format!("'{path}{end}'")
            }
            false => name.to_owned(),
        };
        let piece = Piece::new(format!("SELECT * FROM {source}"));
        match self.opened.session.describe(&piece).await {
            Ok(description) => Ok(Some(describe::of_schema(&description.columns))),
            Err(error) if is_file => {
                let message = format!("cannot describe `{name}`: {}", error.message);
                Err(Error { message, ..error })
            }
            Err(_) => Ok(None),
        }
    }

    async fn show_tables(
        &mut self,
        pattern: Option<&str>,
        views: Option<bool>,
    ) -> Result<(), Error> {
        let grid = describe::tables(&self.catalog, pattern, views);
        self.show(&[grid]).await
    }

    fn show_help(&self, text: &str) -> Result<(), Error> {
        show_text(text, self.pager.clone().filter(|_| self.settings.pager))
    }

    fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), Error> {
        self.settings.set(name, value)?;
        self.say_setting(name);
        Ok(())
    }

    fn say_setting(&self, name: &str) {
        if self.settings.footer && self.nested == 0 {
            notes::if_terminal(&escape_controls(&format!(
                "{name} is {}",
                self.settings.get(name)
            )));
        }
    }

    fn say_dialect(&self) {
        let name = self.opened.session.dialect().name();
        notes::if_terminal(&format!("dialect is {name}"));
    }

    async fn show_settings(&mut self) -> Result<(), Error> {
        let rows = NAMES
            .iter()
            .map(|(name, _)| [(*name).to_owned(), self.settings.get(name)])
            .collect();
        self.show(&[Grid::pairs(&["setting", "value"], rows)]).await
    }

    async fn show_variables(&mut self) -> Result<(), Error> {
        let rows = self
            .variables
            .iter()
            .map(|(name, value)| [name.clone(), value.clone()])
            .collect();
        self.show(&[Grid::pairs(&["variable", "value"], rows)])
            .await
    }

    /// Sets a variable.
    ///
    /// Fails if `name` cannot name one.
    pub(super) fn set_variable(&mut self, name: String, value: String) -> Result<(), Error> {
        variables::check_name(&name)?;
        self.variables.insert(name, value);
        let catalog = std::sync::Arc::make_mut(&mut self.catalog);
        catalog.variables = self.variables.keys().cloned().collect();
        Ok(())
    }
}

/// Runs a command of the person's, or their shell, and waits for it.
fn system(command: Option<&str>) -> Result<(), Error> {
    notes::end_status();
    let mut program = match command {
        Some(command) => children::shell(command),
        None => {
            let fallback = if cfg!(windows) { "cmd" } else { "sh" };
            let shell = std::env::var("SHELL")
                .ok()
                .filter(|shell| !shell.is_empty());
            children::command(shell.as_deref().unwrap_or(fallback))
        }
    };
    let status = Attended::start(&mut program)
        .and_then(|mut program| program.wait())
        .map_err(|error| Error::statement("the command cannot be run").caused_by(error))?;
    match status.success() || command.is_none() {
        true => Ok(()),
        false => Err(Error::statement(format!("the command ended with {status}"))),
    }
}

/// Changes the working directory, to the home directory unless `folder` names another.
fn change_directory(folder: Option<&str>) -> Result<(), Error> {
    let path = match folder {
        Some(folder) => expand_home(folder),
        None => etcetera::home_dir()
            .map_err(|error| Error::statement("there is no home directory").caused_by(error))?,
    };
    std::env::set_current_dir(&path).map_err(|error| {
        Error::statement(format!("cannot change to `{}`", path.display())).caused_by(error)
    })
}

/// Writes `text` to stdout, and to a terminal nothing that it would act on.
fn print(text: &str) -> Result<(), Error> {
    let mut stdout = output::stdout();
    let text = match std::io::stdout().is_terminal() {
        true => text
            .split('\n')
            .map(escape_controls)
            .collect::<Vec<_>>()
            .join("\n"),
        false => text.to_owned(),
    };
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Error::statement("stdout cannot be written").caused_by(error))
}
