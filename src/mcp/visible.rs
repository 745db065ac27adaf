//! Makes JSON from strangers safe to read: nothing in it is hidden, reordered or rounded, and its nesting is
//! bounded.

use serde_json::{Map, Value};

use crate::render::escape_controls;

/// The deepest nesting that is handed on. What lies below is text: a client may not read deeper than 128 levels.
const DEEPEST: usize = 32;

/// The largest whole number that JavaScript reads exactly.
const MOST_EXACT: u64 = (1 << 53) - 1;

/// Returns the value of the JSON text `raw`; text that no reader can take, because it nests too deeply, stays text.
pub(super) fn read(raw: &str) -> Value {
    match serde_json::from_str(raw) {
        Ok(value) => visible(value, DEEPEST),
        Err(_) => text(raw),
    }
}

/// Returns `raw` as text whose hidden characters are written out.
pub(super) fn text(raw: &str) -> Value {
    Value::String(escape_controls(raw).into_owned())
}

fn visible(value: Value, levels: usize) -> Value {
    match value {
        Value::String(raw) => text(&raw),
        Value::Number(number) => {
            let is_exact = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
            match is_exact.is_none_or(|size| size <= MOST_EXACT) {
                true => Value::Number(number),
                false => Value::String(number.to_string()),
            }
        }
        Value::Array(_) | Value::Object(_) if levels == 0 => text(&value.to_string()),
        Value::Array(items) => {
            let items = items.into_iter().map(|item| visible(item, levels - 1));
            Value::Array(items.collect())
        }
        Value::Object(members) => {
            let mut object = Map::new();
            for (name, value) in members {
                let name = escape_controls(&name).into_owned();
                object.insert(distinct(name, &object), visible(value, levels - 1));
            }
            Value::Object(object)
        }
        value => value,
    }
}

/// Returns `name`, or a name that begins with it if `object` has a member of that name: two names may look the same once
/// nothing is hidden.
fn distinct(name: String, object: &Map<String, Value>) -> String {
    if !object.contains_key(&name) {
        return name;
    }
    let candidates = (1..).map(|number: usize| format!("{name}_{number}"));
    let mut free = candidates.filter(|candidate| !object.contains_key(candidate));
    free.next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hidden_characters_are_written_out_in_names_too() {
        let raw = "{\"a\\u202e\": [\"\\u001b[31m\", {\"b\\n\": 1}]}";
        let expected = json!({ r"a\u{202e}": [r"\x1b[31m", { r"b\n": 1 }] });
        assert_eq!(read(raw), expected);
    }

    #[test]
    fn names_that_become_equal_stay_apart() {
        let read = read(r#"{"a\n": 1, "a\\n": 2, "a\\n_1": 3}"#);
        let values: Vec<&Value> = read.as_object().unwrap().values().collect();
        assert_eq!(values, [&json!(1), &json!(2), &json!(3)]);
    }

    #[test]
    fn numbers_that_javascript_would_round_are_text() {
        assert_eq!(read("9007199254740991"), json!(9_007_199_254_740_991_u64));
        assert_eq!(read("9007199254740993"), json!("9007199254740993"));
        assert_eq!(read("-9007199254740993"), json!("-9007199254740993"));
        assert_eq!(read("0.5"), json!(0.5));
    }

    #[test]
    fn what_nests_without_end_becomes_text() {
        for levels in [DEEPEST + 1, 100, 3_000] {
            let raw = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
            let mut value = &read(&raw);
            let mut depth = 0;
            while let Value::Array(items) = value {
                value = &items[0];
                depth += 1;
            }
            assert!(depth <= DEEPEST && value.is_string(), "{levels}: {depth}");
        }
    }
}
