//! The client of Confluent Cloud.
//!
//! Turns the operations on a [`Resource`] into typed calls: objects are returned as the JSON that was sent
//! ([`KeyBody`]), for the table to decode, and failures as an [`Error`] that knows its request. Requests are pure
//! values (`request`), which can be shown without being sent. Depends on [`crate::secret`] and [`crate::resource`];
//! never prints, knows no SQL, and sends nothing to any host but the configured endpoint.
//!
//! One file per layer: `transport` (one request, one answer), `call` with `retry` and `ratelimit` (attempts until there
//! is an answer), `pagination` and `prefetch` (from pages to a listing), `page` and `body` (the wire format), `error`,
//! `service_error`, `failure` and `hint` (what can go wrong), `request_limits` and `traffic` (limits on a statement's
//! requests, and their counts), `service_clock` (the time there).

mod body;
mod call;
mod credentials;
mod endpoint;
mod error;
mod failure;
mod hint;
mod page;
mod pagination;
mod prefetch;
pub(crate) mod ratelimit;
pub(crate) mod request;
mod request_limits;
mod retry;
mod service_clock;
mod service_error;
#[cfg(test)]
mod tests;
mod text;
mod traffic;
pub(crate) mod transport;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{Stream, TryStreamExt};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

pub use body::{DecodeError, KeyBody};
pub use call::Stop;
pub use credentials::Credentials;
pub use endpoint::Endpoint;
pub use error::{Call, Error};
pub use failure::{Failure, FailureKind};
pub(crate) use page::{Listed, PageSummary};
pub use page::{Page, PageReader, PageToken};
pub(crate) use pagination::MAX_EMPTY_PAGES;
pub use request::{Filters, KeyId, ListParams, Method, Request, RequestBody, RequestLine};
pub use request_limits::Budget;
pub use retry::RetryPolicy;
pub use service_error::ServiceError;
pub use traffic::{Figures, Traffic};
pub use transport::Proxy;

use call::{Caller, Refused};
use prefetch::{Fetched, PageSource, Validation};
use ratelimit::Gate;
use request_limits::RequestLimits;
use service_clock::ServiceClock;
use transport::{HttpTransport, Transport};

use crate::mask::Mask;
use crate::resource::Resource;

/// The configuration of a client.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Where requests go.
    pub endpoint: Endpoint,
    /// What authenticates them.
    pub credentials: Credentials,
    /// The longest that one call may take, with all its attempts and pauses. Time spent waiting for the client's own
    /// requests does not count.
    pub timeout: Duration,
    /// The most requests in flight at a time; at least one is allowed.
    pub concurrency: usize,
    /// PEM certificates that are trusted in addition to the platform's.
    pub ca_cert: Option<Vec<u8>>,
    /// How often and how fast requests are repeated.
    pub retry: RetryPolicy,
}

/// The operations on resources. Cheap to clone; clones share connections, the limit on requests in flight, and the
/// pauses that the service asks for.
#[derive(Clone)]
pub struct Client {
    caller: Arc<Caller>,
    limits: RequestLimits,
    concurrency: usize,
    key_id: Option<Arc<str>>,
}

/// The result of reading one key.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// The key.
    Found(KeyBody),
    /// 404: there is no such key.
    NotFound,
    /// 403: the key no longer exists, or it may not be seen; the service does not say which.
    Forbidden(ServiceError),
}

/// The result of deleting one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// The key existed and is gone.
    Deleted,
    /// There was no such key.
    NotFound,
}

