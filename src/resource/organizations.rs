//! Organizations: `confluent.org.organizations`. After Confluent's API reference, "Organizations (org/v2)".

use super::collection::{Nouns, Resource, Service};
use super::column::{Column, Type};
use super::common::{API_VERSION, KIND, METADATA, SIBLING, id};
use super::method::Method;

/// The service of organizations and environments.
pub(super) const ORG: Service = Service {
    name: "org",
    title: "Organization",
    description: "What everything else belongs to",
};

/// The organization of the credentials.
pub(super) const ORGANIZATIONS: Resource = Resource {
    service: &ORG,
    table: "organizations",
    path: "/org/v2/organizations",
    api_version: "org/v2",
    kind: "Organization",
    nouns: Nouns {
        one: "organization",
        many: "organizations",
        title: "organizations",
    },
    columns: &[
        id("Id of the organization, a UUID"),
        Column::read("display_name", Type::Text, "Name for people"),
        Column::read(
            "jit_enabled",
            Type::Boolean,
            "Whether users are made when they first log in by SSO",
        ),
        API_VERSION,
        KIND,
        METADATA,
    ],
    role: "OrganizationAdmin",
    methods: &[
        Method::get("get_org_v2organization", "Reads one organization", &[]),
        Method::list(
            "list_org_v2organizations",
            "Reads all organizations, page by page",
            &[],
        ),
    ],
    ..SIBLING
};
