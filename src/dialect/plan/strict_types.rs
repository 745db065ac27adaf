//! Strict types: values that are compared, or that form one column, must be of one class of types.
//!
//! A text literal or parameter takes the class of the value it is compared with, and all of it must be a value of that
//! class: `age_days < '90'` compares numbers, `age_days < '90 days'` is an error. A text column beside a number or a
//! boolean is an error that names CAST. So a statement never selects rows by a value that nobody wrote, as SQLite's
//! reading of text as a number would (`'90 days'` is 90 in one place, and greater than every number in another).
//!
//! A number that becomes an integer is rounded, as in PostgreSQL.
//!
//! This holds for comparisons of every kind, for arithmetic, for the arguments of functions, for what CASE and its kin
//! return, and for the columns of UNION. Text beside a date or a timestamp is converted row by row, and fails on a row
//! that does not hold one: PostgreSQL asks for a CAST there, but the answer is never another.
//!
//! The dialect `stackql` reads text as SQLite does, and skips this rule. Where text counts for a number there, the planner
//! of operators has put `to_number`, `to_integer` or `to_rank` around it.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::{Alias, Case, Cast, ScalarFunction};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Join, Limit, LogicalPlan, Operator, Projection, Subquery,
    Union, binary_expr, cast, lit,
};

use super::class::{Class, class_of};
use super::literal;
use super::numbers;
use super::tree::{compared, map_columns, map_named};
use crate::dialect::OTHER_DIALECT;
use crate::dialect::error::{Error, Place, first_column};
use crate::dialect::functions::{self, ArgumentTypes};
use crate::dialect::type_names::type_name;

/// Refuses what compares values of different classes, and reads text literals as what they are compared with.
pub(super) fn checked(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let plan = map_named(plan, |expr| {
        expr.transform_down_up(|expr| as_written(expr, &schema), |expr| read(expr, &schema))
    })?;
    plan.transform_data(|plan| match plan {
        LogicalPlan::Join(join) => keys(join),
        LogicalPlan::Union(union) => columns(union),
        LogicalPlan::Limit(limit) => counts(limit),
        LogicalPlan::Values(rows) => Ok(numbers::rows(rows)?.update_data(LogicalPlan::Values)),
        plan => Ok(Transformed::no(plan)),
    })
}

/// Takes off what the planner of operators puts around what is compared, `to_rank` around text beside a number and
/// `to_text` around a boolean beside text, so that both sides are seen as they are written.
///
/// What `||` joins to a text is `true` or `false` here, where SQLite has 1 and 0. One side has to be a text.
fn as_written(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = &mut expr else {
        return Ok(Transformed::no(expr));
    };
    let is_joined = *op == Operator::StringConcat;
    if is_joined {
        joins_text(left, right, schema)?;
    } else if !op.supports_propagation() {
        return Ok(Transformed::no(expr));
    }
    let mut changed = false;
    for side in [left, right] {
        let Expr::ScalarFunction(call) = side.as_ref() else {
            continue;
        };
        let [value] = call.args.as_slice() else {
            continue;
        };
        let is_boolean = || matches!(value.get_type(schema), Ok(DataType::Boolean));
        let written = match call.name() {
            "to_rank" if !is_joined => value.clone(),
            "to_text" if is_joined && is_boolean() => cast(value.clone(), DataType::Utf8),
            "to_text" if is_boolean() => value.clone(),
            _ => continue,
        };
        **side = written;
        changed = true;
    }
    Ok(Transformed::new_transformed(expr, changed))
}

/// Returns what the planner of operators has made text of.
fn before_to_text(expr: &Expr) -> &Expr {
    match expr {
        Expr::ScalarFunction(call) if call.name() == "to_text" => call.args.first().unwrap_or(expr),
        expr => expr,
    }
}

/// Refuses `||` unless an operand is a text, a list or an object: `1 || 2`, and `true || false`, which is OR elsewhere.
fn joins_text(left: &Expr, right: &Expr, schema: &DFSchema) -> Result<()> {
    let class = |side: &Expr| class_of(before_to_text(side), schema);
    let (one, other) = (class(left), class(right));
    let sides = [before_to_text(left), before_to_text(right)];
    if let Some(object) = sides.into_iter().find(|side| is_object(side, schema)) {
        return Err(an_object(object, "||").into());
    }
    let can_join = |class: Class| class.is_nested() || matches!(class, Class::Text | Class::Null);
    if can_join(one) || can_join(other) {
        return Ok(());
    }
    let hint = match (one, other) {
        (Class::Boolean, Class::Boolean) => "write OR between conditions".to_owned(),
        _ => format!("CAST(… AS TEXT) makes text of one of them; {OTHER_DIALECT}"),
    };
    Err(Error::of_types(format!(
        "`||` joins texts, not {} and {}",
        one.noun(),
        other.noun()
    ))
    .hint(hint)
    .near(Place::of(left).or(Place::of(right)))
    .into())
}

/// What operands have to do with one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// They are compared.
    Compared,
    /// They become values of one column.
    OneColumn,
}

