//! The service accounts: all owners that are service accounts and not hidden, and three without keys.

use serde_json::{Value, json};

use super::super::names::{PURPOSES, SYSTEMS};
use super::collection::{Collection, Parameter, READ_ONLY};
use super::inputs::{Inputs, present};

pub(super) static COLLECTION: Collection = Collection {
    path: "/iam/v2/service-accounts",
    api_version: "iam/v2",
    kind: "ServiceAccount",
    parameters: &[Parameter::new("display_name", "/display_name").repeatable()],
    unknown: "service_account_not_found",
    objects: service_accounts,
    ..READ_ONLY
};

fn service_accounts(inputs: &Inputs<'_>) -> Vec<Value> {
    let owners = present(inputs.organization).filter(|owner| !owner.is_person());
    let ids = owners.map(|owner| owner.reference.id.clone());
    let idle = (0..3).map(|number| {
        let mut draw = inputs.draw(&format!("service account {number}"));
        format!("sa-{}", draw.short_id())
    });
    ids.chain(idle)
        .enumerate()
        .map(|(number, id)| service_account(inputs, number, &id))
        .collect()
}

fn service_account(inputs: &Inputs<'_>, number: usize, id: &str) -> Value {
    // Names are unique, so each is a pair of its own.
    let purpose = PURPOSES[number % PURPOSES.len()];
    let system = SYSTEMS[(number + number / PURPOSES.len()) % SYSTEMS.len()];
    let crn = format!("crn://confluent.cloud/service-account={id}");
    let members = json!({
        "display_name": format!("{purpose}-{system}"),
    });
    let mut account = COLLECTION.object(inputs, id, &crn, members);
    match number % 4 {
        0 => {}
        1 => account["description"] = json!(""),
        _ => account["description"] = json!(format!("{purpose} of the {system} team")),
    }
    account
}
