//! Aggregates: `group_concat`, `total`, `json_group_array`, `json_group_object`, and the scalar `max` and `min`.
//!
//! All stand for aggregates that DataFusion has, and are replaced by them while planning, so that DISTINCT, FILTER,
//! ORDER BY and OVER are the engine's: `group_concat` and the JSON ones by `string_agg`, `total` by `sum`. `max` and
//! `min` with two or more arguments are scalars in SQLite: they become `greatest` and `least`, but NULL if any
//! argument is. One argument stays the aggregate.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::{coalesce, greatest, least};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::{
    AggregateFunction, Sort, WindowFunction, WindowFunctionParams,
};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawAggregateExpr, RawWindowExpr,
};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility,
    WindowFunctionDefinition, cast, lit, when,
};

use super::collect;
use super::json::convert::to_text;
use super::json::group;
use super::number::to_number;
use super::scalar::{Arity, anything, by_name};
use super::sliding;

/// Returns the functions of this module, which stand for others.
pub(crate) fn functions() -> Vec<AggregateUDF> {
    [
        ("group_concat", Arity::Between(1, 2), DataType::LargeUtf8),
        ("total", Arity::Between(1, 1), DataType::Float64),
        ("json_group_array", Arity::Between(1, 1), DataType::Utf8),
        ("json_group_object", Arity::Between(2, 2), DataType::Utf8),
        ("json_object_agg", Arity::Between(2, 2), DataType::Utf8),
    ]
    .map(|(name, arity, returns)| {
        let signature = anything(Volatility::Immutable);
        AggregateUDF::new_from_impl(Stand {
            name,
            arity,
            returns,
            signature,
        })
    })
    .into()
}

/// Replaces the functions of this module.
#[derive(Debug)]
pub(crate) struct AggregatePlanner;

impl ExprPlanner for AggregatePlanner {
    fn plan_aggregate(&self, raw: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        let scalar = match raw.func.name() {
            "max" if raw.args.len() > 1 => Some(greatest as fn(Vec<Expr>) -> Expr),
            "min" if raw.args.len() > 1 => Some(least as fn(Vec<Expr>) -> Expr),
            _ => None,
        };
        if let Some(choose) = scalar {
            return Ok(PlannerResult::Planned(unless_null(raw.args, choose)?));
        }
        let Some(real) = Real::of(&raw.func, &raw.args)? else {
            return Ok(PlannerResult::Original(RawAggregateExpr {
                order_by: order(&raw.func, &raw.args, raw.order_by, raw.distinct),
                ..raw
            }));
        };
        let order_by = order(&real.function, &real.args, raw.order_by, raw.distinct);
        let call = AggregateFunction::new_udf(
            real.function,
            real.args,
            raw.distinct,
            raw.filter,
            order_by,
            raw.null_treatment,
        );
        Ok(PlannerResult::Planned((real.finish)(
            Expr::AggregateFunction(call),
        )))
    }

    fn plan_window(&self, raw: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        let function = match &raw.func_def {
            WindowFunctionDefinition::AggregateUDF(function) => function,
            WindowFunctionDefinition::WindowUDF(function)
                if NUMBERING.contains(&function.name()) =>
            {
                let number = cast(over_window(raw), DataType::Int64);
                return Ok(PlannerResult::Planned(number));
            }
            WindowFunctionDefinition::WindowUDF(_) => return Ok(PlannerResult::Original(raw)),
        };
        let Some(real) = Real::of(function, &raw.args)? else {
            let function = sliding::in_window(Arc::clone(function));
            return Ok(PlannerResult::Original(RawWindowExpr {
                func_def: WindowFunctionDefinition::AggregateUDF(function),
                ..raw
            }));
        };
        let call = over_window(RawWindowExpr {
            func_def: WindowFunctionDefinition::AggregateUDF(real.function),
            args: real.args,
            ..raw
        });
        Ok(PlannerResult::Planned((real.finish)(call)))
    }
}

