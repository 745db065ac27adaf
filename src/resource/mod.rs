//! What the service offers, as values.
//!
//! A [`Resource`] is declared once, as a `const` in a file of its own, and listed in [`ALL`]. Everything else reads the
//! declaration: requests, schemas, decoding, pushdown, EXPLAIN, DESCRIBE, SHOW, completion and the reference. This room
//! depends on Arrow's types, and on the dialect's `Shape`, which it makes.
//!
//! - [`column`](Column): columns, their types and who may set them;
//! - [`method`](Method): what StackQL calls the requests;
//! - [`api_keys`]: the one resource that can be written; the others have a file each;
//! - [`views`]: views over them; [`findings`]: what may be wrong with keys.

pub mod api_keys;
mod applied_quotas;
mod clusters;
mod column;
mod common;
mod environments;
pub mod findings;
mod kafka_clusters;
mod ksqldb_clusters;
mod method;
mod organizations;
mod role_bindings;
mod schema_registry_clusters;
mod service_accounts;
mod users;
pub mod views;

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{Schema, SchemaRef};

use crate::dialect::shape::{Shape, ShapeField, ShapeParameter};

pub use api_keys::API_KEYS;
pub use column::{Access, Column, Type};
pub(crate) use method::older_spelling;
pub use method::{Method, Operation, Parameter};
pub use views::{Definition, VIEWS, View};

/// The catalog of all resources.
pub const CATALOG: &str = "confluent";

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

/// A collection of the service, which is a table here.
#[derive(Debug)]
pub struct Resource {
    /// The service that it belongs to, which is its schema.
    pub service: &'static Service,
    /// Name of its table.
    pub table: &'static str,
    /// Path of the collection: `/iam/v2/api-keys`.
    pub path: &'static str,
    /// `api_version` of its objects.
    pub api_version: &'static str,
    /// `kind` of its objects.
    pub kind: &'static str,
    /// How messages speak of its objects.
    pub nouns: Nouns,
    /// Its columns, in the order of `SELECT *`. The first one is `id`.
    pub columns: &'static [Column],
    /// True if an id is of one object, which can be read by it. Otherwise objects are told apart by all that they are.
    pub has_get: bool,
    /// What a listing can be filtered by, in the order of a request's parameters.
    pub filters: &'static [Filter],
    /// The parameter, set to `true`, without which a listing leaves some objects out; None if there is none such. A service
    /// that does not know it leaves none out.
    pub list_all: Option<&'static str>,
    /// The most objects that one page may hold.
    pub max_page_size: u16,
    /// The rows that it is taken to have while nobody knows, for the order of joins.
    pub assumed_rows: usize,
    /// The roles of which the owner of the credentials needs one to read it.
    pub role: &'static str,
    /// True if the service answers 403 for an id that is gone, so that such an object is as good as none.
    pub hides_gone: bool,
    /// What StackQL calls its requests, in the order of SHOW METHODS.
    pub methods: &'static [Method],
    /// How it is written; None if it can only be read.
    pub writes: Option<Writes>,
}

/// A group of resources, which is a schema here.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// Name of the schema.
    pub name: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// One sentence for people.
    pub description: &'static str,
}

/// How messages speak of the objects of a resource.
#[derive(Debug)]
pub struct Nouns {
    /// One of them: `key`.
    pub one: &'static str,
    /// Several of them: `keys`.
    pub many: &'static str,
    /// What they are in full: `API keys`.
    pub title: &'static str,
}

/// A query parameter that a listing can be filtered by.
#[derive(Debug)]
pub struct Filter {
    /// Path of the column that it is compared with.
    pub column: &'static str,
    /// Name of the parameter.
    pub parameter: &'static str,
    /// Which values may be sent: those that the service is known to match. An empty value never is, since it means "no
    /// filter".
    pub is_sendable: fn(&str) -> bool,
    /// How the service writes a value that it takes in another spelling; None for any other value. Comparing with such a
    /// value finds nothing.
    pub written: fn(&str) -> Option<&'static str>,
    /// True if the service answers with equal values and no others. If it answers with more, as for "contains", the
    /// answer must not be taken for complete before its end.
    pub is_exact: bool,
    /// True if one request may carry several values, of which an object has any.
    pub is_repeatable: bool,
    /// What is sent if a query names no value, because the service wants one; None if it does not.
    pub required: Option<Required>,
}

