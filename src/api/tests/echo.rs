//! Answers that repeat the session's credentials, or the secret of a new key, in every place and form: nothing of it is
//! shown, in the error, in its hint, in how it debugs, or in what `-vv` traces.

use std::io;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures::StreamExt;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use super::super::transport::Response;
use super::super::*;
use super::script::*;
use crate::resource::API_KEYS;
use crate::secret::Secret;

const KEY: &str = "OWNKEY2222222222";
const SECRET: &str = "Zq3+/xYk9Lm0nO1pQ2rS3tU4vW5xY6zA7bC8dE9fG0hI1jK2lM3nO4pQ5rS6tU7v";
const CREATED: &str = "cfltAb3+/Cd5eF6gH7iJ8kL9mN0oP1qR2sT3uV4wX5yZ6aB7cD8eF9gH0iJ1kL2m";

/// What may not be shown: parts that are long enough to tell whose they are.
const PARTS: usize = 16;

/// An answer.
struct Echo {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

fn echo(status: u16, body: impl Into<String>) -> Echo {
    Echo {
        status,
        headers: Vec::new(),
        body: body.into(),
    }
}

fn with(status: u16, name: &'static str, value: impl Into<String>) -> Echo {
    Echo {
        status,
        headers: vec![(name, value.into())],
        body: String::new(),
    }
}

fn json_digits(text: &str) -> String {
    text.chars()
        .map(|c| format!("\\u{:04x}", u32::from(c)))
        .collect()
}

fn percent(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn split(text: &str, between: &str) -> String {
    let pieces: Vec<&str> = text
        .as_bytes()
        .chunks(5)
        .map(|piece| std::str::from_utf8(piece).unwrap())
        .collect();
    pieces.join(between)
}

/// Every way of telling `secret` that a service, a gateway or a proxy has.
fn echoes(secret: &str) -> Vec<(&'static str, Echo)> {
    let detail = |text: &str| json!({"errors": [{"detail": text}]}).to_string();
    let raw = |text: &str| format!(r#"{{"errors":[{{"detail":"{text}"}}]}}"#);
    let pair = format!("{KEY}:{secret}");
    let base64 = |text: &str| BASE64_STANDARD.encode(text);
    vec![
        (
            "a detail",
            echo(401, detail(&format!("bad secret {secret}"))),
        ),
        (
            "a title",
            echo(403, json!({"errors": [{"title": secret}]}).to_string()),
        ),
        (
            "a code",
            echo(400, json!({"errors": [{"code": secret}]}).to_string()),
        ),
        (
            "an id",
            echo(500, json!({"errors": [{"id": secret}]}).to_string()),
        ),
        (
            "a resolution",
            echo(400, json!({"errors": [{"resolution": secret}]}).to_string()),
        ),
        (
            "a pointer",
            echo(
                422,
                json!({"errors": [{"source": {"pointer": secret}}]}).to_string(),
            ),
        ),
        (
            "a parameter",
            echo(
                400,
                json!({"errors": [{"source": {"parameter": secret}}]}).to_string(),
            ),
        ),
        (
            "further errors",
            echo(400, json!({"errors": [{}, {"detail": secret}]}).to_string()),
        ),
        (
            "details",
            echo(400, json!({"error": {"details": [secret]}}).to_string()),
        ),
        (
            "a flat error",
            echo(400, json!({"error": secret}).to_string()),
        ),
        (
            "a description",
            echo(
                400,
                json!({"error": "x", "error_description": secret}).to_string(),
            ),
        ),
        (
            "an unknown form",
            echo(400, json!({"what": {"it": secret}}).to_string()),
        ),
        (
            "the name of a member",
            echo(400, json!({secret: 1}).to_string()),
        ),
        ("a text", echo(400, json!(secret).to_string())),
        ("no JSON", echo(502, format!("upstream said {secret}"))),
        (
            "a page",
            echo(502, format!("<html><h1>{secret}</h1></html>")),
        ),
        (
            "a page with tags in it",
            echo(502, format!("<p>{}</p>", split(secret, "<wbr>"))),
        ),
        (
            "a page with entities",
            echo(
                502,
                format!(
                    "<p>{}</p>",
                    split(
                        &secret.replace('+', "&#43;").replace('/', "&#x2F;"),
                        "&shy;"
                    )
                    .replace("&shy;", "")
                ),
            ),
        ),
        (
            "escaped slashes",
            echo(400, raw(&secret.replace('/', "\\/"))),
        ),
        ("escaped characters", echo(400, raw(&json_digits(secret)))),
        (
            "JSON in JSON",
            echo(400, detail(&raw(&json_digits(secret)))),
        ),
        (
            "escapes in JSON that breaks off",
            echo(
                400,
                format!(r#"{{"errors":[{{"detail":"{}"#, json_digits(secret)),
            ),
        ),
        (
            "a URL",
            echo(400, detail(&format!("GET /x?secret={}&y", percent(secret)))),
        ),
        (
            "a URL that is escaped twice",
            echo(400, detail(&percent(&percent(secret)))),
        ),
        (
            "Base64",
            echo(
                401,
                detail(&format!("Authorization: Basic {}", base64(&pair))),
            ),
        ),
        (
            "Base64 of the secret alone",
            echo(401, detail(&base64(secret))),
        ),
        (
            "Base64 in a longer text",
            echo(401, detail(&base64(&format!("x{{{secret}}}")))),
        ),
        (
            "Base64 for URLs",
            echo(401, detail(&BASE64_URL_SAFE_NO_PAD.encode(&pair))),
        ),
        (
            "hexadecimal digits",
            echo(
                401,
                detail(
                    &secret
                        .bytes()
                        .map(|b| format!("{b:02x}"))
                        .collect::<String>(),
                ),
            ),
        ),
        ("white space", echo(400, detail(&split(secret, " ")))),
        (
            "invisible characters",
            echo(400, detail(&split(secret, "\u{200b}"))),
        ),
        (
            "tags in a detail",
            echo(400, detail(&split(secret, "<b></b>"))),
        ),
        ("capitals", echo(400, detail(&secret.to_ascii_uppercase()))),
        (
            "its first half",
            echo(400, detail(&format!("starts with {}", &secret[..32]))),
        ),
        (
            "after a long text",
            echo(400, detail(&format!("{} {secret}", "x".repeat(380)))),
        ),
        (
            "the header of a request id",
            with(403, "x-request-id", secret),
        ),
        (
            "a request id in pieces",
            with(403, "x-request-id", split(secret, " ")),
        ),
        (
            "the request id of a success",
            Echo {
                status: 200,
                headers: vec![("x-request-id", secret.to_owned())],
                body: "{".to_owned(),
            },
        ),
        (
            "a location",
            with(
                302,
                "location",
                format!(
                    "https://{}.example/",
                    split(&secret.replace(['+', '/'], ""), ".")
                ),
            ),
        ),
        (
            "the location of a key",
            with(
                303,
                "location",
                format!("/iam/v2/api-keys/{}", secret.replace('/', "%2F")),
            ),
        ),
        (
            "a page of the wrong type",
            echo(200, json!({"data": [], "metadata": secret}).to_string()),
        ),
    ]
}

/// What was traced.
#[derive(Clone, Default)]
struct Traced(Arc<Mutex<Vec<u8>>>);

impl io::Write for Traced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn response(echo: &Echo) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in &echo.headers {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    Response {
        status: echo.status,
        headers,
        body: Bytes::copy_from_slice(echo.body.as_bytes()),
        broken: None,
    }
}

/// Everything that is said about `step` as the answer to a listing and to a create.
async fn told(step: Response, before: Option<Response>) -> String {
    let traced = Traced::default();
    let writer = traced.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(Mutex::new(writer))
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let steps = before.into_iter().map(Step::Answer);
    let (client, _) = client_as(
        steps.chain([Step::Answer(step)]),
        Credentials::Basic {
            key: KEY.to_owned(),
            secret: Secret::new(SECRET),
        },
    );
    let mut told = String::new();
    let mut tell = |error: Error| {
        let hint = error.hint().unwrap_or_default();
        told += &format!("{error}\n{hint}\n{error:?}\n{:?}\n", error.service());
    };
    // The first answer is that to a create.
    let _ = client.create(&API_KEYS, &body()).await.map_err(&mut tell);
    let mut pages = std::pin::pin!(client.list(ListParams::all(&API_KEYS)));
    let _ = pages.next().await.transpose().map_err(&mut tell);
    let _ = client.create(&API_KEYS, &body()).await.map_err(&mut tell);
    let _ = client.get(&API_KEYS, &id()).await.map_err(&mut tell);
    drop(guard);
    told + &String::from_utf8(traced.0.lock().unwrap().clone()).unwrap()
}

#[track_caller]
fn assert_clean(what: &str, told: &str, secret: &str) {
    let bare: String = told
        .chars()
        .filter(|c| c.is_ascii_graphic())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let encoded = BASE64_STANDARD.encode(secret);
    let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
    let (escaped, digits) = (percent(secret), json_digits(secret));
    let forms = [
        secret,
        encoded.as_str(),
        hex.as_str(),
        escaped.as_str(),
        digits.as_str(),
    ];
    for form in forms {
        for part in form.to_ascii_lowercase().as_bytes().windows(PARTS) {
            let part = std::str::from_utf8(part).unwrap();
            assert!(!bare.contains(part), "{what} holds `{part}`: {told}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_can_have_the_credentials_shown() {
    let all = echoes(SECRET);
    assert!(all.len() >= 25);
    for (what, echo) in &all {
        let told = told(response(echo), None).await;
        assert!(!told.is_empty(), "{what}");
        assert_clean(what, &told, SECRET);
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_can_have_the_secret_of_a_new_key_shown() {
    for (what, echo) in &echoes(CREATED) {
        let created = json!({"id": "K", "spec": {"secret": CREATED}}).to_string();
        let told = told(response(echo), Some(answer(202, &[], &created))).await;
        assert_clean(what, &told, CREATED);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_secret_is_shown() {
    let told = told(
        answer(400, &[], r#"{"errors":[{"detail":"no such owner: sa-1"}]}"#),
        None,
    )
    .await;
    assert!(told.contains("no such owner: sa-1"), "{told}");
    assert!(!told.contains("***"), "{told}");
}
