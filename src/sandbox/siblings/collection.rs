//! What a collection is: where it is, how it can be asked, and what is in it.

use serde_json::Value;

use super::world::{World, text};

/// A read-only collection.
pub(in super::super) struct Collection {
    pub(super) path: &'static str,
    pub(super) api_version: &'static str,
    /// The kind of its objects; that of a page is the same with `List` behind it.
    pub(super) kind: &'static str,
    pub(super) parameters: &'static [Parameter],
    pub(super) max_page_size: usize,
    /// The code of the error for an id that there is not.
    pub(super) unknown: &'static str,
    pub(super) objects: fn(&World<'_>) -> Vec<Value>,
}

/// A query parameter that selects objects.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    /// Whether it must be given. Then the links between pages carry it.
    pub(super) required: bool,
    /// Whether it goes with an id, too.
    pub(super) by_id: bool,
    /// Whether it may be given several times, and selects what any of them does.
    pub(super) repeatable: bool,
    pub(super) admits: fn(&Value, &str) -> bool,
}

impl Parameter {
    pub(super) const fn new(name: &'static str, admits: fn(&Value, &str) -> bool) -> Self {
        Self {
            name,
            required: false,
            by_id: false,
            repeatable: false,
            admits,
        }
    }

    pub(super) const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    pub(super) const fn by_id(self) -> Self {
        Self {
            by_id: true,
            ..self
        }
    }

    pub(super) const fn repeatable(self) -> Self {
        Self {
            repeatable: true,
            ..self
        }
    }
}

/// The environment that clusters are in, which they cannot be asked for without.
pub(super) const ENVIRONMENT: Parameter = Parameter::new("environment", |cluster, id| {
    text(cluster, "/spec/environment/id") == id
})
.required()
.by_id();
