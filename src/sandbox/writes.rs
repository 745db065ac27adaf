//! The bodies of writes: what a POST asks for, and what a PATCH changes.
//!
//! Members that are unknown or read-only are ignored, as the service's rules for clients have it. The rules of
//! refusal are the sandbox's own where the published description is silent: every wrong member is named by pointer.

use serde_json::{Map, Value};

use super::problem::Problem;

/// The members of a spec that can be written at any time.
const TEXTS: [&str; 2] = ["display_name", "description"];
/// The members of a spec that cannot be changed once the key exists.
const IMMUTABLE: [&str; 5] = ["owner", "resource", "resources", "secret", "expires_at"];

/// A key that is asked for.
#[derive(Debug, PartialEq)]
pub(super) struct NewKey {
    /// Id of the owner.
    pub(super) owner: String,
    /// Ids and environments; never empty.
    pub(super) resources: Vec<(String, Option<String>)>,
    /// `display_name` and `description`, as far as they are given.
    pub(super) texts: Map<String, Value>,
}

impl NewKey {
    /// Reads the body of a POST.
    pub(super) fn read(body: &[u8]) -> Result<Self, Problem> {
        let object = read_object(body)?;
        let mut faults = Faults::default();
        let Some(spec) = object.get("spec").and_then(Value::as_object) else {
            faults.add("/spec", "spec is required");
            return Err(Problem::invalid(faults.0));
        };
        let owner = match spec.get("owner") {
            None | Some(Value::Null) => {
                faults.add("/spec/owner", "owner is required");
                String::new()
            }
            Some(owner) => faults.id(owner, "/spec/owner"),
        };
        let resources = match (spec.get("resources"), spec.get("resource")) {
            (Some(Value::Array(several)), _) if !several.is_empty() => several
                .iter()
                .enumerate()
                .map(|(number, one)| faults.resource(one, &format!("/spec/resources/{number}")))
                .collect(),
            // Without a resource the key is for the Cloud API.
            (_, None | Some(Value::Null)) => vec![("cloud".to_owned(), None)],
            (_, Some(one)) => vec![faults.resource(one, "/spec/resource")],
        };
        let texts = faults.texts(spec);
        faults.none_or(Self {
            owner,
            resources,
            texts,
        })
    }
}

/// What a PATCH changes: new texts, or `null` for those to be cleared.
#[derive(Debug, PartialEq)]
pub(super) struct Changes(Map<String, Value>);

impl Changes {
    /// Reads the body of a PATCH.
    pub(super) fn read(body: &[u8]) -> Result<Self, Problem> {
        let object = read_object(body)?;
        let mut faults = Faults::default();
        let nothing = Map::new();
        let spec = match object.get("spec") {
            None | Some(Value::Null) => &nothing,
            Some(Value::Object(spec)) => spec,
            Some(_) => {
                faults.add("/spec", "spec must be an object");
                &nothing
            }
        };
        for name in IMMUTABLE {
            if spec.contains_key(name) {
                faults.add(
                    &format!("/spec/{name}"),
                    &format!("{name} cannot be changed"),
                );
            }
        }
        let changes = Self(faults.texts(spec));
        faults.none_or(changes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Changes the spec of `key`. A text that is cleared is no member any more.
    pub(super) fn apply(self, key: &mut Value) {
        if !key["spec"].is_object() {
            key["spec"] = Value::Object(Map::new());
        }
        if let Some(spec) = key["spec"].as_object_mut() {
            for (name, value) in self.0 {
                if value.is_null() {
                    spec.shift_remove(&name);
                } else {
                    spec.insert(name, value);
                }
            }
        }
    }
}

fn read_object(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Problem::bad_request("The body is not a JSON object")),
        Err(error) => Err(Problem::bad_request(format!(
            "The body is not JSON: {error}"
        ))),
    }
}

/// Pointer and detail of everything that is wrong with a body.
#[derive(Default)]
struct Faults(Vec<(String, String)>);

impl Faults {
    fn add(&mut self, pointer: &str, detail: &str) {
        self.0.push((pointer.to_owned(), detail.to_owned()));
    }

