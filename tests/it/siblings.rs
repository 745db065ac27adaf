//! The collections beside the keys: which requests their tables send, and that the rows are what the service has.

use iamql::sandbox::Fault;
use iamql::session::Options;
use serde_json::{Value, json};

use crate::support::{Lab, organization};

/// A table with its collection, and how to make objects of it.
struct Sibling {
    table: &'static str,
    path: &'static str,
    make: fn(usize) -> Value,
    /// What tells the objects apart.
    apart: &'static str,
}

const SIBLINGS: [Sibling; 9] = [
    Sibling {
        table: "iam.users",
        path: "/iam/v2/users",
        make: |n| json!({"id": format!("u-{n:04}"), "email": format!("p{n}@example.com")}),
        apart: "id",
    },
    Sibling {
        table: "iam.service_accounts",
        path: "/iam/v2/service-accounts",
        make: |n| json!({"id": format!("sa-{n:04}"), "display_name": format!("program {n}")}),
        apart: "id",
    },
    Sibling {
        table: "iam.role_bindings",
        path: "/iam/v2/role-bindings",
        make: |n| {
            json!({
                "id": format!("rb-{n:04}"),
                "principal": format!("User:u-{n}"),
                "role_name": "MetricsViewer",
                "crn_pattern": format!("crn://confluent.cloud/organization={ORGANIZATION}"),
            })
        },
        apart: "id",
    },
    Sibling {
        table: "org.organizations",
        path: "/org/v2/organizations",
        make: |n| json!({"id": format!("o-{n:04}"), "display_name": format!("Company {n}")}),
        apart: "id",
    },
    Sibling {
        table: "org.environments",
        path: "/org/v2/environments",
        make: |n| json!({"id": format!("env-{n:04}"), "display_name": format!("place {n}")}),
        apart: "id",
    },
    Sibling {
        table: "managed_kafka_clusters.clusters",
        path: "/cmk/v2/clusters",
        make: |n| cluster("lkc", n),
        apart: "id",
    },
    Sibling {
        table: "schema_registry_clusters.v3_clusters",
        path: "/srcm/v3/clusters",
        make: |n| cluster("lsrc", n),
        apart: "id",
    },
    Sibling {
        table: "ksqldb_clusters.clusters",
        path: "/ksqldbcm/v2/clusters",
        make: |n| cluster("lksqlc", n),
        apart: "id",
    },
    Sibling {
        table: "quotas.applied_quotas",
        path: "/service-quota/v1/applied-quotas",
        make: |n| {
            json!({
                "id": "kafka.max_api_keys.per_cluster",
                "scope": "KAFKA_CLUSTER",
                "applied_limit": 50,
                "usage": 0,
                "kafka_cluster": {"id": format!("lkc-{n:04}")},
            })
        },
        apart: "kafka_cluster.id",
    },
];

const ORGANIZATION: &str = "11111111-2222-3333-4444-555555555555";

/// A cluster in the first of two environments.
fn cluster(kind: &str, n: usize) -> Value {
    json!({
        "id": format!("{kind}-{n:04}"),
        "spec": {"display_name": format!("cluster {n}"), "environment": {"id": "env-a"}},
    })
}

/// A lab with one organization of two environments, and no keys.
async fn lab() -> Lab {
    let lab = Lab::with_keys(0).await;
    lab.sandbox
        .set_objects("/org/v2/organizations", vec![json!({"id": ORGANIZATION})]);
    let environments = ["env-a", "env-b"].map(|id| json!({"id": id, "display_name": id}));
    lab.sandbox
        .set_objects("/org/v2/environments", environments.to_vec());
    lab
}

