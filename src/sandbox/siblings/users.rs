//! The users: all owners who are users and have not left, and two who own nothing.

use serde_json::{Value, json};

use super::super::names::{FIRST_NAMES, LAST_NAMES};
use super::collection::{Collection, READ_ONLY};
use super::inputs::{Inputs, present};

pub(super) static COLLECTION: Collection = Collection {
    path: "/iam/v2/users",
    api_version: "iam/v2",
    kind: "User",
    unknown: "user_not_found",
    objects: users,
    ..READ_ONLY
};

fn users(inputs: &Inputs<'_>) -> Vec<Value> {
    let owners = present(inputs.organization).filter(|owner| owner.is_person());
    let ids = owners.map(|owner| owner.reference.id.clone());
    let others = (0..2).map(|number| {
        let mut draw = inputs.draw(&format!("user {number}"));
        format!("u-{}", draw.short_id())
    });
    ids.chain(others)
        .enumerate()
        .map(|(number, id)| user(inputs, number, &id))
        .collect()
}

fn user(inputs: &Inputs<'_>, number: usize, id: &str) -> Value {
    // A pair of its own for everybody: the lists are of different lengths.
    let (first, first_plain) = FIRST_NAMES[number % FIRST_NAMES.len()];
    let (last, last_plain) = LAST_NAMES[number % LAST_NAMES.len()];
    let members = json!({
        "email": format!("{first_plain}.{last_plain}@example.com"),
        "full_name": format!("{first} {last}"),
    });
    let mut user = COLLECTION.object(
        inputs,
        id,
        &format!("crn://confluent.cloud/user={id}"),
        members,
    );
    // Older answers do not tell how somebody logs in.
    match number % 5 {
        0 => {}
        1 => user["auth_type"] = json!("AUTH_TYPE_LOCAL"),
        _ => user["auth_type"] = json!("AUTH_TYPE_SSO"),
    }
    user
}
