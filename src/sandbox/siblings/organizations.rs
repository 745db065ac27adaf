//! The organization, the only one.

use serde_json::{Value, json};

use super::collection::{Collection, READ_ONLY};
use super::world::{World, crn};

pub(super) static COLLECTION: Collection = Collection {
    path: "/org/v2/organizations",
    api_version: "org/v2",
    kind: "Organization",
    objects: organizations,
    ..READ_ONLY
};

fn organizations(world: &World<'_>) -> Vec<Value> {
    let id = &world.organization.id;
    let members = json!({
        "display_name": "Sandbox Inc.",
        "jit_enabled": true,
    });
    vec![COLLECTION.object(world, id, &crn(world.organization), members)]
}
