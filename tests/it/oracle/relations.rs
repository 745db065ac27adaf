//! Random queries about joins with USING, set operations that count, and windows over NULLs.
//!
//! SQLite has no EXCEPT ALL and no IGNORE NULLS, so it is asked what means the same: copies that are numbered, and a
//! subquery for the row that is looked for.

use proptest::prelude::*;
use proptest::sample::select;

use super::listing::Kind;
use super::queries::{Query, predicate, query};
use super::terms::{Source, Text, any, column};

/// A few rows of `names`, each name some column of the keys.
fn few(source: &Source, names: &'static [&'static str]) -> Text {
    let from = source.from;
    let keys = proptest::collection::vec(column(source, "k", Kind::Text), names.len());
    (keys, predicate(source, "k"))
        .prop_map(move |(keys, test)| {
            let items = keys.iter().zip(names);
            let items: Vec<_> = items
                .map(|((key, _), name)| format!("{key} AS {name}"))
                .collect();
            format!(
                "(SELECT DISTINCT {} FROM {from} k WHERE {test})",
                items.join(", ")
            )
        })
        .boxed()
}

/// Joins of two and three tables with USING and NATURAL.
fn joins(source: &Source) -> Text {
    let kind = || select(vec!["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
    let seen = select(vec![
        "x AS c1, a.x AS c2, b.x AS c3",
        "x AS c1, p AS c2, q AS c3",
        "coalesce(x, 'none') AS c1, max(p) AS c2, count(q) AS c3",
    ]);
    let test = select(vec![
        "",
        " WHERE x IS NOT NULL",
        " WHERE b.x IS NULL",
        " WHERE x > 'm' OR p IS NULL",
    ]);
    let two = (
        few(source, &["x", "p"]),
        few(source, &["x", "q"]),
        kind(),
        seen,
        test,
        any_bool(),
    )
        .prop_map(|(a, b, kind, seen, test, is_natural)| {
            let group = match seen.contains("max(") {
                true => " GROUP BY x",
                false => "",
            };
            match is_natural {
                true => format!("SELECT {seen} FROM {a} a NATURAL {kind} {b} b{test}{group}"),
                false => format!("SELECT {seen} FROM {a} a {kind} {b} b USING (x){test}{group}"),
            }
        });
    let three = (
        few(source, &["x", "y"]),
        few(source, &["x", "y"]),
        few(source, &["y", "z"]),
        kind(),
        kind(),
    )
        .prop_map(|(a, b, c, first, second)| {
            format!(
                "SELECT x AS c1, y AS c2, z AS c3 FROM {a} a {first} {b} b USING (x, y) {second} {c} c USING (y)"
            )
        });
    prop_oneof![2 => two, 1 => three].boxed()
}

fn any_bool() -> impl Strategy<Value = bool> {
    proptest::bool::ANY
}

/// EXCEPT ALL and INTERSECT ALL, whose copies SQLite has numbered.
fn sets(source: &Source) -> Text {
    let from = source.from;
    let operator = select(vec!["EXCEPT", "INTERSECT"]);
    let key = column(source, "k", Kind::Text);
    (
        key,
        predicate(source, "k"),
        operator,
        predicate(source, "k"),
    )
        .prop_map(move |((key, _), a, operator, b)| {
            let numbered = "SELECT c1, row_number() OVER (PARTITION BY c1) FROM (";
            let side = |test: &str| {
                format!("⟦|{numbered}⟧SELECT {key} AS c1 FROM {from} k WHERE {test}⟦|)⟧")
            };
            format!(
                "⟦|SELECT c1 FROM (⟧{} {operator}⟦ ALL|⟧ {}⟦|)⟧",
                side(&a),
                side(&b)
            )
        })
        .boxed()
}

/// Windows with frames, names, and NULLs that are left out.
fn windows(source: &Source) -> Text {
    let from = source.from;
    let rows = (any(source, "k"), column(source, "k", Kind::Text), predicate(source, "k")).prop_map(
        move |(value, (part, _), test)| {
            format!(
                "WITH w AS (SELECT k.id AS c1, {value} AS v, {part} AS p, row_number() OVER (ORDER BY k.id) AS n
                 FROM {from} k WHERE {test})"
            )
        },
    );
    let framed = select(vec![
        "first_value(v) OVER (PARTITION BY p ORDER BY n ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)",
        "last_value(v) OVER (PARTITION BY p ORDER BY n ROWS BETWEEN CURRENT ROW AND 2 FOLLOWING)",
        "nth_value(v, 2) OVER (PARTITION BY p ORDER BY n)",
        "lag(v, 2) OVER (q ORDER BY n)",
        "count(v) OVER (q ORDER BY p, n ROWS 3 PRECEDING)",
        "max(v) OVER q",
        "count(*) OVER (q)",
    ])
    .prop_map(str::to_owned);
    let at = |steps: &'static str, order: &'static str, skip: u8| {
        format!(
            "(SELECT o.v FROM w o WHERE o.n {steps} w.n AND o.v IS NOT NULL ORDER BY o.n {order} LIMIT 1 OFFSET {skip})"
        )
    };
    let ignoring = select(vec![
        ("lag(v)", "", at("<", "DESC", 0)),
        ("lag(v, 2)", "", at("<", "DESC", 1)),
        ("lead(v)", "", at(">", "", 0)),
        ("lead(v, 3)", "", at(">", "", 2)),
        (
            "last_value(v)",
            "ROWS UNBOUNDED PRECEDING",
            at("<=", "DESC", 0),
        ),
        (
            "first_value(v)",
            "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
            at(">=", "", 0),
        ),
        (
            "nth_value(v, 2)",
            "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
            at(">=", "", 1),
        ),
    ])
    .prop_map(|(call, frame, theirs)| {
        format!("⟦{call} IGNORE NULLS OVER (ORDER BY n {frame})|{theirs}⟧")
    });
    (rows, prop_oneof![1 => framed, 1 => ignoring])
        .prop_map(|(rows, window)| {
            format!("{rows} SELECT c1, {window} AS c2 FROM w WINDOW q AS (PARTITION BY p)")
        })
        .boxed()
}

/// Any of these.
pub(super) fn relations(source: &Source) -> BoxedStrategy<Query> {
    prop_oneof![
        3 => query(3, joins(source)),
        1 => query(1, sets(source)),
        2 => query(2, windows(source)),
    ]
    .boxed()
}
