//! The operations of the collections beside the keys, all of them reads.

use super::shape::{Member, NAME, Operation, PAGE_SIZE, PAGE_TOKEN, SOME_TEXT, Shape, TEXT};

const ENVIRONMENT: Member = Member::new("environment", &NAME).required();

pub(super) static OPERATIONS: [Operation; 18] = [
    Operation::new("GET", "/iam/v2/users").with_parameters(&[PAGE_SIZE, PAGE_TOKEN]),
    Operation::new("GET", "/iam/v2/users").by_id(),
    Operation::new("GET", "/iam/v2/service-accounts").with_parameters(&[
        Member::new("display_name", &TEXT).repeatable(),
        PAGE_SIZE,
        PAGE_TOKEN,
    ]),
    Operation::new("GET", "/iam/v2/service-accounts").by_id(),
    Operation::new("GET", "/iam/v2/role-bindings").with_parameters(&[
        Member::new("principal", &TEXT),
        Member::new("role_name", &TEXT),
        Member::new("crn_pattern", &SOME_TEXT).required(),
        PAGE_SIZE,
        PAGE_TOKEN,
    ]),
    Operation::new("GET", "/iam/v2/role-bindings").by_id(),
    Operation::new("GET", "/org/v2/organizations").with_parameters(&[PAGE_SIZE, PAGE_TOKEN]),
    Operation::new("GET", "/org/v2/organizations").by_id(),
    Operation::new("GET", "/org/v2/environments").with_parameters(&[PAGE_SIZE, PAGE_TOKEN]),
    Operation::new("GET", "/org/v2/environments").by_id(),
    Operation::new("GET", "/cmk/v2/clusters").with_parameters(&[
        ENVIRONMENT,
        Member::new("spec.network", &TEXT).repeatable(),
        Member::new("spec.deletion_protection", &Shape::Truth),
        PAGE_SIZE,
        PAGE_TOKEN,
    ]),
    Operation::new("GET", "/cmk/v2/clusters")
        .by_id()
        .with_parameters(&[ENVIRONMENT]),
    Operation::new("GET", "/srcm/v3/clusters").with_parameters(&[
        ENVIRONMENT,
        PAGE_SIZE,
        PAGE_TOKEN,
    ]),
    Operation::new("GET", "/srcm/v3/clusters")
        .by_id()
        .with_parameters(&[ENVIRONMENT]),
    Operation::new("GET", "/ksqldbcm/v2/clusters").with_parameters(&[
        ENVIRONMENT,
        PAGE_SIZE,
        PAGE_TOKEN,
    ]),
    Operation::new("GET", "/ksqldbcm/v2/clusters")
        .by_id()
        .with_parameters(&[ENVIRONMENT]),
    Operation::new("GET", "/service-quota/v1/applied-quotas").with_parameters(&[
        Member::new("scope", &SOME_TEXT).required(),
        Member::new("environment", &TEXT),
        Member::new("network", &TEXT),
        Member::new("kafka_cluster", &TEXT),
        Member::new("identity_provider", &TEXT),
        Member::new("certificate_authority", &TEXT),
        Member::new("id", &TEXT),
        Member::new(
            "page_size",
            &Shape::Number {
                least: 1,
                most: 200,
            },
        ),
        PAGE_TOKEN,
    ]),
    Operation::new("GET", "/service-quota/v1/applied-quotas")
        .by_id()
        .with_parameters(&[
            Member::new("environment", &TEXT),
            Member::new("network", &TEXT),
            Member::new("kafka_cluster", &TEXT),
            Member::new("identity_provider", &TEXT),
            Member::new("certificate_authority", &TEXT),
        ]),
];
