//! Service accounts: `confluent.iam.service_accounts`. After Confluent's API reference, "Service Accounts (iam/v2)".

use super::api_keys::IAM;
use super::collection::{Nouns, Resource};
use super::column::columns;
use super::common::{API_VERSION, KIND, METADATA, SIBLING};
use super::filter::Filter;
use super::method::{Method, Parameter};

/// The identities of programs.
pub(super) const SERVICE_ACCOUNTS: Resource = Resource {
    service: &IAM,
    table: "service_accounts",
    path: "/iam/v2/service-accounts",
    api_version: "iam/v2",
    kind: "ServiceAccount",
    nouns: Nouns::of("service account", "service accounts"),
    columns: columns! {
        "id": Text => "Id of the service account, sa-…";
        "display_name": Text => "Name for people, unique";
        "description": Text => "Description for people";
        API_VERSION;
        KIND;
        METADATA;
    },
    filters: &[Filter {
        is_repeatable: true,
        ..Filter::exact("display_name", "display_name")
    }],
    role: "AccountAdmin or OrganizationAdmin",
    methods: &[
        Method::get(
            "get_iam_v2service_account",
            "Reads one service account",
            &[],
        ),
        Method::list(
            "list_iam_v2service_accounts",
            "Reads all service accounts, page by page",
            &[
                Parameter::PAGE_SIZE,
                Parameter::optional("display_name", "Name of the service account"),
            ],
        ),
    ],
    ..SIBLING
};
