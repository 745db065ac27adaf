//! Functions of the engine, with a bound on the size of their results.
//!
//! Those whose result can be far longer than their arguments refuse it before it is made: `repeat('x', 2000000000)` would
//! take memory that the engine's pool does not count. How much they may give is decided from the arguments alone. A call
//! of constants is made once. Where its value is then written out for every row, [`constant`] looks at the number of rows.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, UInt64Array};
use datafusion::arrow::compute::kernels::concat_elements::concat_elements_dyn;
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::utils::take_function_args;
use datafusion::error::Result;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use regex::{Regex, RegexBuilder};

use super::error::{Error, MOST, MOST_OF_CONSTANTS};
use super::internal::InternalFunction;
use super::scalar::by_name;

/// How many bytes a call gives, from its arguments for one batch.
type Estimate = fn(&Arguments) -> Option<u64>;

/// The arguments of a call for one batch.
struct Arguments {
    /// A constant has one row, which stands for all.
    columns: Vec<ArrayRef>,
    rows: usize,
    is_constant: bool,
}

impl Arguments {
    fn of(args: &ScalarFunctionArgs) -> Result<Self> {
        let is_constant = |arg: &ColumnarValue| matches!(arg, ColumnarValue::Scalar(_));
        // A call of constants is made once, whatever the number of rows.
        let is_constant = args.args.iter().all(is_constant);
        let rows = match is_constant {
            true => 1,
            false => args.number_rows,
        };
        let columns = args.args.iter().map(|arg| arg.to_array(1));
        Ok(Self {
            columns: columns.collect::<Result<_>>()?,
            rows,
            is_constant,
        })
    }

