//! Scalar functions, written the short way.
//!
//! Turns a function over [`Value`]s into a DataFusion function over columns ([`RowFunction`]), and an expression with
//! placeholders into a function that is replaced while planning ([`Macro`]). Both take arguments of any type, as SQLite
//! does. The modules beside this one only write the bodies.

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};

use super::error::Error;
use super::value::{Column, Value, json_containers_field, json_field, to_array};

/// Compares functions by one field, most often the name: a name stands for one body, and bodies cannot be compared.
macro_rules! by_name {
    ($type:ident.$field:ident) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.$field == other.$field
            }
        }

        impl Eq for $type {}

        impl std::hash::Hash for $type {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.$field.hash(state);
            }
        }
    };
}
pub(crate) use by_name;

/// What an aggregate leaves to that of the engine, in its field `engine`.
macro_rules! of_the_engine {
    () => {
        fn name(&self) -> &str {
            self.engine.name()
        }

        fn signature(&self) -> &datafusion::logical_expr::Signature {
            self.engine.signature()
        }

        fn return_type(
            &self,
            types: &[datafusion::arrow::datatypes::DataType],
        ) -> datafusion::error::Result<datafusion::arrow::datatypes::DataType> {
            self.engine.return_type(types)
        }

        fn create_groups_accumulator(
            &self,
            args: datafusion::logical_expr::function::AccumulatorArgs<'_>,
        ) -> datafusion::error::Result<Box<dyn datafusion::logical_expr::GroupsAccumulator>> {
            self.engine.create_groups_accumulator(args)
        }
    };
}
pub(crate) use of_the_engine;

/// The body of a function: one row's arguments to one value.
pub(crate) type Eval = fn(&[Value<'_>]) -> Result<Value<'static>, Error>;

/// How many arguments a function takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arity {
    /// So many, both ends included.
    Between(usize, usize),
    /// So many or more.
    AtLeast(usize),
    /// Pairs: an even number, or none.
    Even,
    /// One, and pairs after it.
    Odd,
}

impl Arity {
    fn takes(self, count: usize) -> bool {
        match self {
            Self::Between(least, most) => (least..=most).contains(&count),
            Self::AtLeast(least) => count >= least,
            Self::Even => count.is_multiple_of(2),
            Self::Odd => !count.is_multiple_of(2),
        }
    }

    fn in_words(self) -> String {
        match self {
            Self::Between(1, 1) => "one argument".to_owned(),
            Self::Between(least, most) if least == most => format!("{least} arguments"),
            Self::Between(least, most) => format!("{least} to {most} arguments"),
            Self::AtLeast(1) => "at least one argument".to_owned(),
            Self::AtLeast(least) => format!("at least {least} arguments"),
            Self::Even => "an even number of arguments".to_owned(),
            Self::Odd => "an odd number of arguments".to_owned(),
        }
    }

    /// Checks a call of `function` with `given` arguments.
    pub(crate) fn check(self, function: &'static str, given: usize) -> Result<(), Error> {
        if self.takes(given) {
            Ok(())
        } else {
            Err(Error::Arguments {
                function,
                expected: self.in_words(),
                given,
            })
        }
    }
}

/// Returns a signature that takes any number of arguments of any type, so that what is wrong with them can be said in
/// our own words.
pub(crate) fn anything(volatility: Volatility) -> Signature {
    let signatures = vec![TypeSignature::Nullary, TypeSignature::VariadicAny];
    Signature::new(TypeSignature::OneOf(signatures), volatility)
}

/// What a function returns.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Returns {
    /// One type, whatever the arguments.
    Type(ReturnType),
    /// A type that follows from the arguments'.
    Of(fn(&[DataType]) -> ReturnType),
}

impl Returns {
    fn of(self, arg_types: &[DataType]) -> ReturnType {
        match self {
            Self::Type(returns) => returns,
            Self::Of(returns) => returns(arg_types),
        }
    }
}

/// The types that functions here return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReturnType {
    /// Utf8.
    Text,
    /// Utf8, always JSON.
    Json,
    /// Utf8, JSON where it is an array or an object.
    TextOrJson,
    /// Int64.
    Int,
    /// Float64.
    Real,
    /// Boolean.
    Bool,
}

impl ReturnType {
    fn field(self, name: &str) -> FieldRef {
        let data_type = match self {
            Self::Json => return json_field(name),
            Self::TextOrJson => return json_containers_field(name),
            Self::Text => DataType::Utf8,
            Self::Int => DataType::Int64,
            Self::Real => DataType::Float64,
            Self::Bool => DataType::Boolean,
        };
        Field::new(name, data_type, true).into()
    }
}

