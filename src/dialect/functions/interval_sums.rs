//! `sum` of intervals, and `sum` and `avg` of differences of times: the engine's wrap around.

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Field, FieldRef, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit,
};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::Accumulator;

use super::error::Error;

/// Returns true for what is added up here.
pub(super) fn takes(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_) | DataType::Duration(_))
}

/// Returns what [`IntervalSum`] keeps between two of its steps.
pub(super) fn state_fields(name: &str) -> Vec<FieldRef> {
    let field = |part: usize| {
        let name = format!("{name}[{part}]");
        Field::new(name, DataType::Decimal128(38, 0), true).into()
    };
    (0..4).map(field).collect()
}

/// The months, the days, the rest, and the number of what was added up. A difference of times is all rest, in its own unit.
#[derive(Debug)]
pub(super) struct IntervalSum {
    parts: [i128; 4],
    is_avg: bool,
    returns: DataType,
}

impl IntervalSum {
    /// Returns the sum of nothing, which will be `returns`; the average of what was added if `is_avg`.
    pub(super) fn new(is_avg: bool, returns: &DataType) -> Self {
        Self {
            parts: [0; 4],
            is_avg,
            returns: returns.clone(),
        }
    }

    fn add(&mut self, values: &ArrayRef, sign: i128) -> Result<()> {
        let mut add = |parts: [i128; 4]| {
            for (sum, part) in self.parts.iter_mut().zip(parts) {
                *sum += sign * part;
            }
        };
        match values.data_type() {
            DataType::Duration(_) => {
                let lengths = cast(values, &DataType::Int64)?;
                let lengths = lengths.as_primitive::<Int64Type>().iter().flatten();
                lengths.for_each(|length| add([0, 0, length.into(), 1]));
            }
            _ => {
                let whole = DataType::Interval(IntervalUnit::MonthDayNano);
                let values = cast(values, &whole)?;
                let values = values.as_primitive::<IntervalMonthDayNanoType>();
                for it in values.iter().flatten() {
                    add([it.months.into(), it.days.into(), it.nanoseconds.into(), 1]);
                }
            }
        }
        Ok(())
    }

    fn value(&self) -> Option<ScalarValue> {
        let [months, days, rest, count] = self.parts;
        if matches!(self.returns, DataType::Interval(_)) {
            let interval = IntervalMonthDayNano::new(
                i32::try_from(months).ok()?,
                i32::try_from(days).ok()?,
                i64::try_from(rest).ok()?,
            );
            return Some(ScalarValue::IntervalMonthDayNano(Some(interval)));
        }
        let rest = if self.is_avg { rest / count } else { rest };
        let rest = ScalarValue::Int64(Some(i64::try_from(rest).ok()?));
        rest.cast_to(&self.returns).ok()
    }
}

impl Accumulator for IntervalSum {
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
        let parts = self.parts.iter();
        Ok(parts
            .map(|part| ScalarValue::Decimal128(Some(*part), 38, 0))
            .collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (sum, parts) in self.parts.iter_mut().zip(states) {
            *sum += parts
                .as_primitive::<Decimal128Type>()
                .iter()
                .flatten()
                .sum::<i128>();
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        match self.parts {
            [_, _, _, 0] => ScalarValue::try_from(&self.returns),
            _ => self.value().ok_or_else(|| Error::IntervalOverflow.into()),
        }
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}
