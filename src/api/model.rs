//! What a key looks like on the wire.
//!
//! Turns the JSON text of one key into an [`ApiKey`] that borrows from it: the hot loop of a listing builds no
//! tree of values and copies no text. Schema drift is met leniently, and counted. Timestamps
//! stay text here. The members are those of Confluent's API reference, "API Keys (iam/v2)", schema
//! `iam.v2.ApiKey`, with `spec.resources` from its earlier and `spec.expires_at` from its later revisions.

use std::borrow::Cow;
use std::fmt;

use serde::de::MapAccess;

use super::lenient::{Members, Object};

/// An optional text, borrowed from the JSON unless it held escapes.
pub type Text<'a> = Option<Cow<'a, str>>;

/// One API key (`iam.v2.ApiKey`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiKey<'a> {
    /// `api_version`: `iam/v2`.
    pub api_version: Text<'a>,
    /// `kind`: `ApiKey`.
    pub kind: Text<'a>,
    /// `id`: the key itself; opaque.
    pub id: Text<'a>,
    /// `metadata`.
    pub metadata: Option<Metadata<'a>>,
    /// `spec`.
    pub spec: Option<Spec<'a>>,
    /// How many known members were of a type that could not be read, and are `None` for that reason.
    pub oddities: u32,
}

/// What the service notes about a key (`ObjectMeta`). Timestamps are RFC 3339 text, as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// `self`: the key's own URL.
    pub self_link: Text<'a>,
    /// `resource_name`: the key's CRN.
    pub resource_name: Text<'a>,
    /// `created_at`.
    pub created_at: Text<'a>,
    /// `updated_at`.
    pub updated_at: Text<'a>,
    /// `deleted_at`.
    pub deleted_at: Text<'a>,
}

/// What a key is for (`iam.v2.ApiKeySpec`). Its `Debug` masks the secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Spec<'a> {
    /// `secret`: set in the answer to a create alone. Reads may send `""`, which is `None` here.
    pub secret: Text<'a>,
    /// `display_name`.
    pub display_name: Text<'a>,
    /// `description`.
    pub description: Text<'a>,
    /// `expires_at`: RFC 3339 text, as sent.
    pub expires_at: Text<'a>,
    /// `owner`: a user or service account. Keys of the service itself may lack one.
    pub owner: Option<Reference<'a>>,
    /// `resource`: what the key gives access to. Null and kind `Cloud` both mean a Cloud key.
    pub resource: Option<Reference<'a>>,
    /// `resources`: what a multi-cluster key gives access to; `resource` repeats the first.
    pub resources: Option<Vec<Option<Reference<'a>>>>,
}

/// A reference to another object (`EnvScopedObjectReference`). Its kinds and versions are open sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference<'a> {
    /// `id`.
    pub id: Text<'a>,
    /// `environment`: the id of the environment, for Flink regions and some clusters.
    pub environment: Text<'a>,
    /// `related`: a URL as a rule, though some kinds have a bare word here.
    pub related: Text<'a>,
    /// `resource_name`: a CRN as a rule, though some kinds have a bare word here.
    pub resource_name: Text<'a>,
    /// `api_version`.
    pub api_version: Text<'a>,
    /// `kind`.
    pub kind: Text<'a>,
}

impl<'de> Object<'de> for ApiKey<'de> {
    fn read<A: MapAccess<'de>>(
        &mut self,
        name: &str,
        members: &mut Members<'_, A>,
    ) -> Result<(), A::Error> {
        match name {
            "api_version" => self.api_version = members.text()?,
            "kind" => self.kind = members.text()?,
            "id" => self.id = members.text()?,
            "metadata" => self.metadata = members.object()?,
            "spec" => self.spec = members.object()?,
            _ => members.skip()?,
        }
        Ok(())
    }
}

