//! The organization, the only one.

use serde_json::{Value, json};

use super::collection::{Collection, READ_ONLY};
use super::inputs::{Inputs, crn};

pub(super) static COLLECTION: Collection = Collection {
    path: "/org/v2/organizations",
    api_version: "org/v2",
    kind: "Organization",
    objects: organizations,
    ..READ_ONLY
};

fn organizations(inputs: &Inputs<'_>) -> Vec<Value> {
    let id = &inputs.organization.id;
    let members = json!({
        "display_name": "Sandbox Inc.",
        "jit_enabled": true,
    });
    vec![COLLECTION.object(inputs, id, &crn(inputs.organization), members)]
}
