//! The five methods of the service, as StackQL names them, with their SQL verbs and requests.
//!
//! SHOW METHODS, DESCRIBE METHOD, EXEC, the shell's completion and the reference read [`METHODS`]. Names exist in two
//! spellings, `…_iam_v2api_key…` and the newer `…_iam_v2_api_key…`; both are accepted.

/// A method of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Name, in the older spelling.
    pub name: &'static str,
    /// What it does.
    pub operation: MethodOperation,
    /// The SQL statement that calls it.
    pub verb: &'static str,
    /// HTTP method and path.
    pub request: &'static str,
    /// One sentence for people.
    pub description: &'static str,
    /// Parameters of the request.
    pub parameters: &'static [Parameter],
    /// True if the answer holds a key, or keys.
    pub has_output: bool,
}

/// What a method does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodOperation {
    /// Reads one key.
    Get,
    /// Reads all keys.
    List,
    /// Creates a key.
    Create,
    /// Renames a key.
    Update,
    /// Revokes a key.
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

const fn parameter(
    name: &'static str,
    ty: &'static str,
    is_required: bool,
    description: &'static str,
) -> Parameter {
    Parameter {
        name,
        ty,
        is_required,
        description,
    }
}

const ID: Parameter = parameter("id", "string", true, "The API key");
const SPEC: Parameter = parameter(
    "spec",
    "object",
    true,
    "What the key is: its name, its owner and what it opens",
);

/// The methods, in the order of SHOW METHODS.
pub const METHODS: &[Method] = &[
    Method {
        name: "get_iam_v2api_key",
        operation: MethodOperation::Get,
        verb: "SELECT",
        request: "GET /iam/v2/api-keys/{id}",
        description: "Reads one API key",
        parameters: &[ID],
        has_output: true,
    },
    Method {
        name: "list_iam_v2api_keys",
        operation: MethodOperation::List,
        verb: "SELECT",
        request: "GET /iam/v2/api-keys",
        description: "Reads all API keys that the credentials may see, page by page",
        parameters: &[
            parameter(
                "page_size",
                "integer",
                false,
                "Accepted and ignored: pages are as large as the service gives them",
            ),
            parameter("spec.owner", "string", false, "Id of the owner"),
            parameter("spec.resource", "string", false, "Id of the resource"),
        ],
        has_output: true,
    },
    Method {
        name: "create_iam_v2api_key",
        operation: MethodOperation::Create,
        verb: "INSERT",
        request: "POST /iam/v2/api-keys",
        description: "Creates an API key; its secret is in the answer and nowhere else",
        parameters: &[SPEC],
        has_output: true,
    },
    Method {
        name: "delete_iam_v2api_key",
        operation: MethodOperation::Delete,
        verb: "DELETE",
        request: "DELETE /iam/v2/api-keys/{id}",
        description: "Revokes an API key for good",
        parameters: &[ID],
        has_output: false,
    },
    Method {
        name: "update_iam_v2api_key",
        operation: MethodOperation::Update,
        verb: "UPDATE",
        request: "PATCH /iam/v2/api-keys/{id}",
        description: "Changes the name and the description of an API key",
        parameters: &[
            ID,
            Parameter {
                is_required: false,
                ..SPEC
            },
        ],
        has_output: true,
    },
];

/// Returns the method called `name`, in either spelling and any case.
pub fn find(name: &str) -> Option<&'static Method> {
    let name = name.to_lowercase().replace("_v2_api_", "_v2api_");
    METHODS.iter().find(|method| method.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_name_the_same_method() {
        for method in METHODS {
            let newer = method.name.replace("_v2api_", "_v2_api_");
            assert_eq!(find(method.name), Some(method));
            assert_eq!(find(&newer.to_uppercase()), Some(method));
        }
        assert_eq!(find("get_iam_v2api_keys"), None);
    }
}
