//! Answers that are right, but hostile in what they say: texts that attack whoever shows them, texts without measure,
//! and nesting without end.
//!
//! Turns the JSON of an answer into other JSON. Ids and secrets stay as they are, so that keys can still be found and
//! used. Never touches a key that is stored.

use serde_json::Value;

use super::faults::Action;

/// What a terminal, a table, a markup or a spreadsheet would act on. One is put before each text in turn; formulas have
/// to come first to be any.
const ATTACKS: [&str; 16] = [
    "\u{1b}[2J\u{1b}[H\u{1b}]0;owned\u{7}",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "\u{202e}desrever\u{2066}",
    "\nFORGED,row\nFORGED\trow\n",
    "+1+cmd|' /C calc'!A0",
    "\0\u{1}\u{8}\u{7f}",
    " | forged | cell |\r\n| forged | row |",
    "@SUM(1;2)",
    "\u{9b}31m\u{85}\u{2028}\u{2029}",
    "\",\"forged\":\"member",
    "-2+3",
    "</td><script>alert(1)</script><br>![x](http://evil.example)",
    "\\N\\t\\\\\"\"''``",
    "error: forged\nhint: forged",
    "\u{200b}\u{feff}\u{e0041}e\u{301}\u{301}",
    "\tNULL\r",
];

/// Puts an attack before each text in `text`'s turn.
fn attacked(text: &str, turn: &mut usize) -> String {
    let attack = ATTACKS[*turn % ATTACKS.len()];
    *turn += 1;
    format!("{attack}{text}")
}

/// Puts an attack before every text in `value` that is neither an id nor a secret.
pub(super) fn make_hostile(value: &mut Value, turn: &mut usize) {
    match value {
        Value::String(text) => *text = attacked(text, turn),
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| make_hostile(value, turn)),
        Value::Object(members) => {
            for (name, value) in members {
                if !matches!(name.as_str(), "id" | "secret" | "next" | "first") {
                    make_hostile(value, turn);
                }
            }
        }
        _ => {}
    }
}

/// Returns the JSON of an answer as `fault` has it; other faults than those of texts change nothing.
pub(super) fn spoiled(body: String, fault: &Action) -> String {
    match fault {
        Action::DeepNesting { levels } => nested(&body, *levels),
        Action::HostileTexts => changed(body, |answer| make_hostile(answer, &mut 0)),
        Action::LongTexts { bytes } => {
            let length = usize::try_from(*bytes).unwrap_or(usize::MAX);
            changed(body, |answer| {
                keys_of(answer).for_each(|key| lengthen(key, length))
            })
        }
        _ => body,
    }
}

fn changed(body: String, change: impl FnOnce(&mut Value)) -> String {
    match serde_json::from_str(&body) {
        Ok(mut answer) => {
            change(&mut answer);
            answer.to_string()
        }
        Err(_) => body,
    }
}

/// Returns the keys in an answer: those of a page, or the one that it is.
fn keys_of(answer: &mut Value) -> Box<dyn Iterator<Item = &mut Value> + '_> {
    if answer.get("data").is_some() {
        Box::new(answer["data"].as_array_mut().into_iter().flatten())
    } else {
        Box::new(std::iter::once(answer))
    }
}

fn lengthen(key: &mut Value, length: usize) {
    if let Some(spec) = key.get_mut("spec").and_then(Value::as_object_mut) {
        for name in ["display_name", "description"] {
            spec.insert(name.to_owned(), Value::String("x".repeat(length)));
        }
    }
}

/// Adds the nesting as text: no reader of JSON would build it.
fn nested(body: &str, levels: u64) -> String {
    let levels = usize::try_from(levels).unwrap_or(usize::MAX);
    let abyss = format!(
        "\"spec\":{{\"abyss\":{}{},",
        "[".repeat(levels),
        "]".repeat(levels)
    );
    body.replace("\"spec\":{", &abyss)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page() -> String {
        let key = |id: &str| json!({ "id": id, "spec": { "display_name": "name", "secret": "s" } });
        json!({ "metadata": { "next": "link" }, "data": [key("A"), key("B")] }).to_string()
    }

    #[test]
    fn texts_are_attacked_in_turn_and_what_identifies_is_left_alone() {
        let page: Value = serde_json::from_str(&spoiled(page(), &Action::HostileTexts)).unwrap();
        let names = ["/data/0/spec/display_name", "/data/1/spec/display_name"]
            .map(|place| page.pointer(place).and_then(Value::as_str).unwrap());
        assert_eq!(names[0], format!("{}name", ATTACKS[0]));
        assert_eq!(names[1], format!("{}name", ATTACKS[1]));
        assert_eq!(page["data"][1]["id"], "B");
        assert_eq!(page["data"][1]["spec"]["secret"], "s");
        assert_eq!(page["metadata"]["next"], "link");
    }

    #[test]
    fn names_and_descriptions_become_as_long_as_asked_for() {
        let long = Action::LongTexts { bytes: 9 };
        let page: Value = serde_json::from_str(&spoiled(page(), &long)).unwrap();
        assert_eq!(page["data"][0]["spec"]["display_name"], "xxxxxxxxx");
        assert_eq!(page["data"][1]["spec"]["description"], "xxxxxxxxx");
        let key = json!({ "id": "A", "spec": {} }).to_string();
        assert!(spoiled(key, &long).contains("\"display_name\":\"xxxxxxxxx\""));
    }

    #[test]
    fn specs_nest_as_deep_as_asked_for() {
        let deep = spoiled(page(), &Action::DeepNesting { levels: 3 });
        assert_eq!(deep.matches("\"abyss\":[[[]]],\"display_name\"").count(), 2);
        assert!(serde_json::from_str::<Value>(&deep).is_ok());
    }

    #[test]
    fn every_attack_has_something_that_must_not_be_shown_or_run() {
        for attack in ATTACKS {
            let special =
                |c: char| !c.is_ascii() || c.is_ascii_control() || "=+@-|<\\\"".contains(c);
            assert!(attack.chars().any(special), "{attack}");
        }
    }
}
