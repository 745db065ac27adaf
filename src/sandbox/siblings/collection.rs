//! What a collection is: where it is, how it can be asked, and what is in it.

use serde_json::{Value, json};

use super::inputs::Inputs;

/// A read-only collection.
pub(in super::super) struct Collection {
    pub(super) path: &'static str,
    pub(super) api_version: &'static str,
    /// The kind of its objects; that of a page is the same with `List` behind it.
    pub(super) kind: &'static str,
    pub(super) parameters: &'static [Parameter],
    pub(super) max_page_size: usize,
    /// The code of the error for an unknown id.
    pub(super) unknown: &'static str,
    pub(super) objects: fn(&Inputs<'_>) -> Vec<Value>,
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
    /// Where objects have what is compared with its value.
    pub(super) pointer: &'static str,
    pub(super) admits: fn(&Value, &str) -> bool,
}

impl Parameter {
    /// One that selects the objects with that text at `pointer`.
    pub(super) const fn new(name: &'static str, pointer: &'static str) -> Self {
        Self {
            name,
            required: false,
            by_id: false,
            repeatable: false,
            pointer,
            admits: |found, wanted| found == wanted,
        }
    }

    pub(super) const fn admitting(self, admits: fn(&Value, &str) -> bool) -> Self {
        Self { admits, ..self }
    }

    pub(super) fn admits(&self, object: &Value, wanted: &str) -> bool {
        (self.admits)(object.pointer(self.pointer).unwrap_or(&Value::Null), wanted)
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

/// What collections have in common unless they say otherwise.
pub(super) const READ_ONLY: Collection = Collection {
    path: "",
    api_version: "",
    kind: "",
    parameters: &[],
    max_page_size: 100,
    unknown: "resource_not_found",
    objects: |_| Vec::new(),
};

impl Collection {
    /// Returns the object `id`: what every object has, and then `members`.
    pub(super) fn object(&self, inputs: &Inputs<'_>, id: &str, crn: &str, members: Value) -> Value {
        let mut object = json!({
            "api_version": self.api_version,
            "kind": self.kind,
            "id": id,
            "metadata": inputs.metadata(self.path, id, crn),
        });
        if let (Value::Object(object), Value::Object(members)) = (&mut object, members) {
            object.extend(members);
        }
        object
    }
}

/// The environment that clusters are in, which they cannot be asked for without.
pub(super) const ENVIRONMENT: Parameter = Parameter::new("environment", "/spec/environment/id")
    .required()
    .by_id();
