//! The organization, the only one.

use serde_json::{Value, json};

use super::collection::Collection;
use super::world::{World, crn};

pub(super) static COLLECTION: Collection = Collection {
    path: "/org/v2/organizations",
    api_version: "org/v2",
    kind: "Organization",
    parameters: &[],
    max_page_size: 100,
    unknown: "resource_not_found",
    objects: organizations,
};

fn organizations(world: &World<'_>) -> Vec<Value> {
    let id = &world.organization.id;
    vec![json!({
        "api_version": "org/v2",
        "kind": "Organization",
        "id": id,
        "metadata": world.metadata(COLLECTION.path, id, &crn(world.organization)),
        "display_name": "Sandbox Inc.",
        "jit_enabled": true,
    })]
}
