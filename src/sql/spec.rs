//! The body of a write: a `spec` as JSON, checked field by field against the column declaration.
//!
//! All rows of a statement are checked before the first request, so that nothing is created if the service would refuse
//! one of them.

use std::fmt;

use chrono::{DateTime, NaiveDate};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::write::{immutable, read_only, removed};
use crate::dialect::error::{Error, meant, nearest};
use crate::resource::{Access, Column, Needed, Resource, Type, Writes};

/// The fields of a key to create, or to change.
pub(crate) type Spec = Map<String, Value>;

/// Whether values were typed, or copied from keys that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Typed: a read-only field is a mistake.
    Typed,
    /// Copied: links that the service adds to its references are dropped, because it will add them again.
    Copied,
}

/// Checks the spec of an object of `resource` to create and returns it without what the service fills in itself.
///
/// Fails at the first field that does not exist, is not to be set, or is of the wrong type, if there is no owner, and for
/// a last day before `today`.
pub(crate) fn for_create(
    resource: &Resource,
    spec: Spec,
    origin: Origin,
    today: NaiveDate,
) -> Result<Spec, Error> {
    if let Some(error) = spec
        .keys()
        .find_map(|name| removed(resource, &[Writes::BODY, name]))
    {
        return Err(error);
    }
    let spec = object(Writes::BODY, columns_of_spec(resource), spec, origin, today)?;
    let Some(writes) = &resource.writes else {
        return Ok(spec);
    };
    let Needed { path, reason, hint } = writes.owner;
    if at(&spec, path)
        .and_then(Value::as_str)
        .is_none_or(|id| id.trim().is_empty())
    {
        return Err(Error::new(format!("`{path}` is missing: {reason}")).hint(hint));
    }
    let needed = &writes.resource;
    let is_blank = at(&spec, needed.path)
        .and_then(Value::as_str)
        .is_none_or(str::is_empty);
    if is_blank && at(&spec, needed.of()).is_some() {
        return Err(no_id(needed));
    }
    Ok(spec)
}

/// Checks the fields of a key to change, which are its texts.
///
/// Fails at the first field that does not exist or cannot be changed, for NULL, and without any field.
pub(crate) fn for_update(resource: &Resource, spec: Spec) -> Result<Spec, Error> {
    let columns = columns_of_spec(resource);
    for (name, value) in &spec {
        let path = format!("{}.{name}", Writes::BODY);
        match declared(columns, name) {
            None => return Err(unknown(Writes::BODY, columns, name)),
            Some(column) if column.access == Access::OnCreate => {
                return Err(immutable(resource, &path));
            }
            Some(column) if column.access == Access::ReadOnly => return Err(read_only(&path)),
            Some(_) => {}
        }
        match value {
            Value::String(_) => {}
            Value::Null => return Err(null(&path)),
            other => return Err(wrong_type(&path, "text", other)),
        }
    }
    if spec.is_empty() {
        let texts = columns
            .iter()
            .filter(|column| column.access == Access::Writable);
        let texts: Vec<&str> = texts.map(|column| column.json).collect();
        return Err(Error::new("`spec` sets nothing").hint(format!(
            "give it {}, such as '{{\"{}\": \"…\"}}'",
            texts.join(" or "),
            texts.last().unwrap_or(&"")
        )));
    }
    Ok(spec)
}

/// Parses `text` as the JSON object of a spec.
///
/// Fails with the place in the text; also if the JSON is not an object.
pub(crate) fn parse(text: &str) -> Result<Spec, Error> {
    match parse_value(text) {
        Ok(Value::Object(spec)) => Ok(spec),
        Ok(other) => Err(not_an_object(&other)),
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default();
            Err(Error::new(format!(
                "`spec` is not JSON: {reason} at line {}, column {} of the text",
                error.line(),
                error.column()
            ))
            .hint(match text.trim_start().starts_with("{{") {
                true => {
                    "`{{ … }}` is a template, which is not filled in here: put the JSON in its place, or write \
                     $spec and pass --param spec='{…}'"
                }
                false => "write it as '{\"display_name\": \"…\", \"owner\": {\"id\": \"sa-…\"}}'",
            }))
        }
    }
}

/// Parses `text` as JSON.
///
/// Fails with the place in the text; also for a duplicate member.
pub(crate) fn parse_value(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str(text).map(|Unambiguous(value)| value)
}

/// The error for a spec that is something else.
pub(crate) fn not_an_object(value: &Value) -> Error {
    wrong_type("spec", "an object", value)
}

