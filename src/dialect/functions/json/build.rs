//! Making JSON and looking at it: `json`, `json_valid`, `json_quote`, `json_array`, `json_object`, `json_type`,
//! `json_array_length`, `json_equal`.
//!
//! Each function is SQLite's of the same name, `json_equal` StackQL's. An argument that is JSON already, such as
//! the result of another function here, is embedded; other text becomes a string.

use std::collections::BTreeMap;

use datafusion::logical_expr::ScalarUDF;

use super::node::Node;
use super::path;
use crate::dialect::functions::error::Error;
use crate::dialect::functions::scalar::{Arity, ReturnType, row, row_with_null};
use crate::dialect::functions::value::Value;

/// Returns the functions of this module.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    let one = Arity::Between(1, 1);
    let one_or_two = Arity::Between(1, 2);
    vec![
        row("json", one, ReturnType::Json, json),
        row_with_null("json_valid", one, ReturnType::Bool, json_valid),
        row_with_null("json_quote", one, ReturnType::Json, json_quote),
        row_with_null(
            "json_array",
            Arity::AtLeast(0),
            ReturnType::Json,
            json_array,
        ),
        row_with_null("json_object", Arity::Even, ReturnType::Json, json_object),
        row("json_type", one_or_two, ReturnType::Text, json_type),
        row(
            "json_array_length",
            one_or_two,
            ReturnType::Int,
            json_array_length,
        ),
        row(
            "json_equal",
            Arity::Between(2, 2),
            ReturnType::Bool,
            json_equal,
        ),
    ]
}

type Evaluated = Result<Value<'static>, Error>;

