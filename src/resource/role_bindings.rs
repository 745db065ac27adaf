//! Who may do what: `confluent.iam.role_bindings`. After Confluent's API reference, "Role Bindings (iam/v2)".

use super::api_keys::IAM;
use super::collection::{Nouns, Resource};
use super::column::columns;
use super::common::{API_VERSION, KIND, METADATA, SIBLING};
use super::filter::{Filter, Required, Values};
use super::method::{Method, Parameter};
use super::organizations::ORGANIZATIONS;

/// The roles of users and service accounts.
pub(super) const ROLE_BINDINGS: Resource = Resource {
    service: &IAM,
    table: "role_bindings",
    path: "/iam/v2/role-bindings",
    api_version: "iam/v2",
    kind: "RoleBinding",
    nouns: Nouns::of("role binding", "role bindings"),
    columns: columns! {
        "id": Text => "Id of the role binding, rb-…";
        "principal": Text => "Who has the role: User:u-… or User:sa-…, for service accounts too";
        "role_name": Text => "The role: OrganizationAdmin, MetricsViewer, …";
        "crn_pattern": Text => "Where the role holds, as a Confluent resource name (CRN)";
        API_VERSION;
        KIND;
        METADATA;
    },
    filters: &[
        Filter::exact("principal", "principal"),
        Filter::exact("role_name", "role_name"),
        // A binding is found by a part of its pattern, so the name of the organization finds all of them.
        Filter {
            is_exact: false,
            required: Some(Required {
                values: Values::Ids {
                    of: &ORGANIZATIONS,
                    prefix: "crn://confluent.cloud/organization=",
                    is_never_empty: true,
                },
                for_get: false,
            }),
            ..Filter::exact("crn_pattern", "crn_pattern")
        },
    ],
    role: "OrganizationAdmin",
    methods: &[
        Method::get("get_iam_v2role_binding", "Reads one role binding", &[]),
        Method::list(
            "list_iam_v2role_bindings",
            "Reads the role bindings of the organization, page by page",
            &[
                Parameter::PAGE_SIZE,
                Parameter::optional("principal", "Who has the role, as User:…"),
                Parameter::optional("role_name", "The role"),
                Parameter::optional(
                    "crn_pattern",
                    "Where the role holds; all of the organization if it is left out",
                ),
            ],
        ),
    ],
    ..SIBLING
};
