//! What the columns of a view for people stand for: those of the table that its definition names them after. Pure.

use std::sync::LazyLock;

use sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};
use sqlparser::parser::Parser;

use crate::dialect::parser::IamqlDialect;
use crate::resource::{self, Resource, View};

/// What the columns of a view stand for: their names, and paths in the table.
type Sources = Vec<(String, String)>;

/// Returns the path in the table of `resource` that column `name` of its view stands for, if it is one alone.
pub(super) fn source(resource: &Resource, name: &str) -> Option<&'static str> {
    static SOURCES: LazyLock<Vec<Sources>> = LazyLock::new(|| {
        let views = resource::ALL.iter().map(|r| (r, r.view.as_ref()));
        views
            .map(|(r, view)| view.map_or_else(Vec::new, |view| sources(r, view)))
            .collect()
    });
    let position = resource::ALL.iter().position(|known| *known == resource)?;
    let mut sources = SOURCES.get(position)?.iter();
    let (_, path) = sources.find(|(alias, _)| alias == name)?;
    Some(path)
}

/// Describes column `name` of the view of `resource`.
pub(super) fn description(resource: &Resource, name: &str) -> &'static str {
    if let Some(path) = source(resource, name) {
        let path: Vec<&str> = path.split('.').collect();
        return resource.find(&path).map_or("", |column| column.description);
    }
    let mut computed = resource.view.iter().flat_map(|view| view.computed);
    let found = computed.find(|(known, _)| *known == name);
    found.map_or("", |(_, description)| description)
}

fn sources(resource: &Resource, view: &View) -> Sources {
    let Ok(Some(Statement::Query(query))) =
        Parser::parse_sql(&IamqlDialect, view.sql).map(|mut parsed| parsed.pop())
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
        resource.find(&path)?;
        Some((name, path.join(".")))
    };
    select.projection.into_iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::API_KEYS;

    #[test]
    fn columns_of_the_view_are_those_of_the_table() {
        let source = |name: &str| source(&API_KEYS, name);
        assert_eq!(source("id"), Some("id"));
        assert_eq!(source("owner_id"), Some("spec.owner.id"));
        assert_eq!(source("resource_id"), Some("spec.resource.id"));
        assert_eq!(source("display_name"), Some("spec.display_name"));
        assert_eq!(source("age_days"), None);
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
            "created_by",
            "expires_at",
            "is_expired",
            "days_left",
            "age_days",
        ] {
            assert!(!description(&API_KEYS, name).is_empty(), "{name}");
        }
        assert_eq!(description(&API_KEYS, "bogus"), "");
    }
}
