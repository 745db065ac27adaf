//! The column of a series in FROM.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, Query, TableAlias, TableAliasColumnDef, TableFactor, VisitorMut,
};

use crate::dialect::ast::{folded, idents};
use crate::dialect::walk::{Walk, WalkMut};

/// Calls the column of `generate_series` and `range` like the function, or like its alias, as PostgreSQL does.
///
/// ```sql
/// SELECT n FROM generate_series(1, 3) AS n
/// -- becomes
/// SELECT n FROM generate_series(1, 3) AS n (n)
/// ```
///
/// Before planning, since the name may be that of a column of an outer query too. Not where the column is named already,
/// and not in a query that calls it `value`, as the engine does, and by no other name.
pub(super) fn name_series(query: &mut Query) {
    let mut names = Vec::new();
    let mut note = |expr: &Expr| {
        names.extend(idents(expr).map(|path| path.iter().map(folded).collect()));
        ControlFlow::<()>::Continue(())
    };
    let _ = query.body.own_expressions(&mut note);
    let _ = query.order_by.own_expressions(&mut note);
    // The series of the queries within have their own turn.
    let _ = query.body.walk_own_mut(&mut Series(names));
}

/// Names the series of a query that mentions these columns, with the tables before them.
struct Series(Vec<Vec<String>>);

impl Series {
    /// Returns true if `column` is mentioned, by itself or behind `table`.
    fn is_named(&self, table: &str, column: &str) -> bool {
        self.0.iter().any(|path| match path.as_slice() {
            [name] => name == column,
            [before, name] => before == table && name == column,
            _ => false,
        })
    }
}

impl VisitorMut for Series {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name,
            args: Some(_),
            alias,
            ..
        }
        | TableFactor::Function { name, alias, .. } = factor
            && let [part] = name.0.as_slice()
            && let Some(function) = part.as_ident()
            && ["generate_series", "range"].contains(&folded(function).as_str())
            && alias.as_ref().is_none_or(|alias| alias.columns.is_empty())
        {
            let called: Ident = alias.as_ref().map_or(function, |alias| &alias.name).clone();
            let table = folded(&called);
            if self.is_named(&table, "value") && !self.is_named(&table, &table) {
                return ControlFlow::Continue(());
            }
            *alias = Some(TableAlias {
                explicit: true,
                columns: vec![TableAliasColumnDef {
                    name: called.clone(),
                    data_type: None,
                }],
                name: called,
                at: None,
            });
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::alone;

    #[test]
    fn the_engines_own_name_stays_where_it_is_used() {
        let named = |sql: &str| alone("name_series", sql);
        for sql in [
            "SELECT value FROM generate_series(1, 3)",
            "SELECT g.value FROM generate_series(1, 3) AS g",
            "SELECT 1 FROM range(1, 3) ORDER BY value",
            "SELECT 1 FROM range(1, 3) AS r (x)",
        ] {
            assert_eq!(named(sql), sql);
        }
        insta::assert_snapshot!(named("SELECT n.n, g.value FROM generate_series(1, 2) AS n, generate_series(1, 2) AS g"), @"SELECT n.n, g.value FROM generate_series(1, 2) AS n (n), generate_series(1, 2) AS g");
        insta::assert_snapshot!(named("SELECT d FROM generate_series(1, 3) d WHERE value < 5"), @"SELECT d FROM generate_series(1, 3) AS d (d) WHERE value < 5");
        insta::assert_snapshot!(named("SELECT 1 FROM RANGE(1, 3) WHERE EXISTS (SELECT value FROM range(1, 2))"), @"SELECT 1 FROM RANGE(1, 3) AS RANGE (RANGE) WHERE EXISTS (SELECT value FROM range(1, 2))");
    }
}
