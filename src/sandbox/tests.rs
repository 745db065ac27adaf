//! The sandbox over a real socket, in plain HTTP/1.1 text: tests that need the wire.

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::secret::Secret;

const LIST: &str = "/iam/v2/api-keys?page_size=100";

/// An answer as it came: everything up to the end of the connection.
#[derive(Debug)]
struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn status(&self) -> u16 {
        self.head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn basic(key: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{key}:{secret}")))
}

async fn connect(sandbox: &Sandbox, authorization: &str, line: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(sandbox.address)
        .await
        .expect("a connection");
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nAuthorization: {authorization}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a request");
    stream
}

async fn send_as(
    sandbox: &Sandbox,
    authorization: &str,
    line: &str,
    body: &str,
) -> io::Result<Answer> {
    let mut stream = connect(sandbox, authorization, line, body).await;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(Answer {
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

async fn send(sandbox: &Sandbox, line: &str, body: &str) -> io::Result<Answer> {
    let (key, secret) = sandbox.credentials();
    send_as(sandbox, &basic(key, secret), line, body).await
}

async fn get(sandbox: &Sandbox, path: &str) -> Answer {
    send(sandbox, &format!("GET {path}"), "")
        .await
        .expect("an answer")
}

async fn start(config: SandboxConfig) -> Sandbox {
    Sandbox::start(config).await.expect("a sandbox")
}

async fn with_fault(fault: &str) -> Sandbox {
    start(SandboxConfig::default().with_fault(fault.parse().expect(fault))).await
}

#[tokio::test]
async fn a_listing_is_answered_with_the_usual_headers() {
    let sandbox = start(SandboxConfig::default()).await;
    let answer = get(&sandbox, LIST).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json()["data"].as_array().map(Vec::len), Some(100));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-request-id").map(str::len), Some(32));
    for name in [
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ] {
        assert!(
            answer
                .header(name)
                .is_some_and(|value| value.parse::<u32>().is_ok()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn only_the_credentials_and_the_token_open_the_service() {
    let sandbox = start(SandboxConfig::default()).await;
    // Schemes are matched without regard to case (RFC 9110, 11.1).
    let token = sandbox.access_token();
    let pair = basic(DEMO_KEY, DEMO_SECRET);
    for right in [
        format!("Bearer {token}"),
        format!("BEARER {token}"),
        format!("bearer {token}"),
        pair.replace("Basic", "BASIC"),
        pair.replace("Basic", "basic"),
        pair,
    ] {
        let answer = send_as(&sandbox, &right, "GET /iam/v2/api-keys", "").await;
        assert_eq!(answer.unwrap().status(), 200, "{right}");
    }
    for wrong in [
        &basic(DEMO_KEY, "wrong"),
        "Bearer wrong",
        "Basic !",
        "x",
        "",
    ] {
        let answer = send_as(&sandbox, wrong, "GET /iam/v2/api-keys", "")
            .await
            .unwrap();
        assert_eq!(answer.status(), 401, "{wrong}");
        assert!(
            answer
                .header("www-authenticate")
                .is_some_and(|value| value.starts_with("Basic "))
        );
        let error = &answer.json()["errors"][0];
        assert_eq!(error["id"].as_str(), answer.header("x-request-id"));
        assert_eq!(error["status"], "401");
        assert_eq!(answer.header("x-ratelimit-limit"), None);
    }
}

#[tokio::test]
async fn every_answer_tells_the_time_of_the_sandbox() {
    let noon = DateTime::from_timestamp(1_782_907_200, 0).expect("2026-07-01T12:00:00Z");
    let sandbox = start(SandboxConfig::default().with_now(noon)).await;
    let date = |answer: &Answer| answer.header("date").map(str::to_owned);
    let now = Some("Wed, 01 Jul 2026 12:00:00 GMT".to_owned());
    assert_eq!(date(&get(&sandbox, LIST).await), now);
    assert_eq!(date(&get(&sandbox, "/nowhere").await), now);
    assert_eq!(
        date(
            &send_as(&sandbox, "", &format!("GET {LIST}"), "")
                .await
                .unwrap()
        ),
        now
    );
    for fault in ["429", "503", "malformed"] {
        sandbox.set_faults(vec![format!("any:{fault}").parse().expect(fault)]);
        assert_eq!(date(&get(&sandbox, LIST).await), now, "{fault}");
    }
    sandbox.set_faults(Vec::new());
    let line = format!("PATCH /iam/v2/api-keys/{DEMO_KEY}");
    let body = r#"{"spec":{"description":"x"}}"#;
    let answer = send(&sandbox, &line, body).await.unwrap();
    assert_eq!(
        date(&answer).as_deref(),
        Some("Wed, 01 Jul 2026 12:00:01 GMT")
    );
}

#[tokio::test]
async fn secrets_go_missing_from_creates_and_leak_into_reads() {
    let sandbox = with_fault("any:without-secret").await;
    let body = json!({ "spec": { "owner": { "id": sandbox.owners()[0] } } }).to_string();
    let line = "POST /iam/v2/api-keys";
    let created = send(&sandbox, line, &body).await.unwrap();
    assert_eq!((created.status(), sandbox.keys().len()), (202, 251));
    assert_eq!(created.json()["spec"].get("secret"), None);

    sandbox.set_faults(vec![Fault::new(Action::LeakSecrets)]);
    let created = send(&sandbox, line, &body).await.unwrap().json();
    assert_ne!(created["spec"]["secret"], LEAKED_SECRET);
    let page = get(&sandbox, LIST).await.json();
    let path = format!("/iam/v2/api-keys/{DEMO_KEY}");
    let key = get(&sandbox, &path).await.json();
    let patch = send(&sandbox, &format!("PATCH {path}"), r#"{"spec":{}}"#).await;
    for leaky in [&page["data"][7], &key, &patch.unwrap().json()] {
        assert_eq!(leaky["spec"]["secret"], LEAKED_SECRET);
    }
    assert!(!json!(sandbox.keys()).to_string().contains(LEAKED_SECRET));
}

#[tokio::test]
async fn an_update_can_be_applied_and_answered_with_what_was_before() {
    let sandbox = with_fault("any:stale").await;
    let path = format!("/iam/v2/api-keys/{DEMO_KEY}");
    let before = get(&sandbox, &path).await.json();
    let body = r#"{"spec":{"description":"new"}}"#;
    let answer = send(&sandbox, &format!("PATCH {path}"), body).await;
    assert_eq!(answer.unwrap().json(), before);
    let after = get(&sandbox, &path).await.json();
    assert_eq!(after["spec"]["description"], "new");
    let wrong = r#"{"spec":null}"#;
    let answer = send(&sandbox, &format!("PATCH {path}"), wrong).await;
    assert_eq!(answer.unwrap().status(), 422);
}

#[tokio::test]
async fn an_error_can_be_gzip_that_no_header_tells() {
    let sandbox = with_fault("any:503,body=gzip").await;
    let (head, body) = raw_body(&sandbox).await;
    assert!(head.starts_with("HTTP/1.1 503") && !head.contains("content-encoding"));
    assert!(head.contains("content-type: application/json"), "{head}");
    let chunk = body.windows(2).position(|two| two == [0x1f, 0x8b]);
    let text = String::from_utf8_lossy(&body);
    assert!(chunk.is_some() && text.contains("service_unavailable"));
}

#[tokio::test]
async fn every_object_can_have_a_member_that_no_description_has() {
    let sandbox = start(SandboxConfig::default().with(|config| config.extra_members = true)).await;
    let page = get(&sandbox, LIST).await.json();
    for place in [
        "",
        "/metadata",
        "/data/0",
        "/data/0/metadata",
        "/data/0/spec/resource",
    ] {
        assert!(
            page.pointer(&format!("{place}/{EXTRA_MEMBER}")).is_some(),
            "{place}"
        );
    }
    assert_eq!(page["data"][0], sandbox.keys()[0]);
    let id = page["data"][0]["id"].as_str().expect("an id");
    let key = get(&sandbox, &format!("/iam/v2/api-keys/{id}"))
        .await
        .json();
    assert_eq!(key, page["data"][0]);
    let unknown = get(&sandbox, "/iam/v2/api-keys/X").await.json();
    assert!(unknown["errors"][0].get(EXTRA_MEMBER).is_some());
}

#[tokio::test]
async fn keys_are_created_changed_and_deleted() {
    let sandbox = start(SandboxConfig::default().with_keys(3)).await;
    let owner = sandbox.owners().remove(0);
    let body = json!({ "spec": { "owner": { "id": owner }, "description": "日本" } }).to_string();
    let created = send(&sandbox, "POST /iam/v2/api-keys", &body)
        .await
        .unwrap();
    assert_eq!(created.status(), 202);
    let location = created.header("location").expect("a location");
    let path = location
        .strip_prefix("https://api.confluent.cloud")
        .expect("the public host");
    assert_eq!(
        get(&sandbox, path).await.json()["spec"]["description"],
        "日本"
    );
    let patch = format!("PATCH {path}");
    let patched = send(&sandbox, &patch, r#"{"spec":{"description":""}}"#)
        .await
        .unwrap();
    assert_eq!(patched.json()["spec"]["description"], "");
    let deleted = send(&sandbox, &format!("DELETE {path}"), "").await.unwrap();
    assert_eq!((deleted.status(), deleted.body.as_str()), (204, ""));
    assert_eq!(get(&sandbox, path).await.status(), 403);
    assert_eq!(sandbox.keys().len(), 3);

    let lines: Vec<_> = sandbox.requests().iter().map(ToString::to_string).collect();
    assert_eq!(lines[0], "POST /iam/v2/api-keys");
    assert_eq!(lines[3], format!("DELETE {path}"));
    let statuses: Vec<_> = sandbox
        .requests()
        .iter()
        .map(|request| request.status)
        .collect();
    assert_eq!(
        statuses,
        [Some(202), Some(200), Some(200), Some(204), Some(403)]
    );
    assert_eq!(sandbox.requests()[0].body, body);
}

#[tokio::test]
async fn deleting_its_own_key_locks_a_session_out() {
    let sandbox = start(SandboxConfig::default()).await;
    let line = format!("DELETE /iam/v2/api-keys/{DEMO_KEY}");
    assert_eq!(send(&sandbox, &line, "").await.unwrap().status(), 204);
    assert_eq!(get(&sandbox, LIST).await.status(), 401);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    let sandbox = start(SandboxConfig::default()).await;
    assert_eq!(get(&sandbox, "/iam/v2/invitations").await.status(), 404);
    let put = send(&sandbox, "PUT /iam/v2/api-keys", "").await.unwrap();
    assert_eq!(
        (put.status(), put.header("allow")),
        (405, Some("GET, POST"))
    );
}

#[tokio::test(start_paused = true)]
async fn latency_is_counted_from_arrival_for_requests_side_by_side() {
    let latency = Duration::from_secs(3600);
    let sandbox = start(SandboxConfig::default().with(|config| config.latency = latency)).await;
    let began = tokio::time::Instant::now();
    let (a, b) = tokio::join!(get(&sandbox, LIST), get(&sandbox, LIST));
    assert_eq!((a.status(), b.status()), (200, 200));
    assert!(began.elapsed() >= latency && began.elapsed() < latency * 2);
    assert_eq!(sandbox.max_in_flight(), 2);
    sandbox.clear_requests();
    assert_eq!((sandbox.max_in_flight(), sandbox.requests().len()), (0, 0));
}

#[tokio::test]
async fn a_reset_leaves_no_answer_and_no_trace() {
    let sandbox = with_fault("post:reset").await;
    let body = json!({ "spec": { "owner": { "id": sandbox.owners()[0] } } }).to_string();
    let error = send(&sandbox, "POST /iam/v2/api-keys", &body)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(sandbox.keys().len(), 250);
    assert_eq!(sandbox.requests()[0].status, None);
    assert_eq!(get(&sandbox, LIST).await.status(), 200);
}

#[tokio::test]
async fn a_create_can_be_applied_and_its_answer_lost() {
    let sandbox = with_fault("post:create-then-drop").await;
    let body = json!({ "spec": { "owner": { "id": sandbox.owners()[0] } } }).to_string();
    let error = send(&sandbox, "POST /iam/v2/api-keys", &body)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(sandbox.keys().len(), 251);
}

#[tokio::test]
async fn a_truncated_answer_ends_in_the_middle() {
    let sandbox = with_fault("any:truncate").await;
    let answer = get(&sandbox, LIST).await;
    let length: usize = answer
        .header("content-length")
        .and_then(|n| n.parse().ok())
        .expect("a length");
    assert_eq!(answer.body.len(), length / 2);

    let sandbox = with_fault("any:truncate,chunked").await;
    let answer = get(&sandbox, LIST).await;
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert!(answer.body.len() > 10_000 && !answer.body.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn a_stalled_answer_stays_without_a_body_until_the_sandbox_is_gone() {
    let sandbox = with_fault("any:stall").await;
    let (key, secret) = sandbox.credentials();
    let authorization = basic(key, secret);
    let mut stream = connect(&sandbox, &authorization, "GET /iam/v2/api-keys", "").await;
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut bytes).await.expect("headers"), 0);
    }
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK"));
    sandbox.stop().await;
    let mut rest = Vec::new();
    // The connection may end with a reset or without.
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_arrives_whole() {
    let sandbox = with_fault("any:slow,ms=1000").await;
    let began = tokio::time::Instant::now();
    let answer = get(&sandbox, LIST).await;
    assert_eq!(answer.json()["kind"], "ApiKeyList");
    assert!(began.elapsed() >= Duration::from_secs(8));
}

#[tokio::test]
async fn a_huge_body_is_as_big_as_asked_for() {
    let sandbox = with_fault("any:huge,bytes=3000000").await;
    assert!(get(&sandbox, LIST).await.body.len() >= 3_000_000);
}

/// Asks for one page, and returns the body as it came.
async fn raw_body(sandbox: &Sandbox) -> (String, Vec<u8>) {
    let (key, secret) = sandbox.credentials();
    let mut stream = connect(sandbox, &basic(key, secret), &format!("GET {LIST}"), "").await;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("an answer");
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
    (head, bytes.split_off(end + 4))
}

#[tokio::test]
async fn a_bomb_is_small_until_it_is_inflated() {
    let sandbox = with_fault("any:bomb,bytes=100000000").await;
    let (head, body) = raw_body(&sandbox).await;
    assert!(head.contains("content-encoding: gzip"), "{head}");
    assert!(body.len() < 1_000_000, "{}", body.len());
}

#[tokio::test]
async fn hostile_long_and_deep_answers_hold_the_same_keys() {
    let sandbox = start(SandboxConfig::default()).await;
    let ids = |body: &str| -> Vec<String> {
        let ids = body.split("\"id\":\"").skip(1);
        ids.map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
            .collect()
    };
    let calm = get(&sandbox, LIST).await.body;
    for (fault, grown) in [
        ("hostile", 0),
        ("long,bytes=5000", 900_000),
        ("deep,levels=5000", 1_000_000),
    ] {
        sandbox.set_faults(vec![format!("any:{fault}").parse().expect(fault)]);
        let body = get(&sandbox, LIST).await.body;
        assert_eq!(ids(&body), ids(&calm), "{fault}");
        assert!(body.len() > calm.len() + grown, "{fault}");
    }
}

#[tokio::test]
async fn an_outage_resets_what_is_connected_and_refuses_what_comes() {
    let sandbox = with_fault("nth=1:refuse,ms=200").await;
    let error = send(&sandbox, &format!("GET {LIST}"), "")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let mut refused = 0;
    let answer = loop {
        match TcpStream::connect(sandbox.address).await {
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
                refused += 1;
                tokio::task::yield_now().await;
            }
            Ok(_) => break get(&sandbox, LIST).await,
        }
    };
    assert!(refused > 0);
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn scripted_answers_look_like_those_they_stand_for() {
    let sandbox = with_fault("any:502,body=html,retry-after=3").await;
    let answer = get(&sandbox, LIST).await;
    assert_eq!(
        (answer.status(), answer.header("retry-after")),
        (502, Some("3"))
    );
    assert!(
        answer.body.starts_with("<html>") && answer.header("content-type") == Some("text/html")
    );

    let fault = |text: &str| vec![text.parse().expect(text)];
    sandbox.set_faults(fault("any:503,retry-after=1"));
    let answer = get(&sandbox, LIST).await;
    assert_eq!(answer.json()["errors"][0]["status"], "503");
    assert_eq!(
        answer.json()["errors"][0]["id"].as_str(),
        answer.header("x-request-id")
    );
    assert_eq!(answer.header("retry-after"), Some("1"));

    sandbox.set_faults(fault("any:429,retry-after=2,reset=7"));
    let answer = get(&sandbox, LIST).await;
    assert_eq!((answer.status(), answer.body.as_str()), (429, ""));
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert_eq!(answer.header("x-ratelimit-reset"), Some("7"));

    sandbox.set_faults(fault("any:redirect,location=http://127.0.0.1:1/x"));
    let answer = get(&sandbox, LIST).await;
    assert_eq!(
        (answer.status(), answer.header("location")),
        (307, Some("http://127.0.0.1:1/x"))
    );

    sandbox.set_faults(fault("any:503,body=hostile"));
    let answer = get(&sandbox, LIST).await;
    assert!(
        answer.json()["errors"][0]["detail"]
            .as_str()
            .is_some_and(
                |text| text.ends_with("Service Unavailable") && text != "Service Unavailable"
            )
    );

    sandbox.set_faults(fault("any:bad-credentials"));
    let answer = get(&sandbox, LIST).await;
    assert!(answer.status() == 403 && answer.body.contains("invalid API key"));

    sandbox.set_faults(fault("any:401"));
    assert_eq!(get(&sandbox, LIST).await.status(), 401);

    sandbox.set_faults(fault("any:malformed"));
    let answer = get(&sandbox, LIST).await;
    assert!(answer.status() == 200 && serde_json::from_str::<Value>(&answer.body).is_err());

    sandbox.set_faults(Vec::new());
    assert_eq!(get(&sandbox, LIST).await.status(), 200);
}

#[tokio::test]
async fn a_stopped_sandbox_refuses_connections() {
    let sandbox = start(SandboxConfig::default()).await;
    let address = sandbox.address;
    sandbox.stop().await;
    let error = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn debug_output_holds_no_secret() {
    let sandbox = start(SandboxConfig::default()).await;
    get(&sandbox, LIST).await;
    let shown = format!("{sandbox:?} {:?} {:?}", sandbox.requests(), sandbox.state);
    assert!(shown.contains("GET /iam/v2/api-keys?page_size=100"));
    for hidden in [DEMO_SECRET, DEMO_TOKEN, &basic(DEMO_KEY, DEMO_SECRET)] {
        assert!(!shown.contains(hidden));
    }
    assert!(sandbox.requests()[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn the_banner_can_be_pasted_into_a_shell() {
    let config = SandboxConfig::default()
        .with_contract(Contract::V04)
        .with(|config| config.credentials = ("KEY".to_owned(), Secret::new("it's")));
    let sandbox = start(config).await;
    let banner = sandbox.banner().replace(&sandbox.url(), "URL");
    insta::assert_snapshot!(banner, @r#"
    simulated Confluent Cloud with 250 API keys on URL (contract 0.4)

    export CONFLUENT_CLOUD_ENDPOINT=URL
    export CONFLUENT_CLOUD_API_KEY=KEY
    export CONFLUENT_CLOUD_API_SECRET='it'\''s'

    curl -s -u "$CONFLUENT_CLOUD_API_KEY:$CONFLUENT_CLOUD_API_SECRET" "$CONFLUENT_CLOUD_ENDPOINT/iam/v2/api-keys?page_size=2"

    or with a bearer token, in place of the API key and its secret:

    export CONFLUENT_CLOUD_ACCESS_TOKEN=sandbox-access-token
    "#);
}
