//! The names of a result's columns, as written in the query.
//!
//! The engine names a column after its own form of the expression (`api_keys.spec[owner][id]`, `Int64(1)`). Results are
//! renamed at the very end, by position, from the select list as it was typed.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};

use super::ast::folded;
use super::path::path_name;
use super::shape::Shape;

use crate::pattern::patterns;

/// The names of the items of a select list; None for a wildcard, which stands for any number of columns.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Names(Vec<Option<Name>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    /// Without the table's name before it.
    short: String,
    /// As it was typed.
    full: String,
}

impl Names {
    /// Reads the names from the outermost select list of `statement`, as it was parsed.
    pub(crate) fn of(statement: &Statement, shape: &Shape) -> Self {
        match statement {
            Statement::Query(query) => Self::of_body(&query.body, shape),
            _ => Self::default(),
        }
    }

    /// Reads the names from a list of select items, as of RETURNING.
    pub(crate) fn of_items(items: &[SelectItem], shape: &Shape) -> Self {
        Self(items.iter().map(|item| Name::of(item, shape)).collect())
    }

    fn of_body(body: &SetExpr, shape: &Shape) -> Self {
        match body {
            SetExpr::Select(select) => Self::of_items(&select.projection, shape),
            SetExpr::SetOperation { left, .. } => Self::of_body(left, shape),
            SetExpr::Query(query) => Self::of_body(&query.body, shape),
            _ => Self::default(),
        }
    }

    /// Returns `schema` with its columns renamed. Two columns that would be called the same keep their qualifiers.
    pub(crate) fn apply(&self, schema: &SchemaRef, shape: &Shape) -> SchemaRef {
        let names: Vec<Name> = (0..schema.fields().len())
            .map(|column| {
                self.typed(column, schema.fields().len())
                    .cloned()
                    .unwrap_or_else(|| Name::of_field(schema.field(column), shape))
            })
            .collect();
        let fields: Vec<Field> = schema
            .fields()
            .iter()
            .zip(&names)
            .map(|(field, name)| {
                let mut same = names.iter().filter(|other| other.short == name.short);
                // What is the same column twice has no qualifier that tells it apart.
                let name = match same.all(|other| other.full == name.full) {
                    true => &name.short,
                    false => &name.full,
                };
                field.as_ref().clone().with_name(name)
            })
            .collect();
        Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
    }

    /// Returns what was typed for column `column` of `count`; None if it comes from a wildcard.
    fn typed(&self, column: usize, count: usize) -> Option<&Name> {
        let before = self.0.iter().take_while(|name| name.is_some()).count();
        let after = self
            .0
            .iter()
            .rev()
            .take_while(|name| name.is_some())
            .count();
        if column < before {
            self.0.get(column)?.as_ref()
        } else if count - column <= after {
            self.0
                .get((self.0.len() + column).checked_sub(count)?)?
                .as_ref()
        } else {
            None
        }
    }
}

impl Name {
    fn of(item: &SelectItem, shape: &Shape) -> Option<Self> {
        let same = |name: String| Self {
            short: name.clone(),
            full: name,
        };
        match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(same(alias.value.clone())),
            SelectItem::UnnamedExpr(expr) => Some(match expr {
                Expr::Identifier(ident) => same(folded(ident)),
                Expr::CompoundIdentifier(idents) => Self {
                    short: path_name(expr, shape)
                        .or_else(|| idents.last().map(folded))
                        .unwrap_or_default(),
                    full: expr.to_string(),
                },
                _ => Self {
                    short: path_name(expr, shape).unwrap_or_else(|| expr.to_string()),
                    full: expr.to_string(),
                },
            }),
            _ => None,
        }
    }

    fn of_field(field: &Field, shape: &Shape) -> Self {
        let name = readable(field.name(), shape);
        Self {
            short: name.clone(),
            full: name,
        }
    }
}

