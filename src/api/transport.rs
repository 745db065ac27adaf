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

use super::credentials::Credentials;
use super::endpoint::Endpoint;
use super::error::Error;
use super::failure::{Failure, FailureKind};
use super::request::{Method, Request};
use super::text::{printable, visible};
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

/// How many tasks run before timers and sockets are looked at. A few: the connection of a server that never stops sending
/// may keep the thread for a moment each time.
const TASKS_PER_LOOK: u32 = 4;

/// Sends requests. The future may be dropped at any time; that closes its connection.
#[async_trait]
pub(crate) trait Transport: fmt::Debug + Send + Sync {
    /// Sends `request` once and reads the whole answer.
    async fn send(&self, request: &Request) -> Result<Response, Failure>;

    /// Returns the runtime that tasks which do little but send requests had best run on; None for that of the caller.
    fn runtime(&self) -> Option<Handle> {
        None
    }

    /// Returns the failure of a request that had no answer within `limit`.
    fn timed_out(&self, limit: Duration) -> Failure {
        Failure::timed_out(limit)
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
    /// # Errors
    /// [`Error::Credentials`], or [`Error::Certificate`] if `ca_cert` contains no PEM certificate.
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
                reqwest::Certificate::from_pem_bundle(pem).map_err(|e| refuse(e.to_string()))?
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

    /// Names the proxy in a failure to connect.
    fn failed(&self, failure: Failure) -> Failure {
        match failure.never_sent {
            true => self.through_proxy(failure),
            false => failure,
        }
    }

    fn through_proxy(&self, failure: Failure) -> Failure {
        match &self.proxy {
            Some(Proxy {
                shown, variable, ..
            }) => Failure {
                detail: format!(
                    "{}; the connection goes through the proxy `{shown}` that {variable} names",
                    failure.detail
                ),
                ..failure
            },
            None => failure,
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
    async fn send(&self, request: &Request) -> Result<Response, Failure> {
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
        let answer = background.run(exchange(builder)).await;
        let answer =
            answer.unwrap_or_else(|| Err(Failure::sent(FailureKind::Other, "it broke off")));
        answer.map_err(|failure| self.failed(failure))
    }

    fn runtime(&self) -> Option<Handle> {
        Some(self.background().ok()?.handle.clone())
    }

    fn timed_out(&self, limit: Duration) -> Failure {
        self.through_proxy(Failure::timed_out(limit))
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

/// Sends a request and reads its answer.
async fn exchange(request: reqwest::RequestBuilder) -> Result<Response, Failure> {
    let sent = request.send().await;
    let mut response = sent.map_err(|e| Failure::of_reqwest(&e))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let (body, broken) = match response.status().is_success() {
        true => read_body(&mut response).await,
        false => read_explanation(&mut response).await,
    };
    Ok(Response {
        status,
        headers,
        body,
        broken,
    })
}

/// Reads the beginning of the body of an error; what comes after it explains no more.
async fn read_explanation(response: &mut reqwest::Response) -> (Bytes, Option<Failure>) {
    let mut body = BytesMut::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_ERROR_BODY - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    (body.freeze(), None)
}

async fn read_body(response: &mut reqwest::Response) -> (Bytes, Option<Failure>) {
    let expected = response
        .content_length()
        .map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    let too_large = || {
        let detail = format!(
            "the body is longer than the limit of {} MiB",
            MAX_BODY / 1024 / 1024
        );
        (
            Bytes::new(),
            Some(Failure::sent(FailureKind::TooLarge, detail)),
        )
    };
    if expected > MAX_BODY {
        return too_large();
    }
    // Put together only once it is whole: what is too long to be kept is never copied.
    let (mut parts, mut length) = (Vec::new(), 0);
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if chunk.len() > MAX_BODY - length => return too_large(),
            Ok(Some(chunk)) => {
                length += chunk.len();
                parts.push(chunk);
            }
            Ok(None) => return (joined(parts, length), None),
            Err(e) => {
                let failure = Failure::of_reqwest(&e);
                return (
                    joined(parts, length),
                    Some(Failure::sent(FailureKind::Truncated, failure.detail)),
                );
            }
        }
    }
}

/// Returns `parts`, which have `length` bytes in all, as one.
fn joined(mut parts: Vec<Bytes>, length: usize) -> Bytes {
    if parts.len() == 1 {
        return parts.swap_remove(0);
    }
    let mut body = BytesMut::with_capacity(length);
    parts.iter().for_each(|part| body.extend_from_slice(part));
    body.freeze()
}
