//! The collections beside the API keys: who owns keys, what keys are for, who may do what, how much is left.
//!
//! Turns a GET of one of their paths into a page or an object. All of them are read-only, and each has a file of its own
//! that says what is in it. Some of what keys refer to is missing on purpose: an owner who has left, a cluster that was
//! deleted.

mod applied_quotas;
mod environments;
mod kafka_clusters;
mod ksqldb_clusters;
mod listing;
mod organizations;
mod role_bindings;
mod schema_registries;
mod service_accounts;
#[cfg(test)]
mod tests;
mod users;
mod world;

use serde_json::Value;
use url::form_urlencoded;

use self::listing::Place;
use self::world::text;
pub(super) use self::world::{World, busiest};
use super::call::id_below;

/// All of them.
static COLLECTIONS: [&Collection; 9] = [
    &users::COLLECTION,
    &service_accounts::COLLECTION,
    &role_bindings::COLLECTION,
    &organizations::COLLECTION,
    &environments::COLLECTION,
    &kafka_clusters::COLLECTION,
    &schema_registries::COLLECTION,
    &ksqldb_clusters::COLLECTION,
    &applied_quotas::COLLECTION,
];

/// A read-only collection.
pub(super) struct Collection {
    path: &'static str,
    api_version: &'static str,
    /// The kind of its objects; that of a page is the same with `List` behind it.
    kind: &'static str,
    parameters: &'static [Parameter],
    max_page_size: usize,
    /// The code of the error for an id that there is not.
    unknown: &'static str,
    objects: fn(&World<'_>) -> Vec<Value>,
}

/// A query parameter that selects objects.
struct Parameter {
    name: &'static str,
    /// Whether it must be given. Then the links between pages carry it.
    required: bool,
    /// Whether it goes with an id, too.
    by_id: bool,
    /// Whether it may be given several times, and selects what any of them does.
    repeatable: bool,
    admits: fn(&Value, &str) -> bool,
}

impl Parameter {
    const fn new(name: &'static str, admits: fn(&Value, &str) -> bool) -> Self {
        Self {
            name,
            required: false,
            by_id: false,
            repeatable: false,
            admits,
        }
    }

    const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    const fn by_id(self) -> Self {
        Self {
            by_id: true,
            ..self
        }
    }

    const fn repeatable(self) -> Self {
        Self {
            repeatable: true,
            ..self
        }
    }
}

/// The environment that clusters are in, which they cannot be asked for without.
const ENVIRONMENT: Parameter = Parameter::new("environment", |cluster, id| {
    text(cluster, "/spec/environment/id") == id
})
.required()
.by_id();

/// Returns the collection that `path` is of, and the id in it.
pub(super) fn find(path: &str) -> Option<(&'static Collection, Option<String>)> {
    COLLECTIONS
        .iter()
        .find_map(|collection| Some((*collection, id_below(path, collection.path)?)))
}

/// Returns the number of the page that a listing of siblings asks for, from 1.
pub(super) fn page(path: &str, query: &str) -> Option<u64> {
    let (_, None) = find(path)? else {
        return None;
    };
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let token = parameters.find(|(name, _)| name == "page_token");
    let place = token.and_then(|(_, token)| Place::parse(&token));
    Some(place.map_or(1, |place| place.page))
}
