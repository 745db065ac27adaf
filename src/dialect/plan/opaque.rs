//! An expression that the engine does not look through.

use datafusion::logical_expr::Expr;

use crate::dialect::functions::InternalFunction;

/// Returns a call that gives the value of `expr`, under its name.
pub(super) fn opaque(expr: Expr) -> Expr {
    InternalFunction::new("opaque", 1, |args| Ok(args.args[0].clone()))
        .unnamed()
        .keeping_field()
        .call(vec![expr])
}
