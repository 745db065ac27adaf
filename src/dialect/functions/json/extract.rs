//! Taking JSON apart: `json_extract`, and what `->` and `->>` mean over JSON text.
//!
//! Over a struct, a list or anything nested in them, `json_extract` with one constant path is only another spelling
//! of field access: it is replaced by `get_field` while planning, and an unknown field is an error while planning. Numbers
//! keep their type, while timestamps become text, which JSON has for them, and structs and lists become JSON. Over text
//! it reads JSON and gives SQLite's values as text, NULL where there is nothing.

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::convert::{to_json, to_text};
use super::node::Node;
use super::path::{self, Step};
use crate::dialect::functions::error::Error;
use crate::dialect::functions::nested::{self, Access};
use crate::dialect::functions::scalar::{Arity, Eval, ReturnType, RowFunction, anything, evaluate};
use crate::dialect::functions::value::{Value, json_containers_field, json_field};

/// `json_extract(json, path [, path …])`.
pub(crate) fn json_extract() -> ScalarUDF {
    ScalarUDF::new_from_impl(JsonExtract::new())
}

/// A path in dots, spelled as one for `json_extract`: to fields, and not to other members.
pub(crate) fn field_path() -> ScalarUDF {
    ScalarUDF::new_from_impl(JsonExtract {
        takes_members: false,
        ..JsonExtract::new()
    })
}

/// The name of the function that `->` stands for, and of the one for `->>`.
pub(crate) const JSON_GET: &str = "json_get";
const JSON_GET_TEXT: &str = "json_get_text";

/// The name of the function that `->` stands for in the dialect `stackql`.
pub(crate) const JSON_GET_OF_STACKQL: &str = "stackql_json_get";

/// `json_get(json, key)`, the meaning of `->` over text: JSON, also of scalars.
pub(crate) fn json_get() -> ScalarUDF {
    getting(JSON_GET, ReturnType::Json, |args| {
        get("->", args, path::of_member, json)
    })
    .udf()
}

/// `json_get(json, key)`, where a key that begins with `$` is a path, as in SQLite.
pub(crate) fn json_get_of_stackql() -> ScalarUDF {
    getting(JSON_GET, ReturnType::Json, |args| {
        get("->", args, path::of_key, json)
    })
    .of_stackql()
    .udf()
}

/// `json_get_text(json, key)`, the meaning of `->>` over text: scalars as text, the rest as JSON.
pub(crate) fn json_get_text() -> ScalarUDF {
    getting(JSON_GET_TEXT, ReturnType::TextOrJson, |args| {
        get("->>", args, path::of_member, Node::to_value)
    })
    .udf()
}

/// `json_get_text(json, key)`, where a key that begins with `$` is a path, as in SQLite.
pub(crate) fn json_get_text_of_stackql() -> ScalarUDF {
    getting(JSON_GET_TEXT, ReturnType::TextOrJson, |args| {
        get("->>", args, path::of_key, Node::to_value)
    })
    .of_stackql()
    .udf()
}

fn getting(name: &'static str, returns: ReturnType, eval: Eval) -> RowFunction {
    RowFunction::new(name, Arity::Between(2, 2), returns, eval)
}

fn json(node: &Node) -> Value<'static> {
    Value::Json(node.to_string().into())
}

fn get(
    operator: &'static str,
    args: &[Value<'_>],
    steps: fn(&str) -> Result<Vec<Step>, Error>,
    found: fn(&Node) -> Value<'static>,
) -> Result<Value<'static>, Error> {
    let steps = match &args[1] {
        Value::Int(index) => vec![path::of_index(*index)],
        key => steps(&key.to_text())?,
    };
    let node = Node::parse(operator, &args[0].to_text())?;
    Ok(node.find(&steps).map_or(Value::Null, found))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonExtract {
    signature: Signature,
    takes_members: bool,
}

const ARITY: Arity = Arity::AtLeast(2);
const NAME: &str = "json_extract";

impl JsonExtract {
    fn new() -> Self {
        Self {
            signature: anything(Volatility::Immutable),
            takes_members: true,
        }
    }

    /// Finds what `steps` lead to.
    fn resolve(&self, name: &str, data_type: &DataType, steps: &[Step]) -> Result<Access, Error> {
        match self.takes_members {
            true => nested::resolve_text(name, data_type, steps),
            false => nested::resolve(name, data_type, steps),
        }
    }
}

impl ScalarUDFImpl for JsonExtract {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    // What the call returns follows from its path, see `return_field_from_args`.
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        ARITY.check(NAME, args.arg_fields.len())?;
        let data_type = args.arg_fields[0].data_type();
        let mut accesses = Vec::new();
        for path in &args.scalar_arguments[1..] {
            if let Some(steps) = constant(*path)? {
                accesses.push(self.resolve(args.arg_fields[0].name(), data_type, &steps)?);
            }
        }
        if args.arg_fields.len() > 2 {
            return Ok(json_field(NAME));
        }
        Ok(match accesses.pop() {
            Some(Access::Typed(found)) if found.is_nested() => json_field(NAME),
            Some(Access::Typed(found)) if found.is_temporal() => {
                Field::new(NAME, DataType::Utf8, true).into()
            }
            Some(Access::Typed(found)) => Field::new(NAME, found, true).into(),
            _ => json_containers_field(NAME),
        })
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let [base, Expr::Literal(path, _)] = args.as_slice() else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let Some(mut steps) = constant(Some(path))? else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let base = nested::base(base, &mut steps);
        let data_type = info.get_data_type(base)?;
        Ok(
            match self.resolve(&nested::spelled(base), &data_type, &steps)? {
                Access::Typed(found) => {
                    let part = nested::access(base.clone(), &steps);
                    ExprSimplifyResult::Simplified(match found {
                        found if found.is_nested() => to_json().call(vec![part]),
                        found if found.is_temporal() => to_text().call(vec![part]),
                        _ => part,
                    })
                }
                Access::Text => ExprSimplifyResult::Original(args),
            },
        )
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if args.args.len() == 2
            && let ColumnarValue::Scalar(path) = &args.args[1]
            && let Some(steps) = constant(Some(path))?
            && let field = &args.arg_fields[0]
            && let Access::Typed(_) = self.resolve(field.name(), field.data_type(), &steps)?
        {
            // Constants are tried before simplification, which takes this as "not yet".
            return internal_err!("{NAME} over a struct is replaced while planning");
        }
        evaluate(NAME, &args, extract)
    }
}

/// Returns the steps of a constant path, or None if it is not constant, not text or NULL.
fn constant(path: Option<&ScalarValue>) -> Result<Option<Vec<Step>>, Error> {
    path.and_then(|path| path.try_as_str().flatten())
        .map(path::parse)
        .transpose()
}

fn extract(args: &[Value<'_>]) -> Result<Value<'static>, Error> {
    let (json, paths) = (&args[0], &args[1..]);
    if json.is_null() || paths.iter().any(Value::is_null) {
        return Ok(Value::Null);
    }
    let node = Node::parse(NAME, &json.to_text())?;
    let mut found = Vec::with_capacity(paths.len());
    for path in paths {
        found.push(node.find(&path::parse(&path.to_text())?));
    }
    match found.as_slice() {
        [one] => Ok(one.map_or(Value::Null, Node::to_value)),
        _ => {
            let all = found
                .into_iter()
                .map(|node| node.cloned().unwrap_or(Node::Null))
                .collect();
            Ok(Node::Array(all).to_value())
        }
    }
}