fn over_window(raw: RawWindowExpr) -> Expr {
    Expr::WindowFunction(Box::new(WindowFunction {
        fun: raw.func_def,
        params: WindowFunctionParams {
            args: raw.args,
            partition_by: raw.partition_by,
            order_by: raw.order_by,
            window_frame: raw.window_frame,
            filter: raw.filter,
            null_treatment: raw.null_treatment,
            distinct: raw.distinct,
        },
    }))
}

/// Functions that number rows, as integers: the engine's are unsigned, and would be subtracted and divided otherwise.
const NUMBERING: [&str; 4] = ["dense_rank", "ntile", "rank", "row_number"];

/// Aggregates whose value is the same in every order. The engine would hand the keys of the order to some of them as
/// arguments, beside another aggregate in an order of its own.
#[rustfmt::skip]
const IN_ANY_ORDER: [&str; 17] = [
    "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "corr", "count", "max", "median", "min", "stddev",
    "stddev_pop", "sum", "var", "var_pop", "var_sample",
];

/// Returns the order of what `function` collects. The engine gives distinct values in any order, PostgreSQL sorts them.
fn order(function: &AggregateUDF, args: &[Expr], asked: Vec<Sort>, is_distinct: bool) -> Vec<Sort> {
    if IN_ANY_ORDER.contains(&function.name()) {
        return Vec::new();
    }
    match args.first() {
        Some(value)
            if is_distinct
                && asked.is_empty()
                && ["array_agg", "string_agg"].contains(&function.name()) =>
        {
            vec![value.clone().sort(true, false)]
        }
        _ => asked,
    }
}

/// The aggregate that a function stands for.
struct Real {
    function: Arc<AggregateUDF>,
    args: Vec<Expr>,
    /// What is done with its value.
    finish: fn(Expr) -> Expr,
}

impl Real {
    fn of(function: &AggregateUDF, args: &[Expr]) -> Result<Option<Self>> {
        let Some(stand) = function.inner().downcast_ref::<Stand>() else {
            return Ok(None);
        };
        stand.arity.check(stand.name, args.len())?;
        let args = args.to_vec();
        let joined = |part: Expr, separator, finish| Self {
            function: collect::string_agg(),
            args: vec![part, separator],
            finish,
        };
        Ok(Some(match (stand.name, args.as_slice()) {
            ("group_concat", [value]) => {
                joined(to_text().call(vec![value.clone()]), lit(","), |text| text)
            }
            ("group_concat", [value, separator, ..]) => joined(
                to_text().call(vec![value.clone()]),
                separator.clone(),
                |text| text,
            ),
            ("json_group_array", _) => joined(group::element().call(args), lit(","), |elements| {
                group::array().call(vec![elements])
            }),
            ("json_object_agg", _) => {
                joined(group::named_member().call(args), lit(","), |members| {
                    group::object().call(vec![members])
                })
            }
            ("json_group_object", _) => joined(group::member().call(args), lit(","), |members| {
                group::object().call(vec![members])
            }),
            _ => Self {
                function: sliding::of_floats(sum_udaf()),
                args: vec![to_number().call(args)],
                finish: |sum| coalesce(vec![sum, lit(0.0)]),
            },
        }))
    }
}

fn unless_null(args: Vec<Expr>, choose: fn(Vec<Expr>) -> Expr) -> Result<Expr> {
    let all = args
        .iter()
        .map(|arg| arg.clone().is_not_null())
        .reduce(Expr::and);
    when(all.unwrap_or_else(|| lit(true)), choose(args)).end()
}

/// A name and a number of arguments, for the planner to find.
#[derive(Debug)]
struct Stand {
    name: &'static str,
    arity: Arity,
    returns: DataType,
    signature: Signature,
}

by_name!(Stand.name);

impl AggregateUDFImpl for Stand {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        internal_err!("{} is replaced while planning", self.name)
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::functions::testing::{column, error, rows, value};