fn read(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    use Relation::Compared;
    let changed = match &mut expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op:
                op @ (Operator::RegexMatch
                | Operator::RegexIMatch
                | Operator::RegexNotMatch
                | Operator::RegexNotIMatch),
            right,
        }) => {
            text(left, &op.to_string(), schema)?;
            text(right, &op.to_string(), schema)?;
            false
        }
        Expr::InSubquery(test) => beside(&mut test.expr, &mut test.subquery, schema)?,
        Expr::SetComparison(test) => beside(&mut test.expr, &mut test.subquery, schema)?,
        Expr::Case(case) => branches(case, schema)?,
        Expr::Cast(Cast { expr: value, field })
            if Class::of(field.data_type()) == Class::Time
                && let Some(text) = text_of(value)
                && !text.contains(':') =>
        {
            return Err(Error::of_types(format!("`{text}` is not a time of day"))
                .hint("times of day are written as in '10:20:30'")
                .near(Place::of(value))
                .into());
        }
        // To the engine a date is a number of days, and a time one of microseconds or less.
        Expr::Cast(Cast { expr: value, field })
            if let Ok(from) = value.get_type(schema)
                && is_made_of_units(&from, field.data_type()) =>
        {
            let (from, to) = (Class::of(&from), Class::of(field.data_type()));
            return Err(Error::of_types(format!("{} cannot become {}", from.noun(), to.noun()))
                .hint(match to {
                    Class::Number => "date_part('epoch', x) is a number of seconds, since 1970 for a date or a timestamp",
                    _ => "to_timestamp(x) reads seconds since 1970, make_date(2026, 1, 31) puts a date together",
                })
                .near(Place::of(value))
                .into());
        }
        // The engine would cut what becomes an integer.
        Expr::Cast(Cast { expr: value, field }) if field.data_type().is_integer() => match value
            .get_type(schema)
        {
            Ok(ty) if ty.is_floating() && !is_whole(value) => {
                let number = value.as_mut();
                *number = functions::rounded(number.clone());
                true
            }
            Ok(DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale)) if scale > 0 => {
                let number = value.as_mut();
                *number = cast(number.clone(), DataType::Decimal256(76, 0));
                true
            }
            _ => false,
        },
        Expr::Cast(Cast { expr: value, field })
            if let Ok(from) = value.get_type(schema)
                && has_no_cast(&from, field.data_type()) =>
        {
            let (from, to) = (type_name(&from), type_name(field.data_type()));
            return Err(Error::of_types(format!("{from} cannot become {to}"))
                .hint(match field.data_type() {
                    DataType::Boolean => "compare it with something, as in x <> 0",
                    DataType::List(_) => "ARRAY[x] is a list of one value",
                    _ => "CAST(… AS TEXT) comes before it",
                })
                .near(Place::of(value))
                .into());
        }
        // To the engine, a text is a list of that one text.
        Expr::Cast(Cast { expr: value, field })
            if Class::of(field.data_type()) == Class::List
                && class_of(value, schema) == Class::Text =>
        {
            return Err(Error::of_types("a text cannot become a list")
                .hint("write ARRAY['a', 'b'], or string_to_array(text, ',')")
                .near(Place::of(value))
                .into());
        }
        Expr::ScalarFunction(call) => {
            texts(call.name(), &call.args, schema)?;
            return arguments(call.clone(), expr, schema);
        }
        Expr::AggregateFunction(call) => {
            texts(call.func.name(), &call.params.args, schema)?;
            filter(call.params.filter.as_deref_mut(), schema)?
        }
        Expr::WindowFunction(call) => {
            texts(call.fun.name(), &call.params.args, schema)?;
            neighbour(call.fun.name(), &mut call.params.args, schema)?
                | filter(call.params.filter.as_deref_mut(), schema)?
        }
        Expr::Like(like) | Expr::SimilarTo(like) => {
            let name = if like.case_insensitive {
                "ILIKE"
            } else {
                "LIKE"
            };
            text(&like.expr, name, schema)?;
            text(&like.pattern, name, schema)?;
            false
        }
        Expr::BinaryExpr(BinaryExpr {
            left,
            op:
                op @ (Operator::Plus
                | Operator::Minus
                | Operator::Multiply
                | Operator::Divide
                | Operator::Modulo),
            right,
        }) => numbers::operands(left, *op, right, schema)?,
        expr => match compared(expr) {
            Some(mut operands) => unify(&mut operands, schema, Compared)?,
            None => false,
        },
    };
    Ok(Transformed::new_transformed(expr, changed))
}

/// Returns true for a cast of a number to a time or back, which PostgreSQL does not have.
fn is_made_of_units(from: &DataType, to: &DataType) -> bool {
    if let (DataType::List(from), DataType::List(to)) = (from, to) {
        return is_made_of_units(from.data_type(), to.data_type());
    }
    matches!(
        (Class::of(from), Class::of(to)),
        (Class::Number, Class::Date | Class::Time | Class::Timestamp)
            | (
                Class::Date | Class::Time | Class::Timestamp | Class::Interval,
                Class::Number
            )
    )
}

/// Returns true for a cast of a value to a truth value, a list or bytes that PostgreSQL does not have.
fn has_no_cast(from: &DataType, to: &DataType) -> bool {
    let class = Class::of(from);
    let is_one_value = matches!(class, Class::Number | Class::Boolean) || class.is_temporal();
    match to {
        DataType::Boolean => class == Class::Number && !from.is_integer(),
        DataType::List(_) | DataType::LargeList(_) => is_one_value,
        to => is_one_value && to.is_binary(),
    }
}

