//! What the collections are made from: the organization, its keys and the seed.
//!
//! Nothing is drawn from the organization's generator: everything follows from the id of an object and the seed, so the
//! keys stay as they are.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::super::config::SandboxConfig;
use super::super::keys::timestamp;
use super::super::organization::{KAFKA, Organization, Owner, PUBLIC_BASE};
use super::super::random::Random;
use super::super::store::Store;

/// What objects are made from.
pub(in super::super) struct Inputs<'a> {
    pub(in super::super) organization: &'a Organization,
    pub(in super::super) store: &'a Store,
    pub(in super::super) config: &'a SandboxConfig,
    /// The Kafka cluster that most keys were for at the start, and how many they were.
    pub(in super::super) busiest: Option<&'a (String, usize)>,
    /// Collections put in by hand, by their paths.
    pub(in super::super) given: &'a HashMap<String, Vec<Value>>,
}

impl Inputs<'_> {
    /// Returns a generator that depends on `id` and the seed alone.
    pub(super) fn draw(&self, id: &str) -> Random {
        Random::new(self.config.seed ^ u64::from(crc32fast::hash(id.as_bytes())) << 20)
    }

    /// Returns a time from three to five years ago, so before most keys.
    fn past(&self, draw: &mut Random) -> DateTime<Utc> {
        const YEAR: u64 = 365 * 24 * 3600 * 1_000_000;
        let age = 3 * YEAR + draw.below(2 * YEAR);
        self.config.now - TimeDelta::microseconds(age as i64)
    }

    /// Returns `metadata` of the object `id` below `path`.
    pub(super) fn metadata(&self, path: &str, id: &str, crn: &str) -> Value {
        let mut draw = self.draw(id);
        let created = self.past(&mut draw);
        let updated = created + TimeDelta::days(draw.below(900) as i64);
        json!({
            "self": format!("{PUBLIC_BASE}{path}/{id}"),
            "resource_name": crn,
            "created_at": timestamp(created),
            "updated_at": timestamp(updated),
        })
    }

    /// Returns what refers to an environment.
    pub(super) fn environment(&self, id: &str) -> Value {
        json!({
            "id": id,
            "related": format!("{PUBLIC_BASE}/org/v2/environments/{id}"),
            "resource_name": format!("{}/environment={id}", crn(self.organization)),
            "api_version": "org/v2",
            "kind": "Environment",
        })
    }

    /// Returns id and environment of the clusters of a kind that are still there.
    pub(super) fn clusters(&self, kind: usize) -> impl Iterator<Item = (&str, &str)> {
        let organization = self.organization;
        let gone = deleted_cluster(organization);
        let of_kind = organization.clusters.iter();
        of_kind
            .filter(move |(own, id, _)| *own == kind && Some(id.as_str()) != gone)
            .map(|(_, id, place)| (id.as_str(), organization.environments[*place].as_str()))
    }

    /// Returns how many keys there are for each resource.
    pub(super) fn keys_by_resource(&self) -> HashMap<&str, usize> {
        let mut counts = HashMap::new();
        for resources in self.store.iter().map(|key| key.resources()) {
            for (place, resource) in resources.iter().enumerate() {
                // The first of several is named twice.
                if !resources[..place].iter().any(|own| own.id == resource.id) {
                    *counts.entry(resource.id.as_str()).or_default() += 1;
                }
            }
        }
        counts
    }
}

/// Returns the resource name of the organization as other groups than the keys' write it.
pub(super) fn crn(organization: &Organization) -> String {
    format!("crn://confluent.cloud/organization={}", organization.id)
}

/// Returns the owners that still exist. One person has left, and one service account is hidden, as the service hides
/// its own; both still have keys.
pub(super) fn present(organization: &Organization) -> impl Iterator<Item = &Owner> {
    let (mut people, mut accounts) = (0, 0);
    organization.owners.iter().filter(move |owner| {
        let (count, gone) = match owner.is_person() {
            true => (&mut people, 4),
            false => (&mut accounts, 5),
        };
        *count += 1;
        *count != gone
    })
}

/// Returns the Kafka cluster that was deleted, although keys for it are left.
pub(in super::super) fn deleted_cluster(organization: &Organization) -> Option<&str> {
    let mut kafka = organization
        .clusters
        .iter()
        .filter(|(kind, _, _)| *kind == KAFKA);
    kafka.nth(1).map(|(_, id, _)| id.as_str())
}

/// Returns the text at `pointer`, or an empty one.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// Returns the Kafka cluster that most keys are for, and how many they are.
pub(in super::super) fn busiest(
    organization: &Organization,
    store: &Store,
    config: &SandboxConfig,
) -> Option<(String, usize)> {
    let inputs = Inputs {
        organization,
        store,
        config,
        busiest: None,
        given: &HashMap::new(),
    };
    let used = inputs.keys_by_resource();
    let count = |id: &str| used.get(id).copied().unwrap_or(0);
    let clusters = inputs
        .clusters(KAFKA)
        .map(|(id, _)| (id.to_owned(), count(id)));
    clusters.max_by_key(|(_, count)| *count)
}