/// A parameter that the service does not answer without.
#[derive(Debug)]
pub struct Required {
    /// The values of all objects there are: a query that names none makes one listing for each.
    pub values: Values,
    /// True if a GET by id needs it, too.
    pub for_get: bool,
}

/// Where values come from.
#[derive(Debug)]
pub enum Values {
    /// These.
    Fixed(&'static [&'static str]),
    /// The ids of another resource, each behind `prefix`.
    Ids {
        /// The resource, which is listed first.
        of: &'static Resource,
        /// What stands before each id.
        prefix: &'static str,
    },
}

/// How a resource is written: the members of [`Writes::BODY`], as far as [`Column::access`] allows.
#[derive(Debug)]
pub struct Writes {
    /// References, objects with an id, that a create must set.
    pub owner: Needed,
    /// A reference that a create may leave out, but not set without an id.
    pub resource: Needed,
    /// Path of the name for people.
    pub display_name: &'static str,
    /// Fields that the service had once, which it would ignore now.
    pub removed: &'static [Removed],
    /// Fields of an INSERT that shows how it is done.
    pub example: &'static str,
}

/// A reference, and what to say if it has no id.
#[derive(Debug)]
pub struct Needed {
    /// Path of the id.
    pub path: &'static str,
    /// Why it needs one.
    pub reason: &'static str,
    /// What to do.
    pub hint: &'static str,
}

/// A field that must not be sent any more.
#[derive(Debug)]
pub struct Removed {
    /// Its path.
    pub path: &'static str,
    /// Why not.
    pub reason: &'static str,
    /// What to do.
    pub hint: &'static str,
}

/// What an equality on a column saves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pushed {
    /// The object is fetched by its id.
    Get,
    /// The listing is filtered, by the filter at this position.
    Filter(usize),
}

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
pub enum Relation {
    /// The table of a resource.
    Table(&'static Resource),
    /// A view.
    View(&'static View),
}

impl Relation {
    /// Returns the resource; for a view the one whose objects it is about.
    pub fn resource(self) -> &'static Resource {
        match self {
            Self::Table(resource) => resource,
            Self::View(view) => view.of,
        }
    }
}

// A const has no address of its own.
impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for Resource {}

impl Resource {
    /// What the collections beside the keys have in common: they can only be read.
    const SIBLING: Self = Self {
        columns: &[],
        filters: &[],
        list_all: None,
        max_page_size: 100,
        assumed_rows: 1_000,
        hides_gone: false,
        writes: None,
        ..API_KEYS
    };

    /// Returns the name of the table with its catalog and schema.
    pub fn full_name(&self) -> String {
        format!("{CATALOG}.{}.{}", self.service.name, self.table)
    }

    /// Returns the columns of the table, in order. An object whose fields are columns of their own is none itself.
    pub fn fields(&self) -> Vec<&'static Column> {
        column::lifted(self.columns)
    }

