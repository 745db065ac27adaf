//! Guards: conditions that say for which rows an expression is needed; its subqueries run for those rows only. Pure.

use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, lit};

/// Where the value of an expression is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Guard {
    /// Over the input; None is everywhere.
    pub(super) condition: Option<Expr>,
    /// True in a branch of CASE, whose subquery may fail where the branch is not taken, even one that is evaluated once.
    pub(super) is_branch: bool,
}

impl Guard {
    /// Narrows the guard: true where the outcome paired with the first true condition is true, or `otherwise` without any.
    pub(super) fn and(&self, outcomes: &[(Expr, bool)], otherwise: bool, is_branch: bool) -> Self {
        // A second look at a volatile condition could see something else.
        if outcomes.is_empty()
            || outcomes
                .iter()
                .any(|(condition, _)| condition.is_volatile())
        {
            return self.clone();
        }
        let outcomes = outcomes
            .iter()
            .map(|(condition, outcome)| (condition.clone(), lit(*outcome)));
        let condition = first_of(outcomes.collect(), otherwise);
        let condition = match &self.condition {
            Some(outer) => first_of(vec![(outer.clone(), condition)], false),
            None => condition,
        };
        Self {
            condition: Some(condition),
            is_branch: self.is_branch || is_branch,
        }
    }
}

/// Returns the value beside the first condition that is true. No more of the conditions are evaluated.
///
/// The engine would take `CASE WHEN` apart, into AND and OR.
fn first_of(outcomes: Vec<(Expr, Expr)>, otherwise: bool) -> Expr {
    let boxed = |(condition, value)| (Box::new(condition), Box::new(value));
    Expr::Case(Case {
        expr: Some(Box::new(lit(true))),
        when_then_expr: outcomes.into_iter().map(boxed).collect(),
        else_expr: Some(Box::new(lit(otherwise))),
    })
}