impl<'de> Object<'de> for Metadata<'de> {
    fn read<A: MapAccess<'de>>(
        &mut self,
        name: &str,
        members: &mut Members<'_, A>,
    ) -> Result<(), A::Error> {
        match name {
            "self" => self.self_link = members.text()?,
            "resource_name" => self.resource_name = members.text()?,
            "created_at" => self.created_at = members.text()?,
            "updated_at" => self.updated_at = members.text()?,
            "deleted_at" => self.deleted_at = members.text()?,
            _ => members.skip()?,
        }
        Ok(())
    }
}

impl<'de> Object<'de> for Spec<'de> {
    fn read<A: MapAccess<'de>>(
        &mut self,
        name: &str,
        members: &mut Members<'_, A>,
    ) -> Result<(), A::Error> {
        match name {
            "secret" => self.secret = members.text()?.filter(|secret| !secret.is_empty()),
            "display_name" => self.display_name = members.text()?,
            "description" => self.description = members.text()?,
            "expires_at" => self.expires_at = members.text()?,
            "owner" => self.owner = members.object()?,
            "resource" => self.resource = members.object()?,
            "resources" => self.resources = members.list()?,
            _ => members.skip()?,
        }
        Ok(())
    }
}

impl<'de> Object<'de> for Reference<'de> {
    fn read<A: MapAccess<'de>>(
        &mut self,
        name: &str,
        members: &mut Members<'_, A>,
    ) -> Result<(), A::Error> {
        match name {
            "id" => self.id = members.text()?,
            "environment" => self.environment = members.text()?,
            "related" => self.related = members.text()?,
            "resource_name" => self.resource_name = members.text()?,
            "api_version" => self.api_version = members.text()?,
            "kind" => self.kind = members.text()?,
            _ => members.skip()?,
        }
        Ok(())
    }
}

