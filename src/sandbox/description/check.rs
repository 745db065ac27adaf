//! Whether a query or a JSON value has the shape that is described.
//!
//! Collects every fault, and shows no value: it may be a secret.

use std::fmt;

use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::DESCRIPTION;

/// The check of one request or answer.
pub(super) struct Check {
    what: String,
    is_request: bool,
    pub(super) faults: Vec<String>,
}

impl Check {
    pub(super) fn new(what: impl fmt::Display, is_request: bool) -> Self {
        Self {
            what: what.to_string(),
            is_request,
            faults: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, place: &str, fault: impl fmt::Display) {
        let what = &self.what;
        let blank = if place.is_empty() { "" } else { " " };
        self.faults.push(format!("{what}: {place}{blank}{fault}"));
    }

    /// Checks the parameters.
    pub(super) fn query(&mut self, query: &str, parameters: &[Value]) {
        let given: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        for (number, (name, value)) in given.iter().enumerate() {
            let Some(parameter) = parameters.iter().find(|own| own["name"] == **name) else {
                self.add(name, "is not a parameter");
                continue;
            };
            let is_again = given[..number].iter().any(|(other, _)| other == name);
            let schema = &parameter["schema"];
            // Several values are given one by one.
            let schema = match schema.get("items") {
                Some(items) => items,
                None if is_again => {
                    self.add(name, "is given twice");
                    schema
                }
                None => schema,
            };
            // Numbers and truth values are those that JSON has.
            let typed = match of(schema, "type").as_str() {
                Some("integer" | "boolean") => serde_json::from_str(value).ok(),
                _ => None,
            };
            let typed = typed.unwrap_or_else(|| Value::from(value.as_ref()));
            self.value(schema, &typed, name);
        }
        for parameter in parameters.iter().filter(|own| own["required"] == true) {
            let name = parameter["name"].as_str().unwrap_or_default();
            if !given.iter().any(|(given, _)| given == name) {
                self.add(name, "is missing");
            }
        }
    }

    pub(super) fn value(&mut self, schema: &Value, value: &Value, place: &str) {
        let fits = match (of(schema, "type").as_str(), value) {
            (_, Value::Null) => *of(schema, "nullable") == true,
            (Some("string"), Value::String(text)) => fits(schema, text),
            (Some("boolean"), Value::Bool(_)) => true,
            (Some("integer"), Value::Number(number)) => {
                let [least, most] = ["minimum", "maximum"].map(|end| of(schema, end).as_u64());
                number.as_u64().is_some_and(|number| {
                    least.is_none_or(|least| least <= number)
                        && most.is_none_or(|most| number <= most)
                })
            }
            (Some("object"), Value::Object(given)) => {
                self.members(schema, given, place);
                true
            }
            _ => false,
        };
        if !fits {
            // Not the value: it may be a secret.
            self.add(place, format_args!("must be {}", described(schema)));
        }
    }

    fn members(&mut self, schema: &Value, given: &Map<String, Value>, place: &str) {
        let is_request = self.is_request;
        let is_banned = |member: &Value| is_request && *of(member, "readOnly") == true;
        let properties = of(schema, "properties");
        for (name, value) in given {
            let place = format!("{place}/{name}");
            match properties.get(name) {
                None => self.add(&place, "is not a member"),
                Some(member) if is_banned(member) => self.add(&place, "is read-only"),
                Some(member) => self.value(member, value, &place),
            }
        }
        let required = of(schema, "required").as_array().into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !given.contains_key(name) && !is_banned(&properties[name]) {
                self.add(&format!("{place}/{name}"), "is missing");
            }
        }
    }
}

/// Returns what `schema` says of `keyword`, itself or by the one that it refers to; null if it says nothing.
fn of<'s>(schema: &'s Value, keyword: &str) -> &'s Value {
    match (schema.get(keyword), schema["$ref"].as_str()) {
        (Some(said), _) => said,
        (None, Some(name)) => of(&DESCRIPTION["schemas"][name], keyword),
        (None, None) => &Value::Null,
    }
}

/// Returns how many characters a text has.
fn lengths(schema: &Value) -> (u64, Option<u64>) {
    let [least, most] = ["minLength", "maxLength"].map(|end| of(schema, end).as_u64());
    (least.unwrap_or(0), most)
}

fn fits(schema: &Value, text: &str) -> bool {
    let (least, most) = lengths(schema);
    let count = text.chars().count() as u64;
    let words = of(schema, "enum").as_array();
    let is_formed = match of(schema, "format").as_str() {
        Some("date") => text.len() == 10 && text.parse::<NaiveDate>().is_ok(),
        Some("date-time") => DateTime::parse_from_rfc3339(text).is_ok(),
        _ => true,
    };
    is_formed
        && least <= count
        && most.is_none_or(|most| count <= most)
        && words.is_none_or(|words| words.contains(&Value::from(text)))
}

/// Returns what `schema` asks for, in words.
fn described(schema: &Value) -> String {
    let (least, most) = lengths(schema);
    let words = of(schema, "enum").as_array().into_iter().flatten();
    let words: Vec<_> = words.filter_map(Value::as_str).collect();
    let kind = of(schema, "type").as_str().unwrap_or_default();
    match (kind, of(schema, "format").as_str(), most) {
        ("string", Some("date"), _) => "a date".to_owned(),
        ("string", Some(_), _) => "a time".to_owned(),
        ("string", ..) if !words.is_empty() => format!("`{}`", words.join("` or `")),
        ("string", _, Some(most)) => format!("a string of {least} to {most} characters"),
        ("string", ..) if least > 0 => "a string that is not empty".to_owned(),
        ("string", ..) => "a string".to_owned(),
        ("boolean", ..) => "true or false".to_owned(),
        ("integer", ..) => format!(
            "a number from {} to {}",
            of(schema, "minimum"),
            of(schema, "maximum")
        ),
        _ => "an object".to_owned(),
    }
}
