//! Paths into nested columns, `k.spec.owner['id']`, as they are written in expressions. Pure.

use std::collections::HashSet;

use sqlparser::ast::{AccessExpr, Expr, Ident, Subscript};

use super::ast::{folded, text};
use super::shape::Shape;

/// A path into a nested column.
pub(crate) struct Path {
    /// The column with its qualifiers.
    column: Vec<Ident>,
    /// Steps by name.
    fields: Vec<Ident>,
    /// The remaining steps, from the first subscript on.
    rest: Vec<AccessExpr>,
}

impl Path {
    /// Reads `expr`; None if it is not a path into a nested column of `shape`. A leading name that is in `tables`, the names
    /// and aliases of tables, is a table rather than the column.
    pub(crate) fn of(expr: &Expr, shape: &Shape, tables: &HashSet<String>) -> Option<Self> {
        let (mut column, rest) = match expr {
            Expr::CompoundIdentifier(idents) => (idents.clone(), [].as_slice()),
            Expr::CompoundFieldAccess { root, access_chain } => {
                let mut idents = match root.as_ref() {
                    Expr::Identifier(ident) => vec![ident.clone()],
                    Expr::CompoundIdentifier(idents) => idents.clone(),
                    _ => return None,
                };
                let dots = access_chain
                    .iter()
                    .map_while(|access| match access {
                        AccessExpr::Dot(Expr::Identifier(ident)) => Some(ident.clone()),
                        _ => None,
                    })
                    .collect::<Vec<_>>();
                let rest = &access_chain[dots.len()..];
                idents.extend(dots);
                (idents, rest)
            }
            _ => return None,
        };
        let at = nested_column(&column, shape)?;
        // An unqualified `spec` may be a table of that name.
        if at == 0 && column.len() > 1 && tables.contains(&folded(&column[0])) {
            return None;
        }
        let fields = column.split_off(at + 1);
        (!fields.is_empty() || !rest.is_empty()).then(|| Self {
            column,
            fields,
            rest: rest.to_vec(),
        })
    }

    /// Returns the path without the column's qualifiers, as a name for people.
    pub(crate) fn name(&self) -> String {
        let mut name = String::new();
        for ident in self.column.iter().rev().take(1).chain(&self.fields) {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(&folded(ident));
        }
        for access in &self.rest {
            name.push_str(&access.to_string());
        }
        name
    }

    /// Returns the path with every field as a subscript.
    pub(crate) fn into_subscripts(self) -> Expr {
        let root = match <[Ident; 1]>::try_from(self.column) {
            Ok([ident]) => Expr::Identifier(ident),
            Err(idents) => Expr::CompoundIdentifier(idents),
        };
        let fields = self.fields.iter().map(subscript);
        let rest = self.rest.into_iter().map(|access| match access {
            AccessExpr::Dot(Expr::Identifier(ident)) => subscript(&ident),
            access => access,
        });
        Expr::CompoundFieldAccess {
            root: Box::new(root),
            access_chain: fields.chain(rest).collect(),
        }
    }
}

/// Returns which of the parts of a dotted name is a nested column.
pub(crate) fn nested_column(parts: &[Ident], shape: &Shape) -> Option<usize> {
    let is_nested = |part: &Ident| shape.is_nested_column(&folded(part));
    parts.iter().position(is_nested)
}

/// Returns the name of a path into a nested column, without the qualifiers of the column.
pub(crate) fn path_name(expr: &Expr, shape: &Shape) -> Option<String> {
    Path::of(expr, shape, &HashSet::new()).map(|path| path.name())
}

fn subscript(ident: &Ident) -> AccessExpr {
    AccessExpr::Subscript(Subscript::Index {
        index: text(&folded(ident), ident.span),
    })
}