impl Client {
    /// Makes a client. Does no I/O: certificates are loaded and connections made by the first request.
    ///
    /// # Errors
    /// [`Error::Credentials`] or [`Error::Certificate`] if those parts of the configuration cannot be used.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        Self::through(None, config)
    }

    /// Makes a client that reaches the service through `proxy`, unless the service is on this machine.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn through(proxy: Option<Proxy>, config: ClientConfig) -> Result<Self, Error> {
        let transport = HttpTransport::new(
            config.endpoint.clone(),
            &config.credentials,
            config.ca_cert.as_deref(),
            proxy,
        )?;
        Ok(Self::over(Arc::new(transport), config))
    }

    fn over(transport: Arc<dyn Transport>, config: ClientConfig) -> Self {
        let concurrency = config.concurrency.clamp(1, Semaphore::MAX_PERMITS);
        let key_id: Option<Arc<str>> = config.credentials.key_id().map(Arc::from);
        let caller = Caller {
            own_key: key_id.clone(),
            transport,
            mask: Mask::of(config.credentials.secrets()),
            remedy: OnceLock::new(),
            endpoint: config.endpoint,
            retry: config.retry,
            timeout: config.timeout,
            permits: Semaphore::new(concurrency),
            gate: Gate::default(),
            clock: ServiceClock::default(),
            refused: Refused::default(),
            random: fastrand::f64,
            now: SystemTime::now,
        };
        Self {
            caller: Arc::new(caller),
            limits: RequestLimits::default(),
            concurrency,
            key_id,
        }
    }

    /// Returns the same client, which tells `remedy` when the service refuses the credentials: where they come from, and
    /// what to do about it.
    #[must_use]
    pub fn explaining_credentials(self, remedy: String) -> Self {
        // The first one counts.
        let _ = self.caller.remedy.set(remedy);
        self
    }

    /// Returns the same client, with its requests counted by `traffic`.
    pub fn observed_by(&self, traffic: Arc<Traffic>) -> Self {
        self.under(|limits| limits.traffic = traffic)
    }

    /// Returns the same client, except that it sends nothing more once `stop` is raised.
    pub fn stopped_by(&self, stop: Stop) -> Self {
        self.under(|limits| limits.stop = stop)
    }

    /// Returns the same client, except that it sends no more requests than `budget` allows.
    pub fn within(&self, budget: Budget) -> Self {
        self.under(|limits| limits.budget = budget)
    }

    /// Returns the same client, except that it sends nothing that changes something.
    pub fn reading_only(&self) -> Self {
        self.under(|limits| limits.reads_only = true)
    }

    fn under(&self, change: impl FnOnce(&mut RequestLimits)) -> Self {
        let mut client = self.clone();
        change(&mut client.limits);
        client
    }

    /// Returns the most requests that may be in flight at a time.
    pub fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// Returns where requests go.
    pub fn endpoint(&self) -> &Endpoint {
        &self.caller.endpoint
    }

    /// Returns what the service's clock showed at `moment` of this machine's, or a little less; None before the first
    /// answer that tells.
    pub fn service_time(&self, moment: SystemTime) -> Option<DateTime<Utc>> {
        self.caller.clock.at(moment)
    }

    /// Returns the id of the key that authenticates, if it is a key.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Reads one object of `resource` that may not exist; `filters` are the parameters that the request needs.
    ///
    /// # Errors
    /// As [`Client::get`], except that a 404 is a value, and so is a 403 that is not about the credentials, where the
    /// service answers so for what is gone.
    pub async fn get_opt(
        &self,
        resource: &Resource,
        id: &KeyId,
        filters: &Filters,
    ) -> Result<Lookup, Error> {
        match self.get_with(resource, id, filters).await {
            Ok(key) => Ok(Lookup::Found(key)),
            Err(error) if error.is_not_found() => Ok(Lookup::NotFound),
            Err(Error::Service { service, .. })
                if resource.hides_gone && service.is_forbidden() =>
            {
                Ok(Lookup::Forbidden(*service))
            }
            Err(error) => Err(error),
        }
    }

    /// Reads one object of `resource`.
    ///
    /// # Errors
    /// Any refusal, including 404; see [`Client::get_opt`].
    pub async fn get(&self, resource: &Resource, id: &KeyId) -> Result<KeyBody, Error> {
        self.get_with(resource, id, &Filters::default()).await
    }

    async fn get_with(
        &self,
        resource: &Resource,
        id: &KeyId,
        filters: &Filters,
    ) -> Result<KeyBody, Error> {
        let request = request::get(resource, id, filters);
        let read = |body, _: Option<&str>| KeyBody::of_id(body, id.as_str(), true);
        self.caller.call(&request, &self.limits, read).await
    }

    /// Lists objects, page by page. Each page is requested when the stream is polled for it. The stream ends after the
    /// last page or the first error.
    ///
    /// # Errors
    /// Any refusal, [`Error::Decode`] for a page that cannot be read or continued, and [`Error::RepeatedToken`] if the
    /// pages link in a loop.
    pub fn list(
        &self,
        params: ListParams,
    ) -> impl Stream<Item = Result<Page, Error>> + Send + 'static + use<> {
        let endless = Error::EmptyPages {
            request: request::list(&params, None).line,
        };
        let listing = Arc::new(Listing::new(self.clone(), params));
        let (repeated, short) = (Arc::clone(&listing), Arc::clone(&listing));
        let fetch = move |token: Option<PageToken>| {
            let listing = Arc::clone(&listing);
            async move {
                let page = listing.page(token.as_ref(), Page::parse).await?;
                listing.client.limits.traffic.listed(1, page.len());
                Ok(page)
            }
        };
        let pages = pagination::pages(
            fetch,
            move |_| repeated.is_endless(),
            move |keys, total| short.is_short(keys, total),
        );
        pagination::bounded(pages, |page| (1, page.len()), move || endless.clone())
    }

    /// Lists objects, and fetches the next page while the readers that `reader` makes read this one: for listings that
    /// are read to the end. Pages that are waiting are read together. All requests end with the stream.
    ///
    /// Fails as [`Client::list`] does.
    pub(crate) fn list_prefetched<R, Make>(
        &self,
        params: ListParams,
        reader: Make,
    ) -> impl Stream<Item = Result<Listed<R::Output>, Error>> + Send + 'static + use<R, Make>
    where
        R: PageReader,
        Make: Fn() -> R + Send + Sync + 'static,
    {
        let traffic = Arc::clone(&self.limits.traffic);
        let endless = Error::EmptyPages {
            request: request::list(&params, None).line,
        };
        let source = Pages {
            listing: Listing::new(self.clone(), params),
            reader,
        };
        let pages = prefetch::pages(source)
            .inspect_ok(move |listed| traffic.listed(listed.pages, listed.keys));
        let size = |listed: &Listed<R::Output>| (listed.pages, listed.keys);
        pagination::bounded(pages, size, move || endless.clone())
    }

    /// Returns `params` without what the service has refused.
    pub(crate) fn accepted(&self, params: ListParams) -> ListParams {
        let is_taken = |parameter| !self.caller.refused.has(parameter);
        ListParams {
            all: params.list_all().is_some_and(is_taken),
            ..params
        }
    }

    /// Creates a key. The answer is returned as it was sent if it names a key or may contain the only copy of a secret,
    /// whatever else it looks like.
    ///
    /// # Errors
    /// [`Error::outcome_unknown`] tells whether a key may exist nevertheless.
    pub async fn create(&self, resource: &Resource, body: &RequestBody) -> Result<KeyBody, Error> {
        let created = self
            .caller
            .call(
                &request::create(resource, body),
                &self.limits,
                |body, named| Ok(KeyBody::salvage(body)?.with_id(named)),
            )
            .await?;
        for secret in created.secrets() {
            self.caller.mask.add_created(secret);
        }
        Ok(created)
    }

    /// Changes the fields of a key that `body` names, and returns the changed key.
    ///
    /// # Errors
    /// Any refusal, including 404.
    pub async fn update(
        &self,
        resource: &Resource,
        id: &KeyId,
        body: &RequestBody,
    ) -> Result<KeyBody, Error> {
        self.caller
            .call(
                &request::update(resource, id, body),
                &self.limits,
                |body, _| KeyBody::of_id(body, id.as_str(), false),
            )
            .await
    }

    /// Deletes a key for good. A 404 counts as a deletion if an earlier attempt of this call may have taken effect.
    ///
    /// # Errors
    /// Any refusal except 404.
    pub async fn delete(&self, resource: &Resource, id: &KeyId) -> Result<Deletion, Error> {
        match self
            .caller
            .call(&request::delete(resource, id), &self.limits, |body, _| {
                body::read_nothing(body)
            })
            .await
        {
            Ok(()) => Ok(Deletion::Deleted),
            Err(error) if error.is_not_found() && error.outcome_unknown() => Ok(Deletion::Deleted),
            Err(error) if error.is_not_found() => Ok(Deletion::NotFound),
            Err(error) => Err(error),
        }
    }

    /// Deletes a key that these credentials have read. The service answers 403 for a key that no longer exists; here
    /// that counts as a deletion too, if an earlier attempt may have taken effect and the key can no longer be read.
    ///
    /// # Errors
    /// As [`Client::delete`].
    pub async fn delete_read(&self, resource: &Resource, id: &KeyId) -> Result<Deletion, Error> {
        match self.delete(resource, id).await {
            Err(error) if error.is_forbidden() && error.outcome_unknown() => {
                match self.get_opt(resource, id, &Filters::default()).await {
                    Ok(Lookup::NotFound | Lookup::Forbidden(_)) => Ok(Deletion::Deleted),
                    _ => Err(error),
                }
            }
            outcome => outcome,
        }
    }
}

