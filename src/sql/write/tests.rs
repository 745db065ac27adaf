use super::*;
use crate::dialect::parse::{as_sql, parse};

fn write(sql: &str) -> Result<Option<Write>, Error> {
    Write::of(as_sql(&parse(sql).unwrap()).unwrap())
}

fn insert(sql: &str) -> Insert {
    match write(sql) {
        Ok(Some(Write::Insert(insert))) => *insert,
        other => panic!("{sql} is an INSERT: {other:?}"),
    }
}

fn update(sql: &str) -> Update {
    match write(sql) {
        Ok(Some(Write::Update(update))) => *update,
        other => panic!("{sql} is an UPDATE: {other:?}"),
    }
}

fn error(sql: &str) -> String {
    let error = write(sql).unwrap_err();
    format!(
        "{} @{} ({})",
        error.message,
        error.span.map_or(0, |span| span.start.column),
        error.hint.unwrap_or_default()
    )
}

#[test]
fn every_spelling_of_a_field_is_the_same_field() {
    let names = |sql: &str| {
        insert(sql)
            .targets
            .iter()
            .map(Target::name)
            .collect::<Vec<_>>()
    };
    for sql in [
        "INSERT INTO confluent.iam.api_keys (spec.display_name, spec.owner.id) VALUES ('a', 'b')",
        "INSERT INTO api_keys (\"spec.display_name\", SPEC.Owner.Id) VALUES ('a', 'b')",
        "INSERT INTO iam.api_keys (data__spec.display_name, api_keys.spec.owner.id) SELECT 'a', 'b'",
    ] {
        assert_eq!(names(sql), ["spec.display_name", "spec.owner.id"], "{sql}");
    }
    assert_eq!(
        names("INSERT INTO api_keys (data__spec) SELECT '{}'"),
        ["spec"]
    );
}

#[test]
fn fields_that_cannot_be_set_are_refused_with_the_next_step() {
    insta::assert_snapshot!(error("INSERT INTO api_keys (id) VALUES ('a')"), @"`id` is read-only: the service sets it @23 (leave it out)");
    insta::assert_snapshot!(error("INSERT INTO api_keys (spec.owner.related) VALUES ('a')"), @"`spec.owner.related` is read-only: the service sets it @23 (leave it out)");
    insta::assert_snapshot!(error("INSERT INTO api_keys (spec.dislay_name) VALUES ('a')"), @"no field `spec.dislay_name` @23 (did you mean `spec.display_name`?)");
    insta::assert_snapshot!(error("INSERT INTO api_keys (owner.id) VALUES ('a')"), @"no field `owner.id` @23 (did you mean `spec.owner.id`?)");
    insta::assert_snapshot!(error("INSERT INTO api_keys (spec, spec.owner.id) VALUES ('a', 'b')"), @"`spec` and `spec.owner.id` set the same field @29 (set it once)");
    insta::assert_snapshot!(error("INSERT INTO api_keys VALUES ('a')"), @"INSERT needs the list of fields that it sets @13 (for example INSERT INTO api_keys (spec.display_name, spec.owner.id, spec.resource.id) VALUES (…))");
    insta::assert_snapshot!(error("INSERT INTO api_keys (spec.owner.id) VALUES ('a'), ('b', 'c')"), @"row 2 has 2 values for 1 fields @53 ()");
    insta::assert_snapshot!(error("UPDATE api_keys SET spec.owner.id = 'a'"), @"`spec.owner.id` cannot be changed once the key exists @21 (only spec.display_name and spec.description can; for anything else create a new key and delete this one)");
    insta::assert_snapshot!(error("UPDATE api_keys SET id = 'a'"), @"`id` is read-only: the service sets it @21 (leave it out)");
    insta::assert_snapshot!(error("UPDATE api_keys SET spec.descripton = 'a'"), @"no field `spec.descripton` @21 (did you mean `spec.description`?)");
    insta::assert_snapshot!(error("UPDATE api_keys SET spec.description = 'a', spec.description = 'b'"), @"`spec.description` is set twice @45 (set it once)");
}