/// Returns true for a number that is a whole one already.
fn is_whole(number: &Expr) -> bool {
    matches!(number, Expr::ScalarFunction(call)
        if ["ceil", "floor", "round", "trunc"].contains(&call.name()))
}

fn branches(case: &mut Case, schema: &DFSchema) -> Result<bool> {
    let mut changed = false;
    if let Some(operand) = &mut case.expr {
        let mut compared: Vec<&mut Expr> = vec![operand.as_mut()];
        compared.extend(
            case.when_then_expr
                .iter_mut()
                .map(|(when, _)| when.as_mut()),
        );
        changed |= unify(&mut compared, schema, Relation::Compared)?;
    } else {
        for (when, _) in &mut case.when_then_expr {
            changed |= condition(when, "CASE WHEN x > 5 THEN …", schema)?;
        }
    }
    let mut results: Vec<&mut Expr> = case
        .when_then_expr
        .iter_mut()
        .map(|(_, then)| then.as_mut())
        .collect();
    results.extend(case.else_expr.as_deref_mut());
    changed |= unify(&mut results, schema, Relation::OneColumn)?;
    Ok(changed)
}

/// Reads the condition of FILTER.
fn filter(condition: Option<&mut Expr>, schema: &DFSchema) -> Result<bool> {
    match condition {
        Some(condition) => self::condition(condition, "FILTER (WHERE x > 5)", schema),
        None => Ok(false),
    }
}

/// Checks what `lag` and `lead` give where there is no row: the engine would convert it into the type of their value.
fn neighbour(name: &str, args: &mut [Expr], schema: &DFSchema) -> Result<bool> {
    let [value, _, other] = args else {
        return Ok(false);
    };
    if !matches!(name, "lag" | "lead") {
        return Ok(false);
    }
    let (Ok(wanted), Ok(given)) = (value.get_type(schema), other.get_type(schema)) else {
        return Ok(false);
    };
    let (class, other_class) = (Class::of(&wanted), Class::of(&given));
    let is_nested = class.is_nested() || other_class.is_nested();
    if is_nested && class != other_class && class != Class::Null && other_class != Class::Null {
        return Err(misfit(value, class, other, other_class, Relation::OneColumn).into());
    }
    let changed = unify(&mut [&mut *value, &mut *other], schema, Relation::OneColumn)?;
    let is_whole = |data_type: &DataType| data_type.is_integer() || data_type.is_null();
    if other_class == Class::Number && wanted.is_integer() && !is_whole(&given) {
        return Err(Error::of_types(format!(
            "the third argument of `{name}` has a fraction, and the first is an integer"
        ))
        .hint("CAST(… AS DOUBLE) makes a number with a fraction of the first")
        .near(Place::of(value))
        .into());
    }
    Ok(changed)
}

/// Reads a condition, which is a boolean; `example` has one. The engine would take any number.
fn condition(when: &mut Expr, example: &str, schema: &DFSchema) -> Result<bool> {
    let Ok(data_type) = when.get_type(schema) else {
        return Ok(false);
    };
    let class = Class::of(&data_type);
    if matches!(class, Class::Boolean | Class::Null) {
        return Ok(false);
    }
    if let Some(text) = text_of(when) {
        let value = literal::read(text, Class::Boolean, &DataType::Boolean)
            .ok_or_else(|| unread(text, Class::Boolean, &lit(true), Relation::Compared))?;
        *when = lit(value);
        return Ok(true);
    }
    Err(Error::of_types(format!(
        "expected a condition, but {}",
        subject(when, class)
    ))
    .hint(match class {
        Class::Number => format!("compare it with something, as in {example}; {OTHER_DIALECT}"),
        _ => format!("compare it with something, as in {example}"),
    })
    .near(match when {
        Expr::Literal(value, _) => Place::typed(value.to_string()),
        when => Place::of(when),
    })
    .into())
}

/// Takes from the hint of `error` that the other dialect takes it, which does not.
fn here_alone(error: DataFusionError) -> DataFusionError {
    match error {
        DataFusionError::External(error) => match error.downcast::<Error>() {
            Ok(error) => {
                let hint = (error.hint.as_ref())
                    .map(|hint| hint.replace(&format!("; {OTHER_DIALECT}"), ""));
                error.with_hint(hint).into()
            }
            Err(error) => DataFusionError::External(error),
        },
        error => error,
    }
}

