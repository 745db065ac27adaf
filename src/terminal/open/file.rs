//! `config.toml`: profiles, each with an endpoint, the place of its credentials, and limits.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::credentials::{SecretSource, Source};
use super::settings::Settings;
use crate::dialect::Dialect;
use crate::dialect::error::nearest;
use crate::error::Error;
use crate::resource::findings;
use crate::terminal::{directories, notes};

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
    /// Thresholds of findings, by their names.
    #[serde(default)]
    pub findings: BTreeMap<String, u32>,
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
            let before = error.span().and_then(|span| text.get(..span.start));
            let profile = before.and_then(profile_at);
            let place = profile.map_or(String::new(), |name| format!(", profile `{name}`"));
            let message = without_value(&error.message().replace('\n', " "));
            let message = reworded(&message);
            // A wrong value follows its name.
            let name = before
                .and_then(|before| before.rsplit('\n').next())
                .and_then(|line| Some(line.split_once('=')?.0.trim()))
                .map_or(String::new(), |name| format!("`{name}`: "));
            let is_secret = ["api_secret", "secret", "password", "access_token", "token"]
                .iter()
                .any(|secret| {
                    message.starts_with(&format!("unknown field `{secret}`"))
                        || name == format!("`{secret}`: ")
                });
            let error = Error::usage(format!("config.toml, line {line}{place}: {name}{message}"));
            if is_secret {
                return error.hint(
                    "a secret in config.toml would be in every backup and every copy of it: put it into a file that \
                     only you can read, and name that with api_secret_file or access_token_file, or name a command that \
                     prints it with api_secret_command or access_token_command",
                );
            }
            error.hint(
                "a profile may hold endpoint, api_key, api_secret_file or api_secret_command, access_token_file or \
                 access_token_command, ca_cert, timeout, concurrency, memory_limit, max_affected, read_only, no_files, \
                 dialect, findings; [shell] may hold format and pager",
            )
        })
    }

    /// Parses `text` for the sandbox, which uses no profile but the default one: leaves out others that do not fit, and
    /// returns the error of the first, too.
    fn parse_for_sandbox(text: &str) -> Result<(Self, Option<Error>), Error> {
        let error = match Self::parse(text) {
            Ok(file) => return Ok((file, None)),
            Err(error) => error,
        };
        let is_used = |name: &str, profile: &toml::Value| {
            name == "default" || Profile::deserialize(profile.clone()).is_ok()
        };
        let file = toml::from_str(text).ok().and_then(|mut file: toml::Table| {
            let profiles = file.get_mut("profiles")?.as_table_mut()?;
            profiles.retain(|name, profile| is_used(name, profile));
            Self::deserialize(file).ok()
        });
        match file {
            Some(file) => Ok((file, Some(error))),
            None => Err(error),
        }
    }

    /// Reads `config.toml`. A missing file has no profiles; it is an error only if a profile is wanted.
    pub(super) fn read(settings: &Settings) -> Result<Self, Error> {
        let is_wanted = settings.profile.is_some();
        let Some(path) = directories::config().map(|dir| dir.join("config.toml")) else {
            return Ok(Self::default());
        };
        match read_at_once(&path) {
            Ok(text) => {
                let (mut file, left_out) = match settings.sandbox {
                    true => Self::parse_for_sandbox(&text)?,
                    false => (Self::parse(&text)?, None),
                };
                if let Some(error) = left_out {
                    notes::warn(&format!(
                        "{error}; the sandbox goes on without this profile"
                    ));
                }
                if let Some(dir) = path.parent() {
                    file.profiles
                        .values_mut()
                        .for_each(|profile| profile.resolve(dir));
                }
                Ok(file)
            }
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
        let profile = self.found(name)?;
        let known: Vec<&str> = findings::settings().map(|setting| setting.name).collect();
        let unknown = |name: &&String| !known.contains(&name.as_str());
        match profile.findings.keys().find(unknown) {
            None => Ok(profile),
            Some(name) => {
                let error = Error::usage(format!("no setting `{name}` of findings in config.toml"));
                Err(error.hint(format!("the settings are {}", known.join(", "))))
            }
        }
    }

    fn found(&self, name: Option<&str>) -> Result<Profile, Error> {
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
    /// Makes its paths absolute: `~/` is the home directory, and other paths begin at the directory `dir` of the file.
    fn resolve(&mut self, dir: &Path) {
        let paths = [
            &mut self.api_secret_file,
            &mut self.access_token_file,
            &mut self.ca_cert,
        ];
        for path in paths.into_iter().flatten() {
            *path = dir.join(directories::expand_home(&*path));
        }
    }

    /// Returns where the credentials are of this profile, which is called `name`.
    pub(super) fn source(&self, name: &str) -> Result<Source, Error> {
        let secret = |file: &Option<PathBuf>, command: &Option<String>| match (file, command) {
            (Some(file), None) => Ok(Some(SecretSource::File(file.clone()))),
            (None, Some(command)) => Ok(Some(SecretSource::Command(command.clone()))),
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(Error::usage(format!(
                "the profile `{name}` of config.toml names both a file and a command for one secret"
            ))),
        };
        let named = |file: &Option<PathBuf>, [of_file, of_command]: [&'static str; 2]| match file {
            Some(_) => of_file,
            None => of_command,
        };
        let api_secret = secret(&self.api_secret_file, &self.api_secret_command)?;
        let token = secret(&self.access_token_file, &self.access_token_command)?;
        match (&self.api_key, api_secret, token) {
            (Some(key), Some(secret), None) => Ok(Source::Basic {
                key: key.clone(),
                secret,
            }),
            (None, None, Some(token)) => Ok(Source::Bearer(token)),
            (Some(_), None, None) => Err(Error::usage(format!(
                "the profile `{name}` of config.toml has api_key but no secret"
            ))
            .hint("add api_secret_file or api_secret_command")),
            (None, None, None) => Ok(Source::Missing {
                reason: format!("the profile `{name}` has no credentials"),
                hint: "add api_key and api_secret_file or api_secret_command to it".to_owned(),
            }),
            (None, Some(_), None) => Err(Error::usage(format!(
                "the profile `{name}` of config.toml has {} but no api_key",
                named(
                    &self.api_secret_file,
                    ["api_secret_file", "api_secret_command"]
                )
            ))
            .hint("add the api_key that the secret belongs to")),
            (key, _, Some(_)) => {
                let other = match key {
                    Some(_) => "api_key",
                    None => named(
                        &self.api_secret_file,
                        ["api_secret_file", "api_secret_command"],
                    ),
                };
                let token = named(
                    &self.access_token_file,
                    ["access_token_file", "access_token_command"],
                );
                Err(Error::usage(format!(
                    "the profile `{name}` of config.toml has {other} and {token}; leave one out"
                ))
                .hint("a profile has either a key and its secret or a token"))
            }
        }
    }
}

/// The most bytes of `config.toml`.
const MAX_SIZE: u64 = 1 << 20;

/// Reads a file, and neither waits for a pipe that nobody writes to nor reads a device without an end.
fn read_at_once(path: &Path) -> io::Result<String> {
    #[cfg(unix)]
    if std::os::unix::fs::FileTypeExt::is_fifo(&std::fs::metadata(path)?.file_type()) {
        return Err(io::Error::other("it is a pipe"));
    }
    let mut text = String::new();
    let file = std::fs::File::open(path)?.take(MAX_SIZE + 1);
    match io::BufReader::new(file).read_to_string(&mut text)? as u64 > MAX_SIZE {
        true => Err(io::Error::other("it has more than 1 MiB")),
        false => Ok(text),
    }
}

/// Returns the message of a value that does not fit without the value, which may be a secret in the wrong place.
fn without_value(message: &str) -> String {
    match message.rsplit_once(", expected ") {
        Some((found, expected)) if !found.starts_with("unknown field") => {
            let kind = found.split(['"', '`']).next().unwrap_or_default();
            format!("{}, expected {expected}", kind.trim_end())
        }
        _ => message.to_owned(),
    }
}

/// Rewords what the parser says of a value that does not fit.
fn reworded(message: &str) -> String {
    let message = message.replacen("unknown variant", "unknown value", 1);
    let Some((found, expected)) = message.split_once(", expected ") else {
        return message.replacen("wanted string or table", "expected a text in quotes", 1);
    };
    let found = match found {
        "invalid type: string" => "a text",
        "invalid type: integer" => "a number",
        "invalid type: floating point" => "a number with a fraction",
        "invalid type: boolean" => "true or false",
        "invalid type: sequence" => "a list",
        "invalid type: map" => "a table",
        "invalid value: integer" => "one that is out of range",
        _ => return message,
    };
    let expected = match expected {
        "u64" | "u32" | "usize" => "a whole number",
        "a string" => "a text in quotes",
        "path string" => "a path in quotes",
        "a boolean" => "true or false",
        "a map" | "struct Profile" | "struct ShellDefaults" => "a table of names and values",
        other => other,
    };
    format!("expected {expected}, found {found}")
}

/// Returns the profile whose lines `text` ends in.
fn profile_at(text: &str) -> Option<&str> {
    let mut headers = text.lines().filter_map(|line| {
        let name = line.trim().strip_prefix("[profiles.")?;
        Some(name.strip_suffix(']')?.trim_matches(['"', '\'']))
    });
    headers.next_back()
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
                .starts_with("config.toml, line 3, profile `x`: unknown field `api_secret`")
        );
        let hint = error.hint.unwrap();
        assert!(
            hint.contains("every backup") && hint.contains("api_secret_file"),
            "{hint}"
        );
    }

    #[test]
    fn a_secret_without_quotes_is_refused_as_one_in_quotes() {
        let hint = |line: &str| {
            let error = File::parse(&format!("[profiles.x]\n{line}")).unwrap_err();
            assert!(!error.message.contains("canary"), "{}", error.message);
            error.hint
        };
        assert_eq!(hint("api_secret = canary"), hint("api_secret = 'canary'"));
        assert_ne!(hint("timeout = canary"), hint("api_secret = 'canary'"));
    }

    #[test]
    fn credentials_of_two_kinds_are_told_apart() {
        for (text, told) in [
            (
                "api_secret_file = 's'",
                "has api_secret_file but no api_key",
            ),
            (
                "api_key = 'k'\naccess_token_file = 't'",
                "has api_key and access_token_file; leave one out",
            ),
            (
                "api_secret_command = 's'\naccess_token_command = 't'",
                "has api_secret_command and access_token_command; leave one out",
            ),
        ] {
            let profile: Profile = toml::from_str(text).unwrap();
            let error = profile.source("x").unwrap_err();
            assert!(error.message.ends_with(told), "{}", error.message);
            assert!(error.hint.is_some());
        }
    }

    #[test]
    fn a_value_of_another_type_is_not_repeated() {
        for (line, told) in [
            (
                "timeout = 'canary'",
                "`timeout`: expected a whole number, found a text",
            ),
            (
                "timeout = 'canary, expected `x`'",
                "`timeout`: expected a whole number, found a text",
            ),
            (
                "api_key = 12345",
                "`api_key`: expected a text in quotes, found a number",
            ),
            (
                "ca_cert = ['canary']",
                "`ca_cert`: expected a path in quotes, found a list",
            ),
            (
                "concurrency = -1",
                "`concurrency`: expected a whole number, found one that is out of range",
            ),
            (
                "read_only = 'canary'",
                "`read_only`: expected true or false, found a text",
            ),
            (
                "findings = 1",
                "`findings`: expected a table of names and values, found a number",
            ),
            ("dialect = []", "`dialect`: expected a text in quotes"),
            (
                "dialect = 'canary'",
                "`dialect`: unknown value, expected `default` or `stackql`",
            ),
        ] {
            let error = File::parse(&format!("[profiles.x]\n{line}")).unwrap_err();
            assert_eq!(
                error.message,
                format!("config.toml, line 2, profile `x`: {told}")
            );
        }
    }

    #[test]
    fn the_sandbox_does_without_a_profile_that_is_wrong() {
        let good = "[profiles.default]\ntimeout = 5\n[profiles.good]\n";
        let text = format!("{good}[profiles.bad]\ntimeout = 'x'");
        let (file, error) = File::parse_for_sandbox(&text).unwrap();
        assert_eq!(Vec::from_iter(file.profiles.keys()), ["default", "good"]);
        assert!(error.unwrap().message.contains("profile `bad`"));
        assert!(File::parse_for_sandbox(good).unwrap().1.is_none());
        for used in [
            "[profiles.default]\ntimeout = 'x'",
            "[shell]\nformat = 1",
            "[profiles",
        ] {
            assert!(File::parse_for_sandbox(used).is_err(), "{used}");
        }
    }

    #[test]
    fn paths_begin_at_the_file_or_at_home() {
        let mut profile = Profile {
            api_secret_file: Some("secret".into()),
            access_token_file: Some("/run/token".into()),
            ca_cert: Some("~/ca.pem".into()),
            ..Profile::default()
        };
        profile.resolve(Path::new("/etc/iamql"));
        let home = etcetera::home_dir().unwrap();
        assert_eq!(
            profile.api_secret_file.unwrap(),
            Path::new("/etc/iamql/secret")
        );
        assert_eq!(profile.access_token_file.unwrap(), Path::new("/run/token"));
        assert_eq!(profile.ca_cert.unwrap(), home.join("ca.pem"));
    }
}