#[test]
fn writes_that_there_is_no_request_for_are_refused() {
    insta::assert_snapshot!(error("INSERT INTO vw_api_keys (id) VALUES ('a')"), @"`vw_api_keys` is a view and cannot be written @13 (write to `api_keys`; its columns are paths such as spec.display_name)");
    insta::assert_snapshot!(error("INSERT INTO api_keys (spec) VALUES ('{}') ON CONFLICT DO NOTHING"), @"INSERT … ON CONFLICT is not possible: a new key never conflicts with another @0 (leave it out; UPDATE changes keys that exist)");
    insta::assert_snapshot!(error("DELETE FROM api_keys WHERE id = 'a' LIMIT 1"), @"DELETE does not support ORDER BY or LIMIT @0 (choose the rows in WHERE: DELETE … WHERE id IN (SELECT id FROM api_keys … LIMIT n))");
    let refused = |sql: &str| {
        let error = refuse(as_sql(&parse(sql).unwrap()).unwrap()).unwrap_err();
        format!("{} ({})", error.message, error.hint.unwrap_or_default())
    };
    insta::assert_snapshot!(refused("BEGIN"), @"the service has no transactions: every request takes effect at once (leave BEGIN, COMMIT and ROLLBACK out; --dry-run shows what a statement would do)");
    insta::assert_snapshot!(refused("TRUNCATE TABLE api_keys"), @"TRUNCATE cannot empty `api_keys` (use DELETE, which shows what it will revoke)");
    insta::assert_snapshot!(refused("DROP TABLE confluent.iam.api_keys"), @"`confluent.iam.api_keys` belongs to the service: it cannot be created, altered or dropped (choose another name for a table or view of your own; DELETE revokes keys)");
    insta::assert_snapshot!(refused("CREATE TABLE api_keys (id INT)"), @"`api_keys` belongs to the service: it cannot be created, altered or dropped (choose another name for a table or view of your own; DELETE revokes keys)");
    insta::assert_snapshot!(refused("MERGE INTO api_keys k USING x ON k.id = x.id WHEN MATCHED THEN DELETE"), @"MERGE cannot write to `api_keys` (use INSERT … SELECT for new keys, and UPDATE … FROM for those that exist)");
}

#[test]
fn other_tables_are_left_to_the_engine() {
    for sql in [
        "INSERT INTO copies VALUES (1)",
        "INSERT INTO other.iam.api_keys VALUES (1)",
        "UPDATE t SET a = 1",
        "DELETE FROM t",
    ] {
        assert!(write(sql).unwrap().is_none(), "{sql}");
    }
}

#[test]
fn the_rows_of_a_write_are_found_by_queries() {
    let update = update(
        "UPDATE api_keys k SET spec.display_name = k.id || o.x FROM o WHERE k.id = o.id RETURNING id",
    );
    insta::assert_snapshot!(update.rows, @r#"SELECT k.*, k.id || o.x AS "__value_0" FROM api_keys k, o WHERE k.id = o.id"#);
    insta::assert_snapshot!(update.ids, @"SELECT k.id FROM api_keys k, o WHERE k.id = o.id");
    insta::assert_snapshot!(update.values, @r#"SELECT k.id || o.x AS "__value_0""#);
    insta::assert_snapshot!(update.returning.unwrap().query, @"SELECT id FROM api_keys k");
    assert!(!update.is_unbounded);
    let Ok(Some(Write::Delete(delete))) = write("DELETE FROM confluent.iam.api_keys") else {
        panic!("it is a DELETE");
    };
    insta::assert_snapshot!(delete.rows, @"SELECT * FROM confluent.iam.api_keys");
    insta::assert_snapshot!(delete.ids, @"SELECT confluent.iam.api_keys.id FROM confluent.iam.api_keys");
    assert!(delete.is_unbounded);
}

#[test]
fn default_is_the_absence_of_a_value() {
    let insert = insert(
        "INSERT INTO api_keys (spec.display_name, spec.owner.id) VALUES (DEFAULT, 'a'), ('b', 'c')",
    );
    assert_eq!(insert.defaults, [(0, 0)]);
    assert!(!insert.is_copy);
    insta::assert_snapshot!(insert.source, @"VALUES (NULL, 'a'), ('b', 'c')");
}