/// Checks the arguments of a call; `expr` is the call as an expression.
fn arguments(mut call: ScalarFunction, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let name = call.name().to_owned();
    // What is written in digits alone is a number: `strftime('%s', x) - strftime('%s', y)`.
    let is_in_digits =
        |arg: &Expr| matches!(arg, Expr::ScalarFunction(inner) if inner.name() == "strftime");
    if name == "to_integer" && call.args.iter().all(is_in_digits) {
        return Ok(Transformed::no(expr));
    }
    if functions::counts_text(&name) {
        // The planner of operators found text where a number was wanted.
        let [text] = call.args.as_slice() else {
            return Ok(Transformed::no(expr));
        };
        return Ok(match as_number(text, schema, &Number::Operand)? {
            Some(number) => Transformed::yes(number),
            None => Transformed::no(expr),
        });
    }
    // The remainder of decimals is one, as `%` has it.
    if name == "mod"
        && let [dividend, divisor] = call.args.as_slice()
        && numbers::are_decimals(&[dividend.get_type(schema)?, divisor.get_type(schema)?])
    {
        let remainder = binary_expr(dividend.clone(), Operator::Modulo, divisor.clone());
        return Ok(Transformed::yes(remainder));
    }
    let types = call.args.iter().map(|arg| arg.get_type(schema));
    if let Ok(types) = types.collect::<Result<Vec<_>>>()
        && let Some(decimal) = functions::of_decimals(&name, &call.args, &types)
    {
        return Ok(Transformed::yes(decimal));
    }
    let mut changed = false;
    match functions::wants(&name) {
        ArgumentTypes::Anything => return Ok(Transformed::no(expr)),
        ArgumentTypes::OneClass { from, is_compared } => {
            let relation = match is_compared {
                true => Relation::Compared,
                false => Relation::OneColumn,
            };
            let mut operands: Vec<&mut Expr> = call.args.iter_mut().skip(from).collect();
            let unified = unify(&mut operands, schema, relation);
            changed |= match name.as_str() {
                "greatest" | "least" => unified.map_err(here_alone)?,
                _ => unified?,
            };
        }
        ArgumentTypes::Numbers { from } => {
            for arg in call.args.iter_mut().skip(from) {
                if let Some(number) = as_number(arg, schema, &Number::Argument(&name))? {
                    *arg = number;
                    changed = true;
                }
            }
            let wanted = functions::whole_numbers(&name).iter();
            wanted
                .filter_map(|&at| call.args.get(at))
                .try_for_each(|arg| whole(arg, &name, schema))?;
        }
        ArgumentTypes::Json => {
            if let [json, step] = call.args.as_slice() {
                json_step(json, step, schema)?;
            }
            return Ok(Transformed::no(expr));
        }
    }
    Ok(match changed {
        true => Transformed::yes(Expr::ScalarFunction(call)),
        false => Transformed::no(expr),
    })
}

/// Refuses a number that may have a fraction where the function `name` takes an integer.
fn whole(expr: &Expr, name: &str, schema: &DFSchema) -> Result<()> {
    let has_fraction = match expr.get_type(schema) {
        Ok(DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale)) => scale > 0,
        Ok(other) => other.is_floating(),
        Err(_) => false,
    };
    if !has_fraction || is_whole(expr) {
        return Ok(());
    }
    let typed = typed(expr);
    Err(Error::of_types(match &typed {
        Some(typed) => format!("`{name}` takes a whole number, but `{typed}` has a fraction"),
        None => format!("`{name}` takes a whole number, but this may have a fraction"),
    })
    .hint(format!(
        "CAST({} AS BIGINT) rounds it",
        typed.as_deref().unwrap_or("…")
    ))
    .near(match expr {
        Expr::Literal(..) => Place { typed, near: None },
        _ => Place::of(expr),
    })
    .into())
}

/// Refuses `->` and `->>` on values that are not JSON, and with keys that cannot name a part of it.
fn json_step(json: &Expr, step: &Expr, schema: &DFSchema) -> Result<()> {
    let class = class_of(json, schema);
    if !matches!(class, Class::Text | Class::Null) && !class.is_nested() {
        return Err(Error::of_types(format!(
            "`->` takes a part of JSON, but {}",
            subject(json, class)
        ))
        .hint("to_json(x) makes JSON of a value")
        .near(Place::of(json))
        .into());
    }
    let class = class_of(step, schema);
    let is_name = class == Class::Text;
    let is_position = step.get_type(schema).is_ok_and(|ty| ty.is_integer());
    if is_name || is_position || matches!(class, Class::Null | Class::Other) {
        return Ok(());
    }
    Err(Error::of_types(format!(
        "`->` must be followed by a name or a position, but {}",
        subject(step, class)
    ))
    .hint("write x -> 'name', or x -> 0 for the first element")
    .near(Place::of(step).or(Place::of(json)))
    .into())
}

/// Refuses arguments of the function `name` that are not text where it takes text alone.
fn texts(name: &str, args: &[Expr], schema: &DFSchema) -> Result<()> {
    let wanted = functions::texts(name).iter();
    wanted
        .filter_map(|&at| args.get(at))
        .try_for_each(|arg| text(arg, name, schema))
}

/// Refuses `expr` if it is a number, a boolean, a time, a list or an object: `name` takes text.
fn text(expr: &Expr, name: &str, schema: &DFSchema) -> Result<()> {
    let expr = before_to_text(expr);
    let class = class_of(expr, schema);
    if is_object(expr, schema) {
        return Err(an_object(expr, name).into());
    }
    if class == Class::List {
        return Err(
            Error::of_types(format!("`{name}` takes text, but this is a list"))
                .hint("array_to_string(x, ',') joins its elements, cardinality(x) counts them")
                .near(Place::of(expr))
                .into(),
        );
    }
    if matches!(class, Class::Null | Class::Text | Class::Other) {
        return Ok(());
    }
    let typed = typed(expr);
    let value = typed.as_deref().unwrap_or("…");
    let by_pattern = match class {
        Class::Date | Class::Timestamp => {
            format!("; to_char({value}, 'YYYY-MM-DD') writes it by a pattern")
        }
        _ => String::new(),
    };
    Err(
        Error::of_types(format!("`{name}` takes text, but {}", subject(expr, class)))
            .hint(format!(
                "CAST({value} AS TEXT) makes text of it{by_pattern}; {OTHER_DIALECT}"
            ))
            .near(match expr {
                Expr::Literal(..) => Place { typed, near: None },
                _ => Place::of(expr),
            })
            .into(),
    )
}

