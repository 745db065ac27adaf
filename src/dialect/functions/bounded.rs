//! Functions whose result can be far longer than their arguments: they refuse it before it is made.
//!
//! `repeat('x', 2000000000)` would take the memory that the engine's pool does not count. The functions are the engine's;
//! only how much they may give is decided here, from the arguments alone.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};

use super::error::{Error, MOST};

/// How many bytes a call gives, from its arguments for one batch.
type Estimate = fn(&[ArrayRef]) -> Option<u64>;

/// Returns the engine's functions, with a bound.
pub(super) fn functions() -> Vec<ScalarUDF> {
    use datafusion::functions::{string, unicode};
    use datafusion::functions_nested as nested;
    let bounded: [(Arc<ScalarUDF>, &'static str, Estimate); 7] = [
        (string::repeat(), "repeat", repeated),
        (unicode::lpad(), "lpad", padded),
        (unicode::rpad(), "rpad", padded),
        (
            nested::repeat::array_repeat_udf(),
            "array_repeat",
            repeated_values,
        ),
        (nested::resize::array_resize_udf(), "array_resize", resized),
        (nested::range::range_udf(), "range", series),
        (nested::range::gen_series_udf(), "generate_series", series),
    ];
    let bounded = bounded.into_iter().map(|(inner, name, estimate)| Bounded {
        inner,
        name,
        estimate,
    });
    bounded.map(ScalarUDF::new_from_impl).collect()
}

/// Returns `repeat(text, count)`, for functions that are made of it.
pub(super) fn repeat() -> ScalarUDF {
    ScalarUDF::new_from_impl(Bounded {
        inner: datafusion::functions::string::repeat(),
        name: "repeat",
        estimate: repeated,
    })
}

/// A function that refuses to give more than [`MOST`].
#[derive(Debug, Clone)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    name: &'static str,
    estimate: Estimate,
}

impl PartialEq for Bounded {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for Bounded {}

impl std::hash::Hash for Bounded {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(args, info)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        // A call of constants is made once, whatever the number of rows.
        let are_constant = args
            .args
            .iter()
            .all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if are_constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(rows));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        match (self.estimate)(&arrays) {
            Some(bytes) if bytes > MOST => Err(DataFusionError::External(Box::new(
                Error::TooLong(self.name),
            ))),
            _ => self.inner.invoke_with_args(args),
        }
    }
}

/// Sums `bytes` of each row of `arrays`; rows for which it knows none count nothing.
fn sum(rows: usize, bytes: impl Fn(usize) -> Option<u64>) -> u64 {
    (0..rows).filter_map(bytes).fold(0, u64::saturating_add)
}

/// Returns the integers of `array`, negative ones as zero.
fn counts(array: &ArrayRef) -> Option<impl Fn(usize) -> Option<u64> + use<>> {
    let counts: Int64Array = cast(array, &DataType::Int64)
        .ok()?
        .as_primitive::<Int64Type>()
        .clone();
    Some(move |row: usize| {
        let is_there = row < counts.len() && counts.is_valid(row);
        is_there.then(|| u64::try_from(counts.value(row)).unwrap_or(0))
    })
}

/// `repeat(text, count)`.
fn repeated(args: &[ArrayRef]) -> Option<u64> {
    let [text, count, ..] = args else { return None };
    let count = counts(count)?;
    let texts = cast(text, &DataType::LargeUtf8).ok()?;
    let texts = texts.as_string::<i64>();
    Some(sum(texts.len(), |row| {
        let bytes = texts.is_valid(row).then(|| texts.value(row).len() as u64)?;
        Some(bytes.saturating_mul(count(row)?))
    }))
}

/// `lpad(text, length [, fill])`: a character takes up to four bytes.
fn padded(args: &[ArrayRef]) -> Option<u64> {
    let [_, length, fill @ ..] = args else {
        return None;
    };
    let length = counts(length)?;
    let is_ascii = match fill.first() {
        None => true,
        Some(fill) => {
            let fill = cast(fill, &DataType::LargeUtf8).ok()?;
            fill.as_string::<i64>().iter().flatten().all(str::is_ascii)
        }
    };
    let width = if is_ascii { 1 } else { 4 };
    Some(sum(args[0].len(), |row| {
        Some(length(row)?.saturating_mul(width))
    }))
}

/// `array_repeat(value, count)`.
fn repeated_values(args: &[ArrayRef]) -> Option<u64> {
    let [values, count, ..] = args else {
        return None;
    };
    let count = counts(count)?;
    let each = (values.get_array_memory_size() / values.len().max(1)).max(8) as u64;
    Some(sum(values.len(), |row| {
        Some(count(row)?.saturating_mul(each))
    }))
}

/// `array_resize(list, count [, value])`.
fn resized(args: &[ArrayRef]) -> Option<u64> {
    let [lists, count, ..] = args else {
        return None;
    };
    let count = counts(count)?;
    Some(sum(lists.len(), |row| Some(count(row)?.saturating_mul(8))))
}

/// `range([start,] stop [, step])` of integers.
fn series(args: &[ArrayRef]) -> Option<u64> {
    if !args.iter().all(|arg| arg.data_type().is_integer()) {
        return None;
    }
    let integers = args.iter().map(|arg| cast(arg, &DataType::Int64));
    let integers = integers.collect::<Result<Vec<_>, _>>().ok()?;
    let at = |arg: usize, row: usize| {
        let values = integers.get(arg)?.as_primitive::<Int64Type>();
        values.is_valid(row).then(|| i128::from(values.value(row)))
    };
    Some(sum(args[0].len(), |row| {
        let (start, stop, step) = match integers.len() {
            1 => (0, at(0, row)?, 1),
            2 => (at(0, row)?, at(1, row)?, 1),
            _ => (at(0, row)?, at(1, row)?, at(2, row)?),
        };
        let count = (stop - start).checked_div(step)?.max(0);
        u64::try_from(count).ok()?.checked_mul(8).or(Some(u64::MAX))
    }))
}

#[cfg(test)]
mod tests {
    use super::super::testing;

    #[tokio::test]
    async fn what_would_be_too_long_is_refused_before_it_is_made() {
        for call in [
            "repeat('x', 2000000000)",
            "repeat(x, 2000000000) FROM (VALUES ('a')) t(x)",
            "rpad('a', 2147483647, 'y')",
            "lpad(x, 2147483647, 'ü') FROM (VALUES ('a')) t(x)",
            "array_repeat(1, 2000000000)",
            "array_resize([1], 2000000000, 0)",
            "range(0, 10000000000)",
            "generate_series(0, 10000000000, 2)",
            "zeroblob(2000000000)",
            "replace(repeat('x', 200000), 'x', repeat('y', 200000))",
        ] {
            let outcome = testing::context().sql(&format!("SELECT {call}")).await;
            let outcome = match outcome {
                Ok(frame) => frame.collect().await.map(drop),
                Err(error) => Err(error),
            };
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains("256 MiB"), "{call}: {error}");
        }
    }

    #[tokio::test]
    async fn what_is_not_too_long_is_the_engines() {
        let sql = "SELECT repeat('ab', 3), rpad('a', 3, 'y'), lpad('a', 3), repeat('x', -1), length(repeat('x', 1000000)), range(0, 3), repeat(NULL, 5)";
        let frame = testing::context().sql(sql).await.unwrap();
        let rows = frame.collect().await.unwrap();
        let shown = datafusion::arrow::util::pretty::pretty_format_batches(&rows).unwrap();
        assert!(shown.to_string().contains("| ababab"), "{shown}");
    }
}
