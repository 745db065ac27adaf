//! A collection of the service, declared: what its objects look like, and which requests there are about them.
//!
//! Derives from a declaration what other rooms need: a schema, a column by its path, what an equality saves. It depends
//! on columns, filters and methods, and knows no particular collection.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};

use super::column::{self, Column};
use super::filter::Filter;
use super::method::{Method, Operation, older_spelling};
use super::writes::{Removed, Writes};

/// The catalog of all resources.
pub const CATALOG: &str = "confluent";

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
    /// True if an id identifies one object, which can be read by it. Otherwise all fields together identify an object.
    pub has_get: bool,
    /// What a listing can be filtered by, in the order of a request's parameters.
    pub filters: &'static [Filter],
    /// The parameter, set to `true`, without which a listing omits some objects; None if there is no such parameter. A
    /// service that does not know it leaves none out.
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

impl Nouns {
    /// Nouns that are the same in full.
    pub(super) const fn of(one: &'static str, many: &'static str) -> Self {
        let title = many;
        Self { one, many, title }
    }
}

/// What an equality on a column saves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pushed {
    /// The object is fetched by its id.
    Get,
    /// The listing is filtered, by the filter at this position.
    Filter(usize),
}

// A const has no address of its own.
impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for Resource {}

impl Resource {
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

    /// Returns the column at `path`, each step a name in SQL, or None if it does not exist.
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
        let position = self
            .filters
            .iter()
            .position(|filter| filter.column == path || filter.also.contains(&path))?;
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

    /// Returns HTTP method and path of the request that `method` makes.
    pub fn request(&self, method: &Method) -> String {
        let path = self.path;
        match method.operation {
            Operation::Get => format!("GET {path}/{{id}}"),
            Operation::List => format!("GET {path}"),
            Operation::Create => format!("POST {path}"),
            Operation::Update => format!("PATCH {path}/{{id}}"),
            Operation::Delete => format!("DELETE {path}/{{id}}"),
        }
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
