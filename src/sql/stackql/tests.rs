use super::*;

fn read(text: &str) -> Result<Option<Reading>, Error> {
    super::read(&Piece::new(text), Dialect::Stackql)
}

fn answer(text: &str) -> Answer {
    match read(text) {
        Ok(Some(Reading::Stackql(Stackql::Answer(answer)))) => answer,
        other => panic!("{text}: {other:?}"),
    }
}

fn rows(text: &str) -> String {
    let answer = answer(text);
    let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "NULL".to_owned());
    let rows = answer
        .rows
        .iter()
        .map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" | "));
    std::iter::once(answer.columns.join(" | "))
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}

fn sql(text: &str) -> String {
    match read(text) {
        Ok(Some(Reading::Statement { statement, .. })) => statement.to_string(),
        other => panic!("{text}: {other:?}"),
    }
}

fn error(text: &str) -> String {
    let error = read(text).unwrap_err();
    format!(
        "{} @{} ({})",
        error.message,
        error.span.map_or(0, |span| span.start.column),
        error.hint.unwrap_or_default()
    )
}

#[test]
fn the_table_can_be_discovered_from_the_top() {
    insta::assert_snapshot!(rows("SHOW PROVIDERS"), @r"
    name | version
    confluent | v0.1.0
    ");
    insta::assert_snapshot!(rows("show services in confluent"), @r"
    id | name | title
    iam:v0.1.0 | iam | Identity and access management
    org:v0.1.0 | org | Organization
    managed_kafka_clusters:v0.1.0 | managed_kafka_clusters | Kafka clusters
    schema_registry_clusters:v0.1.0 | schema_registry_clusters | Schema Registries
    ksqldb_clusters:v0.1.0 | ksqldb_clusters | ksqlDB clusters
    quotas:v0.1.0 | quotas | Service quotas
    ");
    insta::assert_snapshot!(rows("SHOW EXTENDED RESOURCES FROM confluent.iam"), @r"
    name | id | description
    api_keys | confluent.iam.api_keys | API keys
    users | confluent.iam.users | users
    service_accounts | confluent.iam.service_accounts | service accounts
    role_bindings | confluent.iam.role_bindings | role bindings
    vw_api_keys | confluent.iam.vw_api_keys | API keys, flat and read-only, for people
    vw_api_key_inventory | confluent.iam.vw_api_key_inventory | API keys with the names of their owners and of what they open
    vw_api_key_findings | confluent.iam.vw_api_key_findings | What may be wrong with keys: a row for each finding
    ");
    insta::assert_snapshot!(rows("SHOW METHODS IN confluent.iam.api_keys"), @r"
    MethodName | RequiredParams | SQLVerb
    get_iam_v2api_key | id | SELECT
    list_iam_v2api_keys |  | SELECT
    create_iam_v2api_key | spec | INSERT
    delete_iam_v2api_key | id | DELETE
    update_iam_v2api_key | id | UPDATE
    ");
    insta::assert_snapshot!(rows("SHOW EXTENDED METHODS IN \"confluent\".\"iam\".\"api_keys\""), @r"
    MethodName | RequiredParams | SQLVerb | description | request
    get_iam_v2api_key | id | SELECT | Reads one API key | GET /iam/v2/api-keys/{id}
    list_iam_v2api_keys |  | SELECT | Reads all API keys that the credentials may see, page by page | GET /iam/v2/api-keys
    create_iam_v2api_key | spec | INSERT | Creates an API key; its secret is in the answer and nowhere else | POST /iam/v2/api-keys
    delete_iam_v2api_key | id | DELETE | Revokes an API key for good | DELETE /iam/v2/api-keys/{id}
    update_iam_v2api_key | id | UPDATE | Changes the name and the description of an API key | PATCH /iam/v2/api-keys/{id}
    ");
}

#[test]
fn filters_are_kept_for_the_session() {
    assert_eq!(
        answer("SHOW SERVICES IN confluent LIKE '%iam%'").filter,
        Filter::Like("%iam%".to_owned())
    );
    let filter =
        answer("SHOW METHODS IN api_keys WHERE SQLVerb = 'SELECT' AND MethodName LIKE 'get%'")
            .filter;
    assert!(matches!(filter, Filter::Where(_)));
}

#[test]
fn a_statement_to_edit_holds_every_field_that_can_be_set() {
    insta::assert_snapshot!(rows("SHOW INSERT INTO confluent.iam.api_keys"), @r#"
    insert_statement
    INSERT INTO confluent.iam.api_keys (spec)
    SELECT '{
      "display_name": "{{ display_name }}",
      "description": "{{ description }}",
      "expires_at": "{{ expires_at }}",
      "owner": {
        "id": "{{ owner_id }}",
        "api_version": "{{ owner_api_version }}",
        "kind": "{{ owner_kind }}"
      },
      "resource": {
        "id": "{{ resource_id }}",
        "environment": "{{ resource_environment }}",
        "api_version": "{{ resource_api_version }}",
        "kind": "{{ resource_kind }}"
      }
    }'
    RETURNING id, spec.secret;
    "#);
    insta::assert_snapshot!(rows("SHOW INSERT /*+ REQUIRED */ INTO confluent.iam.api_keys (data__spec)"), @r#"
    insert_statement
    INSERT INTO confluent.iam.api_keys (data__spec)
    SELECT '{
      "owner": {
        "id": "{{ owner_id }}"
      }
    }'
    RETURNING id, spec.secret;
    "#);
}

#[test]
fn methods_are_described_with_their_parameters() {
    insta::assert_snapshot!(rows("DESCRIBE METHOD confluent.iam.api_keys.update_iam_v2_api_key"), @r#"
    name | type | param_type | shape
    id | string | input_required | 
    spec | object | input_optional | {"properties":{"display_name":{"type":"string"},"description":{"type":"string"}},"type":"object"}
    api_version | string | output | 
    id | string | output | 
    kind | string | output | 
    metadata | object | output | {"properties":{"self":{"type":"string"},"resource_name":{"type":"string"},"created_at":{"format":"date-time","type":"string"},"updated_at":{"format":"date-time","type":"string"},"deleted_at":{"format":"date-time","type":"string"}},"type":"object"}
    spec | object | output | {"properties":{"secret":{"type":"string"},"display_name":{"type":"string"},"description":{"type":"string"},"expires_at":{"format":"date","type":"string"},"created_by":{"type":"string"},"owner":{"properties":{"id":{"type":"string"},"related":{"type":"string"},"resource_name":{"type":"string"},"api_version":{"type":"string"},"kind":{"type":"string"}},"type":"object"},"resource":{"properties":{"id":{"type":"string"},"environment":{"type":"string"},"related":{"type":"string"},"resource_name":{"type":"string"},"api_version":{"type":"string"},"kind":{"type":"string"}},"type":"object"}},"type":"object"}
    "#);
    insta::assert_snapshot!(rows("DESCRIBE METHOD EXTENDED confluent.iam.api_keys.delete_iam_v2api_key"), @r"
    name | type | param_type | shape | description
    id | string | input_required |  | The API key
    ");
}

#[test]
fn exec_is_sql_of_another_name() {
    insta::assert_snapshot!(sql("EXEC confluent.iam.api_keys.get_iam_v2api_key @id = 'K''1'"), @"SELECT * FROM confluent.iam.api_keys WHERE id = 'K''1'");
    insta::assert_snapshot!(sql("EXEC /*+ SHOWRESULTS */ confluent.iam.api_keys.list_iam_v2_api_keys"), @"SELECT * FROM confluent.iam.api_keys");
    insta::assert_snapshot!(sql(r#"EXEC confluent.iam.api_keys.list_iam_v2api_keys @"spec.owner" = 'sa-1', @spec.resource = 'lkc-1', @page_size = 10"#), @"SELECT * FROM confluent.iam.api_keys WHERE spec.owner.id = 'sa-1' AND spec.resource.id = 'lkc-1'");
    insta::assert_snapshot!(sql(r#"EXEC /*+ AWAIT */ confluent.iam.api_keys.create_iam_v2api_key @@json = '{"spec": {"owner": {"id": "sa-1"}}}'"#), @r#"INSERT INTO confluent.iam.api_keys (spec) SELECT '{"owner":{"id":"sa-1"}}'"#);
    insta::assert_snapshot!(sql(r#"EXEC /*+ SHOWRESULTS */ confluent.iam.api_keys.update_iam_v2api_key @id = 'K1' @@json = '{"spec": {"description": "x"}}'"#), @r#"UPDATE confluent.iam.api_keys SET spec = '{"description":"x"}' WHERE id = 'K1' RETURNING *"#);
    insta::assert_snapshot!(sql("EXEC confluent.iam.api_keys.delete_iam_v2api_key @id='K1'"), @"DELETE FROM confluent.iam.api_keys WHERE id = 'K1'");
}

#[test]
fn what_does_not_exist_gets_the_nearest_name_and_all_there_are() {
    insta::assert_snapshot!(error("SHOW SERVICES IN conflunt"), @"no provider `conflunt` @18 (did you mean `confluent`? There is: confluent)");
    insta::assert_snapshot!(error("SHOW METHODS IN confluent.iam.api_key"), @"no resource `api_key` @17 (did you mean `api_keys`? There is: api_keys, users, service_accounts, role_bindings)");
    insta::assert_snapshot!(error("EXEC confluent.iam.api_keys.get_iam_v2api_keyy @id = 'x'"), @"no method `get_iam_v2api_keyy` @6 (did you mean `get_iam_v2api_key`? There is: get_iam_v2api_key, list_iam_v2api_keys, create_iam_v2api_key, delete_iam_v2api_key, update_iam_v2api_key)");
    insta::assert_snapshot!(error("EXEC confluent.iam.api_keys.get_iam_v2api_key @ID_ = 'x'"), @"no parameter `id_` @47 (did you mean `@id`? There is: @id)");
    insta::assert_snapshot!(error("EXEC confluent.iam.api_keys.get_iam_v2api_key @id = $key"), @"EXEC takes values, and no parameters such as `$key` @53 (SELECT, INSERT, UPDATE and DELETE take parameters, as in DELETE FROM api_keys WHERE id = $key)");
    insta::assert_snapshot!(error("EXEC confluent.iam.api_keys.get_iam_v2api_key"), @"`get_iam_v2api_key` needs @id @0 (add @id = '…')");
    insta::assert_snapshot!(error("EXEC confluent.iam.api_keys.delete_iam_v2api_key @id = 'x' @@json = '{}'"), @"`delete_iam_v2api_key` does not accept a body @60 ()");
    insta::assert_snapshot!(error("EXEC confluent.iam.api_keys.create_iam_v2api_key @@json = '{\"owner\": 1}'"), @r#"@@json has no `spec` @50 (it is the whole body of the request: '{"spec": {…}}')"#);
    insta::assert_snapshot!(error("REPLACE confluent.iam.api_keys SET spec = 'x'"), @"REPLACE has no method: the service cannot replace a key @0 (UPDATE changes a key's name and description; SHOW METHODS IN confluent.iam.api_keys lists what there is)");
    insta::assert_snapshot!(error("USE aws"), @"no provider `aws` @5 (there is: confluent)");
    insta::assert_snapshot!(error("SLEEP soon"), @"SLEEP needs a number of milliseconds @7 (for example SLEEP 100)");
}

#[test]
fn other_statements_are_left_alone() {
    for text in [
        "SELECT 1",
        "SHOW TABLES",
        "SHOW datafusion.execution.batch_size",
        "SHOW ALL",
        "DESCRIBE SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "DROP VIEW v",
        "EXECUTE p('x')",
        "'unterminated",
        "",
    ] {
        assert_eq!(read(text), Ok(None), "{text}");
    }
}

#[test]
fn views_that_hold_their_rows_are_tables() {
    let read = |text: &str| read(text).unwrap().unwrap();
    match read("CREATE OR REPLACE MATERIALIZED VIEW mv AS\n SELECT id\nFROM api_keys") {
        Reading::Stackql(Stackql::Materialize { name, fill }) => {
            assert_eq!(name, "mv");
            let expected = "CREATE OR REPLACE TABLE mv AS SELECT id FROM api_keys";
            assert_eq!(fill.to_string(), expected);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        read("REFRESH MATERIALIZED VIEW mv"),
        Reading::Stackql(Stackql::Refresh {
            name: "mv".to_owned()
        })
    );
    assert_eq!(
        sql("DROP MATERIALIZED VIEW IF EXISTS mv"),
        "DROP TABLE IF EXISTS mv"
    );
}

#[test]
fn there_is_one_provider_so_that_it_need_not_be_named() {
    for (short, long) in [
        ("SHOW SERVICES", "SHOW SERVICES IN confluent"),
        ("SHOW RESOURCES", "SHOW RESOURCES IN confluent"),
        ("SHOW RESOURCES FROM iam", "SHOW RESOURCES IN confluent.iam"),
        (
            "SHOW METHODS IN iam.api_keys",
            "SHOW METHODS IN confluent.iam.api_keys",
        ),
    ] {
        assert_eq!(rows(short), rows(long), "{short}");
    }
    assert_eq!(answer("SHOW METHODS").rows.len(), 5 + 8 * 2 + 1);
    assert_eq!(answer("SHOW RESOURCES IN confluent.org").rows.len(), 2);
    assert!(
        answer("SHOW METHODS IN confluent.iam.vw_api_keys")
            .rows
            .is_empty()
    );
}

#[test]
fn extended_answers_have_the_columns_of_stackql() {
    insta::assert_snapshot!(rows("SHOW EXTENDED SERVICES IN confluent"), @r"
    id | name | title | description | version | preferred
    iam:v0.1.0 | iam | Identity and access management | Who may do what in Confluent Cloud | v0.1.0 | NULL
    org:v0.1.0 | org | Organization | What everything else belongs to | v0.1.0 | NULL
    managed_kafka_clusters:v0.1.0 | managed_kafka_clusters | Kafka clusters | The Kafka clusters of an environment | v0.1.0 | NULL
    schema_registry_clusters:v0.1.0 | schema_registry_clusters | Schema Registries | The Schema Registry of an environment | v0.1.0 | NULL
    ksqldb_clusters:v0.1.0 | ksqldb_clusters | ksqlDB clusters | The ksqlDB clusters of an environment | v0.1.0 | NULL
    quotas:v0.1.0 | quotas | Service quotas | Quotas and their usage | v0.1.0 | NULL
    ");
    assert_eq!(
        answer("SHOW EXTENDED VERSION").columns,
        ["version", "commit", "build_date", "platform"]
    );
}

#[test]
fn a_statement_to_edit_may_set_single_fields() {
    insta::assert_snapshot!(rows("SHOW INSERT INTO api_keys (spec.display_name, spec.owner.id)"), @r"
    insert_statement
    INSERT INTO confluent.iam.api_keys (spec.display_name, spec.owner.id)
    SELECT '{{ display_name }}', '{{ owner_id }}'
    RETURNING id, spec.secret;
    ");
}

#[test]
fn listings_with_a_filter_are_queries() {
    insta::assert_snapshot!(sql("SHOW TABLES LIKE 'api%'"), @"SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables WHERE table_name ILIKE 'api%'");
    insta::assert_snapshot!(sql("SHOW TABLES FROM confluent.iam WHERE table_type = 'VIEW'"), @"SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables WHERE table_catalog = 'confluent' AND table_schema = 'iam' AND (table_type = 'VIEW')");
    insta::assert_snapshot!(sql("SHOW SCHEMAS"), @"SELECT catalog_name, schema_name FROM information_schema.schemata");
    assert_eq!(read("SHOW TABLES").unwrap(), None);
    assert_eq!(read("SHOW datafusion.execution.batch_size").unwrap(), None);
}

#[test]
fn what_cannot_be_shown_gets_what_can() {
    insta::assert_snapshot!(error("SHOW PROVIDER"), @"no SHOW `provider` @6 (did you mean `providers`? There is: providers, services, resources, methods, insert, tables, columns, functions, schemas, databases, catalogs, version, auth, create, dialect, all)");
    insta::assert_snapshot!(error("SHOW AUTH google"), @"no provider `google` @11 (there is: confluent)");
    let cut_off = error("SHOW TRANSACTION ISOLATION").to_lowercase();
    assert!(cut_off.contains("level"), "{cut_off}");
    insta::assert_snapshot!(error("SHOW INSERT INTO api_keys (spec.owner.idd)"), @"no column `spec.owner.idd` @28 (did you mean `spec.owner.id`? There is: spec, data__spec, spec.display_name, spec.description, spec.expires_at, spec.owner.id, spec.owner.api_version, spec.owner.kind, spec.resource.id, spec.resource.environment, spec.resource.api_version, spec.resource.kind)");
}

#[test]
fn a_call_of_a_method_says_what_does_not_fit() {
    insta::assert_snapshot!(error("EXEC api_keys.get_iam_v2api_key @id = 'a', @id = 'b'"), @"`@id` is given twice @44 (leave one of them out)");
    insta::assert_snapshot!(error("EXEC api_keys.get_iam_v2api_key @id = ''"), @"`get_iam_v2api_key` needs @id @0 (add @id = '…')");
    insta::assert_snapshot!(error("EXEC api_keys.list_iam_v2api_keys @page_token = 'x'"), @"no parameter `page_token` @35 (leave it out: all pages are read for you)");
    insta::assert_snapshot!(error("EXEC api_keys.list_iam_v2api_keys @owner = 'x'"), @r#"no parameter `owner` @35 (did you mean @"spec.owner"?)"#);
    insta::assert_snapshot!(error("EXEC api_keys.create_iam_v2api_key @data__spec = '{}', @spec = '{}'"), @"the body is given twice, by `@data__spec` and `@spec` @56 (leave one of them out)");
    insta::assert_snapshot!(error(r#"EXEC api_keys.update_iam_v2api_key @id = 'a' @@json = '{"spec": {}, "id": "b"}'"#), @"`id` in @@json is read-only: the service sets it @46 (leave it out)");
    insta::assert_snapshot!(error(r#"EXEC api_keys.update_iam_v2api_key @id = 'a' @@json = '{"spec": {}, "knd": "x"}'"#), @"no member of @@json `knd` @46 (did you mean `kind`? There is: id, api_version, kind, metadata, spec)");
    insta::assert_snapshot!(error("EXEC confluent.iam.api_keys @id = 'a'"), @"expected the name of a method @6 (SHOW METHODS IN confluent.iam.api_keys lists them)");
    insta::assert_snapshot!(error("DESCRIBE METHOD confluent.iam.api_keys"), @"expected the name of a method @17 (SHOW METHODS IN confluent.iam.api_keys lists them)");
    insta::assert_snapshot!(error("DESCRIBE confluent.iam.api_keys.get_iam_v2api_key"), @"`get_iam_v2api_key` is not a table @10 (write DESCRIBE METHOD confluent.iam.api_keys.get_iam_v2api_key)");
    insta::assert_snapshot!(error("EXEC api_keys.get_api_key @id = 'a'"), @"no method `get_api_key` @6 (did you mean `get_iam_v2api_key`? There is: get_iam_v2api_key, list_iam_v2api_keys, create_iam_v2api_key, delete_iam_v2api_key, update_iam_v2api_key)");
    insta::assert_snapshot!(error("EXEC vw_api_keys.get_iam_v2api_key @id = 'a'"), @"`vw_api_keys` is a view, which has no methods @6 (the methods are those of confluent.iam.api_keys)");
}

#[test]
fn a_call_can_be_explained_and_spelled_out() {
    insta::assert_snapshot!(sql("EXPLAIN EXEC api_keys.delete_iam_v2api_key @id = 'a'"), @"EXPLAIN DELETE FROM confluent.iam.api_keys WHERE id = 'a'");
    insta::assert_snapshot!(sql("EXECUTE confluent.iam.api_keys.get_iam_v2_api_key @id = 'a'"), @"SELECT * FROM confluent.iam.api_keys WHERE id = 'a'");
    assert_eq!(read("EXPLAIN SELECT 1").unwrap(), None);
    assert_eq!(read("EXECUTE prepared(1)").unwrap(), None);
}
