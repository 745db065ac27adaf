//! The rule that takes subqueries out of expressions, and lateral joins out of FROM.
//!
//! It goes over the nodes of a plan from the leaves up. Where an expression has a subquery that is not left to the engine,
//! an Apply below the node computes it as a column, and the expression reads that column. A projection on top drops the
//! column where the node would pass it on. The subquery is bound to the outer query before the rule goes over it in turn,
//! so that its only remaining outer references are to queries further out.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef, ExprSchema, JoinType, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::logical_plan::Join;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, LogicalPlan, Operator, binary_expr, lit};
use datafusion::optimizer::AnalyzerRule;

use super::allow::is_left_to_the_engine;
use super::bind::{Binder, as_union, free_columns, grouping, is_lateral};
use super::guard::Guard;
use super::node::{
    Apply, Bound, Kind, answer_column, extension, has_subquery, parameter, subquery, subquery_mut,
};
use super::shape::{as_few_rows, have_sides, nullable, side, with_columns, with_sorted_columns};

/// Takes subqueries away from the engine.
#[derive(Debug)]
pub(super) struct ApplySubqueries;

impl AnalyzerRule for ApplySubqueries {
    fn name(&self) -> &str {
        "apply_subqueries"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        // Before subqueries are bound: what a key of an order in one of them names may be a column below its select list.
        let plan = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Sort(sort) => with_sorted_columns(sort),
            plan => Ok(Transformed::no(plan)),
        })?;
        Rewriter::default().plan(plan.data)
    }
}

/// One run of the rule.
#[derive(Debug, Default)]
struct Rewriter {
    /// The columns that were added so far, for the names of those to come.
    added: Cell<usize>,
}

impl Rewriter {
    fn plan(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        Ok(self.tree(plan)?.data)
    }

    fn tree(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        match plan {
            // The right side is bound to the left one before anything is made of it.
            LogicalPlan::Join(join) if is_lateral(&join)? => {
                Ok(Transformed::yes(self.lateral(join)?))
            }
            // What it named is bound.
            LogicalPlan::Subquery(subquery) => {
                let plan = self.plan(Arc::unwrap_or_clone(subquery.subquery))?;
                Ok(Transformed::yes(plan))
            }
            plan => {
                let plan = plan.map_children(|child| self.tree(child))?;
                let plan = match plan.transformed {
                    // An answer may be NULL where the engine would not expect it.
                    true => plan.map_data(LogicalPlan::recompute_schema)?,
                    false => plan,
                };
                plan.transform_parent(|plan| self.node(plan))
            }
        }
    }

    fn node(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        if let LogicalPlan::Join(join) = plan {
            return match join.filter.as_ref().is_some_and(has_subquery) {
                true => Ok(Transformed::yes(self.join(join)?)),
                false => Ok(Transformed::no(LogicalPlan::Join(join))),
            };
        }
        let mut found = false;
        plan.apply_expressions(|expr| {
            found |= has_subquery(expr);
            Ok(TreeNodeRecursion::Continue)
        })?;
        if !found {
            return Ok(Transformed::no(plan));
        }
        Ok(Transformed::yes(match plan {
            LogicalPlan::Filter(filter) => self.filter(filter)?,
            // Their rows are evaluated when they are planned, when no subquery has run yet.
            LogicalPlan::Values(values) => self.plan(as_union(values)?)?,
            // A scan may have been given a condition, an inner plan its own; a node without an input has no outer rows.
            plan if plan.inputs().len() != 1 => {
                plan.map_expressions(|expr| expr.transform_up(|expr| self.recurse(expr)))?
                    .data
            }
            plan => {
                let schema = Arc::clone(plan.schema());
                self.any(plan, &schema)?
            }
        }))
    }

    /// Splits a filter: what needs no Apply comes first, so that there are fewer rows to compute the rest for.
    fn filter(&self, filter: Filter) -> Result<LogicalPlan> {
        let Filter {
            predicate, input, ..
        } = filter;
        let schema = Arc::clone(input.schema());
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        for condition in split_conjunction_owned(predicate) {
            if !has_subquery(&condition) {
                first.push(condition);
            } else if is_left_to_the_engine(&condition, &schema)? {
                first.push(condition.transform_up(|expr| self.recurse(expr)).data()?);
            } else {
                rest.push(condition);
            }
        }
        let mut plan = Arc::unwrap_or_clone(input);
        if let Some(first) = conjunction(first) {
            plan = LogicalPlan::Filter(Filter::try_new(first, Arc::new(plan))?);
        }
        let mut extractor = SubqueryExtractor::over(self, plan);
        let rest = rest
            .into_iter()
            .map(|condition| extractor.extract(condition))
            .collect::<Result<Vec<_>>>()?;
        let Some(rest) = conjunction(rest) else {
            return Ok(extractor.input);
        };
        let plan = LogicalPlan::Filter(Filter::try_new(rest, Arc::new(extractor.input))?);
        with_columns(plan, &schema)
    }