#[tokio::test]
async fn every_table_has_all_objects_in_as_few_pages_as_there_can_be() {
    for sibling in &SIBLINGS {
        for count in [0, 1, 100, 101, 1_000] {
            let lab = lab().await;
            let objects: Vec<Value> = (0..count).map(sibling.make).collect();
            let at = |object: &Value| {
                let pointer = format!("/{}", sibling.apart.replace('.', "/"));
                object
                    .pointer(&pointer)
                    .unwrap()
                    .as_str()
                    .unwrap()
                    .to_owned()
            };
            let expected: Vec<String> = objects.iter().map(at).collect();
            lab.sandbox.set_objects(sibling.path, objects);
            let Sibling { table, apart, .. } = sibling;
            let answer = lab.run(&format!("SELECT {apart} FROM {table}")).await;
            assert_eq!(answer.sorted(), expected, "{table}, {count}");
            let pages = |size: usize| count.div_ceil(size).max(1);
            let requests = match *table {
                // Where the organization is, and what it has.
                "iam.role_bindings" => 1 + pages(100),
                // The environments, one that has all of the clusters, and one that has none.
                table if table.ends_with("clusters") => 1 + pages(100) + 1,
                // The other scopes have none.
                "quotas.applied_quotas" => pages(200) + 7,
                _ => pages(100),
            };
            assert_eq!(answer.requests.len(), requests, "{table}, {count}");
            assert_eq!(answer.warnings, [""; 0], "{table}, {count}");
        }
    }
}

#[tokio::test]
async fn what_a_query_names_is_what_is_asked_for() {
    let lab = lab().await;
    for sibling in &SIBLINGS {
        if !sibling.path.starts_with("/org") {
            let objects = (0..3).map(sibling.make).collect();
            lab.sandbox.set_objects(sibling.path, objects);
        }
    }
    let bindings = "GET /iam/v2/role-bindings?";
    let crn = format!(
        "crn_pattern=crn%3A%2F%2Fconfluent.cloud%2Forganization%3D{ORGANIZATION}&page_size=100"
    );
    let organizations = "GET /org/v2/organizations?page_size=100";
    for (sql, rows, requests) in [
        (
            "iam.users WHERE id = 'u-0001'",
            1,
            vec!["GET /iam/v2/users/u-0001".to_owned()],
        ),
        (
            "iam.users WHERE id IN ('u-0001', 'u-0009')",
            1,
            vec![
                "GET /iam/v2/users/u-0001".to_owned(),
                "GET /iam/v2/users/u-0009".to_owned(),
            ],
        ),
        (
            "iam.service_accounts WHERE display_name IN ('program 0', 'program 2')",
            2,
            vec!["GET /iam/v2/service-accounts?display_name=program%200&display_name=program%202&page_size=100".to_owned()],
        ),
        (
            "iam.role_bindings WHERE principal = 'User:u-2'",
            1,
            vec![
                format!("{bindings}principal=User%3Au-2&{crn}"),
                organizations.to_owned(),
            ],
        ),
        (
            "iam.role_bindings WHERE role_name = 'OrganizationAdmin'",
            0,
            vec![
                format!("{bindings}role_name=OrganizationAdmin&{crn}"),
                organizations.to_owned(),
            ],
        ),
        (
            &format!("iam.role_bindings WHERE crn_pattern = 'crn://confluent.cloud/organization={ORGANIZATION}'"),
            3,
            vec![format!("{bindings}{crn}")],
        ),
        (
            "iam.role_bindings WHERE id = 'rb-0002'",
            1,
            vec!["GET /iam/v2/role-bindings/rb-0002".to_owned()],
        ),
        (
            "org.environments WHERE id = 'env-b'",
            1,
            vec!["GET /org/v2/environments/env-b".to_owned()],
        ),
        (
            "managed_kafka_clusters.clusters WHERE environment = 'env-b'",
            0,
            vec!["GET /cmk/v2/clusters?environment=env-b&page_size=100".to_owned()],
        ),
        (
            "managed_kafka_clusters.clusters WHERE id = 'lkc-0001'",
            1,
            vec![
                "GET /cmk/v2/clusters?environment=env-a&page_size=100".to_owned(),
                "GET /cmk/v2/clusters?environment=env-b&page_size=100".to_owned(),
                "GET /org/v2/environments?page_size=100".to_owned(),
            ],
        ),
        (
            "ksqldb_clusters.clusters WHERE id = 'lksqlc-0001' AND environment = 'env-a'",
            1,
            vec!["GET /ksqldbcm/v2/clusters/lksqlc-0001?environment=env-a".to_owned()],
        ),
        (
            "schema_registry_clusters.v3_clusters WHERE environment IN ('env-a', 'env-c')",
            3,
            vec![
                "GET /srcm/v3/clusters?environment=env-a&page_size=100".to_owned(),
                "GET /srcm/v3/clusters?environment=env-c&page_size=100".to_owned(),
            ],
        ),
        (
            "managed_kafka_clusters.clusters WHERE spec.environment.id = 'env-b'",
            0,
            vec!["GET /cmk/v2/clusters?environment=env-b&page_size=100".to_owned()],
        ),
        (
            "ksqldb_clusters.clusters WHERE id = 'lksqlc-0001' AND spec.environment.id = 'env-a'",
            1,
            vec!["GET /ksqldbcm/v2/clusters/lksqlc-0001?environment=env-a".to_owned()],
        ),
        (
            "schema_registry_clusters.v3_clusters WHERE environment = 'env-a' AND spec.environment.id = 'env-c'",
            0,
            Vec::new(),
        ),
        (
            "quotas.applied_quotas WHERE scope = 'KAFKA_CLUSTER' AND id = 'kafka.max_api_keys.per_cluster'",
            3,
            vec!["GET /service-quota/v1/applied-quotas?scope=KAFKA_CLUSTER&id=kafka.max_api_keys.per_cluster&page_size=200".to_owned()],
        ),
        (
            "quotas.applied_quotas WHERE scope IN ('KAFKA_CLUSTER', 'NETWORK')",
            3,
            vec![
                "GET /service-quota/v1/applied-quotas?scope=KAFKA_CLUSTER&page_size=200".to_owned(),
                "GET /service-quota/v1/applied-quotas?scope=NETWORK&page_size=200".to_owned(),
            ],
        ),
        ("iam.users WHERE id = 'a' AND id = 'b'", 0, Vec::new()),
    ] {
        let answer = lab.run(&format!("SELECT * FROM {sql}")).await;
        assert_eq!(answer.rows.len(), rows, "{sql}");
        assert_eq!(answer.sorted_requests(), requests, "{sql}");
        assert_eq!(answer.warnings, [""; 0], "{sql}");
    }
}

