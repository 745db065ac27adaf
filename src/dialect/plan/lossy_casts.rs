//! A rule over logical plans that keeps the engine from moving a lossy conversion to the other side of a comparison.
//!
//! The engine compares `CAST(x AS decimal(5, 0)) = 1` as `x = 1.00`, so that 1.2 is not found, and timestamps of whole
//! seconds likewise. Such a conversion is wrapped in a function that returns its argument, which the engine does not look
//! through.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{Expr, ExprSchemable};

use super::opaque::opaque;

/// Keeps conversions to fewer digits. To be run when types fit.
pub(super) fn keep_lossy_casts(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_lossy = match &expr {
        Expr::Cast(Cast { expr: value, field }) => value
            .get_type(schema)
            .is_ok_and(|from| loses_digits(&from, field.data_type())),
        _ => false,
    };
    Ok(match is_lossy {
        true => Transformed::yes(opaque(expr)),
        false => Transformed::no(expr),
    })
}

/// Returns true if values of `from` have more digits after the point than `to` has room for.
fn loses_digits(from: &DataType, to: &DataType) -> bool {
    let digits = |data_type: &DataType| match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => Some(*scale),
        DataType::Timestamp(unit, _) => Some(match unit {
            TimeUnit::Second => 0,
            TimeUnit::Millisecond => 3,
            TimeUnit::Microsecond => 6,
            TimeUnit::Nanosecond => 9,
        }),
        _ => None,
    };
    // The engine's own conversions among timestamps end in microseconds, which is what the service's times have.
    let is_coarse = !matches!(to, DataType::Timestamp(TimeUnit::Microsecond, _));
    is_coarse
        && digits(from)
            .zip(digits(to))
            .is_some_and(|(from, to)| from > to)
}
