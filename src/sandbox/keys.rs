//! The keys that the invented organization has.
//!
//! They are spread so that questions have answers: a few owners hold most of them, many are older than a year, some
//! owners have several for one resource, some have expired or soon will, and names come quoted, empty, absent, null and
//! in several scripts. An everyday key is written as text at once, because there may be a million of them.
//!
//! The draws are the same for every contract, so that the same seed gives the same keys: the older contract writes the
//! last day of a key as the last second of it, and knows no creators.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc};
use serde_json::{Value, json};

use super::config::{Contract, SandboxConfig, SecretInReads};
use super::names::{DESCRIPTIONS, ODD_NAMES, PURPOSES, SYSTEMS};
use super::organization::{
    CLOUD, CRN_BASE, FLINK, GLOBAL, KAFKA, KSQLDB, Organization, Owner, PUBLIC_BASE,
    SCHEMA_REGISTRY, TABLEFLOW, parsed,
};
use super::random::Random;
use super::store::{Key, Reference, Store};

/// What a position in the organization holds when it is not an everyday key.
#[derive(Clone, Copy)]
enum Special {
    OddName(usize),
    SeveralClusters,
    Ancient,
    Expiring,
    Ownerless,
}

const SPECIALS: [Special; 15] = [
    Special::OddName(0),
    Special::SeveralClusters,
    Special::OddName(1),
    Special::Ancient,
    Special::OddName(2),
    Special::Expiring,
    Special::OddName(3),
    Special::SeveralClusters,
    Special::OddName(4),
    Special::Ownerless,
    Special::OddName(5),
    Special::Ancient,
    Special::OddName(6),
    Special::SeveralClusters,
    Special::OddName(7),
];

/// Of a hundred keys, how many are for each kind of resource.
const SHARES: [(usize, u64); 7] = [
    (KAFKA, 48),
    (SCHEMA_REGISTRY, 15),
    (KSQLDB, 6),
    (FLINK, 9),
    (CLOUD, 13),
    (GLOBAL, 6),
    (TABLEFLOW, 3),
];

const START_OF_2019: DateTime<Utc> = match DateTime::from_timestamp(1_546_300_800, 0) {
    Some(start) => start,
    None => DateTime::UNIX_EPOCH,
};

/// For every so many keys, one expires on each of [`last_days`].
const KEYS_PER_EXPIRY: usize = 250;

/// Returns the last days that some keys get: last year, yesterday, `today`, tomorrow, and just before and after a month
/// from now.
fn last_days(today: NaiveDate) -> [NaiveDate; 6] {
    let from_today = |days| today + TimeDelta::days(days);
    let last_year = NaiveDate::from_ymd_opt(today.year() - 1, 6, 30);
    [
        last_year.unwrap_or(NaiveDate::MIN),
        from_today(-1),
        today,
        from_today(1),
        from_today(29),
        from_today(31),
    ]
}

/// Invents the keys of `organization`: `config.keys` of them, the one that opens the sandbox included.
pub(super) fn invent(
    organization: &Organization,
    config: &SandboxConfig,
    draw: &mut Random,
) -> Store {
    let mut inventor = Inventor {
        organization,
        config,
        draw,
        expiries: VecDeque::new(),
    };
    let total = config.keys;
    let mut specials = BTreeMap::new();
    if total >= 4 * SPECIALS.len() {
        for (number, &special) in SPECIALS.iter().enumerate() {
            specials.insert(total * (2 * number + 1) / (2 * SPECIALS.len()), special);
        }
        let days = last_days(config.now.date_naive());
        let count = days.len() * (total / KEYS_PER_EXPIRY).max(1);
        let places = (1..=count).map(|number| total * number / (count + 1));
        inventor.expiries = places.zip(days.into_iter().cycle()).collect();
    }
    let mut store: Store = (0..total.saturating_sub(1))
        .map(|place| {
            let id = inventor.draw.key_id_in(place, total);
            let key = match specials.get(&place) {
                Some(&special) => inventor.special(&id, special),
                None => inventor.everyday(place, &id),
            };
            (id, key)
        })
        .collect();
    if total > 0 {
        let id = &config.credentials.0;
        store.put(id, inventor.session_key(id));
    }
    store
}

