//! Random combinations of IN, NOT IN, `=`, `<>` and IS NULL, answered by iamql and by SQLite.
//!
//! `ORACLE_SEED=7 ORACLE_QUERIES=5000 cargo test --test it three_valued` asks others, or more.

use fastrand::Rng;
use rusqlite::Connection;

use crate::support::Lab;

const ROWS: &str = "VALUES (1, 'a'), (2, 'b'), (3, NULL), (NULL, 'a'), (NULL, NULL), (4, 'c')";

/// A condition over `x`, a number, and `y`, a text, in SQL that both know.
fn condition(rng: &mut Rng, depth: usize) -> String {
    if depth == 0 || rng.u8(..5) == 0 {
        return test(rng);
    }
    let one = condition(rng, depth - 1);
    match rng.u8(..7) {
        0 => format!("NOT ({one})"),
        1 => format!(
            "CASE WHEN {one} THEN {} ELSE {} END",
            test(rng),
            condition(rng, depth - 1)
        ),
        2..=4 => format!("({one} OR {})", condition(rng, depth - 1)),
        _ => format!("({one} AND {})", condition(rng, depth - 1)),
    }
}

fn test(rng: &mut Rng) -> String {
    let (column, values): (&str, &[&str]) = match rng.bool() {
        true => ("x", &["1", "2", "3", "NULL", "5"]),
        false => ("y", &["'a'", "'b'", "'c'", "NULL", "x || ''"]),
    };
    let not = if rng.bool() { "NOT " } else { "" };
    match rng.u8(..6) {
        0 => format!("{column} IS {not}NULL"),
        1 => format!("{column} = {}", rng.choice(values).unwrap()),
        2 => format!("{column} <> {}", rng.choice(values).unwrap()),
        _ => {
            let length = rng.usize(1..4);
            let list: Vec<&str> = (0..length).map(|_| *rng.choice(values).unwrap()).collect();
            format!("{column} {not}IN ({})", list.join(", "))
        }
    }
}

#[tokio::test]
async fn every_combination_of_lists_has_three_outcomes() {
    let setting = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |value| value.parse().unwrap())
    };
    let seed = setting("ORACLE_SEED", 0);
    let mut rng = Rng::with_seed(seed);
    let database = Connection::open_in_memory().unwrap();
    let lab = Lab::with_keys(0).await;
    for number in 0..setting("ORACLE_QUERIES", 300) {
        let condition = condition(&mut rng, 3);
        let theirs: String = {
            let sql = format!(
                "WITH t(x, y) AS ({ROWS}) SELECT count(*) FILTER (WHERE {condition}), \
                 count(*) FILTER (WHERE ({condition}) IS NULL), (SELECT count(*) FROM t WHERE {condition}) FROM t"
            );
            database
                .query_row(&sql, [], |row| {
                    let cell = |at| row.get::<_, i64>(at);
                    Ok(format!("{} | {} | {}", cell(0)?, cell(1)?, cell(2)?))
                })
                .unwrap_or_else(|error| panic!("{error}: {sql}"))
        };
        let sql = format!(
            "WITH t(x, y) AS ({ROWS}) SELECT count(*) FILTER (WHERE {condition}), \
             count(*) FILTER (WHERE ({condition}) IS NULL), (SELECT count(*) FROM t WHERE {condition}) FROM t"
        );
        let ours = lab.run(&sql).await;
        assert_eq!(ours.rows, [theirs], "seed {seed}, {number}: {condition}");
    }
}
