//! Refusals, and the envelope of errors that they are sent in.
//!
//! Codes and members follow the published description where it has a sample, recorded answers elsewhere: `status`
//! is a string, `source` an object that may be empty, `code` and `title` may be missing. Some errors have a `resolution`:
//! no description has it, but answers have been seen with it.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::config::UnknownKey;
use super::hostile_content::make_hostile;

/// Why a request is refused: a status, and one or more errors.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    errors: Vec<Value>,
    /// Headers that go with the status.
    pub(super) headers: Vec<(String, String)>,
}

/// What is wrong with one member of a body.
#[derive(Debug)]
pub(super) struct Invalid {
    pointer: String,
    detail: String,
    /// What to do about it, where that is not plain.
    resolution: Option<&'static str>,
}

impl Invalid {
    pub(super) fn new(pointer: &str, detail: &str) -> Self {
        Self {
            pointer: pointer.to_owned(),
            detail: detail.to_owned(),
            resolution: None,
        }
    }

    pub(super) fn with_resolution(mut self, resolution: &'static str) -> Self {
        self.resolution = Some(resolution);
        self
    }
}

impl Problem {
    fn new(status: StatusCode, mut error: Value) -> Self {
        error["status"] = json!(status.as_str());
        Self {
            status,
            errors: vec![error],
            headers: Vec::new(),
        }
    }

    pub(super) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// 401, for credentials that are wrong or missing.
    pub(super) fn unauthorized() -> Self {
        let error = json!({ "detail": "Unauthorized", "source": {} });
        Self::new(StatusCode::UNAUTHORIZED, error).with_header(
            "www-authenticate",
            "Basic error=\"invalid_key\", error_description=\"The API Key is invalid\"",
        )
    }

    /// The answer for a key that is not there, in the way that is asked for.
    pub(super) fn unknown_key(id: &str, answer: UnknownKey) -> Self {
        match answer {
            UnknownKey::Forbidden403 => Self::new(
                StatusCode::FORBIDDEN,
                json!({ "code": "forbidden_access", "detail": "Forbidden Access", "source": {} }),
            ),
            UnknownKey::NotFound404 => Self::new(
                StatusCode::NOT_FOUND,
                json!({
                    "code": "api_key_not_found",
                    "title": "Not Found",
                    "detail": format!("The API Key (id={id}) does not exist"),
                }),
            ),
        }
    }

    /// 403, for an owner that is not of the organization.
    pub(super) fn unknown_owner() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            json!({
                "code": "forbidden_access",
                "detail": "service account is not valid",
                "source": { "pointer": "/spec/owner/id" },
            }),
        )
    }

    /// 404, for an object that a collection of `kind` does not have.
    pub(super) fn unknown_object(code: &str, kind: &str, id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            json!({
                "code": code,
                "title": "Not Found",
                "detail": format!("The {kind} (id={id}) does not exist"),
                "source": {},
            }),
        )
    }

    /// 422, for a resource that nothing is known of.
    pub(super) fn unknown_resource(id: &str) -> Self {
        let fault = Invalid::new(
            "/spec/resource/id",
            &format!("The resource (id={id}) does not exist"),
        );
        Self::invalid(vec![fault.with_resolution(
            "Use the id of a resource of this organization, or leave the resource out for a Cloud API key.",
        )])
    }

    /// 404, for a path that the service does not have.
    pub(super) fn unknown_path() -> Self {
        let error = json!({ "title": "Not Found", "detail": "Not Found", "source": {} });
        Self::new(StatusCode::NOT_FOUND, error)
    }

    /// 405, with the methods that the path has.
    pub(super) fn method_not_allowed(allowed: &'static str) -> Self {
        let error =
            json!({ "title": "Method Not Allowed", "detail": "Method Not Allowed", "source": {} });
        Self::new(StatusCode::METHOD_NOT_ALLOWED, error).with_header("allow", allowed)
    }

    /// 400, for a query parameter.
    pub(super) fn invalid_filter(parameter: &str, detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            json!({
                "code": "invalid_filter",
                "title": "Invalid Filter",
                "detail": detail.into(),
                "source": { "parameter": parameter },
            }),
        )
    }

    /// 400, for a query parameter that a listing does not have.
    pub(super) fn unknown_filter(parameter: &str) -> Self {
        let detail = format!("The 'api-keys' resource can't be filtered by '{parameter}'");
        Self::invalid_filter(parameter, detail)
    }

    /// 400, for a request that cannot be read.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            json!({
                "code": "invalid_request",
                "title": "Bad Request",
                "detail": detail.into(),
                "source": {},
            }),
        )
    }

    /// 402, for one key too many.
    pub(super) fn quota_exceeded(quota: usize) -> Self {
        Self::new(
            StatusCode::PAYMENT_REQUIRED,
            json!({
                "code": "quota_exceeded",
                "title": "API Key Quota Exceeded",
                "detail": format!("Your organization is currently limited to {quota} API keys"),
                "resolution": "Delete keys that are not used any more, or ask for a higher quota.",
                "source": {},
            }),
        )
    }

    /// 422, with an error for each of `faults`; there must be one at least.
    pub(super) fn invalid(faults: Vec<Invalid>) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let errors = faults.into_iter().map(|fault| {
            let mut error = json!({
                "code": "invalid_configuration",
                "title": "Validation Failed",
                "detail": fault.detail,
                "source": { "pointer": fault.pointer },
                "status": status.as_str(),
            });
            if let Some(resolution) = fault.resolution {
                error["resolution"] = json!(resolution);
            }
            error
        });
        Self {
            status,
            errors: errors.collect(),
            headers: Vec::new(),
        }
    }

    /// An error of any status, for scripted faults.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let code = title.to_ascii_lowercase().replace([' ', '-'], "_");
        let error = json!({ "code": code, "title": title, "detail": title, "source": {} });
        Self::new(status, error)
    }

    /// Puts what a terminal would act on into every text.
    pub(super) fn made_hostile(mut self) -> Self {
        let mut turn = 0;
        for error in &mut self.errors {
            make_hostile(error, &mut turn);
        }
        self
    }

    /// Returns the body. Every error carries the id of the request, as the service's do.
    pub(super) fn body(&self, request_id: &str) -> String {
        let with_id = |error: &Value| {
            let mut ordered = json!({ "id": request_id, "status": error["status"] });
            for (name, member) in error.as_object().into_iter().flatten() {
                ordered[name] = member.clone();
            }
            ordered
        };
        json!({ "errors": self.errors.iter().map(with_id).collect::<Vec<_>>() }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_recorded_shape() {
        let body = Problem::unknown_key("K", UnknownKey::Forbidden403).body("7f");
        insta::assert_snapshot!(body, @r#"{"errors":[{"id":"7f","status":"403","code":"forbidden_access","detail":"Forbidden Access","source":{}}]}"#);
        let body = Problem::unauthorized().body("7f");
        insta::assert_snapshot!(body, @r#"{"errors":[{"id":"7f","status":"401","detail":"Unauthorized","source":{}}]}"#);
    }

    #[test]
    fn a_validation_lists_every_fault() {
        let faults = vec![
            Invalid::new("/a", "no"),
            Invalid::new("/b", "no").with_resolution("yes"),
        ];
        let body: Value = serde_json::from_str(&Problem::invalid(faults).body("7f")).unwrap();
        assert_eq!(body["errors"][0].get("resolution"), None);
        assert_eq!(body["errors"][1]["resolution"], "yes");
        assert_eq!(body["errors"][1]["source"]["pointer"], "/b");
        assert_eq!(body["errors"][1]["status"], "422");
    }
}
