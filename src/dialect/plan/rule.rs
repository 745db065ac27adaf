//! Rules over physical plans that are functions.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;

use super::operator::Plan;

/// Returns the rule called `name` that rewrites plans with `rewrite`.
pub(crate) fn physical_rule(
    name: &'static str,
    rewrite: fn(Plan) -> Result<Plan>,
) -> Arc<dyn PhysicalOptimizerRule + Send + Sync> {
    Arc::new(Rule { name, rewrite })
}

struct Rule {
    name: &'static str,
    rewrite: fn(Plan) -> Result<Plan>,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PhysicalOptimizerRule for Rule {
    fn optimize(&self, plan: Plan, _: &ConfigOptions) -> Result<Plan> {
        (self.rewrite)(plan)
    }

    fn name(&self) -> &str {
        self.name
    }

    fn schema_check(&self) -> bool {
        true
    }
}
