//! Mathematics: the functions of SQLite's "Built-In Mathematical SQL Functions", and `abs`, `round`, `sign`.
//!
//! Over text a function reads the number that the text begins with. A result that is not a number is an error, as in
//! PostgreSQL, and NULL in the dialect `stackql`, as in SQLite: `sqrt(-1)`, `ln(0)`, `mod(1, 0)`.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, ScalarUDF};

use super::error::Error;
use super::scalar::{Arity, ReturnType, RowFunction, row};
use super::value::{Value, number_prefix};

type Evaluated = Result<Value<'static>, Error>;

/// Defines a function of one float to another.
macro_rules! real_function {
    ($name:literal, $eval:expr) => {
        RowFunction::new($name, Arity::Between(1, 1), ReturnType::Real, |args| {
            let eval: fn(f64) -> f64 = $eval;
            Ok(strict(&args[0]).map(eval).map_or(Value::Null, real))
        })
    };
}

/// The functions of this module, by all of their names.
pub(crate) const NAMES: [&str; 33] = [
    "abs", "sign", "signum", "round", "ceil", "ceiling", "floor", "trunc", "mod", "pow", "power",
    "atan2", "log", "pi", "sqrt", "exp", "ln", "log10", "log2", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "degrees", "radians",
];

/// Returns the functions of this module: PostgreSQL's, and SQLite's for the dialect `stackql`.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    let two = Arity::Between(2, 2);
    let ours = all().into_iter().map(RowFunction::total).chain([
        RowFunction::new("mod", two, ReturnType::Real, modulo)
            .returning(like_the_arguments)
            .total(),
        RowFunction::new("round", Arity::Between(1, 2), ReturnType::Real, round_to),
    ]);
    let theirs = all().into_iter().chain([
        RowFunction::new("mod", two, ReturnType::Real, |args| {
            of_two(args, |x, y| x % y)
        }),
        RowFunction::new("round", Arity::Between(1, 2), ReturnType::Real, round),
    ]);
    ours.chain(theirs.map(RowFunction::of_stackql))
        .map(RowFunction::udf)
        .collect()
}

/// Returns the functions that differ in nothing but the arguments that they have no value for.
fn all() -> Vec<RowFunction> {
    let one = Arity::Between(1, 1);
    let two = Arity::Between(2, 2);
    let one_or_two = Arity::Between(1, 2);
    let real_type = ReturnType::Real;
    let pi = |_: &[Value<'_>]| -> Evaluated { Ok(Value::Real(std::f64::consts::PI)) };
    vec![
        RowFunction::new("abs", one, real_type, abs).returning(like_the_argument),
        RowFunction::new("sign", one, ReturnType::Int, sign).or(&["signum"]),
        RowFunction::new("ceil", one, real_type, |args| whole(args, f64::ceil))
            .or(&["ceiling"])
            .returning(like_the_argument),
        RowFunction::new("floor", one, real_type, |args| whole(args, f64::floor))
            .returning(like_the_argument),
        RowFunction::new("trunc", one_or_two, real_type, trunc).returning(like_the_argument),
        RowFunction::new("pow", two, real_type, |args| of_two(args, f64::powf)).or(&["power"]),
        RowFunction::new("atan2", two, real_type, |args| of_two(args, f64::atan2)),
        RowFunction::new("log", one_or_two, real_type, log),
        RowFunction::new("pi", Arity::Between(0, 0), real_type, pi),
        real_function!("sqrt", f64::sqrt),
        real_function!("exp", f64::exp),
        real_function!("ln", |x| positive(x, f64::ln)),
        real_function!("log10", |x| positive(x, f64::log10)),
        real_function!("log2", |x| positive(x, f64::log2)),
        real_function!("sin", f64::sin),
        real_function!("cos", f64::cos),
        real_function!("tan", f64::tan),
        real_function!("asin", f64::asin),
        real_function!("acos", f64::acos),
        real_function!("atan", f64::atan),
        real_function!("sinh", f64::sinh),
        real_function!("cosh", f64::cosh),
        real_function!("tanh", f64::tanh),
        real_function!("asinh", f64::asinh),
        real_function!("acosh", f64::acosh),
        real_function!("atanh", f64::atanh),
        real_function!("degrees", f64::to_degrees),
        real_function!("radians", f64::to_radians),
    ]
}

/// Returns `number`, rounded to a whole one: halves away from zero.
pub(crate) fn rounded(number: Expr) -> Expr {
    row("round", Arity::Between(1, 2), ReturnType::Real, round_to).call(vec![number])
}

/// `to_number(x)`: what arithmetic makes of text.
pub(crate) fn to_number() -> ScalarUDF {
    row(
        "to_number",
        Arity::Between(1, 1),
        ReturnType::Real,
        |args| Ok(args[0].real().map_or(Value::Null, Value::Real)),
    )
}

/// `to_integer(x)`: the same, cut to an integer.
pub(crate) fn to_integer() -> ScalarUDF {
    row(
        "to_integer",
        Arity::Between(1, 1),
        ReturnType::Int,
        |args| Ok(args[0].int().map_or(Value::Null, Value::Int)),
    )
}

/// `to_rank(x)`: the rank of text among numbers. What is not a number from end to end is greater than all of them, as NaN
/// is in DataFusion's order.
pub(crate) fn to_rank() -> ScalarUDF {
    row("to_rank", Arity::Between(1, 1), ReturnType::Real, |args| {
        Ok(Value::Real(strict(&args[0]).unwrap_or(f64::NAN)))
    })
}

/// Integers stay integers where a function leaves them as they are.
fn like_the_argument(types: &[DataType]) -> ReturnType {
    match types.first() {
        Some(data_type) if data_type.is_integer() => ReturnType::Int,
        _ => ReturnType::Real,
    }
}

/// Returns the number, but none for text that is not one from end to end.
fn strict(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Text(text) | Value::Json(text) => {
            let number = number_prefix(text);
            (!number.is_empty() && number == text.trim())
                .then(|| number.parse().ok())
                .flatten()
        }
        Value::Blob(_) => None,
        value => value.real(),
    }
}