fn is_object(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Struct(_)))
}

/// Returns the error of an object where `name` takes text: most likely a field of it was meant.
fn an_object(expr: &Expr, name: &str) -> Error {
    let spelled = spelled(expr);
    let value = spelled.as_deref().unwrap_or("…");
    let is = match &spelled {
        Some(name) => format!("`{name}` is an object"),
        None => "this is an object".to_owned(),
    };
    Error::of_types(format!("`{name}` takes text, but {is}"))
        .hint(format!(
            "name one of its fields, as in column.field; CAST({value} AS TEXT) is its JSON; {OTHER_DIALECT}"
        ))
        .near(Place::of(expr))
}

/// What a number is wanted for.
enum Number<'a> {
    /// An operator.
    Operand,
    /// This function.
    Argument(&'a str),
}

/// Reads a text literal as a number; None if `expr` is not text.
fn as_number(expr: &Expr, schema: &DFSchema, wanted: &Number<'_>) -> Result<Option<Expr>> {
    let class = class_of(expr, schema);
    if let Number::Argument(name) = wanted
        && (matches!(class, Class::List | Class::Boolean) || class.is_temporal())
    {
        return Err(Error::of_types(format!("`{name}` takes a number, but this is {}", class.noun()))
            .hint(match class {
                Class::Date | Class::Timestamp => "date_part('year', x) takes a number out of a time, date_trunc('day', x) cuts it off",
                Class::Time | Class::Interval => "date_part('epoch', x) is the number of seconds",
                Class::Boolean => "count(*) FILTER (WHERE …) counts the rows where it is true",
                _ => "take an element, as in x[1]",
            })
            .near(Place::of(expr))
            .into());
    }
    if class != Class::Text {
        return Ok(None);
    }
    if let Some(text) = text_of(expr) {
        return match literal::number(text.trim()) {
            Some(number) => Ok(Some(lit(number))),
            None => Err(Error::of_types(format!("`{text}` is not a number"))
                .hint(match wanted {
                    Number::Operand => {
                        format!("a number was expected here, as in 90; {OTHER_DIALECT}")
                    }
                    Number::Argument(name @ ("substr" | "substring")) => format!(
                        "`{name}` takes a number, as in 90; regexp_substr(text, pattern) takes what a pattern matches"
                    ),
                    Number::Argument(name) => {
                        format!("`{name}` takes a number, as in 90; {OTHER_DIALECT}")
                    }
                })
                .near(Place::typed(text))
                .into()),
        };
    }
    let spelled = spelled(expr);
    Err(Error::of_types(match (wanted, &spelled) {
        (Number::Operand, Some(name)) => format!("`{name}` is text, but a number was expected"),
        (Number::Operand, None) => "a number was expected, but this is text".to_owned(),
        (Number::Argument(name), _) => {
            format!("`{name}` takes a number, but {}", subject(expr, class))
        }
    })
    .hint(format!(
        "CAST({} AS DOUBLE) reads it as a number, and fails on a row that does not hold one; TRY_CAST gives NULL there; {OTHER_DIALECT}",
        spelled.as_deref().unwrap_or("…")
    ))
    .near(Place::of(expr))
    .into())
}

/// Makes `operands` of one class: reads text literals, and refuses what does not fit. Returns whether any was changed.
fn unify(operands: &mut [&mut Expr], schema: &DFSchema, relation: Relation) -> Result<bool> {
    let mut types = Vec::with_capacity(operands.len());
    for operand in operands.iter() {
        match operand.get_type(schema) {
            Ok(data_type) => types.push(data_type),
            // What is wrong with it is the engine's to say; a parameter has no type yet.
            Err(_) => return Ok(false),
        }
    }
    let classes: Vec<Class> = types.iter().map(Class::of).collect();
    // The operands that are not text literals decide what the literals become.
    let typed: Vec<usize> = (0..operands.len())
        .filter(|&at| classes[at] != Class::Null && text_of(operands[at]).is_none())
        .collect();
    let Some(&first) = typed.first() else {
        return Ok(false);
    };
    let flags_as_numbers =
        relation == Relation::Compared && typed.iter().any(|&at| classes[at] == Class::Boolean);
    let mut changed = false;
    if flags_as_numbers {
        changed |= read_flags(operands, &typed);
    }
    // A timestamp decides, then whatever comes first.
    let leader = typed
        .iter()
        .copied()
        .find(|&at| classes[at] == Class::Timestamp)
        .unwrap_or(first);
    for &at in &typed {
        let (one, other) = (classes[leader], classes[at]);
        let is_flag = flags_as_numbers && is_boolean(operands[at]);
        if !is_flag && !fit(one, other, relation) {
            return Err(misfit(operands[leader], one, operands[at], other, relation).into());
        }
    }
    let of_leader = &types[leader];
    if let Some(&at) = typed
        .iter()
        .find(|&&at| !elements_fit(of_leader, &types[at]))
    {
        let (one, other) = (type_name(of_leader), type_name(&types[at]));
        return Err(Error::of_types(match relation {
            Relation::Compared => format!("cannot compare {one} with {other}"),
            Relation::OneColumn => format!("{one} and {other} cannot be values of one column"),
        })
        .hint("convert one of them with CAST, as in CAST(x AS text[])")
        .near(Place::of(operands[leader]).or(Place::of(operands[at])))
        .into());
    }
    let class = classes[leader];
    if class == Class::Text || class.is_nested() {
        return Ok(changed);
    }
    for at in 0..operands.len() {
        let Some(text) = text_of(operands[at]) else {
            continue;
        };
        let value = literal::read(text, class, &types[leader])
            .ok_or_else(|| unread(text, class, operands[leader], relation))?;
        *operands[at] = lit(value);
        changed = true;
    }
    if class == Class::Number {
        changed |= numbers::unify(operands, schema, relation == Relation::Compared);
    }
    Ok(changed)
}

