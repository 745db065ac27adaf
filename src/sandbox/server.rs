//! From a request to its answer: log, faults, credentials, rate limit, operation, latency.
//!
//! The operations themselves are in `service`, what happens to the bytes is in `wire`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::call::{Call, Reply};
use super::clock::Clock;
use super::config::SandboxConfig;
use super::description;
use super::faults::{Action, FaultBody, Script};
use super::hostile_content;
use super::log::{Log, LoggedRequest};
use super::problem::Problem;
use super::random::Random;
use super::service::{self, Service};
use super::siblings;
use super::wire::{self, Connection, Delivery};

/// The largest body that a request may have, in bytes.
const MAX_BODY: usize = 1 << 20;

/// The most violations that are remembered.
const MAX_VIOLATIONS: usize = 100;

/// Everything that the simulated service knows. Made by [`SandboxState::new`], shared by all requests.
#[derive(Debug)]
pub struct SandboxState {
    config: SandboxConfig,
    clock: Arc<Clock>,
    service: Mutex<Service>,
    frontend: Mutex<Frontend>,
    in_flight: AtomicUsize,
    max_in_flight: AtomicUsize,
}

/// What every request passes before it reaches the operations.
#[derive(Debug)]
struct Frontend {
    log: Log,
    script: Script,
    request_ids: Random,
    /// What was wrong with requests by the description, up to [`MAX_VIOLATIONS`].
    violations: Vec<String>,
}

impl SandboxState {
    /// Invents the organization of `config`, ready to be served.
    pub fn new(config: SandboxConfig) -> Arc<Self> {
        let frontend = Frontend {
            log: Log::default(),
            script: Script::new(config.faults.clone()),
            // Apart from the other draws, so that reads do not change which ids are drawn for new keys.
            request_ids: Random::new(!config.seed),
            violations: Vec::new(),
        };
        let clock = Arc::new(Clock::new(&config));
        Arc::new(Self {
            service: Mutex::new(Service::new(config.clone(), Arc::clone(&clock))),
            frontend: Mutex::new(frontend),
            in_flight: AtomicUsize::new(0),
            max_in_flight: AtomicUsize::new(0),
            clock,
            config,
        })
    }

    pub(super) fn config(&self) -> &SandboxConfig {
        &self.config
    }

