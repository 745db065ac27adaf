//! One call: a request, repeated until it is answered or further attempts are pointless.
//!
//! Combines the transport, the retry policy, the rate limit's gate and the limit on requests in flight, and turns the
//! answer into a value or an [`Error`]. A request that waits holds no permit, so that others can use it. Time is
//! tokio's; randomness and the calendar are injected.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::body::{self, DecodeError, KeyBody};
use super::endpoint::Endpoint;
use super::error::{Call, Error};
use super::failure::Failure;
use super::ratelimit::{self, Gate};
use super::request::{Method, Request, RequestLine};
use super::request_limits::RequestLimits;
use super::retry::{Outcome, RetryPolicy, Tally};
use super::service_clock::ServiceClock;
use super::service_error::ServiceError;
use super::text::{Seconds, printable};
use super::traffic::Traffic;
use super::transport::{Response, Transport};
use crate::mask::Mask;

/// The longest that one attempt may take, if the request may be repeated.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes of a header that are looked at.
const MAX_SHORT: usize = 1024;

/// Longer than any call, but short enough to be added to any instant.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(366 * 24 * 3600);

/// Tells calls to send nothing more.
#[derive(Debug, Clone, Default)]
pub struct Stop(Option<watch::Receiver<bool>>);

impl Stop {
    /// Stops calls once `receiver` holds true.
    pub fn when(receiver: watch::Receiver<bool>) -> Self {
        Self(Some(receiver))
    }

    async fn raised(&self) {
        let Some(receiver) = &self.0 else {
            return std::future::pending().await;
        };
        // Without a sender it can never be raised.
        if receiver.clone().wait_for(|raised| *raised).await.is_err() {
            std::future::pending().await
        }
    }
}

/// The parameters that the service does not take. Resources have different ones, so that the name is enough.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<BTreeSet<&'static str>>);

impl Refused {
    pub(crate) fn has(&self, parameter: &str) -> bool {
        self.0.lock().contains(parameter)
    }

    pub(crate) fn insert(&self, parameter: &'static str) {
        self.0.lock().insert(parameter);
    }
}

/// Makes calls. One per client, shared by all its requests.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) transport: Arc<dyn Transport>,
    /// What nothing that comes back may show.
    pub(crate) mask: Mask,
    /// What to do if the credentials are refused.
    pub(crate) remedy: OnceLock<String>,
    pub(crate) endpoint: Endpoint,
    /// The id of the key that authenticates.
    pub(crate) own_key: Option<Arc<str>>,
    pub(crate) retry: RetryPolicy,
    /// The time for one call, with all its attempts and pauses.
    pub(crate) timeout: Duration,
    /// One for each request that may be in flight.
    pub(crate) permits: Semaphore,
    pub(crate) gate: Gate,
    pub(crate) clock: ServiceClock,
    /// Parameters of listings that the service has refused.
    pub(crate) refused: Refused,
    /// Returns a number from 0 to 1.
    pub(crate) random: fn() -> f64,
    pub(crate) now: fn() -> SystemTime,
}

