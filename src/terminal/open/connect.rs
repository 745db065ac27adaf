//! Makes the connection that a [`Config`] describes: reads the secret, prepares the client. Sends nothing.

use std::path::Path;
use std::process::Stdio;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::config::Config;
use super::credentials::{SecretSource, Source};
use crate::api::{Client, ClientConfig, Credentials, Endpoint, RetryPolicy};
use crate::error::Error;
use crate::secret::Secret;
use crate::table::{Connection, NotConnected};
use crate::terminal::child;
#[cfg(unix)]
use crate::terminal::notes;

/// Returns the connection that `config` describes; without credentials it is one that says what is missing.
///
/// # Errors
///
/// Fails if credentials may not be sent to the endpoint, or if a file or command does not give the secret.
pub(super) async fn connect(config: &Config) -> Result<Connection, Error> {
    let endpoint = match &config.endpoint {
        Some(url) => Endpoint::parse(url)?,
        None => Endpoint::production(),
    };
    let credentials = match &config.credentials {
        Source::Missing { reason, hint } => {
            return Ok(Connection::missing(NotConnected {
                reason: reason.clone(),
                hint: hint.clone(),
            }));
        }
        Source::Basic { key, secret } => Credentials::Basic {
            key: key.clone(),
            secret: read(secret).await?,
        },
        Source::Bearer(token) => Credentials::Bearer(read(token).await?),
        Source::EncodedPair(pair) => decode_pair(&read(pair).await?)?,
    };
    let ca_cert = match &config.ca_cert {
        Some(file) => Some(read_file(file, "--ca-cert").await?.into_bytes()),
        None => None,
    };
    client(config, endpoint, credentials, ca_cert)
}

/// Returns a connection to a sandbox at `url`.
///
/// # Errors
///
/// Fails if the client cannot be set up.
pub(super) fn connect_to_sandbox(
    config: &Config,
    url: &str,
    (key, secret): (&str, &str),
) -> Result<Connection, Error> {
    let endpoint = Endpoint::parse(url)?;
    let credentials = Credentials::Basic {
        key: key.to_owned(),
        secret: Secret::new(secret),
    };
    client(config, endpoint, credentials, None)
}

fn client(
    config: &Config,
    endpoint: Endpoint,
    credentials: Credentials,
    ca_cert: Option<Vec<u8>>,
) -> Result<Connection, Error> {
    let client = Client::new(ClientConfig {
        endpoint,
        credentials,
        timeout: config.timeout,
        concurrency: config.concurrency,
        ca_cert,
        retry: RetryPolicy::default(),
    })?;
    Ok(Connection::to(client))
}

async fn read(source: &SecretSource) -> Result<Secret, Error> {
    let secret = match source {
        SecretSource::Value(secret) => secret.clone(),
        SecretSource::File(file) => {
            warn_if_readable_by_others(file);
            Secret::new(read_file(file, "the secret").await?.trim())
        }
        SecretSource::Command(command) => run(command).await?,
    };
    if secret.is_empty() {
        return Err(
            Error::usage("the secret is empty").hint("look at what its file or command holds")
        );
    }
    Ok(secret)
}

async fn read_file(file: &Path, what: &str) -> Result<String, Error> {
    tokio::fs::read_to_string(file).await.map_err(|error| {
        Error::usage(format!("{what} cannot be read from `{}`", file.display())).caused_by(error)
    })
}

/// Runs `command` in the system's shell and returns what it prints.
async fn run(command: &str) -> Result<Secret, Error> {
    let failed = |what: String| {
        Error::usage(format!(
            "the command `{command}` that prints the secret {what}"
        ))
    };
    let output = tokio::process::Command::from(child::shell(command))
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .await
        .map_err(|error| failed("cannot be run".to_owned()).caused_by(error))?;
    if !output.status.success() {
        return Err(failed(format!("ended with {}", output.status)));
    }
    let text = String::from_utf8(output.stdout)
        .map_err(|_| failed("printed something that is not text".to_owned()))?;
    Ok(Secret::new(text.trim()))
}

fn decode_pair(pair: &Secret) -> Result<Credentials, Error> {
    let decoded = BASE64_STANDARD.decode(pair.reveal().trim()).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    match text.as_deref().and_then(|text| text.split_once(':')) {
        Some((key, secret)) => Ok(Credentials::Basic {
            key: key.to_owned(),
            secret: Secret::new(secret),
        }),
        None => Err(Error::usage(
            "the credentials that --auth names are not KEY:SECRET in Base64",
        )),
    }
}

#[cfg(unix)]
fn warn_if_readable_by_others(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(file).map(|meta| meta.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        notes::warn(&format!(
            "others can read the secret in `{0}`; chmod 600 '{0}'",
            file.display()
        ));
    }
}

#[cfg(not(unix))]
fn warn_if_readable_by_others(_: &Path) {}