    /// Takes the subqueries out of a node with one input, of whose columns those of `schema` are wanted.
    fn any(&self, plan: LogicalPlan, schema: &DFSchemaRef) -> Result<LogicalPlan> {
        let [input] = plan.inputs()[..] else {
            return plan_err!("a subquery cannot be used here");
        };
        let mut extractor = SubqueryExtractor::over(self, input.clone());
        let names = NamePreserver::new(&plan);
        let plan = plan.map_expressions(|expr| match expr {
            Expr::GroupingSet(set) => grouping(set, |expr| {
                let name = names.save(&expr);
                Ok(Transformed::yes(name.restore(extractor.extract(expr)?)))
            }),
            expr => {
                let name = names.save(&expr);
                Ok(Transformed::yes(name.restore(extractor.extract(expr)?)))
            }
        })?;
        let mut input = Some(extractor.input);
        let plan = plan
            .data
            .map_children(|child| Ok(Transformed::yes(input.take().unwrap_or(child))))?;
        with_columns(plan.data.recompute_schema()?, schema)
    }

    /// Takes the subqueries out of the condition of a join.
    fn join(&self, mut join: Join) -> Result<LogicalPlan> {
        let schema = Arc::clone(&join.schema);
        let (left, right) = (
            Arc::clone(join.left.schema()),
            Arc::clone(join.right.schema()),
        );
        let (mut simple, mut of_sides, mut of_both) = (Vec::new(), Vec::new(), Vec::new());
        for condition in join
            .filter
            .take()
            .map(split_conjunction_owned)
            .unwrap_or_default()
        {
            if !has_subquery(&condition) {
                simple.push(condition);
            } else if have_sides(&condition, &left, &right)? {
                of_sides.push(condition);
            } else {
                of_both.push(condition);
            }
        }
        if join.join_type == JoinType::Inner {
            // There the condition may as well come after the join.
            join.filter = conjunction(simple);
            let condition = conjunction(of_sides.into_iter().chain(of_both)).unwrap_or(lit(true));
            let input = Arc::new(LogicalPlan::Join(join));
            return self.filter(Filter::try_new(condition, input)?);
        }
        if !of_both.is_empty() {
            join.filter = conjunction(simple.into_iter().chain(of_sides).chain(of_both));
            return self.outer_join(join);
        }
        let mut extractors = [
            SubqueryExtractor::over(self, join.left.as_ref().clone()),
            SubqueryExtractor::over(self, join.right.as_ref().clone()),
        ];
        for condition in of_sides {
            let taken = condition.transform_up(|expr| {
                let Some(inner) = subquery(&expr) else {
                    return Ok(Transformed::no(expr));
                };
                let side = side(&expr, inner, &left, &right)?;
                extractors[side.unwrap_or_default()].extract_one(expr, &Guard::default())
            })?;
            simple.push(taken.data);
        }
        [join.left, join.right] = extractors.map(|extractor| Arc::new(extractor.input));
        join.filter = conjunction(simple);
        with_columns(LogicalPlan::Join(join).recompute_schema()?, &schema)
    }

    /// Computes a left or right join whose condition has a subquery over columns of both sides: as a lateral one.
    fn outer_join(&self, join: Join) -> Result<LogicalPlan> {
        let schema = Arc::clone(&join.schema);
        let (kept, other) = match join.join_type {
            JoinType::Left => (join.left, join.right),
            JoinType::Right => (join.right, join.left),
            other => {
                return plan_err!(
                    "a subquery over columns of both sides cannot be used in the condition of a {other} join"
                );
            }
        };
        let on = join.on.into_iter().map(|(left, right)| left.eq(right));
        let condition = conjunction(on.chain(join.filter)).unwrap_or(lit(true));
        let rows = Arc::unwrap_or_clone(other);
        let plan = self.rows(Arc::unwrap_or_clone(kept), rows, Some(condition), true)?;
        with_columns(plan, &schema)
    }