impl Caller {
    /// Sends `request` until it is answered, and reads the body of a success with `read`, which is also given the id that a
    /// header names.
    pub(crate) async fn call<T>(
        &self,
        request: &Request,
        limits: &RequestLimits,
        read: impl Fn(Bytes, Option<&str>) -> Result<T, DecodeError>,
    ) -> Result<T, Error> {
        let RequestLimits { traffic, stop, .. } = limits;
        let mut progress = Progress::new(request, self.timeout, &self.mask);
        if limits.reads_only && request.line.method != Method::GET {
            return Err(Error::ReadsOnly {
                call: progress.call(None),
            });
        }
        loop {
            let permit = tokio::select! {
                // After a stop nothing more is sent, even if a permit is available.
                biased;
                () = stop.raised() => return Err(Error::Stopped { call: progress.call(None) }),
                permit = self.admit(&mut progress, traffic) => permit?,
            };
            if let Err(most) = limits.budget.take() {
                return Err(Error::BudgetSpent {
                    call: progress.call(None),
                    most,
                });
            }
            progress.tally.attempts += 1;
            traffic.sent(&request.line, progress.tally.attempts > 1);
            let (sent, limit) = (Instant::now(), progress.attempt_limit());
            let answer = self.transport.send(request, limit).await;
            let answer = answer.map_err(|failure| failure.masked(&self.mask));
            let took = sent.elapsed();
            drop(permit);
            traffic.answered(
                answer.as_ref().map_or(0, |response| response.body.len()),
                took,
            );
            if let Ok(response) = &answer {
                self.clock.observe(response.header("date"), (self.now)());
            }
            self.log_answer(request, &answer, took);
            if let Some(pause) = answer
                .as_ref()
                .ok()
                .and_then(|response| ratelimit::pause(response, (self.now)()))
            {
                self.gate
                    .close_for(ratelimit::jittered(pause, (self.random)()));
            }
            let problem = match self.interpret(request, answer, &read) {
                Ok(value) => return Ok(value),
                Err(problem) => problem,
            };
            // What this attempt may have done is noted before anything can stop the call.
            let pause = self.pause_or_give_up(problem, &mut progress, traffic)?;
            tokio::select! {
                () = sleep(pause) => {}
                // The stop is reported where the next attempt would be made.
                () = stop.raised() => {}
            }
        }
    }