#[tokio::test]
async fn every_field_of_an_object_has_its_place() {
    let lab = lab().await;
    let reference = |id: &str| {
        json!({
            "id": id, "environment": "env-a", "related": "https://x/y", "resource_name": "crn://z",
            "api_version": "org/v2", "kind": "Environment",
        })
    };
    let spec = json!({
        "display_name": "orders", "availability": "HIGH", "cloud": "AWS", "region": "eu-west-1",
        "config": {"kind": "Dedicated", "cku": 2}, "kafka_bootstrap_endpoint": "SASL_SSL://b:9092",
        "http_endpoint": "", "endpoints": {"ap-1": {"http_endpoint": "https://h"}},
        "deletion_protection": true, "environment": reference("env-a"), "network": null, "new": [1],
    });
    let kafka = json!({
        "api_version": "cmk/v2", "kind": "Cluster", "id": "lkc-1",
        "metadata": {"self": "https://s", "created_at": "2026-01-02T03:04:05Z"},
        "spec": spec, "status": {"phase": "PROVISIONED", "cku": 2.0},
    });
    lab.sandbox.set_objects("/cmk/v2/clusters", vec![kafka]);
    let answer = lab
        .run(
            "SELECT id, environment, _spec ->> 'new', spec.display_name, spec.config.cku + 1, spec.config.max_ecku,
                    spec.http_endpoint, spec.endpoints, spec.deletion_protection, spec.environment.id, spec.network.id,
                    status.phase, status.cku, metadata.created_at
             FROM managed_kafka_clusters.clusters WHERE environment = 'env-a'",
        )
        .await;
    assert_eq!(
        answer.rows,
        [
            "lkc-1 | env-a | [1] | orders | 3 | NULL |  | {\"ap-1\":{\"http_endpoint\":\"https://h\"}} | true | env-a \
             | NULL | PROVISIONED | 2 | 2026-01-02T03:04:05Z"
        ]
    );
    let quota = json!({
        "id": "q", "scope": "ORGANIZATION", "display_name": "Keys", "default_limit": 10, "applied_limit": 20,
        "usage": 19, "user": reference("u-1"), "organization": reference(ORGANIZATION),
    });
    lab.sandbox
        .set_objects("/service-quota/v1/applied-quotas", vec![quota]);
    let answer = lab
        .run(
            "SELECT id, display_name, default_limit, applied_limit, applied_limit - usage, \"user\".id, organization.id,
                    network.id FROM quotas.applied_quotas WHERE scope = 'ORGANIZATION'",
        )
        .await;
    assert_eq!(
        answer.rows,
        [format!(
            "q | Keys | 10 | 20 | 1 | u-1 | {ORGANIZATION} | NULL"
        )]
    );
}

