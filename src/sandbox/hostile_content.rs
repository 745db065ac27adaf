//! Well-formed answers with hostile content: texts that attack whoever shows them, endless texts, endless
//! nesting, secrets that are missing or where none belongs, members that no description has.
//!
//! Turns the JSON of an answer into other JSON. Ids stay as they are, and so do the secrets of hostile answers, so that
//! keys can still be found and used. Never touches a key that is stored.

use serde_json::{Map, Value, json};

use super::config::{EXTRA_MEMBER, LEAKED_SECRET};
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
        Action::WithoutSecret => changed(body, |answer| {
            if let Some(spec) = spec_of(answer) {
                spec.shift_remove("secret");
            }
        }),
        Action::LeakSecrets => changed(body, |answer| keys_of(answer).for_each(leak)),
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

fn spec_of(key: &mut Value) -> Option<&mut Map<String, Value>> {
    key.get_mut("spec")?.as_object_mut()
}

/// Gives a key a secret, unless it has one, as it does in the answer to its creation.
fn leak(key: &mut Value) {
    if let Some(spec) = spec_of(key) {
        let secret = spec.entry("secret").or_insert(Value::Null);
        if secret.as_str().is_none_or(str::is_empty) {
            *secret = json!(LEAKED_SECRET);
        }
    }
}

/// Returns the JSON of an answer with [`EXTRA_MEMBER`] in every object.
pub(super) fn with_extra_members(body: String) -> String {
    changed(body, add_extra_members)
}

/// Adds [`EXTRA_MEMBER`] to every object in `value`, at its end. It holds the name of the member that the object is,
/// `""` for the answer itself and for an element of a list, and some more.
pub(super) fn add_extra_members(value: &mut Value) {
    add_extra_to(value, "");
}

fn add_extra_to(value: &mut Value, name: &str) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| add_extra_to(value, "")),
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                add_extra_to(value, name);
            }
            let extra = json!({ "in": name, "list": [1, "two", null] });
            members.insert(EXTRA_MEMBER.to_owned(), extra);
        }
        _ => {}
    }
}

fn lengthen(key: &mut Value, length: usize) {
    if let Some(spec) = spec_of(key) {
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
    fn secrets_leak_into_reads_and_go_missing_from_creates() {
        let leaky = |key: Value| {
            let key = spoiled(key.to_string(), &Action::LeakSecrets);
            serde_json::from_str::<Value>(&key).unwrap()["spec"]["secret"].clone()
        };
        assert_eq!(leaky(json!({ "spec": {} })), LEAKED_SECRET);
        assert_eq!(leaky(json!({ "spec": { "secret": "" } })), LEAKED_SECRET);
        assert_eq!(leaky(json!({ "spec": { "secret": "own" } })), "own");
        let created = json!({ "id": "A", "spec": { "secret": "s" } }).to_string();
        assert_eq!(
            spoiled(created, &Action::WithoutSecret),
            r#"{"id":"A","spec":{}}"#
        );
    }

    #[test]
    fn extra_members_are_at_every_level_and_the_same_in_list_and_get() {
        let page: Value = serde_json::from_str(&with_extra_members(page())).unwrap();
        for (place, name) in [
            ("", ""),
            ("/metadata", "metadata"),
            ("/data/0", ""),
            ("/data/1/spec", "spec"),
        ] {
            let own = page.pointer(&format!("{place}/{EXTRA_MEMBER}/in"));
            assert_eq!(own, Some(&json!(name)), "{place}");
        }
        let mut key = page["data"][0].clone();
        key.as_object_mut().unwrap().shift_remove(EXTRA_MEMBER);
        key["spec"]
            .as_object_mut()
            .unwrap()
            .shift_remove(EXTRA_MEMBER);
        add_extra_members(&mut key);
        assert_eq!(key, page["data"][0]);
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
