//! The published description of September 2026, retold as data, and whether requests keep to it.
//!
//! It only looks. Nothing that the sandbox answers is made from it and no request is read with it, so that a mistake in
//! one of them does not hide one in the other. Depends on nothing else in the sandbox but the log's requests.

mod check;
mod keys;
mod shape;
mod siblings;
#[cfg(test)]
mod tests;

use axum::http::header;

use self::check::Check;
use self::shape::Operation;
use super::log::LoggedRequest;

/// Returns the operation of that method and path, if there is one.
fn operation(method: &str, path: &str) -> Option<&'static Operation> {
    keys::OPERATIONS
        .iter()
        .chain(&siblings::OPERATIONS)
        .find(|operation| {
            let id = path
                .strip_prefix(operation.path)
                .and_then(|rest| rest.strip_prefix('/'))
                .filter(|id| !id.is_empty() && !id.contains('/'));
            let is_there = match operation.by_id {
                true => id.is_some(),
                false => path == operation.path,
            };
            is_there && operation.method == method
        })
}

/// Returns everything about `request` that the description does not have, each in a line that begins with the request.
pub(super) fn faults_of_request(request: &LoggedRequest) -> Vec<String> {
    let Some(operation) = operation(request.method.as_str(), &request.path) else {
        return vec![format!("{request}: there is no such operation")];
    };
    let mut check = Check::new(request, true);
    check.query(&request.query, operation.parameters);
    match (operation.body, request.body.is_empty()) {
        (None, true) => {}
        (None, false) => check.add("", "there must be no body"),
        (Some(shape), _) => {
            let content = request.headers.get(header::CONTENT_TYPE);
            if content.is_none_or(|value| value != "application/json") {
                check.add("", "the content type must be `application/json`");
            }
            match serde_json::from_slice(&request.body) {
                Ok(body) => check.value(shape, &body, ""),
                Err(error) => check.add("", format_args!("the body is not JSON: {error}")),
            }
        }
    }
    check.faults
}