    pub(super) fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock()
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        self.frontend.lock().log.requests()
    }

    pub(super) fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.frontend.lock().violations)
    }

    pub(super) fn clear_requests(&self) {
        self.frontend.lock().log.clear();
        self.max_in_flight
            .store(self.in_flight.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(super) fn set_script(&self, script: Script) {
        self.frontend.lock().script = script;
    }

    pub(super) fn max_in_flight(&self) -> usize {
        self.max_in_flight.load(Ordering::Relaxed)
    }

    fn enter(&self) -> Flight<'_> {
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.max_in_flight.fetch_max(now, Ordering::Relaxed);
        Flight(self)
    }

    /// Tells if the request may be answered at all.
    fn is_authorized(&self, headers: &HeaderMap) -> bool {
        let Some((scheme, value)) = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
        else {
            return false;
        };
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return value == self.config.access_token.reveal();
        }
        let (key, secret) = &self.config.credentials;
        scheme.eq_ignore_ascii_case("basic")
            && STANDARD
                .decode(value)
                .is_ok_and(|pair| pair == format!("{key}:{}", secret.reveal()).as_bytes())
            && !self.service().is_revoked()
    }

    /// Decides on the answer, and how it is to reach the client.
    fn decide(&self, call: Call<'_>, headers: &HeaderMap, fault: Option<Action>) -> Decision {
        let proper = |fault: Option<&Action>| self.proper(call, headers, fault);
        let Some(fault) = fault else {
            return proper(None);
        };
        match fault {
            Action::Status {
                code,
                headers,
                body,
            } => {
                let decision = Decision::of(status_fault(code, headers, body));
                match body {
                    FaultBody::Gzip => decision.delivered(Delivery::Gzip { bytes: 0 }),
                    _ => decision,
                }
            }
            Action::RateLimited { retry_after, reset } => {
                let mut reply = Reply::empty(StatusCode::TOO_MANY_REQUESTS);
                for (name, value) in [("retry-after", retry_after), ("x-ratelimit-reset", reset)] {
                    if let Some(value) = value {
                        reply = reply.with_header(name, value);
                    }
                }
                Decision::reply(reply)
            }
            Action::Unauthorized => Decision::of(Err(Problem::unauthorized())),
            Action::BadCredentials403 => {
                let body = r#"{"error":{"code":403,"message":"invalid API key"}}"#;
                Decision::reply(Reply::json(StatusCode::FORBIDDEN, body.to_owned()))
            }
            Action::Redirect { status, location } => {
                let reply = Reply::empty(status_code(status)).with_header("location", location);
                Decision::reply(reply)
            }
            Action::Malformed => {
                let body = "{\"api_version\":\"iam/v2\",\"kind\":".to_owned();
                Decision::reply(Reply::json(StatusCode::OK, body))
            }
            Action::HugeBody { bytes } => {
                let body =
                    r#"{"api_version":"iam/v2","kind":"ApiKeyList","metadata":{},"data":[]}"#;
                let reply = Reply::json(StatusCode::OK, body.to_owned());
                Decision::reply(reply).delivered(Delivery::Padded { bytes })
            }
            Action::GzipBomb { bytes } => {
                let body = r#"{"api_version":"iam/v2","kind":"ApiKeyList","data":[]}"#;
                let reply = Reply::json(StatusCode::OK, body.to_owned());
                let reply = reply.with_header("content-encoding", "gzip");
                Decision::reply(reply).delivered(Delivery::Gzip { bytes })
            }
            Action::Reset => Decision::reply(Reply::empty(StatusCode::OK)).delivered(Delivery::Cut),
            Action::Refuse { pause } => {
                Decision::reply(Reply::empty(StatusCode::OK)).delivered(Delivery::Refused { pause })
            }
            Action::HostileTexts
            | Action::LongTexts { .. }
            | Action::DeepNesting { .. }
            | Action::WithoutSecret
            | Action::LeakSecrets => {
                let mut decision = proper(None);
                if let Ok(reply) = &mut decision.outcome {
                    reply.body = hostile_content::spoiled(std::mem::take(&mut reply.body), &fault);
                }
                decision
            }
            Action::Stale => {
                let method = &Method::GET;
                let read = Call { method, ..call };
                let before = self.proper(read, headers, None);
                let mut decision = proper(None);
                if call.method == Method::PATCH && decision.is_success() {
                    decision.outcome = before.outcome;
                }
                decision
            }
            Action::CreateThenDrop => proper(None).delivered(Delivery::Cut),
            Action::Stall => proper(None).delivered(Delivery::Stalled),
            Action::Truncate { chunked } => proper(None).delivered(Delivery::Halved { chunked }),
            Action::SlowBody { pause } => proper(None).delivered(Delivery::Slow { pause }),
            Action::RepeatKeys | Action::RepeatToken | Action::ForeignNext { .. } => {
                proper(Some(&fault))
            }
        }
    }

    /// Answers as the service would.
    fn proper(&self, call: Call<'_>, headers: &HeaderMap, fault: Option<&Action>) -> Decision {
        if !self.is_authorized(headers) {
            return Decision::of(Err(Problem::unauthorized()));
        }
        Decision {
            is_proper: true,
            ..Decision::of(self.service().answer(call, fault))
        }
    }

    /// Puts the answer together.
    fn respond(
        &self,
        decision: Decision,
        request_id: &str,
        connection: Option<Connection>,
    ) -> Response {
        let mut reply = decision.outcome.unwrap_or_else(|problem| {
            let body = problem.body(request_id);
            Reply {
                headers: problem.headers,
                ..Reply::json(problem.status, body)
            }
        });
        if self.config.extra_members {
            reply.body = hostile_content::with_extra_members(reply.body);
        }
        let mut headers = HeaderMap::with_capacity(8);
        if !reply.body.is_empty() {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static(reply.content_type),
            );
        }
        if decision.is_proper && reply.status.is_success() {
            for (name, value) in RATE_LIMIT {
                headers.insert(name, HeaderValue::from(value));
            }
        }
        let own = [
            ("x-request-id".to_owned(), request_id.to_owned()),
            ("date".to_owned(), self.clock.http_date()),
        ];
        for (name, value) in own.into_iter().chain(reply.headers) {
            // What a script asks for and HTTP cannot carry is left out.
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.insert(name, value);
            }
        }
        let (body, length) = wire::body(reply.body, decision.delivery, connection);
        if let Some(length) = length {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        let mut response = Response::new(body);
        *response.status_mut() = reply.status;
        *response.headers_mut() = headers;
        response
    }
}

/// Counts a request out when its answer is made, or given up.
struct Flight<'a>(&'a SandboxState);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A generous limit, which is never used up.
const RATE_LIMIT: [(&str, u64); 3] = [
    ("x-ratelimit-limit", 1000),
    ("x-ratelimit-remaining", 999),
    ("x-ratelimit-reset", 1),
];

/// An answer, whether it is the service's rather than that of a fault, and its fate.
struct Decision {
    outcome: Result<Reply, Problem>,
    is_proper: bool,
    delivery: Delivery,
}

