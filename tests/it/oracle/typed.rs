//! Random comparisons between columns and literals of several types, answered by iamql and by SQLite.
//!
//! SQLite keeps dates and timestamps as texts that sort as they do, and booleans as numbers. A text literal takes the type of
//! what it is compared with here; there the literal is written as what it stands for.

use fastrand::Rng;
use rusqlite::Connection;

use super::subqueries::cell;
use super::{answer, runtime, setting};
use crate::support::{Lab, shown};

const QUERIES: u64 = 200;

/// Queries to one filling of the table.
const PER_TABLE: u64 = 50;

/// A column, and literals for it: how they are written here, and in SQLite.
struct Column {
    names: [&'static str; 2],
    literals: &'static [(&'static str, &'static str)],
}

const COLUMNS: [Column; 6] = [
    Column {
        names: ["i", "j"],
        literals: &[("1", "1"), ("'1'", "1"), ("1.5", "1.5"), ("NULL", "NULL")],
    },
    Column {
        names: ["x", "y"],
        literals: &[
            ("1", "1"),
            ("'0.5'", "0.5"),
            ("0.5", "0.5"),
            ("'1e0'", "1"),
            ("NULL", "NULL"),
        ],
    },
    Column {
        names: ["s", "t"],
        literals: &[
            ("'a'", "'a'"),
            ("''", "''"),
            ("'1'", "'1'"),
            ("NULL", "NULL"),
        ],
    },
    Column {
        names: ["b", "c"],
        literals: &[
            ("true", "1"),
            ("'false'", "0"),
            ("'t'", "1"),
            ("1", "1"),
            ("NULL", "NULL"),
        ],
    },
    Column {
        names: ["d", "e"],
        literals: &[
            ("'2026-01-02'", "'2026-01-02'"),
            ("date '2026-01-01'", "'2026-01-01'"),
            ("timestamp '2026-01-02 00:00:00'", "'2026-01-02'"),
            ("NULL", "NULL"),
        ],
    },
    Column {
        names: ["m", "n"],
        literals: &[
            ("'2026-01-02T12:00:00Z'", "'2026-01-02 12:00:00'"),
            ("timestamp '2026-01-02 12:00:00'", "'2026-01-02 12:00:00'"),
            ("'2026-01-02'", "'2026-01-02 00:00:00'"),
            ("date '2026-01-02'", "'2026-01-02 00:00:00'"),
            ("NULL", "NULL"),
        ],
    },
];

const TYPES: [&str; 6] = ["INT", "DOUBLE", "TEXT", "BOOLEAN", "DATE", "TIMESTAMP"];

/// What the columns are filled with, as SQLite has it.
const VALUES: [&[&str]; 6] = [
    &["NULL", "0", "1", "2"],
    &["NULL", "0.5", "1", "1.5"],
    &["NULL", "''", "'a'", "'1'"],
    &["NULL", "0", "1"],
    &["NULL", "'2026-01-01'", "'2026-01-02'"],
    &["NULL", "'2026-01-02 00:00:00'", "'2026-01-02 12:00:00'"],
];

fn one_of<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.usize(..choices.len())]
}

/// Returns a comparison, as iamql and as SQLite reads it.
fn comparison(rng: &mut Rng) -> [String; 2] {
    let column = &COLUMNS[rng.usize(..COLUMNS.len())];
    let name = one_of(rng, &column.names);
    let other = |rng: &mut Rng| match rng.bool() {
        true => {
            let name = one_of(rng, &column.names);
            (name, name)
        }
        false => one_of(rng, column.literals),
    };
    let ((a, a_theirs), (b, b_theirs)) = (other(rng), other(rng));
    let not = one_of(rng, &["", "NOT "]);
    let text = match rng.u8(..7) {
        0 => format!("{name} {not}IN (<a>, <b>)"),
        1 => format!("{name} {not}BETWEEN <a> AND <b>"),
        // The planner refuses a boolean beside a text here, before the text is read.
        2 if column.names[0] != "b" => format!("{name} IS {not}DISTINCT FROM <a>"),
        3 => format!("<a> {} {name}", one_of(rng, &["=", "<", ">="])),
        4 => format!("CASE {name} WHEN <a> THEN 1 = 1 WHEN <b> THEN NULL ELSE 1 = 2 END"),
        _ => format!(
            "{name} {} <a>",
            one_of(rng, &["=", "<>", "<", "<=", ">", ">="])
        ),
    };
    let put = |a: &str, b: &str| text.replace("<a>", a).replace("<b>", b);
    [put(a, b), put(a_theirs, b_theirs)]
}

