//! `to_json` and `to_text`: any value as JSON, any value as text.
//!
//! `to_text` disappears while planning where its argument is text already, so that a predicate over
//! `spec ->> 'display_name'` is one over the field alone.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;

use super::node::Node;
use crate::dialect::functions::scalar::{Arity, ReturnType, RowFunction, row};
use crate::dialect::functions::value::Value;

/// `to_json(x)`: structs as objects, lists as arrays, text as a string, JSON as it is, NULL as NULL.
pub(crate) fn to_json() -> ScalarUDF {
    row(
        "to_json",
        Arity::Between(1, 1),
        ReturnType::Json,
        |args| match &args[0] {
            Value::Json(text) => Ok(Value::Json(text.clone().into_owned().into())),
            value => Ok(Value::Json(
                Node::of_value("to_json", value)?.to_string().into(),
            )),
        },
    )
}

/// `to_text(x)`: the text that SQLite would show; structs and lists as JSON, timestamps as RFC 3339.
pub(crate) fn to_text() -> ScalarUDF {
    RowFunction::new("to_text", Arity::Between(1, 1), ReturnType::Text, |args| {
        Ok(Value::Text(args[0].to_text().into_owned().into()))
    })
    .shortcut(|args, info| {
        Ok((info.get_data_type(&args[0])? == DataType::Utf8).then(|| args[0].clone()))
    })
    .udf()
}
