//! Random queries, each in our dialect and in SQLite's.
//!
//! A query is one text for both; where they differ it says `⟦ours|SQLite's⟧`. Every value in it is of a known type, and
//! every order is total but for rows that are the same, so that there is one right answer.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;
use regex::Regex;

use super::listing::Kind;
use super::terms::{Source, Text, any, column, day, moment, number, text};

/// A query, and whether the order of its rows is part of the answer.
#[derive(Clone)]
pub(super) struct Query {
    text: String,
    pub(super) ordered: bool,
}

impl Query {
    /// A query of all keys for which `test` holds: their ids for the oracle, `write` for iamql.
    pub(super) fn of_write(write: &str, test: &str) -> Self {
        Self {
            text: format!("⟦{write}|SELECT k.id FROM keys k⟧ WHERE {test}"),
            ordered: false,
        }
    }

    /// The query for iamql.
    pub(super) fn ours(&self) -> String {
        rendered(&self.text, "$1")
    }

    /// The query for the oracle.
    pub(super) fn theirs(&self) -> String {
        rendered(&self.text, "$2")
    }
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "\n  ours:   {}\n  SQLite: {}",
            self.ours(),
            self.theirs()
        )
    }
}

fn rendered(text: &str, side: &str) -> String {
    static EITHER: LazyLock<Regex> = LazyLock::new(|| Regex::new("⟦([^|⟧]*)\\|([^⟧]*)⟧").unwrap());
    EITHER.replace_all(text, side).into_owned()
}

/// A predicate without AND, OR and NOT.
fn simple(source: &Source, alias: &'static str) -> Text {
    let value = || {
        prop_oneof![
            3 => column(source, alias, Kind::Text),
            1 => (text(source, alias), column(source, alias, Kind::Text)).prop_map(|(text, (_, literal))| (text, literal)),
            1 => moment(source, alias),
            1 => day(source, alias),
        ]
    };
    let several = |kind| {
        let literals = source
            .columns(kind)
            .into_iter()
            .flat_map(|column| column.literals)
            .collect::<Vec<_>>();
        proptest::collection::vec(select(literals), 1..5).prop_map(|values| values.join(", "))
    };
    let compare = || {
        select(vec![
            "=",
            "=",
            "<>",
            "<",
            "<=",
            ">",
            ">=",
            "IS DISTINCT FROM",
            "IS NOT DISTINCT FROM",
        ])
    };
    let not = || select(vec!["", "", "NOT "]);
    let pattern = select(vec![
        "%", "", "s%", "%a%", "_a-%", "%-%_", "lkc-%", "%\\%", "C%", "ci", "%é%", "__",
    ]);
    prop_oneof![
        5 => (value(), compare()).prop_map(|((value, literal), is)| format!("{value} {is} {literal}")),
        1 => value().prop_map(|(value, literal)| format!("{literal} = {value}")),
        3 => (column(source, alias, Kind::Text), several(Kind::Text), not())
            .prop_map(|((column, _), values, not)| format!("{column} {not}IN ({values})")),
        1 => (moment(source, alias), several(Kind::Time), not())
            .prop_map(|((column, _), values, not)| format!("{column} {not}IN ({values})")),
        1 => (day(source, alias), several(Kind::Date), not())
            .prop_map(|((column, _), values, not)| format!("{column} {not}IN ({values})")),
        2 => (value(), not()).prop_map(|((value, _), not)| format!("{value} IS {not}NULL")),
        // SQLite has no escape unless it is told.
        2 => (text(source, alias), pattern, not())
            .prop_map(|(text, pattern, not)| format!("{text} {not}LIKE '{pattern}' ESCAPE '\\'")),
        2 => (column(source, alias, Kind::Text), column(source, alias, Kind::Text), not())
            .prop_map(|((column, a), (_, b), not)| format!("{column} {not}BETWEEN {a} AND {b}")),
        1 => (moment(source, alias), moment(source, alias), compare())
            .prop_map(|((a, _), (b, _), is)| format!("{a} {is} {b}")),
        1 => (text(source, alias), text(source, alias), compare()).prop_map(|(a, b, is)| format!("{a} {is} {b}")),
        1 => (number(source, alias), number(source, alias), compare()).prop_map(|(a, b, is)| format!("{a} {is} {b}")),
        1 => select(vec!["NULL", "1 = 1", "1 = 2"]).prop_map(str::to_owned),
    ]
    .boxed()
}

/// Puts predicates together.
fn combined(simple: Text) -> Text {
    simple
        .prop_recursive(3, 10, 2, |inner| {
            prop_oneof![
                3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
                3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
                2 => inner.clone().prop_map(|a| format!("NOT ({a})")),
                1 => (inner.clone(), select(vec!["TRUE", "NOT TRUE", "FALSE", "NOT FALSE"]))
                    .prop_map(|(a, is)| format!("(({a}) IS {is})")),
                1 => (inner.clone(), inner.clone(), inner)
                    .prop_map(|(a, b, c)| format!("CASE WHEN {a} THEN {b} ELSE {c} END")),
            ]
        })
        .boxed()
}

