//! Makes the connection that a [`Config`] describes: reads the secret, prepares the client. Sends nothing.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::future::{Either, select};
use tokio::io::AsyncReadExt;
use tokio::process::ChildStderr;
use tokio::time::timeout;

use super::config::Config;
use super::credentials::{Environment, SecretSource, Source};
use super::proxy;
use crate::api::{self, Client, ClientConfig, Credentials, Endpoint, Proxy, RetryPolicy};
use crate::error::Error;
use crate::mask::Mask;
use crate::render::escape_controls;
use crate::secret::Secret;
use crate::table::{Connection, NotConnected};
use crate::terminal::{children, notes};

/// How long a file may take to be read.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a command is listened to after it has ended.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// The most bytes of a secret, and of the remarks of a command that are shown.
const MAX_SECRET: u64 = 64 << 10;

/// The most bytes of a file of certificates: those that systems come with have a tenth.
const MAX_CERTIFICATES: u64 = 4 << 20;

/// What is wrong with a longer one.
const TOO_LONG: &str = "is longer than a secret can be";

/// A byte order mark.
const MARK: char = '\u{feff}';

/// How long a command may be silent until a person is shown what it has said.
const SILENCE: Duration = Duration::from_millis(300);

/// Returns the connection that `config` describes; without credentials it is one that says what is missing.
///
/// Fails if credentials may not be sent to the endpoint, or if a file or command does not give the secret.
pub(super) async fn connect(
    config: &Config,
    environment: &Environment,
) -> Result<Connection, Error> {
    let endpoint = match &config.endpoint {
        Some(url) => Endpoint::parse(url).map_err(|error| without_scheme(url, error))?,
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
            secret: config.named(read(secret, config).await)?,
        },
        Source::Bearer(token) => Credentials::Bearer(config.named(read(token, config).await)?),
        Source::EncodedPair(pair) => decode_pair(&read(pair, config).await?)?,
    };
    let ca_cert = match &config.ca_cert {
        Some(ca_cert) => {
            let mut pem = in_time(read_at_most(&ca_cert.file, MAX_CERTIFICATES))
                .await
                .map_err(|error| ca_cert.unread(error))?;
            if pem.starts_with(MARK.to_string().as_bytes()) {
                pem.drain(..MARK.len_utf8());
            }
            Some(pem)
        }
        None => None,
    };
    let proxy = proxy::proxy(environment, &endpoint)?;
    client(config, endpoint, credentials, ca_cert, proxy)
}

/// Retells `error`, which refuses `url`, if all that it lacks is what an address begins with.
fn without_scheme(url: &str, error: api::Error) -> Error {
    // What stands before `@` or behind `?` may be a password.
    match url.contains("://") || url.contains(['@', '?', '#']) {
        true => error.into(),
        false => Error::usage(format!(
            "endpoint `{}` does not begin with https:// or http://",
            escape_controls(url)
        ))
        .hint("write https:// before it, or http:// for a service on this machine"),
    }
}

/// Returns a connection to a sandbox at `url`.
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
    client(config, endpoint, credentials, None, None)
}

fn client(
    config: &Config,
    endpoint: Endpoint,
    credentials: Credentials,
    ca_cert: Option<Vec<u8>>,
    proxy: Option<Proxy>,
) -> Result<Connection, Error> {
    let client = ClientConfig {
        endpoint,
        credentials,
        timeout: config.timeout,
        concurrency: config.concurrency,
        ca_cert,
        retry: RetryPolicy::default(),
    };
    let client =
        Client::through(proxy, client).map_err(|error| match (error, &config.ca_cert) {
            (error @ api::Error::Certificate { .. }, Some(ca_cert)) => ca_cert.unread(error),
            (error @ api::Error::Credentials { .. }, _) => config.of_credentials(error),
            (error, _) => error.into(),
        })?;
    Ok(Connection::to(match &config.remedy {
        Some(remedy) => client.explaining_credentials(remedy.clone()),
        None => client,
    }))
}

async fn read(source: &SecretSource, config: &Config) -> Result<Secret, Error> {
    let secret = match source {
        SecretSource::Value(secret) => secret.clone(),
        SecretSource::File(file) => {
            warn_if_readable_by_others(file);
            of_text(&read_file(file, config).await?)
        }
        SecretSource::Command(command) => {
            let stdin = match config.is_stdin_taken {
                true => Stdio::null(),
                false => Stdio::inherit(),
            };
            run(command, stdin, config.timeout).await?
        }
    };
    if secret.is_empty() {
        return Err(Error::usage("the secret is empty").hint("check its file or command"));
    }
    if secret.reveal().contains('\n') {
        let one_line = |hint: &str| format!("{hint} the secret alone, on one line");
        let error = |what: String| Error::usage(format!("{what} several lines"));
        match source {
            SecretSource::Value(_) => {}
            SecretSource::File(file) => {
                return Err(error(format!("the secret's file `{}` has", file.display()))
                    .hint(one_line("it must hold")));
            }
            SecretSource::Command(command) => {
                return Err(error(format!(
                    "the command `{command}` that prints the secret prints"
                ))
                .hint(one_line("it must print")));
            }
        }
    }
    Ok(secret)
}

