//! Aggregates over floats, and aggregates in windows, that replace the engine's, which are wrong or missing there.
//!
//! Over floats, subtracting a row that leaves a frame does not undo having added it: after `1e20` nothing is left of
//! the `1.0` beside it. For groups, the engine returns the smallest finite number as the maximum of `-Infinity`. And a
//! NaN result has a sign, see [`super::floats`].
//!
//! `bool_and`, `bool_or` and `string_agg` cannot take a row back when a frame moves on. For them and for floats, the rows
//! of the frame are kept, and each frame is computed anew. That takes time in proportion to the length of the frame, as
//! any function does that looks at all of it.
//!
//! `count`, `max` and `min` say that they only grow, or only shrink, with their rows. From that the engine concludes that
//! the column of a window is in order, and leaves a sort out: wrongly where a partition starts anew, and where NULLs come
//! first. In a window they [claim no order](in_window) here.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::functions_aggregate::bool_and_or::{bool_and_udaf, bool_or_udaf};
use datafusion::functions_aggregate::correlation::corr_udaf;
use datafusion::functions_aggregate::covariance::{covar_pop_udaf, covar_samp_udaf};
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::regr::{
    regr_avgx_udaf, regr_avgy_udaf, regr_intercept_udaf, regr_r2_udaf, regr_slope_udaf,
    regr_sxx_udaf, regr_sxy_udaf, regr_syy_udaf,
};
use datafusion::functions_aggregate::stddev::{stddev_pop_udaf, stddev_udaf};
use datafusion::functions_aggregate::variance::{var_pop_udaf, var_samp_udaf};
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, ReversedUDAF};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::scalar::ScalarValue;

use super::scalar::of_the_engine;

/// Returns the functions of this module; those that are `checked` come from outside.
pub(super) fn functions(
    checked: impl Iterator<Item = Arc<AggregateUDF>>,
) -> impl Iterator<Item = AggregateUDF> {
    let engine = [
        bool_and_udaf(),
        bool_or_udaf(),
        corr_udaf(),
        covar_pop_udaf(),
        covar_samp_udaf(),
        max_udaf(),
        min_udaf(),
        regr_avgx_udaf(),
        regr_avgy_udaf(),
        regr_intercept_udaf(),
        regr_r2_udaf(),
        regr_slope_udaf(),
        regr_sxx_udaf(),
        regr_sxy_udaf(),
        regr_syy_udaf(),
        stddev_pop_udaf(),
        stddev_udaf(),
        var_pop_udaf(),
        var_samp_udaf(),
    ];
    let engine = engine.into_iter().chain(checked);
    engine.map(|engine| AggregateUDF::new_from_impl(Sliding { engine }))
}

/// Returns `function` as it is computed over floats.
pub(super) fn of_floats(function: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Sliding { engine: function }))
}

/// Returns true for a call over floats.
fn is_over_floats(args: &AccumulatorArgs<'_>) -> bool {
    let mut fields = args.expr_fields.iter();
    fields.any(|field| field.data_type().is_floating())
}

/// The aggregates from whose values the engine concludes an order.
const MONOTONIC: [&str; 3] = ["count", "max", "min"];

/// Returns `function` as it is computed in a window.
pub(super) fn in_window(function: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    match MONOTONIC.contains(&function.name()) {
        true => Arc::new(AggregateUDF::new_from_impl(Sliding { engine: function })),
        false => function,
    }
}

/// Returns an accumulator of `engine` for frames that move.
pub(super) fn accumulator(
    engine: &Arc<AggregateUDF>,
    args: AccumulatorArgs<'_>,
) -> Result<Box<dyn Accumulator>> {
    if !is_over_floats(&args) || engine.name() == "count" {
        let own = engine.create_sliding_accumulator(args.clone())?;
        if own.supports_retract_batch() {
            return Ok(own);
        }
    }
    Ok(Box::new(Recomputed {
        call: Call::new(engine, &args),
        rows: Vec::new(),
    }))
}

