//! The two steps of `json_group_array(x)` and `json_group_object(name, value)`.
//!
//! Turns each row into the text of an element or a member, and the texts of a group, joined by commas, into one JSON
//! text; the joining in between is `string_agg`'s, which `aggregate` puts there. As in SQLite an empty group gives
//! `[]` and `{}`, and NULL the element `null`; a member without a name is left out.

use datafusion::logical_expr::ScalarUDF;

use super::node::Node;
use crate::dialect::functions::error::Error;
use crate::dialect::functions::scalar::{Arity, ReturnType, row_with_null};
use crate::dialect::functions::value::Value;

/// Returns the function that makes the element of a row.
pub(crate) fn element() -> ScalarUDF {
    row_with_null(
        "json_element",
        Arity::Between(1, 1),
        ReturnType::Text,
        |args| {
            let element = Node::of_value("json_group_array", &args[0])?;
            Ok(Value::Text(element.to_string().into()))
        },
    )
}

/// Returns the function that makes the member of a row, NULL without a name.
pub(crate) fn member() -> ScalarUDF {
    row_with_null(
        "json_member",
        Arity::Between(2, 2),
        ReturnType::Text,
        |args| {
            let Some(name) = args[0].text() else {
                return Ok(Value::Null);
            };
            member_of("json_group_object", &name, &args[1])
        },
    )
}

/// Returns the function that makes the member of a row, and fails without a name, as PostgreSQL's `json_object_agg` does.
pub(crate) fn named_member() -> ScalarUDF {
    row_with_null(
        "json_named_member",
        Arity::Between(2, 2),
        ReturnType::Text,
        |args| match args[0].text() {
            Some(name) => member_of("json_object_agg", &name, &args[1]),
            None => Err(Error::Argument {
                function: "json_object_agg",
                expected: "a name for each member",
                given: "NULL".to_owned(),
            }),
        },
    )
}

fn member_of(
    function: &'static str,
    name: &str,
    value: &Value<'_>,
) -> Result<Value<'static>, Error> {
    let name = Node::Text(name.to_owned());
    let member = Node::of_value(function, value)?;
    Ok(Value::Text(format!("{name}:{member}").into()))
}

/// Returns the function that makes an array of joined elements.
pub(crate) fn array() -> ScalarUDF {
    row_with_null(
        "json_group_array",
        Arity::Between(1, 1),
        ReturnType::Json,
        |args| Ok(Value::Json(format!("[{}]", args[0].to_text()).into())),
    )
}

/// Returns the function that makes an object of joined members.
pub(crate) fn object() -> ScalarUDF {
    row_with_null(
        "json_group_object",
        Arity::Between(1, 1),
        ReturnType::Json,
        |args| Ok(Value::Json(format!("{{{}}}", args[0].to_text()).into())),
    )
}
