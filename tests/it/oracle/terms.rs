//! What random queries are made of: columns, literals worth comparing them with, and expressions over both.
//!
//! A text for both dialects says `⟦ours|SQLite's⟧` where they differ.

use proptest::prelude::*;
use proptest::sample::select;
use rusqlite::Connection;
use rusqlite::types::Value as Cell;

use super::listing::{COLUMNS, Kind};

/// Makes texts.
pub(super) type Text = BoxedStrategy<String>;

/// A relation that has all keys: the table or the view, under an alias.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// What stands after FROM.
    pub(super) from: &'static str,
    columns: Vec<Column>,
}

/// A column of it.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// How it may be written, `{}` standing for the alias.
    pub(super) spellings: Vec<String>,
    kind: Kind,
    /// What it may be compared with.
    pub(super) literals: Vec<String>,
}

impl Source {
    /// The table, its members addressed in each of the four ways.
    pub(super) fn table(database: &Connection) -> Self {
        let columns = COLUMNS.iter().map(|&(name, place, kind)| {
            let steps: Vec<&str> = place[1..].split('/').collect();
            let spellings = match (&steps[..], kind) {
                ([name], _) => vec![format!("{{}}.{name}")],
                ([column, members @ ..], Kind::Count) => vec![format!(
                    "⟦json_array_length({{}}._{column}, '$.{}')|{{}}.{name}⟧",
                    members.join(".")
                )],
                ([column, members @ ..], _) => {
                    let subscripts: String = members
                        .iter()
                        .map(|member| format!("['{member}']"))
                        .collect();
                    let (last, before) = members.split_last().unwrap();
                    let arrows: String = before
                        .iter()
                        .map(|member| format!(" -> '{member}'"))
                        .collect();
                    let mut ours = vec![
                        format!("{{}}.{}", steps.join(".")),
                        format!("{{}}.{column}{subscripts}"),
                    ];
                    if kind == Kind::Text {
                        // These give text, whatever the type of the member.
                        ours.push(format!("({{}}.{column}{arrows} ->> '{last}')"));
                        ours.push(format!(
                            "json_extract({{}}.{column}, '$.{}')",
                            members.join(".")
                        ));
                    }
                    let both = |ours| format!("⟦{ours}|{{}}.{name}⟧");
                    ours.into_iter().map(both).collect()
                }
                ([], _) => unreachable!("a pointer has a step"),
            };
            Column {
                spellings,
                kind,
                literals: literals(database, name, kind),
            }
        });
        Self {
            from: "⟦api_keys|keys⟧",
            columns: columns.collect(),
        }
    }

    /// The view, as far as it has the columns that the table has.
    pub(super) fn view(database: &Connection) -> Self {
        let columns = COLUMNS.iter().filter_map(|&(name, _, kind)| {
            let absent = [
                "kind",
                "self_link",
                "owner_crn",
                "resource_api",
                "environment",
                "clusters",
            ];
            let column = Column {
                spellings: vec![format!("{{}}.{name}")],
                kind,
                literals: literals(database, name, kind),
            };
            (!absent.contains(&name)).then_some(column)
        });
        Self {
            from: "⟦vw_api_keys|keys⟧",
            columns: columns.collect(),
        }
    }

    /// Returns the columns of a kind.
    pub(super) fn columns(&self, kind: Kind) -> Vec<Column> {
        self.columns
            .iter()
            .filter(|column| column.kind == kind)
            .cloned()
            .collect()
    }
}

/// Some of the values that a column has, and some that it has not.
fn literals(database: &Connection, name: &str, kind: Kind) -> Vec<String> {
    let sql = format!("SELECT DISTINCT {name} FROM keys WHERE {name} IS NOT NULL ORDER BY {name}");
    let mut statement = database.prepare(&sql).unwrap();
    let values: Vec<Cell> = statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let step = values.len() / 10 + 1;
    let mut literals: Vec<String> = values.iter().step_by(step).map(literal_of(kind)).collect();
    let others: &[&str] = match kind {
        Kind::Text => &["''", "'sa-1'", "'M'", "'a_b'", "NULL"],
        Kind::Time => &["⟦'2025-06-01T00:00:00Z'|1748736000000000⟧", "NULL"],
        Kind::Date => &["'2026-06-30'", "'2026-07-01'", "NULL"],
        Kind::Count => &["0", "2"],
    };
    literals.extend(others.iter().map(|&other| other.to_owned()));
    literals
}