    /// Checks that a call of `name` may give so many `bytes`, if they are known.
    fn check(&self, name: &str, bytes: Option<u64>) -> Result<(), Error> {
        match bytes {
            Some(bytes) if bytes > MOST => Err(Error::TooLong(name.to_owned())),
            Some(bytes) if self.is_constant && bytes > MOST_OF_CONSTANTS => {
                Err(Error::TooLongConstant(name.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Sums `bytes` of each row; rows for which it knows none count nothing.
    fn sum(&self, bytes: impl Fn(usize) -> Option<u64>) -> u64 {
        (0..self.rows)
            .filter_map(bytes)
            .fold(0, u64::saturating_add)
    }

    /// Returns the bytes of the values that `column` has in all rows.
    fn size(&self, column: &ArrayRef) -> u64 {
        let bytes = slice_size(column).map_or(u64::MAX, |bytes| bytes as u64);
        match column.len() {
            1 => bytes.saturating_mul(self.rows as u64),
            _ => bytes,
        }
    }

    /// Returns the row of `column` that stands for `row`, unless it is NULL.
    fn at(column: &dyn Array, row: usize) -> Option<usize> {
        let row = if column.len() == 1 { 0 } else { row };
        (row < column.len() && column.is_valid(row)).then_some(row)
    }

    /// Returns the integers of an argument, negative ones as zero.
    fn counts(&self, arg: usize) -> Option<impl Fn(usize) -> Option<u64> + use<>> {
        let counts: Int64Array = cast(self.columns.get(arg)?, &DataType::Int64)
            .ok()?
            .as_primitive::<Int64Type>()
            .clone();
        Some(move |row: usize| {
            let row = Self::at(&counts, row)?;
            Some(u64::try_from(counts.value(row)).unwrap_or(0))
        })
    }

    /// Returns the texts of an argument.
    fn texts(&self, arg: usize) -> Option<Texts> {
        let texts = cast(self.columns.get(arg)?, &DataType::LargeUtf8);
        texts.ok().map(Texts)
    }
}

/// Returns the bytes of the values of `column`, which may be a part of a larger one.
///
/// Fails if they are too many to be counted.
pub(crate) fn slice_size(column: &ArrayRef) -> Result<usize, ArrowError> {
    // Of a column of views the engine counts the views alone.
    let viewed = match column.data_type() {
        DataType::Utf8View => column
            .as_string_view()
            .lengths()
            .map(|length| length as usize)
            .sum(),
        DataType::BinaryView => column
            .as_binary_view()
            .lengths()
            .map(|length| length as usize)
            .sum(),
        _ => 0,
    };
    Ok(viewed + column.to_data().get_slice_memory_size()?)
}

/// The texts of an argument.
struct Texts(ArrayRef);

impl Texts {
    fn at(&self, row: usize) -> Option<&str> {
        let texts = self.0.as_string::<i64>();
        Some(texts.value(Arguments::at(texts, row)?))
    }

    fn bytes(&self, row: usize) -> Option<u64> {
        Some(self.at(row)?.len() as u64)
    }
}

/// Returns the engine's functions, with a bound.
pub(super) fn functions() -> Vec<ScalarUDF> {
    use datafusion::functions::{encoding, string, unicode};
    use datafusion::functions_nested as nested;
    let functions: [(Arc<ScalarUDF>, Estimate); 17] = [
        (string::concat(), joined),
        (string::concat_ws(), joined_with),
        (unicode::lpad(), padded),
        (unicode::rpad(), padded),
        (nested::repeat::array_repeat_udf(), repeated_values),
        (nested::resize::array_resize_udf(), resized),
        (nested::string::array_to_string_udf(), joined_list),
        (nested::length::array_length_udf(), unbounded),
        (nested::cardinality::cardinality_udf(), unbounded),
        (nested::dimension::array_ndims_udf(), unbounded),
        (nested::position::array_position_udf(), unbounded),
        (nested::concat::array_concat_udf(), concatenated),
        (nested::make_array::make_array_udf(), concatenated),
        (nested::string::string_to_array_udf(), split_list),
        (encoding::encode(), hex_digits),
        (nested::range::range_udf(), series),
        (nested::range::gen_series_udf(), series),
    ];
    let functions = functions.map(|(inner, estimate)| bounded(inner, estimate));
    let others = [repeat(), array_append(), array_prepend()];
    others.into_iter().chain(functions).collect()
}

/// Returns `repeat(text, count)`, for functions that are made of it.
pub(super) fn repeat() -> ScalarUDF {
    bounded(datafusion::functions::string::repeat(), repeated)
}

/// Returns `array_append(list, element)`, which is `list || element`.
pub(super) fn array_append() -> ScalarUDF {
    bounded(
        datafusion::functions_nested::concat::array_append_udf(),
        unbounded,
    )
}

/// Returns `array_prepend(element, list)`, which is `element || list`.
pub(super) fn array_prepend() -> ScalarUDF {
    bounded(
        datafusion::functions_nested::concat::array_prepend_udf(),
        unbounded,
    )
}

/// Returns `regexp_replace(text, pattern, replacement [, flags])`, for functions that are made of it.
pub(super) fn regexp_replace() -> ScalarUDF {
    bounded(datafusion::functions::regex::regexp_replace(), replaced)
}

fn bounded(inner: Arc<ScalarUDF>, estimate: Estimate) -> ScalarUDF {
    ScalarUDF::new_from_impl(Bounded { inner, estimate })
}

/// Returns the function that `||` of two texts is, with a bound. It is NULL if one of them is.
pub(crate) fn join_texts() -> InternalFunction {
    InternalFunction::new("join_texts", 2, |args| {
        let arguments = Arguments::of(args)?;
        arguments.check("||", joined(&arguments))?;
        let join = |columns: &[ArrayRef]| {
            let [left, right] = take_function_args("||", columns)?;
            let [left, right] = [left, right].map(|column| cast(column, args.return_type()));
            Ok(concat_elements_dyn(&left?, &right?)?)
        };
        make_scalar_function(join, Vec::new())(&args.args)
    })
    .returning(|types| match types {
        [left, right] if left == right => Ok(left.clone()),
        _ => Ok(DataType::LargeUtf8),
    })
    .spelled(|args| args.join(" || "))
}

/// A function that refuses to give more than [`MOST`], and gives signed integers.
#[derive(Debug, Clone)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    estimate: Estimate,
}

by_name!(Bounded.inner);

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
        self.inner.return_type(types).map(signed)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let field = self.inner.return_field_from_args(args)?;
        let data_type = signed(field.data_type().clone());
        Ok(Arc::new(
            Arc::unwrap_or_clone(field).with_data_type(data_type),
        ))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let simplified = self.inner.simplify(args, info)?;
        let ExprSimplifyResult::Simplified(expr) = simplified else {
            return Ok(simplified);
        };
        // It may be a simpler call of the same function, which then has to keep its bound.
        let bounded = Arc::new(ScalarUDF::new_from_impl(self.clone()));
        let expr = expr.transform_up(|expr| {
            Ok(match expr {
                Expr::ScalarFunction(mut call) if call.func == self.inner => {
                    call.func = Arc::clone(&bounded);
                    Transformed::yes(Expr::ScalarFunction(call))
                }
                other => Transformed::no(other),
            })
        })?;
        let mut bytes = 0;
        expr.data.apply(|expr| {
            if let Expr::Literal(value, _) = expr {
                bytes += value.try_as_str().flatten().map_or(0, str::len) as u64;
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        if bytes > MOST_OF_CONSTANTS {
            // `concat` joins constants that stand beside each other.
            return Err(Error::TooLongConstant(self.name().to_owned()).into());
        }
        Ok(ExprSimplifyResult::Simplified(expr.data))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        for arg in &mut args.args {
            if let ColumnarValue::Array(column) = arg {
                *column = without_hidden(column)?;
            }
        }
        if ["lpad", "rpad"].contains(&self.name())
            && let Some(length) = args.args.get_mut(1)
        {
            *length = not_negative(length);
        }
        let arguments = Arguments::of(&args)?;
        arguments.check(self.name(), (self.estimate)(&arguments))?;
        // Not through the function itself, which checks that it gives the type that is promised here.
        let value = self.inner.inner().invoke_with_args(args)?;
        match signed(value.data_type()) {
            signed if signed == value.data_type() => Ok(value),
            signed => value.cast_to(&signed, None),
        }
    }
}

/// Returns `column` without the elements that its NULL lists may still have, such as those of a CASE, which the engine would
/// put new elements beside.
fn without_hidden(column: &ArrayRef) -> Result<ArrayRef> {
    let is_list = matches!(
        column.data_type(),
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)
    );
    match column.nulls() {
        Some(nulls) if is_list && nulls.null_count() > 0 => {
            let rows = nulls.iter().enumerate();
            let rows: UInt64Array = rows
                .map(|(row, is_set)| is_set.then_some(row as u64))
                .collect();
            Ok(take(column, &rows, None)?)
        }
        _ => Ok(Arc::clone(column)),
    }
}

/// Returns integers with zero for negative ones, of which the engine's own padding makes room for texts without end.
fn not_negative(integers: &ColumnarValue) -> ColumnarValue {
    match integers {
        ColumnarValue::Scalar(ScalarValue::Int64(Some(n))) => {
            ColumnarValue::Scalar(ScalarValue::Int64(Some((*n).max(0))))
        }
        ColumnarValue::Array(column) if *column.data_type() == DataType::Int64 => {
            let clamped: Int64Array = column.as_primitive::<Int64Type>().unary(|n| n.max(0));
            ColumnarValue::Array(Arc::new(clamped))
        }
        other => other.clone(),
    }
}

/// Lengths are integers like any other: unsigned ones would be subtracted and divided otherwise.
fn signed(data_type: DataType) -> DataType {
    match data_type {
        DataType::UInt64 => DataType::Int64,
        other => other,
    }
}

/// A number.
fn unbounded(_: &Arguments) -> Option<u64> {
    None
}

/// `repeat(text, count)`.
fn repeated(args: &Arguments) -> Option<u64> {
    let (texts, count) = (args.texts(0)?, args.counts(1)?);
    Some(args.sum(|row| Some(texts.bytes(row)?.saturating_mul(count(row)?))))
}

/// `lpad(text, length [, fill])`: a character takes up to four bytes.
fn padded(args: &Arguments) -> Option<u64> {
    let length = args.counts(1)?;
    let is_ascii = match args.columns.len() {
        0..=2 => true,
        _ => {
            let fill = args.texts(2)?;
            let fills = fill.0.as_string::<i64>();
            fills.iter().flatten().all(str::is_ascii)
        }
    };
    let width = if is_ascii { 1 } else { 4 };
    Some(args.sum(|row| Some(length(row)?.saturating_mul(width))))
}

/// `concat(text [, text …])`.
fn joined(args: &Arguments) -> Option<u64> {
    let texts = (0..args.columns.len()).map(|arg| args.texts(arg));
    let texts = texts.collect::<Option<Vec<_>>>()?;
    Some(args.sum(|row| {
        let bytes = texts.iter().filter_map(|text| text.bytes(row));
        Some(bytes.fold(0, u64::saturating_add))
    }))
}

/// `concat_ws(separator, text [, text …])`.
fn joined_with(args: &Arguments) -> Option<u64> {
    let separator = args.texts(0)?;
    let between = (args.columns.len() as u64).saturating_sub(2);
    let more = args.sum(|row| Some(separator.bytes(row)?.saturating_mul(between)));
    joined(args)?.checked_add(more)
}

/// `array_to_string(list, separator [, null])`.
fn joined_list(args: &Arguments) -> Option<u64> {
    let lists = args.columns.first()?;
    let (separator, null) = (args.texts(1)?, args.texts(2));
    let each = (lists.get_array_memory_size() / lists.len().max(1)) as u64;
    let lists = cast(lists, &DataType::new_large_list(DataType::LargeUtf8, true)).ok()?;
    let lists = lists.as_list::<i64>();
    Some(args.sum(|row| {
        let list = lists.value(Arguments::at(lists, row)?);
        let between = separator.bytes(row)?;
        let null = null.as_ref().and_then(|null| null.bytes(row)).unwrap_or(0);
        let between = between.max(null).saturating_mul(list.len() as u64);
        Some(each.saturating_add(between))
    }))
}

/// All arguments, one after the other.
fn concatenated(args: &Arguments) -> Option<u64> {
    let sizes = args.columns.iter().map(|column| args.size(column));
    Some(sizes.fold(0, u64::saturating_add))
}

/// `string_to_array(text, separator)`: at worst an element for each character, each with its place.
fn split_list(args: &Arguments) -> Option<u64> {
    let texts = args.texts(0)?;
    Some(args.sum(|row| Some(texts.bytes(row)?.saturating_mul(8))))
}

/// `encode(bytes, format)`: two digits for each byte.
fn hex_digits(args: &Arguments) -> Option<u64> {
    Some(args.size(args.columns.first()?).saturating_mul(2))
}

/// `regexp_replace(text, pattern, replacement [, flags])`.
fn replaced(args: &Arguments) -> Option<u64> {
    let (texts, patterns, replacements) = (args.texts(0)?, args.texts(1)?, args.texts(2)?);
    let flags = args.texts(3);
    // A replacement may repeat what was matched. It is looked through once, also where it is the same for all rows.
    let column = replacements.0.as_string::<i64>();
    let repeats = |text: Option<&str>| text.map_or(0, |text| text.matches(['\\', '$']).count());
    let repeats: Vec<u64> = column.iter().map(|text| repeats(text) as u64).collect();
    let each = |row: usize, matches: u64| {
        let at = Arguments::at(column, row)?;
        let kept = texts.bytes(row)?.saturating_mul(1 + repeats[at]);
        let put = replacements.bytes(row)?.saturating_mul(matches);
        Some(kept.saturating_add(put))
    };
    // Seldom is there so much that the matches have to be counted.
    let most = args.sum(|row| each(row, texts.bytes(row)? + 1));
    if most <= MOST {
        return Some(most);
    }
    let mut compiled: HashMap<(&str, &str), Option<Regex>> = HashMap::new();
    let mut bytes: u64 = 0;
    for row in 0..args.rows {
        let (Some(text), Some(pattern)) = (texts.at(row), patterns.at(row)) else {
            continue;
        };
        let flags = flags.as_ref().and_then(|flags| flags.at(row)).unwrap_or("");
        let regex = compiled
            .entry((pattern, flags))
            .or_insert_with(|| compiled_as(pattern, flags).ok());
        let Some(regex) = regex else { return None };
        let matches = match flags.contains('g') {
            true => regex.find_iter(text).count() as u64,
            false => 1,
        };
        bytes = bytes.saturating_add(each(row, matches).unwrap_or(0));
    }
    Some(bytes)
}

/// Compiles a pattern with the flags that change what it matches.
///
/// Fails if it is not a regular expression.
pub(super) fn compiled_as(pattern: &str, flags: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .ignore_whitespace(flags.contains('x'))
        .build()
}

/// `array_repeat(value, count)`.
fn repeated_values(args: &Arguments) -> Option<u64> {
    let (values, count) = (args.columns.first()?, args.counts(1)?);
    let each = (values.get_array_memory_size() / values.len().max(1)).max(8) as u64;
    Some(args.sum(|row| Some(count(row)?.saturating_mul(each))))
}

/// `array_resize(list, count [, value])`.
fn resized(args: &Arguments) -> Option<u64> {
    let count = args.counts(1)?;
    Some(args.sum(|row| Some(count(row)?.saturating_mul(8))))
}

/// `range([start,] stop [, step])` of integers.
fn series(args: &Arguments) -> Option<u64> {
    let columns = &args.columns;
    if !columns.iter().all(|arg| arg.data_type().is_integer()) {
        return None;
    }
    let integers = columns.iter().map(|arg| cast(arg, &DataType::Int64));
    let integers = integers.collect::<Result<Vec<_>, _>>().ok()?;
    let at = |arg: usize, row: usize| {
        let values = integers.get(arg)?.as_primitive::<Int64Type>();
        Some(i128::from(values.value(Arguments::at(values, row)?)))
    };
    Some(args.sum(|row| {
        let (start, stop, step) = match integers.len() {
            1 => (0, at(0, row)?, 1),
            2 => (at(0, row)?, at(1, row)?, 1),
            _ => (at(0, row)?, at(1, row)?, at(2, row)?),
        };
        let count = (stop - start).checked_div(step)?.max(0);
        u64::try_from(count).ok()?.checked_mul(8).or(Some(u64::MAX))
    }))
}

/// Returns `expr` with a bound, if it is a constant that is so long that it cannot be written out for all rows of a batch.
///
/// For places where the engine writes it out: the columns of a projection, and operands of `||`.
pub(crate) fn constant(expr: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
    // The engine's batches have no more rows than this.
    const ROWS: u64 = 8192;
    let literal = expr.downcast_ref::<Literal>()?;
    let bytes = literal.value().size() as u64;
    let inner = Arc::clone(expr);
    (bytes > MOST / ROWS).then(|| Arc::new(Constant { inner, bytes }) as _)
}

/// A constant that refuses to be written out for so many rows that it takes more than [`MOST`].
#[derive(Debug)]
struct Constant {
    inner: Arc<dyn PhysicalExpr>,
    bytes: u64,
}

impl PartialEq for Constant {
    fn eq(&self, other: &Self) -> bool {
        *self.inner == *other.inner
    }
}

impl Eq for Constant {}

impl std::hash::Hash for Constant {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl PhysicalExpr for Constant {
    fn data_type(&self, input: &Schema) -> Result<DataType> {
        self.inner.data_type(input)
    }

    fn nullable(&self, input: &Schema) -> Result<bool> {
        self.inner.nullable(input)
    }

    fn return_field(&self, input: &Schema) -> Result<FieldRef> {
        self.inner.return_field(input)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        match self.bytes.saturating_mul(batch.num_rows() as u64) > MOST {
            true => Err(Error::LongConstant.into()),
            false => self.inner.evaluate(batch),
        }
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(self)
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
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
            "array_concat([value], range(0, 5000)) FROM range(0, 8192)",
            "make_array(CAST(value AS text), repeat('x', 40000)) FROM range(0, 8192)",
            "string_to_array(repeat('a,', 17000000), ',')",
            "encode(concat(repeat('x', 20000), value), 'hex') FROM range(0, 8192)",
            "array_repeat(1, 2000000000)",
            "array_resize([1], 2000000000, 0)",
            "range(0, 10000000000)",
            "generate_series(0, 10000000000, 2)",
            "zeroblob(2000000000)",
            "replace(repeat('x', 200000), 'x', repeat('y', 200000))",
            "regexp_replace(repeat('x', 20000), 'x', repeat('y', 200000), 'g')",
            "regexp_replace(repeat('x', 200000), '(x+)', repeat('\\1', 4000))",
            "format(repeat('%1$60000s', 10000), 'x')",
            "array_to_string(range(0, 2000), repeat('x', 200000))",
            // Less than that in each of many rows.
            "repeat(CAST(value AS text), 1000000) FROM range(0, 5000)",
            "lpad(CAST(value AS text), 1000000, 'y') FROM range(0, 5000)",
            "concat(repeat('x', 1000000), CAST(value AS text)) FROM range(0, 5000)",
            "concat(value, value, repeat('x', 1000000)) FROM range(0, 5000)",
            "concat_ws(repeat('x', 1000000), value, value) FROM range(0, 5000)",
            "replace(value, value, repeat('x', 1000000)) FROM range(0, 5000)",
            "regexp_replace(value, '.', repeat('x', 1000000)) FROM range(0, 5000)",
            "json_array(repeat('x', 1000000), value) FROM range(0, 5000)",
            "array_to_string([value, value], repeat('x', 1000000)) FROM range(0, 5000)",
        ] {
            let outcome = testing::context().sql(&format!("SELECT {call}")).await;
            let outcome = match outcome {
                Ok(frame) => frame.collect().await.map(drop),
                Err(error) => Err(error),
            };
            let Err(error) = outcome else {
                panic!("{call} is not refused");
            };
            let error = error.to_string();
            assert!(error.contains(" would give more than "), "{call}: {error}");
        }
    }

    #[tokio::test]
    async fn what_is_not_too_long_is_the_engines() {
        let sql = "SELECT concat('a', NULL, 1), concat_ws('-', 'a', 'b'), array_to_string([1, NULL], ',', '?'), regexp_replace('aXbX', 'X', '[\\0]', 'g'), repeat('ab', 3), rpad('a', 3, 'y'), lpad('a', 3), rpad('a', -2, NULL), repeat('x', -1), length(repeat('x', 1000000)), range(0, 3), repeat(NULL, 5)";
        let frame = testing::context().sql(sql).await.unwrap();
        let rows = frame.collect().await.unwrap();
        let shown = datafusion::arrow::util::pretty::pretty_format_batches(&rows).unwrap();
        assert!(shown.to_string().contains("| ababab"), "{shown}");
        assert!(shown.to_string().contains("| a1 "), "{shown}");
        assert!(shown.to_string().contains("| a-b "), "{shown}");
        assert!(shown.to_string().contains("| 1,? "), "{shown}");
    }

    #[tokio::test]
    async fn matches_are_counted_where_their_number_matters() {
        // With a match at every place it would be too long.
        let sql = "SELECT length(regexp_replace(repeat('x', 100000) || value, '[0-9]+', repeat('y', 100000), 'g')) FROM range(0, 3)";
        let frame = testing::context().sql(sql).await.unwrap();
        let rows = frame.collect().await.unwrap();
        let shown = datafusion::arrow::util::pretty::pretty_format_batches(&rows).unwrap();
        assert_eq!(shown.to_string().matches("200000").count(), 3, "{shown}");
    }
}
