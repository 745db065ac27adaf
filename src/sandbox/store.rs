//! The keys of the simulated organization, as the text that a listing is made of.
//!
//! A key is kept as ready JSON, and the references that thousands of keys have in common are kept once; so a
//! million keys take about half a gigabyte, and a page is a concatenation. Nothing here knows requests or rules.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::PageOrder;

/// An owner or a resource as keys refer to it.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) id: String,
    /// The id of the environment, where the service gives it as a member of its own.
    pub(super) environment: Option<String>,
    /// The object as the service writes it.
    pub(super) json: String,
}

impl Reference {
    /// Reads the reference out of `value`, if there is an object with an id.
    fn of(value: Option<&Value>) -> Option<Arc<Self>> {
        let value = value?;
        Some(Arc::new(Self {
            id: value.get("id")?.as_str()?.to_owned(),
            environment: value
                .get("environment")
                .and_then(Value::as_str)
                .map(str::to_owned),
            json: String::new(),
        }))
    }

    /// Tells if the filter `spec.resource=wanted` finds this resource.
    ///
    /// The case does not matter. A Flink region is found by `aws.us-east-1` and by `env-abc123.aws.us-east-1`,
    /// whichever way it is written here.
    pub(super) fn is_resource(&self, wanted: &str) -> bool {
        if self.id.eq_ignore_ascii_case(wanted) {
            return true;
        }
        match (wanted.split_once('.'), self.id.split_once('.')) {
            (Some((environment, region)), _) if self.environment.is_some() => {
                self.id.eq_ignore_ascii_case(region)
                    && self
                        .environment
                        .as_deref()
                        .is_some_and(|own| own.eq_ignore_ascii_case(environment))
            }
            (_, Some((environment, region))) => {
                environment.starts_with("env-") && region.eq_ignore_ascii_case(wanted)
            }
            _ => false,
        }
    }
}

/// One API key.
#[derive(Debug)]
pub(super) struct Key {
    /// The object, or for a key with `shared` references the part of it before `spec.owner`.
    text: Box<str>,
    owner: Option<Arc<Reference>>,
    /// `spec.resource` and the elements of `spec.resources`: the filter finds a key by any of them.
    resources: Box<[Arc<Reference>]>,
    /// The last day on which the key works, if there is one.
    last_day: Option<NaiveDate>,
    shared: bool,
}

impl Key {
    /// Makes a key whose object begins with `head`, and ends with `owner` and `resource`.
    pub(super) fn shared(
        head: String,
        owner: Arc<Reference>,
        resource: Arc<Reference>,
        last_day: Option<NaiveDate>,
    ) -> Self {
        Self {
            text: head.into_boxed_str(),
            owner: Some(owner),
            resources: Box::new([resource]),
            last_day,
            shared: true,
        }
    }

    /// Keeps `object` as it is, however odd.
    pub(super) fn whole(object: &Value) -> Self {
        let spec = object.get("spec");
        let member = |name| spec.and_then(|spec| spec.get(name));
        let several = member("resources").and_then(Value::as_array);
        // The first of several usually stands in `resource`, too, but nothing says that it must.
        let resources = member("resource")
            .into_iter()
            .chain(several.into_iter().flatten())
            .filter_map(|resource| Reference::of(Some(resource)))
            .collect();
        Self {
            text: object.to_string().into_boxed_str(),
            owner: Reference::of(member("owner")),
            resources,
            last_day: member("expires_at").and_then(last_day),
            shared: false,
        }
    }

    /// Appends the object to `out`.
    pub(super) fn write(&self, out: &mut String) {
        out.push_str(&self.text);
        if let (true, Some(owner), [resource]) = (self.shared, &self.owner, &*self.resources) {
            for piece in [
                "\"owner\":",
                &owner.json,
                ",\"resource\":",
                &resource.json,
                "}}",
            ] {
                out.push_str(piece);
            }
        }
    }

    /// Returns what it is for.
    pub(super) fn resources(&self) -> &[Arc<Reference>] {
        &self.resources
    }

    /// Returns the object.
    pub(super) fn value(&self) -> Value {
        let mut text = String::new();
        self.write(&mut text);
        // The text was written by serde_json, or by the organization out of pieces that were.
        serde_json::from_str(&text).unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.text.len() + size_of_val(&*self.resources)
    }
}

/// Returns the UTC date of `expires_at`, which is a date or, in the older contract, a time.
fn last_day(expires_at: &Value) -> Option<NaiveDate> {
    let text = expires_at.as_str()?;
    let time = || DateTime::parse_from_rfc3339(text).ok();
    text.parse()
        .ok()
        .or_else(|| Some(time()?.to_utc().date_naive()))
}

/// Which keys a listing is about. An empty member filters nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Filter {
    pub(super) owner: String,
    pub(super) resource: String,
    /// Only keys that work on this day. It stays the day on which the listing began, so that no page contradicts
    /// another.
    pub(super) valid_on: Option<NaiveDate>,
}

impl Filter {
    pub(super) fn is_empty(&self) -> bool {
        self.owner.is_empty() && self.resource.is_empty() && self.valid_on.is_none()
    }

    fn admits(&self, key: &Key) -> bool {
        let is_over = |day| key.last_day.is_some_and(|last| last < day);
        (self.owner.is_empty() || key.owner.as_ref().is_some_and(|own| own.id == self.owner))
            && (self.resource.is_empty()
                || key
                    .resources
                    .iter()
                    .any(|resource| resource.is_resource(&self.resource)))
            && !self.valid_on.is_some_and(is_over)
    }
}

