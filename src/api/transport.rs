//! One request out, one answer in.
//!
//! [`Transport`] is the trait that tests replace; [`HttpTransport`] opens sockets. An answer of any status is a
//! [`Response`] here; the caller decides whether it is a success. Failures are classified by what they mean for a
//! retry. Never retries, never follows a redirect, never sends to any host but the endpoint, and leaves no task behind.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect;
use tokio::runtime::{self, Handle};
use tokio::sync::{OnceCell, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::credentials::Credentials;
use super::endpoint::Endpoint;
use super::error::Error;
use super::failure::{Failure, FailureKind};
use super::request::{Method, Request};
use super::text::{Seconds, printable, visible};
use crate::secret::Secret;

/// The longest body that is read, in bytes after decompression. A page of 100 keys has about 100 KB.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// The longest body of an error that is read, in bytes after decompression.
const MAX_ERROR_BODY: usize = 1024 * 1024;

/// The longest that connecting may take, including TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept. Shorter than the limit of usual gateways, so that a create is not sent into a
/// connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How much longer than the limit an answer is waited for: the thread of connections knows more about what is wrong.
const GRACE: Duration = Duration::from_millis(300);

/// How many tasks run before timers and sockets are looked at. A few: the connection of a server that never stops sending
/// may keep the thread for a moment each time.
const TASKS_PER_LOOK: u32 = 4;

/// Sends requests. The future may be dropped at any time; that closes its connection.
#[async_trait]
pub(crate) trait Transport: fmt::Debug + Send + Sync {
    /// Sends `request` once and reads the whole answer, or what has arrived of it after `limit`.
    async fn send(&self, request: &Request, limit: Duration) -> Result<Response, Failure>;

    /// Returns the runtime that tasks which do little but send requests had best run on; None for that of the caller.
    fn runtime(&self) -> Option<Handle> {
        None
    }
}

/// A proxy between this machine and the service.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Its address, which may hold a password.
    pub address: Secret,
    /// The same without one, for messages.
    pub shown: String,
    /// The variable that names it.
    pub variable: &'static str,
}

/// An answer of any status.
#[derive(Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body, decompressed; as much as arrived, if the connection broke.
    pub(crate) body: Bytes,
    /// Why the body is not complete.
    pub(crate) broken: Option<Failure>,
}

impl Response {
    /// Returns a header's value if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns true if its content type is HTML.
    pub(crate) fn is_html(&self) -> bool {
        self.header(CONTENT_TYPE.as_str())
            .is_some_and(|content| content.to_ascii_lowercase().contains("html"))
    }
}

/// The transport over HTTP/1.1, with TLS by rustls and the platform's trusted roots.
pub(crate) struct HttpTransport {
    endpoint: Endpoint,
    authorization: HeaderValue,
    certificates: Vec<reqwest::Certificate>,
    proxy: Option<Proxy>,
    /// Made by the first request, because loading the trusted certificates takes longer than many whole runs.
    client: OnceCell<reqwest::Client>,
    /// The same for creates, whose answers are not inflated on their way: what cannot be inflated may hold a secret.
    creates: OnceCell<reqwest::Client>,
    /// Where connections are read. A server that never lets go of one, such as with endless interim answers, keeps a thread
    /// busy that signals do not need.
    background: OnceLock<io::Result<Background>>,
}

/// A thread that runs the tasks it is given, for as long as this exists. A single one: what a task wakes runs next,
/// without another thread having to wake up.
struct Background {
    handle: Handle,
    /// Ends the thread when it is dropped, unless a task keeps it busy.
    _ends: oneshot::Sender<Infallible>,
}

impl Background {
    fn start() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .event_interval(TASKS_PER_LOOK)
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let (ends, ended) = oneshot::channel();
        thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || runtime.block_on(ended).ok())?;
        Ok(Self {
            handle,
            _ends: ends,
        })
    }

    /// Runs `exchange` there. Dropping the future ends it.
    async fn run<T: Send + 'static>(
        &self,
        exchange: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let mut tasks = JoinSet::new();
        tasks.spawn_on(exchange, &self.handle);
        tasks.join_next().await?.ok()
    }
}

impl HttpTransport {
    /// Checks the configuration. Does no I/O.
    ///
    /// Fails for credentials that no header can hold, and if `ca_cert` contains no PEM certificate.
    pub(crate) fn new(
        endpoint: Endpoint,
        credentials: &Credentials,
        ca_cert: Option<&[u8]>,
        proxy: Option<Proxy>,
    ) -> Result<Self, Error> {
        let refuse = |why: String| Error::Certificate {
            reason: printable(&why),
        };
        let certificates = match ca_cert {
            Some(pem) => {
                let unread = |_| refuse(what_is_wrong(pem).to_owned());
                reqwest::Certificate::from_pem_bundle(pem).map_err(unread)?
            }
            None => Vec::new(),
        };
        if ca_cert.is_some() && certificates.is_empty() {
            return Err(refuse(
                "expected at least one certificate in PEM".to_owned(),
            ));
        }
        Ok(Self {
            endpoint,
            authorization: credentials.authorization()?,
            certificates,
            proxy,
            client: OnceCell::new(),
            creates: OnceCell::new(),
            background: OnceLock::new(),
        })
    }

    /// Returns the thread for connections, which the first request starts.
    fn background(&self) -> Result<&Background, &io::Error> {
        self.background.get_or_init(Background::start).as_ref()
    }

    /// Names the proxy in a failure that it may be the cause of.
    fn failed(&self, failure: Failure) -> Failure {
        match &self.proxy {
            Some(Proxy {
                shown, variable, ..
            }) if failure.never_sent || failure.kind == FailureKind::Timeout => Failure {
                detail: format!(
                    "{}; the connection goes through the proxy `{shown}` that {variable} names",
                    failure.detail
                ),
                ..failure
            },
            _ => failure,
        }
    }

