//! Answers to `\d`, `\dt`, `\dv` and `\df`, as rows for whatever format is set. Pure.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Schema};
use datafusion::arrow::error::ArrowError;
use unicode_width::UnicodeWidthStr;

use super::catalog::{Catalog, Field, Table, bare, fields_of};
use crate::dialect::error::{meant, nearest};
use crate::error::Error;
use crate::render::wrapped;
use crate::resource::{Access, DEFAULT_SCHEMA, Resource};

/// The least room to wrap texts to.
const LEAST_WRAPPED: usize = 20;

/// Rows of text; an empty one shows as nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grid {
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// Makes the rows of pairs.
    pub(super) fn pairs(columns: &'static [&'static str; 2], rows: Vec<[String; 2]>) -> Self {
        Self {
            columns,
            rows: rows.into_iter().map(Vec::from).collect(),
        }
    }

    /// Returns the grid with the texts of its last column wrapped between words, so that a table of it is no wider than
    /// `width`.
    pub(super) fn within(&self, width: usize) -> Self {
        let Some((last, others)) = self.columns.split_last() else {
            return self.clone();
        };
        let widest = |column: usize, name: &str| {
            let cells = self.rows.iter().map(|row| row[column].width());
            cells.chain([name.width()]).max().unwrap_or_default()
        };
        // Each cell has a line and two spaces.
        let taken = others
            .iter()
            .enumerate()
            .map(|(at, name)| widest(at, name) + 3);
        let room = width.saturating_sub(taken.sum::<usize>() + 4);
        if room < LEAST_WRAPPED || widest(others.len(), last) <= room {
            return self.clone();
        }
        let rows = self.rows.iter().flat_map(|row| {
            let mut lines = wrapped(&row[others.len()], room, 0).into_iter();
            let mut first = row.clone();
            first[others.len()] = lines.next().unwrap_or_default().into_owned();
            let rest = lines.map(|line| {
                let mut more = vec![String::new(); others.len()];
                more.push(line.into_owned());
                more
            });
            std::iter::once(first).chain(rest).collect::<Vec<_>>()
        });
        Self {
            columns: self.columns,
            rows: rows.collect(),
        }
    }

    /// Returns the rows as Arrow has them.
    pub(super) fn batch(&self) -> Result<RecordBatch, ArrowError> {
        let fields: Vec<_> = self
            .columns
            .iter()
            .map(|name| ArrowField::new(*name, DataType::Utf8, false))
            .collect();
        let columns = (0..self.columns.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| Some(row[column].as_str()));
                Arc::new(cells.collect::<StringArray>()) as ArrayRef
            })
            .collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }
}

/// Describes the table `name`: its columns with their fields, and for a resource its methods.
///
/// Fails if there is no such table, naming the nearest.
pub(super) fn describe(name: &str, catalog: &Catalog) -> Result<Vec<Grid>, Error> {
    let Some(table) = catalog.table(name) else {
        let error = Error::statement(format!("there is no table `{name}`"));
        let names = catalog.tables.iter().map(|table| table.name.as_str());
        return Err(error.hint(meant(nearest(bare(name), names), "\\dt lists the tables")));
    };
    let shown: &'static [&'static str] = match (table.resource, table.is_described()) {
        (Some(_), _) => COLUMNS,
        (_, true) => &["column", "type", "pushed down", "description"],
        _ => &["column", "type"],
    };
    let mut rows = Vec::new();
    columns(&table.fields, 0, shown, &mut rows);
    let mut grids = vec![Grid {
        columns: shown,
        rows,
    }];
    grids.extend(table.resource.map(methods));
    Ok(grids)
}

/// Describes the table `name`. A pattern, as for `\dt`, lists the tables if it matches several.
///
/// Fails if there is no such table.
pub(super) fn describe_matching(name: &str, catalog: &Catalog) -> Result<Vec<Grid>, Error> {
    if !name.contains(['*', '%']) {
        return describe(name, catalog);
    }
    let names = catalog.tables.iter().map(|table| &table.name);
    let mut names = names.filter(|table| matches(name, table));
    match (names.next(), names.next()) {
        (None, _) => Err(
            Error::statement(format!("no table has a name like `{name}`"))
                .hint("\\dt lists the tables"),
        ),
        (Some(only), None) => describe(only, catalog),
        _ => Ok(vec![tables(catalog, Some(name), None)]),
    }
}

