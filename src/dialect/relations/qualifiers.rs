//! Qualifiers of columns. The engine compares only the parts of a table's name that it knows, and would take
//! `pubic.a.id` for `a.id` if `a` is an alias.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{Expr, Ident, ObjectName, TableFactor, Visitor};
use sqlparser::tokenizer::Span;

use super::rule::Tables;
use crate::dialect::ast::{cte_names, folded, visit};
use crate::dialect::error::Error;

/// Refuses a column whose qualifier is no table of the statement. Where tables are in the schema `iam`:
///
/// ```sql
/// SELECT iam.a.x, pubic.a.x FROM a
/// -- becomes
/// refused
/// ```
///
/// Leaves paths into nested columns alone, and `pubic.x`, which the engine refuses.
pub(super) fn qualifiers(
    statement: &mut EngineStatement,
    tables: &Tables<'_>,
) -> Result<(), Error> {
    let mut relations = Relations {
        tables,
        known: Vec::new(),
        ctes: cte_names(statement),
    };
    let _ = visit(statement, &mut relations);
    visit(statement, &mut Columns(&relations))
}

/// Collects the tables of a statement: what each is called, and what may stand before that.
struct Relations<'t> {
    tables: &'t Tables<'t>,
    known: Vec<(String, Vec<String>)>,
    ctes: Vec<String>,
}

impl Relations<'_> {
    /// Returns the full name of the table that is written as `name`.
    fn full(&self, name: &ObjectName) -> Option<Vec<String>> {
        let parts = name.0.iter().map(|part| part.as_ident().map(folded));
        let parts = parts.collect::<Option<Vec<String>>>()?;
        let home = self.tables.home.iter().map(|&part| part.to_owned());
        Some(
            home.take(3_usize.saturating_sub(parts.len()))
                .chain(parts)
                .collect(),
        )
    }
}

impl Visitor for Relations<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let relation = match factor {
            TableFactor::Table {
                alias: Some(alias), ..
            }
            | TableFactor::Derived {
                alias: Some(alias), ..
            }
            | TableFactor::Function {
                alias: Some(alias), ..
            }
            | TableFactor::UNNEST {
                alias: Some(alias), ..
            }
            | TableFactor::NestedJoin {
                alias: Some(alias), ..
            } => Some((folded(&alias.name), Vec::new())),
            TableFactor::Table { name, .. } => self.full(name).and_then(|mut parts| {
                let own = parts.pop()?;
                let is_cte = name.0.len() == 1 && self.ctes.contains(&own);
                Some((own, if is_cte { Vec::new() } else { parts }))
            }),
            _ => None,
        };
        self.known.extend(relation);
        ControlFlow::Continue(())
    }
}

struct Columns<'r>(&'r Relations<'r>);

impl Columns<'_> {
    /// Returns the error for `path` if it is the column of a table that the statement does not have.
    fn refused(&self, path: &[Ident]) -> Option<Error> {
        let known = &self.0.known;
        let parts: Vec<String> = path.iter().map(folded).collect();
        let first = parts.first()?;
        let is_nested = self.0.tables.is_nested;
        if is_nested(first) || parts.get(1).is_some_and(|second| is_nested(second)) {
            return None;
        }
        // The longest qualifier has three parts, and a column follows.
        let last = 2.min(path.len().checked_sub(2)?);
        let at = (1..=last).find(|&at| known.iter().any(|(name, _)| *name == parts[at]))?;
        let is_right = |(name, before): &(String, Vec<String>)| {
            *name == parts[at] && before.ends_with(&parts[..at])
        };
        if known.iter().any(is_right) {
            return None;
        }
        let written = |path: &[Ident]| {
            let parts: Vec<String> = path.iter().map(Ident::to_string).collect();
            parts.join(".")
        };
        let error = Error::new(format!(
            "no table `{}` in this statement",
            written(&path[..=at])
        ));
        let place = Span::union_iter(path.iter().map(|ident| ident.span));
        let hint = format!("did you mean `{}`?", written(&path[at..]));
        Some(error.at(place).hint(hint))
    }
}

impl Visitor for Columns<'_> {
    type Break = Error;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
        let refused = match expr {
            Expr::CompoundIdentifier(path) => self.refused(path),
            _ => None,
        };
        refused.map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;
    use super::qualifiers;

    #[test]
    fn a_qualifier_names_a_table_of_the_statement() {
        for sql in [
            "SELECT a.x, iam.a.x, home.iam.a.x, x.y.z FROM a",
            "SELECT iam.a.x, home.iam.a.x FROM iam.a",
            "SELECT other.a.x FROM other.a",
            "SELECT nested.a.x, b.nested.a.x FROM a JOIN b ON true",
        ] {
            assert_eq!(told(qualifiers, sql), sql);
        }
    }

    #[test]
    fn another_qualifier_is_an_error() {
        let told = |sql| told(qualifiers, sql);
        insta::assert_snapshot!(told("SELECT 1 FROM b WHERE EXISTS (SELECT 1 FROM a WHERE pubic.b.x = a.x)"), @"no table `pubic.b` in this statement; did you mean `b.x`?");
        insta::assert_snapshot!(told("SELECT 1 FROM b AS a ORDER BY iam.a.x"), @"no table `iam.a` in this statement; did you mean `a.x`?");
        insta::assert_snapshot!(told("WITH a AS (SELECT 1 AS x) SELECT iam.a.x FROM a"), @"no table `iam.a` in this statement; did you mean `a.x`?");
        insta::assert_snapshot!(told("SELECT k.a.b FROM a JOIN b AS k ON true"), @"no table `k.a` in this statement; did you mean `a.b`?");
        insta::assert_snapshot!(told("SELECT away.iam.a.x FROM a"), @"no table `away.iam.a` in this statement; did you mean `a.x`?");
        insta::assert_snapshot!(told("SELECT iam.a.x FROM other.a"), @"no table `iam.a` in this statement; did you mean `a.x`?");
    }
}