fn real(number: f64) -> Value<'static> {
    if number.is_nan() {
        Value::Null
    } else {
        Value::Real(number)
    }
}

/// Logarithms have no value at and below 0, where Rust's is infinite or not a number.
fn positive(number: f64, logarithm: fn(f64) -> f64) -> f64 {
    if number > 0.0 {
        logarithm(number)
    } else {
        f64::NAN
    }
}

fn abs(args: &[Value<'_>]) -> Evaluated {
    Ok(match &args[0] {
        Value::Int(number) => Value::Int(number.checked_abs().ok_or(Error::Overflow("abs"))?),
        value => value
            .real()
            .map_or(Value::Null, |number| Value::Real(number.abs())),
    })
}

fn sign(args: &[Value<'_>]) -> Evaluated {
    Ok(match strict(&args[0]) {
        Some(number) if number > 0.0 => Value::Int(1),
        Some(number) if number < 0.0 => Value::Int(-1),
        Some(_) => Value::Int(0),
        None => Value::Null,
    })
}

fn round(args: &[Value<'_>]) -> Evaluated {
    let places = args.get(1).map_or(0, Value::to_int).clamp(0, 30);
    let places = usize::try_from(places).unwrap_or(0);
    Ok(match args[0].real() {
        None => Value::Null,
        // Half away from zero, where Rust's formatting rounds half to even.
        Some(number) if places == 0 => Value::Real(number.round()),
        Some(number) => {
            let rounded = fixed(number.abs(), places).parse().unwrap_or(number);
            Value::Real(rounded.copysign(number))
        }
    })
}

/// Writes `number`, which is not negative, with `places` after the point.
fn fixed(number: f64, places: usize) -> String {
    // SQLite rounds what it shows rather than what it holds: 1.005 to 1.01, although it is a little less.
    let thirds = number.log2().floor() as i64 / 3;
    let is_short = i64::try_from(places).is_ok_and(|places| places.saturating_add(thirds) < 15);
    let number = if is_short {
        number + number * 3e-16
    } else {
        number
    };
    // Ties go away from zero, where Rust breaks them to even.
    let exact = format!("{number:.*}", places + 40);
    let tail = &exact[exact.len().saturating_sub(40)..];
    let is_tie = tail.starts_with('5') && tail[1..].bytes().all(|digit| digit == b'0');
    let number = if is_tie { number.next_up() } else { number };
    format!("{number:.places$}")
}

/// As [`round`], and with negative places to the left of the point.
fn round_to(args: &[Value<'_>]) -> Evaluated {
    match (args[0].real(), args.get(1).map(Value::to_int)) {
        (Some(number), Some(places)) if places < 0 => {
            let unit = 10_f64.powi(i32::try_from(-places.max(-400)).unwrap_or(400));
            Ok(Value::Real(match unit.is_finite() {
                true => (number / unit).round() * unit,
                false => 0.0,
            }))
        }
        _ => round(args),
    }
}

/// The remainder, with the sign of the dividend: of integers exactly.
fn modulo(args: &[Value<'_>]) -> Evaluated {
    match (&args[0], &args[1]) {
        (Value::Int(_), Value::Int(0)) => Err(Error::NoValue {
            function: "mod",
            given: format!("{}, 0", args[0].to_text()),
        }),
        (Value::Int(x), Value::Int(y)) => Ok(Value::Int(x.checked_rem(*y).unwrap_or(0))),
        (x, y) if strict(x).is_some() && strict(y) == Some(0.0) => Err(Error::NoValue {
            function: "mod",
            given: format!("{}, 0", x.to_text()),
        }),
        _ => of_two(args, |x, y| x % y),
    }
}

/// Integers among themselves give an integer.
fn like_the_arguments(types: &[DataType]) -> ReturnType {
    match types.iter().all(DataType::is_integer) {
        true => ReturnType::Int,
        false => ReturnType::Real,
    }
}

/// `trunc(x [, places])`: towards zero; places before the point are negative.
fn trunc(args: &[Value<'_>]) -> Evaluated {
    let Some(places) = args.get(1) else {
        return whole(args, f64::trunc);
    };
    let places = i32::try_from(places.to_int().clamp(-400, 400)).unwrap_or_default();
    Ok(match &args[0] {
        Value::Int(number) => Value::Int(match places {
            0.. => *number,
            // Beyond the 19 digits of an integer nothing is left.
            _ => 10_i64
                .checked_pow(places.unsigned_abs())
                .map_or(0, |unit| number / unit * unit),
        }),
        value => strict(value).map_or(Value::Null, |number| real(cut(number, places))),
    })
}

/// Cuts the digits after so many places, in decimal: what is shorter is left as it is.
fn cut(number: f64, places: i32) -> f64 {
    let unit = 10_f64.powi(places.abs());
    let (scaled, back): (f64, fn(f64, f64) -> f64) = match places {
        0.. => (number * unit, |number, unit| number / unit),
        _ => (number / unit, |number, unit| number * unit),
    };
    // `0.29 * 100` falls just short of 29.
    let nearest = scaled.round();
    let whole = match (back(nearest, unit) - number).abs() <= f64::EPSILON * number.abs() {
        true => nearest,
        false => scaled.trunc(),
    };
    match unit.is_finite() && scaled.is_finite() {
        true => back(whole, unit),
        false if places > 0 => number,
        false => 0.0,
    }
}

fn whole(args: &[Value<'_>], eval: fn(f64) -> f64) -> Evaluated {
    Ok(match &args[0] {
        Value::Int(number) => Value::Int(*number),
        value => strict(value).map(eval).map_or(Value::Null, real),
    })
}

fn of_two(args: &[Value<'_>], eval: fn(f64, f64) -> f64) -> Evaluated {
    Ok(match (strict(&args[0]), strict(&args[1])) {
        (Some(x), Some(y)) => real(eval(x, y)),
        _ => Value::Null,
    })
}

/// `log(x)` to base 10, `log(base, x)`.
fn log(args: &[Value<'_>]) -> Evaluated {
    let mut numbers = args.iter().map(strict);
    let (base, number) = match (numbers.next().flatten(), numbers.next()) {
        (number, None) => (Some(10.0), number),
        (base, Some(number)) => (base, number),
    };
    let (Some(base), Some(number)) = (base, number) else {
        return Ok(Value::Null);
    };
    if base <= 1.0 || number <= 0.0 {
        return Ok(Value::Null);
    }
    // The exact ones where there are: ln(1000) / ln(10) falls just short of 3.
    Ok(real(match base {
        10.0 => number.log10(),
        2.0 => number.log2(),
        base => number.ln() / base.ln(),
    }))
}