    fn lateral(&self, join: Join) -> Result<LogicalPlan> {
        let outer = match join.join_type {
            JoinType::Inner => false,
            JoinType::Left => true,
            other => {
                return plan_err!("LATERAL cannot be the right side of a {other} join");
            }
        };
        let on = join.on.into_iter().map(|(left, right)| left.eq(right));
        let condition = conjunction(on.chain(join.filter));
        let input = self.plan(Arc::unwrap_or_clone(join.left))?;
        let rows = Arc::unwrap_or_clone(join.right);
        let plan = self.rows(input, rows, condition, outer)?;
        with_columns(plan, &join.schema)
    }

    /// Returns each row of `input` beside those of `rows` for which `condition` is true.
    fn rows(
        &self,
        input: LogicalPlan,
        mut rows: LogicalPlan,
        condition: Option<Expr>,
        outer: bool,
    ) -> Result<LogicalPlan> {
        let fields = rows.schema().iter();
        let fields = fields.map(|(qualifier, field)| {
            let field = field.as_ref().clone().with_nullable(true);
            (qualifier.cloned(), Arc::new(field))
        });
        let added = DFSchema::new_with_metadata(fields.collect(), Default::default())?;
        if let Some(condition) = condition.filter(|condition| *condition != lit(true)) {
            let (left, right) = (input.schema(), rows.schema());
            let condition = condition.transform_up(|expr| match expr {
                Expr::Column(column) if left.has_column(&column) && !right.has_column(&column) => {
                    let field = Arc::clone(left.field_from_column(&column)?);
                    Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
                }
                expr => Ok(Transformed::no(expr)),
            })?;
            rows = LogicalPlan::Filter(Filter::try_new(condition.data, Arc::new(rows))?);
        }
        let (rows, bound) = self.bound(&rows, input.schema())?;
        let kind = Kind::Rows { outer };
        let apply = Apply::try_new(input, Arc::new(rows), kind, bound, Arc::new(added))?;
        Ok(extension(apply))
    }

    /// Returns `subquery` bound to the columns of `outer`, and without subqueries of its own that the engine does not take.
    fn bound(&self, subquery: &LogicalPlan, outer: &DFSchema) -> Result<(LogicalPlan, Vec<Bound>)> {
        let mut binder = Binder::new(outer);
        let plan = binder.bind(subquery)?;
        if let Some(column) = free_columns(&plan)?.first() {
            return plan_err!(
                "the subquery names `{}` of the outer query, which has no such column here",
                column.flat_name()
            );
        }
        Ok((self.plan(plan)?, binder.bound()))
    }

    /// Goes over a subquery that is left to the engine.
    fn recurse(&self, mut expr: Expr) -> Result<Transformed<Expr>> {
        let is_scalar = matches!(expr, Expr::ScalarSubquery(_));
        let Some(subquery) = subquery_mut(&mut expr) else {
            return Ok(Transformed::no(expr));
        };
        if free_columns(&subquery.subquery)?.is_empty() {
            // The planner counts what a lateral join in it names.
            subquery.outer_ref_columns = Vec::new();
        }
        let plan = self.plan(subquery.subquery.as_ref().clone())?;
        subquery.subquery = Arc::new(if is_scalar { nullable(plan)? } else { plan });
        Ok(Transformed::yes(expr))
    }

    /// Returns a name for a column that `input` does not have.
    fn name(&self, kind: &Kind, input: &DFSchema) -> String {
        loop {
            self.added.set(self.added.get() + 1);
            let name = format!("{}_{}", kind.prefix(), self.added.get());
            if !input.has_column_with_unqualified_name(&name) {
                return name;
            }
        }
    }
}

/// Takes subqueries out of expressions over one input, each only once.
struct SubqueryExtractor<'r> {
    rewriter: &'r Rewriter,
    input: LogicalPlan,
    known: HashMap<(Expr, Guard), Expr>,
}

impl<'r> SubqueryExtractor<'r> {
    fn over(rewriter: &'r Rewriter, input: LogicalPlan) -> Self {
        Self {
            rewriter,
            input,
            known: HashMap::new(),
        }
    }

    fn extract(&mut self, expr: Expr) -> Result<Expr> {
        self.extract_guarded(expr, &Guard::default())
    }