#[tokio::test]
async fn a_quota_is_told_apart_by_all_that_it_is() {
    let lab = lab().await;
    let quota = |cluster: &str| json!({"id": "q", "scope": "KAFKA_CLUSTER", "kafka_cluster": {"id": cluster}});
    let given = [quota("lkc-1"), quota("lkc-2"), quota("lkc-1")];
    lab.sandbox
        .set_objects("/service-quota/v1/applied-quotas", given.to_vec());
    let answer = lab
        .run("SELECT kafka_cluster.id FROM quotas.applied_quotas")
        .await;
    assert_eq!(answer.sorted(), ["lkc-1", "lkc-2"]);
}

#[tokio::test]
async fn a_number_that_is_none_is_null_with_a_warning() {
    let lab = lab().await;
    let quota = json!({"id": "q", "scope": "NETWORK", "usage": 1.5, "applied_limit": "many"});
    lab.sandbox
        .set_objects("/service-quota/v1/applied-quotas", vec![quota]);
    let answer = lab
        .run("SELECT usage, applied_limit FROM quotas.applied_quotas WHERE scope = 'NETWORK'")
        .await;
    assert_eq!(answer.rows, ["NULL | NULL"]);
    assert_eq!(
        answer.warnings,
        ["2 fields are not of the documented type and are NULL, `usage` among them"]
    );
}

#[tokio::test]
async fn explain_names_the_requests_and_where_their_values_come_from() {
    let lab = lab().await;
    let lab = &lab;
    let plan = |sql: &'static str| async move {
        let answer = lab.run(&format!("EXPLAIN SELECT id FROM {sql}")).await;
        assert_eq!(answer.requests, [""; 0]);
        answer.rows.join("\n").trim().to_owned()
    };
    insta::assert_snapshot!(plan("iam.role_bindings WHERE role_name = 'OrganizationAdmin'").await, @r"
    ProjectionExec: expr=[id@0 as id]
      RoleBindingsScan: requests=[GET /org/v2/organizations?page_size=100, GET /iam/v2/role-bindings?role_name=OrganizationAdmin&crn_pattern=crn%3A%2F%2Fconfluent.cloud%2Forganization%3D{id}&page_size=100], pushed=[role_name = OrganizationAdmin]
    ");
    insta::assert_snapshot!(plan("ksqldb_clusters.clusters").await, @"ClustersScan: requests=[GET /org/v2/environments?page_size=100, GET /ksqldbcm/v2/clusters?environment={id}&page_size=100]");
    insta::assert_snapshot!(plan("org.environments WHERE id = 'env-a'").await, @"EnvironmentsScan: requests=[GET /org/v2/environments/env-a], pushed=[id = env-a]");
}

