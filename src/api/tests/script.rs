//! A transport that plays a script, and clients over it: no socket, no jitter, no waiting.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::super::*;
use crate::secret::Secret;
use transport::Response;

/// What happens to one attempt.
#[derive(Clone)]
pub(super) enum Step {
    Answer(Response),
    Fail(FailureKind, bool),
    /// Answers after so many seconds.
    Late(u64, Response),
}

/// Plays its steps in order, and the last one for ever.
#[derive(Default)]
pub(super) struct Script {
    steps: Mutex<VecDeque<Step>>,
    sent: Mutex<Vec<(String, Instant)>>,
    in_flight: AtomicUsize,
    pub(super) most_in_flight: AtomicUsize,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: &Request, limit: Duration) -> Result<Response, Failure> {
        self.sent
            .lock()
            .unwrap()
            .push((request.line.to_string(), Instant::now()));
        let step = {
            let mut steps = self.steps.lock().unwrap();
            if steps.len() > 1 {
                steps.pop_front().unwrap()
            } else {
                steps[0].clone()
            }
        };
        let now = self.in_flight.fetch_add(1, SeqCst) + 1;
        self.most_in_flight.fetch_max(now, SeqCst);
        let result = match step {
            Step::Answer(response) => Ok(response),
            Step::Fail(kind, never_sent) => Err(Failure {
                kind,
                detail: "scripted".into(),
                never_sent,
            }),
            Step::Late(seconds, response) => {
                let late = Duration::from_secs(seconds);
                sleep(late.min(limit)).await;
                match late < limit {
                    true => Ok(response),
                    false => Err(Failure::timed_out(limit)),
                }
            }
        };
        self.in_flight.fetch_sub(1, SeqCst);
        result
    }
}

impl Script {
    /// Returns the seconds from `start` at which attempts were made.
    pub(super) fn times(&self, start: Instant) -> Vec<f64> {
        self.sent
            .lock()
            .unwrap()
            .iter()
            .map(|(_, at)| at.duration_since(start).as_secs_f64())
            .collect()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.sent
            .lock()
            .unwrap()
            .iter()
            .map(|(line, _)| line.clone())
            .collect()
    }
}

pub(super) fn answer(
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: &str,
) -> Response {
    let header = |(name, value): &(&'static str, &'static str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    let headers: HeaderMap = headers.iter().map(header).collect();
    Response {
        status,
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
        broken: None,
    }
}

pub(super) fn status(status: u16) -> Step {
    Step::Answer(answer(status, &[], ""))
}

pub(super) fn ok() -> Step {
    Step::Answer(answer(200, &[], r#"{"id":"K"}"#))
}

pub(super) fn page() -> Step {
    Step::Answer(answer(200, &[], r#"{"data":[{"id":"K"}]}"#))
}

/// Returns a client over `steps` that authenticates with `credentials`.
pub(super) fn client_as(
    steps: impl IntoIterator<Item = Step>,
    credentials: Credentials,
) -> (Client, Arc<Script>) {
    client_of(steps, 10, || 0.0, credentials.secrets())
}

/// Returns a client over `steps`, with no jitter, ten requests at a time and 300 s a call.
pub(super) fn client(steps: impl IntoIterator<Item = Step>) -> (Client, Arc<Script>) {
    client_with(steps, 10, || 0.0)
}

pub(super) fn client_with(
    steps: impl IntoIterator<Item = Step>,
    concurrency: usize,
    random: fn() -> f64,
) -> (Client, Arc<Script>) {
    client_of(steps, concurrency, random, Vec::new())
}

fn client_of(
    steps: impl IntoIterator<Item = Step>,
    concurrency: usize,
    random: fn() -> f64,
    secrets: Vec<Secret>,
) -> (Client, Arc<Script>) {
    let script = Arc::new(Script {
        steps: Mutex::new(steps.into_iter().collect()),
        ..Script::default()
    });
    let caller = Caller {
        transport: Arc::clone(&script) as Arc<dyn Transport>,
        mask: Mask::of(secrets),
        remedy: OnceLock::new(),
        endpoint: Endpoint::production(),
        own_key: Some("OWNKEY".into()),
        retry: RetryPolicy::default(),
        timeout: Duration::from_secs(300),
        permits: Semaphore::new(concurrency),
        gate: Gate::default(),
        clock: ServiceClock::default(),
        refused: Refused::default(),
        random,
        now: || SystemTime::UNIX_EPOCH,
    };
    let client = Client {
        caller: Arc::new(caller),
        limits: RequestLimits::default(),
        concurrency,
        key_id: None,
    };
    (client, script)
}

pub(super) fn id() -> KeyId {
    KeyId::new("K").unwrap()
}

pub(super) fn body() -> RequestBody {
    let spec = json!({ "owner": { "id": "sa-1" } });
    RequestBody::from_spec(spec.as_object().unwrap())
}