/// All keys, by id.
#[derive(Debug, Default)]
pub(super) struct Store(BTreeMap<Box<str>, Key>);

impl Store {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Key> {
        self.0.get(id)
    }

    pub(super) fn put(&mut self, id: &str, key: Key) {
        self.0.insert(id.into(), key);
    }

    /// Removes a key. Returns true if it existed.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        self.0.remove(id).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.values()
    }

    /// Counts the keys that `filter` admits.
    pub(super) fn count(&self, filter: &Filter) -> usize {
        if filter.is_empty() {
            return self.len();
        }
        self.iter().filter(|key| filter.admits(key)).count()
    }

    /// Returns up to `limit` keys with their ids: those that follow the id `after`, or the first if that is empty.
    pub(super) fn page(
        &self,
        filter: &Filter,
        order: PageOrder,
        after: &str,
        limit: usize,
    ) -> Vec<(&str, &Key)> {
        let rows: &mut dyn Iterator<Item = (&Box<str>, &Key)> = match (order, after) {
            (PageOrder::Ascending, "") => &mut self.0.iter(),
            (PageOrder::Descending, "") => &mut self.0.iter().rev(),
            (PageOrder::Ascending, after) => &mut self
                .0
                .range::<str, _>((Bound::Excluded(after), Bound::Unbounded)),
            (PageOrder::Descending, after) => &mut self
                .0
                .range::<str, _>((Bound::Unbounded, Bound::Excluded(after)))
                .rev(),
        };
        rows.filter(|(_, key)| filter.admits(key))
            .take(limit)
            .map(|(id, key)| (&**id, key))
            .collect()
    }
}

impl FromIterator<(String, Key)> for Store {
    fn from_iter<T: IntoIterator<Item = (String, Key)>>(keys: T) -> Self {
        Self(
            keys.into_iter()
                .map(|(id, key)| (id.into_boxed_str(), key))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn region(id: &str, environment: Option<&str>) -> Reference {
        Reference {
            id: id.to_owned(),
            environment: environment.map(str::to_owned),
            json: String::new(),
        }
    }

    #[test]
    fn flink_regions_are_found_in_both_spellings() {
        let new = region("aws.us-east-1", Some("env-abc123"));
        let old = region("env-abc123.aws.us-east-1", None);
        for flink in [new, old] {
            assert!(flink.is_resource("aws.us-east-1"));
            assert!(flink.is_resource("AWS.us-east-1"));
            assert!(flink.is_resource("env-abc123.aws.us-east-1"));
            assert!(!flink.is_resource("env-other1.aws.us-east-1"));
            assert!(!flink.is_resource("us-east-1"));
        }
        assert!(region("cloud", None).is_resource("CLOUD"));
    }

    #[test]
    fn any_of_several_resources_is_found() {
        let key = Key::whole(&json!({"spec": {
            "resource": {"id": "lkc-1"}, "resources": [{"id": "lkc-1"}, {"id": "lkc-2"}, null, {}]
        }}));
        let by = |resource: &str| Filter {
            resource: resource.to_owned(),
            ..Filter::default()
        };
        assert!(by("lkc-1").admits(&key) && by("lkc-2").admits(&key) && !by("lkc-3").admits(&key));
        let apart = Key::whole(&json!({"spec": {
            "resource": {"id": "lkc-1"}, "resources": [{"id": "lkc-2"}]
        }}));
        assert!(by("lkc-1").admits(&apart) && by("lkc-2").admits(&apart));
    }

    #[test]
    fn a_key_works_through_its_last_day_in_utc() {
        let day = |text: &str| text.parse::<NaiveDate>().expect(text);
        for (expires_at, last) in [
            ("2026-07-01", "2026-07-01"),
            ("2026-07-01T23:59:59Z", "2026-07-01"),
            ("2026-07-01T23:59:59-01:00", "2026-07-02"),
        ] {
            let key = Key::whole(&json!({"spec": { "expires_at": expires_at }}));
            let works_on = |day| {
                let filter = Filter {
                    valid_on: Some(day),
                    ..Filter::default()
                };
                filter.admits(&key)
            };
            assert!(works_on(day(last)), "{expires_at}");
            assert!(!works_on(day(last).succ_opt().unwrap()), "{expires_at}");
            assert!(Filter::default().admits(&key), "{expires_at}");
        }
        for odd in [json!(null), json!("soon"), json!(7)] {
            assert_eq!(
                Key::whole(&json!({"spec": { "expires_at": odd }})).last_day,
                None
            );
        }
    }

    #[test]
    fn odd_objects_are_kept_word_for_word() {
        for odd in [
            json!({}),
            json!({"spec": null}),
            json!({"spec": {"owner": "x", "resources": 3}}),
        ] {
            assert_eq!(Key::whole(&odd).value(), odd);
        }
    }

    #[test]
    fn pages_go_both_ways() {
        let store: Store = ["A", "B", "C"]
            .into_iter()
            .map(|id| (id.to_owned(), Key::whole(&json!({ "id": id }))))
            .collect();
        let ids = |order, after| -> Vec<&str> {
            let page = store.page(&Filter::default(), order, after, 2);
            page.into_iter().map(|(id, _)| id).collect()
        };
        assert_eq!(ids(PageOrder::Ascending, ""), ["A", "B"]);
        assert_eq!(ids(PageOrder::Ascending, "B"), ["C"]);
        assert_eq!(ids(PageOrder::Descending, ""), ["C", "B"]);
        assert_eq!(ids(PageOrder::Descending, "B"), ["A"]);
        assert!(ids(PageOrder::Ascending, "C").is_empty());
    }
}
