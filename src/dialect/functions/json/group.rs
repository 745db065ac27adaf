//! The two steps of `json_group_array(x)` and `json_group_object(name, value)`.
//!
//! Turns each row into the text of an element or a member, and the texts of a group, joined by commas, into one JSON
//! text; the joining in between is `string_agg`'s, which `aggregate` puts there. As in SQLite an empty group gives
//! `[]` and `{}`, and NULL the element `null`; a member without a name is left out.

use datafusion::logical_expr::ScalarUDF;

use super::node::Node;
use crate::dialect::functions::scalar::{Arity, ReturnType, row};
use crate::dialect::functions::value::Value;

/// Returns the function that makes the element of a row.
pub(crate) fn element() -> ScalarUDF {
    row(
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
    row(
        "json_member",
        Arity::Between(2, 2),
        ReturnType::Text,
        |args| {
            let Some(name) = args[0].text() else {
                return Ok(Value::Null);
            };
            let name = Node::Text(name.into_owned());
            let member = Node::of_value("json_group_object", &args[1])?;
            Ok(Value::Text(format!("{name}:{member}").into()))
        },
    )
}

/// Returns the function that makes an array of joined elements.
pub(crate) fn array() -> ScalarUDF {
    row(
        "json_group_array",
        Arity::Between(1, 1),
        ReturnType::Json,
        |args| {
            Ok(Value::Json(
                format!("[{}]", args[0].text().unwrap_or_default()).into(),
            ))
        },
    )
}

/// Returns the function that makes an object of joined members.
pub(crate) fn object() -> ScalarUDF {
    row(
        "json_group_object",
        Arity::Between(1, 1),
        ReturnType::Json,
        |args| {
            Ok(Value::Json(
                format!("{{{}}}", args[0].text().unwrap_or_default()).into(),
            ))
        },
    )
}