    /// Waits until the gate is open and fewer requests than allowed are in flight.
    async fn admit(
        &self,
        progress: &mut Progress<'_>,
        traffic: &Traffic,
    ) -> Result<SemaphorePermit<'_>, Error> {
        loop {
            if let Some(opens) = self.gate.closed_until() {
                if opens > progress.deadline {
                    let asked = opens - Instant::now();
                    return Err(progress.wait_too_long(asked, None));
                }
                traffic.waits_until(opens);
                sleep_until(opens).await;
                continue;
            }
            let queued = Instant::now();
            let permit = self
                .permits
                .acquire()
                .await
                .expect("the semaphore is never closed");
            // Time spent in our own queue does not count: the service is not slow.
            let queued = queued.elapsed();
            progress.deadline += queued;
            progress.started += queued;
            if self.gate.closed_until().is_none() {
                return Ok(permit);
            }
        }
    }

    /// Returns the id of the created key, from the `Location` header. On another host it is that of another service's key,
    /// and nobody creates the key that the session has.
    fn created_id(&self, request: &Request, response: &Response) -> Option<String> {
        let location = response.header("location");
        let id = request
            .line
            .id_in(location.filter(|at| self.endpoint.is_at(at))?)?;
        let is_new = |id: &String| !id.is_empty() && self.own_key.as_deref() != Some(id);
        Some(self.clean(id)).filter(is_new)
    }

    /// Returns the beginning of a short text, such as a header, as it may be shown.
    fn clean(&self, text: &str) -> String {
        printable(
            &self
                .mask
                .apply(&text[..text.floor_char_boundary(MAX_SHORT)]),
        )
    }

    fn log_answer(&self, request: &Request, answer: &Result<Response, Failure>, took: Duration) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let RequestLine {
            method,
            path_and_query: path,
        } = request.line.shown(&self.mask);
        match answer {
            Ok(response) => {
                let id = response.header("x-request-id").unwrap_or_default();
                let id = self.clean(id);
                tracing::debug!(%method, path, status = response.status, elapsed = ?took, request_id = id, "answered");
            }
            Err(failure) => {
                tracing::debug!(%method, path, elapsed = ?took, failure = failure.detail, "no answer")
            }
        }
    }

    fn interpret<T>(
        &self,
        request: &Request,
        answer: Result<Response, Failure>,
        read: impl Fn(Bytes, Option<&str>) -> Result<T, DecodeError>,
    ) -> Result<T, Problem> {
        let response = answer.map_err(|failure| Problem::Failed {
            failure,
            created: None,
        })?;
        let status = response.status;
        match status {
            206 if request.line.method == Method::GET => Err(Problem::Undecodable {
                status,
                is_foreign: false,
                reason: DecodeError::new("that is only a part of the requested content"),
                created: None,
            }),
            200..=299 => {
                let created = self.created_id(request, &response);
                let is_html = response.is_html();
                if let Some(failure) = response.broken {
                    // The whole answer to a create may be there, with the only copy of a secret.
                    if request.line.method == Method::POST
                        && let Ok(whole) = read(response.body.clone(), created.as_deref())
                    {
                        return Ok(whole);
                    }
                    let failure = failure.masked(&self.mask);
                    return Err(Problem::Failed { failure, created });
                }
                read(response.body, created.as_deref()).map_err(|reason| Problem::Undecodable {
                    status,
                    is_foreign: is_html || reason.is_foreign(),
                    reason: reason.masked(&self.mask),
                    created,
                })
            }
            300..=399 => {
                let host = response
                    .header("location")
                    .and_then(|location| self.endpoint.host_of(location))
                    .map(|host| self.clean(&host));
                let created = self.created_id(request, &response);
                Err(Problem::Redirected {
                    status,
                    host,
                    created,
                })
            }
            _ => {
                let created = self.created_id(request, &response);
                // The `Location` of a conflict is that of another key.
                let created = created.filter(|_| status != 409);
                // A key that has its secret was made, whatever the status says.
                if request.line.method == Method::POST
                    && KeyBody::salvage(response.body.clone())
                        .is_ok_and(|key| !key.secrets().is_empty())
                    && let Ok(key) = read(response.body.clone(), created.as_deref())
                {
                    return Ok(key);
                }
                let asked = ratelimit::asked(&response, (self.now)());
                let request_id = response.header("x-request-id");
                let body = body::inflated(&response.body).unwrap_or(response.body.clone());
                let mut service = ServiceError::masked(status, request_id, &body, &self.mask);
                if service.is_unauthorized() {
                    service.remedy = self.remedy.get().cloned();
                }
                Err(Problem::Refused {
                    service: Box::new(service),
                    asked,
                    created,
                })
            }
        }
    }

    /// Returns how long to wait before the next attempt.
    ///
    /// # Errors
    ///
    /// Fails with `problem` if there is none.
    fn pause_or_give_up(
        &self,
        problem: Problem,
        progress: &mut Progress<'_>,
        traffic: &Traffic,
    ) -> Result<Duration, Error> {
        let outcome = problem.outcome();
        progress.may_have_acted |= outcome.may_have_acted() || problem.names_a_key();
        progress.tally.ended(outcome);
        let misshapen = problem.misshapen().cloned();
        let is_wrong_again = misshapen.is_some() && misshapen == progress.misshapen;
        progress.misshapen = misshapen;
        let exhausted = is_wrong_again || self.retry.is_exhausted(&progress.tally);
        // What has made a key makes another when it is sent again.
        let has_created = progress.creates() && problem.names_a_key();
        if exhausted || has_created || !outcome.is_repeatable(&progress.request.line.method) {
            return Err(problem.into_error(progress));
        }
        let asked = problem.asked();
        let random = (self.random)();
        let pause = match asked {
            Some(asked) => ratelimit::jittered(asked, random),
            None => self.retry.pause(progress.tally.attempts, random),
        };
        match asked {
            Some(asked) if asked > progress.left() => {
                return Err(progress.wait_too_long(asked, Some(problem)));
            }
            None if pause >= progress.left() => return Err(problem.into_error(progress)),
            _ => {}
        }
        let (next, most) = (progress.tally.attempts + 1, self.retry.max_attempts);
        let reason = problem.into_error(progress);
        tracing::info!("{reason}; try {next} of {most} in {}", Seconds(pause));
        if asked.is_some() {
            traffic.waits_until(Instant::now() + pause);
        }
        Ok(pause.min(progress.left()))
    }
}

