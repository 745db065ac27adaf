//! Keys of known content, and questions about those that the sandbox invented.

use iamql::sandbox::{Contract, Sandbox};
use serde_json::{Value, json};

use super::now;

/// A key as the service would give it, with nothing that a test did not ask for.
pub(crate) fn key(id: &str, owner: &str, resource: &str) -> Value {
    json!({
        "api_version": "iam/v2",
        "kind": "ApiKey",
        "id": id,
        "metadata": {
            "self": format!("https://api.confluent.cloud/iam/v2/api-keys/{id}"),
            "created_at": "2026-01-02T03:04:05.678Z",
            "updated_at": "2026-01-02T03:04:05.678Z",
        },
        "spec": {
            "secret": "",
            "display_name": format!("key {id}"),
            "owner": { "id": owner, "api_version": "iam/v2", "kind": "ServiceAccount" },
            "resource": { "id": resource, "api_version": "cmk/v2", "kind": "Cluster" },
        },
    })
}

/// The id `K000`, `K001`, … of key number `n`.
pub(crate) fn number(n: usize) -> String {
    format!("K{n:03}")
}

/// The owners in `keys`, each once, those of no key left out.
pub(crate) fn owners_of(keys: &[Value]) -> Vec<String> {
    let mut owners: Vec<String> = keys
        .iter()
        .filter_map(|key| key.pointer("/spec/owner/id")?.as_str())
        .map(str::to_owned)
        .collect();
    owners.sort();
    owners.dedup();
    owners
}

/// The ids of the keys that `wanted` admits, in order.
pub(crate) fn ids(sandbox: &Sandbox, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
    let keys = sandbox.keys();
    let ids = keys.iter().filter(|key| wanted(key));
    let mut ids: Vec<_> = ids
        .map(|key| text(key, "/id").unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

fn text<'k>(key: &'k Value, pointer: &str) -> Option<&'k str> {
    key.pointer(pointer)?.as_str()
}

/// The owner of `key`.
pub(crate) fn owner(key: &Value) -> Option<&str> {
    text(key, "/spec/owner/id")
}

/// The resource of `key`.
pub(crate) fn resource(key: &Value) -> Option<&str> {
    text(key, "/spec/resource/id")
}

/// How many keys a listing without filters has: all, unless the service hides expired ones and the last listing did not
/// ask for them.
pub(crate) fn listed(sandbox: &Sandbox) -> usize {
    let requests = sandbox.requests();
    let listing = requests.iter().rfind(|one| one.path == "/iam/v2/api-keys");
    let asked = listing.and_then(|listing| listing.parameter("show_expired"));
    let hides_expired = sandbox.contract() != Contract::V04 && asked.as_deref() != Some("true");
    let today = now().date_naive().to_string();
    let is_over = |key: &Value| text(key, "/spec/expires_at").is_some_and(|day| day < &*today);
    let keys = sandbox.keys();
    keys.iter()
        .filter(|key| !(hides_expired && is_over(key)))
        .count()
}