/// Puts `value` at `path`, whose first step is `spec`, and creates the objects on the way.
pub(crate) fn put(spec: &mut Spec, path: &[String], value: Value) {
    let Some((last, steps)) = path.get(1..).and_then(<[String]>::split_last) else {
        return;
    };
    let mut place = spec;
    for step in steps {
        let next = place
            .entry(step.clone())
            .or_insert_with(|| Value::Object(Map::new()));
        match next {
            Value::Object(object) => place = object,
            _ => return,
        }
    }
    place.insert(last.clone(), value);
}

/// Returns the error for NULL where the service wants text.
pub(crate) fn null(path: &str) -> Error {
    Error::new(format!("`{path}` cannot be NULL")).hint("the empty string '' clears it")
}

/// The error for a reference without an id, which would mean something else to the service than what was typed.
pub(crate) fn no_id(needed: &Needed) -> Error {
    Error::new(format!("`{}` has no value", needed.path))
        .hint(format!("{}; {}", needed.hint, needed.reason))
}

fn columns_of_spec(resource: &Resource) -> &'static [Column] {
    let spec = resource.find(&[Writes::BODY]);
    spec.map_or(&[], |column| column.ty.fields())
}

fn declared(columns: &'static [Column], name: &str) -> Option<&'static Column> {
    columns.iter().find(|column| column.json == name)
}

fn object(
    path: &str,
    columns: &'static [Column],
    members: Spec,
    origin: Origin,
    today: NaiveDate,
) -> Result<Spec, Error> {
    let mut checked = Spec::new();
    for (name, value) in members {
        let Some(column) = declared(columns, &name) else {
            return Err(unknown(path, columns, &name));
        };
        let path = format!("{path}.{name}");
        let is_blank = matches!(&value, Value::Null) || value.as_str() == Some("");
        let is_link = matches!(column.name, "related" | "resource_name");
        if column.access == Access::ReadOnly {
            // What the service left out, or will add again.
            if is_blank || (origin == Origin::Copied && is_link) {
                continue;
            }
            let error = read_only(&path);
            return Err(match origin {
                Origin::Typed => error,
                Origin::Copied => error.hint(format!(
                    "leave it out, as by json_remove(spec, '$.{}')",
                    Writes::in_body(&path)
                )),
            });
        }
        if value.is_null() {
            continue;
        }
        let value = match (column.ty, value) {
            (Type::Object(columns), Value::Object(members)) => {
                Value::Object(object(&path, columns, members, origin, today)?)
            }
            (Type::Text | Type::Secret, value @ Value::String(_)) => value,
            (Type::Date, value) => date(&path, value, today)?,
            (ty, value) => {
                let expected = match ty {
                    Type::Object(_) => "an object",
                    _ => "text",
                };
                return Err(wrong_type(&path, expected, &value));
            }
        };
        checked.insert(name, value);
    }
    Ok(checked)
}

/// Checks the last day on which something works.
fn date(path: &str, value: Value, today: NaiveDate) -> Result<Value, Error> {
    let text = value.as_str().unwrap_or_default();
    // The parser takes `2026-1-2` as well.
    let day = text.parse::<NaiveDate>().ok();
    let day = day.filter(|day| day.to_string() == text);
    // The older contract wrote the moment, as a copied spec does.
    let moment = || DateTime::parse_from_rfc3339(text).ok();
    let Some(day) = day.or_else(|| Some(moment()?.to_utc().date_naive())) else {
        return Err(not_a_date(path, &value));
    };
    match day < today {
        true => Err(Error::new(format!(
            "`{path}` is in the past: {day} is before today, {today} in UTC"
        ))
        .hint("name today or a later day, or leave it out for a key that does not expire")),
        false => Ok(Value::String(day.to_string())),
    }
}

/// The error for an invalid last day. A timestamp is valid only at midnight: any other time would be lost.
pub(crate) fn not_a_date(path: &str, value: &Value) -> Error {
    wrong_type(path, "a date", value).hint(
        "write it as 'YYYY-MM-DD', the last day in UTC on which the key works; CAST(… AS DATE) makes one of a timestamp",
    )
}

/// Returns the value at `path`, dotted, which begins with that of the body.
pub(crate) fn at<'s>(spec: &'s Spec, path: &str) -> Option<&'s Value> {
    let mut steps = path.split('.').skip(1);
    let first = spec.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step))
}

fn unknown(path: &str, columns: &'static [Column], name: &str) -> Error {
    let error = Error::new(format!("no field `{path}.{name}`"));
    let names: Vec<&str> = columns
        .iter()
        .filter(|column| column.access != Access::ReadOnly)
        .map(|column| column.json)
        .collect();
    let near = nearest(name, names.iter().copied()).map(|near| format!("{path}.{near}"));
    let all = format!("`{path}` may hold {}", names.join(", "));
    error.hint(meant(near, all))
}

