//! Writes that fail half-way: what is repeated, what is told, and what is left undone.

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use iamql::error::Error;
use iamql::sandbox::{Contract, Fault, UnknownKey};
use iamql::session::{Done, Options, Sink};
use regex::Regex;

use crate::support::{Collector, Lab, key, organization};

/// An INSERT of `count` rows, called `n0` and so on.
fn insert(count: usize) -> String {
    let rows: Vec<String> = (0..count).map(|n| format!("('n{n}', 'sa-1')")).collect();
    format!(
        "INSERT INTO api_keys (spec.display_name, spec.owner.id) VALUES {}",
        rows.join(",")
    )
}

/// What lets a session create as many keys as it likes.
fn many() -> Options {
    Options {
        yes: true,
        ..Options::default()
    }
}

/// How many rows were done, failed, and were not tried, as `error` says.
fn counts(error: &str) -> [usize; 3] {
    let counts = Regex::new(r"(\d+) keys? \w+, (\d+) failed[^,]*, (\d+) not tried").unwrap();
    let found = counts.captures(error).unwrap();
    [1, 2, 3].map(|group| found[group].parse().unwrap())
}

/// The SELECT that `error` offers.
fn candidates(error: &str) -> &str {
    let select = error.split("candidates to check: ").nth(1).unwrap();
    select.split(';').next().unwrap()
}

