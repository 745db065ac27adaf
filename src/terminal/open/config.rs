//! What the settings of an edge, the environment and the configuration file mean together.
//!
//! Settings override the environment, which overrides the file. [`Config::resolve`] is a pure function of the three: it
//! reads no file and runs no command. Where a profile names a file or a command for the secret, `connect` reads it.

use std::path::PathBuf;
use std::time::Duration;

use super::Settings;
use super::credentials::{Environment, SecretSource, Source};
use super::file::File;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Options;
use crate::terminal::child::{KEY, SECRET, TOKEN};

const ENDPOINT: &str = "CONFLUENT_CLOUD_ENDPOINT";

/// Requests side by side.
const CONCURRENCY: usize = 8;
/// Time that one request may take, its retries and waits included, and the planning of one statement.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How to reach the service, and within which limits.
#[derive(Debug, Clone)]
pub(super) struct Config {
    /// Base URL as it was given; None for Confluent Cloud.
    pub(super) endpoint: Option<String>,
    /// Where the credentials are.
    pub(super) credentials: Source,
    /// The profile that they are from.
    pub(super) profile: Option<String>,
    /// File of certificates to trust besides the system's.
    pub(super) ca_cert: Option<PathBuf>,
    /// Time that one request may take, its retries and waits included, and the planning of one statement.
    pub(super) timeout: Duration,
    /// Requests side by side.
    pub(super) concurrency: usize,
    /// Keys that UPDATE or DELETE may touch without confirmation.
    pub(super) max_affected: usize,
    /// Refuses everything that changes keys or local files.
    pub(super) read_only: bool,
    /// Lets no statement read or write a local file.
    pub(super) no_files: bool,
    /// Bytes that the statements of the session may hold at a time.
    pub(super) memory_limit: usize,
    /// The dialect of SQL that statements are in.
    pub(super) dialect: Dialect,
}

impl Config {
    /// Resolves `settings` over `environment` over `file`.
    ///
    /// # Errors
    ///
    /// Fails if a value is out of range, a profile does not exist, or credentials are incomplete.
    pub(super) fn resolve(
        settings: &Settings,
        environment: &Environment,
        file: &File,
    ) -> Result<Self, Error> {
        let profile = file.profile(settings.profile.as_deref())?;
        let variable = |name: &str| {
            environment
                .get(name)
                .map(|value| value.trim())
                .filter(|value| !value.is_empty())
        };
        let credentials = match (&settings.auth, &settings.profile) {
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
        // Credentials are only sent to the endpoint they were configured with: those of a profile never to the endpoint
        // of the environment, nor the other way round.
        let from_profile = settings.profile.is_some()
            || settings.auth.is_none()
                && matches!(environment_source(&variable)?, Source::Missing { .. });
        let endpoint = settings.endpoint.clone().or_else(|| match from_profile {
            true if matches!(credentials, Source::Missing { .. }) => None,
            true => profile.endpoint.clone(),
            false => variable(ENDPOINT).map(str::to_owned),
        });
        let concurrency = settings.concurrency.or(profile.concurrency);
        let timeout = settings.timeout.or(profile.timeout);
        if concurrency == Some(0) {
            return Err(Error::usage("--concurrency is at least 1"));
        }
        if timeout == Some(0) {
            return Err(Error::usage("--timeout is at least 1 second"));
        }
        let memory_limit = match settings.memory_limit.or(profile.memory_limit) {
            None => Options::MEMORY_LIMIT,
            Some(0) => return Err(Error::usage("--memory-limit is at least 1 MiB")),
            Some(mib) => mib.saturating_mul(1 << 20),
        };
        Ok(Self {
            endpoint,
            profile: (from_profile && !matches!(credentials, Source::Missing { .. })).then(|| {
                settings
                    .profile
                    .clone()
                    .unwrap_or_else(|| "default".to_owned())
            }),
            credentials,
            ca_cert: settings.ca_cert.clone().or_else(|| profile.ca_cert.clone()),
            timeout: timeout.map_or(TIMEOUT, Duration::from_secs),
            concurrency: concurrency.unwrap_or(CONCURRENCY),
            max_affected: settings
                .max_affected
                .or(profile.max_affected)
                .unwrap_or(Options::MAX_AFFECTED),
            read_only: settings.read_only || profile.read_only,
            no_files: settings.no_files || profile.no_files,
            memory_limit,
            dialect: settings.dialect.or(profile.dialect).unwrap_or_default(),
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(
        settings: &Settings,
        environment: &[(&str, &str)],
        file: &str,
    ) -> Result<Config, Error> {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::resolve(settings, &environment, &File::parse(file)?)
    }

    fn unset() -> Settings {
        Settings::default()
    }

    fn with_profile(name: &str) -> Settings {
        Settings {
            profile: Some(name.to_owned()),
            ..Settings::default()
        }
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
        let config = resolve(&unset(), &environment, FILE).unwrap();
        assert_eq!(config.endpoint.as_deref(), Some("https://env.example"));
        assert!(matches!(config.credentials, Source::Basic { key, .. } if key == "ENV"));

        let settings = Settings {
            endpoint: Some("https://flag.example".to_owned()),
            ..Settings::default()
        };
        let config = resolve(&settings, &environment, FILE).unwrap();
        assert_eq!(config.endpoint.as_deref(), Some("https://flag.example"));

        let config = resolve(&unset(), &[], FILE).unwrap();
        assert_eq!(config.endpoint.as_deref(), Some("https://default.example"));
        assert!(matches!(config.credentials, Source::Basic { key, .. } if key == "DEFAULT"));
    }

    #[test]
    fn a_profile_that_was_named_comes_before_the_environment() {
        let environment = [(KEY, "ENV"), (SECRET, "s")];
        let config = resolve(&with_profile("prod"), &environment, FILE).unwrap();
        assert!(matches!(
            config.credentials,
            Source::Basic { key, secret: SecretSource::Command(_) } if key == "PROD"
        ));
        assert_eq!((config.concurrency, config.read_only), (3, true));
        let error = resolve(&with_profile("prdo"), &[], FILE).unwrap_err();
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
            let config = resolve(&unset(), &environment, "").unwrap();
            let Source::Missing { reason, .. } = config.credentials else {
                panic!("there are no credentials");
            };
            assert_eq!(reason, format!("no credentials: {missing} not set"));
        }
    }

    #[test]
    fn a_token_is_a_bearer_token() {
        let config = resolve(&unset(), &[(TOKEN, "t"), (KEY, "k"), (SECRET, "s")], "").unwrap();
        assert!(matches!(config.credentials, Source::Bearer(_)));
        assert!(!format!("{config:?}").contains("\"t\""));
    }
}