impl fmt::Debug for Spec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field(
                "secret",
                &self.secret.as_ref().map(|_| format_args!("******")),
            )
            .field("display_name", &self.display_name)
            .field("description", &self.description)
            .field("expires_at", &self.expires_at)
            .field("owner", &self.owner)
            .field("resource", &self.resource)
            .field("resources", &self.resources)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::body::KeyBody;
    use super::*;

    /// A key as the service writes it, of the given resource, at one of the three moments of its life.
    fn key(resource: &Value, secret: &Value, updated_at: &str) -> KeyBody {
        let body = json!({
            "api_version": "iam/v2",
            "id": "QZX7MNPLK2RT4VWA",
            "kind": "ApiKey",
            "metadata": {
                "created_at": "2024-02-03T04:05:06.81192Z",
                "resource_name": "crn://api.confluent.cloud/organization=o-1/service-account=sa-9x8y7z/api-key=QZX7MNPLK2RT4VWA",
                "self": "http://api.confluent.cloud/v2/api-keys/QZX7MNPLK2RT4VWA",
                "updated_at": updated_at
            },
            "spec": {
                "description": "made for a test",
                "display_name": "nightly build",
                "owner": {
                    "api_version": "iam/v2",
                    "id": "sa-9x8y7z",
                    "kind": "ServiceAccount",
                    "related": "http://api.confluent.cloud/v2/service-accounts/sa-9x8y7z",
                    "resource_name": "crn://api.confluent.cloud/organization=o-1/service-account=sa-9x8y7z"
                },
                "resource": resource,
                "secret": secret
            }
        });
        KeyBody::parse(body.to_string().into()).unwrap()
    }

    /// The five kinds of resource that have published bodies: id, environment, kind, version, related.
    fn resources() -> Vec<Value> {
        let word = |word: &str, kind: &str, version: &str| json!({ "api_version": version, "id": word, "kind": kind, "related": word, "resource_name": word });
        vec![
            word("cloud", "Cloud", "iam/v2"),
            word("global", "Global", "global/v1"),
            word("tableflow", "Tableflow", "tableflow/v1"),
            json!({
                "api_version": "cmk/v2", "id": "lkc-a1b2c3", "kind": "Cluster",
                "related": "http://api.confluent.cloud/v2/clusters/lkc-a1b2c3",
                "resource_name": "crn://api.confluent.cloud/organization=o-1/cluster=lkc-a1b2c3"
            }),
            json!({
                "api_version": "fcpm/v2", "id": "gcp.europe-west3", "environment": "env-q1w2e3", "kind": "Region",
                "related": "https://api.confluent.cloud/fcpm/v2/regions?cloud=gcp",
                "resource_name": "crn://api.confluent.cloud/organization=o-1/environment=env-q1w2e3/flink-region=gcp.europe-west3"
            }),
        ]
    }

    #[test]
    fn keys_of_every_kind_decode_at_every_moment_of_their_life() {
        let moments = [
            (
                json!("cfltNotASecretAtAll/+"),
                "2024-02-03T04:05:06.81192Z",
                Some("cfltNotASecretAtAll/+"),
            ),
            (json!(""), "2024-02-03T04:05:06.81192Z", None),
            (json!(null), "2024-02-04T00:00:00Z", None),
        ];
        for resource in resources() {
            for (secret, updated_at, expected) in &moments {
                let body = key(&resource, secret, updated_at);
                let key = body.decode().unwrap();
                assert_eq!(key.oddities, 0);
                assert_eq!(key.id.as_deref(), Some("QZX7MNPLK2RT4VWA"));
                assert_eq!(key.kind.as_deref(), Some("ApiKey"));
                assert_eq!(key.api_version.as_deref(), Some("iam/v2"));
                let metadata = key.metadata.unwrap();
                assert_eq!(
                    metadata.created_at.as_deref(),
                    Some("2024-02-03T04:05:06.81192Z")
                );
                assert_eq!(metadata.updated_at.as_deref(), Some(*updated_at));
                assert_eq!(metadata.deleted_at, None);
                assert!(metadata.self_link.unwrap().starts_with("http://"));
                let spec = key.spec.unwrap();
                assert_eq!(spec.secret.as_deref(), *expected);
                assert_eq!(spec.owner.unwrap().kind.as_deref(), Some("ServiceAccount"));
                let read = spec.resource.unwrap();
                for (name, value) in [
                    ("id", read.id),
                    ("environment", read.environment),
                    ("related", read.related),
                    ("resource_name", read.resource_name),
                    ("api_version", read.api_version),
                    ("kind", read.kind),
                ] {
                    assert_eq!(value.as_deref(), resource[name].as_str(), "{name}");
                }
            }
        }
    }

    #[test]
    fn multi_cluster_keys_list_their_resources() {
        let body = KeyBody::from_text(
            r#"{"spec":{"resource":null,"resources":[{"id":"lkc-1"},{"id":"lkc-2"}]}}"#,
        );
        let spec = body.decode().unwrap().spec.unwrap();
        assert_eq!(spec.resource, None);
        let ids: Vec<_> = spec
            .resources
            .unwrap()
            .into_iter()
            .map(|r| r.unwrap().id.unwrap())
            .collect();
        assert_eq!(ids, ["lkc-1", "lkc-2"]);
    }

    #[test]
    fn debug_masks_the_secret() {
        let body = key(&json!(null), &json!("canary"), "");
        let shown = format!("{:?} {body:?}", body.decode().unwrap());
        assert!(
            !shown.contains("canary") && shown.contains("******"),
            "{shown}"
        );
        let none = Spec::default();
        assert!(format!("{none:?}").contains("secret: None"));
    }

    #[test]
    fn text_is_borrowed_from_the_body() {
        let body = key(&resources()[4], &json!(""), "2024-02-04T00:00:00Z");
        let reference = body.decode().unwrap().spec.unwrap().resource.unwrap();
        assert!(matches!(reference.resource_name, Some(Cow::Borrowed(_))));
    }
}
