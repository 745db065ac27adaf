//! What holds of all rules, and what their own tests share.

use std::collections::BTreeMap;
use std::path::Path;

use sqlparser::ast::Statement;

use super::rule::{Aggregation, Answer, SyntaxRule, UnknownColumn, Writer};
use super::{SECOND_READINGS, SYNTAX_RULES};
use crate::dialect::Dialect;
use crate::dialect::parse::{as_sql, parse};
use crate::dialect::rewrite::apply;
use crate::dialect::setting::Dialects;
use crate::dialect::shape::tests::shape;

/// Parses `sql`.
pub(super) fn statement(sql: &str) -> Statement {
    let statement = parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    as_sql(&statement).expect("SQL").clone()
}

/// Returns what all rules of the default dialect make of `sql`.
pub(super) fn rewritten(sql: &str) -> String {
    applied(|rule| rule.dialects.contains(Dialect::Default), sql)
}

/// Returns what the rule called `name` makes of `sql`.
pub(super) fn alone(name: &str, sql: &str) -> String {
    alone_all(&[name], sql)
}

/// Returns what the rules with these names make of `sql`.
pub(super) fn alone_all(names: &[&str], sql: &str) -> String {
    applied(|rule| names.contains(&rule.name), sql)
}

fn applied(is_wanted: impl Fn(&SyntaxRule) -> bool, sql: &str) -> String {
    let rules: Vec<&SyntaxRule> = SYNTAX_RULES.iter().filter(|rule| is_wanted(rule)).collect();
    let mut statement = statement(sql);
    apply(&rules, &mut statement, &shape());
    statement.to_string()
}

/// Returns what a second reading makes of `sql`, in which the engine does not know `name`; None if that is nothing.
pub(super) fn reread(reading: &str, sql: &str, name: &str, is_slip: bool) -> Option<String> {
    let mut statement = statement(sql);
    let mut readings = SECOND_READINGS.iter();
    let reading = readings.find(|own| own.name == reading).expect(reading);
    let is_changed = match reading.answer {
        Answer::UnknownColumn(read) => read(&mut statement, UnknownColumn { name, is_slip }),
        Answer::SameName(read) | Answer::DuplicateNames(read) => read(&mut statement),
        Answer::BareColumn(read) => {
            let aggregation = Aggregation {
                is_aggregate: &|name| ["count", "max", "min"].contains(&name),
                shape: &shape(),
            };
            !read(&mut statement, &aggregation).is_empty()
        }
    };
    is_changed.then(|| statement.to_string())
}

/// Tells of a rule in one line.
fn line(name: &str, dialects: Dialects, writers: &[Writer]) -> String {
    let spoken = Dialect::ALL.into_iter();
    let spoken = spoken.filter(|dialect| dialects.contains(*dialect));
    let spoken: Vec<&str> = spoken.map(Dialect::name).collect();
    let writers: Vec<String> = writers.iter().map(|writer| format!("{writer:?}")).collect();
    format!("{name}: {}; {}", spoken.join(", "), writers.join(", "))
}

