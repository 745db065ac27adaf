//! Nested access: `spec.owner.id`, `spec['owner']['id']`, `spec -> 'owner' ->> 'id'`, `json_extract(spec, '$.owner.id')`.
//!
//! Turns all four spellings, over a struct, into `get_field(spec, 'owner', 'id')`, and a step into a list into
//! `array_element`, so that they mean the same and are pushed down alike. Lists count from 0 under `->` and in paths.
//! What is not a struct or a list is JSON text, and goes to `json::extract`. An unknown field is an error
//! while planning, which names the fields that exist.
//!
//! Objects that carry their JSON (`source_json`) may have members that are not fields. Dots and brackets take fields alone;
//! `->`, `->>` and `json_extract` take a single value from its field, and anything else from the JSON; the text of a date or a
//! time, too.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Column, DFSchema, ScalarValue, TableReference};
use datafusion::error::Result;
use datafusion::functions::core::get_field;
use datafusion::functions_nested::expr_fn::array_element;
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr,
};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::error::Error;
use super::json::convert::{to_json, to_text};
use super::json::extract::{
    JSON_GET, JSON_GET_OF_STACKQL, field_path, json_get, json_get_of_stackql, json_get_text,
    json_get_text_of_stackql,
};
use super::json::path::{self, Step};
use crate::dialect::source_json;

/// Plans nested access.
#[derive(Debug)]
pub(crate) struct NestedPlanner;

impl ExprPlanner for NestedPlanner {
    fn plan_binary_op(
        &self,
        raw: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let as_text = match raw.op {
            BinaryOperator::Arrow => false,
            BinaryOperator::LongArrow => true,
            _ => return Ok(PlannerResult::Original(raw)),
        };
        let RawBinaryExpr { left, right, .. } = raw;
        // A path is written in the dialect `stackql` alone: `rules::sqlite` refuses it in the other.
        let get = match (as_text, is_path(&right)) {
            (false, false) => json_get(),
            (false, true) => json_get_of_stackql(),
            (true, false) => json_get_text(),
            (true, true) => json_get_text_of_stackql(),
        };
        if let Some(mut steps) = constant_key(&right, path::of_key)? {
            let base = base(&left, &mut steps);
            // A parameter has no type yet; it can only become text.
            let data_type = match base {
                Expr::Placeholder(_) => DataType::Utf8,
                base => base.get_type(schema)?,
            };
            let found = match as_text {
                false => resolve_json(&spelled(base), &data_type, &steps)?,
                true => resolve_text(&spelled(base), &data_type, &steps)?,
            };
            let Access::Typed(found) = found else {
                return Ok(PlannerResult::Planned(get.call(vec![left, right])));
            };
            let part = access(base.clone(), &steps);
            return Ok(PlannerResult::Planned(match as_text {
                false => part,
                true if found.is_nested() => to_json().call(vec![part]),
                true => to_text().call(vec![part]),
            }));
        }
        Ok(PlannerResult::Planned(get.call(vec![left, right])))
    }

    // Only the errors are ours: DataFusion plans what exists.
    fn plan_field_access(
        &self,
        raw: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        if let GetFieldAccess::NamedStructField { name } = &raw.field_access
            && let Some(name) = name.try_as_str().flatten()
        {
            let steps = [Step::Field(name.to_owned())];
            resolve(&spelled(&raw.expr), &raw.expr.get_type(schema)?, &steps)?;
        }
        Ok(PlannerResult::Original(raw))
    }

    // An error returned here would be swallowed, so a path that does not exist is left to a function to refuse.
    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let steps: Vec<_> = nested_names.iter().cloned().map(Step::Field).collect();
        if !field.data_type().is_nested()
            || resolve(field.name(), field.data_type(), &steps).is_ok()
        {
            return Ok(PlannerResult::Original(Vec::new()));
        }
        let mut path = "$".to_owned();
        nested_names
            .iter()
            .for_each(|name| path::push_member(&mut path, name));
        let column = Expr::Column(Column::from((qualifier, &Arc::new(field.clone()))));
        Ok(PlannerResult::Planned(
            field_path().call(vec![column, lit(path)]),
        ))
    }
}

/// What steps lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    /// A part of this type.
    Typed(DataType),
    /// Text, or something that only its JSON can answer for.
    Text,
}

/// Finds the type that `steps` lead to from `data_type`, which `name` is known by.
///
/// Fails on a field that a struct does not have, and on a step into something without such parts. JSON text is not
/// looked into.
pub(crate) fn resolve(name: &str, data_type: &DataType, steps: &[Step]) -> Result<Access, Error> {
    if !matches!(
        data_type,
        DataType::Struct(_)
            | DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
    ) {
        return Ok(Access::Text);
    }
    let root = name;
    let mut place = name.to_owned();
    let mut here = data_type;
    for step in steps {
        match (here, step) {
            (DataType::Struct(fields), Step::Field(name)) => match fields.find(name) {
                Some((_, field)) => here = field.data_type(),
                None => {
                    return Err(Error::UnknownField {
                        field: name.clone(),
                        parent: place,
                        known: known(fields),
                        json: source_json::is_in(data_type).then(|| in_json(root, steps)),
                    });
                }
            },
            (
                DataType::List(field)
                | DataType::LargeList(field)
                | DataType::FixedSizeList(field, _),
                Step::Index(_) | Step::FromEnd(_),
            ) => here = field.data_type(),
            _ => {
                return Err(Error::NoParts {
                    step: described(step),
                    parent: place,
                    is: kind(here).to_owned(),
                });
            }
        }
        if let Step::Field(_) = step {
            place.push('.');
        }
        place.push_str(&described(step));
    }
    Ok(Access::Typed(here.clone()))
}