#[tokio::test]
async fn what_may_not_be_read_fails_and_names_the_role() {
    let lab = lab().await;
    let faults = |path: &str| {
        lab.sandbox
            .set_faults(vec![Fault::status(403).on_path(path)])
    };
    for (path, sql, role) in [
        (
            "/iam/v2/users",
            "iam.users",
            "AccountAdmin or OrganizationAdmin",
        ),
        (
            "/iam/v2/users",
            "iam.users WHERE id = 'u-1'",
            "AccountAdmin or OrganizationAdmin",
        ),
        (
            "/iam/v2/service-accounts",
            "iam.service_accounts WHERE id = 'sa-1'",
            "AccountAdmin or",
        ),
        (
            "/org/v2/organizations",
            "iam.role_bindings",
            "OrganizationAdmin",
        ),
        (
            "/iam/v2/role-bindings",
            "iam.role_bindings",
            "OrganizationAdmin",
        ),
        (
            "/org/v2/environments",
            "managed_kafka_clusters.clusters",
            "EnvironmentAdmin",
        ),
        (
            "/cmk/v2/clusters",
            "managed_kafka_clusters.clusters",
            "CloudClusterAdmin",
        ),
        (
            "/service-quota",
            "quotas.applied_quotas",
            "OrganizationAdmin",
        ),
    ] {
        faults(path);
        let error = lab.fail(&format!("SELECT * FROM {sql}")).await;
        assert!(error.contains("403"), "{sql}: {error}");
        assert!(error.contains(role), "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_table_is_complete_or_an_error() {
    let lab = lab().await;
    let users: Vec<Value> = (0..250).map(SIBLINGS[0].make).collect();
    lab.sandbox.set_objects("/iam/v2/users", users);
    for (fault, requests) in [("nth=2,times=1:429,retry-after=0", 4), ("nth=3:503", 4)] {
        lab.sandbox.set_faults(vec![fault.parse().unwrap()]);
        let answer = lab.run("SELECT count(*) FROM iam.users").await;
        assert_eq!(answer.rows, ["250"], "{fault}");
        assert_eq!(answer.requests.len(), requests, "{fault}");
    }
    for fault in ["page=2:400", "page=3:malformed", "page=2:repeat-token"] {
        lab.sandbox.set_faults(vec![fault.parse().unwrap()]);
        let error = lab.fail("SELECT count(*) FROM iam.users").await;
        assert!(error.starts_with("error: "), "{fault}: {error}");
    }
    lab.sandbox
        .set_faults(vec!["page=2:repeat-keys".parse().unwrap()]);
    assert_eq!(
        lab.run("SELECT count(*) FROM iam.users").await.rows,
        ["250"]
    );
}

#[tokio::test]
async fn what_requests_are_made_of_is_complete_or_an_error() {
    let lab = lab().await;
    for (path, objects, tables) in [
        (
            "/org/v2/environments",
            json!([{ "display_name": "x" }]),
            "managed_kafka_clusters.clusters",
        ),
        (
            "/org/v2/organizations",
            json!([{ "display_name": "x" }]),
            "iam.role_bindings",
        ),
        ("/org/v2/organizations", json!([]), "iam.role_bindings"),
    ] {
        let objects = objects.as_array().unwrap().clone();
        lab.sandbox.set_objects(path, objects);
        let error = lab.fail(&format!("SELECT count(*) FROM {tables}")).await;
        assert!(
            error.contains("its ids are needed for further requests"),
            "{path}: {error}"
        );
    }
}

#[tokio::test]
async fn writes_are_refused_with_the_reason() {
    let lab = Lab::with_options(
        organization(0),
        Options {
            yes: true,
            ..Options::default()
        },
    )
    .await;
    for statement in [
        "DELETE FROM iam.users WHERE id = 'u-1'",
        "UPDATE iam.service_accounts SET display_name = 'x' WHERE id = 'sa-1'",
        "INSERT INTO confluent.org.environments (display_name) VALUES ('x')",
        "EXPLAIN DELETE FROM managed_kafka_clusters.clusters",
        "SHOW INSERT INTO iam.role_bindings",
    ] {
        let error = lab.fail(statement).await;
        assert!(error.contains("can only be read"), "{statement}: {error}");
        assert!(
            error.contains("hint: iamql changes only API keys"),
            "{error}"
        );
        assert!(lab.requests().is_empty(), "{statement}");
    }
    for statement in [
        "DROP TABLE iam.users",
        "TRUNCATE quotas.applied_quotas",
        "CREATE TABLE org.environments AS SELECT 1",
    ] {
        let error = lab.fail(statement).await;
        assert!(error.starts_with("error: "), "{statement}: {error}");
    }
}

#[tokio::test]
async fn methods_can_be_called_by_name() {
    let lab = lab().await;
    lab.sandbox
        .set_objects("/cmk/v2/clusters", vec![cluster("lkc", 1)]);
    let answer = lab
        .run("EXEC /*+ SHOWRESULTS */ confluent.managed_kafka_clusters.clusters.get_cmk_v2cluster @id = 'lkc-0001', @environment = 'env-a'")
        .await;
    assert_eq!(answer.rows.len(), 1);
    assert_eq!(
        answer.requests,
        ["GET /cmk/v2/clusters/lkc-0001?environment=env-a"]
    );
    let answer = lab
        .run("EXEC /*+ SHOWRESULTS */ confluent.org.environments.list_org_v2_environments")
        .await;
    assert_eq!(answer.rows.len(), 2);
    let methods = lab
        .run("SHOW METHODS IN confluent.quotas.applied_quotas")
        .await;
    assert_eq!(
        methods.rows,
        ["list_service_quota_v1applied_quotas |  | SELECT"]
    );
    let services = lab.run("SHOW SERVICES IN confluent").await;
    let names: Vec<_> = services
        .cells
        .iter()
        .map(|row| row[1].as_deref().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "iam",
            "org",
            "managed_kafka_clusters",
            "schema_registry_clusters",
            "ksqldb_clusters",
            "quotas"
        ]
    );
    let error = lab.fail("SHOW METHODS IN clusters").await;
    assert!(
        error.contains("several services have a resource `clusters`"),
        "{error}"
    );
}

#[tokio::test]
async fn environments_are_listed_once_for_all_that_need_them() {
    let lab = lab().await;
    let answer = lab
        .run(
            "SELECT e.id, count(k.id), count(r.id) FROM org.environments e
             LEFT JOIN managed_kafka_clusters.clusters k ON k.environment = e.id
             LEFT JOIN schema_registry_clusters.v3_clusters r ON r.environment = e.id GROUP BY e.id",
        )
        .await;
    assert_eq!(answer.rows.len(), 2);
    let listings = answer.requests.iter();
    let environments = listings.filter(|line| line.starts_with("GET /org/v2/environments"));
    assert_eq!(environments.count(), 1, "{:?}", answer.requests);
    assert_eq!(answer.requests.len(), 5, "{:?}", answer.requests);
}

#[tokio::test]
async fn a_secret_in_an_object_is_nowhere() {
    let lab = Lab::with_keys(0).await;
    let cluster = json!({
        "id": "lkc-1",
        "spec": {"secret": "canary", "display_name": "orders", "environment": {"id": "env-a"}},
        "status": {"phase": "UP", "secret": "canary"},
        "metadata": {"secret": "canary"},
    });
    for (path, object) in [
        ("/org/v2/environments", json!({"id": "env-a"})),
        ("/cmk/v2/clusters", cluster),
        (
            "/iam/v2/users",
            json!({"id": "u-1", "full_name": "Jo", "secret": "canary"}),
        ),
    ] {
        lab.sandbox.set_objects(path, vec![object]);
    }
    for (sql, there) in [
        ("SELECT * FROM managed_kafka_clusters.clusters", "orders"),
        ("SELECT _spec FROM managed_kafka_clusters.clusters", "orders"),
        (
            "SELECT json_extract(spec, '$.secret'), json_extract(spec, '$.display_name') FROM managed_kafka_clusters.clusters",
            "orders",
        ),
        (
            "SELECT CAST(spec AS TEXT), json_extract(status, '$.secret'), CAST(status AS TEXT), CAST(metadata AS TEXT)
             FROM managed_kafka_clusters.clusters",
            "UP",
        ),
        (
            "SELECT value FROM managed_kafka_clusters.clusters, json_each(spec) WHERE key <> 'environment'",
            "orders",
        ),
        ("SELECT * FROM iam.users", "Jo"),
    ] {
        let rows = lab.run(sql).await.rows.join("\n");
        assert!(rows.contains(there), "{sql}: {rows}");
        assert!(!rows.contains("canary"), "{sql}: {rows}");
    }
}
