//! Reads `x ^ y` as a power, as PostgreSQL and DuckDB do.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, Statement, UnaryOperator, VisitorMut};

use crate::dialect::ast::{calls, taken};
use crate::dialect::walk::WalkMut;

/// A caret as a power, of which a sign is part: the parser has it the other way round.
///
/// ```sql
/// SELECT 3 * 2 ^ 10, -2 ^ 2
/// -- becomes
/// SELECT 3 * power(2, 10), power(-2, 2)
/// ```
///
/// The power of two integers is a float. In the dialect `stackql` it stays an exclusive or.
pub(super) fn powers(statement: &mut Statement) {
    // The visitor never breaks off.
    let _ = statement.walk_mut(&mut Powers);
}

struct Powers;

impl VisitorMut for Powers {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::UnaryOp {
            op: op @ (UnaryOperator::Minus | UnaryOperator::Plus),
            expr: signed,
        } = expr
            && let Some(base) = base_of(signed)
        {
            let op = *op;
            let value = Box::new(taken(base));
            *base = Expr::UnaryOp { op, expr: value };
            *expr = taken(signed);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::BinaryOp {
            left,
            op: BinaryOperator::BitwiseXor,
            right,
        } = expr
        {
            *expr = calls("power", vec![taken(left), taken(right)]);
        }
        ControlFlow::Continue(())
    }
}

/// Returns what `a ^ b ^ c` raises first.
fn base_of(expr: &mut Expr) -> Option<&mut Expr> {
    match expr {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::BitwiseXor,
            ..
        } => match is_power(left) {
            true => base_of(left),
            false => Some(left),
        },
        _ => None,
    }
}

fn is_power(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::BinaryOp {
            op: BinaryOperator::BitwiseXor,
            ..
        }
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::alone;

    #[test]
    fn a_caret_binds_tighter_than_a_product_and_to_the_left() {
        for (sql, expected) in [
            ("2 ^ 10", "power(2, 10)"),
            ("3 * 2 ^ 2", "3 * power(2, 2)"),
            ("2 ^ 3 ^ 2", "power(power(2, 3), 2)"),
            ("-2 ^ 2", "power(-2, 2)"),
            ("-(2 ^ 2)", "-(power(2, 2))"),
        ] {
            let rewritten = alone("powers", &format!("SELECT {sql}"));
            assert_eq!(rewritten, format!("SELECT {expected}"));
        }
    }
}
