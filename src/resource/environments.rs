//! Environments: `confluent.org.environments`. After Confluent's API reference, "Environments (org/v2)".

use super::collection::{Nouns, Resource};
use super::column::{Column, columns};
use super::common::{API_VERSION, KIND, METADATA, SIBLING};
use super::method::Method;
use super::organizations::ORG;

/// The environments that clusters are in.
pub(super) const ENVIRONMENTS: Resource = Resource {
    service: &ORG,
    table: "environments",
    path: "/org/v2/environments",
    api_version: "org/v2",
    kind: "Environment",
    nouns: Nouns::of("environment", "environments"),
    columns: columns! {
        "id": Text => "Id of the environment, env-…";
        "display_name": Text => "Name for people";
        "stream_governance_config": Object(GOVERNANCE) => "Stream Governance in the environment";
        API_VERSION;
        KIND;
        METADATA;
    },
    role: "EnvironmentAdmin or OrganizationAdmin",
    methods: &[
        Method::get("get_org_v2environment", "Reads one environment", &[]),
        Method::list(
            "list_org_v2environments",
            "Reads all environments, page by page",
            &[],
        ),
    ],
    ..SIBLING
};

const GOVERNANCE: &[Column] = columns! {
    "package": Text => "The package: ESSENTIALS or ADVANCED";
};
