//! What can be named in a session: tables, views and functions.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::logical_expr::{Documentation, TableType};

use super::Session;
use crate::dialect::functions::{self, FunctionKind};

/// A table or a view.
#[derive(Debug, Clone)]
pub struct Relation {
    /// Its name, with its schema where that is not the session's.
    pub name: String,
    /// Its columns.
    pub schema: SchemaRef,
    /// True for a view.
    pub is_view: bool,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// How it is called, `name(…)`.
    pub signature: String,
    /// What it does, in one line; empty if undocumented.
    pub description: String,
    /// `scalar`, `aggregate`, `window` or `table`.
    pub kind: &'static str,
}

impl Session {
    /// Returns all tables and views, service by service, in order of their names.
    pub async fn relations(&self) -> Vec<Relation> {
        let mut relations = Vec::new();
        for name in self.tables() {
            let reference = match name.split_once('.') {
                Some((schema, table)) => TableReference::partial(schema, table),
                None => TableReference::bare(name.as_str()),
            };
            // A table that cannot be opened is left out; a statement that uses it fails with the reason.
            if let Ok(table) = self.context.table_provider(reference).await {
                relations.push(Relation {
                    name,
                    schema: table.schema(),
                    is_view: table.table_type() == TableType::View,
                });
            }
        }
        relations
    }

    /// Returns all functions that people call, ours and the engine's, in order of their names.
    pub fn functions(&self) -> Vec<Function> {
        let state = self.context.state();
        let mut found: BTreeMap<String, Function> = BTreeMap::new();
        let scalar = state.scalar_functions().iter();
        let scalar = scalar.map(|(name, f)| (name, "scalar", f.documentation()));
        let aggregate = state.aggregate_functions().iter();
        let aggregate = aggregate.map(|(name, f)| (name, "aggregate", f.documentation()));
        let window = state.window_functions().iter();
        let window = window.map(|(name, f)| (name, "window", f.documentation()));
        for (name, kind, docs) in scalar.chain(aggregate).chain(window) {
            found.insert(name.clone(), of_engine(name, kind, docs));
        }
        for ours in functions::catalogue() {
            let function = Function {
                name: ours.name.to_owned(),
                signature: ours.signature.to_owned(),
                description: ours.description.to_owned(),
                kind: match ours.kind {
                    FunctionKind::Scalar => "scalar",
                    FunctionKind::Aggregate => "aggregate",
                    FunctionKind::Table => "table",
                },
            };
            found.insert(ours.name.to_owned(), function);
        }
        let is_inner = |name: &str| name.starts_with("__") || name.starts_with("stackql_");
        found.retain(|name, _| !is_inner(name));
        found.into_values().collect()
    }
}

fn of_engine(name: &str, kind: &'static str, docs: Option<&Documentation>) -> Function {
    let signature = docs.map(|docs| docs.syntax_example.lines().next().unwrap_or_default());
    let description = docs.map(|docs| docs.description.lines().next().unwrap_or_default());
    Function {
        name: name.to_owned(),
        // An alias is documented under the other name.
        signature: signature
            .filter(|signature| signature.starts_with(name))
            .map_or_else(|| format!("{name}(…)"), str::to_owned),
        description: in_our_style(description.unwrap_or_default()),
        kind,
    }
}

/// Returns the first sentence of `text`, without its final stop and not capitalised.
fn in_our_style(text: &str) -> String {
    let sentence = text.split(". ").next().unwrap_or_default();
    let mut chars = sentence.trim().trim_end_matches('.').chars();
    match (chars.next(), chars.as_str()) {
        // An abbreviation stays as it is.
        (Some(first), rest) if !rest.starts_with(char::is_uppercase) => {
            first.to_lowercase().chain(rest.chars()).collect()
        }
        (Some(first), rest) => format!("{first}{rest}"),
        (None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Options;
    use crate::table::{Connection, NotConnected};

    async fn session() -> Session {
        let connection = Connection::missing(NotConnected {
            reason: String::new(),
            hint: String::new(),
        });
        Session::open(connection, Options::default()).await.unwrap()
    }

    #[tokio::test]
    async fn tables_and_views_are_there_without_a_service() {
        let relations = session().await.relations().await.into_iter();
        let names: Vec<_> = relations
            .map(|relation| match relation.is_view {
                true => format!("{} (view)", relation.name),
                false => relation.name,
            })
            .collect();
        assert_eq!(
            names,
            [
                "api_keys",
                "role_bindings",
                "service_accounts",
                "users",
                "vw_api_key_findings (view)",
                "vw_api_key_inventory (view)",
                "vw_api_keys (view)",
                "org.environments",
                "org.organizations",
                "managed_kafka_clusters.clusters",
                "schema_registry_clusters.v3_clusters",
                "ksqldb_clusters.clusters",
                "quotas.applied_quotas",
            ]
        );
    }

    #[tokio::test]
    async fn functions_of_the_engine_and_ours_say_how_they_are_called() {
        let functions = session().await.functions();
        let find = |name: &str| functions.iter().find(|f| f.name == name).unwrap();
        assert!(find("json_extract").signature.starts_with("json_extract("));
        assert!(find("count").signature.starts_with("count("));
        assert_eq!(find("count").kind, "aggregate");
        assert_eq!(find("row_number").kind, "window");
        assert!(functions.is_sorted_by_key(|f| f.name.clone()));
    }
}
