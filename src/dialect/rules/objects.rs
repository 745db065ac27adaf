//! An object where text is wanted, which StackQL's users write because their objects are text: `spec LIKE '%sa-1%'`,
//! `upper(spec)`, `CAST(spec AS TEXT)`, `coalesce(spec, '{}')`. The object becomes `to_text(…)`, its JSON.
//!
//! One expression at a time, for [`crate::dialect::rewrite`] to call, whose paths are subscripts already. Knows our columns by
//! name; what it does not recognise as an object it leaves alone. `to_text` of text disappears while planning.

use sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, Subscript, Value,
};

use crate::dialect::rewrite::folded;
use crate::resource::columns::{self, Type};

/// Functions of the engine that take text in every argument.
const OF_TEXT: [&str; 14] = [
    "upper",
    "lower",
    "btrim",
    "ltrim",
    "rtrim",
    "concat",
    "concat_ws",
    "starts_with",
    "ends_with",
    "contains",
    "regexp",
    "regexp_like",
    "regexp_substr",
    "regexp_replace",
];

/// Functions that choose among their arguments, which then must be of one type.
const OF_ONE_TYPE: [&str; 5] = ["coalesce", "ifnull", "nullif", "iif", "if"];

/// Turns objects into text where `expr` wants text.
pub(crate) fn to_text(expr: &mut Expr) {
    match expr {
        Expr::Like { expr, .. } | Expr::ILike { expr, .. } | Expr::SimilarTo { expr, .. } => {
            as_text(expr);
        }
        Expr::Cast {
            expr, data_type, ..
        } if is_text_type(data_type) => as_text(expr),
        Expr::Cast {
            expr: json,
            data_type: DataType::JSON | DataType::JSONB,
            ..
        } => {
            let name = if is_object(json) { "to_json" } else { "json" };
            let json = std::mem::replace(json.as_mut(), Expr::Tuple(Vec::new()));
            *expr = call(name, json);
        }
        Expr::Trim { expr, .. } => as_text(expr),
        Expr::Function(function) => arguments(function),
        _ => {}
    }
}

fn arguments(function: &mut Function) {
    let name = match function.name.0.as_slice() {
        [part] => part.as_ident().map(folded).unwrap_or_default(),
        _ => return,
    };
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    let mut args: Vec<&mut Expr> = list
        .args
        .iter_mut()
        .filter_map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect();
    if OF_TEXT.contains(&name.as_str()) {
        args.into_iter().for_each(as_text);
    } else if OF_ONE_TYPE.contains(&name.as_str()) {
        let choices = match name.as_str() {
            "iif" | "if" => args.split_off(args.len().min(1)),
            _ => args,
        };
        // Objects among themselves stay objects.
        if choices.iter().any(|arg| !is_object(arg) && !is_null(arg)) {
            choices.into_iter().for_each(as_text);
        }
    }
}

fn is_text_type(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Text
            | DataType::String(_)
            | DataType::Varchar(_)
            | DataType::Char(_)
            | DataType::CharacterVarying(_)
            | DataType::Nvarchar(_)
    )
}

fn as_text(expr: &mut Expr) {
    if !is_object(expr) {
        return;
    }
    let object = std::mem::replace(expr, Expr::Tuple(Vec::new()));
    *expr = call("to_text", object);
}

/// Returns the call of the function `name` with one argument.
pub(crate) fn call(name: &str, arg: Expr) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))],
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if value.value == Value::Null)
}

/// Returns true for what is, or may be, an object or a list.
fn is_object(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(expr) => is_object(expr),
        Expr::Identifier(ident) => is_nested(&[folded(ident)]),
        Expr::CompoundIdentifier(idents) => idents
            .last()
            .is_some_and(|ident| is_nested(&[folded(ident)])),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let column = match root.as_ref() {
                Expr::Identifier(ident) => ident,
                Expr::CompoundIdentifier(idents) => match idents.last() {
                    Some(ident) => ident,
                    None => return false,
                },
                _ => return false,
            };
            let mut path = vec![folded(column)];
            for access in access_chain {
                match access {
                    AccessExpr::Subscript(Subscript::Index {
                        index: Expr::Value(value),
                    }) => match &value.value {
                        Value::SingleQuotedString(name) => path.push(name.clone()),
                        // An element of a list is found under the list's name.
                        Value::Number(..) => {}
                        _ => return false,
                    },
                    _ => return false,
                }
            }
            is_nested(&path)
        }
        // Which of them is one is known when the path is.
        Expr::BinaryOp {
            op: BinaryOperator::Arrow,
            ..
        } => true,
        Expr::Function(function) => function.name.0.last().is_some_and(|part| {
            part.as_ident()
                .is_some_and(|ident| folded(ident) == "json_extract")
        }),
        _ => false,
    }
}

fn is_nested(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    columns::find(&path).is_some_and(|column| matches!(column.ty, Type::Object(_) | Type::List(_)))
}

#[cfg(test)]
mod tests {
    use crate::dialect::rewrite;

    fn rewritten(predicate: &str) -> String {
        let text = rewrite::rewritten(&format!("SELECT 1 FROM api_keys k WHERE {predicate}"));
        text.split_once("WHERE ").unwrap().1.to_owned()
    }

    #[test]
    fn objects_become_text_where_text_is_wanted() {
        insta::assert_snapshot!(rewritten("k.spec LIKE '%x%' AND spec.owner NOT ILIKE 'x'"), @"to_text(k.spec) LIKE '%x%' AND to_text(spec['owner']) NOT ILIKE 'x'");
        insta::assert_snapshot!(rewritten("UPPER(spec) = TRIM(metadata) OR CAST(spec.resources[1] AS TEXT) = 'x'"), @"UPPER(to_text(spec)) = TRIM(to_text(metadata)) OR CAST(to_text(spec['resources'][1]) AS TEXT) = 'x'");
        insta::assert_snapshot!(rewritten("spec NOT SIMILAR TO '%x%'"), @"to_text(spec) !~ '^(?s:.*x.*)$'");
        insta::assert_snapshot!(rewritten("coalesce(spec, '{}') = iif(spec IS NULL, 'x', spec)"), @"coalesce(to_text(spec), '{}') = iif(spec IS NULL, 'x', to_text(spec))");
    }

    #[test]
    fn what_is_text_and_objects_among_themselves_stay() {
        for predicate in [
            "id LIKE 'x' AND _spec LIKE 'x' AND spec['owner']['id'] LIKE 'x'",
            "coalesce(spec['owner'], spec['resource'], NULL) IS NULL",
            "CAST(spec['owner']['id'] AS TEXT) = upper(kind)",
        ] {
            assert_eq!(rewritten(predicate), predicate);
        }
    }
}
