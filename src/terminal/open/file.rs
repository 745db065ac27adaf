//! `config.toml`: profiles, each with an endpoint, the place of its credentials, and limits.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::Deserialize;

use super::credentials::{SecretSource, Source};
use crate::dialect::Dialect;
use crate::dialect::error::nearest;
use crate::error::Error;
use crate::terminal::directories;

/// `config.toml`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Profiles by name.
    #[serde(default)]
    pub profiles: BTreeMap<String, Profile>,
    /// What the interactive shell begins with.
    #[serde(default)]
    pub shell: ShellDefaults,
}

/// What the interactive shell begins with. Scripts do not read it: what they print must not depend on who runs them.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShellDefaults {
    /// The format of rows.
    pub format: Option<String>,
    /// The pager; `off` for none.
    pub pager: Option<String>,
}

/// One profile of `config.toml`. It never holds a secret itself.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Base URL of the service.
    pub endpoint: Option<String>,
    /// The API key.
    pub api_key: Option<String>,
    /// File that holds its secret.
    pub api_secret_file: Option<PathBuf>,
    /// Command that prints its secret.
    pub api_secret_command: Option<String>,
    /// File that holds a bearer token.
    pub access_token_file: Option<PathBuf>,
    /// Command that prints a bearer token.
    pub access_token_command: Option<String>,
    /// PEM file of certificates to trust besides the system's.
    pub ca_cert: Option<PathBuf>,
    /// Seconds that one request may take.
    pub timeout: Option<u64>,
    /// Requests side by side.
    pub concurrency: Option<usize>,
    /// Keys that UPDATE or DELETE may touch without confirmation.
    pub max_affected: Option<usize>,
    /// MiB that statements may hold at a time.
    pub memory_limit: Option<usize>,
    /// Refuses everything that changes keys or local files.
    #[serde(default)]
    pub read_only: bool,
    /// Lets no statement read or write a local file.
    #[serde(default)]
    pub no_files: bool,
    /// The dialect of SQL that statements are in.
    pub dialect: Option<Dialect>,
}

impl File {
    /// Parses `text`.
    ///
    /// # Errors
    ///
    /// Fails with the place of what does not fit.
    pub fn parse(text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .and_then(|span| text.get(..span.start))
                .map_or(1, |before| before.matches('\n').count() + 1);
            let error = Error::usage(format!(
                "config.toml, line {line}: {}",
                error.message().replace('\n', " ")
            ));
            error.hint(
                "a profile may hold endpoint, api_key, api_secret_file or api_secret_command, access_token_file or \
                 access_token_command, ca_cert, timeout, concurrency, memory_limit, max_affected, read_only, no_files, \
                 dialect; [shell] may hold format and pager",
            )
        })
    }
    /// Reads `config.toml`. A missing file has no profiles; it is an error only if a profile is wanted.
    pub(super) fn read(is_wanted: bool) -> Result<Self, Error> {
        let Some(path) = directories::config().map(|dir| dir.join("config.toml")) else {
            return Ok(Self::default());
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_wanted => {
                Ok(Self::default())
            }
            Err(error) => Err(Error::usage(format!("cannot read `{}`", path.display()))
                .caused_by(error)
                .hint("profiles go in that file, as [profiles.NAME]")),
        }
    }

    /// Returns the profile called `name`, or the one that counts if none was named.
    pub(super) fn profile(&self, name: Option<&str>) -> Result<Profile, Error> {
        let Some(name) = name else {
            return Ok(self.profiles.get("default").cloned().unwrap_or_default());
        };
        if let Some(profile) = self.profiles.get(name) {
            return Ok(profile.clone());
        }
        let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
        let error = Error::usage(format!("no profile `{name}` in config.toml"));
        Err(match nearest(name, names.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None if names.is_empty() => {
                error.hint("it has no profiles; add one as [profiles.NAME]")
            }
            None => error.hint(format!("profiles there: {}", names.join(", "))),
        })
    }
}

impl Profile {
    /// Returns where its credentials are.
    pub(super) fn source(&self) -> Result<Source, Error> {
        let secret = |file: &Option<PathBuf>, command: &Option<String>| match (file, command) {
            (Some(file), None) => Ok(Some(SecretSource::File(file.clone()))),
            (None, Some(command)) => Ok(Some(SecretSource::Command(command.clone()))),
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(Error::usage(
                "a profile of config.toml names both a file and a command for one secret",
            )),
        };
        let api_secret = secret(&self.api_secret_file, &self.api_secret_command)?;
        let token = secret(&self.access_token_file, &self.access_token_command)?;
        match (&self.api_key, api_secret, token) {
            (Some(key), Some(secret), None) => Ok(Source::Basic {
                key: key.clone(),
                secret,
            }),
            (None, None, Some(token)) => Ok(Source::Bearer(token)),
            (Some(_), None, None) => Err(Error::usage(
                "a profile of config.toml has api_key but no secret",
            )
            .hint("add api_secret_file or api_secret_command")),
            (None, None, None) => Ok(Source::Missing {
                reason: "the profile has no credentials".to_owned(),
                hint: "add api_key and api_secret_file or api_secret_command to it".to_owned(),
            }),
            _ => Err(Error::usage(
                "a profile of config.toml has credentials of two kinds, or a secret without api_key",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_the_file_is_refused_with_its_line() {
        let error = File::parse("[profiles.x]\napi_key = 'k'\napi_secret = 's'").unwrap_err();
        assert!(
            error
                .message
                .starts_with("config.toml, line 3: unknown field `api_secret`")
        );
    }
}
