//! A request and its answer, as the operations see them: values without a socket.
//!
//! Turns paths into what they name. Never reads headers or bodies.

use axum::http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

/// The path of the collection.
pub(super) const COLLECTION: &str = "/iam/v2/api-keys";

/// A request, as far as the operations care.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    /// Still percent-encoded.
    pub(super) path: &'a str,
    /// Still encoded, without its question mark.
    pub(super) query: &'a str,
    pub(super) body: &'a [u8],
}

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    Collection,
    Key(String),
}

impl Call<'_> {
    /// Returns what the path names, if the service has it.
    pub(super) fn target(&self) -> Option<Target> {
        Some(match id_below(self.path, COLLECTION)? {
            None => Target::Collection,
            Some(id) => Target::Key(id),
        })
    }
}

/// An answer in the making.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(String, String)>,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn json(status: StatusCode, body: String) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: "application/json",
            body,
        }
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self::json(status, String::new())
    }

    pub(super) fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// Returns the id in a path below `collection`, or no id for the collection itself; `None` for any other path, and for one
/// that is not UTF-8.
pub(super) fn id_below(path: &str, collection: &str) -> Option<Option<String>> {
    let rest = path.strip_prefix(collection)?;
    if rest.is_empty() {
        return Some(None);
    }
    let segment = rest.strip_prefix('/')?;
    // A stray percent sign stands for itself.
    let id = percent_decode_str(segment).decode_utf8().ok()?;
    (!id.is_empty() && !segment.contains('/')).then(|| Some(id.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Option<Target> {
        let method = &Method::GET;
        Call {
            method,
            path,
            query: "",
            body: &[],
        }
        .target()
    }

    #[test]
    fn paths_name_the_collection_or_a_key() {
        let key = |id: &str| Some(Target::Key(id.to_owned()));
        assert_eq!(target("/iam/v2/api-keys"), Some(Target::Collection));
        assert_eq!(target("/iam/v2/api-keys/ABC"), key("ABC"));
        assert_eq!(
            target("/iam/v2/api-keys/a%20b%2Fc%3f%C3%A9+"),
            key("a b/c?é+")
        );
        assert_eq!(target("/iam/v2/api-keys/100%"), key("100%"));
        for path in [
            "/",
            "/iam/v2/api-keys/",
            "/iam/v2/api-keysX",
            "/iam/v2/api-keys/a/b",
            "/iam/v2/api-keys/%FF",
            "/iam/v2/invitations",
        ] {
            assert_eq!(target(path), None, "{path}");
        }
    }
}
