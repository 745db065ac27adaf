//! Merges the settings of an edge, the environment and the configuration file.
//!
//! Settings override the environment, which overrides the file. [`Config::resolve`] is a pure function of the three: it
//! reads no file and runs no command. Where a profile names a file or a command for the secret, `connect` reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::Settings;
use super::credentials::{Environment, SecretSource, Source};
use super::file::{File, Profile};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Options;

const KEY: &str = "CONFLUENT_CLOUD_API_KEY";
const SECRET: &str = "CONFLUENT_CLOUD_API_SECRET";
const TOKEN: &str = "CONFLUENT_CLOUD_ACCESS_TOKEN";
const ENDPOINT: &str = "CONFLUENT_CLOUD_ENDPOINT";

/// All variables that are read here.
pub(super) const VARIABLES: [&str; 4] = [KEY, SECRET, TOKEN, ENDPOINT];

/// The profile that counts if none is named.
const DEFAULT: &str = "default";

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
    /// What to do if the service refuses them.
    pub(super) remedy: Option<String>,
    /// The profile that they come from.
    pub(super) profile: Option<String>,
    /// Certificates to trust besides the system's.
    pub(super) ca_cert: Option<CaCert>,
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
    /// Whether stdin has another reader than the commands that print secrets.
    pub(super) is_stdin_taken: bool,
    /// Thresholds of findings, by their names.
    pub(super) findings: BTreeMap<String, u32>,
}

impl Config {
    /// Resolves `settings` over `environment` over `file`.
    ///
    /// Fails if a value is out of range, a profile does not exist, or credentials are incomplete.
    pub(super) fn resolve(
        settings: &Settings,
        environment: &Environment,
        file: &File,
    ) -> Result<Self, Error> {
        let profile = file.profile(settings.profile.as_deref())?;
        let name = settings.profile.as_deref().unwrap_or(DEFAULT);
        let variable = |name: &str| {
            environment
                .get(name)
                .map(|value| value.trim())
                .filter(|value| !value.is_empty())
        };
        // Half a pair is a mistake, not a reason to take other credentials.
        let (credentials, origin) = match (&settings.auth, &settings.profile) {
            (Some(auth), _) => (
                super::auth::source(auth.reveal(), environment)?,
                Origin::Auth,
            ),
            (None, Some(_)) => (profile.source(name)?, Origin::Profile),
            (None, None) => match environment_source(&variable) {
                Some(found) => (found, Origin::Environment),
                None => match profile.source(name)? {
                    Source::Missing { .. } => (missing(), Origin::Environment),
                    found => (found, Origin::Profile),
                },
            },
        };
        // Credentials are only sent to the endpoint they were configured with: those of a profile never to the endpoint
        // of the environment, nor the other way round.
        let endpoint = settings.endpoint.clone().or_else(|| match origin {
            _ if matches!(credentials, Source::Missing { .. }) => None,
            Origin::Profile => profile.endpoint.clone(),
            Origin::Auth | Origin::Environment => variable(ENDPOINT).map(str::to_owned),
        });
        if origin == Origin::Profile
            && settings.endpoint.is_none()
            && environment_source(&variable).is_none()
            && let Some(other) = variable(ENDPOINT)
            && profile.endpoint.as_deref() != Some(other)
        {
            let own = profile.endpoint.as_deref().unwrap_or("Confluent Cloud");
            return Err(Error::usage(format!(
                "{ENDPOINT} is set, and the credentials of the profile `{name}` are for {own}"
            ))
            .hint(format!(
                "unset {ENDPOINT}, or pass --endpoint to send these credentials elsewhere"
            )));
        }
        let concurrency = settings.concurrency.or(profile.concurrency);
        let timeout = settings.timeout.or(profile.timeout);
        if concurrency == Some(0) {
            return Err(Error::usage("--concurrency must be at least 1"));
        }
        if timeout == Some(0) {
            return Err(Error::usage("--timeout must be at least 1 second"));
        }
        let memory_limit = match settings.memory_limit.or(profile.memory_limit) {
            None => Options::MEMORY_LIMIT,
            Some(0) => return Err(Error::usage("--memory-limit must be at least 1 MiB")),
            Some(mib) => mib.saturating_mul(1 << 20),
        };
        Ok(Self {
            endpoint,
            remedy: origin.remedy(&credentials, name),
            profile: (origin == Origin::Profile).then(|| name.to_owned()),
            credentials,
            ca_cert: CaCert::of(settings, &profile, name),
            timeout: timeout.map_or(TIMEOUT, Duration::from_secs),
            concurrency: concurrency.unwrap_or(CONCURRENCY),
            max_affected: settings
                .max_affected
                .or(profile.max_affected)
                .unwrap_or(Options::MAX_AFFECTED),
            // The sandbox is not what a profile protects.
            read_only: settings.read_only || profile.read_only && !settings.sandbox,
            no_files: settings.no_files || profile.no_files,
            memory_limit,
            dialect: settings.dialect.or(profile.dialect).unwrap_or_default(),
            is_stdin_taken: settings.is_stdin_taken,
            findings: profile.findings,
        })
    }
}