fn json(args: &[Value<'_>]) -> Evaluated {
    let node = Node::parse("json", &args[0].to_text())?;
    Ok(Value::Json(node.to_string().into()))
}

fn json_valid(args: &[Value<'_>]) -> Evaluated {
    let valid = args[0]
        .text()
        .is_some_and(|text| Node::parse("json_valid", &text).is_ok());
    Ok(Value::Bool(valid))
}

fn json_quote(args: &[Value<'_>]) -> Evaluated {
    Ok(Value::Json(
        Node::of_value("json_quote", &args[0])?.to_string().into(),
    ))
}

fn json_array(args: &[Value<'_>]) -> Evaluated {
    let elements: Result<_, _> = args
        .iter()
        .map(|value| Node::of_value("json_array", value))
        .collect();
    Ok(Node::Array(elements?).to_value())
}

fn json_object(args: &[Value<'_>]) -> Evaluated {
    let mut members = Vec::with_capacity(args.len() / 2);
    for pair in args.chunks_exact(2) {
        members.push((
            label("json_object", &pair[0])?,
            Node::of_value("json_object", &pair[1])?,
        ));
    }
    Ok(Node::Object(members).to_value())
}

/// Returns the name of a member. SQLite wants text, and refuses even numbers.
pub(crate) fn label(function: &'static str, value: &Value<'_>) -> Result<String, Error> {
    match value {
        Value::Text(text) | Value::Json(text) => Ok(text.clone().into_owned()),
        other => Err(Error::Argument {
            function,
            expected: "text as the name of a member",
            given: other
                .text()
                .map_or_else(|| "NULL".to_owned(), std::borrow::Cow::into_owned),
        }),
    }
}

fn json_type(args: &[Value<'_>]) -> Evaluated {
    at_path("json_type", args, |node| {
        Value::Text(node.type_name().into())
    })
}

fn json_array_length(args: &[Value<'_>]) -> Evaluated {
    at_path("json_array_length", args, |node| match node {
        Node::Array(elements) => Value::Int(i64::try_from(elements.len()).unwrap_or(i64::MAX)),
        _ => Value::Int(0),
    })
}

/// Applies `look` to what is at the path in the second argument, or to all without one. NULL where nothing is.
fn at_path(
    function: &'static str,
    args: &[Value<'_>],
    look: fn(&Node) -> Value<'static>,
) -> Evaluated {
    let steps = match args.get(1) {
        None => Vec::new(),
        Some(path) => path::parse(&path.to_text())?,
    };
    let node = Node::parse(function, &args[0].to_text())?;
    Ok(node.find(&steps).map_or(Value::Null, look))
}

fn json_equal(args: &[Value<'_>]) -> Evaluated {
    let parsed = |arg: usize| Node::parse("json_equal", &args[arg].to_text());
    Ok(Value::Bool(equal(&parsed(0)?, &parsed(1)?)))
}

/// Compares values rather than spellings: members in any order, 1 and 1.0 alike; of a repeated name the last counts.
fn equal(left: &Node, right: &Node) -> bool {
    match (left, right) {
        (Node::Array(left), Node::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| equal(l, r))
        }
        (Node::Object(left), Node::Object(right)) => {
            let left: BTreeMap<_, _> = left.iter().map(|(name, node)| (name, node)).collect();
            let right: BTreeMap<_, _> = right.iter().map(|(name, node)| (name, node)).collect();
            left.len() == right.len()
                && left
                    .iter()
                    .zip(&right)
                    .all(|((n, l), (m, r))| n == m && equal(l, r))
        }
        (Node::Int(int), Node::Real(real)) | (Node::Real(real), Node::Int(int)) => {
            *int as f64 == *real
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::functions::testing::{column, error, value};

    #[tokio::test]
    async fn equality_ignores_the_order_of_members_but_not_of_elements() {
        assert_eq!(
            value(r#"json_equal('{"a":1,"b":2}', '{"b":2,"a":1.0}')"#).await,
            "true"
        );
        assert_eq!(value("json_equal('[1,2]', '[2,1]')").await, "false");
        assert_eq!(value("json_equal('[1,2]', NULL)").await, "NULL");
        let resource = column(
            r#"SELECT json_equal(spec.resource, '{"id":"lkc-1","environment":"env-1","related":null,
            "resource_name":null,"kind":null,"api_version":null}') FROM api_keys LIMIT 1"#,
        );
        assert_eq!(resource.await, ["true"]);
    }

    #[tokio::test]
    async fn what_is_json_is_embedded_and_other_text_is_quoted() {
        for (expression, expected) in [
            ("json_array('[1]', json('[1]'))", r#"["[1]",[1]]"#),
            ("json_object('t', now() IS NULL)", r#"{"t":false}"#),
            (
                "json_array(timestamp '2026-01-02T03:04:05Z')",
                r#"["2026-01-02T03:04:05"]"#,
            ),
            (
                "json_array(json_extract('{\"a\":[1],\"b\":\"c\"}', '$.a'))",
                "[[1]]",
            ),
            ("json_array('{\"a\":[1],\"b\":\"c\"}' ->> 'b')", r#"["c"]"#),
        ] {
            assert_eq!(value(expression).await, expected, "{expression}");
        }
        let rows = column(
            "SELECT json_object('id', id, 'at', metadata.created_at, 'owner', spec -> 'owner' -> 'id', \
             'resources', json_extract(spec, '$.resources'), 'raw', _spec) FROM api_keys WHERE id = 'KEYB'",
        );
        let expected = concat!(
            r#"{"id":"KEYB","at":"2026-03-01T00:00:00Z","owner":"u-2","resources":[],"#,
            r#""raw":{"display_name":"","owner":{"id":"u-2","kind":"User"},"resources":[]}}"#,
        );
        assert_eq!(rows.await, [expected]);
    }

    #[tokio::test]
    async fn structs_lists_and_timestamps_have_json_types() {
        for (expression, expected) in [
            ("json_type(spec)", "object"),
            ("json_type(spec, '$.secret')", "null"),
            ("json_type(spec, '$.nothing')", "NULL"),
            ("json_type(spec.resources)", "array"),
            ("json_array_length(spec, '$.resources')", "2"),
            ("json_array_length(spec.resources)", "2"),
            ("json_type(to_json(metadata.created_at))", "text"),
            ("json_valid(spec)", "true"),
            ("json_valid(id)", "false"),
        ] {
            let found = column(&format!("SELECT {expression} FROM api_keys LIMIT 1")).await;
            assert_eq!(found, [expected], "{expression}");
        }
    }

    #[tokio::test]
    async fn bad_calls_say_what_was_expected() {
        let odd = error("SELECT json_object('a', 1, 'b')").await;
        assert_eq!(
            odd.to_string(),
            "`json_object` takes an even number of arguments, not 3"
        );
        let label = error("SELECT json_object(NULL, 1)").await;
        assert_eq!(
            label.to_string(),
            "`json_object` expected text as the name of a member, not `NULL`"
        );
        let json = error("SELECT json_type('{\"a\"')").await;
        assert!(
            json.to_string()
                .starts_with("malformed JSON in `json_type`: EOF"),
            "{json}"
        );
        let deep = format!("SELECT json('{}')", "[".repeat(5000));
        assert!(error(&deep).await.to_string().contains("recursion limit"));
    }
}