/// Reads a literal that is looked for in the only column of `subquery`, and makes one type of a float and a decimal.
fn beside(expr: &mut Expr, subquery: &mut Subquery, schema: &DFSchema) -> Result<bool> {
    let data_type = &subquery.subquery.schema().field(0).data_type().clone();
    let (own, class) = (class_of(expr, schema), Class::of(data_type));
    if class == Class::Null {
        return Ok(false);
    }
    if let Some(text) = text_of(expr)
        && class != Class::Text
        && !class.is_nested()
    {
        let value = literal::read(text, class, data_type).ok_or_else(|| {
            let given = class.noun().trim_start_matches("a ");
            Error::of_types(format!("`{text}` is not {}", class.noun()))
                .hint(format!("the subquery gives {given}s"))
                .near(Place::typed(text))
        })?;
        *expr = lit(value);
        return Ok(true);
    }
    if (own, class) == (Class::Number, Class::Number) {
        let column = Expr::Column(subquery.subquery.schema().columns().remove(0));
        let mut item = column.clone();
        let within = schema.join(subquery.subquery.schema());
        let within = within.as_ref().unwrap_or(schema);
        let changed = numbers::unify(&mut [expr, &mut item], within, true);
        if item != column {
            let lists = with_type(&subquery.subquery, 0, &item.get_type(within)?)?;
            *subquery = subquery.with_plan(Arc::new(lists));
        }
        return Ok(changed);
    }
    if fit(own, class, Relation::Compared) {
        return Ok(false);
    }
    Err(Error::of_types(format!(
        "cannot compare {} with {}",
        own.noun(),
        class.noun()
    ))
    .hint("convert one of them with CAST, here or in the subquery")
    .near(Place::of(expr))
    .into())
}

/// Returns true if values of the two classes fit together.
fn fit(one: Class, other: Class, relation: Relation) -> bool {
    use Class::{Date, List, Null, Other, Text, Timestamp};
    match (one, other) {
        (one, other) if one == other => true,
        (Null | Other | List, _) | (_, Null | Other | List) => true,
        (Date, Timestamp) | (Timestamp, Date) => true,
        // Converted row by row; a row that does not hold one is an error.
        (Text, temporal) | (temporal, Text) => {
            relation == Relation::Compared && temporal.is_temporal()
        }
        _ => false,
    }
}

/// Returns true if the elements of two lists are of one class; of what are no lists both.
fn elements_fit(one: &DataType, other: &DataType) -> bool {
    let (DataType::List(one), DataType::List(other)) = (one, other) else {
        return true;
    };
    let (one, other) = (one.data_type(), other.data_type());
    fit(Class::of(one), Class::of(other), Relation::OneColumn) && elements_fit(one, other)
}

pub(super) fn misfit(
    one: &Expr,
    class: Class,
    other: &Expr,
    other_class: Class,
    relation: Relation,
) -> Error {
    let (text, rest, rest_class) = match (class, other_class) {
        (Class::Text, _) => (Some(one), other, other_class),
        (_, Class::Text) => (Some(other), one, class),
        _ => (None, other, other_class),
    };
    let message = match relation {
        Relation::Compared => {
            format!(
                "cannot compare {} with {}",
                class.noun(),
                other_class.noun()
            )
        }
        Relation::OneColumn => format!(
            "{} and {} cannot be values of one column",
            class.noun(),
            other_class.noun()
        ),
    };
    let error = Error::of_types(message);
    match text {
        Some(text) => {
            let spelled = spelled(text);
            let name = spelled.as_deref().unwrap_or("…");
            let cast = match relation {
                Relation::Compared => format!("CAST({name} AS {})", rest_class.type_name()),
                Relation::OneColumn => {
                    let rest = self::spelled(rest);
                    format!("CAST({} AS TEXT)", rest.as_deref().unwrap_or("…"))
                }
            };
            let subject = match &spelled {
                Some(name) => format!("`{name}` is text: "),
                None => String::new(),
            };
            let quotes = match rest {
                Expr::Literal(value, _) if relation == Relation::Compared => {
                    format!("; to compare text, write '{value}' in quotes")
                }
                _ => String::new(),
            };
            let elsewhere = match (rest_class, relation) {
                (Class::Number, Relation::Compared) => format!("; {OTHER_DIALECT}"),
                _ => String::new(),
            };
            error
                .hint(format!(
                    "{subject}convert it with {cast}{quotes}{elsewhere}"
                ))
                .near(Place::of(text).or(Place::of(rest)))
        }
        None => error
            .hint(match (class, other_class) {
                (Class::Interval, Class::Number) | (Class::Number, Class::Interval) => {
                    "an interval is written as INTERVAL '30 days'"
                }
                _ => "convert one of them with CAST",
            })
            .near(Place::of(one).or(Place::of(other))),
    }
}