    /// Returns the Arrow schema of the table.
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(column::arrow_fields(self.columns)))
    }

    /// Returns the column at `path`, each step a name in SQL, or None if there is none such.
    pub fn find<S: AsRef<str>>(&self, path: &[S]) -> Option<&'static Column> {
        let (first, rest) = path.split_first()?;
        let named = |columns: &'static [Column], name: &str| {
            let columns = column::lifted(columns);
            columns.into_iter().find(|c| c.name == name)
        };
        let mut column = named(self.columns, first.as_ref())?;
        for step in rest {
            column = named(column.ty.fields(), step.as_ref())?;
        }
        Some(column)
    }

    /// Returns every column and nested field with its dotted path, parents before children.
    pub fn paths(&self) -> Vec<(String, &'static Column)> {
        fn walk(
            prefix: &str,
            columns: &'static [Column],
            found: &mut Vec<(String, &'static Column)>,
        ) {
            for column in column::lifted(columns) {
                let path = match prefix {
                    "" => column.name.to_owned(),
                    prefix => format!("{prefix}.{}", column.name),
                };
                found.push((path.clone(), column));
                walk(&path, column.ty.fields(), found);
            }
        }
        let mut found = Vec::new();
        walk("", self.columns, &mut found);
        found
    }

    /// Returns what an equality on the column at `path`, dotted, saves.
    pub fn pushed(&self, path: &str) -> Option<Pushed> {
        if self.has_get && path == self.columns[0].name {
            return Some(Pushed::Get);
        }
        let position = self.filters.iter().position(|f| f.column == path)?;
        Some(Pushed::Filter(position))
    }

    /// Returns what an equality on the column at `path`, dotted, is sent as: `GET by id`, `spec.owner=`.
    pub fn sent_as(&self, path: &str) -> Option<String> {
        Some(match self.pushed(path)? {
            Pushed::Get => "GET by id".to_owned(),
            Pushed::Filter(position) => format!("{}=", self.filters[position].parameter),
        })
    }

    /// Returns the method called `name`, in either spelling and any case.
    pub fn method(&self, name: &str) -> Option<&'static Method> {
        let name = older_spelling(&name.to_lowercase());
        self.methods.iter().find(|method| method.name == name)
    }

    /// Returns the field at `path`, or the one that it is in, if the service does not have it any more.
    pub fn removed<S: AsRef<str>>(&self, path: &[S]) -> Option<&'static Removed> {
        let is_at = |removed: &&Removed| {
            let mut steps = path.iter();
            let mut path = removed.path.split('.');
            path.all(|step| steps.next().is_some_and(|s| s.as_ref() == step))
        };
        self.writes.as_ref()?.removed.iter().find(is_at)
    }

    /// Returns `1 key`, `2 keys`.
    pub fn count(&self, count: usize) -> String {
        match count {
            1 => format!("1 {}", self.nouns.one),
            count => format!("{count} {}", self.nouns.many),
        }
    }
}

impl Filter {
    /// A filter that the service matches exactly, whatever the value.
    pub const fn exact(column: &'static str, parameter: &'static str) -> Self {
        Self {
            column,
            parameter,
            is_sendable: |_| true,
            written: |_| None,
            is_exact: true,
            is_repeatable: false,
            required: None,
        }
    }
}

impl Needed {
    /// Returns the path of the reference.
    pub fn of(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(path, _)| path)
    }
}

impl Writes {
    /// The column whose members a body sets.
    pub const BODY: &'static str = "spec";
}

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

/// Returns what the dialect is told of all resources: their nested columns, and parameters that are not called like the
/// columns that they filter by.
pub(crate) fn shape() -> &'static Shape {
    static SHAPE: LazyLock<Shape> = LazyLock::new(|| {
        let mut shape = Shape::default();
        for resource in ALL {
            add_fields(&mut shape.columns, resource.columns);
            let filters = resource.filters.iter();
            // A name without a dot may be that of anybody's column.
            let is_path = |filter: &&Filter| {
                filter.parameter != filter.column && filter.parameter.contains('.')
            };
            for filter in filters.filter(is_path) {
                shape.parameters.push(ShapeParameter {
                    name: filter.parameter.to_owned(),
                    path: Some(filter.column.split('.').map(str::to_owned).collect()),
                });
            }
        }
        // Pages are as large as the service makes them.
        shape.parameters.push(ShapeParameter {
            name: Parameter::PAGE_SIZE.name.to_owned(),
            path: None,
        });
        shape
    });
    &SHAPE
}

/// Adds `columns` to `fields`; two of one name become one with the fields of both.
fn add_fields(fields: &mut Vec<ShapeField>, columns: &'static [Column]) {
    for column in column::lifted(columns) {
        let is_known = |field: &ShapeField| field.name == column.name;
        let position = fields.iter().position(is_known).unwrap_or_else(|| {
            fields.push(ShapeField {
                name: column.name.to_owned(),
                fields: Vec::new(),
            });
            fields.len() - 1
        });
        add_fields(&mut fields[position].fields, column.ty.fields());
    }
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