/// The progress of a call.
struct Progress<'a> {
    request: &'a Request,
    /// What errors may not show.
    mask: &'a Mask,
    started: Instant,
    deadline: Instant,
    tally: Tally,
    /// What was wrong with the shape of the last answer.
    misshapen: Option<DecodeError>,
    may_have_acted: bool,
}

impl<'a> Progress<'a> {
    fn new(request: &'a Request, timeout: Duration, mask: &'a Mask) -> Self {
        let started = Instant::now();
        Self {
            request,
            mask,
            started,
            deadline: started + timeout.min(LONGEST_TIMEOUT),
            tally: Tally::default(),
            misshapen: None,
            may_have_acted: false,
        }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// A create may use all the remaining time: it will not be repeated, and its answer contains the secret.
    fn attempt_limit(&self) -> Duration {
        if self.creates() {
            self.left()
        } else {
            self.left().min(ATTEMPT_TIMEOUT)
        }
    }

    fn call(&self, created: Option<String>) -> Box<Call> {
        Box::new(Call {
            request: self.request.line.shown(self.mask),
            attempts: self.tally.attempts,
            elapsed: self.started.elapsed(),
            may_have_acted: self.may_have_acted,
            created: created.filter(|_| self.creates()),
        })
    }

    fn creates(&self) -> bool {
        self.request.line.method == Method::POST
    }

    fn wait_too_long(&self, asked: Duration, problem: Option<Problem>) -> Error {
        let service = match problem {
            Some(Problem::Refused { service, .. }) => Some(service),
            _ => None,
        };
        Error::WaitTooLong {
            call: self.call(None),
            asked,
            left: self.left(),
            service,
        }
    }
}

/// Why an attempt did not return a value.
enum Problem {
    Failed {
        failure: Failure,
        created: Option<String>,
    },
    Undecodable {
        status: u16,
        /// True if the answer does not come from the service.
        is_foreign: bool,
        reason: DecodeError,
        created: Option<String>,
    },
    Redirected {
        status: u16,
        host: Option<String>,
        created: Option<String>,
    },
    Refused {
        service: Box<ServiceError>,
        asked: Option<Duration>,
        /// The key that it names all the same, which may have been made before something failed.
        created: Option<String>,
    },
}

impl Problem {
    fn outcome(&self) -> Outcome<'_> {
        match self {
            Self::Failed { failure, .. } => Outcome::Failed(failure),
            Self::Undecodable {
                is_foreign: true, ..
            } => Outcome::Foreign,
            Self::Undecodable { .. } => Outcome::Undecodable,
            Self::Redirected { status, .. } => Outcome::Status(*status),
            Self::Refused { service, .. } => Outcome::Status(service.status),
        }
    }

    /// Returns what is wrong with the shape of an answer.
    fn misshapen(&self) -> Option<&DecodeError> {
        match self {
            Self::Undecodable { reason, .. } => Some(reason).filter(|reason| reason.is_shape()),
            _ => None,
        }
    }

    /// Returns true if the answer names a key although it is no success.
    fn names_a_key(&self) -> bool {
        match self {
            Self::Refused { created, .. } | Self::Redirected { created, .. } => created.is_some(),
            Self::Failed { .. } | Self::Undecodable { .. } => false,
        }
    }

    fn asked(&self) -> Option<Duration> {
        match self {
            Self::Refused { asked, .. } => *asked,
            _ => None,
        }
    }

    fn into_error(self, progress: &Progress<'_>) -> Error {
        match self {
            Self::Failed { failure, created } => Error::NoAnswer {
                call: progress.call(created),
                failure,
            },
            Self::Undecodable {
                status,
                reason,
                created,
                is_foreign: _,
            } => Error::Decode {
                call: progress.call(created),
                status,
                reason,
            },
            Self::Redirected {
                status,
                host,
                created,
            } => Error::Redirect {
                call: progress.call(created),
                status,
                host,
            },
            Self::Refused {
                service,
                created,
                asked: _,
            } => Error::Service {
                call: progress.call(created),
                service,
            },
        }
    }
}
