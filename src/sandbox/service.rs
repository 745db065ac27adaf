//! The five operations of the api-keys resource, over the keys in memory, and the way to the collections beside it.
//!
//! A request as method, path, query and body goes in, an answer as status, headers and body comes out. There is no
//! socket, no authentication and no waiting here. Where the published description leaves a choice, the comments say
//! which one is taken; those that clients are known to depend on can be configured.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::call::{COLLECTION, Call, Reply, Target};
use super::clock::Clock;
use super::config::{Contract, SandboxConfig, SecretInReads};
use super::cursor::Cursor;
use super::faults::Action;
use super::keys;
use super::listing;
use super::organization::{Organization, PUBLIC_BASE};
use super::problem::Problem;
use super::random::Random;
use super::siblings::{self, Inputs};
use super::store::{Key, Store};
use super::writes::{Changes, NewKey};

/// Returns the number of the page that a listing asks for, from 1; `None` for anything but a listing.
pub(super) fn page(call: Call<'_>) -> Option<u64> {
    if call.method != Method::GET {
        return None;
    }
    if call.path != COLLECTION {
        return siblings::page(call.path, call.query);
    }
    let mut parameters = form_urlencoded::parse(call.query.as_bytes());
    let token = parameters.find(|(name, _)| name == "page_token");
    let cursor = token.and_then(|(_, token)| Cursor::parse(&token));
    Some(cursor.map_or(1, |cursor| cursor.page))
}

/// The organization, its keys and its rules.
#[derive(Debug)]
pub(super) struct Service {
    config: SandboxConfig,
    organization: Organization,
    store: Store,
    draw: Random,
    /// Owners that came with keys put in by hand.
    guests: HashMap<String, Value>,
    clock: Arc<Clock>,
    /// The Kafka cluster that most keys were for at the start, and how many they were.
    busiest: Option<(String, usize)>,
    /// Collections beside the keys that were put in by hand, by their paths.
    given: HashMap<String, Vec<Value>>,
    revoked: bool,
}

impl Service {
    /// Invents the organization of `config`, in which it is the time that `clock` shows.
    pub(super) fn new(config: SandboxConfig, clock: Arc<Clock>) -> Self {
        let mut draw = Random::new(config.seed);
        let organization = Organization::invent(&mut draw);
        let store = keys::invent(&organization, &config, &mut draw);
        let busiest = siblings::busiest(&organization, &store, &config);
        Self {
            config,
            organization,
            store,
            draw,
            guests: HashMap::new(),
            clock,
            busiest,
            given: HashMap::new(),
            revoked: false,
        }
    }

    /// Tells if the key that opens the service has been deleted.
    pub(super) fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// Returns all keys, by id.
    pub(super) fn keys(&self) -> Vec<Value> {
        self.store.iter().map(Key::value).collect()
    }

    pub(super) fn owners(&self) -> Vec<String> {
        self.organization.owners().map(str::to_owned).collect()
    }

    /// Puts a key in as it is, in the place of one of the same id. Its owner may own keys from then on.
    pub(super) fn insert(&mut self, object: &Value) {
        if let Some(owner) = object.pointer("/spec/owner")
            && let Some(id) = owner.get("id").and_then(Value::as_str)
        {
            self.guests.insert(id.to_owned(), owner.clone());
        }
        let id = object.get("id").and_then(Value::as_str).unwrap_or_default();
        self.store.put(id, Key::whole(object));
    }

