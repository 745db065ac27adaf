//! The organization as a bystander sees it: odd keys put in, all pages listed in plain HTTP, and a flat SQLite table made
//! of them. Nothing here uses the client, the decoder or the engine.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDate};
use fastrand::Rng;
use iamql::sandbox::Sandbox;
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a column of the flat table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Microseconds since 1970.
    Time,
    /// A day, as text.
    Date,
    /// How many elements a list has.
    Count,
}

/// The columns of the flat table: name, place in a key, what it holds.
pub(super) const COLUMNS: [(&str, &str, Kind); 16] = [
    ("id", "/id", Kind::Text),
    ("kind", "/kind", Kind::Text),
    ("self_link", "/metadata/self", Kind::Text),
    ("created_at", "/metadata/created_at", Kind::Time),
    ("updated_at", "/metadata/updated_at", Kind::Time),
    ("expires_at", "/spec/expires_at", Kind::Date),
    ("display_name", "/spec/display_name", Kind::Text),
    ("description", "/spec/description", Kind::Text),
    ("owner_id", "/spec/owner/id", Kind::Text),
    ("owner_kind", "/spec/owner/kind", Kind::Text),
    ("owner_crn", "/spec/owner/resource_name", Kind::Text),
    ("resource_id", "/spec/resource/id", Kind::Text),
    ("resource_kind", "/spec/resource/kind", Kind::Text),
    ("resource_api", "/spec/resource/api_version", Kind::Text),
    ("environment", "/spec/resource/environment", Kind::Text),
    ("clusters", "/spec/resources", Kind::Count),
];

const NAMES: [&str; 20] = [
    "",
    "ci",
    "CI",
    "Ci",
    "c%i_",
    "100%",
    "a_b",
    "it's",
    "\"quoted\"",
    "NULL",
    "null",
    "ünïcödé",
    "日本語",
    " padded ",
    "back\\slash",
    "'; DROP TABLE keys; --",
    "a | b",
    "01",
    "1e3",
    "two\nlines",
];

/// Spellings of times that are read, and some that are none.
const TIMES: [&str; 9] = [
    "2026-01-01T00:00:00Z",
    "2026-01-01T02:00:00+02:00",
    "2025-12-31T23:59:59.999999Z",
    "2024-02-29T12:00:00.1Z",
    "1969-07-20T20:17:40Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "yesterday",
    "",
];

/// Spellings of days that are read, and some that are none.
const DAYS: [&str; 7] = [
    "2026-07-01",
    "2026-12-31T23:59:59Z",
    "2026-12-31T23:30:00-01:00",
    "0001-01-01",
    "9999-12-31",
    "2026-02-30",
    "",
];

/// Makes about half of the keys odd: members that lack, are null or empty, or hold what nobody would expect.
pub(super) fn disturb(sandbox: &Sandbox, rng: &mut Rng) {
    for mut key in sandbox.keys() {
        for _ in 0..rng.usize(0..3) {
            let mut one_of = |texts: &[&str]| json!(texts[rng.usize(0..texts.len())]);
            let (name, time) = (one_of(&NAMES), one_of(&TIMES));
            let owner = one_of(&["", "u-1", "U-1"]);
            let resource = one_of(&["CLOUD", "", "lkc-1"]);
            let day = one_of(&DAYS);
            let spec = &mut key["spec"];
            match rng.usize(0..14) {
                0 | 1 => spec["display_name"] = name,
                2 => spec["description"] = name,
                3 => spec["display_name"] = Value::Null,
                4 => spec["owner"] = Value::Null,
                5 => spec["owner"] = json!({ "kind": "User" }),
                6 => spec["owner"] = json!({ "id": owner }),
                7 => spec["resource"] = Value::Null,
                8 => spec["resource"] = json!({ "id": resource, "environment": "env-1" }),
                9 => spec["expires_at"] = day,
                10 => spec["resources"] = json!(vec![json!({ "id": "lkc-1" }); rng.usize(1..4)]),
                11 => key["metadata"] = Value::Null,
                12 => key["kind"] = json!("apikey"),
                _ => key["metadata"]["created_at"] = time,
            }
        }
        sandbox.insert(key);
    }
}

/// Lists all keys, `page_size` at a time.
pub(super) async fn list(sandbox: &Sandbox, page_size: usize) -> Vec<Value> {
    let mut keys = Vec::new();
    let mut query = format!("show_expired=true&page_size={page_size}");
    for _ in 0..1000 {
        let page = get(sandbox, &format!("/iam/v2/api-keys?{query}")).await;
        keys.extend(page["data"].as_array().unwrap().iter().cloned());
        let next = page.pointer("/metadata/next").and_then(Value::as_str);
        match next.and_then(|next| next.split_once('?')) {
            Some((_, next)) => query = next.to_owned(),
            None => return keys,
        }
    }
    panic!("the listing does not end");
}

/// One GET in HTTP/1.0, whose answers come whole and are followed by nothing.
async fn get(sandbox: &Sandbox, path: &str) -> Value {
    let (key, secret) = sandbox.credentials();
    let credentials = STANDARD.encode(format!("{key}:{secret}"));
    let url = sandbox.url();
    let mut stream = TcpStream::connect(url.trim_start_matches("http://"))
        .await
        .unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nAuthorization: Basic {credentials}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{head}");
    serde_json::from_str(body).unwrap()
}

/// Makes the table `keys`.
pub(super) fn load(keys: &[Value]) -> Connection {
    let database = Connection::open_in_memory().unwrap();
    let names = COLUMNS.map(|(name, _, kind)| match kind {
        Kind::Text | Kind::Date => format!("{name} TEXT"),
        Kind::Time | Kind::Count => format!("{name} INTEGER"),
    });
    // SQLite's LIKE takes `a` for `A` unless it is told not to.
    database
        .execute_batch(&format!(
            "PRAGMA case_sensitive_like = ON; CREATE TABLE keys ({})",
            names.join(", ")
        ))
        .unwrap();
    let places = vec!["?"; COLUMNS.len()].join(", ");
    let mut insert = database
        .prepare(&format!("INSERT INTO keys VALUES ({places})"))
        .unwrap();
    for key in keys {
        insert
            .execute(rusqlite::params_from_iter(
                COLUMNS.map(|(_, place, kind)| cell(key, place, kind)),
            ))
            .unwrap();
    }
    drop(insert);
    database
}

fn cell(key: &Value, place: &str, kind: Kind) -> Cell {
    let Some(value) = key.pointer(place) else {
        return Cell::Null;
    };
    match kind {
        Kind::Text => value
            .as_str()
            .map_or(Cell::Null, |text| Cell::Text(text.to_owned())),
        Kind::Time => value
            .as_str()
            .and_then(micros)
            .map_or(Cell::Null, Cell::Integer),
        Kind::Date => value.as_str().and_then(day).map_or(Cell::Null, Cell::Text),
        Kind::Count => value
            .as_array()
            .map_or(Cell::Null, |list| Cell::Integer(list.len() as i64)),
    }
}

/// Returns the day of a date, or of a time in RFC 3339, in UTC.
fn day(text: &str) -> Option<String> {
    let of_time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc().date_naive());
    let day = of_time.or_else(|_| text.parse::<NaiveDate>()).ok()?;
    Some(day.to_string())
}

/// Returns the microseconds since 1970 of a time in RFC 3339.
pub(super) fn micros(text: &str) -> Option<i64> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros())
}
