//! People: `confluent.iam.users`. After Confluent's API reference, "Users (iam/v2)".

use super::api_keys::IAM;
use super::collection::{Nouns, Resource};
use super::column::columns;
use super::common::{API_VERSION, KIND, METADATA, SIBLING};
use super::method::Method;

/// The people of the organization.
pub(super) const USERS: Resource = Resource {
    service: &IAM,
    table: "users",
    path: "/iam/v2/users",
    api_version: "iam/v2",
    kind: "User",
    nouns: Nouns::of("user", "users"),
    columns: columns! {
        "id": Text => "Id of the user, u-…";
        "email": Text => "E-mail address, which identifies the user";
        "full_name": Text => "Name for people";
        "auth_type": Text => "How the user logs in: AUTH_TYPE_LOCAL, AUTH_TYPE_SSO, …";
        API_VERSION;
        KIND;
        METADATA;
    },
    role: "AccountAdmin or OrganizationAdmin",
    methods: &[
        Method::get("get_iam_v2user", "Reads one user", &[]),
        Method::list("list_iam_v2users", "Reads all users, page by page", &[]),
    ],
    ..SIBLING
};