    fn inputs(&self) -> Inputs<'_> {
        Inputs {
            organization: &self.organization,
            store: &self.store,
            config: &self.config,
            busiest: self.busiest.as_ref(),
            given: &self.given,
        }
    }

    /// Returns the objects of the collection at `path`, one beside the keys.
    pub(super) fn objects(&self, path: &str) -> Vec<Value> {
        siblings::find(path).map_or_else(Vec::new, |(found, _)| found.objects(&self.inputs()))
    }

    /// Puts `objects` in the place of those of the collection at `path`, one beside the keys.
    pub(super) fn set_objects(&mut self, path: &str, objects: Vec<Value>) {
        self.given.insert(path.to_owned(), objects);
    }

    /// Carries a request out. `fault` is a fault that changes what a listing says.
    pub(super) fn answer(
        &mut self,
        call: Call<'_>,
        fault: Option<&Action>,
    ) -> Result<Reply, Problem> {
        if let Some((collection, id)) = siblings::find(call.path) {
            let inputs = self.inputs();
            return collection.answer(&inputs, call.method, id.as_deref(), call.query, fault);
        }
        match (
            call.target().ok_or_else(Problem::unknown_path)?,
            call.method.as_str(),
        ) {
            (Target::Collection, "GET") => {
                let today = self.clock.today();
                listing::list(&self.store, &self.config, today, call.query, fault)
            }
            (Target::Collection, "POST") => self.create(call.body),
            (Target::Collection, _) => Err(Problem::method_not_allowed("GET, POST")),
            (Target::Key(id), "GET") => self.get(&id),
            (Target::Key(id), "PATCH") => self.update(&id, call.body),
            (Target::Key(id), "DELETE") => self.delete(&id),
            (Target::Key(_), _) => Err(Problem::method_not_allowed("GET, PATCH, DELETE")),
        }
    }

    /// Returns true if there is what `id` looks like, in the environment that it is said to be in.
    fn has_resource(&self, id: &str, environment: Option<&str>) -> bool {
        if self.config.any_resource || self.organization.is_for_all(id) {
            return true;
        }
        let is_given = |id: &str| {
            let mut given = self.given.values().flatten();
            given.any(|object| object["id"] == id)
        };
        // What was deleted keeps its keys, and gets no new ones.
        let is_gone = siblings::deleted_cluster(&self.organization)
            .is_some_and(|gone| gone.eq_ignore_ascii_case(id));
        match self.organization.environment_of(id, environment) {
            Some(own) => self.organization.has_environment(own) || is_given(own),
            None => is_given(id) || (self.organization.has_cluster(id) && !is_gone),
        }
    }

    fn unknown(&self, id: &str) -> Problem {
        Problem::unknown_key(id, self.config.unknown_key)
    }

    fn get(&self, id: &str) -> Result<Reply, Problem> {
        let key = self.store.get(id).ok_or_else(|| self.unknown(id))?;
        let mut body = String::new();
        key.write(&mut body);
        Ok(Reply::json(StatusCode::OK, body))
    }

    fn create(&mut self, body: &[u8]) -> Result<Reply, Problem> {
        let contract = self.config.contract;
        let new = NewKey::read(body, contract, self.clock.today())?;
        let owner = self
            .organization
            .owner(&new.owner)
            .or_else(|| self.guests.get(&new.owner).cloned())
            .ok_or_else(Problem::unknown_owner)?;
        let mut resources = Vec::new();
        for (id, environment) in &new.resources {
            let environment = environment.as_deref();
            let resource = self.organization.resource(id, environment);
            let resource = resource.filter(|_| self.has_resource(id, environment));
            resources.push(resource.ok_or_else(|| Problem::unknown_resource(id))?);
        }
        if let Some(quota) = self.config.quota
            && self.store.len() >= quota
        {
            return Err(Problem::quota_exceeded(quota));
        }

        let id = self.new_id();
        let secret = self.draw.secret();
        let now = keys::timestamp(self.clock.write());
        let mut metadata = self.organization.metadata(&id, &new.owner);
        metadata["created_at"] = json!(now);
        metadata["updated_at"] = json!(now);
        let mut spec = Map::new();
        spec.insert("secret".to_owned(), json!(secret));
        spec.extend(new.texts);
        spec.insert("owner".to_owned(), owner);
        spec.insert("resource".to_owned(), resources[0].clone());
        if resources.len() > 1 {
            spec.insert("resources".to_owned(), json!(resources));
        }
        if let Some(day) = new.expires_at {
            spec.insert("expires_at".to_owned(), json!(day.to_string()));
        }
        if contract != Contract::V04 {
            // Whoever holds the credentials is the person of the key that the sandbox is opened with.
            let creator = &self.organization.person().reference.id;
            spec.insert("created_by".to_owned(), json!(creator));
        }
        let mut object = keys::object(&id, metadata, Value::Object(spec));
        let location = format!("{PUBLIC_BASE}{COLLECTION}/{id}");
        // 202 with the secret: the only answer that ever has it.
        let reply =
            Reply::json(StatusCode::ACCEPTED, object.to_string()).with_header("location", location);
        match self.config.secret_in_reads {
            SecretInReads::Empty => object["spec"]["secret"] = json!(""),
            SecretInReads::Absent => {
                object["spec"]
                    .as_object_mut()
                    .map(|spec| spec.shift_remove("secret"));
            }
        }
        self.store.put(&id, Key::whole(&object));
        Ok(reply)
    }

    fn update(&mut self, id: &str, body: &[u8]) -> Result<Reply, Problem> {
        let mut object = self.store.get(id).ok_or_else(|| self.unknown(id))?.value();
        let changes = Changes::read(body, self.config.contract)?;
        if !changes.is_empty() {
            changes.apply(&mut object);
            let now = keys::timestamp(self.clock.write());
            // A key put in by hand may have no metadata, or something else in its place.
            match object.get_mut("metadata").and_then(Value::as_object_mut) {
                Some(metadata) => {
                    metadata.insert("updated_at".to_owned(), json!(now));
                }
                None => object["metadata"] = json!({ "updated_at": now }),
            }
            self.store.put(id, Key::whole(&object));
        }
        self.get(id)
    }

    fn delete(&mut self, id: &str) -> Result<Reply, Problem> {
        if !self.store.remove(id) {
            return Err(self.unknown(id));
        }
        self.revoked |= id == self.config.credentials.0;
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    fn new_id(&mut self) -> String {
        loop {
            let id = self.draw.key_id();
            if self.store.get(&id).is_none() {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use chrono::DateTime;

    use super::super::config::{DEMO_KEY, UnknownKey};
    use super::*;

    /// A service whose clock stands at a round time.
    fn service(keys: usize) -> Service {
        of(config(keys))
    }

    fn of(config: SandboxConfig) -> Service {
        let clock = Arc::new(Clock::new(&config));
        Service::new(config, clock)
    }

    fn config(keys: usize) -> SandboxConfig {
        let now = DateTime::from_timestamp(1_767_225_600, 0).expect("a time");
        SandboxConfig::default()
            .with_keys(keys)
            .with_now(now)
            .with(|config| config.any_resource = true)
    }

    fn ask(service: &mut Service, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let call = Call {
            method: &method,
            path,
            query: "",
            body: body.as_bytes(),
        };
        let (status, body) = match service.answer(call, None) {
            Ok(reply) => (reply.status, reply.body),
            Err(problem) => (problem.status, problem.body("0")),
        };
        (
            status.as_u16(),
            serde_json::from_str(&body).unwrap_or_default(),
        )
    }

    fn create(service: &mut Service, spec: Value) -> (u16, Value) {
        ask(service, Method::POST, COLLECTION, &json!({ "spec": spec }))
    }

    fn path_of(key: &Value) -> String {
        format!("{COLLECTION}/{}", key["id"].as_str().expect("an id"))
    }

    #[test]
    fn a_created_key_shows_its_secret_once() {
        let mut service = service(5);
        let owner = service.owners().remove(0);
        let spec = json!({ "display_name": "new", "owner": { "id": owner }, "resource": { "id": "lkc-1a2b3c" } });
        let (status, created) = create(&mut service, spec);
        assert_eq!(status, 202);
        let secret = created["spec"]["secret"].as_str().expect("a secret");
        assert!(secret.len() == 64 && secret.starts_with("cflt"));
        assert_eq!(created["metadata"]["created_at"], "2026-01-01T00:00:01Z");
        assert_eq!(
            created["metadata"]["updated_at"],
            created["metadata"]["created_at"]
        );
        assert_eq!(created["spec"]["owner"]["kind"], "ServiceAccount");
        assert_eq!(created["spec"]["resource"]["kind"], "Cluster");

        let (status, read) = ask(&mut service, Method::GET, &path_of(&created), &Value::Null);
        assert_eq!((status, &read["spec"]["secret"]), (200, &json!("")));
        assert!(!json!(service.keys()).to_string().contains(secret));
        assert_eq!(service.keys().len(), 6);
    }

    #[test]
    fn a_key_is_for_what_there_is() {
        let mut strict = of(SandboxConfig {
            any_resource: false,
            ..config(50)
        });
        let owner = strict.owners().remove(0);
        let there = strict.objects("/cmk/v2/clusters").remove(0);
        let environment = there["spec"]["environment"]["id"].clone();
        let gone = siblings::deleted_cluster(&strict.organization).map(str::to_owned);
        let region = |environment: &str| format!("{environment}.aws.eu-west-1");
        strict.set_objects("/srcm/v3/clusters", vec![json!({ "id": "lsrc-given" })]);
        for (resource, status) in [
            (json!({ "id": there["id"] }), 202),
            (json!({ "id": "cloud" }), 202),
            (json!({ "id": "Global" }), 202),
            (json!({ "id": "lsrc-given" }), 202),
            (
                json!({ "id": "aws.eu-west-1", "environment": environment }),
                202,
            ),
            (
                json!({ "id": region(environment.as_str().expect("an id")) }),
                202,
            ),
            (json!({ "id": gone }), 422),
            (json!({ "id": "lkc-nothere" }), 422),
            (
                json!({ "id": "lsrc-99999", "environment": environment }),
                422,
            ),
            (json!({ "id": "lksqlc-1" }), 422),
            (
                json!({ "id": "aws.eu-west-1", "environment": "env-zzz" }),
                422,
            ),
            (json!({ "id": region("env-zzz") }), 422),
        ] {
            let spec = json!({ "owner": { "id": owner }, "resource": resource });
            let (answered, body) = create(&mut strict, spec);
            assert_eq!(answered, status, "{resource}");
            if status == 422 {
                let error = &body["errors"][0];
                assert_eq!(
                    error["source"]["pointer"], "/spec/resource/id",
                    "{resource}"
                );
            }
        }
    }

    #[test]
    fn resources_are_understood_in_every_documented_spelling() {
        let mut service = service(5);
        let owner = service.owners().remove(0);
        for (resource, kind) in [
            (Value::Null, "Cloud"),
            (json!({ "id": "cloud" }), "Cloud"),
            (
                json!({ "id": "CLOUD", "related": "", "resource_name": "" }),
                "Cloud",
            ),
            (json!({ "id": "Global" }), "Global"),
            (json!({ "id": "TABLEFLOW" }), "Tableflow"),
            (
                json!({ "id": "lsrc-1", "environment": "env-1" }),
                "SchemaRegistry",
            ),
            (json!({ "id": "lksqlc-1" }), "ksqlDB"),
            (
                json!({ "id": "aws.eu-west-1", "environment": "env-1" }),
                "Region",
            ),
            (json!({ "id": "env-1.aws.eu-west-1" }), "Region"),
        ] {
            let spec = json!({ "owner": { "id": owner }, "resource": resource });
            let (status, key) = create(&mut service, spec);
            assert_eq!(
                (status, &key["spec"]["resource"]["kind"]),
                (202, &json!(kind)),
                "{resource}"
            );
        }
        let unknown = json!({ "owner": { "id": owner }, "resource": { "id": "delorean" } });
        let (status, body) = create(&mut service, unknown);
        let error = &body["errors"][0];
        assert_eq!(
            (status, &error["source"]["pointer"]),
            (422, &json!("/spec/resource/id"))
        );
        assert!(error["resolution"].is_string());
    }

    #[test]
    fn what_a_new_key_says_depends_on_the_contract() {
        let of_contract = |contract| {
            let mut service = of(config(5).with_contract(contract));
            let owner = service.owners().remove(0);
            let spec = json!({
                "owner": { "id": owner },
                "resources": [{ "id": "lkc-1" }, { "id": "lkc-2" }],
                "expires_at": "2026-01-01",
                "created_by": "u-me",
            });
            let (status, key) = create(&mut service, spec);
            assert_eq!(status, 202);
            let read = ask(&mut service, Method::GET, &path_of(&key), &Value::Null).1;
            for member in ["expires_at", "created_by", "resources"] {
                assert_eq!(
                    key["spec"].get(member),
                    read["spec"].get(member),
                    "{member}"
                );
            }
            (service, key["spec"].clone())
        };
        let (_, old) = of_contract(Contract::V04);
        assert_eq!(old["resource"]["id"], "lkc-1");
        assert_eq!(old["resources"][1]["id"], "lkc-2");
        assert_eq!((old.get("expires_at"), old.get("created_by")), (None, None));

        let (service, new) = of_contract(Contract::V05);
        assert_eq!(
            (&new["resource"]["id"], new.get("resources")),
            (&json!("cloud"), None)
        );
        assert_eq!(new["expires_at"], "2026-01-01");
        let session = service.keys().into_iter().find(|key| key["id"] == DEMO_KEY);
        assert_eq!(
            new["created_by"],
            session.expect("a session")["spec"]["owner"]["id"]
        );
    }

    #[test]
    fn an_expired_key_is_found_by_its_id() {
        let mut service = of(config(0).with_contract(Contract::V05));
        let key = json!({ "id": "K", "spec": { "expires_at": "2025-12-31" } });
        service.insert(&key);
        let path = format!("{COLLECTION}/K");
        assert_eq!(
            ask(&mut service, Method::GET, &path, &Value::Null),
            (200, key)
        );
        let list = ask(&mut service, Method::GET, COLLECTION, &Value::Null);
        assert_eq!(list.1["data"], json!([]));
    }

    #[test]
    fn the_same_resource_is_described_alike_in_old_and_new_keys() {
        let mut service = service(250);
        let old = service
            .keys()
            .into_iter()
            .find(|key| key["spec"]["resource"]["kind"] == "ksqlDB");
        let resource = old.expect("a ksqlDB key")["spec"]["resource"].clone();
        let owner = service.owners().remove(0);
        let spec = json!({ "owner": { "id": owner }, "resource": { "id": resource["id"] } });
        assert_eq!(create(&mut service, spec).1["spec"]["resource"], resource);
    }

    #[test]
    fn unknown_owners_and_keys_above_the_quota_are_refused() {
        let mut service = of(config(5).with(|config| config.quota = Some(6)));
        let (status, body) = create(&mut service, json!({ "owner": { "id": "sa-nobody" } }));
        assert_eq!(
            (status, &body["errors"][0]["detail"]),
            (403, &json!("service account is not valid"))
        );
        let spec = json!({ "owner": { "id": service.owners()[0] } });
        assert_eq!(create(&mut service, spec.clone()).0, 202);
        let (status, body) = create(&mut service, spec);
        assert_eq!(
            (status, &body["errors"][0]["code"]),
            (402, &json!("quota_exceeded"))
        );
        assert_eq!(service.keys().len(), 6);
    }

    #[test]
    fn an_update_changes_the_text_and_the_date() {
        let mut service = service(5);
        let before = service.keys().remove(0);
        let path = path_of(&before);
        let body = json!({ "spec": { "display_name": "renamed" } });
        let (status, after) = ask(&mut service, Method::PATCH, &path, &body);
        assert_eq!(
            (status, &after["spec"]["display_name"]),
            (200, &json!("renamed"))
        );
        assert_eq!(after["metadata"]["updated_at"], "2026-01-01T00:00:01Z");
        assert_eq!(
            after["metadata"]["created_at"],
            before["metadata"]["created_at"]
        );
        assert_eq!(
            ask(&mut service, Method::PATCH, &path, &json!({ "spec": {} })),
            (200, after.clone())
        );
        let refused = json!({ "spec": { "owner": { "id": "u-1" }, "description": "x" } });
        assert_eq!(ask(&mut service, Method::PATCH, &path, &refused).0, 422);
        assert_eq!(
            ask(&mut service, Method::GET, &path, &Value::Null),
            (200, after)
        );
    }

    #[test]
    fn a_deleted_key_is_unknown_in_the_way_that_is_asked_for() {
        for (answer, expected) in [
            (UnknownKey::Forbidden403, 403),
            (UnknownKey::NotFound404, 404),
        ] {
            let mut service = of(config(5).with(|config| config.unknown_key = answer));
            let path = path_of(&service.keys()[0]);
            assert_eq!(
                ask(&mut service, Method::DELETE, &path, &Value::Null),
                (204, Value::Null)
            );
            for method in [Method::GET, Method::DELETE, Method::PATCH] {
                assert_eq!(ask(&mut service, method, &path, &json!({})).0, expected);
            }
        }
    }

    #[test]
    fn odd_keys_are_stored_read_and_changed() {
        let mut service = service(0);
        let odd = json!({ "id": "a/b", "metadata": null, "spec": null, "future": [1] });
        service.insert(&odd);
        let path = format!("{COLLECTION}/a%2Fb");
        assert_eq!(
            ask(&mut service, Method::GET, &path, &Value::Null),
            (200, odd)
        );
        let body = json!({ "spec": { "description": "d" } });
        let (status, after) = ask(&mut service, Method::PATCH, &path, &body);
        assert_eq!(
            (status, &after["spec"]["description"], &after["future"]),
            (200, &json!("d"), &json!([1]))
        );
    }

    #[test]
    fn the_owner_of_a_key_put_in_by_hand_may_own_others() {
        let mut service = service(0);
        let owner = json!({ "id": "sa-guest1", "kind": "ServiceAccount" });
        service.insert(&json!({ "id": "K", "spec": { "owner": owner } }));
        let (status, key) = create(&mut service, json!({ "owner": { "id": "sa-guest1" } }));
        assert_eq!((status, &key["spec"]["owner"]), (202, &owner));
    }
}