fn wrong_type(path: &str, expected: &str, value: &Value) -> Error {
    let mut shown: String = value.to_string().chars().take(40).collect();
    if shown.len() < value.to_string().len() {
        shown.push('…');
    }
    let error = Error::new(format!("`{path}` is {expected}, not `{shown}`"));
    match value {
        Value::Number(_) | Value::Bool(_) if expected == "text" => {
            error.hint("put it in quotes, or convert it with CAST(… AS VARCHAR)")
        }
        _ => error,
    }
}

/// JSON without duplicate members. Readers differ in which of two they use, so what was checked might not be what the
/// service reads.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnambiguousVisitor).map(Self)
    }
}

struct UnambiguousVisitor;

impl<'de> Visitor<'de> for UnambiguousVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Unambiguous(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format!("`{name}` is a duplicate member")));
            }
            let Unambiguous(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::API_KEYS;
    use proptest::prelude::*;

    const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 9, 15).unwrap();

    fn create(json: &str, origin: Origin) -> String {
        match parse(json).and_then(|spec| for_create(&API_KEYS, spec, origin, TODAY)) {
            Ok(spec) => Value::Object(spec).to_string(),
            Err(error) => format!("{error} ({})", error.hint.clone().unwrap_or_default()),
        }
    }

    fn typed(json: &str) -> String {
        create(json, Origin::Typed)
    }

    #[test]
    fn a_spec_keeps_what_can_be_set() {
        assert_eq!(
            typed(
                r#"{"display_name":"a","description":"","owner":{"id":"sa-1","related":""},"resource":null,"secret":"","expires_at":null}"#
            ),
            r#"{"display_name":"a","description":"","owner":{"id":"sa-1"}}"#
        );
        assert_eq!(
            typed(
                r#"{"owner":{"id":"u-1"},"resource":{"id":"lkc-1","environment":"env-1"},"expires_at":"2026-09-15"}"#
            ),
            r#"{"owner":{"id":"u-1"},"resource":{"id":"lkc-1","environment":"env-1"},"expires_at":"2026-09-15"}"#
        );
    }

    #[test]
    fn what_the_service_would_refuse_is_refused_first() {
        insta::assert_snapshot!(typed("{}"), @"`spec.owner.id` is missing: every key has an owner (set it to the id of a service account (sa-…) or a user (u-…))");
        insta::assert_snapshot!(typed(r#"{"owner":{"id":""}}"#), @"`spec.owner.id` is missing: every key has an owner (set it to the id of a service account (sa-…) or a user (u-…))");
        insta::assert_snapshot!(typed(r#"{"owner":"sa-1"}"#), @r#"`spec.owner` is an object, not `"sa-1"` ()"#);
        insta::assert_snapshot!(typed(r#"{"owner":{"id":7}}"#), @"`spec.owner.id` is text, not `7` (put it in quotes, or convert it with CAST(… AS VARCHAR))");
        insta::assert_snapshot!(typed(r#"{"owner":{"id":"sa-1"},"secret":"mine"}"#), @"`spec.secret` is read-only: the service sets it (leave it out)");
        insta::assert_snapshot!(typed(r#"{"owner":{"id":"sa-1","resource_name":"crn"}}"#), @"`spec.owner.resource_name` is read-only: the service sets it (leave it out)");
        insta::assert_snapshot!(typed(r#"{"owner":{"id":"sa-1"},"desciption":"x"}"#), @"no field `spec.desciption` (did you mean `spec.description`?)");
        insta::assert_snapshot!(typed(r#"{"owner":{"id":"sa-1"},"resource":{"kind":"Cluster"}}"#), @"`spec.resource.id` has no value (name the resource (lkc-…, lsrc-…), or `cloud` for a Cloud API key; without spec.resource a key is a Cloud API key)");
        insta::assert_snapshot!(typed(r#"{"owner":{"id":"sa-1"},"resources":[]}"#), @"`spec.resources` is no longer a field: the service no longer has keys for several resources, and would create a Cloud API key instead (name one resource in spec.resource.id, and create a key for each)");
        insta::assert_snapshot!(typed(r#"{"owner":{"id":"sa-1"},"created_by":"u-1"}"#), @"`spec.created_by` is read-only: the service sets it (leave it out)");
        insta::assert_snapshot!(typed(r#"{"owner":{"id":"sa-1","environment":"env-1"}}"#), @"no field `spec.owner.environment` (`spec.owner` may hold id, api_version, kind)");
        for (moment, day) in [
            ("2026-09-15T00:00:00Z", "2026-09-15"),
            ("2028-10-05T23:59:59Z", "2028-10-05"),
            ("2028-10-05T23:59:59.999999-01:00", "2028-10-06"),
            ("2028-10-05t00:30:00+01:00", "2028-10-04"),
        ] {
            let spec = format!(r#"{{"owner":{{"id":"u-1"}},"expires_at":"{moment}"}}"#);
            assert_eq!(typed(&spec), spec.replace(moment, day));
        }
        for odd in [
            "2028-10-05T23:59:59",
            "2028-10-05 23:59",
            "2028-10-05T25:00:00Z",
            "2028-1-5T00:00:00Z",
        ] {
            let refused = typed(&format!(
                r#"{{"owner":{{"id":"u-1"}},"expires_at":"{odd}"}}"#
            ));
            assert!(
                refused.starts_with("`spec.expires_at` is a date, not"),
                "{refused}"
            );
        }
        insta::assert_snapshot!(typed(r#"{"owner":{"id":"sa-1"},"expires_at":"2026-09-14"}"#), @"`spec.expires_at` is in the past: 2026-09-14 is before today, 2026-09-15 in UTC (name today or a later day, or leave it out for a key that does not expire)");
        insta::assert_snapshot!(typed(r#"{"owner": sa-1}"#), @r#"`spec` is not JSON: expected value at line 1, column 11 of the text (write it as '{"display_name": "…", "owner": {"id": "sa-…"}}')"#);
        insta::assert_snapshot!(typed(r#"{"owner":{"id":"sa-1","id":"sa-2"}}"#), @r#"`spec` is not JSON: `id` is a duplicate member at line 1, column 26 of the text (write it as '{"display_name": "…", "owner": {"id": "sa-…"}}')"#);
        insta::assert_snapshot!(typed(r#"{"owner":{"id":"  "}}"#), @"`spec.owner.id` is missing: every key has an owner (set it to the id of a service account (sa-…) or a user (u-…))");
        insta::assert_snapshot!(typed("[1]"), @"`spec` is an object, not `[1]` ()");
    }

    #[test]
    fn a_copied_key_loses_its_links_but_never_a_secret_unnoticed() {
        assert_eq!(
            create(
                r#"{"owner":{"id":"sa-1","related":"https://x","resource_name":"crn"}}"#,
                Origin::Copied
            ),
            r#"{"owner":{"id":"sa-1"}}"#
        );
        assert!(
            create(r#"{"owner":{"id":"sa-1"},"secret":"s"}"#, Origin::Copied).contains("read-only")
        );
    }

    #[test]
    fn an_update_sets_texts_and_nothing_else() {
        let update = |json: &str| match parse(json).and_then(|spec| for_update(&API_KEYS, spec)) {
            Ok(spec) => Value::Object(spec).to_string(),
            Err(error) => format!("{error} ({})", error.hint.clone().unwrap_or_default()),
        };
        assert_eq!(update(r#"{"description":""}"#), r#"{"description":""}"#);
        insta::assert_snapshot!(update(r#"{"description":null}"#), @"`spec.description` cannot be NULL (the empty string '' clears it)");
        insta::assert_snapshot!(update(r#"{"owner":{"id":"sa-1"}}"#), @"`spec.owner` cannot be changed once the key exists (only spec.display_name and spec.description can; for anything else create a new key and delete this one)");
        insta::assert_snapshot!(update(r#"{"secret":"x"}"#), @"`spec.secret` is read-only: the service sets it (leave it out)");
        insta::assert_snapshot!(update(r#"{"display_name":3}"#), @"`spec.display_name` is text, not `3` (put it in quotes, or convert it with CAST(… AS VARCHAR))");
        insta::assert_snapshot!(update("{}"), @r#"`spec` sets nothing (give it display_name or description, such as '{"description": "…"}')"#);
    }

    #[test]
    fn paths_build_nested_objects() {
        let mut spec = Spec::new();
        let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        put(&mut spec, &path("spec.owner.id"), "sa-1".into());
        put(&mut spec, &path("spec.owner.kind"), "User".into());
        put(&mut spec, &path("spec.description"), "x".into());
        assert_eq!(
            Value::Object(spec).to_string(),
            r#"{"owner":{"id":"sa-1","kind":"User"},"description":"x"}"#
        );
    }

    proptest! {
        #[test]
        fn no_json_panics(text in r#"[\[\]{}":,a-z0-9 ]{0,40}"#) {
            if let Ok(spec) = parse(&text) {
                let _ = for_create(&API_KEYS, spec.clone(), Origin::Copied, TODAY);
                let _ = for_update(&API_KEYS, spec);
            }
        }
    }
}
