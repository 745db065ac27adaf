//! A plausible organization generated from a seed: people, service accounts, and the resources that keys are for.
//!
//! Shapes follow the published description and recorded answers of the service. The keys themselves are invented
//! in the module beside this one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::random::Random;
use super::store::Reference;

/// Base of the links that the service writes, whatever host it is reached by.
pub(super) const PUBLIC_BASE: &str = "https://api.confluent.cloud";

/// What resource names begin with; the organization's id follows.
pub(super) const CRN_BASE: &str = "crn://api.confluent.cloud/organization=";

const SERVICE_ACCOUNTS: usize = 26;
const ENVIRONMENTS: usize = 5;

/// An owner, and the part of a resource name that speaks of it.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) reference: Arc<Reference>,
    pub(super) crn: String,
}

impl Owner {
    pub(super) fn is_person(&self) -> bool {
        self.crn.starts_with("user=")
    }
}

/// The people, service accounts and resources of the organization, without its keys.
#[derive(Debug)]
pub(super) struct Organization {
    pub(super) id: String,
    /// Those who hold most keys come first.
    pub(super) owners: Vec<Owner>,
    /// By kind, in the order of the constants below.
    pub(super) resources: [Vec<Arc<Reference>>; 7],
    /// Ids.
    pub(super) environments: Vec<String>,
    /// Kind and id of every cluster, and the place of its environment.
    pub(super) clusters: Vec<(usize, String, usize)>,
}

pub(super) const KAFKA: usize = 0;
pub(super) const SCHEMA_REGISTRY: usize = 1;
pub(super) const KSQLDB: usize = 2;
pub(super) const FLINK: usize = 3;
pub(super) const CLOUD: usize = 4;
pub(super) const GLOBAL: usize = 5;
pub(super) const TABLEFLOW: usize = 6;

impl Organization {
    /// Invents an organization.
    pub(super) fn invent(draw: &mut Random) -> Self {
        let mut organization = Self {
            id: draw.uuid(),
            owners: Vec::new(),
            resources: Default::default(),
            environments: Vec::new(),
            clusters: Vec::new(),
        };
        // People stand among the service accounts, because the front of the list holds most keys.
        for number in 0..SERVICE_ACCOUNTS {
            organization.add_owner(&format!("sa-{}", draw.short_id()));
            if number % 2 == 1 {
                organization.add_owner(&format!("u-{}", draw.short_id()));
            }
        }
        organization.add_resources(draw);
        organization
    }

    fn add_owner(&mut self, id: &str) {
        let (kind, path, crn) = if id.starts_with("sa-") {
            ("ServiceAccount", "service-accounts", "service-account")
        } else {
            ("User", "users", "user")
        };
        let crn = format!("{crn}={id}");
        let json = json!({
            "id": id,
            "related": format!("{PUBLIC_BASE}/iam/v2/{path}/{id}"),
            "resource_name": format!("{}/{crn}", self.crn()),
            "api_version": "iam/v2",
            "kind": kind,
        });
        self.owners.push(Owner {
            reference: reference(id, None, &json),
            crn,
        });
    }

    fn add_resources(&mut self, draw: &mut Random) {
        for place in 0..ENVIRONMENTS {
            let environment = format!("env-{}", draw.short_id());
            for _ in 0..4 - place.min(3) {
                let id = format!("lkc-{}", draw.short_id());
                self.add(KAFKA, self.cluster(&id, Some(&environment)));
                self.clusters.push((KAFKA, id, place));
            }
            let id = format!("lsrc-{}", draw.short_id());
            self.add(SCHEMA_REGISTRY, self.schema_registry(&id, &environment));
            self.clusters.push((SCHEMA_REGISTRY, id, place));
            let id = format!("lksqlc-{}", draw.short_id());
            self.add(KSQLDB, self.ksqldb(&id, &environment));
            self.clusters.push((KSQLDB, id, place));
            let region = ["aws.us-east-1", "aws.eu-central-1", "gcp.europe-west3"][place % 3];
            self.add(FLINK, self.flink_region(region, &environment));
            if place < 2 {
                self.add(FLINK, self.old_flink_region(region, &environment));
            }
            self.environments.push(environment);
        }
        // One of the first days, when resource names did not speak of environments yet.
        let id = format!("lkc-{}", draw.short_id());
        self.add(KAFKA, self.cluster(&id, None));
        self.clusters.push((KAFKA, id, 0));
        for (kind, word) in [
            (CLOUD, "cloud"),
            (GLOBAL, "global"),
            (TABLEFLOW, "tableflow"),
        ] {
            self.add(kind, keyword(word));
        }
    }

