//! `sum` of integers, an error if the total does not fit in 64 bits, and `percentile_cont` without rounding.
//!
//! Both are the engine's but for what accumulates: its sum wraps around, and its percentile between two values is cut to
//! six digits.

use std::collections::BTreeMap;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Float64Type};
use datafusion::common::{ScalarValue, exec_err, internal_err};
use datafusion::error::Result;
use datafusion::functions_aggregate::percentile_cont::PercentileCont;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, ReversedUDAF,
};

use super::aggregate::of_the_engine;
use super::error::Error;

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

/// The type that sums of integers are kept in.
const EXACT: DataType = DataType::Decimal128(38, 0);

fn is_integer(args: &AccumulatorArgs<'_>) -> bool {
    args.return_field.data_type().is_integer()
}

impl AggregateUDFImpl for CheckedSum {
    of_the_engine!();

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match is_integer(&args) {
            true => Ok(Box::new(Exact::new(&args))),
            false => self.engine.accumulator(args),
        }
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        match is_integer(&args) {
            true => Ok(Box::new(Exact::new(&args))),
            false => self.engine.create_sliding_accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if !args.return_field.data_type().is_integer() {
            return self.engine.state_fields(args);
        }
        let state = |name: &str| {
            let list = Field::new_list_field(EXACT, true);
            Field::new_list(format!("{}[{name}]", args.name), list, true).into()
        };
        Ok(vec![state("values"), state("counts")])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !is_integer(&args) && self.engine.groups_accumulator_supported(args)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

/// Adds integers up. In 128 bits no number of rows overflows.
#[derive(Debug)]
struct Exact {
    sum: i128,
    count: i64,
    /// How often each value was there, for DISTINCT.
    distinct: Option<BTreeMap<i128, i64>>,
    returns: DataType,
}

impl Exact {
    fn new(args: &AccumulatorArgs<'_>) -> Self {
        Self {
            sum: 0,
            count: 0,
            distinct: args.is_distinct.then(BTreeMap::new),
            returns: args.return_field.data_type().clone(),
        }
    }

    /// Adds `times` times each of `values`.
    fn add(&mut self, values: &ArrayRef, times: i64) -> Result<()> {
        let values = cast(values, &EXACT)?;
        for value in values.as_primitive::<Decimal128Type>().iter().flatten() {
            self.add_one(value, times);
        }
        Ok(())
    }

    fn add_one(&mut self, value: i128, times: i64) {
        let Some(distinct) = &mut self.distinct else {
            self.sum += value * i128::from(times);
            self.count += times;
            return;
        };
        let known = distinct.entry(value).or_default();
        let was_there = *known > 0;
        *known += times;
        match (was_there, *known > 0) {
            (false, true) => {
                self.sum += value;
                self.count += 1;
            }
            (true, false) => {
                self.sum -= value;
                self.count -= 1;
            }
            _ => {}
        }
        if *known == 0 {
            distinct.remove(&value);
        }
    }
}

impl Accumulator for Exact {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(&values[0], 1)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(&values[0], -1)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (values, counts): (Vec<i128>, Vec<i128>) = match &self.distinct {
            Some(distinct) => distinct
                .iter()
                .map(|(value, count)| (*value, i128::from(*count)))
                .unzip(),
            None => (vec![self.sum], vec![i128::from(self.count)]),
        };
        let list = |numbers: Vec<i128>| {
            let numbers: Vec<ScalarValue> = numbers
                .into_iter()
                .map(|number| ScalarValue::Decimal128(Some(number), 38, 0))
                .collect();
            ScalarValue::List(ScalarValue::new_list_nullable(&numbers, &EXACT))
        };
        Ok(vec![list(values), list(counts)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (values, counts) = (states[0].as_list::<i32>(), states[1].as_list::<i32>());
        for (values, counts) in values.iter().zip(counts.iter()) {
            let (Some(values), Some(counts)) = (values, counts) else {
                continue;
            };
            let values = values.as_primitive::<Decimal128Type>();
            let counts = counts.as_primitive::<Decimal128Type>();
            for (value, count) in values.iter().flatten().zip(counts.iter().flatten()) {
                let times = i64::try_from(count).map_err(|_| Error::Overflow("sum"))?;
                match self.distinct {
                    Some(_) => self.add_one(value, times),
                    None => {
                        self.sum += value;
                        self.count += times;
                    }
                }
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.count == 0 {
            return ScalarValue::try_from(&self.returns);
        }
        Ok(match self.returns {
            DataType::UInt64 => ScalarValue::UInt64(Some(
                u64::try_from(self.sum).map_err(|_| Error::Overflow("sum"))?,
            )),
            _ => ScalarValue::Int64(Some(
                i64::try_from(self.sum).map_err(|_| Error::Overflow("sum"))?,
            )),
        })
    }

    fn size(&self) -> usize {
        let distinct = self.distinct.as_ref().map_or(0, BTreeMap::len);
        size_of_val(self) + distinct * size_of::<(i128, i64)>()
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