    #[tokio::test]
    async fn groups_become_text_numbers_arrays_and_objects() {
        for (expression, expected) in [
            ("group_concat(id)", "KEYA,KEYB,KEYC"),
            ("group_concat(id, '; ')", "KEYA; KEYB; KEYC"),
            ("group_concat(length(id) * 1.5, NULL)", "6.06.06.0"),
            ("group_concat(spec.owner.id ORDER BY id DESC)", "u-2,sa-1"),
            ("group_concat(DISTINCT length(id))", "4"),
            ("group_concat(DISTINCT right(id, 1) || 'x')", "Ax,Bx,Cx"),
            ("string_agg(id, '|')", "KEYA|KEYB|KEYC"),
            ("total(length(id))", "12.0"),
            ("total(spec.secret)", "0.0"),
            ("max(id)", "KEYC"),
            ("max(max(id, 'KEYB'))", "KEYC"),
            ("json_group_array(id)", r#"["KEYA","KEYB","KEYC"]"#),
            (
                "json_group_array(id ORDER BY id DESC)",
                r#"["KEYC","KEYB","KEYA"]"#,
            ),
            (
                "json_group_array(spec.owner.kind)",
                r#"["ServiceAccount","User",null]"#,
            ),
            (
                "json_group_array(id) FILTER (WHERE id > 'KEYA')",
                r#"["KEYB","KEYC"]"#,
            ),
            ("json_group_array(DISTINCT length(id))", "[4]"),
            (
                "json_group_array(json_object('id', spec.owner.id))",
                r#"[{"id":"sa-1"},{"id":"u-2"},{"id":null}]"#,
            ),
            (
                "json_group_object(spec.owner.id, metadata.created_at)",
                r#"{"sa-1":"2026-01-03T04:05:06.811920Z","u-2":"2026-03-01T00:00:00Z"}"#,
            ),
            (
                "json_array(json_group_array(id))",
                r#"[["KEYA","KEYB","KEYC"]]"#,
            ),
        ] {
            let found = column(&format!("SELECT {expression} FROM api_keys")).await;
            assert_eq!(found, [expected], "{expression}");
        }
    }

    #[tokio::test]
    async fn an_empty_group_is_empty_but_not_always_null() {
        let sql = "SELECT json_group_array(id), json_group_object(id, id), total(1), group_concat(id) \
                   FROM api_keys WHERE id = 'x'";
        assert_eq!(
            rows(sql).await.expect("runs"),
            [["[]", "{}", "0.0", "NULL"]]
        );
    }

    #[tokio::test]
    async fn they_group_and_run_over_windows() {
        let sql = "SELECT json_group_array(id ORDER BY id), group_concat(id ORDER BY id) FROM api_keys \
                   GROUP BY spec.owner.id IS NULL HAVING total(1) > 0.5 ORDER BY 1";
        assert_eq!(
            rows(sql).await.expect("runs"),
            [[r#"["KEYA","KEYB"]"#, "KEYA,KEYB"], [r#"["KEYC"]"#, "KEYC"]]
        );
        let sql = "SELECT json_group_array(id) OVER (ORDER BY id), group_concat(id) OVER (), \
                   total(1) OVER (ORDER BY id) FROM api_keys ORDER BY id";
        assert_eq!(
            rows(sql).await.expect("runs")[1],
            [r#"["KEYA","KEYB"]"#, "KEYA,KEYB,KEYC", "2.0"]
        );
    }

    #[tokio::test]
    async fn max_and_min_of_several_are_scalars() {
        for (expression, expected) in [
            ("max(1, 3, 2)", "3"),
            ("min(2, 1.5)", "1.5"),
            ("max('a', 'b')", "b"),
            ("max(1, NULL)", "NULL"),
        ] {
            assert_eq!(value(expression).await, expected, "{expression}");
        }
    }

    #[tokio::test]
    async fn a_wrong_number_of_arguments_is_an_error_of_planning() {
        let error = error("SELECT json_group_object(id) FROM api_keys").await;
        assert_eq!(
            error.to_string(),
            "`json_group_object` takes 2 arguments, not 1"
        );
    }
}
