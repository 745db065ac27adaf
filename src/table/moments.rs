//! A rule over logical plans that reads text as a time where it is compared with a time of the table.
//!
//! The engine would compare in nanoseconds, which end in 2262 and begin in 1677, and fail of a text beyond them:
//! `expires_at < '9999-12-31'`. The table's times are in microseconds, so the text is read as microseconds. Text that is
//! no time, or finer than that, is left to the engine.

use chrono::Utc;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, lit};
use datafusion::optimizer::AnalyzerRule;

/// Reads text as a time where it is compared with one. To be run before types are made to fit.
#[derive(Debug)]
pub(crate) struct ReadMoments;

impl AnalyzerRule for ReadMoments {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|plan| {
            let schema = merge_schema(&plan.inputs());
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let expr = expr.transform_up(|expr| Ok(read(expr, &schema)))?;
                Ok(expr.update_data(|expr| name.restore(expr)))
            })
        })?;
        Ok(plan.data)
    }

    fn name(&self) -> &str {
        "read_moments"
    }
}

/// Reads the literals that `expr` compares with a time.
fn read(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let compared: Vec<&mut Expr> = match &mut expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.supports_propagation() => {
            vec![left, right]
        }
        Expr::Between(between) => vec![&mut between.expr, &mut between.low, &mut between.high],
        Expr::InList(InList { expr, list, .. }) => {
            std::iter::once(expr.as_mut()).chain(list).collect()
        }
        _ => return Transformed::no(expr),
    };
    let is_moment = |expr: &&mut Expr| {
        let data_type = expr.get_type(schema);
        matches!(
            data_type,
            Ok(DataType::Timestamp(TimeUnit::Microsecond, Some(_)))
        )
    };
    let mut changed = false;
    if compared.iter().any(is_moment) {
        for expr in compared {
            if let Some(moment) = moment(expr) {
                *expr = moment;
                changed = true;
            }
        }
    }
    Transformed::new_transformed(expr, changed)
}

/// Returns the time that a literal's text says, to the microsecond.
fn moment(expr: &Expr) -> Option<Expr> {
    let Expr::Literal(text, _) = expr else {
        return None;
    };
    let time = string_to_datetime(&Utc, text.try_as_str()??).ok()?;
    let exact = time.timestamp_subsec_nanos() % 1000 == 0;
    let micros = Some(time.timestamp_micros());
    exact.then(|| {
        lit(ScalarValue::TimestampMicrosecond(
            micros,
            Some("UTC".into()),
        ))
    })
}