fn faults(texts: &[&str]) -> Vec<Fault> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_key_that_is_gone_is_zero_rows_but_a_refusal_is_not() {
    for contract in Contract::ALL {
        let lab = Lab::start(
            organization(3)
                .with_contract(contract)
                .with(|config| config.unknown_key = UnknownKey::NotFound404),
        )
        .await;
        let answer = lab
            .run("DELETE FROM api_keys WHERE id = 'GONE' RETURNING id")
            .await;
        assert_eq!((answer.rows.len(), answer.requests.len()), (0, 1));
        let answer = lab
            .run("UPDATE api_keys SET spec.description = 'x' WHERE id = 'GONE' RETURNING id")
            .await;
        assert_eq!((answer.rows.len(), answer.requests.len()), (0, 1));

        let lab = Lab::start(organization(3).with_contract(contract)).await;
        let error = lab.fail("DELETE FROM api_keys WHERE id = 'GONE'").await;
        assert!(
            error.contains("answered 403") && error.contains("for keys that are gone"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn keys_that_were_gone_are_not_told_to_be_done() {
    let organization = organization(0).with(|config| config.unknown_key = UnknownKey::NotFound404);
    let lab = Lab::start(organization).await;
    for id in ["K001", "K002"] {
        lab.sandbox.insert(key(id, "sa-1", "lkc-1"));
    }
    for (sql, done, method) in [
        (
            "UPDATE api_keys SET spec.description = 'x' WHERE id IN ('GONE', 'K001', 'K002')",
            "changed",
            "patch",
        ),
        (
            "DELETE FROM api_keys WHERE id IN ('GONE', 'K001', 'K002')",
            "deleted",
            "delete",
        ),
    ] {
        lab.sandbox
            .set_faults(faults(&[&format!("{method},path=K002:400")]));
        let error = lab.fail(sql).await;
        assert!(
            error.contains(&format!(
                "1 key {done}, 1 already gone, 1 failed, 0 not tried"
            )),
            "{error}"
        );
        assert!(error.contains("already gone: `GONE`"), "{error}");
    }
}

#[tokio::test]
async fn a_delete_that_was_repeated_after_a_lost_answer_succeeds() {
    for contract in Contract::ALL {
        let lab = Lab::small_of(contract, Options::default()).await;
        lab.sandbox.set_faults(vec![
            "delete,nth=1:create-then-drop".parse::<Fault>().unwrap(),
        ]);
        let lab404 = Lab::start(
            organization(0)
                .with_contract(contract)
                .with(|config| config.unknown_key = UnknownKey::NotFound404),
        )
        .await;
        lab404.sandbox.insert(key("K000", "sa-1", "lkc-1"));
        lab404.sandbox.set_faults(vec![
            "delete,nth=1:create-then-drop".parse::<Fault>().unwrap(),
        ]);
        let answer = lab404
            .run("DELETE FROM api_keys WHERE id = 'K000' RETURNING id")
            .await;
        assert_eq!(answer.requests, ["DELETE /iam/v2/api-keys/K000"; 2]);
        assert_eq!(answer.rows, ["K000"]);
    }
}

#[tokio::test]
async fn a_create_is_never_repeated_when_it_may_have_worked() {
    for contract in Contract::ALL {
        let lab = Lab::small_of(contract, Options::default()).await;
        lab.sandbox
            .set_faults(vec!["post:create-then-drop".parse::<Fault>().unwrap()]);
        let error = lab
            .fail(
                "INSERT INTO api_keys (spec.owner.id, spec.display_name) VALUES ('sa-1', 'it''s')",
            )
            .await;
        assert_eq!(lab.requests(), ["POST /iam/v2/api-keys"]);
        assert!(
            error.contains("0 keys created, 1 failed with unknown outcome, 0 not tried"),
            "{error}"
        );
        assert!(!error.contains("delete"), "{error}");
        // The advice works: it finds the key that was created all the same.
        lab.sandbox.set_faults(Vec::new());
        assert_eq!(lab.run(candidates(&error)).await.rows.len(), 1);
        for name in ["a\nb", "\u{202e}it's\u{200d}", "", "\u{1b}[2J"] {
            lab.sandbox
                .set_faults(vec!["post:create-then-drop".parse::<Fault>().unwrap()]);
            let error = lab
                .fail(&format!(
                    "INSERT INTO api_keys (spec.owner.id, spec.resource.id, spec.display_name)
                     VALUES ('sa-1', 'CLOUD', '{}')",
                    name.replace('\'', "''")
                ))
                .await;
            lab.sandbox.set_faults(Vec::new());
            assert_eq!(lab.run(candidates(&error)).await.rows.len(), 1, "{error}");
        }
    }
}

#[tokio::test]
async fn a_create_is_repeated_when_the_service_cannot_have_acted() {
    for contract in Contract::ALL {
        let lab = Lab::small_of(contract, Options::default()).await;
        lab.sandbox
            .set_faults(vec!["post,times=2:429".parse::<Fault>().unwrap()]);
        let answer = lab
            .run("INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1')")
            .await;
        assert_eq!(answer.requests.len(), 3);
        assert_eq!(lab.sandbox.keys().len(), 7);
    }
}

#[tokio::test]
async fn a_failure_half_way_accounts_for_every_row() {
    for contract in Contract::ALL {
        let lab = Lab::with_options(
            organization(0)
                .with_contract(contract)
                .with(|config| config.quota = Some(11)),
            many(),
        )
        .await;
        lab.sandbox.insert(key("K000", "sa-1", "lkc-1"));
        let error = lab.fail(&insert(50)).await;
        assert!(error.contains("402") && error.contains("quota"), "{error}");
        assert!(error.contains("request id"), "{error}");
        let [created, failed, not_tried] = counts(&error);
        assert_eq!(created + failed + not_tried, 50, "{error}");
        assert_eq!(created, lab.sandbox.keys().len() - 1);
        assert!(not_tried > 0);
        assert_eq!(error.matches("caused by: row ").count(), failed, "{error}");
        let last = error
            .split("not tried: ")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap();
        assert!(last.ends_with("to 50"), "{error}");
    }
}

#[tokio::test]
async fn a_create_without_its_secret_is_no_success() {
    for contract in Contract::ALL {
        let (lab, unsaved, _folder) = Lab::saving_of(contract).await;
        lab.sandbox
            .set_faults(vec!["post,nth=2:malformed".parse::<Fault>().unwrap()]);
        let error = lab
            .fail("INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1'), ('sa-1') RETURNING CASE WHEN id = 'PROBE' THEN spec.secret END")
            .await;
        assert!(error.contains("unsaved-secrets.jsonl"), "{error}");
        assert_eq!(unsaved.count().unwrap(), 1);
    }
}

#[tokio::test]
async fn a_key_that_comes_without_a_secret_is_told_with_its_delete_and_nothing_is_saved() {
    for contract in Contract::ALL {
        let (lab, unsaved, _folder) = Lab::saving_of(contract).await;
        lab.sandbox
            .set_faults(faults(&["post,nth=1:without-secret"]));
        let error = lab
            .fail("INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1')")
            .await;
        assert!(
            error.contains("stopped because the service answered without a secret: 1 key created"),
            "{error}"
        );
        assert_eq!(unsaved.count().unwrap(), 0);
        let delete = error
            .split("nobody can use a key without its secret: ")
            .nth(1)
            .unwrap();
        let before = lab.sandbox.keys().len();
        let answer = lab
            .run(&format!("{} RETURNING id", delete.lines().next().unwrap()))
            .await;
        assert_eq!(
            (answer.rows.len(), lab.sandbox.keys().len()),
            (1, before - 1)
        );
        // The others of the same statement are delivered.
        lab.sandbox
            .set_faults(faults(&["post,nth=2:without-secret"]));
        let error = lab.fail(&insert(50)).await;
        let [created, failed, not_tried] = counts(&error);
        assert_eq!((created + not_tried, failed), (50, 0), "{error}");
        assert!(not_tried > 0, "{error}");
        assert_eq!(
            error.matches("DELETE FROM api_keys WHERE id = ").count(),
            1,
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_change_that_the_answer_does_not_show_is_told() {
    for contract in Contract::ALL {
        let lab = Lab::small_of(contract, Options::default()).await;
        lab.sandbox.set_faults(faults(&["patch,nth=2:stale"]));
        let update =
            "UPDATE api_keys SET spec.description = 'new' WHERE id IN ('K000', 'K001', 'K002')";
        let answer = lab.run(update).await;
        assert_eq!(answer.warnings.len(), 1);
        assert!(
            answer.warnings[0]
                .contains("answered without the new value; SELECT * FROM api_keys WHERE id = 'K00"),
            "{:?}",
            answer.warnings
        );
        let quiet = lab
            .run("UPDATE api_keys SET spec.description = '' WHERE id = 'K003'")
            .await;
        assert_eq!(quiet.warnings, [""; 0]);
    }
}

#[tokio::test]
async fn every_refusal_is_told_with_its_status_and_request_id() {
    let refusals = [
        ("400", "answered 400"),
        ("401", "answered 401"),
        ("402", "answered 402 payment_required"),
        ("403", "answered 403 forbidden"),
        ("409", "answered 409 conflict"),
        ("422", "answered 422 unprocessable_entity"),
        ("bad-credentials", "answered 403 Forbidden: invalid API key"),
        ("500", "answered 500"),
        ("503", "answered 503"),
        ("reset", "lost its connection"),
        ("truncate", "got an incomplete answer"),
        ("malformed", "the JSON ends too early"),
    ];
    // The contracts take turns: what answers these is the same code for both.
    for ((fault, expected), contract) in refusals.into_iter().zip(Contract::ALL.into_iter().cycle())
    {
        let lab = Lab::small_of(contract, many()).await;
        lab.sandbox
            .set_faults(faults(&[&format!("post,nth=20:{fault}")]));
        let error = lab.fail(&insert(50)).await;
        assert!(error.contains(expected), "{fault}: {error}");
        let is_answered = expected.starts_with("answered");
        assert_eq!(
            error.contains("(request id "),
            is_answered,
            "{fault}: {error}"
        );
        let [created, failed, not_tried] = counts(&error);
        assert_eq!((created + not_tried, failed), (49, 1), "{fault}: {error}");
        // It is not sent again, and what was under way is counted.
        assert_eq!(lab.requests().len(), created + failed, "{fault}");
        let is_unknown = ["500", "503", "reset", "truncate", "malformed"].contains(&fault);
        assert_eq!(
            error.contains("unknown outcome"),
            is_unknown,
            "{fault}: {error}"
        );
    }
}

#[tokio::test]
async fn a_rate_limit_half_way_is_waited_out() {
    for contract in Contract::ALL {
        let lab = Lab::small_of(contract, many()).await;
        let limits = faults(&["post,every=7:429,retry-after=0", "post,every=11:429"]);
        lab.sandbox.set_faults(limits);
        let answer = lab.run(&insert(50)).await;
        assert_eq!(answer.rows.len(), 50);
        assert_eq!(lab.sandbox.keys().len(), 6 + 50);
        assert!(answer.requests.len() > 50);
    }
}

#[tokio::test]
async fn all_creates_of_unknown_outcome_are_found_by_one_select_and_no_other_keys() {
    for contract in Contract::ALL {
        let lab = Lab::small_of(contract, Options::default()).await;
        let drops = ["post,nth=3:create-then-drop", "post,nth=4:create-then-drop"];
        for values in ["'same', 'sa-1'", "NULL, 'sa-2'"] {
            lab.sandbox.set_faults(faults(&drops));
            let rows = [format!("({values})").as_str(); 6].join(",");
            let before = lab.sandbox.keys().len();
            let error = lab
                .fail(&format!(
                    "INSERT INTO api_keys (spec.display_name, spec.owner.id) VALUES {rows}"
                ))
                .await;
            assert_eq!(counts(&error), [4, 2, 0], "{error}");
            assert!(error.contains("2 failed with unknown outcome"), "{error}");
            assert_eq!(lab.sandbox.keys().len(), before + 6);
            // The sandbox stands still at another time than this machine's clock.
            assert!(
                error.contains("metadata.created_at >= '2026-07-01T11:5"),
                "{error}"
            );
            let select = candidates(&error);
            assert_eq!(lab.run(select).await.rows.len(), 2, "{select}");
        }
    }
}

#[tokio::test]
async fn changes_that_fail_half_way_name_what_was_done_and_what_was_not() {
    for contract in Contract::ALL {
        let lab = Lab::small_of(contract, Options::default()).await;
        lab.sandbox.set_faults(faults(&["path=K002:409"]));
        for (sql, done) in [
            (
                "UPDATE api_keys SET spec.description = 'x' WHERE id IN ('K000', 'K001', 'K002')",
                "changed: `K000`, `K001`",
            ),
            (
                "DELETE FROM api_keys WHERE id IN ('K000', 'K001', 'K002')",
                "deleted: `K000`, `K001`",
            ),
        ] {
            let error = lab.fail(sql).await;
            assert_eq!(counts(&error), [2, 1, 0], "{error}");
            assert!(error.contains("key `K002`: "), "{error}");
            assert!(error.contains("answered 409 conflict"), "{error}");
            assert!(error.contains(done), "{error}");
        }
        assert_eq!(lab.sandbox.keys().len(), 4);
    }
}

#[tokio::test]
async fn an_expression_that_fails_tells_what_was_changed_all_the_same() {
    let lab = Lab::small(Options::default()).await;
    let error = lab
        .fail("UPDATE api_keys SET spec.description = 'x' WHERE id = 'K000' RETURNING 1 / (length(spec.description) - 1)")
        .await;
    assert!(
        error.contains("1 key changed, 0 failed, 0 not tried"),
        "{error}"
    );
    assert!(error.contains("ivide by zero"), "{error}");
}

/// A pipe whose reader has left before the end of the rows.
struct Left(Collector);

#[async_trait]
impl Sink for Left {
    async fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        self.0.begin(schema).await
    }

    async fn rows(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.0.rows(batch).await
    }

    async fn flush(&mut self) -> Result<(), Error> {
        self.0.flush().await
    }

    async fn finish(&mut self) -> Result<(), Error> {
        self.0.finish().await
    }

    async fn settle(&mut self) -> Result<(), Error> {
        Err(Error::statement("the reader left"))
    }

    fn keeps(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn rows_that_a_reader_may_not_have_used_are_saved_and_told_without_a_failure() {
    let (lab, unsaved, _folder) = Lab::saving().await;
    let mut sink = Left(Collector::default());
    let report = lab.run_into(&insert(3), &mut sink).await.unwrap();
    assert_eq!(report.done, Done::Inserted(3));
    assert_eq!((sink.0.lines().len(), unsaved.count().unwrap()), (3, 3));
    let warnings: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
    assert!(
        warnings[0].contains("the reader left; 3 secrets"),
        "{warnings:?}"
    );
    assert!(
        warnings[0].contains("unsaved-secrets.jsonl"),
        "{warnings:?}"
    );
}
