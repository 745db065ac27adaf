//! What becomes of the keys: every one is reported once, whatever is missing from it or odd about it.

use iamql::sandbox::{Action, Contract, EXTRA_MEMBER, Fault, NextStyle, PageOrder, SecretInReads};
use serde_json::{Value, json};

use crate::support::{Lab, key, number, organization};

const STYLES: [NextStyle; 4] = [
    NextStyle::Absent,
    NextStyle::Null,
    NextStyle::Empty,
    NextStyle::NoMetadata,
];

#[tokio::test]
async fn a_listing_of_any_size_is_whole_however_its_end_is_told() {
    for style in STYLES {
        let lab = Lab::start(organization(0).with(|config| config.next_style = style)).await;
        let mut count = 0;
        for size in [0, 1, 99, 100, 101, 199, 200, 201] {
            while count < size {
                lab.sandbox.insert(key(&number(count), "sa-1", "lkc-1"));
                count += 1;
            }
            let answer = lab.run("SELECT id FROM api_keys").await;
            let expected: Vec<_> = (0..size).map(number).collect();
            assert_eq!(answer.rows, expected, "{style:?}");
            assert_eq!(
                answer.requests.len(),
                size.div_ceil(100).max(1),
                "{style:?}, {size} keys"
            );
        }
    }
}

#[tokio::test]
async fn the_order_of_the_listing_and_what_reads_say_of_secrets_do_not_matter() {
    for (order, secret) in [
        (PageOrder::Ascending, SecretInReads::Absent),
        (PageOrder::Descending, SecretInReads::Empty),
    ] {
        let config = organization(250)
            .with(|config| config.page_order = order)
            .with(|config| config.secret_in_reads = secret)
            .with(|config| config.total_size = true);
        let lab = Lab::start(config).await;
        let answer = lab
            .run("SELECT count(*), count(DISTINCT id), count(spec.secret) FROM api_keys")
            .await;
        assert_eq!(answer.value_list(), ["250", "250", "0"], "{order:?}");
    }
}

#[tokio::test]
async fn every_key_of_a_believable_organization_is_told_as_it_was_sent() {
    let lab = Lab::with_keys(250).await;
    let answer = lab
        .run(
            "SELECT id, spec.display_name, spec.description, spec.owner.id, spec.owner.kind,
                    spec.resource.id, spec.resource.environment, metadata.resource_name, _spec
             FROM api_keys ORDER BY id",
        )
        .await;
    let text = |key: &Value, pointer: &str| {
        let value = key.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or("NULL").to_owned()
    };
    let expected: Vec<_> = lab
        .sandbox
        .keys()
        .iter()
        .map(|key| {
            let mut cells: Vec<_> = [
                "/id",
                "/spec/display_name",
                "/spec/description",
                "/spec/owner/id",
                "/spec/owner/kind",
                "/spec/resource/id",
                "/spec/resource/environment",
                "/metadata/resource_name",
            ]
            .iter()
            .map(|pointer| text(key, pointer))
            .collect();
            let mut spec = key["spec"].clone();
            spec.as_object_mut().unwrap().shift_remove("secret");
            cells.push(spec.to_string());
            cells.join(" | ")
        })
        .collect();
    assert_eq!(answer.rows, expected);
}

#[tokio::test]
async fn what_a_key_lacks_is_null() {
    let bare = json!({"id": "K000"});
    let nulls = json!({
        "id": "K001", "api_version": null, "kind": null, "metadata": null, "spec": null,
    });
    let empty = json!({"id": "K002", "metadata": {}, "spec": {"owner": {}}});
    let partial = json!({
        "id": "K003",
        "metadata": {"created_at": "", "updated_at": null},
        "spec": {"secret": "", "display_name": "", "owner": null, "resource": {"id": null}},
    });
    let lab = Lab::of([bare, nulls, empty, partial]).await;
    let answer = lab
        .run(
            "SELECT id, kind, metadata.created_at, spec.secret, spec.display_name, spec.owner.id,
                    spec.owner IS NULL, spec.resource.id, spec.expires_at, _spec
             FROM api_keys ORDER BY id",
        )
        .await;
    assert_eq!(
        answer.rows,
        [
            "K000 | NULL | NULL | NULL | NULL | NULL | true | NULL | NULL | NULL",
            "K001 | NULL | NULL | NULL | NULL | NULL | true | NULL | NULL | NULL",
            r#"K002 | NULL | NULL | NULL | NULL | NULL | false | NULL | NULL | {"owner":{}}"#,
            r#"K003 | NULL | NULL | NULL |  | NULL | true | NULL | NULL | {"display_name":"","owner":null,"resource":{"id":null}}"#,
        ]
    );
    assert_eq!(answer.warnings, [""; 0]);
    let nobody = lab
        .run("SELECT count(*) FROM vw_api_keys WHERE owner_id IS NULL")
        .await;
    assert_eq!(nobody.value(), "4");
}