struct Inventor<'a> {
    organization: &'a Organization,
    config: &'a SandboxConfig,
    draw: &'a mut Random,
    /// From which place on an everyday key gets which last day.
    expiries: VecDeque<(usize, NaiveDate)>,
}

impl Inventor<'_> {
    fn everyday(&mut self, place: usize, id: &str) -> Key {
        let organization = self.organization;
        let number = self.draw.skewed(organization.owners.len());
        let owner = &organization.owners[number];
        let resource = self.resource_for(number);
        let (created, updated) = self.dates();
        let mut head = String::with_capacity(480);
        let _ = write!(
            head,
            "{{\"api_version\":\"iam/v2\",\"kind\":\"ApiKey\",\"id\":\"{id}\",\"metadata\":{{\
             \"self\":\"{PUBLIC_BASE}/iam/v2/api-keys/{id}\",\
             \"resource_name\":\"{CRN_BASE}{}/{}/api-key={id}\",\
             \"created_at\":\"",
            organization.id, owner.crn,
        );
        write_timestamp(&mut head, created);
        head.push_str("\",\"updated_at\":\"");
        write_timestamp(&mut head, updated);
        head.push_str("\"},\"spec\":{");
        if self.config.secret_in_reads == SecretInReads::Empty {
            head.push_str("\"secret\":\"\",");
        }
        // None of these names needs escaping.
        let _ = match self.draw.below(100) {
            0..72 => {
                let (purpose, system) = (self.draw.pick(&PURPOSES), self.draw.pick(&SYSTEMS));
                write!(head, "\"display_name\":\"{purpose} {system}\",")
            }
            72..80 => write!(head, "\"display_name\":\"\","),
            80..86 => write!(head, "\"display_name\":null,"),
            _ => Ok(()),
        };
        let _ = match self.draw.below(100) {
            0..60 => {
                let description = self.draw.pick(&DESCRIPTIONS);
                write!(head, "\"description\":\"{description}\",")
            }
            60..80 => write!(head, "\"description\":\"\","),
            80..86 => write!(head, "\"description\":null,"),
            _ => Ok(()),
        };
        let last_day = self.last_day(place, created);
        if let Some(day) = last_day {
            let _ = write!(head, "\"expires_at\":\"{}\",", self.expiry(day));
        }
        if let Some(creator) = self.creator(id, owner) {
            let _ = write!(head, "\"created_by\":\"{creator}\",");
        }
        Key::shared(head, Arc::clone(&owner.reference), resource, last_day)
    }

    /// Takes the next last day, if its place is reached and not before the key was created. Nothing is drawn for it, so
    /// that the other keys stay as they are.
    fn last_day(&mut self, place: usize, created: DateTime<Utc>) -> Option<NaiveDate> {
        let &(from, day) = self.expiries.front()?;
        if place < from || day < created.date_naive() {
            return None;
        }
        self.expiries.pop_front();
        Some(day)
    }

    /// Returns `spec.expires_at` of a key that works through `day`.
    fn expiry(&self, day: NaiveDate) -> String {
        match self.config.contract {
            Contract::V04 => format!("{day}T23:59:59Z"),
            Contract::V05 => day.to_string(),
        }
    }

    /// Returns who created the key `id`, where the contract tells it: people their own, and somebody those of service
    /// accounts. Nothing is drawn for it either.
    fn creator<'o>(&'o self, id: &str, owner: &'o Owner) -> Option<&'o str> {
        if self.config.contract == Contract::V04 {
            return None;
        }
        let people: Vec<_> = self.organization.people().collect();
        let number = crc32fast::hash(id.as_bytes()) as usize;
        let person = match owner.is_person() {
            true => owner,
            false => *people.get(number % people.len().max(1))?,
        };
        Some(&person.reference.id)
    }

    /// Draws a resource. An owner mostly keeps to a few, so that several keys for the same one occur.
    fn resource_for(&mut self, owner: usize) -> Arc<Reference> {
        let mut lot = self.draw.below(100);
        let mut kind = KAFKA;
        for (candidate, share) in SHARES {
            if lot < share {
                kind = candidate;
                break;
            }
            lot -= share;
        }
        let of_kind = &self.organization.resources[kind];
        let place = if self.draw.chance(80) {
            (owner + self.draw.skewed(3)) % of_kind.len()
        } else {
            self.draw.index(of_kind.len())
        };
        Arc::clone(&of_kind[place])
    }

    fn special(&mut self, id: &str, special: Special) -> Key {
        let organization = self.organization;
        let owner = &organization.owners[self.draw.skewed(organization.owners.len())];
        let (mut created, mut updated) = self.dates();
        let mut spec = self.spec();
        let mut names = (self.draw.pick(&PURPOSES), self.draw.pick(&DESCRIPTIONS));
        let mut metadata = organization.metadata(id, &owner.reference.id);
        let kafka = &organization.resources[KAFKA];
        let first = self.draw.index(kafka.len());
        let mut resources = vec![&kafka[first]];
        let mut owned = true;
        match special {
            Special::OddName(number) => names = ODD_NAMES[number],
            Special::SeveralClusters => {
                resources.extend((1..3).map(|step| &kafka[(first + step) % kafka.len()]));
            }
            Special::Ancient => {
                let day = 20 + self.draw.below(300) as i64;
                created = START_OF_2019 + TimeDelta::days(day) + TimeDelta::seconds(39_600);
                updated = created;
                resources = vec![&organization.resources[CLOUD][0]];
                metadata["self"] = json!(format!("http://api.confluent.cloud/v2/api-keys/{id}"));
            }
            Special::Expiring => {
                let end = created + TimeDelta::days(4 * 365);
                spec["expires_at"] = match self.config.contract {
                    Contract::V04 => json!(timestamp(end)),
                    Contract::V05 => json!(end.date_naive().to_string()),
                };
            }
            Special::Ownerless => {
                owned = false;
                names = ("", "health check");
                metadata = organization.metadata(id, "");
            }
        }
        metadata["created_at"] = json!(timestamp(created));
        metadata["updated_at"] = json!(timestamp(updated));
        spec["display_name"] = json!(names.0);
        spec["description"] = json!(names.1);
        if owned {
            spec["owner"] = parsed(&owner.reference);
            if let Some(creator) = self.creator(id, owner) {
                spec["created_by"] = json!(creator);
            }
        }
        spec["resource"] = parsed(resources[0]);
        if resources.len() > 1 && self.config.contract == Contract::V04 {
            spec["resources"] = resources
                .into_iter()
                .map(|resource| parsed(resource))
                .collect();
        }
        Key::whole(&object(id, metadata, spec))
    }

    /// Returns a spec with nothing in it but what reads say of the secret.
    fn spec(&self) -> Value {
        match self.config.secret_in_reads {
            SecretInReads::Absent => json!({}),
            SecretInReads::Empty => json!({ "secret": "" }),
        }
    }

    /// Draws when a key was created, within three years before `now`, and when it was last changed.
    fn dates(&mut self) -> (DateTime<Utc>, DateTime<Utc>) {
        const THREE_YEARS: u64 = 3 * 365 * 24 * 3600 * 1_000_000;
        let mut age = self.draw.below(THREE_YEARS);
        if self.draw.chance(10) {
            age -= age % 1000;
        }
        let created = self.config.now - TimeDelta::microseconds(age as i64);
        let updated = if self.draw.chance(25) {
            created + TimeDelta::microseconds(self.draw.below(age + 1) as i64)
        } else {
            created
        };
        (created, updated)
    }

    /// The key that the sandbox is opened with: a Cloud key of the first person.
    fn session_key(&self, id: &str) -> Key {
        let organization = self.organization;
        let person = organization.person();
        let made = timestamp(self.config.now - TimeDelta::days(90));
        let mut metadata = organization.metadata(id, &person.reference.id);
        metadata["created_at"] = json!(made);
        metadata["updated_at"] = json!(made);
        let mut spec = self.spec();
        spec["display_name"] = json!("sandbox session");
        spec["description"] = json!("the key that this session authenticates with");
        spec["owner"] = parsed(&person.reference);
        spec["resource"] = parsed(&organization.resources[CLOUD][0]);
        if let Some(creator) = self.creator(id, person) {
            spec["created_by"] = json!(creator);
        }
        Key::whole(&object(id, metadata, spec))
    }
}

