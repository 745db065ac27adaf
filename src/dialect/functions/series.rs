//! `generate_series` and `range` over timestamps of any precision and over dates: the engine's accept only
//! nanoseconds.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::SessionContext;

use super::intervals::check_step;

/// The functions of the engine that make a series.
const NAMES: [&str; 2] = ["generate_series", "range"];

/// Puts ours in the place of the engine's.
pub(super) fn claim_names(context: &SessionContext) {
    for name in NAMES {
        let engine = context
            .state_ref()
            .read()
            .table_functions()
            .get(name)
            .map(|function| Arc::clone(function.function()));
        if let Some(engine) = engine {
            context.register_udtf(name, Arc::new(Series { engine }));
        }
    }
}

#[derive(Debug)]
struct Series {
    engine: Arc<dyn TableFunctionImpl>,
}

impl TableFunctionImpl for Series {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        for expr in args.exprs() {
            if let Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(step)), _) = expr {
                check_step(*step)?;
            }
        }
        // A day beside a timestamp is its midnight.
        let of_dates = args.exprs().iter().find_map(|expr| match expr {
            Expr::Literal(value, _) => match value.data_type() {
                DataType::Timestamp(_, zone) => {
                    Some(DataType::Timestamp(TimeUnit::Nanosecond, zone))
                }
                _ => None,
            },
            _ => None,
        });
        let exprs = args
            .exprs()
            .iter()
            .map(|expr| match expr {
                Expr::Literal(value, _) => match value.data_type() {
                    DataType::Timestamp(_, zone) => {
                        let nanos = DataType::Timestamp(TimeUnit::Nanosecond, zone);
                        Ok(lit(value.cast_to(&nanos)?))
                    }
                    DataType::Date32 => match &of_dates {
                        Some(timestamp) => Ok(lit(value.cast_to(timestamp)?)),
                        None => Ok(expr.clone()),
                    },
                    _ => Ok(expr.clone()),
                },
                _ => Ok(expr.clone()),
            })
            .collect::<Result<Vec<_>>>()?;
        self.engine
            .call_with_args(TableFunctionArgs::new(&exprs, args.session()))
    }
}