#[tokio::test]
async fn a_key_that_comes_twice_is_reported_once() {
    let lab = Lab::with_keys(250).await;
    lab.sandbox.set_faults(vec![Fault::new(Action::RepeatKeys)]);
    for query in [
        "SELECT count(*), count(DISTINCT id) FROM api_keys",
        "SELECT count(*), count(DISTINCT id) FROM vw_api_keys",
        "SELECT count(*), count(DISTINCT id) FROM (SELECT * FROM api_keys LIMIT 250)",
    ] {
        let answer = lab.run(query).await;
        assert_eq!(answer.value_list(), ["250", "250"], "{query}");
    }
    let kinds = lab.run("SELECT count(kind) FROM api_keys").await;
    assert_eq!(kinds.value(), "250");
}

#[tokio::test]
async fn unknown_fields_are_kept_in_the_raw_spec_and_ignored_elsewhere() {
    let mut grown = key("K001", "sa-1", "lkc-1");
    grown["new"] = json!({"deep": [1, 2.5, {"x": null}]});
    grown["spec"]["tags"] = json!(["a", {"b": 1}]);
    grown["spec"]["owner"]["team"] = json!("red");
    let lab = Lab::of([grown.clone()]).await;
    let answer = lab.run("SELECT _spec, spec.owner.id FROM api_keys").await;
    let spec = grown["spec"].as_object_mut().unwrap();
    spec.shift_remove("secret");
    assert_eq!(answer.rows, [format!("{} | sa-1", grown["spec"])]);
    let answer = lab
        .run("SELECT json_extract(_spec, '$.tags[1].b'), _spec -> 'owner' ->> 'team' FROM api_keys")
        .await;
    assert_eq!(answer.rows, ["1 | red"]);
}