/// Finds the type that `steps` lead to for a function over JSON: the same, except that only the fields of an object that
/// carries its JSON are typed which hold a single value.
///
/// # Errors
///
/// Fails as [`resolve`] does, for what does not carry its JSON.
fn resolve_json(name: &str, data_type: &DataType, steps: &[Step]) -> Result<Access, Error> {
    let found = resolve(name, data_type, steps);
    if !source_json::is_in(data_type) {
        return found;
    }
    Ok(match found {
        Ok(Access::Typed(found)) if !found.is_nested() => Access::Typed(found),
        _ => Access::Text,
    })
}

/// Finds the type that `steps` lead to for a function that takes text out of JSON: the same, except that a date or a time
/// of an object that carries its JSON is the text that stands there. Its field may show it in another way, or as NULL.
///
/// As [`resolve`], for what does not carry its JSON.
pub(crate) fn resolve_text(
    name: &str,
    data_type: &DataType,
    steps: &[Step],
) -> Result<Access, Error> {
    Ok(match resolve_json(name, data_type, steps)? {
        Access::Typed(found) if found.is_temporal() && source_json::is_in(data_type) => {
            Access::Text
        }
        found => found,
    })
}

/// Returns what a chain of `->` with constant keys begins with, and puts its keys before `steps`.
pub(crate) fn base<'e>(expr: &'e Expr, steps: &mut Vec<Step>) -> &'e Expr {
    if let Expr::ScalarFunction(call) = expr
        && let Some(read) = match call.name() {
            JSON_GET => Some(path::of_member as ReadKey),
            JSON_GET_OF_STACKQL => Some(path::of_key as ReadKey),
            _ => None,
        }
        && let [object, key] = call.args.as_slice()
        && let Ok(Some(mut before)) = constant_key(key, read)
    {
        before.append(steps);
        *steps = before;
        return base(object, steps);
    }
    expr
}

/// Returns the expression that takes `steps`, which [`resolve`] has found to be possible, from `base`.
pub(crate) fn access(base: Expr, steps: &[Step]) -> Expr {
    steps.iter().fold(base, |expr, step| match step {
        Step::Field(name) => get_field().call(vec![expr, lit(name.as_str())]),
        // `array_element` counts from 1, and from the end with negative numbers.
        Step::Index(index) => array_element(expr, lit(position(*index).saturating_add(1))),
        Step::FromEnd(0) => array_element(expr, lit(0_i64)),
        Step::FromEnd(back) => array_element(expr, lit(-position(*back))),
    })
}

/// Returns what takes `steps` from the JSON that the object `root` carries.
fn in_json(root: &str, steps: &[Step]) -> String {
    let mut text = root.to_owned();
    for (position, step) in steps.iter().enumerate() {
        let arrow = if position + 1 == steps.len() {
            "->>"
        } else {
            "->"
        };
        let key = match step {
            Step::Field(name) => format!("'{}'", name.replace('\'', "''")),
            step => described(step),
        };
        text.push_str(&format!(" {arrow} {key}"));
    }
    text
}

fn known(fields: &Fields) -> Vec<String> {
    let fields = fields.iter().filter(|field| !source_json::is_source(field));
    fields.map(|field| field.name().clone()).collect()
}