/// Describes what has no more than columns and their types.
pub(super) fn of_schema(schema: &Schema) -> Grid {
    let shown = &["column", "type"];
    let mut rows = Vec::new();
    columns(&fields_of(schema.fields()), 0, shown, &mut rows);
    Grid {
        columns: shown,
        rows,
    }
}

/// What can be told of a column.
const COLUMNS: &[&str] = &["column", "type", "writable", "pushed down", "description"];

/// Tells of `fields` what `shown` of [`COLUMNS`] says.
fn columns(fields: &[Field], depth: usize, shown: &[&str], rows: &mut Vec<Vec<String>>) {
    for field in fields {
        let cells = [
            indented(field, depth),
            field.ty.clone(),
            match field.access {
                Access::ReadOnly => "no",
                Access::OnCreate => "on INSERT",
                Access::Writable => "yes",
            }
            .to_owned(),
            field.sent_as.trim_end_matches('=').to_owned(),
            field.description.to_owned(),
        ];
        let row = COLUMNS
            .iter()
            .zip(cells)
            .filter(|(name, _)| shown.contains(*name));
        rows.push(row.map(|(_, cell)| cell).collect());
        columns(&field.fields, depth + 1, shown, rows);
    }
}

/// Returns the name of a field, below that of its column.
fn indented(field: &Field, depth: usize) -> String {
    let dot = if depth == 0 { "" } else { "." };
    format!("{}{dot}{}", "  ".repeat(depth), field.name)
}

fn methods(resource: &Resource) -> Grid {
    Grid {
        columns: &["method", "statement", "request"],
        rows: resource
            .methods
            .iter()
            .map(|method| {
                let (name, verb) = (method.name.to_owned(), method.verb().to_owned());
                vec![name, verb, resource.request(method)]
            })
            .collect(),
    }
}

/// Lists, service by service, the tables whose name matches `pattern`; only views, or only tables, if `views` says so.
pub(super) fn tables(catalog: &Catalog, pattern: Option<&str>, views: Option<bool>) -> Grid {
    let wanted = |table: &&Table| {
        views.is_none_or(|views| views == table.is_view)
            && pattern.is_none_or(|pattern| matches(pattern, &table.name))
    };
    Grid {
        columns: &["service", "name", "kind"],
        rows: catalog
            .tables
            .iter()
            .filter(wanted)
            .map(|table| {
                let kind = if table.is_view { "view" } else { "table" };
                let service = table.name.split_once('.');
                let service = service.map_or(DEFAULT_SCHEMA, |(service, _)| service);
                vec![service.to_owned(), table.name.clone(), kind.to_owned()]
            })
            .collect(),
    }
}

/// Lists the functions whose name matches `pattern`.
pub(super) fn functions(catalog: &Catalog, pattern: Option<&str>) -> Grid {
    Grid {
        columns: &["function", "kind", "description"],
        rows: catalog
            .functions
            .iter()
            .filter(|f| pattern.is_none_or(|pattern| matches(pattern, &f.name)))
            .map(|f| {
                vec![
                    f.signature.clone(),
                    f.kind.to_owned(),
                    f.description.clone(),
                ]
            })
            .collect(),
    }
}