/// Where credentials come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Auth,
    Environment,
    Profile,
}

impl Origin {
    /// Says where `credentials` come from, and what to do if the service refuses them.
    fn remedy(self, credentials: &Source, profile: &str) -> Option<String> {
        let (named, from) = match credentials {
            Source::Missing { .. } => return None,
            Source::Basic { secret, .. } => ("api_secret", secret),
            Source::Bearer(token) => ("access_token", token),
            Source::EncodedPair(pair) => ("credentials", pair),
        };
        let is_token = matches!(credentials, Source::Bearer(_));
        let kind = match is_token {
            true => "tokens expire after minutes",
            false => "the key of a cluster does not work here",
        };
        Some(match (self, is_token) {
            (Self::Environment, false) => format!(
                "the credentials come from the variables {KEY} and {SECRET}: set both to a Cloud or Global API key; {kind}"
            ),
            (Self::Environment, true) => format!(
                "the credentials come from the variable {TOKEN}: set it to a new token, or unset it to use a key; {kind}"
            ),
            (Self::Auth, _) => {
                format!("the credentials come from --auth: check what it names; {kind}")
            }
            (Self::Profile, _) => {
                let place = match from {
                    SecretSource::File(file) => format!("{named}_file, `{}`", file.display()),
                    SecretSource::Command(_) => format!("what {named}_command prints"),
                    SecretSource::Value(_) => named.to_owned(),
                };
                let key = if is_token { "" } else { "api_key and " };
                format!(
                    "the credentials come from the profile `{profile}` of config.toml: check its {key}{place}; {kind}"
                )
            }
        })
    }
}

impl Config {
    /// Says where the credentials come from that cannot be used.
    pub(super) fn of_credentials(&self, error: crate::api::Error) -> Error {
        let error = Error::from(error);
        let error = Error {
            hint: self.remedy.clone().or(error.hint),
            ..error
        };
        self.named::<()>(Err(error)).unwrap_err()
    }

    /// Names the profile in the error of reading its secret.
    pub(super) fn named<T>(&self, read: Result<T, Error>) -> Result<T, Error> {
        read.map_err(|error| match &self.profile {
            Some(profile) => Error {
                message: format!("profile `{profile}`: {}", error.message),
                ..error
            },
            None => error,
        })
    }
}

/// A file of certificates, and who named it.
#[derive(Debug, Clone)]
pub(super) struct CaCert {
    pub(super) file: PathBuf,
    profile: Option<String>,
}

impl CaCert {
    fn of(settings: &Settings, profile: &Profile, name: &str) -> Option<Self> {
        let (file, profile) = match (&settings.ca_cert, &profile.ca_cert) {
            (Some(file), _) => (file, None),
            (None, Some(file)) => (file, Some(name.to_owned())),
            (None, None) => return None,
        };
        Some(Self {
            file: file.clone(),
            profile,
        })
    }

