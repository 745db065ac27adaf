//! The environments that clusters are in.

use serde_json::{Value, json};

use super::collection::{Collection, READ_ONLY};
use super::inputs::{Inputs, crn};

pub(super) static COLLECTION: Collection = Collection {
    path: "/org/v2/environments",
    api_version: "org/v2",
    kind: "Environment",
    objects: environments,
    ..READ_ONLY
};

#[rustfmt::skip]
const NAMES: [&str; 5] = ["production", "staging", "development", "analytics", "playground"];

fn environments(inputs: &Inputs<'_>) -> Vec<Value> {
    let organization = inputs.organization;
    let ids = organization.environments.iter().enumerate();
    ids.map(|(number, id)| {
        let crn = format!("{}/environment={id}", crn(organization));
        let members = json!({
            "display_name": NAMES[number % NAMES.len()],
        });
        let mut environment = COLLECTION.object(inputs, id, &crn, members);
        // Those from before the packages have none.
        if number < 4 {
            let package = if number == 0 {
                "ADVANCED"
            } else {
                "ESSENTIALS"
            };
            environment["stream_governance_config"] = json!({ "package": package });
        }
        environment
    })
    .collect()
}
