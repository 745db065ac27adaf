//! What holds of all rules over relations.

use sqlparser::ast::ObjectName;

use super::{RELATION_RULES, RelationRule, Tables};
use crate::dialect::Dialect;
use crate::dialect::error::Error;
use crate::dialect::parse::parse;
use crate::dialect::rules::tests::documented_in;

/// Returns what one rule makes of `sql`, or its error and its hint; see [`alone`] for the tables.
pub(super) fn told(rule: RelationRule, sql: &str) -> String {
    match applied(rule, sql) {
        Ok(sql) => sql,
        Err(error) => format!("{}; {}", error.message, error.hint.unwrap_or_default()),
    }
}

/// Returns what one rule makes of `sql`, where `a` is (x, y), `b` (x, z), and every table stands for 600.
fn alone(rule: RelationRule, sql: &str) -> String {
    match applied(rule, sql) {
        // Names that it makes up are in quotes, which are not what is looked at here.
        Ok(sql) => sql.replace('"', ""),
        Err(_) => "refused".to_owned(),
    }
}

/// Returns tables with these columns, each of which stands for itself.
pub(super) fn having(columns: &dyn Fn(&ObjectName) -> Option<Vec<String>>) -> Tables<'_> {
    Tables {
        size: &|_| 1,
        columns,
        dialect: Dialect::Default,
        home: ["home", "iam"],
        is_nested: &|name| name == "nested",
        is_aggregate: &|name| name == "max",
    }
}

pub(super) fn applied(rule: RelationRule, sql: &str) -> Result<String, Error> {
    let columns = |name: &ObjectName| {
        let columns: &[&str] = match name.to_string().as_str() {
            "a" => &["x", "y"],
            "b" => &["x", "z"],
            _ => return None,
        };
        Some(columns.iter().map(|&name| name.to_owned()).collect())
    };
    let tables = Tables {
        size: &|_| 600,
        ..having(&columns)
    };
    let mut statement = parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    rule(&mut statement, &tables)?;
    Ok(statement.to_string())
}

#[test]
fn the_rules_run_in_this_order() {
    let names: Vec<&str> = RELATION_RULES.iter().map(|(name, _)| *name).collect();
    insta::assert_snapshot!(names.join(", "), @"recursion, expansion, qualifiers, order_keys, named_windows, merged_columns, shadowed_order_names");
}

#[test]
fn every_rule_alone_does_what_its_documentation_says() {
    let mut documented = documented_in("relations");
    for (name, rule) in RELATION_RULES {
        let (before, after) = documented.remove(name).expect(name);
        assert_eq!(alone(rule, &before), after, "{name}");
        if after != "refused" {
            assert_eq!(alone(rule, &after), after, "{name}");
        }
    }
    assert!(documented.is_empty(), "rules in no list: {documented:#?}");
}
