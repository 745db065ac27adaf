//! Whether a query or a JSON value has the shape that is described.
//!
//! Collects every fault, and shows no value: it may be a secret.

use std::fmt;

use chrono::{DateTime, NaiveDate};
use serde_json::Value;
use url::form_urlencoded;

use super::shape::{Member, Shape};

/// A look at one request or answer.
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
    pub(super) fn query(&mut self, query: &str, parameters: &[Member]) {
        let given: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        for (number, (name, value)) in given.iter().enumerate() {
            let Some(parameter) = parameters.iter().find(|own| own.name == name) else {
                self.add(name, "is not a parameter");
                continue;
            };
            let is_again = given[..number].iter().any(|(other, _)| other == name);
            if is_again && !parameter.repeatable {
                self.add(name, "is given twice");
            }
            // Numbers and truth values are those that JSON has.
            let typed = match parameter.shape {
                Shape::Number { .. } | Shape::Truth => serde_json::from_str(value).ok(),
                _ => None,
            };
            let typed = typed.unwrap_or_else(|| Value::from(value.as_ref()));
            self.value(parameter.shape, &typed, name);
        }
        for parameter in parameters.iter().filter(|own| own.required) {
            if !given.iter().any(|(name, _)| name == parameter.name) {
                self.add(parameter.name, "is missing");
            }
        }
    }

    pub(super) fn value(&mut self, shape: &Shape, value: &Value, place: &str) {
        let fits = match (shape, value) {
            (Shape::Nullable(_), Value::Null) => true,
            (Shape::Nullable(shape), _) => return self.value(shape, value, place),
            (Shape::Text { least, most }, Value::String(text)) => {
                (*least..=*most).contains(&text.chars().count())
            }
            (Shape::Word(words), Value::String(text)) => words.contains(&text.as_str()),
            (Shape::Date, Value::String(text)) => {
                text.len() == 10 && text.parse::<NaiveDate>().is_ok()
            }
            (Shape::Time, Value::String(text)) => DateTime::parse_from_rfc3339(text).is_ok(),
            (Shape::Truth, Value::Bool(_)) => true,
            (Shape::Number { least, most }, Value::Number(number)) => number
                .as_u64()
                .is_some_and(|number| (*least..=*most).contains(&number)),
            (Shape::Object(members), Value::Object(given)) => {
                for (name, value) in given {
                    let place = format!("{place}/{name}");
                    match members.iter().find(|own| own.name == name) {
                        None => self.add(&place, "is not a member"),
                        Some(member) if member.read_only && self.is_request => {
                            self.add(&place, "is read-only");
                        }
                        Some(member) => self.value(member.shape, value, &place),
                    }
                }
                for member in *members {
                    let is_needed = member.required && !(member.read_only && self.is_request);
                    if is_needed && !given.contains_key(member.name) {
                        self.add(&format!("{place}/{}", member.name), "is missing");
                    }
                }
                true
            }
            _ => false,
        };
        if !fits {
            // Not the value: it may be a secret.
            self.add(place, format_args!("must be {shape}"));
        }
    }
}
