//! `array_agg` and `string_agg`, each sorted by its own ORDER BY.
//!
//! Both are the engine's, which sort what they collect. Where another aggregate of the same SELECT asks for the
//! opposite order, the engine turns one of them round: it hands the order over reversed, and the result is to be
//! reversed again. With DISTINCT it is not, so `string_agg(DISTINCT x, ',' ORDER BY x)` beside `array_agg(x ORDER BY x
//! DESC)` came out backwards. Nor does the engine accept two `string_agg` in orders of which neither is a prefix of the
//! other. So these are never reversed, and an ordered input helps but is not required.

use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::error::Result;
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::functions_aggregate::string_agg::string_agg_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, ReversedUDAF};

use super::scalar::of_the_engine;
use super::sliding;

/// Returns the functions of this module.
pub(crate) fn functions() -> [AggregateUDF; 2] {
    [array_agg_udaf(), string_agg_udaf()]
        .map(|engine| AggregateUDF::new_from_impl(Collect { engine }))
}

/// Returns `string_agg`.
pub(super) fn string_agg() -> Arc<AggregateUDF> {
    let engine = string_agg_udaf();
    Arc::new(AggregateUDF::new_from_impl(Collect { engine }))
}

/// An aggregate of the engine that sorts its own input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Collect {
    engine: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for Collect {
    of_the_engine!();

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.engine.accumulator(args)
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        sliding::accumulator(&self.engine, args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.engine.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.engine.groups_accumulator_supported(args)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::SoftRequirement
    }

    fn with_beneficial_ordering(
        self: Arc<Self>,
        _: bool,
    ) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        // It sorts in either case: rows that are in order already are sorted in no time.
        Ok(Some(self))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::NotSupported
    }

    fn supports_null_handling_clause(&self) -> bool {
        self.engine.supports_null_handling_clause()
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::functions::testing::rows;

    #[tokio::test]
    async fn each_is_in_its_own_order() {
        let from = "FROM (VALUES (1, 'a', 3), (1, 'b', 1), (1, 'b', 1), (1, 'c', 2)) AS t(g, x, n)";
        for (first, second, expected) in [
            (
                "string_agg(DISTINCT x, '/' ORDER BY x)",
                "group_concat(DISTINCT x ORDER BY x DESC)",
                ["a/b/c", "c,b,a"],
            ),
            (
                "string_agg(DISTINCT x, '/' ORDER BY x DESC)",
                "string_agg(x, '' ORDER BY x)",
                ["c/b/a", "abbc"],
            ),
            (
                "array_agg(DISTINCT x ORDER BY x DESC)",
                "array_agg(DISTINCT x ORDER BY x)",
                ["[c, b, a]", "[a, b, c]"],
            ),
            (
                "array_agg(x ORDER BY n, x)",
                "array_agg(x ORDER BY n DESC, x DESC)",
                ["[b, b, c, a]", "[a, c, b, b]"],
            ),
            (
                "string_agg(x, '' ORDER BY n)",
                "string_agg(x, '' ORDER BY x)",
                ["bbca", "abbc"],
            ),
            (
                "first_value(x ORDER BY n)",
                "json_group_array(x ORDER BY x DESC)",
                ["b", r#"["c","b","b","a"]"#],
            ),
        ] {
            for grouped in ["", " GROUP BY g"] {
                let sql = format!("SELECT {first}, {second} {from}{grouped}");
                assert_eq!(rows(&sql).await.expect("runs"), [expected], "{sql}");
            }
        }
    }
}