    /// Says that the file gives no certificates.
    pub(super) fn unread(&self, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
        let named = match &self.profile {
            Some(profile) => format!("profile `{profile}`: `ca_cert`"),
            None => "--ca-cert".to_owned(),
        };
        let file = self.file.display();
        Error::usage(format!("{named} cannot be read from `{file}`")).caused_by(cause)
    }
}

fn environment_source<'e>(variable: &impl Fn(&str) -> Option<&'e str>) -> Option<Source> {
    if let Some(token) = variable(TOKEN) {
        return Some(Source::Bearer(SecretSource::Value(Secret::new(token))));
    }
    match (variable(KEY), variable(SECRET)) {
        (Some(key), Some(secret)) => Some(Source::Basic {
            key: key.to_owned(),
            secret: SecretSource::Value(Secret::new(secret)),
        }),
        (None, None) => None,
        (Some(_), None) => Some(half(KEY, SECRET)),
        (None, Some(_)) => Some(half(SECRET, KEY)),
    }
}

fn missing() -> Source {
    Source::Missing {
        reason: format!("no credentials: {KEY} and {SECRET} are not set"),
        hint: format!(
            "set {KEY} and {SECRET} to a Cloud API key and its secret, or try --sandbox, which needs no account"
        ),
    }
}

fn half(set: &str, unset: &str) -> Source {
    Source::Missing {
        reason: format!("no credentials: {set} is set, and {unset} is not"),
        hint: format!("set {unset}, too, or unset {set} to use a profile of config.toml"),
    }
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
                "CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET are not set",
            ),
            (
                vec![(KEY, "k")],
                "CONFLUENT_CLOUD_API_KEY is set, and CONFLUENT_CLOUD_API_SECRET is not",
            ),
            (
                vec![(SECRET, "s"), (KEY, "")],
                "CONFLUENT_CLOUD_API_SECRET is set, and CONFLUENT_CLOUD_API_KEY is not",
            ),
        ] {
            // Half a pair is not made whole by a profile.
            let file = if environment.is_empty() { "" } else { FILE };
            let config = resolve(&unset(), &environment, file).unwrap();
            let Source::Missing { reason, .. } = config.credentials else {
                panic!("there are no credentials");
            };
            assert_eq!(reason, format!("no credentials: {missing}"));
        }
    }

    #[test]
    fn what_to_do_about_refused_credentials_depends_on_where_they_come_from() {
        let remedy = |settings: &Settings, environment: &[(&str, &str)]| {
            resolve(settings, environment, FILE)
                .unwrap()
                .remedy
                .unwrap()
        };
        let told = remedy(&unset(), &[(KEY, "k"), (SECRET, "s")]);
        assert!(
            told.contains("the variables CONFLUENT_CLOUD_API_KEY and"),
            "{told}"
        );
        let told = remedy(&unset(), &[(TOKEN, "t")]);
        assert!(
            told.contains("the variable CONFLUENT_CLOUD_ACCESS_TOKEN"),
            "{told}"
        );
        let told = remedy(&unset(), &[]);
        assert!(
            told.contains("profile `default`") && told.contains("`/secret`"),
            "{told}"
        );
        let told = remedy(&with_profile("prod"), &[(KEY, "k"), (SECRET, "s")]);
        assert!(
            told.contains("profile `prod`") && told.contains("command prints"),
            "{told}"
        );
    }

    #[test]
    fn a_profile_for_reading_only_does_not_close_the_sandbox() {
        let file = "[profiles.default]\nread_only = true";
        let sandbox = Settings {
            sandbox: true,
            ..Settings::default()
        };
        assert!(!resolve(&sandbox, &[], file).unwrap().read_only);
        assert!(resolve(&unset(), &[], file).unwrap().read_only);
    }

    #[test]
    fn a_token_is_a_bearer_token() {
        let config = resolve(&unset(), &[(TOKEN, "t"), (KEY, "k"), (SECRET, "s")], "").unwrap();
        assert!(matches!(config.credentials, Source::Bearer(_)));
        assert!(!format!("{config:?}").contains("\"t\""));
    }
}