/// Finds the expression that does the same as a call, if there is one.
pub(crate) type Shortcut = fn(&[Expr], &SimplifyContext) -> Result<Option<Expr>>;

/// A function that looks at one row at a time.
#[derive(Debug)]
pub(crate) struct RowFunction {
    /// What errors call it.
    name: &'static str,
    /// What it is registered as.
    registered: String,
    /// Whether it is called for a NULL, too, rather than being NULL.
    takes_null: bool,
    is_total: bool,
    aliases: Vec<String>,
    arity: Arity,
    signature: Signature,
    returns: Returns,
    eval: Eval,
    shortcut: Option<Shortcut>,
}

/// Returns a function of one row whose value follows from its arguments alone, and is NULL if one of them is.
pub(crate) fn row(name: &'static str, arity: Arity, returns: ReturnType, eval: Eval) -> ScalarUDF {
    RowFunction::new(name, arity, returns, eval).udf()
}

/// Returns the same, except that `eval` says what it makes of NULLs.
pub(crate) fn row_with_null(
    name: &'static str,
    arity: Arity,
    returns: ReturnType,
    eval: Eval,
) -> ScalarUDF {
    RowFunction::new(name, arity, returns, eval)
        .taking_null()
        .udf()
}

impl RowFunction {
    /// Defines a function whose value follows from its arguments alone, and is NULL if one of them is.
    pub(crate) fn new(name: &'static str, arity: Arity, returns: ReturnType, eval: Eval) -> Self {
        Self {
            name,
            registered: name.to_owned(),
            takes_null: false,
            is_total: false,
            aliases: Vec::new(),
            arity,
            signature: anything(Volatility::Immutable),
            returns: Returns::Type(returns),
            eval,
            shortcut: None,
        }
    }

    /// Lets the type follow from the arguments'.
    pub(crate) fn returning(self, returns: fn(&[DataType]) -> ReturnType) -> Self {
        Self {
            returns: Returns::Of(returns),
            ..self
        }
    }

    /// Replaces calls while planning where `shortcut` finds something simpler of the same type.
    pub(crate) fn shortcut(self, shortcut: Shortcut) -> Self {
        Self {
            shortcut: Some(shortcut),
            ..self
        }
    }

    /// Lets its body say what it makes of NULLs.
    pub(crate) fn taking_null(self) -> Self {
        Self {
            takes_null: true,
            ..self
        }
    }

    /// Adds other names.
    pub(crate) fn or(self, aliases: &[&str]) -> Self {
        Self {
            aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
            ..self
        }
    }

    /// Makes it an error, as PostgreSQL does, where there is no value though no argument is NULL.
    pub(crate) fn total(self) -> Self {
        Self {
            is_total: true,
            ..self
        }
    }

    /// Makes it the function of this name in the dialect `stackql`.
    pub(crate) fn of_stackql(self) -> Self {
        let prefixed = |name: &str| format!("stackql_{name}");
        Self {
            registered: prefixed(self.name),
            aliases: self.aliases.iter().map(|name| prefixed(name)).collect(),
            ..self
        }
    }

    /// Makes it a DataFusion function.
    pub(crate) fn udf(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(self)
    }
}

by_name!(RowFunction.registered);

impl ScalarUDFImpl for RowFunction {
    fn name(&self) -> &str {
        &self.registered
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.arity.check(self.name, arg_types.len())?;
        Ok(self
            .returns
            .of(arg_types)
            .field(self.name)
            .data_type()
            .clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<_> = args
            .arg_fields
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        self.arity.check(self.name, types.len())?;
        Ok(self.returns.of(&types).field(self.name))
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let simpler = match self.shortcut {
            Some(shortcut) => shortcut(&args, info)?,
            None => None,
        };
        Ok(match simpler {
            Some(expr) => ExprSimplifyResult::Simplified(expr),
            None => ExprSimplifyResult::Original(args),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        evaluate(self.name, &args, |values| {
            match !self.takes_null && values.iter().any(Value::is_null) {
                true => Ok(Value::Null),
                false if self.is_total => valued(self.name, values, self.eval),
                false => (self.eval)(values),
            }
        })
    }
}

/// Evaluates `eval`, and fails where it has no value for `values`, of which none is NULL, or none that is finite though all
/// of them are. Of NaN it is NaN where it has no other value.
fn valued(name: &'static str, values: &[Value<'_>], eval: Eval) -> Result<Value<'static>, Error> {
    let value = eval(values)?;
    let real = |value: &Value<'_>| match value {
        Value::Real(number) => Some(*number),
        _ => None,
    };
    let is_missing = match &value {
        Value::Null if values.iter().filter_map(real).any(f64::is_nan) => {
            return Ok(Value::Real(f64::NAN));
        }
        Value::Null => true,
        Value::Real(number) if number.is_infinite() => {
            values.iter().filter_map(real).all(f64::is_finite)
        }
        _ => false,
    };
    match is_missing {
        true => Err(Error::NoValue {
            function: name,
            given: (values.iter().filter_map(Value::text).collect::<Vec<_>>()).join(", "),
        }),
        false => Ok(value),
    }
}