async fn read_file(file: &Path, config: &Config) -> Result<String, Error> {
    let read = in_time(read_at_most(file, MAX_SECRET)).await;
    let text = read.and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
    text.map_err(|error| {
        let what = match config.profile {
            Some(_) => format!("the secret cannot be read from `{}`", file.display()),
            // What stands where a path should may be the secret.
            None => "the file of credentials that --auth names cannot be read".to_owned(),
        };
        match error.kind() {
            io::ErrorKind::FileTooLarge => Error::usage(format!("{what}: it {TOO_LONG}")),
            _ => Error::usage(what).caused_by(error),
        }
    })
}

/// Reads a file, which may have no end, such as a device.
async fn read_at_most(file: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = tokio::fs::File::open(file).await?;
    let read = file.take(most + 1).read_to_end(&mut bytes).await?;
    match read as u64 > most {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {most} bytes"),
        )),
        false => Ok(bytes),
    }
}

/// Waits for what is in a file, which may be a pipe that nobody writes to.
async fn in_time<T>(reading: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, reading).await.unwrap_or_else(|_| {
        let why = format!("no data came within {} s", PATIENCE.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    })
}

/// Returns the secret in `text`, without white space around it and the byte order mark of some editors.
fn of_text(text: &str) -> Secret {
    Secret::new(text.trim_start_matches(MARK).trim())
}

/// Runs `command` in the system's shell and returns what it prints, within `limit`.
async fn run(command: &str, stdin: Stdio, limit: Duration) -> Result<Secret, Error> {
    let failed = |what: String| {
        Error::usage(format!(
            "the command `{command}` that prints the secret {what}"
        ))
    };
    let not_run = |error| failed("cannot be run".to_owned()).caused_by(error);
    let mut child = tokio::process::Command::from(children::shell(command))
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(not_run)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (mut printed, mut remarks) = (Vec::new(), Vec::new());
    let ended = timeout(limit, async {
        let listening = pin!(listen(stderr, &mut remarks));
        let waiting = pin!(async {
            if let Some(stdout) = stdout {
                let most = MAX_SECRET + 1;
                // It may go on for ever.
                if stdout.take(most).read_to_end(&mut printed).await? as u64 == most {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
            }
            child.wait().await
        });
        match select(waiting, listening).await {
            Either::Left((status, listening)) => {
                // What it has started may hold stderr open for as long as it likes.
                let _ = timeout(LAST_WORDS, listening).await;
                status
            }
            Either::Right(((), waiting)) => waiting.await,
        }
    })
    .await;
    // What it printed may be in its remarks as well.
    if printed.len() as u64 > MAX_SECRET {
        return Err(
            Error::usage(format!("the output of the command `{command}` {TOO_LONG}"))
                .hint("it must print the secret alone"),
        );
    }
    let secret = Secret::new(String::from_utf8_lossy(&printed).trim());
    tell(&remarks, &Mask::of([secret]));
    let Ok(status) = ended else {
        let limit = limit.as_secs();
        return Err(failed(format!("did not end within {limit} s"))
            .hint("pass --timeout to allow more time, and so does timeout in the profile"));
    };
    let status = status.map_err(not_run)?;
    if !status.success() {
        return Err(failed(format!("ended with {status}")));
    }
    let text = String::from_utf8(printed)
        .map_err(|_| failed("printed something that is not text".to_owned()))?;
    Ok(of_text(&text))
}

/// Listens to what a command says on its stderr, and puts it into `heard`. Where a person reads along, who may have to
/// answer, it is shown before the secret is known.
async fn listen(stderr: Option<ChildStderr>, heard: &mut Vec<u8>) {
    let mut bytes = [0; 4096];
    let Some(mut stderr) = stderr else {
        return;
    };
    let silence = match io::stderr().is_terminal() {
        true => SILENCE,
        false => Duration::MAX,
    };
    loop {
        match timeout(silence, stderr.read(&mut bytes)).await {
            Ok(Ok(count @ 1..)) => {
                // What is not shown is read as well, so that the command can go on.
                let room = (MAX_SECRET as usize).saturating_sub(heard.len());
                heard.extend_from_slice(&bytes[..count.min(room)]);
            }
            Ok(_) => return,
            Err(_) => tell(&std::mem::take(heard), &Mask::default()),
        }
    }
}

/// Shows the remarks of a command, without what `mask` takes out.
fn tell(remarks: &[u8], mask: &Mask) {
    if !remarks.is_empty() {
        notes::visible(&mask.apply(&String::from_utf8_lossy(remarks)));
    }
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