    fn add(&mut self, kind: usize, (id, environment, json): Described) {
        self.resources[kind].push(reference(&id, environment.as_deref(), &json));
    }

    /// Returns the resource name of the organization.
    pub(super) fn crn(&self) -> String {
        format!("{CRN_BASE}{}", self.id)
    }

    fn cluster(&self, id: &str, environment: Option<&str>) -> Described {
        let crn = match environment {
            Some(environment) => {
                format!(
                    "{}/environment={environment}/cloud-cluster={id}",
                    self.crn()
                )
            }
            None => format!("{}/cluster={id}", self.crn()),
        };
        let json = json!({
            "id": id,
            "related": format!("{PUBLIC_BASE}/cmk/v2/clusters/{id}"),
            "resource_name": crn,
            "api_version": "cmk/v2",
            "kind": "Cluster",
        });
        (id.to_owned(), None, json)
    }

    fn schema_registry(&self, id: &str, environment: &str) -> Described {
        let json = json!({
            "id": id,
            "environment": environment,
            "related": format!("{PUBLIC_BASE}/srcm/v2/schema-registries/{id}"),
            "resource_name": format!("{}/schema-registry={id}", self.crn()),
            "api_version": "srcm/v2",
            "kind": "SchemaRegistry",
        });
        (id.to_owned(), Some(environment.to_owned()), json)
    }

    fn ksqldb(&self, id: &str, environment: &str) -> Described {
        let json = json!({
            "id": id,
            "related": format!("{PUBLIC_BASE}/ksqldbcm/v2/clusters/{id}"),
            "resource_name": format!("{}/environment={environment}/ksql={id}", self.crn()),
            "api_version": "ksqldbcm/v2",
            "kind": "ksqlDB",
        });
        (id.to_owned(), None, json)
    }

    fn flink_region(&self, region: &str, environment: &str) -> Described {
        let cloud = region.split('.').next().unwrap_or(region);
        let json = json!({
            "id": region,
            "environment": environment,
            "related": format!("{PUBLIC_BASE}/fcpm/v2/regions?cloud={cloud}"),
            "resource_name":
                format!("{}/environment={environment}/flink-region={region}", self.crn()),
            "api_version": "fcpm/v2",
            "kind": "Region",
        });
        (region.to_owned(), Some(environment.to_owned()), json)
    }

    /// Until March 2024 the environment was part of the region's id.
    fn old_flink_region(&self, region: &str, environment: &str) -> Described {
        let (_, _, mut json) = self.flink_region(region, environment);
        let id = format!("{environment}.{region}");
        json["id"] = Value::from(id.as_str());
        if let Some(members) = json.as_object_mut() {
            members.shift_remove("environment");
        }
        (id, None, json)
    }

    /// Returns the ids of all owners.
    pub(super) fn owners(&self) -> impl Iterator<Item = &str> {
        self.owners.iter().map(|owner| owner.reference.id.as_str())
    }

    /// Returns the first person: who holds the credentials.
    pub(super) fn person(&self) -> &Owner {
        self.people().next().unwrap_or(&self.owners[0])
    }

    /// Returns those owners who are people.
    pub(super) fn people(&self) -> impl Iterator<Item = &Owner> {
        self.owners.iter().filter(|owner| owner.is_person())
    }

    /// Returns the object of an owner, if there is one of that id.
    pub(super) fn owner(&self, id: &str) -> Option<Value> {
        let owner = self.owners.iter().find(|owner| owner.reference.id == id)?;
        Some(parsed(&owner.reference))
    }

