//! Maps the columns of a view to the columns of its table. Pure.

use std::sync::LazyLock;

use sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};
use sqlparser::parser::Parser;

use crate::dialect::parser::IamqlDialect;
use crate::resource::{Definition, VIEWS, View};

/// What the columns of a view stand for: their names, and paths in the table.
type Sources = Vec<(String, String)>;

/// Returns the path in the table of its resource that column `name` of `view` stands for, if it is one alone.
///
/// A view over another, whose columns it hands on, is read as that one is.
pub(super) fn source(view: &View, name: &str) -> Option<&'static str> {
    static SOURCES: LazyLock<Vec<Sources>> =
        LazyLock::new(|| VIEWS.iter().map(|view| sources(view)).collect());
    let is_computed = view.computed.iter().any(|(known, _)| *known == name);
    let position = VIEWS.iter().position(|known| known.name == view.name)?;
    let mut sources = SOURCES[..=position].iter().flatten();
    let (_, path) = sources.find(|(alias, _)| alias == name && !is_computed)?;
    Some(path)
}

/// Describes column `name` of `view`.
pub(super) fn description(view: &View, name: &str) -> &'static str {
    if let Some(path) = source(view, name) {
        let path: Vec<&str> = path.split('.').collect();
        let column = view.of.find(&path);
        return column.map_or("", |column| column.description);
    }
    let position = VIEWS.iter().position(|known| known.name == view.name);
    let known = VIEWS[..=position.unwrap_or_default()].iter().rev();
    let mut computed = known.flat_map(|view| view.computed);
    let found = computed.find(|(known, _)| *known == name);
    found.map_or("", |(_, description)| description)
}

fn sources(view: &View) -> Sources {
    let Definition::Sql(sql) = view.definition else {
        return Vec::new();
    };
    let Ok(Some(Statement::Query(query))) =
        Parser::parse_sql(&IamqlDialect::DEFAULT, sql).map(|mut parsed| parsed.pop())
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
        view.of.find(&path)?;
        Some((name, path.join(".")))
    };
    select.projection.into_iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn columns_of_the_view_are_those_of_the_table() {
        let source = |name: &str| source(VIEWS[0], name);
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
            assert!(!description(VIEWS[0], name).is_empty(), "{name}");
        }
        assert_eq!(description(VIEWS[0], "bogus"), "");
    }
}
