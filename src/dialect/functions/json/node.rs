//! JSON as a tree that keeps the order of members, repeated ones included.
//!
//! Turns JSON text into a [`Node`] and back, through serde_json: its limit of 128 levels is what keeps hostile
//! nesting from exhausting the stack. Text is written minified; an escape or a float comes out in its usual
//! spelling rather than the one it came in.

use std::fmt::{self, Write as _};

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::path::Step;
use crate::dialect::functions::error::Error;
use crate::dialect::functions::value::{self, Value};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    /// A number with a fraction or an exponent, or beyond 64 bits.
    Real(f64),
    Text(String),
    Array(Vec<Node>),
    /// Members in order. A lookup takes the first of a name, as SQLite does.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Parses `text` for `function`, which the error names.
    pub(crate) fn parse(function: &'static str, text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| Error::MalformedJson {
            function,
            detail: error.to_string(),
        })
    }

    /// Returns what `json_type` calls it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Int(_) => "integer",
            Self::Real(_) => "real",
            Self::Text(_) => "text",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// Returns true for arrays and objects.
    pub(crate) fn is_container(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Object(_))
    }

    /// Returns the part at `steps`, if there is one.
    pub(crate) fn find(&self, steps: &[Step]) -> Option<&Self> {
        steps.iter().try_fold(self, |node, step| {
            let position = node.position(step)?;
            match node {
                Self::Object(members) => members.get(position).map(|(_, node)| node),
                Self::Array(elements) => elements.get(position),
                _ => None,
            }
        })
    }

    /// Returns the part that `step` leads to, to be changed.
    pub(super) fn part_mut(&mut self, step: &Step) -> Option<&mut Self> {
        let position = self.position(step)?;
        match self {
            Self::Object(members) => members.get_mut(position).map(|(_, node)| node),
            Self::Array(elements) => elements.get_mut(position),
            _ => None,
        }
    }

    /// Returns where `step` leads among the members or elements. In an array that may be beyond its end; its length is the
    /// place to append at.
    pub(super) fn position(&self, step: &Step) -> Option<usize> {
        match (self, step) {
            (Self::Object(members), Step::Field(name)) => {
                members.iter().position(|(key, _)| key == name)
            }
            (Self::Array(_), Step::Index(index)) => Some(*index),
            (Self::Array(elements), Step::FromEnd(back)) => elements.len().checked_sub(*back),
            _ => None,
        }
    }

    /// Returns it as the SQL value that SQLite makes of it: containers as JSON, true and false as 1 and 0.
    pub(crate) fn to_value(&self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Int(i64::from(*flag)),
            Self::Int(number) => Value::Int(*number),
            Self::Real(number) => Value::Real(*number),
            Self::Text(text) => Value::Text(text.clone().into()),
            Self::Array(_) | Self::Object(_) => Value::Json(self.to_string().into()),
        }
    }

    /// Returns the JSON of a SQL value; text stays text unless it is known to be JSON.
    pub(crate) fn of_value(function: &'static str, value: &Value<'_>) -> Result<Self, Error> {
        Ok(match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Int(number) => Self::Int(*number),
            Value::Real(number) if number.is_finite() => Self::Real(value::rounded(*number)),
            // JSON has no word for them.
            Value::Real(_) => Self::Null,
            Value::Text(text) => Self::Text(text.clone().into_owned()),
            Value::Json(text) => Self::parse(function, text)?,
            Value::Blob(_) => {
                return Err(Error::Argument {
                    function,
                    expected: "anything but binary",
                    given: "a binary value".to_owned(),
                });
            }
        })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Real(number) => f.write_str(&value::shortest_real(*number)),
            Self::Text(text) => write_text(f, text),
            Self::Array(elements) => {
                f.write_char('[')?;
                for (i, element) in elements.iter().enumerate() {
                    if i > 0 {
                        f.write_char(',')?;
                    }
                    element.fmt(f)?;
                }
                f.write_char(']')
            }
            Self::Object(members) => {
                f.write_char('{')?;
                for (i, (name, member)) in members.iter().enumerate() {
                    if i > 0 {
                        f.write_char(',')?;
                    }
                    write_text(f, name)?;
                    f.write_char(':')?;
                    member.fmt(f)?;
                }
                f.write_char('}')
            }
        }
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Int(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Node, E> {
        Ok(i64::try_from(number).map_or(Node::Real(number as f64), Node::Int))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Real(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element()? {
            elements.push(element);
        }
        Ok(Node::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::functions::json::path;

    fn parse(text: &str) -> Node {
        Node::parse("json", text).expect("valid JSON")
    }

    fn any_node() -> impl Strategy<Value = Node> {
        let leaf = prop_oneof![
            Just(Node::Null),
            any::<bool>().prop_map(Node::Bool),
            any::<i64>().prop_map(Node::Int),
            any::<i32>().prop_map(|number| Node::Real(f64::from(number) / 8.0)),
            ".*".prop_map(Node::Text),
        ];
        leaf.prop_recursive(4, 32, 5, |node| {
            prop_oneof![
                prop::collection::vec(node.clone(), 0..5).prop_map(Node::Array),
                prop::collection::vec((".{0,5}", node), 0..5).prop_map(Node::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(node in any_node()) {
            prop_assert_eq!(&parse(&node.to_string()), &node);
        }

        #[test]
        fn a_number_is_the_nearest_float_whatever_its_digits(digits in "-?[1-9][0-9]{0,2}\\.[0-9]{1,40}(e-?[0-9]{1,2})?") {
            let nearest: f64 = digits.parse().expect("a float");
            prop_assert_eq!(parse(&digits), Node::Real(nearest));
        }

        #[test]
        fn every_float_comes_back_bit_for_bit(number in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO) {
            let written = Node::Real(number).to_string();
            let Node::Real(read) = parse(&written) else {
                return Err(TestCaseError::fail(written));
            };
            // Zero has lost its sign, which SQL has no use for.
            prop_assert_eq!((read + 0.0).to_bits(), (number + 0.0).to_bits(), "{}", written);
        }
    }

    #[test]
    fn numbers_of_many_digits_stay_the_same_however_often_they_are_read() {
        for (text, written) in [
            ("12222222222222222222", "1.2222222222222221e+19"),
            ("1.2222222222222221e+19", "1.2222222222222221e+19"),
            ("122222222222222222222222", "1.2222222222222223e+23"),
            ("0.1000000000000000055511151231257827", "0.1"),
            ("9007199254740993.0", "9.007199254740992e+15"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("5e-324", "5.0e-324"),
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "9.223372036854776e+18"),
        ] {
            let once = parse(text).to_string();
            assert_eq!(once, written, "{text}");
            assert_eq!(parse(&once).to_string(), written, "{text}");
        }
    }

    #[test]
    fn members_keep_their_order_and_repeated_ones_stay() {
        let text = r#"{"b":1,"a":[true,null,1.5,"é\n"],"b":2}"#;
        assert_eq!(parse(text).to_string(), text);
        let steps = path::parse("$.b").expect("a path");
        assert_eq!(parse(text).find(&steps), Some(&Node::Int(1)));
    }

    #[test]
    fn nesting_beyond_the_limit_is_an_error() {
        let deep = "[".repeat(200_000);
        let error = Node::parse("json", &deep).expect_err("too deep");
        assert!(error.to_string().contains("recursion limit"), "{error}");
    }
}
