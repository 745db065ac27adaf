//! `sum`, `avg` and `median` of exact numbers, an error if the result does not fit in its type, and `percentile_cont` without
//! rounding.
//!
//! They are the engine's except for the accumulator: its sums wrap around, of integers and of decimals, and its
//! percentile between two values is truncated to six digits.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, Float64Type,
};
use datafusion::common::{ScalarValue, exec_err, internal_err};
use datafusion::error::Result;
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::median::median_udaf;
use datafusion::functions_aggregate::percentile_cont::PercentileCont;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, ReversedUDAF,
};

use super::error::Error;
use super::interval_sums::{self, IntervalSum};
use super::scalar::of_the_engine;

/// Returns `sum`, `avg` and `median`.
pub(super) fn checked() -> impl Iterator<Item = Arc<AggregateUDF>> {
    let engine = [sum_udaf(), avg_udaf(), median_udaf()].into_iter();
    engine.map(|engine| Arc::new(AggregateUDF::new_from_impl(Checked { engine })))
}

/// Returns `percentile_cont`.
pub(super) fn percentile_cont() -> AggregateUDF {
    AggregateUDF::new_from_impl(ExactPercentile::default())
}

/// An aggregate of the engine that adds numbers up.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    engine: Arc<AggregateUDF>,
}

/// Returns the type in which exact numbers of `data_type` are added up: no number of rows overflows it. None for other types.
fn wide(data_type: &DataType) -> Option<DataType> {
    match data_type {
        of if of.is_integer() => Some(DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0)),
        DataType::Decimal128(_, scale) => {
            Some(DataType::Decimal256(DECIMAL256_MAX_PRECISION, *scale))
        }
        _ => None,
    }
}

fn wide_field(fields: &[FieldRef]) -> Option<FieldRef> {
    let field = fields.first()?;
    let wide = wide(field.data_type())?;
    Some(Field::new(field.name(), wide, true).into())
}

impl Checked {
    /// Returns true for `sum` and `avg` of intervals.
    fn adds_intervals(&self, fields: &[FieldRef], is_distinct: bool) -> bool {
        let takes = |field: &FieldRef| interval_sums::takes(field.data_type());
        self.engine.name() != "median" && !is_distinct && fields.first().is_some_and(takes)
    }

    /// Returns what accumulates: what `make` makes for decimals, if the numbers are exact.
    fn exact(
        &self,
        args: AccumulatorArgs<'_>,
        make: impl FnOnce(AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>>,
    ) -> Result<Box<dyn Accumulator>> {
        if self.adds_intervals(args.expr_fields, args.is_distinct) {
            let is_avg = self.engine.name() == "avg";
            let returns = args.return_field.data_type();
            return Ok(Box::new(IntervalSum::new(is_avg, returns)));
        }
        let Some(field) = wide_field(args.expr_fields) else {
            return make(args);
        };
        let wide = field.data_type().clone();
        let returns = args.return_field.data_type().clone();
        let returned = self.engine.return_type(std::slice::from_ref(&wide))?;
        let engine = make(AccumulatorArgs {
            return_field: Field::new(args.name, returned, true).into(),
            expr_fields: &[field],
            ..args
        })?;
        Ok(Box::new(Exact {
            engine,
            wide,
            returns,
        }))
    }
}

impl AggregateUDFImpl for Checked {
    of_the_engine!();

    fn aliases(&self) -> &[String] {
        self.engine.aliases()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.engine.coerce_types(types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.exact(args, |args| self.engine.accumulator(args))
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        // Of distinct decimals, the engine has none that slides.
        match args.is_distinct && wide_field(args.expr_fields).is_some() {
            true => self.accumulator(args),
            false => self.exact(args, |args| self.engine.create_sliding_accumulator(args)),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if self.adds_intervals(args.input_fields, args.is_distinct) {
            return Ok(interval_sums::state_fields(args.name));
        }
        let Some(field) = wide_field(args.input_fields) else {
            return self.engine.state_fields(args);
        };
        let returned = self.engine.return_type(&[field.data_type().clone()])?;
        self.engine.state_fields(StateFieldsArgs {
            return_field: Field::new(args.name, returned, true).into(),
            input_fields: &[field],
            ..args
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        wide_field(args.expr_fields).is_none()
            && !self.adds_intervals(args.expr_fields, args.is_distinct)
            && self.engine.groups_accumulator_supported(args)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

/// An accumulator of the engine over wide decimals, for narrower numbers.
#[derive(Debug)]
struct Exact {
    engine: Box<dyn Accumulator>,
    wide: DataType,
    returns: DataType,
}

impl Accumulator for Exact {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.engine.update_batch(&[cast(&values[0], &self.wide)?])
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.engine.retract_batch(&[cast(&values[0], &self.wide)?])
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
        let value = self.engine.evaluate()?;
        let fitting = value.cast_to(&self.returns);
        fitting.map_err(|_| match self.returns.is_integer() {
            true => Error::Overflow("sum").into(),
            false => Error::DecimalOverflow.into(),
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
