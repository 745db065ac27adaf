//! What the columns of the view for people stand for: those of the table that its definition names them after. Pure.

use std::sync::LazyLock;

use sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};
use sqlparser::parser::Parser;

use crate::dialect::parser::IamqlDialect;
use crate::resource::columns::{self, Column};
use crate::table::catalog::VIEW_SQL;

/// Columns of the view that are computed from several of the table's.
const COMPUTED: &[(&str, &str)] = &[
    (
        "resource_type",
        "What the key opens, as Confluent's CLI calls it",
    ),
    (
        "environment_id",
        "Id of the environment of what the key opens",
    ),
    ("age_days", "Whole days since the key was created"),
];

/// Returns the column of the table that column `name` of the view stands for, if it is one alone.
pub(super) fn source(name: &str) -> Option<&'static Column> {
    static SOURCES: LazyLock<Vec<(String, &'static Column)>> = LazyLock::new(sources);
    SOURCES
        .iter()
        .find(|(alias, _)| alias == name)
        .map(|(_, column)| *column)
}

/// Describes column `name` of the view.
pub(super) fn description(name: &str) -> &'static str {
    let computed = COMPUTED.iter().find(|(known, _)| *known == name);
    match (source(name), computed) {
        (Some(column), _) => column.description,
        (None, Some((_, description))) => description,
        (None, None) => "",
    }
}

fn sources() -> Vec<(String, &'static Column)> {
    let Ok(Some(Statement::Query(query))) =
        Parser::parse_sql(&IamqlDialect, VIEW_SQL).map(|mut parsed| parsed.pop())
    else {
        return Vec::new();
    };
    let SetExpr::Select(select) = *query.body else {
        return Vec::new();
    };
    let named = |item: SelectItem| {
        let (name, path) = match item {
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                (name.value.clone(), vec![name.value])
            }
            SelectItem::ExprWithAlias {
                expr: Expr::CompoundIdentifier(path),
                alias,
            } => (
                alias.value,
                path.into_iter().map(|step| step.value).collect(),
            ),
            _ => return None,
        };
        Some((name, columns::find(&path)?))
    };
    select.projection.into_iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::columns::Pushdown;

    #[test]
    fn columns_of_the_view_are_those_of_the_table() {
        assert_eq!(source("id").unwrap().pushdown, Pushdown::Get);
        assert_eq!(source("owner_id").unwrap().pushdown, Pushdown::Owner);
        assert_eq!(source("resource_id").unwrap().pushdown, Pushdown::Resource);
        assert_eq!(source("display_name").unwrap().name, "display_name");
        assert!(source("age_days").is_none());
    }

    #[test]
    fn each_is_described() {
        for name in [
            "id",
            "display_name",
            "description",
            "owner_id",
            "owner_kind",
            "resource_id",
            "resource_kind",
            "resource_type",
            "environment_id",
            "created_at",
            "updated_at",
            "expires_at",
            "age_days",
        ] {
            assert!(!description(name).is_empty(), "{name}");
        }
        assert_eq!(description("bogus"), "");
    }
}
