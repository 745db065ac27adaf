//! Who may do what: from reading metrics to administering the organization.

use serde_json::{Value, json};

use super::super::organization::{KAFKA, Owner};
use super::collection::{Collection, Parameter, READ_ONLY};
use super::inputs::{Inputs, crn, present};

pub(super) static COLLECTION: Collection = Collection {
    path: "/iam/v2/role-bindings",
    api_version: "iam/v2",
    kind: "RoleBinding",
    parameters: &[
        // The description calls it a partial search.
        Parameter::new("crn_pattern", "/crn_pattern")
            .admitting(|found, part| found.as_str().is_some_and(|found| found.contains(part)))
            .required(),
        Parameter::new("principal", "/principal"),
        Parameter::new("role_name", "/role_name"),
    ],
    unknown: "role_binding_not_found",
    objects: role_bindings,
    ..READ_ONLY
};

/// Where a role holds.
enum Scope {
    Organization,
    Environment,
    Cluster,
    Topics,
}

const FOR_PEOPLE: [(&str, Scope); 6] = [
    ("MetricsViewer", Scope::Organization),
    ("EnvironmentAdmin", Scope::Environment),
    ("CloudClusterAdmin", Scope::Cluster),
    ("DataDiscovery", Scope::Environment),
    ("Operator", Scope::Cluster),
    ("BillingAdmin", Scope::Organization),
];
const FOR_SERVICE_ACCOUNTS: [(&str, Scope); 5] = [
    ("DeveloperRead", Scope::Topics),
    ("DeveloperWrite", Scope::Topics),
    ("MetricsViewer", Scope::Organization),
    ("CloudClusterAdmin", Scope::Cluster),
    ("ResourceOwner", Scope::Topics),
];

fn role_bindings(inputs: &Inputs<'_>) -> Vec<Value> {
    let mut bindings = Vec::new();
    // Two administer everything: the first person, as is proper, and a service account, as is not.
    for (is_person, roles, administrator) in [
        (true, &FOR_PEOPLE[..], 0),
        (false, &FOR_SERVICE_ACCOUNTS[..], 2),
    ] {
        let owners = present(inputs.organization).filter(|owner| owner.is_person() == is_person);
        for (number, owner) in owners.enumerate() {
            if number == administrator {
                let scope = &Scope::Organization;
                bindings.push(binding(inputs, owner, "OrganizationAdmin", scope));
            }
            let mut draw = inputs.draw(&owner.reference.id);
            let first = draw.index(roles.len());
            for step in 0..1 + draw.index(2) {
                let (role, scope) = &roles[(first + step) % roles.len()];
                bindings.push(binding(inputs, owner, role, scope));
            }
        }
    }
    bindings
}

fn binding(inputs: &Inputs<'_>, owner: &Owner, role: &str, scope: &Scope) -> Value {
    let principal = &owner.reference.id;
    let mut draw = inputs.draw(&format!("{principal} {role}"));
    let clusters: Vec<_> = inputs.clusters(KAFKA).collect();
    let (cluster, environment) = clusters[draw.index(clusters.len())];
    let organization = crn(inputs.organization);
    let environment = format!("{organization}/environment={environment}");
    let cluster_crn = format!("{environment}/cloud-cluster={cluster}");
    let pattern = match scope {
        Scope::Organization => organization.clone(),
        Scope::Environment => environment,
        Scope::Cluster => cluster_crn,
        Scope::Topics => format!("{cluster_crn}/kafka={cluster}/topic=orders*"),
    };
    let id = format!("rb-{}", draw.short_id().to_ascii_uppercase());
    let crn = format!("{organization}/role-binding={id}");
    let members = json!({
        // Service accounts are called users here, too.
        "principal": format!("User:{principal}"),
        "role_name": role,
        "crn_pattern": pattern,
    });
    let mut binding = COLLECTION.object(inputs, &id, &crn, members);
    // A binding never changes.
    binding["metadata"]
        .as_object_mut()
        .map(|metadata| metadata.shift_remove("updated_at"));
    binding
}
