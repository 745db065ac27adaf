//! DELETE and UPDATE for random WHERE clauses: the keys that are touched are those that the oracle selects, and no others.

use std::collections::BTreeSet;

use fastrand::Rng;
use iamql::sandbox::SandboxConfig;
use iamql::session::Options;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use regex::Regex;
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::Value;

use super::queries::{Query, predicate};
use super::terms::Source;
use super::{QUERIES, answer, listing, runner, runtime, setting};
use crate::support::{Answer, Lab, now, shown};

const KEYS: usize = 120;

/// What a write came to.
struct Outcome {
    answer: Answer,
    /// The keys afterwards.
    keys: Vec<Value>,
    /// The ids that the oracle selects.
    selected: BTreeSet<String>,
}

/// Runs random writes of `statement`, each on the same keys, and has `check` look at what they came to.
fn write(
    options: Options,
    statement: &'static str,
    check: fn(Outcome) -> Result<(), TestCaseError>,
) {
    let seed = setting("ORACLE_SEED", 0_u64);
    let runtime = runtime();
    let (lab, database) = runtime.block_on(organization(options, seed));
    let before = lab.sandbox.keys();
    let table = Source::table(&database);
    // The key that the session authenticates with is guarded.
    let own = lab.sandbox.credentials().0.to_owned();
    let input = predicate(&table, "k")
        .prop_map(|test| Query::of_write(statement, &format!("({test}) AND k.id <> '{own}'")));
    let outcome = runner(setting("ORACLE_QUERIES", QUERIES), seed).run(&input, |query| {
        let answer = runtime.block_on(lab.try_run(&query.ours()));
        let keys = lab.sandbox.keys();
        before
            .iter()
            .cloned()
            .for_each(|key| lab.sandbox.insert(key));
        check(Outcome {
            answer: answer.map_err(|error| TestCaseError::fail(shown(&error)))?,
            keys,
            selected: selected(&database, &query),
        })
    });
    if let Err(error) = outcome {
        panic!("seed {seed}: {error}");
    }
}

async fn organization(options: Options, seed: u64) -> (Lab, Connection) {
    let options = Options {
        yes: true,
        max_affected: usize::MAX,
        ..options
    };
    let config = SandboxConfig::default()
        .with_keys(KEYS)
        .with(|config| config.seed = seed);
    let lab = Lab::with_options(config.with_now(now()), options).await;
    listing::disturb(&lab.sandbox, &mut Rng::with_seed(seed));
    let listed = listing::list(&lab.sandbox, 50).await;
    (lab, listing::load(&listed))
}

fn selected(database: &Connection, query: &Query) -> BTreeSet<String> {
    let ids = answer(database, &query.theirs()).into_iter().flatten();
    ids.map(|cell| match cell {
        Cell::Text(id) => id,
        other => panic!("{other:?} is no id"),
    })
    .collect()
}

fn id(key: &Value) -> String {
    key["id"].as_str().unwrap().to_owned()
}

/// Returns the ids in the addresses of `lines`.
fn addressed<'a>(lines: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
    let address = Regex::new("/iam/v2/api-keys/([^ ?]+)").unwrap();
    let ids = lines.flat_map(|line| address.captures_iter(line));
    ids.map(|found| found[1].to_owned()).collect()
}

#[test]
fn a_dry_run_names_the_keys_that_the_oracle_selects() {
    for statement in [
        "DELETE FROM api_keys k",
        "UPDATE api_keys k SET spec.description = 'x'",
    ] {
        let options = Options {
            dry_run: true,
            ..Options::default()
        };
        write(options, statement, |outcome| {
            let requests = &outcome.answer.requests;
            prop_assert!(requests.iter().all(|line| line.starts_with("GET ")));
            let named = addressed(outcome.answer.rows.iter());
            prop_assert_eq!(named, outcome.selected);
            Ok(())
        });
    }
}

#[test]
fn a_delete_revokes_the_keys_that_the_oracle_selects() {
    write(Options::default(), "DELETE FROM api_keys k", |outcome| {
        let requests = outcome.answer.requests.iter();
        let deletes = requests.filter(|line| line.starts_with("DELETE "));
        prop_assert_eq!(addressed(deletes), outcome.selected.clone());
        let left: BTreeSet<String> = outcome.keys.iter().map(id).collect();
        prop_assert!(left.is_disjoint(&outcome.selected));
        prop_assert_eq!(left.len() + outcome.selected.len(), KEYS);
        Ok(())
    });
}

#[test]
fn an_update_changes_the_keys_that_the_oracle_selects() {
    let statement = "UPDATE api_keys k SET spec.description = 'touched by a test'";
    write(Options::default(), statement, |outcome| {
        let keys = outcome.keys.iter();
        let changed = keys.filter(|key| key["spec"]["description"] == "touched by a test");
        let changed: BTreeSet<String> = changed.map(id).collect();
        prop_assert_eq!(changed, outcome.selected);
        Ok(())
    });
}