/// Prepares the arguments of a call.
///
/// Fails as [`Column::try_new`] does.
pub(crate) fn columns(args: &ScalarFunctionArgs) -> Result<Vec<Column>> {
    let fields = args.args.iter().zip(&args.arg_fields);
    fields
        .map(|(value, field)| Column::try_new(value, field))
        .collect()
}

/// Evaluates `eval`, the body of `function`, over the rows of `args`, or once if they are all constants.
pub(crate) fn evaluate(
    function: &'static str,
    args: &ScalarFunctionArgs,
    eval: impl Fn(&[Value<'_>]) -> Result<Value<'static>, Error>,
) -> Result<ColumnarValue> {
    let columns = columns(args)?;
    let constant = args
        .args
        .iter()
        .all(|value| matches!(value, ColumnarValue::Scalar(_)));
    let rows = if constant { 1 } else { args.number_rows };
    let values = (0..rows).map(|row| {
        let values: Vec<_> = columns.iter().map(|column| column.value(row)).collect();
        eval(&values)
    });
    let array = to_array(function, values, args.return_field.data_type())?;
    if constant {
        Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
            &array, 0,
        )?))
    } else {
        Ok(ColumnarValue::Array(array))
    }
}

/// A function that stands for an expression, and is replaced by it while planning.
///
/// What it stands for is checked, folded and pushed down as if it had been typed.
#[derive(Debug)]
pub(crate) struct Macro {
    name: &'static str,
    aliases: Vec<String>,
    arity: Arity,
    signature: Signature,
    coerce: fn(&[DataType]) -> Result<Vec<DataType>>,
    returns: fn(&[DataType]) -> DataType,
    expand: fn(Vec<Expr>) -> Result<Expr>,
}

impl Macro {
    /// Defines a function by what it stands for. It takes arguments as they are, and its value is of the type of the first.
    pub(crate) fn new(
        name: &'static str,
        arity: Arity,
        expand: fn(Vec<Expr>) -> Result<Expr>,
    ) -> Self {
        let signatures = vec![TypeSignature::Nullary, TypeSignature::UserDefined];
        let signature = Signature::new(TypeSignature::OneOf(signatures), Volatility::Immutable);
        Self {
            name,
            aliases: Vec::new(),
            arity,
            signature,
            coerce: |types| Ok(types.to_vec()),
            returns: |types| types[0].clone(),
            expand,
        }
    }

    /// Says which types it wants its arguments in.
    pub(crate) fn taking(self, coerce: fn(&[DataType]) -> Result<Vec<DataType>>) -> Self {
        Self { coerce, ..self }
    }

    /// Says which type its value is of, by those of its arguments.
    pub(crate) fn returning(self, returns: fn(&[DataType]) -> DataType) -> Self {
        Self { returns, ..self }
    }

    /// Makes text of all of its arguments, and of its value.
    pub(crate) fn of_text(self) -> Self {
        self.taking(|types| Ok(vec![DataType::Utf8; types.len()]))
            .returning(|_| DataType::Utf8)
    }

    /// Adds other names.
    pub(crate) fn or(self, aliases: &[&str]) -> Self {
        Self {
            aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
            ..self
        }
    }

    /// Makes it a DataFusion function.
    pub(crate) fn udf(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(self)
    }
}

by_name!(Macro.name);

impl ScalarUDFImpl for Macro {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        // What is wrong with the number is said by `return_type`, where it is not buried.
        if self.arity.takes(arg_types.len()) {
            (self.coerce)(arg_types)
        } else {
            Ok(arg_types.to_vec())
        }
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.arity.check(self.name, arg_types.len())?;
        Ok((self.returns)(arg_types))
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(ExprSimplifyResult::Simplified((self.expand)(args)?))
    }

    // Constants are tried before simplification, which takes this as "not yet".
    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{} is replaced while planning", self.name)
    }
}