/// One listing. All its pages are asked for in the same way.
struct Listing {
    client: Client,
    params: ListParams,
    /// True if the first page has been asked for again without [`Resource::list_all`].
    is_reduced: AtomicBool,
}

impl Listing {
    fn new(client: Client, params: ListParams) -> Self {
        Self {
            params: client.accepted(params),
            client,
            is_reduced: AtomicBool::new(false),
        }
    }

    /// Fetches the page that `token` stands for, or the first, and reads it with `read`.
    ///
    /// A service from before [`Resource::list_all`] may refuse it, and lists everything anyway. That counts for the first
    /// page only: a service that has taken the parameter must not leave anything out on the pages after it.
    async fn page<T>(
        &self,
        token: Option<&PageToken>,
        read: impl Fn(Bytes) -> Result<T, DecodeError>,
    ) -> Result<T, Error> {
        let Client { caller, limits, .. } = &self.client;
        let read = |body, _: Option<&str>| read(body);
        let request = request::list(&self.params(), token);
        let answer = caller.call(&request, limits, &read).await;
        let refused = match &answer {
            Err(Error::Service { service, .. }) if token.is_none() => {
                let parameter = self.params().list_all();
                parameter.filter(|parameter| service.refuses_parameter(parameter))
            }
            _ => None,
        };
        let Some(parameter) = refused else {
            return answer;
        };
        caller.refused.insert(parameter);
        self.is_reduced.store(true, Ordering::Relaxed);
        let request = request::list(&self.params(), None);
        caller.call(&request, limits, &read).await
    }