#[tokio::test]
async fn json_functions_see_what_the_service_sent() {
    for contract in Contract::ALL {
        let config = organization(0).with(|config| config.extra_members = true);
        let lab = Lab::start(config.with_contract(contract)).await;
        let mut bare = key("K001", "sa-1", "lkc-1");
        bare["spec"] = json!({"owner": {"id": "sa-1"}, "display_name": "x"});
        lab.sandbox.insert(bare);
        let stored = lab.stored("K001").unwrap();
        let extra = EXTRA_MEMBER;
        // What is a member of the objects at each level, and of none that a column declares.
        let there = |pointer: &str| {
            stored
                .pointer(&format!("{pointer}/{extra}"))
                .unwrap()
                .clone()
        };
        let (spec, owner, metadata) = (there("/spec"), there("/spec/owner"), there("/metadata"));
        let plain = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        let mut sent = stored["spec"].clone();
        sent.as_object_mut().unwrap().shift_remove("secret");
        let members: Vec<&str> = sent
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        for (expression, expected) in [
            (format!("json_extract(spec, '$.{extra}')"), plain(&spec)),
            (format!("spec ->> '{extra}'"), plain(&spec)),
            (format!("spec -> 'owner' ->> '{extra}'"), plain(&owner)),
            (
                format!("json_extract(spec, '$.owner.{extra}')"),
                plain(&owner),
            ),
            (
                format!("json_extract(spec.owner, '$.{extra}')"),
                plain(&owner),
            ),
            (format!("spec.owner ->> '{extra}'"), plain(&owner)),
            (
                format!("json_extract(metadata, '$.{extra}')"),
                plain(&metadata),
            ),
            (format!("metadata ->> '{extra}'"), plain(&metadata)),
            (format!("_spec ->> '{extra}'"), plain(&spec)),
            ("CAST(spec AS TEXT)".to_owned(), sent.to_string()),
            ("concat(spec)".to_owned(), sent.to_string()),
            ("to_json(spec)".to_owned(), sent.to_string()),
            (
                "length(spec::text)".to_owned(),
                sent.to_string().chars().count().to_string(),
            ),
            ("spec -> 'owner'".to_owned(), sent["owner"].to_string()),
            (
                "json_extract(spec, '$.owner')".to_owned(),
                sent["owner"].to_string(),
            ),
            (
                "CAST(spec.owner AS TEXT)".to_owned(),
                sent["owner"].to_string(),
            ),
            (
                "json_extract(spec, '$.resource') IS NULL".to_owned(),
                "true".to_owned(),
            ),
            (
                "json_extract(spec, '$.nothing.at.all')".to_owned(),
                "NULL".to_owned(),
            ),
            ("json_type(spec, '$.owner')".to_owned(), "object".to_owned()),
            (
                "json_set(spec, '$.display_name', 'y') ->> 'display_name'".to_owned(),
                "y".to_owned(),
            ),
            (
                format!("json_set(spec, '$.a', 1) ->> '{extra}'"),
                plain(&spec),
            ),
            (
                "(SELECT group_concat(key) FROM json_each(spec))".to_owned(),
                members.join(","),
            ),
            (
                format!("json_group_array(spec) -> 0 ->> '{extra}'"),
                plain(&spec),
            ),
        ] {
            let query = format!("SELECT {expression} FROM api_keys");
            assert_eq!(lab.run(&query).await.value(), expected, "{query}");
        }
        // The JSON goes with the object wherever that goes.
        for from in [
            "(SELECT * FROM api_keys) t",
            "(SELECT * FROM api_keys UNION ALL SELECT * FROM api_keys WHERE false) t",
            "(SELECT DISTINCT * FROM api_keys) t",
            "(SELECT a.* FROM api_keys a LEFT JOIN api_keys b ON a.id = b.id || 'x') t",
            "(SELECT max_by(spec, id) AS spec, max_by(metadata, id) AS metadata FROM api_keys) t",
            "saved",
        ] {
            if from == "saved" {
                let _ = lab
                    .run("CREATE OR REPLACE TABLE saved AS SELECT * FROM api_keys")
                    .await;
            }
            let query = format!(
                "SELECT spec ->> '{extra}', spec.owner ->> '{extra}', metadata ->> '{extra}', CAST(spec AS TEXT) FROM {from}"
            );
            let expected = [
                plain(&spec),
                plain(&owner),
                plain(&metadata),
                sent.to_string(),
            ];
            assert_eq!(lab.run(&query).await.value_list(), expected, "{query}");
        }
        // Rows that leave have the columns that are declared, and nothing else.
        let all = lab.run("SELECT spec, metadata FROM api_keys").await;
        assert!(
            !all.rows[0].contains(extra) && !all.rows[0].contains("json"),
            "{all:?}"
        );
        let copied = lab
            .run(
                "COPY (SELECT id, spec FROM api_keys) TO '{dir}/keys.parquet';
                 SELECT arrow_typeof(spec) FROM '{dir}/keys.parquet'",
            )
            .await;
        assert!(!copied.value().contains("json"), "{copied:?}");
    }
}