/// Returns true if `name` matches `pattern`, in which `*` and `%` stand for anything; without either it is a part.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern = pattern.to_lowercase().replace('%', "*");
    let name = name.to_lowercase();
    let Some((head, rest)) = pattern.split_once('*') else {
        return name.contains(&pattern);
    };
    let Some(mut left) = name.strip_prefix(head) else {
        return false;
    };
    let parts: Vec<&str> = rest.split('*').collect();
    let Some((tail, middle)) = parts.split_last() else {
        return true;
    };
    for part in middle {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::super::catalog::sample;
    use super::*;

    fn spelt(grid: &Grid) -> String {
        let rows = grid
            .rows
            .iter()
            .map(|row| row.join(" | ").trim_end().to_owned());
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_table_of_keys_has_nested_fields_and_methods() {
        let grids = describe("confluent.iam.api_keys", &sample()).unwrap();
        let columns = spelt(&grids[0]);
        for line in [
            "id | text | no | GET by id | ",
            "spec | object | on INSERT |  | ",
            "  .display_name | text | yes |  | ",
            "  .owner | object | on INSERT |  | ",
            "    .id | text | on INSERT | spec.owner | ",
            "    .id | text | on INSERT | spec.resource | ",
        ] {
            assert!(columns.contains(line), "{line}\n{columns}");
        }
        insta::assert_snapshot!(spelt(&grids[1]), @r"
        get_iam_v2api_key | SELECT | GET /iam/v2/api-keys/{id}
        list_iam_v2api_keys | SELECT | GET /iam/v2/api-keys
        create_iam_v2api_key | INSERT | POST /iam/v2/api-keys
        delete_iam_v2api_key | DELETE | DELETE /iam/v2/api-keys/{id}
        update_iam_v2api_key | UPDATE | PATCH /iam/v2/api-keys/{id}
        ");
    }

    #[test]
    fn other_tables_have_columns_and_types() {
        let grids = describe("vw_api_keys", &sample()).unwrap();
        insta::assert_snapshot!(spelt(&grids[0]), @r"
        id | text | GET by id | The API key itself, the public half of the credential
        owner_id | text | spec.owner | Id of the referenced object
        age_days | integer |  | Whole days since the key was created
        ");
        assert_eq!(grids.len(), 1);
        let mut catalog = sample();
        catalog.tables[1].name = "mine".to_owned();
        for field in &mut catalog.tables[1].fields {
            field.description = "";
        }
        insta::assert_snapshot!(spelt(&describe("mine", &catalog).unwrap()[0]), @r"
        id | text
        owner_id | text
        age_days | integer
        ");
        let error = describe("api_kyes", &sample()).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `api_keys`?"));
    }

    #[test]
    fn tables_and_functions_are_listed_by_pattern() {
        let catalog = sample();
        insta::assert_snapshot!(spelt(&tables(&catalog, None, Some(true))), @"iam | vw_api_keys | view");
        assert_eq!(tables(&catalog, Some("vw*"), None).rows.len(), 1);
        assert_eq!(tables(&catalog, None, None).rows.len(), 2);
        insta::assert_snapshot!(spelt(&functions(&catalog, Some("json"))), @"json_extract(json, path [, path …]) | scalar | the value at a path");
    }

    #[test]
    fn a_pattern_describes_the_one_table_that_matches_or_lists_them() {
        let catalog = sample();
        assert_eq!(
            describe_matching("vw_*", &catalog).unwrap(),
            describe("vw_api_keys", &catalog).unwrap()
        );
        let listed = describe_matching("*api_keys", &catalog).unwrap();
        assert_eq!(listed, [tables(&catalog, None, None)]);
        let error = describe_matching("x*", &catalog).unwrap_err();
        assert_eq!(error.message, "no table has a name like `x*`");
    }

    #[test]
    fn long_descriptions_are_wrapped_between_words() {
        let mut catalog = sample();
        catalog.tables[1].fields[0].description =
            "one two three four five six seven eight nine ten";
        let grid = &describe("vw_api_keys", &catalog).unwrap()[0];
        let wrapped = spelt(&grid.within(70));
        let lines: Vec<&str> = wrapped.lines().take(2).collect();
        assert_eq!(
            lines,
            [
                "id | text | GET by id | one two three four five six",
                " |  |  | seven eight nine ten"
            ]
        );
        assert_eq!(&grid.within(200), grid);
        assert_eq!(&grid.within(40), grid, "there is no room to wrap to");
    }

    #[test]
    fn patterns_have_stars_or_are_parts() {
        for (pattern, name, expected) in [
            ("json", "json_extract", true),
            ("EXTRACT", "json_extract", true),
            ("json*", "json_extract", true),
            ("*json", "json_extract", false),
            ("j*n_*t", "json_extract", true),
            ("*", "x", true),
            ("a%b", "ab", true),
            ("ab*b", "ab", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn rows_become_a_batch() {
        let batch = tables(&sample(), None, None).batch().unwrap();
        assert_eq!((batch.num_rows(), batch.num_columns()), (2, 3));
    }
}
