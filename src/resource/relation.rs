//! What a name in SQL stands for: the table of a resource, or a view over resources.
//!
//! It depends on [`Resource`] alone. Which relations there are, and what they are called, is in the list of this room.

use super::collection::{CATALOG, Resource, Service};

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

/// A read-only view.
#[derive(Debug)]
pub struct View {
    /// The schema that it is in.
    pub service: &'static Service,
    /// Its name.
    pub name: &'static str,
    /// The resource whose objects it is about: a column that is called like one of the definition's stands for it.
    pub of: &'static Resource,
    /// Where its rows come from.
    pub definition: Definition,
    /// One sentence for people.
    pub description: &'static str,
    /// Columns that are computed rather than renamed, each with a sentence for people.
    pub computed: &'static [(&'static str, &'static str)],
}

/// Where the rows of a view come from.
#[derive(Debug)]
pub enum Definition {
    /// A query.
    Sql(&'static str),
    /// The controls of [`super::findings`].
    Controls,
}

impl View {
    /// Returns the name of the view with its catalog and schema.
    pub fn full_name(&self) -> String {
        format!("{}.{}.{}", CATALOG, self.service.name, self.name)
    }
}
