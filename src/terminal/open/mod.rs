//! Opens sessions for every edge: settings, the environment and `config.toml` become a connection and a session.
//!
//! An edge fills in [`Settings`] from whatever its users give it. Opening a session sends no request.

mod auth;
mod config;
mod connect;
mod credentials;
mod file;
mod proxy;
mod settings;

use std::ffi::OsString;
use std::sync::Arc;

use super::{notes, secrets, stderr};
use crate::error::Error;
use crate::render::escape_controls;
use crate::sandbox::{Sandbox, SandboxConfig};
use crate::session::{Confirm, Options, Params, Session};

use config::Config;
use credentials::Environment;

pub use file::File;
pub(crate) use file::ShellDefaults;
pub(crate) use settings::Settings;

/// An open session, and where it is connected.
#[derive(Debug)]
pub(crate) struct OpenSession {
    /// The session.
    pub(crate) session: Arc<Session>,
    /// What its statements are given.
    pub(crate) params: Params,
    /// The profile of `config.toml` that its credentials are from.
    pub(crate) profile: Option<String>,
    /// Where it is, in a few words: the profile or the sandbox, and what it may not do. Empty if that is as usual.
    pub(crate) place: String,
    /// What it asks, if that is the sandbox of this process: it serves for as long as the session lives.
    pub(crate) sandbox: Option<Sandbox>,
}

/// Opens sessions.
#[derive(Clone)]
pub(crate) struct Opener {
    settings: Settings,
    environment: Environment,
    file: File,
    confirm: Option<Arc<dyn Confirm>>,
}

impl Opener {
    /// Reads the environment and `config.toml`.
    ///
    /// Fails if `config.toml` or a variable cannot be read.
    pub(crate) fn new(settings: Settings) -> Result<Self, Error> {
        let variable = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let is_odd =
            |name: &&&str| std::env::var_os(name).is_some_and(|value| value.to_str().is_none());
        if let Some(name) = config::VARIABLES
            .iter()
            .chain(&proxy::VARIABLES)
            .find(is_odd)
        {
            return Err(
                Error::usage(format!("the variable {name} is not valid UTF-8"))
                    .hint(format!("set {name} to something else, or unset it")),
            );
        }
        Ok(Self {
            file: File::read(&settings)?,
            environment: std::env::vars_os()
                .filter_map(variable)
                .chain(settings.variables.clone())
                .collect(),
            settings,
            confirm: None,
        })
    }

    /// Lets its sessions ask a person.
    pub(crate) fn asking(self, confirm: Arc<dyn Confirm>) -> Self {
        Self {
            confirm: Some(confirm),
            ..self
        }
    }

    /// Returns what the interactive shell begins with.
    pub(crate) fn shell(&self) -> &ShellDefaults {
        &self.file.shell
    }

    /// Returns the names of the profiles in `config.toml`.
    pub(crate) fn profiles(&self) -> Vec<String> {
        self.file.profiles.keys().cloned().collect()
    }

    /// Opens a session with another profile, or again with the same settings; returns it with what opens it again.
    /// `config.toml` is read again.
    ///
    /// Fails as [`new`](Self::new) and [`open`](Self::open) do.
    pub(crate) async fn reopen(
        &self,
        profile: Option<String>,
    ) -> Result<(Self, OpenSession), Error> {
        let mut settings = self.settings.clone();
        if profile.is_some() {
            (settings.sandbox, settings.endpoint, settings.auth) = (false, None, None);
            settings.profile = profile;
        }
        let opener = Self {
            file: File::read(&settings)?,
            settings,
            ..self.clone()
        };
        let opened = opener.open().await?;
        Ok((opener, opened))
    }

    /// Opens a session.
    ///
    /// Fails if the settings, the environment and the file do not fit together, or a secret cannot be read.
    pub(crate) async fn open(&self) -> Result<OpenSession, Error> {
        let settings = &self.settings;
        let config = Config::resolve(settings, &self.environment, &self.file)?;
        if let Some(auth) = &settings.auth
            && auth::is_in_the_clear(auth.reveal())
        {
            notes::warn(
                "--auth holds a password, which others on this machine can read; name a variable with password_var instead",
            );
        }
        let (connection, sandbox) = if settings.sandbox {
            let sandbox = Sandbox::start(SandboxConfig::default())
                .await
                .map_err(|error| {
                    Error::usage("the sandbox cannot listen on loopback").caused_by(error)
                })?;
            let connection =
                connect::connect_to_sandbox(&config, &sandbox.url(), sandbox.credentials())?;
            (connection, Some(sandbox))
        } else {
            let connection = connect::connect(&config, &self.environment).await?;
            (connection, None)
        };
        let options = Options {
            read_only: config.read_only,
            no_files: config.no_files,
            memory_limit: config.memory_limit,
            dry_run: settings.dry_run,
            yes: settings.yes,
            max_affected: config.max_affected,
            discard_secrets: settings.discard_secrets,
            allow_self_delete: settings.allow_self_delete,
            confirm: self.confirm.clone(),
            rescue_file: Some(secrets::rescue_file()),
            // The keys of a sandbox in this process end with it.
            journals: secrets::journals().filter(|_| !settings.sandbox),
            stderr_is_read: Some(stderr::stderr_is_read),
            max_requests: None,
            timeout: config.timeout,
            dialect: config.dialect,
            findings: config.findings,
        };
        let place = match settings.sandbox {
            true => Some("sandbox".to_owned()),
            false => config
                .profile
                .as_deref()
                .map(|name| escape_controls(name).into_owned()),
        };
        let read_only = config.read_only.then(|| "read-only".to_owned());
        let dry_run = settings.dry_run.then(|| "dry run".to_owned());
        let unasked = settings.yes.then(|| "yes".to_owned());
        let max_affected = (config.max_affected != Options::MAX_AFFECTED)
            .then(|| format!("max {}", config.max_affected));
        let place: Vec<String> = place
            .into_iter()
            .chain(read_only)
            .chain(dry_run)
            .chain(unasked)
            .chain(max_affected)
            .collect();
        Ok(OpenSession {
            place: place.join(", "),
            session: Arc::new(Session::open(connection, options).await?),
            params: Params::texts(&settings.params),
            profile: config.profile.filter(|_| sandbox.is_none()),
            sandbox,
        })
    }
}