    /// Takes the subqueries out of `expr`, whose value is looked at where `guard` says.
    fn extract_guarded(&mut self, expr: Expr, guard: &Guard) -> Result<Expr> {
        if !has_subquery(&expr) {
            return Ok(expr);
        }
        match expr {
            Expr::Case(case) => self.case(case, guard),
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: op @ (Operator::And | Operator::Or),
                right,
            }) => {
                let left = self.extract_guarded(*left, guard)?;
                let is_open = match op {
                    Operator::And => left.clone().is_not_false(),
                    _ => left.clone().is_not_true(),
                };
                let right =
                    self.extract_guarded(*right, &guard.and(&[(is_open, true)], false, false))?;
                Ok(binary_expr(left, op, right))
            }
            Expr::ScalarFunction(mut call) if call.func.name() == "coalesce" => {
                let mut is_open = guard.clone();
                for arg in &mut call.args {
                    *arg = self.extract_guarded(std::mem::take(arg), &is_open)?;
                    is_open = is_open.and(&[(arg.clone().is_null(), true)], false, false);
                }
                Ok(Expr::ScalarFunction(call))
            }
            expr => {
                let expr = expr.map_children(|child| {
                    Ok(Transformed::yes(self.extract_guarded(child, guard)?))
                })?;
                Ok(self.extract_one(expr.data, guard)?.data)
            }
        }
    }

    fn case(&mut self, mut case: Case, guard: &Guard) -> Result<Expr> {
        let operand = match case.expr.take() {
            Some(operand) => Some(self.extract_guarded(*operand, guard)?),
            None => None,
        };
        let mut before = Vec::new();
        for (when, then) in &mut case.when_then_expr {
            **when = self.extract_guarded(std::mem::take(when), &guard.and(&before, true, true))?;
            let condition = match &operand {
                Some(operand) => operand.clone().eq(when.as_ref().clone()),
                None => when.as_ref().clone(),
            };
            before.push((condition, true));
            **then =
                self.extract_guarded(std::mem::take(then), &guard.and(&before, false, true))?;
            if let Some((_, outcome)) = before.last_mut() {
                *outcome = false;
            }
        }
        if let Some(otherwise) = &mut case.else_expr {
            **otherwise =
                self.extract_guarded(std::mem::take(otherwise), &guard.and(&before, true, true))?;
        }
        case.expr = operand.map(Box::new);
        Ok(Expr::Case(case))
    }

    fn extract_one(&mut self, expr: Expr, guard: &Guard) -> Result<Transformed<Expr>> {
        let Some(inner) = subquery(&expr) else {
            return Ok(Transformed::no(expr));
        };
        if parameter(inner).is_some() {
            return Ok(Transformed::no(expr));
        }
        if matches!(expr, Expr::ScalarSubquery(_))
            && !guard.is_branch
            && free_columns(&inner.subquery)?.is_empty()
        {
            return self.rewriter.recurse(expr);
        }
        let anywhere = (expr, Guard::default());
        if let Some(column) = self.known.get(&anywhere) {
            return Ok(Transformed::yes(column.clone()));
        }
        let (expr, _) = anywhere;
        let known = (expr.clone(), guard.clone());
        if let Some(column) = self.known.get(&known) {
            return Ok(Transformed::yes(column.clone()));
        }
        let (subquery, kind, negated) = match expr {
            Expr::Exists(exists) => (exists.subquery, Kind::Exists, exists.negated),
            Expr::ScalarSubquery(subquery) => (subquery, Kind::Scalar, false),
            Expr::InSubquery(test) => {
                let kind = Kind::Compare {
                    operand: *test.expr,
                    op: Operator::Eq,
                    all: false,
                };
                (test.subquery, kind, test.negated)
            }
            Expr::SetComparison(set) => {
                let kind = Kind::compare(*set.expr, set.op, &set.quantifier);
                (set.subquery, kind, false)
            }
            expr => return Ok(Transformed::no(expr)),
        };
        let column = self.add(&subquery.subquery, kind, guard)?;
        let column = match negated {
            true => Expr::Not(Box::new(column)),
            false => column,
        };
        self.known.insert(known, column.clone());
        Ok(Transformed::yes(column))
    }

    /// Returns the column that holds the answer of `subquery`.
    fn add(&mut self, subquery: &LogicalPlan, kind: Kind, guard: &Guard) -> Result<Expr> {
        let schema = Arc::clone(self.input.schema());
        let (plan, bound) = self.rewriter.bound(subquery, &schema)?;
        let plan = as_few_rows(plan, &kind)?;
        let name = self.rewriter.name(&kind, &schema);
        let added = answer_column(&name, &kind, &plan)?;
        let input = std::mem::take(&mut self.input);
        let apply = Apply::try_new(input, Arc::new(plan), kind, bound, Arc::new(added))?;
        self.input = extension(apply.guarded(guard.condition.clone()));
        Ok(Expr::Column(Column::new_unqualified(name)))
    }
}
