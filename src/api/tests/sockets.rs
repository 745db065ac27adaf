//! Calls over real sockets on loopback, against answers written by hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::super::*;
use crate::resource::API_KEYS;
use crate::secret::Secret;

/// A server that answers each connection with the next of some bytes and closes it.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                log.lock().unwrap().push(request);
                // A client that has read enough may hang up.
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        });
        Self {
            address,
            requests,
            task,
        }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// The first byte of a connection that begins with TLS (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// Reads one request to the end of its body, or as much as there is.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        request.extend_from_slice(&buffer[..read]);
        if request.first() == Some(&TLS_HANDSHAKE) {
            return "TLS".to_owned();
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if read == 0 {
                return text;
            }
            continue;
        };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        });
        if read == 0 || body.len() >= length.unwrap_or(0) {
            return text;
        }
    }
}

fn http(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn client(endpoint: &str) -> Client {
    Client::new(config(endpoint)).unwrap()
}

fn config(endpoint: &str) -> ClientConfig {
    ClientConfig {
        endpoint: Endpoint::parse(endpoint).unwrap(),
        credentials: Credentials::Basic {
            key: "user".into(),
            secret: Secret::new("pass"),
        },
        timeout: Duration::from_secs(60),
        concurrency: 4,
        ca_cert: None,
        retry: RetryPolicy {
            max_attempts: 2,
            ..RetryPolicy::without_pauses()
        },
    }
}

fn id() -> KeyId {
    KeyId::new("K&1").unwrap()
}

fn failure(error: Error) -> Failure {
    match error {
        Error::NoAnswer { failure, .. } => failure,
        other => panic!("expected no answer, found: {other}"),
    }
}

/// Wraps `body` in gzip, as one stored block (RFC 1951, 3.2.4).
fn gzip(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    gzip.extend_from_slice(&length.to_le_bytes());
    gzip.extend_from_slice(&(!length).to_le_bytes());
    gzip.extend_from_slice(body);
    gzip.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    gzip.extend_from_slice(&u32::from(length).to_le_bytes());
    gzip
}

#[tokio::test]
async fn requests_carry_credentials_and_say_what_they_are() {
    let server = Server::start(vec![http("202 Accepted", b" {\"id\":\"N\"} ")]).await;
    let client = client(&format!("http://{}/prefix/", server.address));
    let body = RequestBody::from_spec(
        serde_json::json!({ "owner": { "id": "sa-1" } })
            .as_object()
            .unwrap(),
    );
    assert_eq!(
        client.create(&API_KEYS, &body).await.unwrap().raw(),
        "{\"id\":\"N\"}"
    );
    let request = server.requests().remove(0);
    let (head, sent) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(sent, body.as_str());
    let head = head.replace(&server.address, "ADDRESS");
    let mut lines: Vec<_> = head
        .lines()
        .filter(|line| !line.starts_with("user-agent"))
        .collect();
    lines[1..].sort_unstable();
    insta::assert_snapshot!(lines.join("\n"), @r"
    POST /prefix/iam/v2/api-keys HTTP/1.1
    accept: application/json
    authorization: Basic dXNlcjpwYXNz
    content-length: 32
    content-type: application/json
    host: ADDRESS
    ");
    assert!(head.contains(&format!("user-agent: iamql/{}", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn an_id_stays_one_path_segment_on_the_wire() {
    let server = Server::start(vec![http("204 No Content", b"")]).await;
    client(&format!("http://{}", server.address))
        .delete(&API_KEYS, &id())
        .await
        .unwrap();
    assert!(server.requests()[0].starts_with("DELETE /iam/v2/api-keys/K%261 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn compressed_answers_are_read() {
    let server = Server::start(vec![http(
        "200 OK\r\nContent-Encoding: gzip",
        &gzip(b"{\"data\":[{}]}"),
    )])
    .await;
    let client = client(&format!("http://{}", server.address));
    let pages: Vec<Page> = client
        .list(ListParams::all(&API_KEYS))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(pages.iter().map(Page::len).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn a_created_key_is_read_whatever_its_encoding_is_said_to_be() {
    const KEY: &[u8] = b"{\"id\":\"N\",\"spec\":{\"secret\":\"s\"}}";
    for answer in [
        http("202 Accepted", KEY),
        http("202 Accepted", &gzip(KEY)),
        http("202 Accepted\r\nContent-Encoding: gzip", &gzip(KEY)),
        http("202 Accepted\r\nContent-Encoding: gzip", KEY),
        http("202 Accepted\r\nContent-Encoding: gzip", &gzip(&gzip(KEY))),
    ] {
        let server = Server::start(vec![answer]).await;
        let client = client(&format!("http://{}", server.address));
        let body = RequestBody::from_spec(&serde_json::Map::new());
        let created = client.create(&API_KEYS, &body).await.unwrap();
        assert_eq!(created.raw().as_bytes(), KEY);
    }
}

#[tokio::test]
async fn a_secret_that_has_arrived_is_not_lost_to_what_comes_after_it() {
    const KEY: &str = "{\"id\":\"N\",\"spec\":{\"secret\":\"s\"}}";
    let spaces = " ".repeat(65 * 1024 * 1024);
    for (length, body) in [
        (100, KEY.to_owned()),
        (spaces.len() + KEY.len(), format!("{KEY}{spaces}")),
    ] {
        let head = format!("HTTP/1.1 202 Accepted\r\nContent-Length: {length}\r\n\r\n");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            // It neither goes on nor ends.
            std::future::pending::<()>().await;
        });
        let config = ClientConfig {
            timeout: Duration::from_secs(2),
            ..config(&format!("http://{address}"))
        };
        let body = RequestBody::from_spec(&serde_json::Map::new());
        let created = Client::new(config).unwrap().create(&API_KEYS, &body).await;
        assert_eq!(created.unwrap().raw(), KEY);
        service.abort();
    }
}

/// The connection that is read never comes to a rest; what bounds it must not depend on that.
#[tokio::test]
async fn endless_interim_answers_time_out() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Each try meets the same, so that none is refused.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // What comes before the request would break the connection.
                let _ = std::io::Read::read(&mut stream, &mut [0; 1024]);
                let interim = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000);
                while std::io::Write::write_all(&mut stream, &interim).is_ok() {}
            });
        }
    });
    let config = ClientConfig {
        timeout: Duration::from_secs(1),
        ..config(&format!("http://{address}"))
    };
    let error = Client::new(config).unwrap().get(&API_KEYS, &id()).await;
    let failure = failure(error.unwrap_err());
    assert_eq!(failure.kind, FailureKind::Timeout);
}

#[tokio::test]
async fn broken_connections_and_bodies_are_met_with_another_try() {
    let complete = http("200 OK", b"{\"id\":\"K&1\"}");
    let cut = complete[..complete.len() - 3].to_vec();
    let bad_gzip = http("200 OK\r\nContent-Encoding: gzip", b"\x1f\x8b\x08nonsense");
    for broken in [Vec::new(), b"HTTP/1.1 200".to_vec(), cut, bad_gzip] {
        let server = Server::start(vec![broken, complete.clone()]).await;
        let key = client(&format!("http://{}", server.address))
            .get(&API_KEYS, &id())
            .await
            .unwrap();
        let read = (key.raw(), server.requests().len());
        assert_eq!(read, ("{\"id\":\"K&1\"}", 2));
    }
}

#[tokio::test]
async fn broken_connections_are_told_from_broken_bodies() {
    let complete = http("200 OK", b"{\"id\":\"K&1\"}");
    for (answer, kind) in [
        (Vec::new(), FailureKind::Reset),
        (
            complete[..complete.len() - 3].to_vec(),
            FailureKind::Truncated,
        ),
    ] {
        let server = Server::start(vec![answer.clone(), answer]).await;
        let failure = failure(
            client(&format!("http://{}", server.address))
                .get(&API_KEYS, &id())
                .await
                .unwrap_err(),
        );
        assert_eq!(
            (failure.kind, failure.never_sent),
            (kind, false),
            "{}",
            failure.detail
        );
    }
}

#[tokio::test]
async fn a_refusal_keeps_its_status_when_its_body_breaks_off() {
    let refusal = http("403 Forbidden", b"{\"message\":\"no\"}");
    let server = Server::start(vec![refusal[..refusal.len() - 2].to_vec()]).await;
    let error = client(&format!("http://{}", server.address))
        .get(&API_KEYS, &id())
        .await
        .unwrap_err();
    assert!(error.is_forbidden(), "{error}");
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = client(&format!("http://{address}"))
        .get(&API_KEYS, &id())
        .await
        .unwrap_err();
    insta::assert_snapshot!(error.to_string().split(", after").next().unwrap(), @"`GET /iam/v2/api-keys/K%261` could not connect: connection refused");
    let failure = failure(error);
    assert_eq!(
        (failure.kind, failure.never_sent),
        (FailureKind::Refused, true)
    );
}

#[tokio::test]
async fn tls_to_something_else_is_told_as_such() {
    let server = Server::start(vec![http("400 Bad Request", b"this is not TLS")]).await;
    let failure = failure(
        client(&format!("https://{}", server.address))
            .get(&API_KEYS, &id())
            .await
            .unwrap_err(),
    );
    assert_eq!(
        (failure.kind, failure.never_sent),
        (FailureKind::Tls, true),
        "{}",
        failure.detail
    );
}

#[tokio::test]
async fn bodies_without_end_are_given_up() {
    let announced = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{".to_vec();
    let mut endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    endless.resize(endless.len() + 64 * 1024 * 1024 + 1, b' ');
    for answer in [announced, endless] {
        let server = Server::start(vec![answer]).await;
        let error = client(&format!("http://{}", server.address))
            .get(&API_KEYS, &id())
            .await
            .unwrap_err();
        let expected =
            "got an answer that is too long: the body is longer than the limit of 64 MiB";
        assert_eq!(
            error.to_string(),
            format!("`GET /iam/v2/api-keys/K%261` {expected}")
        );
    }
}

#[tokio::test]
async fn an_endless_explanation_is_read_at_its_beginning() {
    let mut endless = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n".to_vec();
    endless.extend(b"no ".repeat(2 * 1024 * 1024));
    let server = Server::start(vec![endless]).await;
    let error = client(&format!("http://{}", server.address))
        .get(&API_KEYS, &id())
        .await
        .unwrap_err();
    assert!(error.is_forbidden(), "{error}");
    assert!(error.to_string().len() < 1000);
}

#[test]
fn certificates_are_checked_when_the_client_is_made() {
    let config = |pem: &[u8]| ClientConfig {
        endpoint: Endpoint::production(),
        credentials: Credentials::Bearer(Secret::new("t")),
        timeout: Duration::from_secs(1),
        concurrency: 1,
        ca_cert: Some(pem.to_vec()),
        retry: RetryPolicy::default(),
    };
    for pem in [
        &b""[..],
        b"no certificate",
        b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
    ] {
        let error = Client::new(config(pem)).unwrap_err();
        assert!(matches!(error, Error::Certificate { .. }), "{error}");
    }
}
