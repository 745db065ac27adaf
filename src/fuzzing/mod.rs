//! Invariants that must hold for any input.
//!
//! Each function takes what a person or a service might send, processes it as the program does, and panics if the
//! result breaks an invariant. The fuzz targets in `fuzz/` call them with bytes that a fuzzer finds, the tests here
//! with texts composed of plausible words. They are compiled only for these two, and are not part of the program.
//!
//! Never sends anything, and never looks at what the answers mean.

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::api::ratelimit::{asked, jittered, pause};
use crate::api::request::{ListParams, list};
use crate::api::transport::Response;
use crate::api::{Endpoint, KeyBody, Page, PageReader, PageToken, ServiceError};
use crate::dialect::Dialect;
use crate::dialect::functions::json::node::Node;
use crate::dialect::functions::json::path::{self, Step};
use crate::dialect::output_names::Names;
use crate::dialect::parse::as_sql;
use crate::dialect::rewrite::rewrite;
use crate::error::Error;
use crate::mask::Mask;
use crate::render::{Diagnostic, cell_json};
use crate::resource::{API_KEYS, shape};
use crate::secret::Secret;
use crate::session::in_statement;
use crate::sql::operation::Operation;
use crate::sql::split::{Piece, split};
use crate::table::decode::Decoder;
use crate::table::read::{KeyBatch, RowReader};

/// Cuts a script into statements, and reads each of them.
///
/// The statements are parts of the script, in order, and what is cut once is not cut again. Every error can be shown.
pub fn statements(script: &str) {
    let split = split(script);
    let mut rest = script;
    for piece in &split.pieces {
        assert!(!piece.text.is_empty(), "an empty statement");
        let at = rest.find(&piece.text).expect("a part of the script");
        rest = &rest[at + piece.text.len()..];
        let line = script[..script.len() - rest.len() - piece.text.len()]
            .matches('\n')
            .count();
        assert_eq!(piece.line, line as u64 + 1, "the line of {:?}", piece.text);
        let again = self::split(&piece.text);
        assert_eq!(again.pieces.len(), 1, "{:?} is cut again", piece.text);
        assert_eq!(again.pieces[0].text, piece.text);
        statement(piece);
    }
    if let Some((piece, error)) = split.broken {
        shown(&in_statement(error, &piece.text, piece.line));
    }
}

fn statement(piece: &Piece) {
    match Operation::read(piece, Dialect::default()) {
        Ok(operation) => {
            operation.changes();
            planned(operation);
        }
        Err(error) => shown(&in_statement(error, &piece.text, piece.line)),
    }
}

fn planned(operation: Operation) {
    match operation {
        Operation::Query(mut query) => {
            if let Some(sql) = as_sql(&query) {
                Names::of(sql, shape());
            }
            rewrite(&mut query, shape(), Dialect::Default);
        }
        Operation::WithoutRows(operation) => {
            let is_nested = matches!(*operation, Operation::WithoutRows(_));
            assert!(!is_nested, "rows are taken away twice: {operation:?}");
            planned(*operation);
        }
        Operation::Stackql(_) | Operation::Write { .. } => {}
    }
}

/// Shows `error` as people see it.
fn shown(error: &Error) {
    let shown = Diagnostic {
        error,
        color: false,
        width: None,
    };
    let shown = shown.to_string();
    assert!(
        !shown.contains(|c: char| c.is_control() && c != '\n'),
        "{shown:?}"
    );
}

/// Reads the body of an answer: as a page, as a key, and as a refusal.
///
/// What a page holds becomes rows, of which every cell can be written as JSON; its token survives a request. What is read
/// in one pass is what is read in two. What is said of a body that cannot be read fits on one line.
pub fn body(body: &[u8]) {
    match Page::parse(Bytes::copy_from_slice(body)) {
        Ok(page) => {
            self::page(&page);
            let (mut one, mut two) = (reader(), reader());
            if let Some(len) = one.read(body, page.next()) {
                assert_eq!(len, page.len());
                two.add(&page);
                let (one, two) = (one.finish(), two.finish());
                let read = |keys: Result<KeyBatch, _>| keys.map(|keys| (keys.rows, keys.oddities));
                assert_eq!(read(one).ok(), read(two).ok());
            }
        }
        Err(error) => {
            one_line(&error.to_string());
            assert_eq!(reader().read(body, None), None);
        }
    }
    match KeyBody::parse(Bytes::copy_from_slice(body)) {
        Ok(key) => assert!(key.raw().starts_with('{') && key.raw().ends_with('}')),
        Err(error) => one_line(&error.to_string()),
    }
    one_line(&ServiceError::parse(403, None, body).to_string());
}

fn reader() -> RowReader {
    RowReader::new(Decoder::of_all(&API_KEYS))
}

