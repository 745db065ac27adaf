//! The published description of September 2026, as data, and whether requests keep to it.
//!
//! `description.json` is in the words of OpenAPI, as far as requests and keys need them: a `requestBody` is a schema, and
//! `$ref` the name of one. `api_version` and `kind` of a reference are read-only in the original; here they are not, because
//! Confluent's Terraform provider sends them with every create.
//!
//! This only looks. Nothing that the sandbox answers is made from it and no request is read with it, so that a mistake in
//! one of them does not hide one in the other. Depends on nothing else in the sandbox but the log's requests.

mod check;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use axum::http::header;
use serde_json::Value;

use self::check::Check;
use super::log::LoggedRequest;

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("description.json")).expect("it is JSON, as the tests check")
});

/// Returns the operation of that method and path, if there is one.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let is_at = |template: &str| match template.strip_suffix("{id}") {
        Some(collection) => path
            .strip_prefix(collection)
            .is_some_and(|id| !id.is_empty() && !id.contains('/')),
        None => path == template,
    };
    let mut paths = DESCRIPTION["paths"].as_object()?.iter();
    let (_, operations) = paths.find(|(template, _)| is_at(template))?;
    operations.get(method.to_ascii_lowercase())
}

/// Returns everything about `request` that the description does not have, each in a line that begins with the request.
pub(super) fn faults_of_request(request: &LoggedRequest) -> Vec<String> {
    let Some(operation) = operation(request.method.as_str(), &request.path) else {
        return vec![format!("{request}: there is no such operation")];
    };
    let mut check = Check::new(request, true);
    let parameters = operation["parameters"].as_array();
    check.query(&request.query, parameters.map_or(&[], Vec::as_slice));
    match (operation.get("requestBody"), request.body.is_empty()) {
        (None, true) => {}
        (None, false) => check.add("", "there must be no body"),
        (Some(schema), _) => {
            let content = request.headers.get(header::CONTENT_TYPE);
            if content.is_none_or(|value| value != "application/json") {
                check.add("", "the content type must be `application/json`");
            }
            match serde_json::from_slice(&request.body) {
                Ok(body) => check.value(schema, &body, ""),
                Err(error) => check.add("", format_args!("the body is not JSON: {error}")),
            }
        }
    }
    check.faults
}