fn literal_of(kind: Kind) -> impl Fn(&Cell) -> String {
    move |cell| match (cell, kind) {
        (Cell::Text(text), _) => format!("'{}'", text.replace('\'', "''")),
        (Cell::Integer(micros), Kind::Time) => {
            let time = chrono::DateTime::from_timestamp_micros(*micros).unwrap();
            let time = time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
            format!("⟦'{time}'|{micros}⟧")
        }
        (Cell::Integer(number), _) => number.to_string(),
        (other, _) => unreachable!("{other:?} in the flat table"),
    }
}

/// A column of a kind under an alias, and one of its literals.
pub(super) fn column(
    source: &Source,
    alias: &'static str,
    kind: Kind,
) -> BoxedStrategy<(String, String)> {
    let column = select(source.columns(kind))
        .prop_flat_map(|column| (select(column.spellings), select(column.literals)));
    column
        .prop_map(move |(spelling, literal)| (spelling.replace("{}", alias), literal))
        .boxed()
}

/// An expression that gives text. Only of ASCII are `lower` and `upper` the same everywhere.
pub(super) fn text(source: &Source, alias: &'static str) -> Text {
    let plain = || column(source, alias, Kind::Text);
    prop_oneof![
        12 => plain().prop_map(|(column, _)| column),
        1 => plain().prop_map(|(column, literal)| format!("coalesce({column}, {literal})")),
        1 => plain().prop_map(|(column, literal)| format!("nullif({column}, {literal})")),
        1 => plain().prop_map(|(column, literal)| format!("ifnull({column}, {literal})")),
        1 => (plain(), plain()).prop_map(|((a, _), (b, _))| format!("({a} || '-' || {b})")),
        1 => (plain(), 1..9, 0..5).prop_map(|((a, _), from, count)| format!("substr({a}, {from}, {count})")),
        1 => plain().prop_map(|(column, _)| format!("replace({column}, 'a', '')")),
        1 => plain().prop_map(|(column, _)| format!("trim({column})")),
        1 => Just(format!("lower({alias}.id)")),
        1 => (plain(), plain()).prop_map(|((a, literal), (b, _))| format!("iif({a} = {literal}, {a}, {b})")),
        1 => (plain(), plain()).prop_map(|((a, literal), (b, _))|
            format!("CASE WHEN {a} > {literal} THEN {a} WHEN {a} IS NULL THEN 'none' ELSE {b} END")),
        1 => moment(source, alias).prop_map(|(time, _)| format!("strftime('%Y-%m', {time}⟦| / 1000000, 'unixepoch'⟧)")),
    ]
    .boxed()
}

/// A column that holds times, and one of its literals.
pub(super) fn moment(source: &Source, alias: &'static str) -> BoxedStrategy<(String, String)> {
    column(source, alias, Kind::Time)
}

/// A column that holds days, and one of its literals.
pub(super) fn day(source: &Source, alias: &'static str) -> BoxedStrategy<(String, String)> {
    column(source, alias, Kind::Date)
}

/// An expression that gives a whole number.
pub(super) fn number(source: &Source, alias: &'static str) -> Text {
    let plain = || text(source, alias);
    let mut choices = vec![
        (
            2,
            plain().prop_map(|text| format!("length({text})")).boxed(),
        ),
        (
            1,
            plain()
                .prop_map(|text| format!("instr({text}, 'a')"))
                .boxed(),
        ),
        (
            1,
            (plain(), plain())
                .prop_map(|(a, b)| format!("(length({a}) - 2 * length({b}))"))
                .boxed(),
        ),
        (
            1,
            plain()
                .prop_map(|text| format!("(length({text}) % 3)"))
                .boxed(),
        ),
        (1, (0..9_u8).prop_map(|number| number.to_string()).boxed()),
    ];
    if !source.columns(Kind::Count).is_empty() {
        choices.push((
            2,
            column(source, alias, Kind::Count)
                .prop_map(|(column, _)| column)
                .boxed(),
        ));
    }
    proptest::strategy::Union::new_weighted(choices).boxed()
}

/// An expression of any type.
pub(super) fn any(source: &Source, alias: &'static str) -> Text {
    prop_oneof![
        6 => text(source, alias),
        2 => moment(source, alias).prop_map(|(column, _)| column),
        1 => day(source, alias).prop_map(|(column, _)| column),
        1 => number(source, alias),
    ]
    .boxed()
}
