//! What stands between a statement and more keys than were meant, and what a dry run shows.

use std::sync::{Arc, Mutex};

use datafusion::arrow::array::AsArray;
use iamql::sandbox::SandboxConfig;
use iamql::session::{Confirm, Options, Question};

use crate::support::{Lab, organization};

#[tokio::test]
async fn many_rows_need_a_yes() {
    let lab = Lab::with_keys(30).await;
    let error = lab.fail("DELETE FROM api_keys").await;
    assert!(
        error.contains("DELETE without WHERE would revoke every key"),
        "{error}"
    );
    assert_eq!(lab.requests(), [""; 0]);
    let error = lab.fail("UPDATE api_keys SET spec.description = 'x'").await;
    assert!(
        error.contains("UPDATE without WHERE would change every key"),
        "{error}"
    );
    let error = lab
        .fail("UPDATE api_keys SET spec.description = 'x' WHERE id <> ''")
        .await;
    assert!(
        error.contains("UPDATE would change 30 keys, more than 10"),
        "{error}"
    );
    assert!(lab.requests().iter().all(|line| line.starts_with("GET")));

    let lab = Lab::with_options(
        organization(30),
        Options {
            yes: true,
            allow_self_delete: true,
            ..Options::default()
        },
    )
    .await;
    let _ = lab.run("DELETE FROM api_keys").await;
    assert_eq!(lab.sandbox.keys().len(), 0);
}

/// Answers as it is told, and remembers what it was asked.
struct Person {
    answer: bool,
    asked: Mutex<Vec<(usize, Vec<String>)>>,
}

impl Person {
    fn answering(answer: bool) -> Arc<Self> {
        Arc::new(Self {
            answer,
            asked: Mutex::default(),
        })
    }
}

impl Confirm for Person {
    fn confirm(&self, question: &Question<'_>) -> bool {
        let ids = question.ids.iter().map(|id| (*id).to_owned()).collect();
        // What is shown of a key has to be of that key.
        if let Some(rows) = question.rows {
            let shown = rows.column(0).as_string::<i32>();
            let shown: Vec<&str> = shown.iter().flatten().collect();
            assert_eq!(shown, question.ids);
        }
        self.asked.lock().unwrap().push((question.count, ids));
        self.answer
    }
}