fn position(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

/// How the text of a key is read.
type ReadKey = fn(&str) -> Result<Vec<Step>, Error>;

fn is_path(key: &Expr) -> bool {
    matches!(key, Expr::Literal(key, _) if key.try_as_str().flatten().is_some_and(path::is_path))
}

fn constant_key(key: &Expr, read: ReadKey) -> Result<Option<Vec<Step>>, Error> {
    let Expr::Literal(key, _) = key else {
        return Ok(None);
    };
    if let Some(name) = key.try_as_str() {
        return name.map(read).transpose();
    }
    Ok(match key {
        ScalarValue::Int64(Some(index)) => Some(vec![path::of_index(*index)]),
        _ => None,
    })
}

/// Returns access as it is usually typed, `spec.owner`, for messages.
pub(crate) fn spelled(expr: &Expr) -> String {
    match expr {
        Expr::Column(column) | Expr::OuterReferenceColumn(_, column) => column.name.clone(),
        Expr::ScalarFunction(call) if call.func == get_field() => {
            let parts: Vec<_> = call
                .args
                .iter()
                .map(|arg| match arg {
                    Expr::Literal(name, _) => name.to_string(),
                    base => spelled(base),
                })
                .collect();
            parts.join(".")
        }
        other => other.schema_name().to_string(),
    }
}

fn described(step: &Step) -> String {
    match step {
        Step::Field(name) => name.clone(),
        Step::Index(index) => format!("[{index}]"),
        Step::FromEnd(0) => "[#]".to_owned(),
        Step::FromEnd(back) => format!("[#-{back}]"),
    }
}

fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Struct(_) => "a struct",
        nested if nested.is_nested() => "a list",
        DataType::Timestamp(..) => "a timestamp",
        text if text.is_string() => "text",
        _ => "a single value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::functions::testing::{column, error, optimized_filter};

    #[tokio::test]
    async fn four_spellings_are_one_expression() {
        let spellings = [
            "spec.owner.id",
            "spec['owner']['id']",
            "(spec -> 'owner' ->> 'id')",
            "(spec ->> '$.owner.id')",
            "json_extract(spec, '$.owner.id')",
            "json_extract(spec -> 'owner', '$.id')",
        ];
        for spelling in spellings {
            let filter = optimized_filter(&format!("{spelling} = 'sa-1'")).await;
            assert_eq!(
                filter, "get_field(api_keys.spec, Utf8(\"owner\"), Utf8(\"id\")) = Utf8(\"sa-1\")",
                "{spelling}"
            );
            let found = column(&format!("SELECT {spelling} FROM api_keys")).await;
            assert_eq!(found, ["sa-1", "u-2", "NULL"], "{spelling}");
        }
    }

    #[tokio::test]
    async fn lists_count_from_0_and_from_the_end() {
        for (expression, expected) in [
            ("spec -> 'resources' -> 0 ->> 'id'", "lkc-1"),
            ("spec -> 'resources' -> -1 ->> 'id'", "lkc-2"),
            ("json_extract(spec, '$.resources[1].id')", "lkc-2"),
            ("json_extract(spec, '$.resources[#-2].id')", "lkc-1"),
            ("json_extract(spec, '$.resources[#].id')", "NULL"),
            ("json_extract(spec.resources, '$[0].id')", "lkc-1"),
        ] {
            let found = column(&format!("SELECT {expression} FROM api_keys")).await;
            assert_eq!(found, [expected, "NULL", "NULL"], "{expression}");
        }
    }

    #[tokio::test]
    async fn text_of_a_part_is_what_json_would_hold() {
        for (expression, expected) in [
            ("metadata ->> 'created_at'", "2026-01-03T04:05:06.811920Z"),
            (
                "json_extract(metadata, '$.created_at')",
                "2026-01-03T04:05:06.811920Z",
            ),
            (
                "coalesce(json_extract(metadata, '$.deleted_at'), 'never')",
                "never",
            ),
            ("spec ->> 'description'", "naïve \"key\""),
            ("spec -> 'resource' ->> 'related'", "NULL"),
            (
                "spec ->> 'owner'",
                r#"{"id":"sa-1","environment":null,"related":null,"resource_name":null,"api_version":null,"kind":"ServiceAccount"}"#,
            ),
            ("_spec ->> 'display_name'", "ci"),
            ("_spec -> 'display_name'", "\"ci\""),
            ("_spec -> 'owner' ->> 'id'", "sa-1"),
            ("_spec ->> '$.resources[#-1].id'", "lkc-2"),
            ("_spec -> 'resources' -> 0", r#"{"id":"lkc-1"}"#),
            ("_spec ->> 'nothing'", "NULL"),
        ] {
            let found = column(&format!("SELECT {expression} FROM api_keys LIMIT 1")).await;
            assert_eq!(found, [expected], "{expression}");
        }
    }

    #[tokio::test]
    async fn an_unknown_field_names_itself_and_the_nearest_one() {
        for expression in [
            "spec.owner.ip",
            "spec['owner']['ip']",
            "spec -> 'owner' ->> 'ip'",
            "json_extract(spec, '$.owner.ip')",
            "json_extract(spec, '$.owner.ip', '$.owner.id')",
        ] {
            let error = error(&format!("SELECT {expression} FROM api_keys")).await;
            let message = error.to_string();
            assert!(
                message.starts_with("no field `ip` in `"),
                "{expression}: {message}"
            );
            assert_eq!(
                error.hint().as_deref(),
                Some("did you mean `id`?"),
                "{expression}"
            );
        }
    }

    #[tokio::test]
    async fn a_step_into_something_without_parts_says_what_is_there() {
        let list = error("SELECT spec -> 'resources' ->> 'id' FROM api_keys").await;
        assert_eq!(
            list.to_string(),
            "cannot take `id` of `spec.resources`, which is a list"
        );
        let text = error("SELECT json_extract(spec, '$.display_name.x') FROM api_keys").await;
        assert_eq!(
            text.to_string(),
            "cannot take `x` of `spec.display_name`, which is text"
        );
    }

    #[test]
    fn text_is_not_looked_into() {
        let steps = [Step::Field("x".to_owned())];
        assert_eq!(resolve("_spec", &DataType::Utf8, &steps), Ok(Access::Text));
    }
}