/// A predicate that asks other keys as well.
fn with_subqueries(source: &Source, alias: &'static str) -> Text {
    let (from, inner) = (source.from, combined(simple(source, "s")));
    let same =
        || select(source.columns(Kind::Text)).prop_flat_map(|column| select(column.spellings));
    let not = || select(vec!["", "NOT "]);
    let of = move |spelling: &str, alias: &str| spelling.replace("{}", alias);
    let subquery = prop_oneof![
        2 => (same(), same(), inner.clone(), not()).prop_map(move |(a, b, inner, not)|
            format!("{} {not}IN (SELECT {} FROM {from} s WHERE {inner})", of(&a, alias), of(&b, "s"))),
        1 => (same(), same(), same(), inner.clone(), not()).prop_map(move |(a, b, c, inner, not)|
            format!("{} {not}IN (SELECT {} FROM {from} s WHERE {} = {} AND {inner})", of(&a, alias), of(&b, "s"), of(&c, "s"), of(&c, alias))),
        2 => (same(), inner.clone(), not()).prop_map(move |(same, inner, not)|
            format!("{not}EXISTS (SELECT 1 FROM {from} s WHERE {} = {} AND {inner})", of(&same, "s"), of(&same, alias))),
        1 => (same(), inner.clone()).prop_map(move |(same, inner)|
            format!("{} = (SELECT max({}) FROM {from} s WHERE {inner})", of(&same, alias), of(&same, "s"))),
        1 => (same(), 0..4).prop_map(move |(same, count)|
            format!("(SELECT count(*) FROM {from} s WHERE {} = {}) > {count}", of(&same, "s"), of(&same, alias))),
    ];
    let outer = simple(source, alias);
    prop_oneof![
        2 => subquery.clone(),
        1 => (subquery.clone(), outer.clone()).prop_map(|(a, b)| format!("{a} AND {b}")),
        1 => (subquery.clone(), outer).prop_map(|(a, b)| format!("({a} OR {b})")),
        1 => (subquery.clone(), subquery.clone()).prop_map(|(a, b)| format!("({a} OR NOT {b})")),
        1 => (subquery, select(vec!["NULL", "NOT NULL", "NOT TRUE", "NOT FALSE"])).prop_map(|(a, is)| format!("({a}) IS {is}")),
    ]
    .boxed()
}

pub(super) fn predicate(source: &Source, alias: &'static str) -> Text {
    prop_oneof![
        8 => combined(simple(source, alias)),
        2 => with_subqueries(source, alias),
        1 => Just("1 = 1".to_owned()),
    ]
    .boxed()
}

fn aggregate(source: &Source, alias: &'static str) -> Text {
    let value = || any(source, alias);
    prop_oneof![
        2 => Just("count(*)".to_owned()),
        1 => value().prop_map(|value| format!("count({value})")),
        2 => value().prop_map(|value| format!("count(DISTINCT {value})")),
        2 => value().prop_map(|value| format!("min({value})")),
        2 => value().prop_map(|value| format!("max({value})")),
        1 => number(source, alias).prop_map(|number| format!("sum({number})")),
        1 => simple(source, alias).prop_map(|test| format!("count(*) FILTER (WHERE {test})")),
        1 => simple(source, alias).prop_map(|test| format!("sum(CASE WHEN {test} THEN 1 ELSE 0 END)")),
        1 => text(source, alias).prop_map(move |text| format!("group_concat({text}, '/' ORDER BY {alias}.id)")),
    ]
    .boxed()
}

/// Names the items of a SELECT.
fn named(items: &[String]) -> String {
    let items = items.iter().enumerate();
    let items: Vec<_> = items
        .map(|(n, item)| format!("{item} AS c{}", n + 1))
        .collect();
    items.join(", ")
}

/// An order by every column, with the first few rows or without, or no order.
fn order(width: usize) -> Text {
    let directions = proptest::collection::vec(
        select(vec![
            "ASC NULLS FIRST",
            "ASC NULLS LAST",
            "DESC NULLS FIRST",
            "DESC NULLS LAST",
        ]),
        width,
    );
    let limit = prop_oneof![
        2 => Just(String::new()),
        2 => (0..12).prop_map(|limit| format!(" LIMIT {limit}")),
        1 => (0..12, 0..120).prop_map(|(limit, offset)| format!(" LIMIT {limit} OFFSET {offset}")),
    ];
    let by = (directions, 0..width, limit).prop_map(move |(directions, first, limit)| {
        let keys: Vec<_> = (0..width)
            .map(|n| format!("{} {}", (n + first) % width + 1, directions[n]))
            .collect();
        format!(" ORDER BY {}{limit}", keys.join(", "))
    });
    prop_oneof![1 => Just(String::new()), 2 => by].boxed()
}