fn page(page: &Page) {
    let mut decoder = Decoder::of_all(&API_KEYS);
    let mut keys = 0;
    for key in page.keys() {
        let before = decoder.rows();
        let pushed = decoder.push(key.raw());
        let added = decoder.rows() - before;
        assert!(added == 0 || added == 1 && pushed.is_ok());
        keys += added;
    }
    let batch = decoder.finish().expect("a page is small enough");
    assert_eq!(batch.num_rows(), keys);
    for (field, column) in API_KEYS.schema().fields().iter().zip(batch.columns()) {
        for row in 0..keys {
            let json = cell_json(field, column, row).expect("every cell can be written");
            serde_json::from_str::<Value>(&json).expect("a cell is JSON");
        }
    }
    if let Some(token) = page.next() {
        assert!(!token.as_str().is_empty());
        let request = list(&ListParams::all(&API_KEYS), Some(token))
            .line
            .path_and_query;
        assert_eq!(link(&request).as_ref(), Some(token));
    }
}

/// Reads `link` as that to the next page.
fn link(link: &str) -> Option<PageToken> {
    let page = json!({ "metadata": { "next": link }, "data": [] }).to_string();
    Page::parse(page.into()).ok()?.next().cloned()
}

fn one_line(message: &str) {
    assert!(!message.contains(char::is_control), "{message:?}");
}

/// Takes the secret in the first line out of the rest, and reads the rest as the body of an error that repeats it.
///
/// Nothing that is shown holds the secret.
pub fn masking(text: &str) {
    let (secret, text) = text.split_once('\n').unwrap_or((text, ""));
    // A short one may be anywhere, and what is not visible is not looked for.
    let is_usual = secret.len() >= 12
        && secret.chars().all(|c| c.is_ascii_graphic())
        && secret.contains(|c: char| c.is_ascii_digit());
    if !is_usual {
        return;
    }
    let mask = Mask::of([Secret::new(secret)]);
    let masked = mask.apply(text);
    assert!(!masked.contains(secret), "{masked:?}");
    for status in [200, 401, 502] {
        let error = ServiceError::masked(status, Some(text), text.as_bytes(), &mask);
        let shown = error.to_string();
        one_line(&shown);
        assert!(!shown.contains(secret), "{shown:?}");
    }
}

/// Reads an answer's headers, given one a line as `name: value`, and links and endpoints that stand on lines of their own.
///
/// No pause is longer than an hour, an endpoint without TLS is this machine, and the token of a link survives a request.
pub fn headers(text: &str) {
    let mut headers = HeaderMap::new();
    for line in text.lines() {
        if let Some((name, value)) = line.split_once(": ")
            && let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_bytes(value.as_bytes()),
            )
        {
            headers.insert(name, value);
        }
        if let Some(token) = link(line) {
            let request = list(&ListParams::all(&API_KEYS), Some(&token)).line;
            assert_eq!(link(&request.path_and_query), Some(token), "{line:?}");
        }
        match Endpoint::parse(line) {
            Ok(endpoint) => {
                assert!(!endpoint.is_plain() || endpoint.is_loopback(), "{line:?}");
                let again = Endpoint::parse(&endpoint.to_string()).expect("what was read is shown");
                assert_eq!(again.to_string(), endpoint.to_string());
            }
            Err(error) => one_line(&error.to_string()),
        }
    }
    for status in [200, 429, 503] {
        let response = Response {
            status,
            headers: headers.clone(),
            body: Bytes::new(),
            broken: None,
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for wait in [asked(&response, now), pause(&response, now)] {
            let Some(wait) = wait else { continue };
            assert!(
                !wait.is_zero() && wait <= Duration::from_secs(3600),
                "{wait:?}"
            );
            assert!(jittered(wait, 1.0) <= wait + Duration::from_secs(1));
        }
    }
}

/// Reads a JSON path from the first line, and takes it over the JSON in the rest.
///
/// The steps are those of the path when it is written anew, and so is the JSON.
pub fn path(text: &str) {
    let (path, json) = text.split_once('\n').unwrap_or((text, "{}"));
    let steps = path::of_key(path);
    if let Ok(steps) = &steps
        && let Some(written) = written(steps)
    {
        assert_eq!(path::parse(&written).as_ref(), Ok(steps), "{written:?}");
    }
    let Ok(node) = Node::parse("fuzzing", json) else {
        return;
    };
    let again = Node::parse("fuzzing", &node.to_string()).expect("what was read is written");
    assert_eq!(again.to_string(), node.to_string());
    if let Some(part) = steps.ok().as_deref().and_then(|steps| node.find(steps)) {
        part.to_value();
    }
}

/// Writes a path in the spellings that can hold its names; `None` if there is none.
fn written(steps: &[Step]) -> Option<String> {
    let mut path = "$".to_owned();
    for step in steps {
        path += &match step {
            Step::Field(name) if !name.contains('"') => format!(".\"{name}\""),
            Step::Field(name) if !name.contains('\'') => format!("['{name}']"),
            Step::Field(_) => return None,
            Step::Index(index) => format!("[{index}]"),
            Step::FromEnd(0) => "[#]".to_owned(),
            Step::FromEnd(back) => format!("[#-{back}]"),
        };
    }
    Some(path)
}