#[test]
fn the_rules_run_in_this_order() {
    let rules = SYNTAX_RULES.iter();
    let rules: Vec<String> = rules
        .map(|rule| line(rule.name, rule.dialects, rule.writers))
        .collect();
    insta::assert_snapshot!(rules.join("\n"), @r"
    show_tables: default, stackql; DuckDb
    set_time_zone: default, stackql; Psql
    set_dialect: default, stackql; Psql, DuckDb, Stackql
    not_temporary: default, stackql; Psql, DuckDb
    times_of_columns: default, stackql; Psql, DuckDb
    ignored_parameter: stackql; Stackql
    parameter_to_path: stackql; Stackql
    numbered_placeholder: default, stackql; DuckDb
    operators_of_stackql: stackql; Stackql
    sets_from_left: stackql; Stackql
    comma_in_limit: stackql; Stackql
    long_numbers: default; Psql, DuckDb
    powers: default; Psql, DuckDb
    table_to_select: default, stackql; Psql, DuckDb
    fetch_to_limit: default, stackql; Psql, DuckDb
    from_alone: default, stackql; DuckDb
    order_by_ordinals: default, stackql; Psql, DuckDb
    name_ordered_items: default, stackql; Psql, DuckDb
    name_sides: default, stackql; Psql, DuckDb, Stackql
    name_series: default, stackql; Psql
    rows_in_groups: default, stackql; Psql, DuckDb
    positions_in_grouping_sets: default, stackql; Psql, DuckDb
    numbers_in_groups: default, stackql; Psql, DuckDb
    join_before_lateral: default, stackql; Psql, DuckDb
    spread_objects: default, stackql; DuckDb
    name_items: default, stackql; Psql, DuckDb, Stackql
    disambiguate_casts: default, stackql; Psql, DuckDb, Stackql
    rows_in_where: default, stackql; Psql, DuckDb
    path_to_subscripts: default, stackql; DuckDb
    quote_fields: default, stackql; Psql, DuckDb
    time_patterns: default, stackql; Psql
    integer_division: default, stackql; DuckDb
    function_names: default, stackql; Psql, DuckDb
    times_in_microseconds: default, stackql; Psql, DuckDb
    base64_with_padding: default; Psql
    length_of_array: default; Psql
    part_of_date: default, stackql; DuckDb
    value_of_extreme: default, stackql; DuckDb
    path_by_arrows: default, stackql; Psql
    object_in_cast: default, stackql; DuckDb, Stackql
    object_to_text: stackql; Stackql
    like_ignores_case: stackql; Stackql
    functions_of_stackql: stackql; Stackql
    paths_behind_arrows: stackql; Stackql
    casts_of_stackql: stackql; Stackql
    typed_null: stackql; Stackql
    truth_of_numbers: stackql; Stackql
    number_as_condition: stackql; Stackql
    escape_by_backslash: default, stackql; Psql, DuckDb
    word_boundaries: default; Psql
    similar_to_regex: default, stackql; Psql, DuckDb
    rows_by_columns: default, stackql; Psql, DuckDb
    row_in_subquery: default, stackql; Psql, DuckDb
    list_of_rows: default, stackql; Psql, DuckDb
    select_from_values: default, stackql; Psql, DuckDb
    like_each: default, stackql; Psql
    any_element: default, stackql; Psql, DuckDb
    array_in_text: default, stackql; Psql
    clock_in_interval: default, stackql; Psql
    minus_interval: default, stackql; Psql
    functions: default, stackql; DuckDb, Stackql
    numbers_of_sqlite: stackql; Stackql
    array_by_call: default, stackql; Psql, DuckDb
    ");
    let readings = SECOND_READINGS.iter();
    let readings: Vec<String> = readings
        .map(|rule| line(rule.name, rule.dialects, rule.writers))
        .collect();
    insta::assert_snapshot!(readings.join("\n"), @r"
    name_to_item: stackql; Stackql
    name_to_text: stackql; Stackql
    name_every_item: default, stackql; Psql, DuckDb, Stackql
    disambiguate_duplicates: default, stackql; Psql, DuckDb
    bare_columns: stackql; Stackql
    ");
}

#[test]
fn a_rule_belongs_where_its_writers_are() {
    let rules = SYNTAX_RULES.iter();
    let rules = rules.map(|rule| (rule.name, rule.dialects, rule.writers));
    let readings = SECOND_READINGS.iter();
    let readings = readings.map(|rule| (rule.name, rule.dialects, rule.writers));
    for (name, dialects, writers) in rules.chain(readings) {
        assert!(!writers.is_empty(), "{name} has no writer");
        // What only StackQL's users write means nothing in a dialect close to PostgreSQL.
        let is_theirs_alone = writers == [Writer::Stackql];
        assert_eq!(dialects == Dialects::STACKQL, is_theirs_alone, "{name}");
        let is_theirs = writers.contains(&Writer::Stackql);
        assert!(!is_theirs || dialects.contains(Dialect::Stackql), "{name}");
    }
    for reading in SECOND_READINGS {
        let is_everywhere = reading.dialects == Dialects::BOTH;
        assert_eq!(reading.instead.is_none(), is_everywhere, "{}", reading.name);
    }
}

/// Reads the documentation of the rules in `folder`, which are functions: by the name of each, its SQL before and after.
pub(crate) fn documented_in(folder: &str) -> BTreeMap<String, (String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/dialect")
        .join(folder);
    let mut found = BTreeMap::new();
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    // A rule with several files has a folder.
    let files = files.map(|path| {
        if path.is_dir() {
            path.join("mod.rs")
        } else {
            path
        }
    });
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        let mut doc: Vec<&str> = Vec::new();
        for line in text.lines() {
            if let Some(line) = line.strip_prefix("///") {
                doc.push(line.trim());
                continue;
            }
            let doc = std::mem::take(&mut doc);
            let sql = doc.split(|line| line.starts_with("```")).nth(1);
            let function = line.trim_start_matches("pub(super) ").strip_prefix("fn ");
            if let (Some(function), Some(sql)) = (function, sql)
                && sql.iter().any(|line| line.starts_with("-- becomes"))
                && let Some((name, _)) = function.split_once('(')
            {
                let mut parts = sql.split(|line| line.starts_with("-- becomes"));
                let mut part = || parts.next().unwrap_or_default().join(" ");
                found.insert(name.to_owned(), (part(), part()));
            }
        }
    }
    found
}

#[test]
fn every_rule_alone_does_what_its_documentation_says() {
    let mut documented = documented_in("rules");
    let mut wrong = Vec::new();
    for rule in SYNTAX_RULES {
        let (before, after) = documented.remove(rule.name).expect(rule.name);
        let (once, again) = (alone(rule.name, &before), alone(rule.name, &after));
        if once != after || again != statement(&after).to_string() {
            wrong.push((rule.name, once, again));
        }
    }
    for reading in SECOND_READINGS {
        let (before, after) = documented.remove(reading.name).expect(reading.name);
        let once = reread(reading.name, &before, "no", false).unwrap_or_default();
        if once != after {
            wrong.push((reading.name, once, String::new()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(documented.is_empty(), "rules in no list: {documented:#?}");
}
