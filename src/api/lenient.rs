//! Reading JSON objects whose schema drifts.
//!
//! Turns the members of an object into borrowed text, objects and lists, whatever their types turn out to be:
//! the service's published descriptions differ between revisions, and one odd member must not cost the whole
//! answer. Absent and null are `None`; a number or a boolean where text belongs is taken as its JSON text; any
//! other mismatch is `None` and counted as an oddity. Unknown members are skipped, and of repeated members the
//! last wins. Syntax errors are never forgiven. Depends on serde alone, and builds no tree of values.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::value::RawValue;

/// A struct that is filled member by member.
pub(crate) trait Object<'de>: Default {
    /// Reads the member `name` from `members`, or skips it if it is unknown.
    fn read<A: MapAccess<'de>>(
        &mut self,
        name: &str,
        members: &mut Members<'_, A>,
    ) -> Result<(), A::Error>;
}

/// The value of the member that is being read. Each must be taken exactly once.
pub(crate) struct Members<'m, A> {
    map: &'m mut A,
    oddities: &'m Cell<u32>,
}

impl<'de, A: MapAccess<'de>> Members<'_, A> {
    /// Takes the value as text.
    pub(crate) fn text(&mut self) -> Result<Option<Cow<'de, str>>, A::Error> {
        let raw: &'de RawValue = self.map.next_value()?;
        Ok(text(raw.get(), self.oddities))
    }

    /// Takes the value as an object.
    pub(crate) fn object<T: Object<'de>>(&mut self) -> Result<Option<T>, A::Error> {
        self.map.next_value_seed(ObjectSeed {
            oddities: self.oddities,
            of: PhantomData,
        })
    }

    /// Takes the value as a list of objects. What is not an object stays in its place as `None`.
    pub(crate) fn list<T: Object<'de>>(&mut self) -> Result<Option<Vec<Option<T>>>, A::Error> {
        let raw: &'de RawValue = self.map.next_value()?;
        match raw.get().as_bytes().first() {
            Some(b'[') => {
                let elements: Vec<&'de RawValue> =
                    serde_json::from_str(raw.get()).map_err(A::Error::custom)?;
                let read = |element: &&'de RawValue| read(element.get(), self.oddities);
                elements
                    .iter()
                    .map(read)
                    .collect::<Result<_, _>>()
                    .map(Some)
                    .map_err(A::Error::custom)
            }
            Some(b'n') => Ok(None),
            _ => {
                count(self.oddities);
                Ok(None)
            }
        }
    }

    /// Passes over the value.
    pub(crate) fn skip(&mut self) -> Result<(), A::Error> {
        self.map.next_value::<IgnoredAny>().map(drop)
    }
}

/// Reads `json`, which must be an object, and counts the oddities in it.
pub(crate) fn object<'de, T: Object<'de>>(
    json: &'de str,
) -> Result<(Option<T>, u32), serde_json::Error> {
    let oddities = Cell::new(0);
    let value = read(json, &oddities)?;
    Ok((value, oddities.get()))
}

fn read<'de, T: Object<'de>>(
    json: &'de str,
    oddities: &Cell<u32>,
) -> Result<Option<T>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = ObjectSeed {
        oddities,
        of: PhantomData,
    }
    .deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Reads one syntactically valid JSON value as text.
fn text<'de>(json: &'de str, oddities: &Cell<u32>) -> Option<Cow<'de, str>> {
    match json.as_bytes().first()? {
        b'"' if !json.contains('\\') => Some(Cow::Borrowed(&json[1..json.len() - 1])),
        // An unpaired surrogate is valid syntax and still no text.
        b'"' => serde_json::from_str(json)
            .map(Cow::Owned)
            .map_err(|_| count(oddities))
            .ok(),
        b'n' => None,
        b'{' | b'[' => {
            count(oddities);
            None
        }
        _ => Some(Cow::Borrowed(json)),
    }
}

fn count(oddities: &Cell<u32>) {
    oddities.set(oddities.get().saturating_add(1));
}

/// Visitor methods for values that are no object.
macro_rules! scalar {
    ($($method:ident: $type:ty),*) => {
        $(fn $method<E>(self, _: $type) -> Result<Self::Value, E> {
            count(self.oddities);
            Ok(None)
        })*
    };
}

struct ObjectSeed<'o, T> {
    oddities: &'o Cell<u32>,
    of: PhantomData<T>,
}

impl<'de, T: Object<'de>> DeserializeSeed<'de> for ObjectSeed<'_, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Object<'de>> Visitor<'de> for ObjectSeed<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = T::default();
        while let Some(Name(name)) = map.next_key()? {
            object.read(
                &name,
                &mut Members {
                    map: &mut map,
                    oddities: self.oddities,
                },
            )?;
        }
        Ok(Some(object))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        count(self.oddities);
        Ok(None)
    }

    scalar!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);
}

