//! Organizations: `confluent.org.organizations`. After Confluent's API reference, "Organizations (org/v2)".

use super::collection::{Nouns, Resource, Service};
use super::column::columns;
use super::common::{API_VERSION, KIND, METADATA, SIBLING};
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
    nouns: Nouns::of("organization", "organizations"),
    columns: columns! {
        "id": Text => "Id of the organization, a UUID";
        "display_name": Text => "Name for people";
        "jit_enabled": Boolean => "Whether users are made when they first log in by SSO";
        API_VERSION;
        KIND;
        METADATA;
    },
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
