//! What the command line, the environment and the configuration file mean together.
//!
//! Flags come before the environment, the environment before the file. [`Config::resolve`] is a pure function of the
//! three: it reads no file and runs no command. Where a profile names a file or a command that gives the secret, that
//! is data here, and `connect` carries it out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::args::Common;
use crate::dialect::error::nearest;
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Options;

/// Environment variables, by name.
pub type Environment = BTreeMap<String, String>;

const KEY: &str = "CONFLUENT_CLOUD_API_KEY";
const SECRET: &str = "CONFLUENT_CLOUD_API_SECRET";
const TOKEN: &str = "CONFLUENT_CLOUD_ACCESS_TOKEN";
const ENDPOINT: &str = "CONFLUENT_CLOUD_ENDPOINT";

/// Requests side by side.
const CONCURRENCY: usize = 8;
/// Time that one request may take, its retries and waits included, and the planning of one statement.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How to reach the service, and within which limits.
#[derive(Debug, Clone)]
pub struct Config {
    /// Base URL as it was given; None for Confluent Cloud.
    pub endpoint: Option<String>,
    /// Where the credentials are.
    pub credentials: Source,
    /// File of certificates to trust besides the system's.
    pub ca_cert: Option<PathBuf>,
    /// Time that one request may take, its retries and waits included, and the planning of one statement.
    pub timeout: Duration,
    /// Requests side by side.
    pub concurrency: usize,
    /// Keys that UPDATE or DELETE may touch without being asked.
    pub max_affected: usize,
    /// Refuses everything that changes something.
    pub read_only: bool,
    /// Values of `$name`.
    pub params: BTreeMap<String, String>,
}

/// Where the credentials are.
#[derive(Debug, Clone)]
pub enum Source {
    /// Nowhere: the reason, and the next step.
    Missing {
        /// What is missing.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A key and its secret.
    Basic {
        /// The key.
        key: String,
        /// Where its secret is.
        secret: SecretSource,
    },
    /// A bearer token.
    Bearer(SecretSource),
    /// `key:secret` in Base64.
    EncodedPair(SecretSource),
}

/// Where a secret is.
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// Here.
    Value(Secret),
    /// In a file, but for white space around it.
    File(PathBuf),
    /// In what a command prints.
    Command(String),
}

/// `config.toml`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Profiles by name.
    #[serde(default)]
    pub profiles: BTreeMap<String, Profile>,
}

/// One profile of `config.toml`. A secret never stands in it.
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
    /// Keys that UPDATE or DELETE may touch without being asked.
    pub max_affected: Option<usize>,
    /// Refuses everything that changes something.
    #[serde(default)]
    pub read_only: bool,
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
                 access_token_command, ca_cert, timeout, concurrency, max_affected, read_only",
            )
        })
    }
}

impl Config {
    /// Resolves `args` over `environment` over `file`.
    ///
    /// # Errors
    ///
    /// Fails if a value is out of range, a profile does not exist, or credentials are given but not whole.
    pub fn resolve(args: &Common, environment: &Environment, file: &File) -> Result<Self, Error> {
        let profile = profile(args.profile.as_deref(), file)?;
        let variable = |name: &str| {
            environment
                .get(name)
                .map(|value| value.trim())
                .filter(|value| !value.is_empty())
        };
        let credentials = match (&args.auth, &args.profile) {
            (Some(auth), _) => super::auth::source(auth.reveal(), environment)?,
            (None, Some(_)) => profile.source()?,
            (None, None) => match environment_source(&variable)? {
                Source::Missing { reason, hint } => match profile.source()? {
                    Source::Missing { .. } => Source::Missing { reason, hint },
                    found => found,
                },
                found => found,
            },
        };
        // Credentials go to the endpoint that they were configured with: those of a profile never to the environment's,
        // nor the other way round.
        let from_profile = args.profile.is_some()
            || args.auth.is_none()
                && matches!(environment_source(&variable)?, Source::Missing { .. });
        let endpoint = args.endpoint.clone().or_else(|| match from_profile {
            true if matches!(credentials, Source::Missing { .. }) => None,
            true => profile.endpoint.clone(),
            false => variable(ENDPOINT).map(str::to_owned),
        });
        let concurrency = args.concurrency.or(profile.concurrency);
        let timeout = args.timeout.or(profile.timeout);
        if concurrency == Some(0) {
            return Err(Error::usage("--concurrency is at least 1"));
        }
        if timeout == Some(0) {
            return Err(Error::usage("--timeout is at least 1 second"));
        }
        Ok(Self {
            endpoint,
            credentials,
            ca_cert: args.ca_cert.clone().or_else(|| profile.ca_cert.clone()),
            timeout: timeout.map_or(TIMEOUT, Duration::from_secs),
            concurrency: concurrency.unwrap_or(CONCURRENCY),
            max_affected: args
                .max_affected
                .or(profile.max_affected)
                .unwrap_or(Options::MAX_AFFECTED),
            read_only: args.read_only || profile.read_only,
            params: params(&args.params)?,
        })
    }
}