/// Says that `text` is not a value of `class`, the class of `leader`.
fn unread(text: &str, class: Class, leader: &Expr, relation: Relation) -> Error {
    let spelled = spelled(leader);
    let is = match &spelled {
        Some(name) => format!("`{name}` is {}: ", class.noun()),
        None => String::new(),
    };
    let name = spelled.as_deref().unwrap_or("…");
    let hint = match (class, relation) {
        (Class::Number, Relation::OneColumn) => {
            format!("{is}CAST({name} AS TEXT) makes text of the number beside it")
        }
        (Class::Number, _) if spelled.is_some() => {
            format!("{is}compare it with one, as in {name} < 90; {OTHER_DIALECT}")
        }
        (Class::Number, _) => {
            format!("it is compared with a number, as in 90; {OTHER_DIALECT}")
        }
        (Class::Boolean, _) => format!("{is}write true or false"),
        (Class::Date, _) => {
            "dates are written as in '2026-01-31'; current_date - 1 is yesterday".to_owned()
        }
        (Class::Time, _) => "times of day are written as in '10:20:30'".to_owned(),
        (Class::Interval, _) => "intervals are written as in '90 days' and '2 hours'".to_owned(),
        _ => "timestamps are written as in '2026-01-31' and '2026-01-31T10:20:30Z'; now() - interval '1 day' is a day ago".to_owned(),
    };
    Error::of_types(format!("`{text}` is not {}", class.noun()))
        .hint(hint)
        .near(Place {
            typed: Some(text.to_owned()),
            near: first_column(leader),
        })
}

/// Reads the numbers 1 and 0 as true and false, as they are compared with truth values; returns whether there were any.
fn read_flags(operands: &mut [&mut Expr], typed: &[usize]) -> bool {
    let mut changed = false;
    for &at in typed {
        let flag = match &operands[at] {
            Expr::Literal(ScalarValue::Int64(Some(1)), _) => true,
            Expr::Literal(ScalarValue::Int64(Some(0)), _) => false,
            _ => continue,
        };
        *operands[at] = lit(flag);
        changed = true;
    }
    changed
}

fn is_boolean(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Boolean(Some(_)), _))
}

/// Reads the keys of a join, which are compared pair by pair.
fn keys(mut join: Join) -> Result<Transformed<LogicalPlan>> {
    let mut changed = false;
    let schema = merge_schema(&[&join.left, &join.right]);
    for (left, right) in &mut join.on {
        changed |= unify(&mut [left, right], &schema, Relation::Compared)?;
    }
    Ok(Transformed::new_transformed(
        LogicalPlan::Join(join),
        changed,
    ))
}

