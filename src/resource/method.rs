//! The requests of a resource, as StackQL names them, with their SQL verbs.
//!
//! SHOW METHODS, DESCRIBE METHOD, EXEC, the shell's completion and the reference read them. Names exist in two spellings,
//! `…_iam_v2api_key…` and the newer `…_iam_v2_api_key…`; both are accepted.

/// A method of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Name, in the older spelling.
    pub name: &'static str,
    /// What it does.
    pub operation: Operation,
    /// One sentence for people.
    pub description: &'static str,
    /// Parameters of the request.
    pub parameters: &'static [Parameter],
}

/// What a method does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Reads one object.
    Get,
    /// Reads all objects.
    List,
    /// Creates an object.
    Create,
    /// Changes an object.
    Update,
    /// Deletes an object.
    Delete,
}

/// A parameter of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Name.
    pub name: &'static str,
    /// `string`, `integer` or `object`.
    pub ty: &'static str,
    /// True if a call needs it.
    pub is_required: bool,
    /// One sentence for people.
    pub description: &'static str,
}

impl Parameter {
    /// The id of an object.
    pub const ID: Self = Self::new("id", "string", true, "Id of the object");

    /// The size of a page, which every listing takes.
    pub const PAGE_SIZE: Self = Self::new(
        "page_size",
        "integer",
        false,
        "Accepted and ignored: pages are as large as the service gives them",
    );

    /// A text that a call may leave out.
    pub(super) const fn optional(name: &'static str, description: &'static str) -> Self {
        Self::new(name, "string", false, description)
    }

    /// A parameter called `name`.
    pub const fn new(
        name: &'static str,
        ty: &'static str,
        is_required: bool,
        description: &'static str,
    ) -> Self {
        Self {
            name,
            ty,
            is_required,
            description,
        }
    }
}

impl Method {
    /// A GET by id; `parameters` are those beside the id, and the id, if there are any.
    pub(super) const fn get(
        name: &'static str,
        description: &'static str,
        parameters: &'static [Parameter],
    ) -> Self {
        Self {
            name,
            operation: Operation::Get,
            description,
            parameters: match parameters {
                [] => &[Parameter::ID],
                parameters => parameters,
            },
        }
    }

    /// A listing; without `parameters` it takes the size of a page alone.
    pub(super) const fn list(
        name: &'static str,
        description: &'static str,
        parameters: &'static [Parameter],
    ) -> Self {
        Self {
            name,
            operation: Operation::List,
            description,
            parameters: match parameters {
                [] => &[Parameter::PAGE_SIZE],
                parameters => parameters,
            },
        }
    }

    /// Returns the SQL statement that calls it.
    pub fn verb(&self) -> &'static str {
        match self.operation {
            Operation::Get | Operation::List => "SELECT",
            Operation::Create => "INSERT",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
        }
    }

    /// Returns true if the answer holds an object, or objects.
    pub fn has_output(&self) -> bool {
        self.operation != Operation::Delete
    }
}

/// Returns `name`, a method's in lower case, in the older spelling: `_v2_api_` is `_v2api_`.
pub(crate) fn older_spelling(name: &str) -> String {
    ["_v1", "_v2", "_v3"]
        .iter()
        .fold(name.to_owned(), |name, version| {
            name.replace(&format!("{version}_"), version)
        })
}
