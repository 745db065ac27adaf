//! Environments: `confluent.org.environments`. After Confluent's API reference, "Environments (org/v2)".

use super::collection::{Nouns, Resource};
use super::column::{Column, Type};
use super::common::{API_VERSION, KIND, METADATA, SIBLING, id};
use super::method::Method;
use super::organizations::ORG;

/// The environments that clusters are in.
pub(super) const ENVIRONMENTS: Resource = Resource {
    service: &ORG,
    table: "environments",
    path: "/org/v2/environments",
    api_version: "org/v2",
    kind: "Environment",
    nouns: Nouns {
        one: "environment",
        many: "environments",
        title: "environments",
    },
    columns: &[
        id("Id of the environment, env-…"),
        Column::read("display_name", Type::Text, "Name for people"),
        Column::read(
            "stream_governance_config",
            Type::Object(&[Column::read(
                "package",
                Type::Text,
                "The package: ESSENTIALS or ADVANCED",
            )]),
            "Stream Governance in the environment",
        ),
        API_VERSION,
        KIND,
        METADATA,
    ],
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
