//! What holds of all rules, and what their own tests share.

use std::collections::BTreeMap;
use std::path::Path;

use sqlparser::ast::Statement;

use super::rule::{Aggregation, Answer, SecondReading, SyntaxRule, UnknownColumn};
use super::{SECOND_READINGS, SYNTAX_RULES};
use crate::dialect::parse::{as_sql, parse};
use crate::dialect::rewrite::apply;
use crate::dialect::shape::tests::shape;

/// Parses `sql`.
pub(super) fn statement(sql: &str) -> Statement {
    let statement = parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    as_sql(&statement).expect("SQL").clone()
}

/// Returns what all rules make of `sql`.
pub(super) fn rewritten(sql: &str) -> String {
    alone_all(&SYNTAX_RULES.iter().collect::<Vec<_>>(), sql)
}

/// Returns what one rule makes of `sql`.
pub(super) fn alone(rule: &SyntaxRule, sql: &str) -> String {
    alone_all(&[rule], sql)
}

/// Returns what some of the rules make of `sql`.
pub(super) fn alone_all(rules: &[&SyntaxRule], sql: &str) -> String {
    let mut statement = statement(sql);
    apply(rules, &mut statement, &shape());
    statement.to_string()
}

/// Returns what a second reading makes of `sql`, in which the engine does not know `name`; None if that is nothing.
pub(super) fn reread(
    reading: &SecondReading,
    sql: &str,
    name: &str,
    is_slip: bool,
) -> Option<String> {
    let mut statement = statement(sql);
    let is_changed = match reading.answer {
        Answer::UnknownColumn(read) => read(&mut statement, UnknownColumn { name, is_slip }),
        Answer::SameName(read) => read(&mut statement),
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

#[test]
fn the_rules_run_in_this_order() {
    let rules: Vec<&str> = SYNTAX_RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(
        rules,
        [
            "show_tables",
            "set_time_zone",
            "not_temporary",
            "ignored_parameter",
            "parameter_to_path",
            "numbered_placeholder",
            "powers",
            "table_to_select",
            "top_to_limit",
            "fetch_to_limit",
            "from_alone",
            "order_by_all",
            "order_by_ordinals",
            "positions_in_grouping_sets",
            "spread_objects",
            "name_items",
            "rows_in_where",
            "path_to_subscripts",
            "quote_fields",
            "times_in_microseconds",
            "time_patterns",
            "integer_division",
            "round_to_tens",
            "percentile_disc",
            "function_names",
            "part_of_date",
            "value_of_extreme",
            "path_by_arrows",
            "object_to_text",
            "escape_by_backslash",
            "similar_to_regex",
            "rows_by_columns",
            "row_in_subquery",
            "like_each",
            "array_in_text",
            "clock_in_interval",
            "functions",
        ]
    );
    let readings: Vec<&str> = SECOND_READINGS.iter().map(|rule| rule.name).collect();
    assert_eq!(
        readings,
        [
            "name_to_item",
            "name_rows",
            "name_to_text",
            "name_every_item",
            "bare_columns",
        ]
    );
}

/// Reads the documentation of the rules: by the name of each, its SQL before and after.
fn documented() -> BTreeMap<String, (String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dialect/rules");
    let mut found = BTreeMap::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let mut doc: Vec<&str> = Vec::new();
        for line in text.lines() {
            if let Some(line) = line.strip_prefix("///") {
                doc.push(line.trim());
                continue;
            }
            let doc = std::mem::take(&mut doc);
            let name = line
                .trim_start_matches("pub(super) ")
                .strip_prefix("const ")
                .and_then(|rest| rest.split_once(": "))
                .filter(|(_, ty)| ty.starts_with("SyntaxRule") || ty.starts_with("SecondReading"));
            if let Some((name, _)) = name {
                let sql = doc.split(|line| line.starts_with("```")).nth(1);
                let sql = sql.unwrap_or_else(|| panic!("{name} shows no SQL"));
                let mut parts = sql.split(|line| line.starts_with("-- becomes"));
                let mut part = || parts.next().unwrap_or_default().join(" ");
                found.insert(name.to_lowercase(), (part(), part()));
            }
        }
    }
    found
}

#[test]
fn every_rule_alone_does_what_its_documentation_says() {
    let mut documented = documented();
    let mut wrong = Vec::new();
    for rule in SYNTAX_RULES {
        let (before, after) = documented.remove(rule.name).expect(rule.name);
        let (once, again) = (alone(rule, &before), alone(rule, &after));
        if once != after || again != statement(&after).to_string() {
            wrong.push((rule.name, once, again));
        }
    }
    for reading in SECOND_READINGS {
        let (before, after) = documented.remove(reading.name).expect(reading.name);
        let once = reread(reading, &before, "no", false).unwrap_or_default();
        if once != after {
            wrong.push((reading.name, once, String::new()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(documented.is_empty(), "rules in no list: {documented:#?}");
}
