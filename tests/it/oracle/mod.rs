//! Random questions about random organizations, answered by iamql and by SQLite.
//!
//! The oracle shares nothing with the program: it lists the keys in plain HTTP, in pages of another size, and asks a flat
//! table of them. The same questions are asked in every run. To ask others, or more:
//!
//! ```sh
//! ORACLE_SEED=7 ORACLE_QUERIES=5000 cargo test --test it oracle
//! ```

mod listing;
mod queries;
mod relations;
mod subqueries;
mod terms;
mod typed;
mod writes;

use fastrand::Rng;
use iamql::sandbox::{Fault, NextStyle, PageOrder, SandboxConfig, SecretInReads, UnknownKey};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use tokio::runtime::Runtime;

use self::queries::{Query, queries};
use self::relations::relations;
use self::terms::Source;
use crate::support::{Lab, now, shown};

/// Questions per organization.
const QUERIES: u32 = 30;

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| {
        value
            .parse()
            .ok()
            .unwrap_or_else(|| panic!("{name} is no number"))
    })
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Makes `cases` cases, the same ones for the same `seed`.
fn runner(cases: u32, seed: u64) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 100,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Returns the oracle's rows.
fn answer(database: &Connection, sql: &str) -> Vec<Vec<Cell>> {
    let mut statement = database
        .prepare(sql)
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
    let width = statement.column_count();
    let rows = statement.query_map([], |row| (0..width).map(|n| row.get(n)).collect());
    rows.unwrap().map(Result::unwrap).collect()
}

/// Reads our cells as the oracle has them: where it has numbers, times and truth values are numbers.
fn as_theirs(ours: Vec<Vec<Option<String>>>, theirs: &[Vec<Cell>]) -> Vec<Vec<Cell>> {
    let is_number = |column: usize| {
        let mut cells = theirs.iter().filter_map(|row| row.get(column));
        cells.any(|cell| matches!(cell, Cell::Integer(_)))
    };
    let cell = |(column, cell): (usize, Option<String>)| match cell {
        None => Cell::Null,
        Some(text) if is_number(column) => {
            let number = text.parse().ok().or_else(|| listing::micros(&text));
            number.map_or(Cell::Text(text), Cell::Integer)
        }
        Some(text) => Cell::Text(text),
    };
    let row = |row: Vec<Option<String>>| row.into_iter().enumerate().map(cell).collect();
    ours.into_iter().map(row).collect()
}

/// Compares the answers to random questions about an organization of `keys` keys, listed by the service as `vary` says,
/// with `faults` on the way of iamql alone.
fn compare(keys: usize, vary: fn(SandboxConfig) -> SandboxConfig, faults: &[&str]) {
    compare_some(setting("ORACLE_QUERIES", QUERIES), keys, vary, faults);
}

/// The same, with as many questions as `cases` says.
fn compare_some(
    cases: u32,
    keys: usize,
    vary: fn(SandboxConfig) -> SandboxConfig,
    faults: &[&str],
) {
    let seed = setting("ORACLE_SEED", 0_u64) * 10_000 + keys as u64;
    let runtime = runtime();
    let config = SandboxConfig::default()
        .with_keys(keys)
        .with(|config| config.seed = seed)
        .with_now(now());
    let (lab, database) = runtime.block_on(async {
        let lab = Lab::start(vary(config)).await;
        let mut rng = Rng::with_seed(seed);
        listing::disturb(&lab.sandbox, &mut rng);
        let listed = listing::list(&lab.sandbox, rng.usize(7..100)).await;
        assert_eq!(listed.len(), keys);
        let faults = faults.iter().map(|fault| fault.parse::<Fault>().unwrap());
        lab.sandbox.set_faults(faults.collect());
        (lab, listing::load(&listed))
    });
    let input = prop_oneof![
        2 => queries(&Source::table(&database)),
        1 => queries(&Source::view(&database)),
        1 => relations(&Source::table(&database)),
    ];
    let outcome = runner(cases, seed).run(&input, |query| agree(&query, &runtime, &lab, &database));
    if let Err(error) = outcome {
        panic!("{keys} keys, seed {seed}: {error}");
    }
}

fn agree(
    query: &Query,
    runtime: &Runtime,
    lab: &Lab,
    database: &Connection,
) -> Result<(), TestCaseError> {
    let mut theirs = answer(database, &query.theirs());
    let ours = runtime.block_on(lab.try_run(&query.ours()));
    let ours = ours.map_err(|error| TestCaseError::fail(shown(&error)))?;
    let mut ours = as_theirs(ours.cells, &theirs);
    if !query.ordered {
        for rows in [&mut ours, &mut theirs] {
            rows.sort_by_cached_key(|row| format!("{row:?}"));
        }
    }
    prop_assert_eq!(ours, theirs);
    Ok(())
}

#[test]
fn iamql_and_the_oracle_agree_on_an_empty_organization() {
    compare(
        0,
        |it| it.with(|config| config.next_style = NextStyle::NoMetadata),
        &[],
    );
}

#[test]
fn iamql_and_the_oracle_agree_on_a_single_key() {
    compare(
        1,
        |it| it.with(|config| config.next_style = NextStyle::Null),
        &[],
    );
}

#[test]
fn iamql_and_the_oracle_agree_on_a_page_that_is_almost_full() {
    compare(
        99,
        |it| it.with(|config| config.page_order = PageOrder::Descending),
        &[],
    );
}

#[test]
fn iamql_and_the_oracle_agree_on_a_full_page() {
    compare(
        100,
        |it| it.with(|config| config.next_style = NextStyle::Empty),
        &[],
    );
}

#[test]
fn iamql_and_the_oracle_agree_on_a_key_on_the_second_page() {
    compare(
        101,
        |it| it.with(|config| config.unknown_key = UnknownKey::NotFound404),
        &[],
    );
}

#[test]
fn iamql_and_the_oracle_agree_on_several_pages_and_odd_owners() {
    compare(
        333,
        |it| it.with(|config| config.secret_in_reads = SecretInReads::Absent),
        &[],
    );
}

#[test]
fn iamql_and_the_oracle_agree_whatever_goes_wrong_on_the_way() {
    let faults = [
        "every=5:503,body=html",
        "every=7:reset",
        "every=11:truncate",
        "every=13:malformed",
        "every=3:repeat-keys",
        "every=17:truncate,chunked",
        "every=4:foreign-next",
    ];
    compare(250, |it| it, &faults);
}

#[test]
#[ignore = "takes many minutes"]
fn iamql_and_the_oracle_agree_on_ten_thousand_queries() {
    compare_some(10_000, 250, |it| it, &[]);
}