impl Decision {
    fn of(outcome: Result<Reply, Problem>) -> Self {
        Self {
            outcome,
            is_proper: false,
            delivery: Delivery::Whole,
        }
    }

    fn reply(reply: Reply) -> Self {
        Self::of(Ok(reply))
    }

    fn is_success(&self) -> bool {
        let status = self.outcome.as_ref().map(|reply| reply.status);
        status.is_ok_and(|status| status.is_success())
    }

    fn delivered(self, delivery: Delivery) -> Self {
        Self { delivery, ..self }
    }
}

fn status_code(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn status_fault(
    code: u16,
    headers: Vec<(String, String)>,
    body: FaultBody,
) -> Result<Reply, Problem> {
    let status = status_code(code);
    let mut reply = Reply::empty(status);
    match body {
        FaultBody::Empty => {}
        FaultBody::Html => {
            reply.content_type = "text/html";
            reply.body = format!(
                "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n\
                 <center><h1>{status}</h1></center>\r\n</body>\r\n</html>\r\n"
            );
        }
        FaultBody::Json | FaultBody::Hostile | FaultBody::Gzip => {
            let mut problem = Problem::of_status(status);
            if body == FaultBody::Hostile {
                problem = problem.made_hostile();
            }
            problem.headers = headers;
            return Err(problem);
        }
    }
    reply.headers = headers;
    Ok(reply)
}

/// Serves `state`. Faults that end the connection need the listener of [`Sandbox`](super::Sandbox) to do so; with any
/// other the answer has a body that fails.
pub fn router(state: Arc<SandboxState>) -> Router {
    Router::new().fallback(serve).with_state(state)
}

async fn serve(State(state): State<Arc<SandboxState>>, request: Request) -> Response {
    let arrival = Instant::now();
    let _flight = state.enter();
    let (parts, body) = request.into_parts();
    let connection = parts.extensions.get::<ConnectInfo<Connection>>();
    let connection = connection.map(|ConnectInfo(connection)| connection.clone());
    let body = axum::body::to_bytes(body, MAX_BODY).await;

    let call = Call {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or(""),
        body: body.as_ref().map_or(&[], |body| body),
    };
    let request = logged(&parts, body.as_ref().ok());
    let violations = description::faults_of_request(&request);
    let (number, request_id, fault) = {
        let mut frontend = state.frontend.lock();
        let left = MAX_VIOLATIONS - frontend.violations.len();
        frontend
            .violations
            .extend(violations.into_iter().take(left));
        let number = frontend.log.arrived(request);
        let page = service::page(call).or_else(|| siblings::page(call.path, call.query));
        let fault = frontend.script.strike(call.method, call.path, page);
        (number, frontend.request_ids.hex32(), fault)
    };
    let decision = match body {
        Ok(_) => state.decide(call, &parts.headers, fault),
        Err(_) => Decision::of(Err(Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE))),
    };
    if !state.config.latency.is_zero() {
        tokio::time::sleep_until(arrival + state.config.latency).await;
    }
    match (&decision.delivery, &connection) {
        (Delivery::Cut, Some(connection)) => connection.cut(),
        (Delivery::Refused { pause }, Some(connection)) => connection.refuse(*pause),
        (Delivery::Cut | Delivery::Refused { .. }, None) => {}
        _ => {
            let status = match &decision.outcome {
                Ok(reply) => reply.status,
                Err(problem) => problem.status,
            };
            state.frontend.lock().log.answered(number, status.as_u16());
        }
    }
    state.respond(decision, &request_id, connection)
}

/// Takes a request down. All of it is copied: as it came, it would hold on to the whole buffer that it was read into.
fn logged(parts: &Parts, body: Option<&Bytes>) -> LoggedRequest {
    let headers = parts.headers.iter().filter_map(|(name, value)| {
        let value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
        Some((name.clone(), value))
    });
    let body = body.map(|body| Bytes::copy_from_slice(body));
    LoggedRequest {
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or("").to_owned(),
        headers: headers.collect(),
        body: body.unwrap_or_default(),
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn what_is_logged_holds_no_buffer_of_the_connection() {
        let buffer = Bytes::from(vec![b'x'; 8192]);
        let value = HeaderValue::from_maybe_shared(buffer.slice(..10)).unwrap();
        let request = Request::get("/iam/v2/api-keys?page_size=1").header("x-a", value);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let logged = logged(&parts, Some(&buffer.slice(20..25)));
        drop(parts);
        assert_eq!(
            (&logged.headers["x-a"], &logged.body[..]),
            (&HeaderValue::from_static("xxxxxxxxxx"), &b"xxxxx"[..])
        );
        assert!(buffer.is_unique());
    }
}