patterns! {
    /// A path into a nested column, as the engine names it.
    PATH = r"^(?:[\w.]+\.)?(\w+)((?:\[\w+\])+)$";
    /// A literal with its type, as the engine names it.
    LITERAL = r#"\b(?:U?Int|Float)\d+\(([^()]*)\)|\bBoolean\((true|false)\)|\bUtf8\("([^"]*)"\)"#;
}

/// Rewrites a name that the engine made: `api_keys.spec[owner][id]` becomes `spec.owner.id`.
fn readable(name: &str, shape: &Shape) -> String {
    let path = PATH.captures(name);
    match path.filter(|path| shape.is_nested_column(&path[1])) {
        Some(parts) => format!(
            "{}{}",
            &parts[1],
            parts[2].replace('[', ".").replace(']', "")
        ),
        None => literals(name),
    }
}

/// Rewrites the literals in a name that the engine made: `Int64(1)` becomes `1`.
fn literals(name: &str) -> String {
    let typed = LITERAL.replace_all(name, |found: &regex::Captures<'_>| match found.get(3) {
        Some(text) => format!("'{}'", text.as_str()),
        None => found
            .iter()
            .skip(1)
            .flatten()
            .map(|it| it.as_str())
            .collect(),
    });
    typed.into_owned()
}

/// Returns `batch` with the names of `schema`.
pub(crate) fn renamed(batch: RecordBatch, schema: &SchemaRef) -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = batch.columns().to_vec();
    // Only the names differ, so this cannot fail; if it did, the old names would do.
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).unwrap_or(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse::{as_sql, parse};
    use crate::dialect::shape::tests::shape;
    use datafusion::arrow::datatypes::DataType;

    /// Renames columns that the engine called `given`.
    fn named(sql: &str, given: &[&str]) -> Vec<String> {
        let statement = parse(sql).unwrap();
        let names = Names::of(as_sql(&statement).unwrap(), &shape());
        let fields: Vec<_> = given
            .iter()
            .map(|name| Field::new(*name, DataType::Null, true))
            .collect();
        let schema = names.apply(&Arc::new(Schema::new(fields)), &shape());
        schema.fields().iter().map(|f| f.name().clone()).collect()
    }

    #[test]
    fn columns_are_called_as_they_were_typed() {
        assert_eq!(
            named(
                "SELECT spec.owner.id, COUNT(*), 1, upper(spec.owner.id), id AS Key, K.ID FROM api_keys k",
                &["a", "b", "c", "d", "e", "f"]
            ),
            [
                "spec.owner.id",
                "COUNT(*)",
                "1",
                "upper(spec.owner.id)",
                "Key",
                "id"
            ]
        );
    }

    #[test]
    fn columns_of_two_tables_keep_their_qualifiers() {
        assert_eq!(
            named(
                "SELECT a.id, b.id, a.kind FROM api_keys a, api_keys b",
                &["id", "id", "kind"]
            ),
            ["a.id", "b.id", "kind"]
        );
        assert_eq!(
            named(
                "SELECT a.spec.owner.id, b.spec.owner.id FROM x",
                &["p", "q"]
            ),
            ["a.spec.owner.id", "b.spec.owner.id"]
        );
        assert_eq!(
            named("SELECT a.id, a.id, 1 FROM x", &["id", "id_1", "1"]),
            ["id", "id", "1"]
        );
    }

    #[test]
    fn columns_around_a_wildcard_are_found_from_both_ends() {
        assert_eq!(
            named(
                "SELECT 1, *, 2 FROM t",
                &["Int64(1)", "x", "api_keys.spec[owner][id]", "Int64(2)"]
            ),
            ["1", "x", "spec.owner.id", "2"]
        );
    }

    #[test]
    fn literals_that_a_wildcard_stands_for_are_read_as_they_were_typed() {
        assert_eq!(
            named(
                "SELECT * FROM t",
                &["Int64(-1)", "Utf8(\"x\") || a", "Boolean(true)"]
            ),
            ["-1", "'x' || a", "true"]
        );
    }

    #[test]
    fn other_statements_keep_the_names_they_have() {
        assert_eq!(named("SHOW TABLES", &["table_name"]), ["table_name"]);
    }
}