impl Profile {
    fn source(&self) -> Result<Source, Error> {
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

fn profile(name: Option<&str>, file: &File) -> Result<Profile, Error> {
    let Some(name) = name else {
        return Ok(file.profiles.get("default").cloned().unwrap_or_default());
    };
    if let Some(profile) = file.profiles.get(name) {
        return Ok(profile.clone());
    }
    let names: Vec<&str> = file.profiles.keys().map(String::as_str).collect();
    let error = Error::usage(format!("no profile `{name}` in config.toml"));
    Err(match nearest(name, names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => error.hint("it has no profiles; add one as [profiles.NAME]"),
        None => error.hint(format!("profiles there: {}", names.join(", "))),
    })
}

fn environment_source<'e>(variable: &impl Fn(&str) -> Option<&'e str>) -> Result<Source, Error> {
    if let Some(token) = variable(TOKEN) {
        return Ok(Source::Bearer(SecretSource::Value(Secret::new(token))));
    }
    let missing = |names: &str| Source::Missing {
        reason: format!("no credentials: {names} not set"),
        hint: format!(
            "set {KEY} and {SECRET} to a Cloud API key and its secret, or try --sandbox, which needs no account"
        ),
    };
    Ok(match (variable(KEY), variable(SECRET)) {
        (Some(key), Some(secret)) => Source::Basic {
            key: key.to_owned(),
            secret: SecretSource::Value(Secret::new(secret)),
        },
        (None, None) => missing(&format!("{KEY} and {SECRET} are")),
        (Some(_), None) => missing(&format!("{SECRET} is")),
        (None, Some(_)) => missing(&format!("{KEY} is")),
    })
}

fn params(pairs: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let mut params = BTreeMap::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Error::usage(format!("--param `{pair}` has no `=`"))
                .hint("write it as --param NAME=VALUE"));
        };
        let name = name.trim_start_matches('$');
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !is_name {
            return Err(
                Error::usage(format!("--param `{pair}` has no usable name")).hint(
                    "a name is letters, digits and `_`; positional parameters are called 1, 2, …",
                ),
            );
        }
        params.insert(name.to_owned(), value.to_owned());
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Args;
    use clap::Parser;

    fn resolve(args: &[&str], environment: &[(&str, &str)], file: &str) -> Result<Config, Error> {
        let args = Args::parse_from(std::iter::once("iamql").chain(args.iter().copied()));
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::resolve(&args.common, &environment, &File::parse(file)?)
    }

    const FILE: &str = "
        [profiles.default]
        endpoint = 'https://default.example'
        api_key = 'DEFAULT'
        api_secret_file = '/secret'
        [profiles.prod]
        api_key = 'PROD'
        api_secret_command = 'pass show prod'
        concurrency = 3
        read_only = true
    ";

    #[test]
    fn flags_come_before_the_environment_and_that_before_the_file() {
        let environment = [
            (ENDPOINT, "https://env.example"),
            (KEY, "ENV"),
            (SECRET, "s"),
        ];
        let config = resolve(&[], &environment, FILE).unwrap();
        assert_eq!(config.endpoint.as_deref(), Some("https://env.example"));
        assert!(matches!(config.credentials, Source::Basic { key, .. } if key == "ENV"));

        let config = resolve(&["--endpoint", "https://flag.example"], &environment, FILE).unwrap();
        assert_eq!(config.endpoint.as_deref(), Some("https://flag.example"));

        let config = resolve(&[], &[], FILE).unwrap();
        assert_eq!(config.endpoint.as_deref(), Some("https://default.example"));
        assert!(matches!(config.credentials, Source::Basic { key, .. } if key == "DEFAULT"));
    }

    #[test]
    fn a_profile_that_was_named_comes_before_the_environment() {
        let environment = [(KEY, "ENV"), (SECRET, "s")];
        let config = resolve(&["--profile", "prod"], &environment, FILE).unwrap();
        assert!(matches!(
            config.credentials,
            Source::Basic { key, secret: SecretSource::Command(_) } if key == "PROD"
        ));
        assert_eq!((config.concurrency, config.read_only), (3, true));
        let error = resolve(&["--profile", "prdo"], &[], FILE).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `prod`?"));
    }

    #[test]
    fn missing_credentials_name_their_variables() {
        for (environment, missing) in [
            (
                vec![],
                "CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET are",
            ),
            (vec![(KEY, "k")], "CONFLUENT_CLOUD_API_SECRET is"),
            (vec![(SECRET, "s"), (KEY, "")], "CONFLUENT_CLOUD_API_KEY is"),
        ] {
            let config = resolve(&[], &environment, "").unwrap();
            let Source::Missing { reason, .. } = config.credentials else {
                panic!("there are no credentials");
            };
            assert_eq!(reason, format!("no credentials: {missing} not set"));
        }
    }

    #[test]
    fn a_token_is_a_bearer_token() {
        let config = resolve(&[], &[(TOKEN, "t"), (KEY, "k"), (SECRET, "s")], "").unwrap();
        assert!(matches!(config.credentials, Source::Bearer(_)));
        assert!(!format!("{config:?}").contains("\"t\""));
    }

    #[test]
    fn params_are_names_and_values() {
        let config = resolve(&["--param", "a=b=c", "--param", "$1=x"], &[], "").unwrap();
        assert_eq!(config.params["a"], "b=c");
        assert_eq!(config.params["1"], "x");
        assert!(resolve(&["--param", "a"], &[], "").is_err());
        assert!(resolve(&["--param", "=b"], &[], "").is_err());
    }

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