    fn none_or<T>(self, value: T) -> Result<T, Problem> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(Problem::invalid(self.0))
        }
    }

    fn id(&mut self, reference: &Value, pointer: &str) -> String {
        match reference.get("id").and_then(Value::as_str) {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => {
                self.add(&format!("{pointer}/id"), "id is required");
                String::new()
            }
        }
    }

    fn resource(&mut self, reference: &Value, pointer: &str) -> (String, Option<String>) {
        let environment = reference.get("environment").and_then(Value::as_str);
        (
            self.id(reference, pointer),
            environment.filter(|id| !id.is_empty()).map(str::to_owned),
        )
    }

    fn texts(&mut self, spec: &Map<String, Value>) -> Map<String, Value> {
        let mut texts = Map::new();
        for name in TEXTS {
            match spec.get(name) {
                None => {}
                Some(text @ (Value::String(_) | Value::Null)) => {
                    texts.insert(name.to_owned(), text.clone());
                }
                Some(_) => self.add(
                    &format!("/spec/{name}"),
                    &format!("{name} must be a string"),
                ),
            }
        }
        texts
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn new_key(body: Value) -> Result<NewKey, Vec<String>> {
        NewKey::read(body.to_string().as_bytes()).map_err(|problem| pointers(&problem))
    }

    fn changes(body: Value) -> Result<Changes, Vec<String>> {
        Changes::read(body.to_string().as_bytes()).map_err(|problem| pointers(&problem))
    }

    fn pointers(problem: &Problem) -> Vec<String> {
        assert_eq!(problem.status.as_u16(), 422);
        let body: Value = serde_json::from_str(&problem.body("")).expect("an error is JSON");
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|error| error["source"]["pointer"].as_str().unwrap_or("").to_owned())
            .collect()
    }

    #[test]
    fn a_key_without_a_resource_is_a_cloud_key() {
        for spec in [
            json!({ "owner": { "id": "u-1" } }),
            json!({ "owner": { "id": "u-1" }, "resource": null, "secret": "mine", "colour": 3 }),
            json!({ "owner": { "id": "u-1" }, "resources": [] }),
        ] {
            let key = new_key(json!({ "spec": spec })).expect("a key");
            assert_eq!(key.resources, [("cloud".to_owned(), None)]);
        }
    }

    #[test]
    fn everything_wrong_with_a_new_key_is_named() {
        assert_eq!(new_key(json!({})), Err(vec!["/spec".to_owned()]));
        assert_eq!(
            new_key(json!({ "spec": { "display_name": 3, "resource": {} } })),
            Err(vec![
                "/spec/owner".into(),
                "/spec/resource/id".into(),
                "/spec/display_name".into()
            ])
        );
        assert_eq!(
            new_key(json!({ "spec": { "owner": { "id": "" } } })),
            Err(vec!["/spec/owner/id".to_owned()])
        );
        for garbage in [&b"{"[..], b"[]", b"", b"\xff"] {
            let problem = NewKey::read(garbage).expect_err("no key");
            assert_eq!(problem.status.as_u16(), 400);
        }
    }

    #[test]
    fn a_patch_changes_texts_and_refuses_what_is_immutable() {
        let body =
            json!({ "id": "other", "spec": { "description": null, "display_name": "x", "y": 1 } });
        let mut key =
            json!({ "id": "K", "spec": { "description": "d", "owner": { "id": "u-1" } } });
        changes(body).expect("changes").apply(&mut key);
        assert_eq!(
            key,
            json!({ "id": "K", "spec": { "owner": { "id": "u-1" }, "display_name": "x" } })
        );
        assert!(changes(json!({ "spec": {} })).expect("changes").is_empty());
        assert!(changes(json!({})).expect("changes").is_empty());
        assert_eq!(
            changes(json!({ "spec": { "owner": { "id": "u-2" }, "resource": null } })),
            Err(vec!["/spec/owner".to_owned(), "/spec/resource".to_owned()])
        );
    }
}
