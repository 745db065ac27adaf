//! What the service offers, as values.
//!
//! A [`Resource`] is declared once, as a `const` in a file of its own, and listed in [`ALL`]. Everything else reads the
//! declaration: requests, schemas, decoding, pushdown, EXPLAIN, DESCRIBE, SHOW, completion and the reference. This room
//! depends on Arrow's types, and on the dialect's `Shape`, which it makes.
//!
//! The values import the types, and the lists in this file import the values, never the other way round. The types:
//!
//! - [`collection`](Resource): a resource; [`relation`](Relation): its table, or a view, by name;
//! - [`column`](Column): columns, their types and who may set them; [`filter`](Filter): what a listing can be filtered by;
//! - [`method`](Method): what StackQL calls the requests; [`writes`](Writes): what a create must set.
//!
//! The values:
//!
//! - [`api_keys`]: the one resource that can be written; the others have a file each;
//! - [`views`]: views over them; [`findings`]: what may be wrong with keys.

pub mod api_keys;
mod applied_quotas;
mod clusters;
mod collection;
mod column;
mod common;
mod environments;
mod filter;
pub mod findings;
mod kafka_clusters;
mod ksqldb_clusters;
mod method;
mod organizations;
mod relation;
mod role_bindings;
mod schema_registry_clusters;
mod service_accounts;
mod shape;
mod users;
mod views;
mod writes;

pub use api_keys::API_KEYS;
pub use collection::{CATALOG, Nouns, Pushed, Resource, Service};
pub(crate) use column::json_metadata;
pub use column::{Access, Column, Type};
pub use filter::{Filter, Required, Values};
pub(crate) use method::older_spelling;
pub use method::{Method, Operation, Parameter};
pub use relation::{Definition, Relation, View};
pub(crate) use shape::shape;
pub use views::VIEWS;
pub(crate) use writes::last_step;
pub use writes::{Needed, Removed, Writes};

/// The schema that a session starts in, where its own tables live.
pub const DEFAULT_SCHEMA: &str = api_keys::IAM.name;

/// All resources, in the order of SHOW RESOURCES.
pub const ALL: &[&Resource] = &[
    &API_KEYS,
    &users::USERS,
    &service_accounts::SERVICE_ACCOUNTS,
    &role_bindings::ROLE_BINDINGS,
    &organizations::ORGANIZATIONS,
    &environments::ENVIRONMENTS,
    &kafka_clusters::KAFKA_CLUSTERS,
    &schema_registry_clusters::SCHEMA_REGISTRY_CLUSTERS,
    &ksqldb_clusters::KSQLDB_CLUSTERS,
    &applied_quotas::APPLIED_QUOTAS,
];

/// Returns the services, each once, in order.
pub fn services() -> Vec<&'static Service> {
    let mut services: Vec<&'static Service> = Vec::new();
    for resource in ALL {
        if !services.contains(&resource.service) {
            services.push(resource.service);
        }
    }
    services
}

/// Returns what `name`, with its qualifiers or without, stands for. Without a schema it is that of the session.
pub fn named<S: AsRef<str>>(name: &[S]) -> Option<Relation> {
    let name: Vec<&str> = name.iter().map(AsRef::as_ref).collect();
    let (service, name) = match name.as_slice() {
        [name] => (DEFAULT_SCHEMA, *name),
        [service, name] | [CATALOG, service, name] => (*service, *name),
        _ => return None,
    };
    let mut resources = ALL.iter();
    let mut views = VIEWS.iter();
    let table = resources.find(|r| r.service.name == service && r.table == name);
    match table {
        Some(resource) => Some(Relation::Table(resource)),
        None => {
            let view = views.find(|view| view.service.name == service && view.name == name)?;
            Some(Relation::View(view))
        }
    }
}

/// Returns the method called `name` of any resource.
pub fn method(name: &str) -> Option<(&'static Resource, &'static Method)> {
    ALL.iter()
        .find_map(|resource| Some((*resource, resource.method(name)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_told_apart_and_can_be_read() {
        for (position, resource) in ALL.iter().enumerate() {
            let name = resource.full_name();
            assert_eq!(resource.columns[0].name, "id", "{name}");
            assert!(matches!(resource.columns[0].ty, Type::Text), "{name}");
            for earlier in &ALL[..position] {
                assert_ne!(earlier, resource);
                assert_ne!(earlier.full_name(), name);
            }
            for filter in resource.filters {
                let path: Vec<_> = filter.column.split('.').collect();
                let column = resource.find(&path);
                assert!(column.is_some(), "{name}: {}", filter.column);
            }
            assert!(
                !resource.role.is_empty() && resource.writes.is_some() == (*resource == &API_KEYS)
            );
            for method in resource.methods {
                let parameters = method.parameters.iter().map(|p| p.name);
                let known = ["id", "spec", "page_size"].into_iter();
                let known: Vec<_> = known
                    .chain(resource.filters.iter().map(|f| f.parameter))
                    .collect();
                assert!(parameters.into_iter().all(|p| known.contains(&p)), "{name}");
            }
        }
    }

    #[test]
    fn a_name_is_found_with_its_qualifiers_and_without() {
        for name in ["api_keys", "iam.api_keys", "confluent.iam.api_keys"] {
            let name: Vec<_> = name.split('.').collect();
            assert!(matches!(named(&name), Some(Relation::Table(r)) if r == &API_KEYS));
        }
        assert!(matches!(named(&["vw_api_keys"]), Some(Relation::View(_))));
        for name in [&["other", "api_keys"][..], &["a", "iam", "api_keys"], &[]] {
            assert!(named(name).is_none(), "{name:?}");
        }
    }
}
