//! Changing JSON: `json_set`, `json_insert`, `json_replace`, `json_remove`, `json_patch`.
//!
//! Turns one JSON text into another. Paths and values come in pairs and are applied one after the other; a path that
//! leads nowhere changes nothing. `json_patch` is RFC 7396.

use datafusion::logical_expr::ScalarUDF;

use super::node::Node;
use super::path::{self, Step};
use crate::dialect::functions::error::Error;
use crate::dialect::functions::scalar::{Arity, ReturnType, row, row_with_null};
use crate::dialect::functions::value::Value;

/// Returns the functions of this module.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    let json = ReturnType::Json;
    vec![
        row_with_null("json_set", Arity::Odd, json, |args| {
            edit("json_set", args, SET)
        }),
        row_with_null("json_insert", Arity::Odd, json, |args| {
            edit("json_insert", args, INSERT)
        }),
        row_with_null("json_replace", Arity::Odd, json, |args| {
            edit("json_replace", args, REPLACE)
        }),
        row_with_null("json_remove", Arity::AtLeast(1), json, json_remove),
        row("json_patch", Arity::Between(2, 2), json, json_patch),
    ]
}

type Evaluated = Result<Value<'static>, Error>;

/// What an edit may do to a place that holds something, and to one that does not.
#[derive(Debug, Clone, Copy)]
struct Mode {
    overwrites: bool,
    creates: bool,
}

const SET: Mode = Mode {
    overwrites: true,
    creates: true,
};
const INSERT: Mode = Mode {
    overwrites: false,
    creates: true,
};
const REPLACE: Mode = Mode {
    overwrites: true,
    creates: false,
};

fn edit(function: &'static str, args: &[Value<'_>], mode: Mode) -> Evaluated {
    let Some(json) = args[0].text() else {
        return Ok(Value::Null);
    };
    let mut node = Node::parse(function, &json)?;
    for pair in args[1..].chunks_exact(2) {
        let Some(path) = pair[0].text() else { continue };
        put(
            &mut node,
            &path::parse(&path)?,
            Node::of_value(function, &pair[1])?,
            mode,
        );
    }
    Ok(Value::Json(node.to_string().into()))
}

fn put(node: &mut Node, steps: &[Step], value: Node, mode: Mode) {
    let Some((step, rest)) = steps.split_first() else {
        if mode.overwrites {
            *node = value;
        }
        return;
    };
    if let Some(part) = node.part_mut(step) {
        put(part, rest, value, mode);
        return;
    }
    let position = node.position(step);
    let grown = || mode.creates.then(|| grown(rest, value)).flatten();
    match (node, step) {
        (Node::Object(members), Step::Field(name)) => {
            members.extend(grown().map(|member| (name.clone(), member)));
        }
        (Node::Array(elements), _) if position == Some(elements.len()) => elements.extend(grown()),
        _ => {}
    }
}

/// Wraps `value` in the objects and arrays that `steps` need, if they can begin from nothing.
fn grown(steps: &[Step], value: Node) -> Option<Node> {
    steps
        .iter()
        .rev()
        .try_fold(value, |value, step| match step {
            Step::Field(name) => Some(Node::Object(vec![(name.clone(), value)])),
            Step::Index(0) | Step::FromEnd(0) => Some(Node::Array(vec![value])),
            Step::Index(_) | Step::FromEnd(_) => None,
        })
}

fn json_remove(args: &[Value<'_>]) -> Evaluated {
    let Some(json) = args[0].text() else {
        return Ok(Value::Null);
    };
    let mut node = Node::parse("json_remove", &json)?;
    for path in &args[1..] {
        let Some(path) = path.text() else {
            return Ok(Value::Null);
        };
        let steps = path::parse(&path)?;
        let Some((last, parents)) = steps.split_last() else {
            return Ok(Value::Null);
        };
        remove(&mut node, parents, last);
    }
    Ok(Value::Json(node.to_string().into()))
}

fn remove(node: &mut Node, parents: &[Step], last: &Step) {
    if let Some((step, rest)) = parents.split_first() {
        if let Some(part) = node.part_mut(step) {
            remove(part, rest, last);
        }
        return;
    }
    match (node.position(last), node) {
        (Some(place), Node::Object(members)) => {
            members.remove(place);
        }
        (Some(place), Node::Array(elements)) if place < elements.len() => {
            elements.remove(place);
        }
        _ => {}
    }
}

fn json_patch(args: &[Value<'_>]) -> Evaluated {
    let mut target = Node::parse("json_patch", &args[0].to_text())?;
    merge(&mut target, Node::parse("json_patch", &args[1].to_text())?);
    Ok(Value::Json(target.to_string().into()))
}

/// Applies a merge patch, as RFC 7396 section 2 defines it.
fn merge(target: &mut Node, patch: Node) {
    let Node::Object(changes) = patch else {
        *target = patch;
        return;
    };
    if !matches!(target, Node::Object(_)) {
        *target = Node::Object(Vec::new());
    }
    let Node::Object(members) = target else {
        return;
    };
    for (name, change) in changes {
        let place = members.iter().position(|(key, _)| *key == name);
        match (place, change) {
            (Some(place), Node::Null) => {
                members.remove(place);
            }
            (None, Node::Null) => {}
            (Some(place), change) => merge(&mut members[place].1, change),
            (None, change) => {
                let mut member = Node::Null;
                merge(&mut member, change);
                members.push((name, member));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(target: &str, patch: &str) -> String {
        let value = |text: &str| Value::Text(text.to_owned().into());
        let result = json_patch(&[value(target), value(patch)]).expect("valid JSON");
        result.text().expect("not NULL").into_owned()
    }

    // The examples of RFC 7396, appendix A.
    #[test]
    fn patches_merge_as_in_the_rfc() {
        for (target, patch, expected) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (
                r#"{"a":{"b":"c"}}"#,
                r#"{"a":{"b":"d","c":null}}"#,
                r#"{"a":{"b":"d"}}"#,
            ),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(patched(target, patch), expected, "{target} + {patch}");
        }
    }

    #[test]
    fn a_path_cannot_grow_json_without_end() {
        let path = Value::Text(format!("${}", ".a".repeat(100_000)).into());
        let grown = edit(
            "json_set",
            &[Value::Text("{}".into()), path, Value::Int(1)],
            SET,
        );
        assert!(matches!(grown, Err(Error::BadPath(_))));
    }
}
