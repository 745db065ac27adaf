//! The bodies of writes: what a POST asks for, and what a PATCH changes.
//!
//! Members that are unknown or read-only are ignored, as the service's rules for clients have it; which those are, the
//! contract says. The rules of refusal are the sandbox's own where the published description is silent: every wrong
//! member is named by pointer.

use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::config::Contract;
use super::problem::{Invalid, Problem};

/// The members of a spec that can be written at any time.
const TEXTS: [&str; 2] = ["display_name", "description"];
/// The members of a spec that cannot be changed once the key exists.
const IMMUTABLE: [&str; 4] = ["owner", "resource", "secret", "expires_at"];

/// A key that is asked for.
#[derive(Debug, PartialEq)]
pub(super) struct NewKey {
    /// Id of the owner.
    pub(super) owner: String,
    /// Ids and environments; never empty.
    pub(super) resources: Vec<(String, Option<String>)>,
    /// `display_name` and `description`, as far as they are given.
    pub(super) texts: Map<String, Value>,
    /// The last day on which it is to work.
    pub(super) expires_at: Option<NaiveDate>,
}

impl NewKey {
    /// Reads the body of a POST that arrives on the day `today`.
    pub(super) fn read(body: &[u8], contract: Contract, today: NaiveDate) -> Result<Self, Problem> {
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
        // Unknown to the newer contract, so ignored.
        let several = spec.get("resources").filter(|_| contract == Contract::V04);
        let resources = match (several, spec.get("resource")) {
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
        let expires_at = match spec.get("expires_at") {
            // Read-only in the older contract, so ignored.
            Some(date) if contract != Contract::V04 => faults.expiry(date, today),
            _ => None,
        };
        faults.none_or(Self {
            owner,
            resources,
            texts,
            expires_at,
        })
    }
}

/// What a PATCH changes: new texts, or `null` for those to be cleared.
#[derive(Debug, PartialEq)]
pub(super) struct Changes(Map<String, Value>);

impl Changes {
    /// Reads the body of a PATCH.
    pub(super) fn read(body: &[u8], contract: Contract) -> Result<Self, Problem> {
        let object = read_object(body)?;
        let mut faults = Faults::default();
        let nothing = Map::new();
        let spec = match object.get("spec") {
            None => &nothing,
            Some(Value::Object(spec)) => spec,
            Some(_) => {
                faults.add("/spec", "spec must be an object");
                &nothing
            }
        };
        let several = (contract == Contract::V04).then_some("resources");
        for name in IMMUTABLE.into_iter().chain(several) {
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

/// Everything that is wrong with a body.
#[derive(Default)]
struct Faults(Vec<Invalid>);

impl Faults {
    fn add(&mut self, pointer: &str, detail: &str) {
        self.0.push(Invalid::new(pointer, detail));
    }

    /// Reads a date that must not be over. Only `YYYY-MM-DD` is one.
    fn expiry(&mut self, date: &Value, today: NaiveDate) -> Option<NaiveDate> {
        const POINTER: &str = "/spec/expires_at";
        let text = date.as_str().unwrap_or_default();
        let day = text.parse::<NaiveDate>().ok();
        // The parser takes `2026-1-2` and ` 2026-01-02` as well.
        match day.filter(|day| day.to_string() == text) {
            None => self.add(POINTER, "expires_at must be a date (YYYY-MM-DD)"),
            Some(day) if day < today => self.0.push(
                Invalid::new(POINTER, &format!("expires_at {day} is in the past"))
                    .with_resolution("Use today's date in UTC or a later one."),
            ),
            Some(day) => return Some(day),
        }
        None
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

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 7, 1).expect("a day")
    }

    fn new_key_by(contract: Contract, body: Value) -> Result<NewKey, Vec<String>> {
        NewKey::read(body.to_string().as_bytes(), contract, today())
            .map_err(|problem| pointers(&problem))
    }

    fn new_key(body: Value) -> Result<NewKey, Vec<String>> {
        new_key_by(Contract::V05, body)
    }

    fn changes_by(contract: Contract, body: Value) -> Result<Changes, Vec<String>> {
        Changes::read(body.to_string().as_bytes(), contract).map_err(|problem| pointers(&problem))
    }

    fn changes(body: Value) -> Result<Changes, Vec<String>> {
        changes_by(Contract::V05, body)
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
            let problem = NewKey::read(garbage, Contract::V05, today()).expect_err("no key");
            assert_eq!(problem.status.as_u16(), 400);
        }
    }

    #[test]
    fn an_expiry_is_a_date_from_today_on() {
        let expiring = |contract, date: Value| {
            let spec = json!({ "owner": { "id": "u-1" }, "expires_at": date });
            new_key_by(contract, json!({ "spec": spec })).map(|key| key.expires_at)
        };
        let refused = Err(vec!["/spec/expires_at".to_owned()]);
        for date in ["2026-07-01", "2026-07-02", "2028-02-29", "9999-12-31"] {
            let day = date.parse().expect(date);
            assert_eq!(expiring(Contract::V05, json!(date)), Ok(Some(day)));
        }
        for odd in [
            json!("2026-06-30"),
            json!("0001-01-01"),
            json!("2027-02-29"),
            json!("2026-7-2"),
            json!(" 2026-07-02"),
            json!("2026-07-02T00:00:00Z"),
            json!("tomorrow"),
            json!(""),
            json!(null),
            json!(20_260_702),
        ] {
            assert_eq!(expiring(Contract::V05, odd.clone()), refused, "{odd}");
            assert_eq!(expiring(Contract::V04, odd), Ok(None));
        }
    }

    #[test]
    fn several_resources_are_for_the_older_contract_alone() {
        let spec = json!({ "owner": { "id": "u-1" }, "resources": [{ "id": "lkc-1" }, { "id": "lkc-2" }] });
        let ids = |contract| {
            let key = new_key_by(contract, json!({ "spec": spec })).expect("a key");
            key.resources
                .into_iter()
                .map(|(id, _)| id)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(Contract::V04), ["lkc-1", "lkc-2"]);
        assert_eq!(ids(Contract::V05), ["cloud"]);
        let patch = json!({ "spec": { "resources": [] } });
        assert_eq!(
            changes_by(Contract::V04, patch.clone()),
            Err(vec!["/spec/resources".to_owned()])
        );
        assert!(changes(patch).expect("nothing").is_empty());
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
        assert_eq!(
            changes(json!({ "spec": { "expires_at": "2030-01-01", "created_by": "u-1" } })),
            Err(vec!["/spec/expires_at".to_owned()])
        );
        for odd in [json!(null), json!([]), json!("x")] {
            assert_eq!(
                changes(json!({ "spec": odd })),
                Err(vec!["/spec".to_owned()])
            );
        }
    }
}