    /// Returns the object of the resource that a create names by `id`, if that can be one.
    ///
    /// Clusters need not be known: [`has_cluster`](Self::has_cluster) tells which of them there were.
    pub(super) fn resource(&self, id: &str, environment: Option<&str>) -> Option<Value> {
        let lower = id.to_ascii_lowercase();
        if matches!(lower.as_str(), "cloud" | "global" | "tableflow") {
            return Some(keyword(&lower).2);
        }
        let known = self.resources.iter().flatten().find(|known| {
            known.id.eq_ignore_ascii_case(id)
                && (environment.is_none() || known.environment.as_deref() == environment)
        });
        if let (Some(known), true) = (known, lower.starts_with('l')) {
            return Some(parsed(known));
        }
        let described = match lower.split_once('-')?.0 {
            "lkc" => self.cluster(id, environment),
            "lsrc" => self.schema_registry(id, environment.unwrap_or("env-unknown")),
            "lksqlc" => self.ksqldb(id, environment.unwrap_or("env-unknown")),
            _ => match (lower.split_once('.')?, environment) {
                ((own, region), _) if own.starts_with("env-") => self.old_flink_region(region, own),
                (("aws" | "gcp" | "azure", _), Some(environment)) => {
                    self.flink_region(&lower, environment)
                }
                _ => return None,
            },
        };
        Some(described.2)
    }

    /// Returns true if `id` is that of something that every organization has.
    pub(super) fn is_for_all(&self, id: &str) -> bool {
        [CLOUD, GLOBAL, TABLEFLOW].iter().any(|kind| {
            let mut known = self.resources[*kind].iter();
            known.any(|known| known.id.eq_ignore_ascii_case(id))
        })
    }

    /// Returns true if `id` is that of a cluster, also of one that was deleted.
    pub(super) fn has_cluster(&self, id: &str) -> bool {
        let mut clusters = self.clusters.iter();
        clusters.any(|(_, known, _)| known.eq_ignore_ascii_case(id))
    }

    /// Returns true if there is the environment `id`.
    pub(super) fn has_environment(&self, id: &str) -> bool {
        self.environments.iter().any(|known| known == id)
    }

    /// Returns the environment of the Flink region `id`, in `environment` or with its own in front; None if it is no region.
    pub(super) fn environment_of<'e>(
        &self,
        id: &'e str,
        environment: Option<&'e str>,
    ) -> Option<&'e str> {
        let (first, _) = id.split_once('.')?;
        match first.starts_with("env-") {
            true => Some(first),
            false => environment,
        }
    }

    /// Returns `metadata` of a key, without dates.
    pub(super) fn metadata(&self, id: &str, owner: &str) -> Value {
        let crn = self
            .owners
            .iter()
            .find(|known| known.reference.id == owner)
            .map_or_else(String::new, |known| format!("/{}", known.crn));
        json!({
            "self": format!("{PUBLIC_BASE}/iam/v2/api-keys/{id}"),
            "resource_name": format!("{}{crn}/api-key={id}", self.crn()),
        })
    }
}

/// Id, environment and object of a resource.
type Described = (String, Option<String>, Value);

fn keyword(word: &str) -> Described {
    let (api_version, kind) = match word {
        "global" => ("global/v1", "Global"),
        "tableflow" => ("tableflow/v1", "Tableflow"),
        _ => ("iam/v2", "Cloud"),
    };
    // The bare word where others have a link and a name, as recorded answers have it.
    let json = json!({
        "id": word,
        "related": word,
        "resource_name": word,
        "api_version": api_version,
        "kind": kind,
    });
    (word.to_owned(), None, json)
}

fn reference(id: &str, environment: Option<&str>, json: &Value) -> Arc<Reference> {
    Arc::new(Reference {
        id: id.to_owned(),
        environment: environment.map(str::to_owned),
        json: json.to_string(),
    })
}

/// Returns the object of `reference`.
pub(super) fn parsed(reference: &Reference) -> Value {
    serde_json::from_str(&reference.json).unwrap_or_default()
}