/// Puts the object of an API key together.
pub(super) fn object(id: &str, metadata: Value, spec: Value) -> Value {
    json!({
        "api_version": "iam/v2",
        "kind": "ApiKey",
        "id": id,
        "metadata": metadata,
        "spec": spec,
    })
}

/// Formats a time as the service does: UTC, microseconds, trailing zeros dropped.
pub(super) fn timestamp(time: DateTime<Utc>) -> String {
    let mut out = String::with_capacity(27);
    write_timestamp(&mut out, time);
    out
}

fn write_timestamp(out: &mut String, time: DateTime<Utc>) {
    // By hand, for this is most of the work of inventing a key.
    let _ = write!(
        out,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
    );
    let micros = time.nanosecond() / 1000 % 1_000_000;
    if micros != 0 {
        let _ = write!(out, ".{micros:06}");
        out.truncate(out.trim_end_matches('0').len());
    }
    out.push('Z');
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn invented(config: &SandboxConfig) -> Vec<Value> {
        let mut draw = Random::new(config.seed);
        let organization = Organization::invent(&mut draw);
        let store = super::invent(&organization, config, &mut draw);
        store.iter().map(Key::value).collect()
    }

    fn text<'a>(key: &'a Value, pointer: &str) -> &'a str {
        key.pointer(pointer).and_then(Value::as_str).unwrap_or("")
    }

    #[test]
    fn the_same_seed_and_time_make_the_same_organization() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let config = SandboxConfig::default().with_now(now);
        assert_eq!(invented(&config), invented(&config));
        assert_ne!(
            invented(&config),
            invented(&config.clone().with(|config| config.seed = 2))
        );
    }

    #[test]
    fn there_are_as_many_keys_as_asked_for_and_the_session_s_is_one_of_them() {
        for count in [0, 1, 2, 59, 60, 250, 3000] {
            let keys = invented(&SandboxConfig::default().with_keys(count));
            assert_eq!(keys.len(), count);
            let session = keys
                .iter()
                .filter(|key| text(key, "/id") == "SANDBOXDEMOKEY22");
            assert_eq!(session.count(), count.min(1));
            assert!(keys.is_sorted_by_key(|key| text(key, "/id").to_owned()));
        }
    }

    #[test]
    fn the_default_organization_has_something_for_every_question() {
        let config = SandboxConfig::default();
        let keys = invented(&config);
        let having = |pointer: &str, value: &Value| {
            keys.iter()
                .filter(|key| key.pointer(pointer) == Some(value))
                .count()
        };
        let missing = |pointer: &str| {
            keys.iter()
                .filter(|key| key.pointer(pointer).is_none())
                .count()
        };

        let kinds: BTreeSet<_> = keys
            .iter()
            .map(|key| text(key, "/spec/resource/kind"))
            .collect();
        let expected = [
            "Cloud",
            "Cluster",
            "Global",
            "Region",
            "SchemaRegistry",
            "Tableflow",
            "ksqlDB",
        ];
        assert_eq!(kinds, BTreeSet::from(expected));
        for member in ["/spec/display_name", "/spec/description"] {
            assert!(having(member, &json!("")) > 5, "{member}");
            assert!(having(member, &Value::Null) > 2, "{member}");
            assert!(missing(member) > 5, "{member}");
        }
        assert_eq!(missing("/spec/owner"), 1);
        assert_eq!(missing("/spec/expires_at"), keys.len() - 7);
        let old = |before: &str| {
            keys.iter()
                .filter(|key| text(key, "/metadata/created_at") < before)
                .count()
        };
        assert_eq!(old("2020"), 2);
        let last_year = timestamp(config.now - TimeDelta::days(365));
        assert!((100..230).contains(&old(&last_year)));
        let flink_ids: BTreeSet<_> = keys
            .iter()
            .filter(|key| text(key, "/spec/resource/kind") == "Region")
            .map(|key| text(key, "/spec/resource/id").starts_with("env-"))
            .collect();
        assert_eq!(flink_ids.len(), 2, "both spellings of Flink regions");

        let mut by_owner = BTreeMap::<_, usize>::new();
        let mut by_pair = BTreeMap::<_, usize>::new();
        for key in &keys {
            let (owner, resource) = (text(key, "/spec/owner/id"), text(key, "/spec/resource/id"));
            *by_owner.entry(owner).or_default() += 1;
            *by_pair.entry((owner, resource)).or_default() += 1;
        }
        assert!(by_owner.len() > 20 && by_owner.values().any(|&count| count > 20));
        assert!(by_pair.values().filter(|&&count| count > 2).count() > 5);
        let all = Value::from(keys).to_string();
        assert!(all.contains("日本語") && all.contains("e\u{301}") && all.contains("\\n"));
        assert!(
            !all.contains("\\u00"),
            "no control characters but line feeds"
        );
    }

    #[test]
    fn contracts_write_the_same_keys_in_their_own_way() {
        let config = SandboxConfig::default().with_keys(1000);
        let old = invented(&config.clone().with_contract(Contract::V04));
        let new = invented(&config.clone().with_contract(Contract::V05));
        let count = |keys: &[Value], pointer: &str| {
            keys.iter()
                .filter(|key| key.pointer(pointer).is_some())
                .count()
        };
        for (member, before, after) in [
            ("/spec/resources", 3, 0),
            ("/spec/created_by", 0, 999),
            ("/spec/expires_at", 25, 25),
        ] {
            assert_eq!(
                (count(&old, member), count(&new, member)),
                (before, after),
                "{member}"
            );
        }
        let alike = |key: &Value| {
            let mut key = key.clone();
            if let Some(spec) = key["spec"].as_object_mut() {
                spec.shift_remove("resources");
                spec.shift_remove("created_by");
                if let Some(time) = spec.get("expires_at").and_then(Value::as_str) {
                    let day = json!(time[..10]);
                    spec["expires_at"] = day;
                }
            }
            key
        };
        for (old, new) in old.iter().zip(&new) {
            assert_eq!(alike(old), alike(new));
        }
    }

    #[test]
    fn keys_expire_around_the_time_that_the_sandbox_is_seen_at() {
        let noon = DateTime::from_timestamp(1_782_907_200, 0).expect("2026-07-01T12:00:00Z");
        let config = SandboxConfig::default()
            .with_contract(Contract::V05)
            .with_now(noon);
        let keys = invented(&config);
        let mut days = Vec::new();
        for key in &keys {
            let day = text(key, "/spec/expires_at");
            if !day.is_empty() {
                assert!(&text(key, "/metadata/created_at")[..10] <= day, "{key}");
                days.push(day);
            }
        }
        days.sort_unstable();
        assert_eq!(
            days[..6],
            [
                "2025-06-30",
                "2026-06-30",
                "2026-07-01",
                "2026-07-02",
                "2026-07-30",
                "2026-08-01"
            ]
        );
        let creators: BTreeSet<_> = keys
            .iter()
            .map(|key| text(key, "/spec/created_by"))
            .collect();
        assert!(
            creators.len() > 10
                && creators
                    .iter()
                    .all(|id| id.starts_with("u-") || id.is_empty())
        );
    }

    #[test]
    fn reads_can_leave_the_secret_out() {
        let config = SandboxConfig::default();
        let secrets = |config: &SandboxConfig| -> BTreeSet<String> {
            let keys = invented(config);
            keys.iter()
                .map(|key| format!("{:?}", key.pointer("/spec/secret")))
                .collect()
        };
        assert_eq!(
            secrets(&config),
            BTreeSet::from(["Some(String(\"\"))".to_owned()])
        );
        let absent = config.with(|config| config.secret_in_reads = SecretInReads::Absent);
        assert_eq!(secrets(&absent), BTreeSet::from(["None".to_owned()]));
    }

    #[test]
    fn a_key_takes_less_than_a_kilobyte() {
        let config = SandboxConfig::default().with_keys(2000);
        let mut draw = Random::new(1);
        let organization = Organization::invent(&mut draw);
        let store = super::invent(&organization, &config, &mut draw);
        let bytes: usize = store.iter().map(Key::bytes).sum();
        assert!(bytes < 2000 * 600, "{} bytes a key", bytes / 2000);
    }

    #[test]
    fn timestamps_drop_trailing_zeros() {
        let at = |nanos| DateTime::from_timestamp(1_639_141_986, nanos).map(timestamp);
        assert_eq!(
            at(811_920_000).as_deref(),
            Some("2021-12-10T13:13:06.81192Z")
        );
        assert_eq!(at(0).as_deref(), Some("2021-12-10T13:13:06Z"));
        assert_eq!(at(999).as_deref(), Some("2021-12-10T13:13:06Z"));
    }
}
