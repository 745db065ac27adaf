//! The names that can be used: tables with their columns, functions, methods. A plain value, so that completion and
//! `\d` are pure functions of it.

use datafusion::arrow::datatypes::{DataType, Fields};

use super::seen_values::SeenValues;
use super::view_columns;
use crate::dialect::source_json;
use crate::dialect::type_names::type_name;
use crate::resource::{
    self, Access, CATALOG, Column, DEFAULT_SCHEMA, Relation as Named, Resource, View,
};
use crate::session::{Function, Relation};

/// All that can be named in a session.
#[derive(Debug, Default, Clone)]
pub(super) struct Catalog {
    /// Tables and views, in order of their names.
    pub(super) tables: Vec<Table>,
    /// Functions, in order of their names.
    pub(super) functions: Vec<Function>,
    /// Profiles of config.toml.
    pub(super) profiles: Vec<String>,
    /// Variables of `\set`.
    pub(super) variables: Vec<String>,
    /// Values that rows had.
    pub(super) values: SeenValues,
}

/// A table or a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// Its name, with its schema where that is not the session's.
    pub(super) name: String,
    /// The resource that it is the table of, if it is one.
    pub(super) resource: Option<&'static Resource>,
    /// True for views.
    pub(super) is_view: bool,
    pub(super) fields: Vec<Field>,
}

/// A column, or a field of a nested one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    /// Its type, for people.
    pub(super) ty: String,
    pub(super) fields: Vec<Field>,
    /// Who may set it; read-only for everything but the columns of a resource.
    pub(super) access: Access,
    /// What an equality on it is sent as; empty if it is not sent.
    pub(super) sent_as: String,
    pub(super) description: &'static str,
}

impl Catalog {
    /// Makes the catalog of a session's tables and functions.
    pub(super) fn new(relations: Vec<Relation>, functions: Vec<Function>) -> Self {
        Self {
            tables: relations.into_iter().map(Table::of).collect(),
            functions,
            ..Self::default()
        }
    }

    /// Adds a table of the columns `fields`, called `name`.
    pub(super) fn add(&mut self, name: &str, fields: Vec<Field>) {
        self.tables.push(Table {
            name: name.to_owned(),
            resource: None,
            is_view: false,
            fields,
        });
    }

    /// Returns the table called `name`, which may have its catalog and schema before it.
    pub(super) fn table(&self, name: &str) -> Option<&Table> {
        let name = bare(name);
        self.tables
            .iter()
            .find(|table| table.name.eq_ignore_ascii_case(name))
    }
}

/// Returns the name of a table without its catalog, and without its schema if that is the session's.
pub(super) fn bare(name: &str) -> &str {
    [
        format!("{CATALOG}.{DEFAULT_SCHEMA}."),
        format!("{DEFAULT_SCHEMA}."),
        format!("{CATALOG}."),
    ]
    .iter()
    .find_map(|prefix| {
        let head = name.get(..prefix.len())?;
        head.eq_ignore_ascii_case(prefix)
            .then(|| &name[prefix.len()..])
    })
    .unwrap_or(name)
}

impl Table {
    fn of(relation: Relation) -> Self {
        let name: Vec<&str> = relation.name.split('.').collect();
        let named = resource::named(&name);
        let fields = match named {
            Some(Named::Table(resource)) => of_columns(resource, "", resource.fields()),
            Some(Named::View(view)) => fields_of(relation.schema.fields())
                .into_iter()
                .map(|field| field.of_view(view))
                .collect(),
            None => fields_of(relation.schema.fields()),
        };
        Self {
            resource: match named {
                Some(Named::Table(resource)) => Some(resource),
                _ => None,
            },
            name: relation.name,
            is_view: relation.is_view,
            fields,
        }
    }

    /// Returns true if more is known of its columns than their names and types.
    pub(super) fn is_described(&self) -> bool {
        self.fields
            .iter()
            .any(|field| !field.description.is_empty())
    }
}

impl Field {
    /// Adds what the table says of a column of the view.
    fn of_view(self, view: &View) -> Self {
        let sent_as = view_columns::source(view, &self.name).and_then(|path| view.of.sent_as(path));
        Self {
            sent_as: sent_as.unwrap_or_default(),
            description: view_columns::description(view, &self.name),
            ..self
        }
    }
}

/// Returns `columns`, which are those at `path` in the table of `resource`.
fn of_columns(
    resource: &Resource,
    path: &str,
    columns: impl IntoIterator<Item = &'static Column>,
) -> Vec<Field> {
    let field = |column: &'static Column| {
        let path = match path {
            "" => column.name.to_owned(),
            path => format!("{path}.{}", column.name),
        };
        Field {
            name: column.name.to_owned(),
            ty: column.ty.label().to_owned(),
            fields: of_columns(resource, &path, column.ty.fields()),
            access: column.access,
            sent_as: resource.sent_as(&path).unwrap_or_default(),
            description: column.description,
        }
    };
    columns.into_iter().map(field).collect()
}

/// Describes the columns of a table that is not a resource.
pub(super) fn fields_of(fields: &Fields) -> Vec<Field> {
    fields
        .iter()
        .filter(|field| !source_json::is_source(field))
        .map(|field| Field {
            name: field.name().clone(),
            ty: type_name(field.data_type()),
            fields: match field.data_type() {
                DataType::Struct(fields) => fields_of(fields),
                DataType::List(item) => match item.data_type() {
                    DataType::Struct(fields) => fields_of(fields),
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            },
            access: Access::ReadOnly,
            sent_as: String::new(),
            description: "",
        })
        .collect()
}

#[cfg(test)]
pub(super) fn sample() -> Catalog {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::{Field as ArrowField, Schema};

    let view = Schema::new(vec![
        ArrowField::new("id", DataType::Utf8, true),
        ArrowField::new("owner_id", DataType::Utf8, true),
        ArrowField::new("age_days", DataType::Int64, true),
    ]);
    let relation = |name: &str, schema, is_view| Relation {
        name: name.to_owned(),
        schema,
        is_view,
    };
    let function = |name: &str, signature: &str, description: &str| Function {
        name: name.to_owned(),
        signature: signature.to_owned(),
        description: description.to_owned(),
        kind: "scalar",
    };
    Catalog {
        profiles: vec!["prod".to_owned(), "test".to_owned()],
        variables: vec!["owner".to_owned()],
        ..Catalog::new(
            vec![
                relation("api_keys", resource::API_KEYS.schema(), false),
                relation("vw_api_keys", Arc::new(view), true),
            ],
            vec![
                function("count", "count(x)", "how many"),
                function(
                    "json_extract",
                    "json_extract(json, path [, path …])",
                    "the value at a path",
                ),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_found_by_any_of_its_names() {
        let catalog = sample();
        for name in [
            "api_keys",
            "API_KEYS",
            "iam.api_keys",
            "confluent.iam.api_keys",
        ] {
            let table = catalog.table(name).unwrap();
            assert_eq!(table.resource, Some(&resource::API_KEYS), "{name}");
        }
        assert!(catalog.table("other.api_keys").is_none());
    }

    #[test]
    fn fields_of_the_table_know_more_than_their_type() {
        let catalog = sample();
        let spec = &catalog.table("api_keys").unwrap().fields[5];
        assert_eq!((spec.name.as_str(), spec.ty.as_str()), ("spec", "object"));
        let owner = spec.fields.iter().find(|f| f.name == "owner").unwrap();
        assert_eq!(owner.fields[0].sent_as, "spec.owner=");
    }
}
