//! The published description of September 2026, retold as data, and whether requests keep to it.
//!
//! It only looks. Nothing that the sandbox answers is made from it and no request is read with it, so that a mistake in
//! one of them does not hide one in the other. Depends on nothing else in the sandbox but the log's requests.

mod check;
mod keys;
mod siblings;
#[cfg(test)]
mod tests;

use axum::http::header;

use self::check::Check;
use super::log::LoggedRequest;

/// What a value may be.
#[derive(Debug)]
enum Shape {
    /// A string of so many characters.
    Text { least: usize, most: usize },
    /// One of these strings.
    Word(&'static [&'static str]),
    /// `YYYY-MM-DD`.
    Date,
    /// A time in RFC 3339.
    Time,
    /// `true` or `false`.
    Truth,
    /// A whole number.
    Number { least: u64, most: u64 },
    /// An object of these members and no others.
    Object(&'static [Member]),
    /// That, or null.
    Nullable(&'static Shape),
}

/// A member of an object, or a query parameter.
#[derive(Debug)]
struct Member {
    name: &'static str,
    shape: &'static Shape,
    /// Whether it must be there; a read-only member in answers alone.
    required: bool,
    /// Whether it has no place in a request.
    read_only: bool,
    /// Whether a parameter may be given more than once.
    repeatable: bool,
}

impl Member {
    const fn new(name: &'static str, shape: &'static Shape) -> Self {
        Self {
            name,
            shape,
            required: false,
            read_only: false,
            repeatable: false,
        }
    }

    const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    const fn repeatable(self) -> Self {
        Self {
            repeatable: true,
            ..self
        }
    }

    const fn read_only(self) -> Self {
        Self {
            read_only: true,
            ..self
        }
    }
}

/// One operation of the service.
#[derive(Debug)]
struct Operation {
    method: &'static str,
    /// The path, or if `by_id` what stands before the id.
    path: &'static str,
    by_id: bool,
    parameters: &'static [Member],
    body: Option<&'static Shape>,
}

static TEXT: Shape = Shape::Text {
    least: 0,
    most: usize::MAX,
};
static SOME_TEXT: Shape = Shape::Text {
    least: 1,
    most: usize::MAX,
};
static NAME: Shape = Shape::Text {
    least: 1,
    most: 255,
};

const PAGE_SIZE: Member = Member::new(
    "page_size",
    &Shape::Number {
        least: 1,
        most: 100,
    },
);
const PAGE_TOKEN: Member = Member::new(
    "page_token",
    &Shape::Text {
        least: 0,
        most: 255,
    },
);

impl Operation {
    const fn new(method: &'static str, path: &'static str) -> Self {
        Self {
            method,
            path,
            by_id: false,
            parameters: &[],
            body: None,
        }
    }

    const fn by_id(self) -> Self {
        Self {
            by_id: true,
            ..self
        }
    }

    const fn with_parameters(self, parameters: &'static [Member]) -> Self {
        Self { parameters, ..self }
    }

    const fn with_body(self, body: &'static Shape) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    fn of(method: &str, path: &str) -> Option<&'static Self> {
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
}

/// Returns everything about `request` that the description does not have, each in a line that begins with the request.
pub(super) fn faults_of_request(request: &LoggedRequest) -> Vec<String> {
    let Some(operation) = Operation::of(request.method.as_str(), &request.path) else {
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
