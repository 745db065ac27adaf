//! Paths into nested columns. The planner takes the fields of a struct by subscript everywhere, by dot only in places.

use sqlparser::ast::{AccessExpr, Expr};

use super::rule::Context;
use crate::dialect::ast::{folded, text};
use crate::dialect::path::Path;

/// Writes every path into a nested column with subscripts.
///
/// ```sql
/// SELECT 1 FROM api_keys k WHERE k.spec.owner.id = spec.resources[1].id
/// -- becomes
/// SELECT 1 FROM api_keys k WHERE k.spec['owner']['id'] = spec['resources'][1]['id']
/// ```
///
/// Leaves `spec.id` alone where `spec` is a table: then `id` is its column. Structs of files, whose columns are not known
/// before the file is read, are the planner's.
pub(super) fn path_to_subscripts(expr: &mut Expr, context: &Context<'_>) {
    if let Some(path) = Path::of(expr, context.shape, &context.tables) {
        *expr = path.into_subscripts();
    }
}

/// Quotes names after a dot that follows a subscript or a value: the planner takes them as text only.
///
/// ```sql
/// SELECT 1 FROM t WHERE (x).y = a[1].b
/// -- becomes
/// SELECT 1 FROM t WHERE (x).'y' = a[1].'b'
/// ```
///
/// Leaves dots between plain names alone: only the planner knows which of them are tables.
pub(super) fn quote_fields(expr: &mut Expr, _: &Context<'_>) {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else {
        return;
    };
    let mut is_value = !matches!(
        root.as_ref(),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_)
    );
    for access in access_chain {
        is_value |= matches!(access, AccessExpr::Subscript(_));
        if let (true, AccessExpr::Dot(Expr::Identifier(ident))) = (is_value, &*access) {
            *access = AccessExpr::Dot(text(&folded(ident), ident.span));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{alone, rewritten};

    #[test]
    fn paths_into_our_columns_become_subscripts() {
        let alone = |sql| alone("path_to_subscripts", sql);
        insta::assert_snapshot!(alone("SELECT 1 FROM api_keys k WHERE spec.owner.id = K.SPEC.Owner.Id"), @"SELECT 1 FROM api_keys k WHERE spec['owner']['id'] = K.SPEC['owner']['id']");
        insta::assert_snapshot!(alone("SELECT 1 FROM api_keys WHERE spec.owner['id'] = spec.resources[1].id"), @"SELECT 1 FROM api_keys WHERE spec['owner']['id'] = spec['resources'][1]['id']");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t WHERE (x).y.z = a[1].b"), @"SELECT 1 FROM t WHERE (x).'y'.'z' = a[1].'b'");
    }

    #[test]
    fn a_table_called_spec_is_a_table() {
        insta::assert_snapshot!(rewritten("SELECT spec.id FROM api_keys AS spec"), @"SELECT spec.id FROM api_keys AS spec");
    }
}