    fn build(&self, inflates: bool) -> Result<reqwest::Client, reqwest::Error> {
        // Fails if a provider is already installed, which does no harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("iamql/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .gzip(inflates)
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT);
        let builder = if self.endpoint.is_loopback() {
            // Loopback means this machine: no proxy is used, and the name is not resolved.
            let loopback = [
                SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
            ];
            builder.no_proxy().resolve_to_addrs("localhost", &loopback)
        } else {
            // The variables have been read already, once and for all.
            let builder = builder.no_proxy();
            match &self.proxy {
                Some(proxy) => builder.proxy(reqwest::Proxy::all(proxy.address.reveal())?),
                None => builder,
            }
        };
        let builder = if self.endpoint.is_plain() {
            // Without TLS there is no need to load trusted certificates.
            builder.tls_certs_only([])
        } else {
            let certificates = self.certificates.iter().cloned();
            builder.https_only(true).tls_certs_merge(certificates)
        };
        builder.build()
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: &Request, limit: Duration) -> Result<Response, Failure> {
        let inflates = request.line.method != Method::POST;
        let client = if inflates {
            &self.client
        } else {
            &self.creates
        };
        let client = client
            .get_or_try_init(async || self.build(inflates))
            .await
            .map_err(|e| Failure::of_reqwest(&e))?;
        let background = self.background().map_err(unable)?;
        let mut builder = client
            .request(
                request.line.method.clone(),
                self.endpoint.address(&request.line.path_and_query),
            )
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json");
        if let Some(body) = &request.body {
            tracing::trace!(body = %visible(body.as_str()), "request body");
            builder = builder
                .header(CONTENT_TYPE, "application/json")
                .body(body.as_str().to_owned());
        }
        // A create is answered with the only copy of a secret, which may come before what goes wrong.
        let keeps_all = !inflates;
        let exchange = background.run(exchange(builder, limit, keeps_all));
        let answer = match timeout(limit + GRACE, exchange).await {
            Ok(Some(answer)) => answer,
            Ok(None) => Err(Failure::sent(FailureKind::Other, "it broke off")),
            // The thread is busy with a connection that never comes to a rest.
            Err(_) => Err(Failure::timed_out(limit)),
        };
        answer.map_err(|failure| self.failed(failure))
    }

    fn runtime(&self) -> Option<Handle> {
        Some(self.background().ok()?.handle.clone())
    }
}

/// Returns the failure of a request that could not even be begun.
fn unable(why: &io::Error) -> Failure {
    Failure {
        kind: FailureKind::Other,
        detail: printable(&why.to_string()),
        never_sent: true,
    }
}

/// Sends a request and reads its answer, for as long as `limit`.
async fn exchange(
    request: reqwest::RequestBuilder,
    limit: Duration,
    keeps_all: bool,
) -> Result<Response, Failure> {
    let deadline = Instant::now() + limit;
    let sent = timeout_at(deadline, request.send()).await;
    let sent = sent.map_err(|_| Failure::timed_out(limit))?;
    let mut response = sent.map_err(|e| Failure::of_reqwest(&e))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let is_success = response.status().is_success();
    let most = if is_success { MAX_BODY } else { MAX_ERROR_BODY };
    let expected = response.content_length().unwrap_or(0);
    let mut body = Body::default();
    let broken = match is_success && !keeps_all && expected > most as u64 {
        true => Some(too_large()),
        false => match timeout_at(deadline, body.read(&mut response, most)).await {
            Ok(broken) => broken,
            Err(_) => Some(Failure::sent(
                FailureKind::Timeout,
                format!("the answer was not complete within {}", Seconds(limit)),
            )),
        },
    };
    // What comes after the beginning of an error explains no more.
    let broken = broken.filter(|_| is_success);
    if broken.is_some() && !keeps_all {
        // Nobody reads a part of it, and it may be large.
        body = Body::default();
    }
    Ok(Response {
        status,
        headers,
        body: body.joined(),
        broken,
    })
}

fn too_large() -> Failure {
    let limit = MAX_BODY / 1024 / 1024;
    let detail = format!("the body is longer than the limit of {limit} MiB");
    Failure::sent(FailureKind::TooLarge, detail)
}

/// The parts of a body read so far, which are joined only at the end.
#[derive(Default)]
struct Body {
    parts: Vec<Bytes>,
    length: usize,
}

impl Body {
    /// Reads `response` to its end, or `most` bytes. Returns why it is not complete.
    async fn read(&mut self, response: &mut reqwest::Response, most: usize) -> Option<Failure> {
        loop {
            let mut part = match response.chunk().await {
                Ok(Some(part)) => part,
                Ok(None) => return None,
                Err(e) => {
                    let failure = Failure::of_reqwest(&e);
                    return Some(Failure::sent(FailureKind::Truncated, failure.detail));
                }
            };
            let is_too_large = part.len() > most - self.length;
            part.truncate(most - self.length);
            self.length += part.len();
            self.parts.push(part);
            if is_too_large {
                return Some(too_large());
            }
        }
    }

    fn joined(mut self) -> Bytes {
        if self.parts.len() == 1 {
            return self.parts.swap_remove(0);
        }
        let mut body = BytesMut::with_capacity(self.length);
        self.parts
            .iter()
            .for_each(|part| body.extend_from_slice(part));
        body.freeze()
    }
}
/// Says what is wrong with a file of certificates that cannot be read.
fn what_is_wrong(pem: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(pem);
    match text.matches("-----BEGIN").count() > text.matches("-----END").count() {
        true => "the file is cut off",
        false => "it is not a file of certificates in PEM",
    }
}
