//! `sum` of integers, an error if the total does not fit in 64 bits, and `percentile_cont` without rounding.
//!
//! Both are the engine's but for what accumulates: its sum wraps around, and its percentile between two values is cut to
//! six digits.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{ScalarValue, exec_err, internal_err};
use datafusion::error::Result;
use datafusion::functions_aggregate::percentile_cont::PercentileCont;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, ReversedUDAF,
};

use super::error::Error;
use super::scalar::of_the_engine;

/// Returns `sum`.
pub(super) fn sum() -> AggregateUDF {
    AggregateUDF::new_from_impl(CheckedSum::default())
}

/// Returns `percentile_cont`.
pub(super) fn percentile_cont() -> AggregateUDF {
    AggregateUDF::new_from_impl(ExactPercentile::default())
}

/// `sum(x)`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct CheckedSum {
    engine: Sum,
}

/// The type in which the engine adds integers up: no number of rows overflows it.
const EXACT: DataType = DataType::Decimal128(38, 0);

fn is_integer(args: &AccumulatorArgs<'_>) -> bool {
    args.return_field.data_type().is_integer()
}

/// Returns what accumulates a sum of integers: what `make` makes for decimals.
fn exact(
    args: AccumulatorArgs<'_>,
    make: impl FnOnce(AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>>,
) -> Result<Box<dyn Accumulator>> {
    let returns = args.return_field.data_type().clone();
    let field: FieldRef = Field::new(args.name, EXACT, true).into();
    let engine = make(AccumulatorArgs {
        return_field: Arc::clone(&field),
        expr_fields: &[field],
        ..args
    })?;
    Ok(Box::new(Exact { engine, returns }))
}

impl AggregateUDFImpl for CheckedSum {
    of_the_engine!();

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match is_integer(&args) {
            true => exact(args, |args| self.engine.accumulator(args)),
            false => self.engine.accumulator(args),
        }
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        match is_integer(&args) {
            // Of distinct decimals, the engine has none that slides.
            true if args.is_distinct => self.accumulator(args),
            true => exact(args, |args| self.engine.create_sliding_accumulator(args)),
            false => self.engine.create_sliding_accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let return_field = match args.return_field.data_type().is_integer() {
            true => Field::new(args.name, EXACT, true).into(),
            false => args.return_field,
        };
        self.engine.state_fields(StateFieldsArgs {
            return_field,
            ..args
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !is_integer(&args) && self.engine.groups_accumulator_supported(args)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

/// An accumulator of the engine over decimals, for integers.
#[derive(Debug)]
struct Exact {
    engine: Box<dyn Accumulator>,
    returns: DataType,
}

impl Accumulator for Exact {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.engine.update_batch(&[cast(&values[0], &EXACT)?])
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.engine.retract_batch(&[cast(&values[0], &EXACT)?])
    }

    fn supports_retract_batch(&self) -> bool {
        self.engine.supports_retract_batch()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.engine.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.engine.merge_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let ScalarValue::Decimal128(Some(sum), ..) = self.engine.evaluate()? else {
            return ScalarValue::try_from(&self.returns);
        };
        let beyond = |_| Error::Overflow("sum");
        Ok(match self.returns {
            DataType::UInt64 => ScalarValue::from(u64::try_from(sum).map_err(beyond)?),
            _ => ScalarValue::from(i64::try_from(sum).map_err(beyond)?),
        })
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.engine.size()
    }
}

/// `percentile_cont(p) WITHIN GROUP (ORDER BY x)`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct ExactPercentile {
    engine: PercentileCont,
}

impl AggregateUDFImpl for ExactPercentile {
    of_the_engine!();

    fn aliases(&self) -> &[String] {
        self.engine.aliases()
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.expr_fields[0].data_type().is_null() {
            return self.engine.accumulator(args);
        }
        let empty = RecordBatch::new_empty(args.schema.clone().into());
        let ColumnarValue::Scalar(share) = args.exprs[1].evaluate(&empty)? else {
            return exec_err!("the percentile must be a constant");
        };
        let ScalarValue::Float64(Some(share)) = share.cast_to(&DataType::Float64)? else {
            return exec_err!("the percentile must be a number");
        };
        if !(0.0..=1.0).contains(&share) {
            return exec_err!("the percentile must be between 0 and 1, not {share}");
        }
        let is_descending = args
            .order_bys
            .first()
            .is_some_and(|key| key.options.descending);
        Ok(Box::new(Percentile {
            values: Vec::new(),
            share,
            is_descending,
            is_distinct: args.is_distinct,
            returns: args.return_field.data_type().clone(),
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if args.input_fields[0].data_type().is_null() {
            return self.engine.state_fields(args);
        }
        let list = Field::new_list_field(DataType::Float64, true);
        Ok(vec![
            Field::new_list(format!("{}[values]", args.name), list, true).into(),
        ])
    }

    fn supports_within_group_clause(&self) -> bool {
        true
    }
}

/// Keeps all values.
#[derive(Debug)]
struct Percentile {
    values: Vec<f64>,
    share: f64,
    is_descending: bool,
    is_distinct: bool,
    returns: DataType,
}

impl Percentile {
    fn numbers(values: &ArrayRef) -> Result<Float64Array> {
        let values = cast(values, &DataType::Float64)?;
        Ok(values.as_primitive::<Float64Type>().clone())
    }
}

impl Accumulator for Percentile {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values
            .extend(Self::numbers(&values[0])?.iter().flatten());
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in Self::numbers(&values[0])?.iter().flatten() {
            let place = self
                .values
                .iter()
                .position(|known| known.total_cmp(&value).is_eq());
            match place {
                Some(place) => {
                    self.values.swap_remove(place);
                }
                None => return internal_err!("a value leaves a window that it was not in"),
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Vec<ScalarValue> = self.values.iter().copied().map(ScalarValue::from).collect();
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(
            &values,
            &DataType::Float64,
        ))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for values in states[0].as_list::<i32>().iter().flatten() {
            self.update_batch(&[values])?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut values = self.values.clone();
        // The negative zero is no value of its own.
        values.iter_mut().for_each(|value| *value += 0.0);
        values.sort_by(f64::total_cmp);
        if self.is_distinct {
            values.dedup_by(|one, other| one.total_cmp(other).is_eq());
        }
        if self.is_descending {
            values.reverse();
        }
        let Some(last) = values.len().checked_sub(1) else {
            return ScalarValue::try_from(&self.returns);
        };
        let place = self.share * last as f64;
        let (below, above) = (
            values[place.floor() as usize],
            values[place.ceil() as usize],
        );
        let share = place - place.floor();
        // Between two values that are infinite is none.
        let value = match below + (above - below) * share {
            _ if share == 0.0 => below,
            value if value.is_nan() => f64::NAN,
            value => value,
        };
        ScalarValue::from(value).cast_to(&self.returns)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<f64>()
    }
}