fn query(rng: &mut Rng) -> [String; 2] {
    let mut condition = comparison(rng);
    for _ in 0..rng.usize(..3) {
        let (next, between) = (comparison(rng), one_of(rng, &["AND", "OR", "AND NOT"]));
        for (all, next) in condition.iter_mut().zip(next) {
            *all = format!("({all} {between} ({next}))");
        }
    }
    let around = one_of(
        rng,
        &[
            "SELECT k FROM r WHERE <test>",
            "SELECT k, (<test>) AS q FROM r",
            "SELECT count(*) AS q FROM r WHERE NOT (<test>)",
            "SELECT i, count(*) AS q FROM r GROUP BY i HAVING count(CASE WHEN <test> THEN 1 END) > 0",
        ],
    );
    condition.map(|test| around.replace("<test>", &test))
}

/// Returns the statements that make and fill the table, for iamql and for SQLite.
fn table(rng: &mut Rng) -> [String; 2] {
    let columns = COLUMNS.iter().zip(TYPES);
    let columns: Vec<_> = columns
        .map(|(column, kind)| {
            let [a, b] = column.names;
            format!("{a} {kind}, {b} {kind}")
        })
        .collect();
    let rows = |rng: &mut Rng| {
        (0..12)
            .map(|k| {
                let cells = VALUES.iter().flat_map(|values| [*values; 2]);
                let cells: Vec<_> = cells.map(|values| one_of(rng, values).to_owned()).collect();
                (k, cells)
            })
            .collect::<Vec<_>>()
    };
    let rows = rows(rng);
    let written = |is_ours: bool| {
        let cell = |(at, cell): (usize, &String)| match (is_ours, at / 2, cell.as_str()) {
            (_, _, "NULL") => "NULL".to_owned(),
            (true, 3, flag) => (flag == "1").to_string(),
            (true, 4, date) => format!("date {date}"),
            (true, 5, moment) => format!("timestamp {moment}"),
            (_, _, cell) => cell.to_owned(),
        };
        let rows = rows.iter().map(|(k, cells)| {
            let cells: Vec<_> = cells.iter().enumerate().map(cell).collect();
            format!("({k}, {})", cells.join(", "))
        });
        let rows: Vec<_> = rows.collect();
        let types = columns.join(", ");
        let types = match is_ours {
            true => types,
            // Of no other type does SQLite leave values as they are.
            false => types.replace("DATE", "TEXT").replace("TIMESTAMP", "TEXT"),
        };
        format!(
            "CREATE TABLE r (k INT, {types}); INSERT INTO r VALUES {}",
            rows.join(", ")
        )
    };
    [written(true), written(false)]
}

fn compare(count: u64) {
    let runtime = runtime();
    let first = setting("ORACLE_SEED", 0_u64) * 1_000_000;
    for seed in (first..).take(count.div_ceil(PER_TABLE) as usize) {
        let mut rng = Rng::with_seed(seed);
        let lab = runtime.block_on(Lab::with_keys(0));
        let database = Connection::open_in_memory().unwrap();
        let [ours, theirs] = table(&mut rng);
        let _ = runtime.block_on(lab.run(&ours));
        database.execute_batch(&theirs).unwrap();
        for _ in 0..PER_TABLE {
            let [ours, theirs] = query(&mut rng);
            let seen = match runtime.block_on(lab.try_run(&ours)) {
                Ok(seen) => seen.cells,
                Err(error) => panic!("seed {seed}: {ours}\n{}", shown(&error)),
            };
            let seen = seen.into_iter();
            let mut seen: Vec<Vec<_>> = seen
                .map(|row| row.into_iter().map(cell).collect())
                .collect();
            let mut expected = answer(&database, &theirs);
            for rows in [&mut seen, &mut expected] {
                rows.sort_by_cached_key(|row| format!("{row:?}"));
            }
            assert_eq!(
                seen, expected,
                "seed {seed}:\n  ours:   {ours}\n  SQLite: {theirs}"
            );
        }
    }
}

#[test]
fn typed_comparisons_are_answered_as_the_oracle_does() {
    compare(QUERIES);
}

#[test]
#[ignore = "takes many minutes"]
fn ten_thousand_typed_comparisons_are_answered_as_the_oracle_does() {
    compare(10_000);
}
