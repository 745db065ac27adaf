//! The collections related to API keys: owners, clusters and environments, role bindings, quotas.
//!
//! Turns a GET of one of their paths into a page or an object. All of them are read-only, and each has a file of its own
//! that says what is in it. Some of what keys refer to is missing on purpose: an owner who has left, a cluster that was
//! deleted.

mod applied_quotas;
mod collection;
mod environments;
mod inputs;
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

use url::form_urlencoded;

use self::collection::Collection;
pub(super) use self::inputs::{Inputs, busiest, deleted_cluster};
use self::listing::Place;
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

/// Returns the collection that `path` is of, and the id in it.
pub(super) fn find(path: &str) -> Option<(&'static Collection, Option<String>)> {
    COLLECTIONS
        .iter()
        .find_map(|collection| Some((*collection, id_below(path, collection.path)?)))
}

/// Returns the number of the page that a listing asks for, from 1; `None` for anything but a listing of siblings.
pub(super) fn page(path: &str, query: &str) -> Option<u64> {
    let (_, None) = find(path)? else {
        return None;
    };
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let token = parameters.find(|(name, _)| name == "page_token");
    let place = token.and_then(|(_, token)| Place::parse(&token));
    Some(place.map_or(1, |place| place.page))
}