#[tokio::test]
async fn paths_into_the_json_are_pushed_down_where_they_lead_to_a_field() {
    let lab = Lab::of([key("K001", "sa-1", "lkc-1")]).await;
    for path in [
        "spec -> 'owner' ->> 'id'",
        "spec -> 'owner' -> 'id'",
        "json_extract(spec, '$.owner.id')",
        "json_extract(spec -> 'owner', '$.id')",
    ] {
        let answer = lab
            .run(&format!("SELECT id FROM api_keys WHERE {path} = 'sa-1'"))
            .await;
        assert_eq!(answer.rows, ["K001"], "{path}");
        assert_eq!(
            answer.requests,
            ["GET /iam/v2/api-keys?spec.owner=sa-1&show_expired=true&page_size=100"],
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_secret_in_the_answer_to_a_read_is_in_no_row() {
    let lab = Lab::of([key("K001", "sa-1", "lkc-1")]).await;
    lab.sandbox
        .set_faults(vec!["get:leak-secrets".parse().unwrap()]);
    for sql in [
        "SELECT spec.secret IS NULL AND _spec ->> 'secret' IS NULL AND spec ->> 'secret' IS NULL FROM api_keys",
        "SELECT spec.secret IS NULL AND _spec NOT LIKE '%secret%' AND spec::text NOT LIKE '%secret%' FROM api_keys WHERE id = 'K001'",
        "SELECT json_extract(spec, '$.secret', '$.secret') = '[null,null]' FROM api_keys",
    ] {
        assert_eq!(lab.run(sql).await.value(), "true", "{sql}");
    }
    let all = lab.run("SELECT *, CAST(spec AS TEXT) FROM api_keys").await;
    assert!(!all.rows[0].contains("cflt"), "{all:?}");
}

#[tokio::test]
async fn timestamps_that_cannot_be_read_are_null_with_one_warning() {
    let lab = Lab::of((0..150).map(|n| {
        let mut key = key(&number(n), "sa-1", "lkc-1");
        if n % 50 == 0 {
            key["metadata"]["created_at"] = json!("yesterday");
            key["spec"]["expires_at"] = json!("2026-13-45");
        }
        key
    }))
    .await;
    let answer = lab
        .run("SELECT count(*), count(metadata.created_at), count(spec.expires_at) FROM api_keys")
        .await;
    assert_eq!(answer.value_list(), ["150", "147", "0"]);
    assert_eq!(
        answer.warnings,
        ["6 dates or timestamps could not be read and are NULL, `yesterday` among them"]
    );
    let one = lab
        .run("SELECT metadata.created_at FROM api_keys WHERE id = 'K050'")
        .await;
    assert_eq!(one.value(), "NULL");
    assert_eq!(
        one.warnings,
        ["a date or timestamp could not be read and is NULL: `yesterday`"]
    );
    // As text they are what the service sent.
    for sql in [
        "SELECT metadata ->> 'created_at', spec ->> 'expires_at' FROM api_keys WHERE id = 'K050'",
        "SELECT json_extract(metadata, '$.created_at'), json_extract(spec, '$.expires_at') FROM api_keys WHERE id = 'K050'",
    ] {
        let text = lab.run(sql).await;
        assert_eq!(text.value_list(), ["yesterday", "2026-13-45"], "{sql}");
    }
    // Fields that nobody uses are not read, nor are their neighbours.
    let others = lab
        .run("SELECT count(metadata), count(spec.owner.id) FROM api_keys")
        .await;
    assert_eq!(others.value_list(), ["150", "150"]);
    assert_eq!(others.warnings.len(), 1);
    let others = lab
        .run("SELECT count(spec.resource.id), count(spec.owner.id) FROM api_keys WHERE metadata.updated_at IS NULL")
        .await;
    assert_eq!(others.warnings, [""; 0]);
}

#[tokio::test]
async fn fields_of_another_type_are_null_with_one_warning() {
    let mut odd = key("K001", "sa-1", "lkc-1");
    odd["spec"]["owner"] = json!("sa-1");
    odd["spec"]["resource"] = json!(["lkc-1"]);
    odd["spec"]["description"] = json!(7);
    let lab = Lab::of([odd]).await;
    let answer = lab
        .run("SELECT spec.owner.id, spec.resource, spec.description FROM api_keys")
        .await;
    assert_eq!(answer.rows, ["NULL | NULL | 7"]);
    assert_eq!(
        answer.warnings,
        ["2 fields are not of the documented type and are NULL, `owner` among them"]
    );
}

#[tokio::test]
async fn timestamps_are_utc_to_the_microsecond() {
    let mut zoned = key("K001", "sa-1", "lkc-1");
    zoned["metadata"]["created_at"] = json!("2026-01-02T03:04:05.1234567+02:00");
    zoned["metadata"]["updated_at"] = json!("2026-01-02T03:04:05Z");
    let lab = Lab::of([zoned]).await;
    let answer = lab
        .run("SELECT metadata.created_at, metadata.updated_at FROM api_keys")
        .await;
    assert_eq!(
        answer.rows,
        ["2026-01-02T01:04:05.123456Z | 2026-01-02T03:04:05Z"]
    );
}

#[tokio::test]
async fn names_of_any_script_and_with_any_quote_arrive_unharmed() {
    for name in [
        "",
        "naïve \"quoted\" 'name'",
        "日本語 🔑",
        "back\\slash\ttab\nline",
        "\u{202e}right to left",
        "NULL",
        "0",
    ] {
        let mut named = key("K001", "sa-1", "lkc-1");
        named["spec"]["display_name"] = json!(name);
        let lab = Lab::of([named]).await;
        let answer = lab
            .run(&format!(
                "SELECT spec.display_name FROM api_keys WHERE spec.display_name = '{}'",
                name.replace('\'', "''")
            ))
            .await;
        assert_eq!(answer.rows, [name]);
    }
}

#[tokio::test]
async fn the_link_to_the_next_page_is_read_for_its_token_alone() {
    let lab = Lab::with_keys(250).await;
    lab.sandbox.set_faults(vec![Fault::new(Action::ForeignNext {
        host: "elsewhere.example".to_owned(),
    })]);
    let answer = lab.run("SELECT count(*) FROM api_keys").await;
    assert_eq!(answer.value(), "250");
    assert_eq!(answer.requests.len(), 3);
}
