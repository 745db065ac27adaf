//! Objects used as text, which StackQL's users write because their objects are text.

use sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, Expr, Function, Ident, Subscript, Value,
};

use super::rule::Context;
use crate::dialect::ast::{args_mut, call, folded, function_name, is_null, taken, wrap};
use crate::dialect::shape::Shape;

/// Functions of the engine that take text in every argument.
const OF_TEXT: [&str; 12] = [
    "upper",
    "lower",
    "btrim",
    "ltrim",
    "rtrim",
    "starts_with",
    "ends_with",
    "contains",
    "regexp",
    "regexp_like",
    "regexp_substr",
    "regexp_replace",
];

/// Functions that take anything for its text.
const OF_ANYTHING: [&str; 2] = ["concat", "concat_ws"];

/// Functions that choose among their arguments, which then must be of one type.
const OF_ONE_TYPE: [&str; 5] = ["coalesce", "ifnull", "nullif", "iif", "if"];

/// Turns an object into its JSON where that is asked for: in CAST, and in `concat`, which takes anything.
///
/// ```sql
/// SELECT CAST(spec AS TEXT), spec::json, concat(spec['owner'], 'x') FROM t
/// -- becomes
/// SELECT CAST(to_text(spec) AS TEXT), to_json(spec), concat(to_text(spec['owner']), 'x') FROM t
/// ```
///
/// Knows nested columns by name, so that an object of a file or of an inner query under another name is not recognized.
pub(super) fn object_in_cast(expr: &mut Expr, context: &Context<'_>) {
    let shape = context.shape;
    match expr {
        Expr::Cast {
            expr, data_type, ..
        } if is_text_type(data_type) => as_text(expr, shape),
        Expr::Cast {
            expr: json,
            data_type: DataType::JSON | DataType::JSONB,
            ..
        } => {
            let name = match is_object(json, shape) {
                true => "to_json",
                false => "json",
            };
            let json = taken(json);
            *expr = call(name, json);
        }
        Expr::Function(function) if OF_ANYTHING.contains(&function_name(function).as_str()) => {
            args_mut(function).for_each(|arg| as_text(arg, shape));
        }
        _ => {}
    }
}

/// Turns an object into its JSON where text is wanted: in LIKE, in text functions, and beside text in COALESCE. The default
/// dialect refuses these: `spec.owner NOT LIKE 'sa-%'`, where `spec.owner.id` was meant, would find every key.
///
/// ```sql
/// SELECT 1 FROM t WHERE spec LIKE '%sa-1%' AND coalesce(spec, '{}') = upper(spec['owner'])
/// -- becomes
/// SELECT 1 FROM t WHERE to_text(spec) LIKE '%sa-1%' AND coalesce(to_text(spec), '{}') = upper(to_text(spec['owner']))
/// ```
///
/// Runs before the conditions that it looks for are put into others. Knows nested columns by name, too. `to_text` of text
/// disappears while planning.
pub(super) fn object_to_text(expr: &mut Expr, context: &Context<'_>) {
    let shape = context.shape;
    match expr {
        Expr::Like { expr, .. } | Expr::ILike { expr, .. } | Expr::SimilarTo { expr, .. } => {
            as_text(expr, shape);
        }
        Expr::Trim { expr, .. } => as_text(expr, shape),
        Expr::Function(function) => arguments(function, shape),
        _ => {}
    }
}

fn arguments(function: &mut Function, shape: &Shape) {
    let name = function_name(function);
    let mut args: Vec<&mut Expr> = args_mut(function).collect();
    if OF_TEXT.contains(&name.as_str()) {
        args.into_iter().for_each(|arg| as_text(arg, shape));
    } else if OF_ONE_TYPE.contains(&name.as_str()) {
        let choices = match name.as_str() {
            "iif" | "if" => args.split_off(args.len().min(1)),
            _ => args,
        };
        // Objects among themselves stay objects.
        if choices
            .iter()
            .any(|arg| !is_object(arg, shape) && !is_null(arg))
        {
            choices.into_iter().for_each(|arg| as_text(arg, shape));
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

fn as_text(expr: &mut Expr, shape: &Shape) {
    if is_object(expr, shape) {
        wrap("to_text", expr);
    }
}

/// Returns true for what is, or may be, an object or a list.
fn is_object(expr: &Expr, shape: &Shape) -> bool {
    let is_nested = |path: &[String]| shape.find(path).is_some_and(|field| field.is_nested());
    let is_column = |ident: &Ident| is_nested(&[folded(ident)]);
    match expr {
        Expr::Nested(expr) => is_object(expr, shape),
        Expr::Identifier(ident) => is_column(ident),
        Expr::CompoundIdentifier(idents) => idents.last().is_some_and(is_column),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let column = match root.as_ref() {
                Expr::Identifier(ident) => Some(ident),
                Expr::CompoundIdentifier(idents) => idents.last(),
                _ => None,
            };
            let Some(column) = column else {
                return false;
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
        // Whether it is one depends on the path.
        Expr::BinaryOp {
            op: BinaryOperator::Arrow,
            ..
        } => true,
        Expr::Function(function) => function_name(function) == "json_extract",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests;

    fn rewritten(predicate: &str) -> String {
        let rules = [
            "path_to_subscripts",
            "quote_fields",
            "object_in_cast",
            "object_to_text",
            "similar_to_regex",
        ];
        let text = format!("SELECT 1 FROM api_keys k WHERE {predicate}");
        let text = tests::alone_all(&rules, &text);
        text.split_once("WHERE ").unwrap().1.to_owned()
    }

    #[test]
    fn objects_become_text_where_text_is_wanted() {
        insta::assert_snapshot!(rewritten("k.spec LIKE '%x%' AND spec.owner NOT ILIKE 'x'"), @"to_text(k.spec) LIKE '%x%' AND to_text(spec['owner']) NOT ILIKE 'x'");
        insta::assert_snapshot!(rewritten("UPPER(spec) = TRIM(metadata) OR CAST(spec.resources[1] AS TEXT) = 'x'"), @"UPPER(to_text(spec)) = TRIM(to_text(metadata)) OR CAST(to_text(spec['resources'][1]) AS TEXT) = 'x'");
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
