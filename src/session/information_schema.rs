//! Types in `information_schema` by the names that they have in DESCRIBE, in `\d` and in messages.
//!
//! The engine's tables name the types of Arrow. Where a plan reads one of them, a projection over it translates. Pure.

use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{AsArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::information_schema::INFORMATION_SCHEMA;
use datafusion::common::Column;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, Projection, ScalarUDF, TableScan, Volatility, create_udf,
};
use datafusion::optimizer::AnalyzerRule;

use crate::dialect::type_names::type_name;

/// The column of `columns`, `routines` and `parameters` that names a type.
const DATA_TYPE: &str = "data_type";

/// Translates the types where a plan reads `information_schema`.
#[derive(Debug)]
pub(super) struct TypeNames;

impl AnalyzerRule for TypeNames {
    fn name(&self) -> &str {
        "type_names"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|plan| match &plan {
            LogicalPlan::TableScan(scan) if names_types(scan) => {
                Ok(Transformed::yes(translated(plan)?))
            }
            _ => Ok(Transformed::no(plan)),
        })?;
        Ok(plan.data)
    }
}

fn names_types(scan: &TableScan) -> bool {
    let fields = scan.projected_schema.fields();
    scan.table_name.schema() == Some(INFORMATION_SCHEMA)
        && fields.iter().any(|field| field.name() == DATA_TYPE)
}

fn translated(scan: LogicalPlan) -> Result<LogicalPlan> {
    let columns = scan.schema().columns();
    let expressions = columns
        .into_iter()
        .map(|column| match column.name.as_str() {
            DATA_TYPE => {
                let Column { relation, name, .. } = column.clone();
                let translated = TRANSLATE.call(vec![Expr::Column(column)]);
                translated.alias_qualified(relation, name)
            }
            _ => Expr::Column(column),
        });
    let projection = Projection::try_new(expressions.collect(), Arc::new(scan))?;
    Ok(LogicalPlan::Projection(projection))
}

/// Returns the plain name of the type that Arrow or the engine calls `name`. Whatever is none stays, such as a name that
/// is plain already.
fn plain(name: &str) -> String {
    if let Ok(ty) = DataType::from_str(name) {
        return type_name(&ty);
    }
    // Arrow does not read all that it writes, and the engine has names of its own for what functions return.
    let (head, inner) = name.split_once('(').unwrap_or((name, ""));
    let known = match head {
        "Struct" | "Map" => "object",
        "String" => "text",
        "Date" => "date",
        "Time" => "time",
        "Decimal" => "number",
        "List" | "LargeList" => {
            let inner = inner.strip_suffix(')').unwrap_or(inner);
            return format!("list of {}", plain(inner.trim_start_matches("non-null ")));
        }
        _ => name,
    };
    known.to_owned()
}

/// [`plain`], for plans.
static TRANSLATE: LazyLock<ScalarUDF> = LazyLock::new(|| {
    create_udf(
        "type_name",
        vec![DataType::Utf8],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(|arguments: &[ColumnarValue]| {
            let arrays = ColumnarValue::values_to_arrays(arguments)?;
            let names = arrays.first().map(|array| array.as_string::<i32>().iter());
            let names = names.into_iter().flatten();
            let names: StringArray = names.map(|name| name.map(plain)).collect();
            Ok(ColumnarValue::Array(Arc::new(names)))
        }),
    )
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_type_has_its_plain_name() {
        for (name, expected) in [
            ("Utf8View", "text"),
            ("Timestamp(µs, \"UTC\")", "timestamp"),
            ("Struct(\"id\": Utf8, \"\\u{1}json\": Utf8)", "object"),
            ("List(String)", "list of text"),
            ("List(Struct(\"a\": Utf8))", "list of object"),
            ("Decimal(38, 10)", "number"),
            ("Time(ns)", "time"),
            ("list of text", "list of text"),
            ("TABLE", "TABLE"),
        ] {
            assert_eq!(plain(name), expected, "{name}");
        }
    }
}