/// Reads the columns of a UNION, which are of one class in all of its branches.
fn columns(union: Union) -> Result<Transformed<LogicalPlan>> {
    let width = union.schema.fields().len();
    let mut inputs = union.inputs.clone();
    if inputs
        .iter()
        .any(|input| input.schema().fields().len() != width)
    {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let mut changed = false;
    for column in 0..width {
        let mut types: Vec<DataType> = inputs
            .iter()
            .map(|input| input.schema().field(column).data_type().clone())
            .collect();
        if types.iter().any(DataType::is_decimal) {
            for (input, own) in inputs.iter_mut().zip(&mut types) {
                if let LogicalPlan::Projection(projection) = input.as_ref()
                    && let Some(decimal) = numbers::decimal(&projection.expr[column])
                {
                    *own = decimal.data_type();
                    *input = Arc::new(with_value(input, column, decimal)?);
                    changed = true;
                }
            }
        }
        let classes: Vec<Class> = types.iter().map(Class::of).collect();
        let text_in = |input: &LogicalPlan| match input {
            LogicalPlan::Projection(projection) => {
                text_of(&projection.expr[column]).map(str::to_owned)
            }
            _ => None,
        };
        let texts: Vec<Option<String>> = inputs.iter().map(|input| text_in(input)).collect();
        let Some(leader) =
            (0..inputs.len()).find(|&at| classes[at] != Class::Null && texts[at].is_none())
        else {
            continue;
        };
        let class = classes[leader];
        let place = column + 1;
        // What is above the union is to see the type that its rows have: a conversion to integers rounds by it.
        if classes
            .iter()
            .all(|class| matches!(class, Class::Number | Class::Null))
            && let Some(common) = numbers::common(&types)
        {
            for (input, own) in inputs.iter_mut().zip(&types) {
                if *own != common {
                    *input = Arc::new(with_type(input, column, &common)?);
                    changed = true;
                }
            }
        }
        for (at, text) in texts.iter().enumerate() {
            if let Some(text) = text
                && class != Class::Text
                && !class.is_nested()
            {
                let value = literal::read(text, class, &types[leader]).ok_or_else(|| {
                    let noun = class.noun();
                    Error::of_types(format!("`{text}` is not {noun}"))
                        .hint(format!(
                            "column {place} of another branch is {noun}: CAST(… AS TEXT) makes text of it"
                        ))
                        .near(Place::typed(text.clone()))
                })?;
                inputs[at] = Arc::new(with_value(&inputs[at], column, value)?);
                changed = true;
            } else if !fit(class, classes[at], Relation::OneColumn)
                || !elements_fit(&types[leader], &types[at])
            {
                let (one, other) = match class == classes[at] {
                    true => (type_name(&types[leader]), type_name(&types[at])),
                    false => (class.noun().to_owned(), classes[at].noun().to_owned()),
                };
                return Err(Error::of_types(format!(
                    "column {place} of UNION is {one} in one branch and {other} in another"
                ))
                .hint("convert one of them with CAST")
                .near(Place::typed(
                    inputs[at].schema().field(column).name().clone(),
                ))
                .into());
            }
        }
    }
    let union = match changed {
        true => Union::try_new_with_loose_types(inputs)?,
        false => union,
    };
    Ok(Transformed::new_transformed(
        LogicalPlan::Union(union),
        changed,
    ))
}

/// Returns `plan` with its `column` converted to `data_type`.
fn with_type(plan: &LogicalPlan, column: usize, data_type: &DataType) -> Result<LogicalPlan> {
    map_columns(Arc::new(plan.clone()), |position, _, item| {
        match position == column {
            true => Transformed::yes(cast(item, data_type.clone())),
            false => Transformed::no(item),
        }
    })
}

/// Returns the projection `plan` with `value` in the place of the literal of `column`.
fn with_value(plan: &LogicalPlan, column: usize, value: ScalarValue) -> Result<LogicalPlan> {
    let LogicalPlan::Projection(projection) = plan else {
        return Ok(plan.clone());
    };
    let mut items = projection.expr.clone();
    let name = projection.schema.field(column).name().clone();
    items[column] = lit(value).alias(name);
    Ok(LogicalPlan::Projection(Projection::try_new(
        items,
        Arc::clone(&projection.input),
    )?))
}

/// Reads parameters of LIMIT and OFFSET, which come as text.
fn counts(mut limit: Limit) -> Result<Transformed<LogicalPlan>> {
    let mut changed = false;
    for count in [&mut limit.fetch, &mut limit.skip].into_iter().flatten() {
        let Some(text) = text_of(count) else {
            continue;
        };
        match text.trim().parse::<i64>() {
            Ok(number) => {
                **count = lit(number);
                changed = true;
            }
            Err(_) => {
                return Err(Error::of_types(format!("`{text}` is not a number of rows"))
                    .hint("LIMIT and OFFSET take an integer, as in LIMIT 10")
                    .near(Place::typed(text))
                    .into());
            }
        }
    }
    Ok(Transformed::new_transformed(
        LogicalPlan::Limit(limit),
        changed,
    ))
}

/// Returns the text of a literal or of a parameter.
fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        Expr::Alias(Alias { expr, .. }) => text_of(expr),
        _ => None,
    }
}

/// Returns an expression as it is typed, if it is a column or a part of one.
fn spelled(expr: &Expr) -> Option<String> {
    let name = match expr {
        Expr::Column(_) | Expr::OuterReferenceColumn(..) => functions::spelled(expr),
        Expr::ScalarFunction(call) if call.name() == "get_field" => functions::spelled(expr),
        Expr::Alias(Alias { expr, .. }) => return spelled(expr),
        _ => return None,
    };
    // A column without a name of its own is called after what it is made of, in the engine's words.
    name.chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
        .then_some(name)
}

/// Returns an expression as it is typed, if it is a column, a part of one or a literal.
fn typed(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(value, _) => Some(value.to_string()),
        expr => spelled(expr),
    }
}

/// Returns `value`, which is put into a column or a parameter of `data_type`, as one of that type. It stands by itself.
///
/// Fails if it is of a kind that only CAST makes one of.
pub(crate) fn assigned(value: Expr, data_type: &DataType) -> Result<Expr> {
    let schema = DFSchema::empty();
    let Ok(from) = value.get_type(&schema) else {
        return Ok(value);
    };
    let (own, class) = (Class::of(&from), Class::of(data_type));
    if let Some(text) = text_of(&value)
        && class != Class::Text
        && !class.is_nested()
    {
        let read = literal::read(text, class, data_type);
        let read = read.filter(|read| {
            class != Class::Number || !data_type.is_integer() || read.data_type().is_integer()
        });
        return read.map(lit).ok_or_else(|| {
            let wanted = match data_type.is_integer() {
                true => "an integer",
                false => class.noun(),
            };
            Error::of_types(format!("`{text}` is not {wanted}"))
                .hint(format!(
                    "a value of type {} is expected",
                    type_name(data_type)
                ))
                .near(Place::typed(text))
                .into()
        });
    }
    let is_day = |class| matches!(class, Class::Date | Class::Timestamp);
    let fits = own == class
        || own == Class::Null
        || class == Class::Text
        || is_day(own) && is_day(class)
        || own.is_nested()
        || class.is_nested() && own == Class::Text;
    if !fits {
        return Err(Error::of_types(format!(
            "{} cannot become {} here",
            own.noun(),
            class.noun()
        ))
        .hint("convert it with CAST")
        .near(Place::of(&value))
        .into());
    }
    Ok(
        match data_type.is_integer() && !from.is_integer() && own == Class::Number {
            true => functions::rounded(value),
            false => value,
        },
    )
}

/// Says what `expr` is: "`age` is a number".
fn subject(expr: &Expr, class: Class) -> String {
    match typed(expr) {
        Some(typed) => format!("`{typed}` is {}", class.noun()),
        None => format!("this is {}", class.noun()),
    }
}
