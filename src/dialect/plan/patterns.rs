//! A rule over logical plans that keeps regular expressions with a backslash from the engine, which would turn them
//! into LIKE.
//!
//! `x ~ '\\'` would become `x LIKE '%\%'`, where the backslash escapes the percent sign.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, lit};

use crate::dialect::functions;

/// Matches by a function where the engine could see a backslash. To be run when types fit.
pub(super) fn keep_backslashes(expr: Expr, _: &DFSchema) -> Result<Transformed<Expr>> {
    use Operator::{RegexIMatch, RegexMatch, RegexNotIMatch, RegexNotMatch};
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (RegexMatch | RegexIMatch | RegexNotMatch | RegexNotIMatch),
            right,
        }) if functions::may_hold_a_backslash(&right) => {
            let flags = matches!(op, RegexIMatch | RegexNotIMatch).then(|| lit("i"));
            let matches = functions::matches(*left, *right, flags);
            Transformed::yes(match op {
                RegexNotMatch | RegexNotIMatch => !matches,
                _ => matches,
            })
        }
        expr => Transformed::no(expr),
    })
}