    fn params(&self) -> ListParams {
        ListParams {
            all: self.params.all && !self.is_reduced.load(Ordering::Relaxed),
            ..self.params.clone()
        }
    }

    /// Returns the error for a listing of fewer objects than there are. None if some were left out on request: whether
    /// the service counts those is not known.
    fn is_short(&self, keys: u64, total: u64) -> Option<Error> {
        let params = self.params();
        let is_whole = params.all || self.params.resource.list_all.is_none();
        (is_whole && total > keys).then(|| Error::Short {
            request: request::list(&params, None).line,
            keys,
            total,
        })
    }

    /// Returns the error for a listing that comes back to one of its pages.
    fn is_endless(&self) -> Error {
        Error::RepeatedToken {
            request: request::list(&self.params(), None).line,
        }
    }
}

/// The pages of a listing, and a function that makes their readers.
struct Pages<Make> {
    listing: Listing,
    reader: Make,
}

impl<R, Make> PageSource for Pages<Make>
where
    R: PageReader,
    Make: Fn() -> R + Send + Sync + 'static,
{
    type Error = Error;
    type Reader = R;

    async fn fetch(
        &self,
        token: Option<&PageToken>,
        validation: Validation,
    ) -> Result<Fetched, Error> {
        self.listing
            .page(token, |body| Fetched::read(body, validation))
            .await
    }

    fn repeated(&self, _: &PageToken) -> Error {
        self.listing.is_endless()
    }

    fn short(&self, keys: u64, total: u64) -> Option<Error> {
        self.listing.is_short(keys, total)
    }

    fn reader(&self) -> R {
        (self.reader)()
    }

    fn runtime(&self) -> Option<Handle> {
        self.listing.client.caller.transport.runtime()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", self.endpoint())
            .finish_non_exhaustive()
    }
}