#[tokio::test]
async fn a_person_is_asked_where_there_is_one() {
    for answer in [true, false] {
        let person = Person::answering(answer);
        let lab = Lab::small(Options {
            max_affected: 2,
            confirm: Some(Arc::clone(&person) as _),
            ..Options::default()
        })
        .await;
        let _ = lab
            .run("DELETE FROM api_keys WHERE id IN ('K000', 'K001')")
            .await;
        assert!(person.asked.lock().unwrap().is_empty());
        let outcome = lab
            .try_run("DELETE FROM api_keys WHERE spec.owner.id = 'sa-1'")
            .await;
        assert_eq!(outcome.is_ok(), answer);
        let asked = std::mem::take(&mut *person.asked.lock().unwrap());
        let ids = ["K002", "K003", "K004"].map(str::to_owned).to_vec();
        assert_eq!(asked, [(3, ids)]);
        assert_eq!(lab.sandbox.keys().len(), if answer { 1 } else { 4 });
        // Without WHERE it asks however few they are.
        let _ = lab.try_run("DELETE FROM api_keys").await;
        assert_eq!(person.asked.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_insert_of_many_keys_needs_a_yes() {
    let rows = ["('n', 'sa-1')"; 3].join(",");
    let sql = format!("INSERT INTO api_keys (spec.display_name, spec.owner.id) VALUES {rows}");
    let options = |confirm: Option<Arc<dyn Confirm>>| Options {
        max_affected: 2,
        confirm,
        ..Options::default()
    };
    let lab = Lab::small(options(None)).await;
    let error = lab.fail(&sql).await;
    assert!(
        error.contains("INSERT would create 3 keys, more than 2"),
        "{error}"
    );
    assert_eq!(lab.requests(), [""; 0]);
    for answer in [true, false] {
        let person = Person::answering(answer);
        let lab = Lab::small(options(Some(Arc::clone(&person) as _))).await;
        assert_eq!(lab.try_run(&sql).await.is_ok(), answer);
        assert_eq!(*person.asked.lock().unwrap(), [(3, Vec::new())]);
        assert_eq!(lab.requests().len(), if answer { 3 } else { 0 });
    }
}

#[tokio::test]
async fn a_question_about_an_update_knows_the_old_values_and_the_new() {
    /// Sees what it is asked.
    struct Seeing(Mutex<Vec<String>>);
    impl Confirm for Seeing {
        fn confirm(&self, question: &Question<'_>) -> bool {
            let rows = question.rows.expect("the keys were read");
            let old = rows.column_by_name("spec").unwrap().as_struct();
            let old = old
                .column_by_name("display_name")
                .unwrap()
                .as_string::<i32>();
            let seen = (0..question.count).map(|row| {
                format!(
                    "{} to {}",
                    old.value(row),
                    question.values[row]["display_name"]
                )
            });
            self.0.lock().unwrap().extend(seen);
            false
        }
    }
    let seeing = Arc::new(Seeing(Mutex::default()));
    let lab = Lab::small(Options {
        max_affected: 1,
        confirm: Some(Arc::clone(&seeing) as _),
        ..Options::default()
    })
    .await;
    // Their ids alone would do to change them.
    let sql = "UPDATE api_keys SET spec.display_name = 'new' WHERE id IN ('K000', 'K001')";
    assert!(lab.try_run(sql).await.is_err());
    let seen = seeing.0.lock().unwrap();
    assert_eq!(seen.len(), 2);
    assert!(
        seen.iter().all(|seen| seen.ends_with(" to \"new\"")),
        "{seen:?}"
    );
    assert!(lab.requests().iter().all(|line| line.starts_with("GET")));
}

#[tokio::test]
async fn a_session_does_not_lock_itself_out() {
    let config = || SandboxConfig::default().with_keys(3);
    let lab = Lab::with_options(
        config(),
        Options {
            yes: true,
            ..Options::default()
        },
    )
    .await;
    let own = lab.sandbox.credentials().0.to_owned();
    for sql in [
        format!("DELETE FROM api_keys WHERE id = '{own}'"),
        format!("DELETE FROM api_keys WHERE id IN ('a', '{own}')"),
        "DELETE FROM api_keys WHERE kind = 'ApiKey'".to_owned(),
        "DELETE FROM api_keys".to_owned(),
    ] {
        let error = lab.fail(&sql).await;
        assert!(error.contains("lock you out"), "{sql}: {error}");
        assert_eq!(lab.sandbox.keys().len(), 3);
    }
    let _ = lab
        .run(&format!("DELETE FROM api_keys WHERE id <> '{own}'"))
        .await;
    assert_eq!(lab.sandbox.keys().len(), 1);
}

#[tokio::test]
async fn read_only_sessions_change_nothing() {
    let lab = Lab::small(Options {
        read_only: true,
        yes: true,
        ..Options::default()
    })
    .await;
    for sql in [
        "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1')",
        "UPDATE api_keys SET spec.description = 'x' WHERE id = 'K000'",
        "DELETE FROM api_keys WHERE id = 'K000'",
    ] {
        let error = lab.fail(sql).await;
        assert!(error.contains("read-only"), "{error}");
        assert_eq!(lab.requests(), [""; 0]);
    }
    for sql in [
        "COPY (SELECT 1) TO '{dir}/x.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{dir}/x.csv'",
    ] {
        let error = lab.fail(sql).await;
        assert!(error.contains("this session is read-only"), "{error}");
        assert!(error.contains("local file"), "{error}");
    }
    let _ = lab.run("EXPLAIN COPY (SELECT 1) TO '{dir}/x.csv'").await;
    // Tables and views are the session's own: nothing outlives it.
    let own = "CREATE TABLE t AS SELECT 1 AS x; CREATE VIEW v AS SELECT * FROM t; SELECT x FROM v; DROP VIEW v";
    let _ = lab.run(own).await;
    let _ = lab.run("SELECT id FROM api_keys").await;
    assert!(!lab.folder().join("x.csv").exists());
}

#[tokio::test]
async fn explain_and_dry_run_show_the_requests_and_send_none_that_changes_anything() {
    let statements = [
        (
            "INSERT INTO api_keys (spec.owner.id, spec.display_name) VALUES ('sa-1', 'n')",
            vec![
                r#"POST | /iam/v2/api-keys | {"spec":{"owner":{"id":"sa-1"},"display_name":"n"}}"#,
            ],
            0,
        ),
        (
            "UPDATE api_keys SET spec.description = 'x' WHERE id = 'K000'",
            vec![r#"PATCH | /iam/v2/api-keys/K000 | {"spec":{"description":"x"}}"#],
            0,
        ),
        (
            "UPDATE api_keys SET spec.description = id WHERE spec.owner.id = 'sa-2'",
            vec![r#"PATCH | /iam/v2/api-keys/K005 | {"spec":{"description":"K005"}}"#],
            1,
        ),
        (
            "DELETE FROM api_keys WHERE id = 'a&b'",
            vec!["DELETE | /iam/v2/api-keys/a%26b | NULL"],
            0,
        ),
        (
            "DELETE FROM api_keys WHERE spec.owner.id = 'sa-9'",
            vec![],
            1,
        ),
    ];
    let plain = Lab::small(Options::default()).await;
    let dry = Lab::small(Options {
        dry_run: true,
        ..Options::default()
    })
    .await;
    for (sql, rows, reads) in statements {
        let answer = plain.run(&format!("EXPLAIN {sql}")).await;
        assert_eq!(answer.columns, ["method", "path", "body"]);
        assert_eq!(answer.rows, rows, "{sql}");
        assert_eq!(answer.requests.len(), reads, "{sql}");
        // A dry run names the keys, for which it reads them.
        let answer = dry.run(sql).await;
        let names: &[&str] = match sql.starts_with("INSERT") {
            true => &[],
            false => &["display_name", "owner"],
        };
        assert_eq!(
            answer.columns,
            [&["method", "path", "body"][..], names].concat()
        );
        let exists = !sql.contains("a&b");
        assert_eq!(
            answer.rows.len(),
            if exists { rows.len() } else { 0 },
            "{sql}"
        );
        for (row, expected) in answer.rows.iter().zip(&rows) {
            let names = row.strip_prefix(expected).expect(sql);
            assert_eq!(names.contains("sa-"), !sql.starts_with("INSERT"), "{row}");
        }
        let is_get = |line: &String| line.starts_with("GET");
        assert!(answer.requests.iter().all(is_get), "{sql}");
    }
    assert_eq!(plain.sandbox.keys().len(), 6);
}

#[tokio::test]
async fn a_person_sees_each_key_once_and_with_its_own_name() {
    let person = Person::answering(true);
    let lab = Lab::small(Options {
        max_affected: 0,
        confirm: Some(Arc::clone(&person) as _),
        ..Options::default()
    })
    .await;
    lab.write("twice.csv", "key,note\nK001,a\nK001,a\nK002,a\nK004,a\n");
    let keys = ["K001", "K002", "K004"].map(str::to_owned).to_vec();
    for sql in [
        "UPDATE api_keys k SET spec.description = n.note FROM '{dir}/twice.csv' n WHERE k.id = n.key",
        "DELETE FROM api_keys k USING '{dir}/twice.csv' n WHERE k.id = n.key",
    ] {
        let _ = lab.run(sql).await;
        let asked = std::mem::take(&mut *person.asked.lock().unwrap());
        assert_eq!(asked, [(3, keys.clone())], "{sql}");
    }
    assert_eq!(lab.sandbox.keys().len(), 3);
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_refused() {
    let lab = Lab::with_options(
        SandboxConfig::default().with_keys(30),
        Options {
            dry_run: true,
            ..Options::default()
        },
    )
    .await;
    let own = lab.sandbox.credentials().0.to_owned();
    let answer = lab.run("DELETE FROM api_keys").await;
    assert_eq!(answer.rows.len(), 30);
    assert!(answer.requests.iter().all(|line| line.starts_with("GET")));
    let expected = [
        format!("`{own}` is the key that this session authenticates with"),
        "DELETE would revoke 30 keys, more than 10".to_owned(),
    ];
    assert_eq!(answer.warnings.len(), 2);
    for (warning, expected) in answer.warnings.iter().zip(expected) {
        assert!(warning.contains("would be refused"), "{warning}");
        assert!(warning.contains(&expected), "{warning}");
    }
    let keys = lab.sandbox.keys();
    let ids = keys.iter().map(|key| key["id"].as_str().unwrap());
    let other = ids.into_iter().find(|id| *id != own).unwrap();
    let answer = lab
        .run(&format!("DELETE FROM api_keys WHERE id = '{other}'"))
        .await;
    assert_eq!((answer.rows.len(), answer.warnings.len()), (1, 0));
    assert_eq!(lab.sandbox.keys().len(), 30);
}

#[tokio::test]
async fn exec_passes_the_same_guards() {
    let delete =
        |id: &str| format!("EXEC confluent.iam.api_keys.delete_iam_v2api_key @id = '{id}'");
    let create = "EXEC confluent.iam.api_keys.create_iam_v2api_key @@json = '{\"spec\": {\"owner\": {\"id\": \"sa-1\"}}}'";
    let update = "EXEC confluent.iam.api_keys.update_iam_v2api_key @id = 'K000', @@json = '{\"spec\": {\"description\": \"x\"}}'";
    let read_only = Lab::small(Options {
        read_only: true,
        ..Options::default()
    })
    .await;
    let dry = Lab::small(Options {
        dry_run: true,
        ..Options::default()
    })
    .await;
    for (sql, request) in [
        (delete("K000"), "DELETE | /iam/v2/api-keys/K000 | NULL"),
        (
            create.to_owned(),
            r#"POST | /iam/v2/api-keys | {"spec":{"owner":{"id":"sa-1"}}}"#,
        ),
        (
            update.to_owned(),
            r#"PATCH | /iam/v2/api-keys/K000 | {"spec":{"description":"x"}}"#,
        ),
    ] {
        let error = read_only.fail(&sql).await;
        assert!(error.contains("read-only"), "{error}");
        assert_eq!(read_only.requests(), [""; 0], "{sql}");
        let answer = dry.run(&sql).await;
        assert!(answer.rows[0].starts_with(request), "{:?}", answer.rows);
        // A dry run names the keys.
        let is_get = |line: &String| line.starts_with("GET");
        assert!(answer.requests.iter().all(is_get), "{sql}");
    }
    let own = dry.sandbox.credentials().0.to_owned();
    let lab = Lab::small(Options {
        yes: true,
        ..Options::default()
    })
    .await;
    let error = lab.fail(&delete(&own)).await;
    assert!(error.contains("lock you out"), "{error}");
    assert_eq!(lab.requests(), [""; 0]);
}