/// An aggregate of the engine whose frames may move, whose values are in no order, and whose floats are right.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Sliding {
    engine: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for Sliding {
    of_the_engine!();

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        self.engine.return_field(fields)
    }

    fn is_nullable(&self) -> bool {
        self.engine.is_nullable()
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.engine.default_value(data_type)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.engine.coerce_types(types)
    }

    fn aliases(&self) -> &[String] {
        self.engine.aliases()
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if !is_over_floats(&args) {
            return self.engine.accumulator(args);
        }
        Ok(Box::new(OfFloats {
            is_zero_of_one: OF_ONE_ROW.contains(&self.name()) && !args.is_distinct,
            engine: self.engine.accumulator(args)?,
        }))
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        accumulator(&self.engine, args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.engine.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !is_over_floats(&args) && self.engine.groups_accumulator_supported(args)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        self.engine.simplify()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

/// The aggregates that the engine takes to be 0 of a single row, whatever is in it.
const OF_ONE_ROW: [&str; 3] = ["covar_pop", "stddev_pop", "var_pop"];

/// An accumulator of the engine over floats, which gives one NaN.
#[derive(Debug)]
struct OfFloats {
    engine: Box<dyn Accumulator>,
    /// True for [`OF_ONE_ROW`]: of an infinite number it is NaN, as the sums are that the accumulator keeps.
    is_zero_of_one: bool,
}

impl Accumulator for OfFloats {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.engine.update_batch(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = self.engine.evaluate()?;
        let is_nan = match &value {
            ScalarValue::Float64(Some(number)) => {
                let is_nan = |sum: &ScalarValue| matches!(sum, ScalarValue::Float64(Some(sum)) if sum.is_nan());
                number.is_nan() || self.is_zero_of_one && self.engine.state()?.iter().any(is_nan)
            }
            ScalarValue::Float32(Some(number)) => number.is_nan(),
            _ => false,
        };
        match is_nan {
            true => ScalarValue::from(f64::NAN).cast_to(&value.data_type()),
            false => Ok(value),
        }
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.engine.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.engine.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.engine.merge_batch(states)
    }
}

/// A call of an aggregate, to make accumulators from.
#[derive(Debug)]
struct Call {
    engine: Arc<AggregateUDF>,
    return_field: FieldRef,
    schema: Schema,
    ignore_nulls: bool,
    order_bys: Vec<PhysicalSortExpr>,
    is_reversed: bool,
    name: String,
    is_distinct: bool,
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    expr_fields: Vec<FieldRef>,
}

impl Call {
    fn new(engine: &Arc<AggregateUDF>, args: &AccumulatorArgs<'_>) -> Self {
        Self {
            engine: Arc::clone(engine),
            return_field: Arc::clone(&args.return_field),
            schema: args.schema.clone(),
            ignore_nulls: args.ignore_nulls,
            order_bys: args.order_bys.to_vec(),
            is_reversed: args.is_reversed,
            name: args.name.to_owned(),
            is_distinct: args.is_distinct,
            exprs: args.exprs.to_vec(),
            expr_fields: args.expr_fields.to_vec(),
        }
    }

    fn accumulator(&self) -> Result<Box<dyn Accumulator>> {
        self.engine.accumulator(AccumulatorArgs {
            return_field: Arc::clone(&self.return_field),
            schema: &self.schema,
            ignore_nulls: self.ignore_nulls,
            order_bys: &self.order_bys,
            is_reversed: self.is_reversed,
            name: &self.name,
            is_distinct: self.is_distinct,
            exprs: &self.exprs,
            expr_fields: &self.expr_fields,
        })
    }
}

/// Keeps the rows of the frame, and computes the aggregate of all of them when it is asked.
#[derive(Debug)]
struct Recomputed {
    call: Call,
    /// The arguments of the rows, the oldest first; empty before the first batch.
    rows: Vec<ArrayRef>,
}

impl Accumulator for Recomputed {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if self.rows.is_empty() {
            self.rows = values.to_vec();
            return Ok(());
        }
        for (kept, new) in self.rows.iter_mut().zip(values) {
            *kept = concat(&[kept.as_ref(), new.as_ref()])?;
        }
        Ok(())
    }

    // The rows that leave a frame are always its oldest.
    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for (kept, gone) in self.rows.iter_mut().zip(values) {
            let gone = gone.len().min(kept.len());
            *kept = kept.slice(gone, kept.len() - gone);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut accumulator = self.call.accumulator()?;
        if self.rows.first().is_some_and(|rows| !rows.is_empty()) {
            accumulator.update_batch(&self.rows)?;
        }
        accumulator.evaluate()
    }

    fn size(&self) -> usize {
        let rows = self.rows.iter().map(|rows| rows.get_array_memory_size());
        size_of_val(self) + rows.sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        internal_err!("a frame that moves has no state to be merged")
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        internal_err!("a frame that moves has no state to be merged")
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::functions::testing::{column, rows};

    #[tokio::test]
    async fn frames_that_move_are_computed() {
        let from = "FROM (VALUES (1, 'a', true), (2, 'b', NULL), (3, 'c', false), (4, 'c', true)) t(n, x, b)";
        let pair = "OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)";
        for (call, expected) in [
            ("bool_and(b)", ["true", "true", "false", "false"]),
            ("bool_or(b)", ["true", "true", "false", "true"]),
            ("bool_and(n > 1)", ["false", "false", "true", "true"]),
            ("string_agg(x, '-')", ["a", "a-b", "b-c", "c-c"]),
            (
                "string_agg(x, '-') FILTER (WHERE n <> 2)",
                ["a", "a", "c", "c-c"],
            ),
            ("group_concat(x)", ["a", "a,b", "b,c", "c,c"]),
            ("json_group_array(n)", ["[1]", "[1,2]", "[2,3]", "[3,4]"]),
        ] {
            let sql = format!("SELECT {call} {pair} {from} ORDER BY n");
            assert_eq!(column(&sql).await, expected, "{call}");
        }
        let ahead = "OVER (ORDER BY n ROWS BETWEEN 2 FOLLOWING AND UNBOUNDED FOLLOWING)";
        let sql = format!("SELECT bool_or(b) {ahead}, string_agg(x, '') {ahead} {from} ORDER BY n");
        assert_eq!(
            rows(&sql).await.expect("runs"),
            [
                ["true", "cc"],
                ["true", "c"],
                ["NULL", "NULL"],
                ["NULL", "NULL"]
            ]
        );
    }
}