/// A member's name, borrowed unless it holds escapes.
pub(crate) struct Name<'de>(pub(crate) Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Sample<'a> {
        name: Option<Cow<'a, str>>,
        inner: Option<Box<Sample<'a>>>,
        list: Option<Vec<Option<Sample<'a>>>>,
    }

    impl<'de> Object<'de> for Sample<'de> {
        fn read<A: MapAccess<'de>>(
            &mut self,
            name: &str,
            members: &mut Members<'_, A>,
        ) -> Result<(), A::Error> {
            match name {
                "name" => self.name = members.text()?,
                "inner" => self.inner = members.object()?.map(Box::new),
                "list" => self.list = members.list()?,
                _ => members.skip()?,
            }
            Ok(())
        }
    }

    fn sample(json: &str) -> (Option<Sample<'_>>, u32) {
        object(json).unwrap()
    }

    fn name(json: &str) -> (Option<Cow<'_, str>>, u32) {
        let (sample, oddities) = sample(json);
        (sample.unwrap().name, oddities)
    }

    #[test]
    fn plain_text_is_borrowed_and_escaped_text_is_decoded() {
        assert!(matches!(
            name(r#"{"name":"pläin"}"#),
            (Some(Cow::Borrowed("pläin")), 0)
        ));
        assert!(
            matches!(name(r#"{"name":"a\n\u00e9"}"#), (Some(Cow::Owned(text)), 0) if text == "a\né")
        );
        assert_eq!(name(r#"{"n\u0061me":"x"}"#), (Some("x".into()), 0));
    }

    #[test]
    fn scalars_are_text_exactly_as_they_were_sent() {
        for scalar in [
            "1.50",
            "123456789012345678901234567890",
            "-0",
            "1E5",
            "true",
            "false",
        ] {
            assert_eq!(
                name(&format!(r#"{{"name": {scalar} }}"#)),
                (Some(scalar.into()), 0)
            );
        }
    }

    #[test]
    fn absent_and_null_are_none_and_no_oddity() {
        assert_eq!(
            sample(r#"{"name":null,"inner":null,"list":null}"#),
            (Some(Sample::default()), 0)
        );
        assert_eq!(sample("{}"), (Some(Sample::default()), 0));
        assert_eq!(sample("null"), (None, 0));
    }

    #[test]
    fn mismatches_are_none_and_counted() {
        assert_eq!(
            sample(r#"{"name":{"a":[1]},"inner":"x","list":{"a":{}}}"#),
            (Some(Sample::default()), 3)
        );
        assert_eq!(name(r#"{"name":["x"]}"#), (None, 1));
        assert_eq!(name(r#"{"name":"\ud800"}"#), (None, 1));
        for scalar in ["1", "-1", "1.5", "true", "[]", r#""\n""#] {
            assert_eq!(
                sample(&format!(r#"{{"inner":{scalar}}}"#)),
                (Some(Sample::default()), 1)
            );
        }
    }

    #[test]
    fn list_elements_keep_their_places() {
        let (sample, oddities) = sample(r#"{"list":[{"name":"a"},null,7,{"name":[]}]}"#);
        let list = sample.unwrap().list.unwrap();
        let names: Vec<_> = list
            .iter()
            .map(|e| e.as_ref().map(|e| e.name.as_deref()))
            .collect();
        assert_eq!(
            (names, oddities),
            (vec![Some(Some("a")), None, None, Some(None)], 2)
        );
    }

    #[test]
    fn of_repeated_members_the_last_wins() {
        assert_eq!(
            name(r#"{"name":"a","other":{"name":1},"name":"b"}"#),
            (Some("b".into()), 0)
        );
    }

    #[test]
    fn syntax_errors_are_errors() {
        for json in [
            "",
            "{",
            r#"{"name":"a"} x"#,
            "{\"name\":\"a\u{1}\"}",
            r#"{"name":tru}"#,
            r#"{"list":[}"#,
        ] {
            assert!(object::<Sample<'_>>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn deep_nesting_is_passed_over_without_recursion() {
        let (open, close) = ("[".repeat(90_000), "]".repeat(90_000));
        assert_eq!(
            name(&format!(
                r#"{{"name":{open}{close},"unknown":{open}{close}}}"#
            )),
            (None, 1)
        );
    }

    proptest! {
        #[test]
        fn any_text_survives(text in ".*") {
            let json = serde_json::json!({ "name": text }).to_string();
            let (read, oddities) = name(&json);
            prop_assert_eq!((read.as_deref(), oddities), (Some(text.as_str()), 0));
        }
    }
}