/// A query of `width` columns in the order that is drawn for it.
pub(super) fn query(width: usize, text: Text) -> BoxedStrategy<Query> {
    (text, order(width))
        .prop_map(|(text, order)| Query {
            text: format!("{text}{order}"),
            ordered: !order.is_empty(),
        })
        .boxed()
}

fn items(item: Text, width: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(item, width).prop_map(|items| named(&items))
}

/// Any query.
pub(super) fn queries(source: &Source) -> BoxedStrategy<Query> {
    let from = source.from;
    let of = |width| items(any(source, "k"), width);
    let key =
        |alias: &'static str| column(source, alias, Kind::Text).prop_map(|(column, _)| column);
    let narrowed = |alias: &'static str| {
        predicate(source, "k")
            .prop_map(move |test| format!("(SELECT * FROM {from} k WHERE {test}) {alias}"))
    };
    let rows = (of(3), predicate(source, "k"), select(vec!["", "DISTINCT "])).prop_map(
        move |(items, test, distinct)| {
            format!("SELECT {distinct}{items} FROM {from} k WHERE {test}")
        },
    );
    let first = (predicate(source, "k"), 0..120).prop_map(move |(test, limit)| {
        format!("SELECT count(*) AS c1 FROM (SELECT 1 FROM {from} k WHERE {test} LIMIT {limit}) t")
    });
    let totals = (items(aggregate(source, "k"), 2), predicate(source, "k"))
        .prop_map(move |(items, test)| format!("SELECT {items} FROM {from} k WHERE {test}"));
    let groups = (
        key("k"),
        any(source, "k"),
        aggregate(source, "k"),
        predicate(source, "k"),
        0..4,
    )
        .prop_map(move |(a, b, aggregate, test, least)| {
            let items = named(&[a, b, aggregate]);
            format!(
                "SELECT {items} FROM {from} k WHERE {test} GROUP BY 1, 2 HAVING count(*) > {least}"
            )
        });
    let side = select(vec!["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
    let joins =
        (narrowed("a"), narrowed("b"), key("a"), key("b"), side).prop_map(|(a, b, x, y, join)| {
            format!(
                "SELECT a.id AS c1, b.id AS c2 FROM {a} {join} {b} ON {x} = {y} AND a.id < b.id"
            )
        });
    let counted = (narrowed("b"), column(source, "b", Kind::Text), column(source, "b", Kind::Text), combined(simple(source, "b")))
        .prop_map(|(b, (x, one), (_, two), test)| {
            format!(
                "SELECT v.column1 AS c1, count(b.id) AS c2 FROM (VALUES ({one}), ({two}), ('sa-1')) v
                 LEFT JOIN {b} ON {x} = v.column1 AND {test} GROUP BY 1"
            )
        });
    let named_one = (key("k"), predicate(source, "k"), predicate(source, "k"), aggregate(source, "k"))
        .prop_map(move |(owner, test, other, aggregate)| {
            format!(
                "WITH o AS (SELECT {owner} AS o, {aggregate} AS n FROM {from} k WHERE {test} GROUP BY 1)
                 SELECT k.id AS c1, o.n AS c2 FROM o JOIN {from} k ON {owner} = o.o WHERE {other}"
            )
        });
    let union = select(vec!["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]);
    let sets = (of(1), predicate(source, "k"), union, predicate(source, "k"))
        .prop_map(move |(items, a, union, b)| format!("SELECT {items} FROM {from} k WHERE {a} {union} SELECT {items} FROM {from} k WHERE {b}"));
    let function = select(vec![
        "row_number()",
        "rank()",
        "dense_rank()",
        "count(*)",
        "lag(k.id)",
        "max(k.id)",
    ]);
    let windows = (function, key("k"), moment(source, "k"), predicate(source, "k")).prop_map(move |(function, part, (time, _), test)| {
        format!(
            "SELECT k.id AS c1, {function} OVER (PARTITION BY {part} ORDER BY {time} DESC NULLS LAST, k.id) AS c2
             FROM {from} k WHERE {test}"
        )
    });
    prop_oneof![
        6 => query(3, rows.boxed()),
        1 => query(1, first.boxed()),
        2 => query(2, totals.boxed()),
        3 => query(3, groups.boxed()),
        2 => query(2, joins.boxed()),
        1 => query(2, counted.boxed()),
        1 => query(2, named_one.boxed()),
        2 => query(1, sets.boxed()),
        1 => query(2, windows.boxed()),
    ]
    .boxed()
}
