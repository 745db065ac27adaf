//! The logical nodes: Apply, the parameters that stand for outer values in its subquery, and Once.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as Memory};

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DFSchemaRef, ScalarValue, Spans, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::SetQuantifier;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, Operator, Subquery, UserDefinedLogicalNodeCore,
};
use parking_lot::Mutex;

use crate::dialect::plan::only_input;
use crate::dialect::plan::operator::logical_node;

/// What becomes of the rows of a subquery.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// True if there are any.
    Exists,
    /// `operand op ANY (…)` or `operand op ALL (…)`; `IN` is `= ANY`.
    Compare {
        /// The left side, over the input.
        operand: Expr,
        /// The comparison.
        op: Operator,
        /// True for ALL.
        all: bool,
    },
    /// The value of the only row, NULL without one.
    Scalar,
    /// The rows themselves, beside the row of the input: a lateral join.
    Rows {
        /// True if a row of the input without any is kept, beside NULLs.
        outer: bool,
    },
}

impl Kind {
    /// Returns the kind of `operand op quantifier (…)`.
    pub(super) fn compare(operand: Expr, op: Operator, quantifier: &SetQuantifier) -> Self {
        Self::Compare {
            operand,
            op,
            all: matches!(quantifier, SetQuantifier::All),
        }
    }

    /// Returns the operand, if there is one.
    pub(super) fn operand(&self) -> Option<&Expr> {
        match self {
            Self::Compare { operand, .. } => Some(operand),
            _ => None,
        }
    }

    /// Returns the beginning of the name of the column that holds the answer.
    pub(super) fn prefix(&self) -> &'static str {
        match self {
            Self::Exists => "__exists",
            Self::Compare { all: false, .. } => "__any",
            Self::Compare { all: true, .. } => "__all",
            Self::Scalar => "__scalar",
            Self::Rows { .. } => "__rows",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => f.write_str("EXISTS"),
            Self::Compare { operand, op, all } => {
                let quantifier = if *all { "ALL" } else { "ANY" };
                write!(f, "{} {op} {quantifier}", operand.human_display())
            }
            Self::Scalar => f.write_str("scalar"),
            Self::Rows { outer: false } => f.write_str("LATERAL"),
            Self::Rows { outer: true } => f.write_str("LEFT JOIN LATERAL"),
        }
    }
}

/// An expression over outer columns, and the parameter that stands for it.
pub(super) type Bound = (Expr, Arc<Parameter>);

/// The place of an outer value in a subquery. Two are the same if they have the same id, whatever their values.
#[derive(Debug)]
pub(super) struct Parameter {
    id: u64,
    /// How the outer expression is written.
    pub(super) text: String,
    field: FieldRef,
    value: Mutex<Value>,
}

#[derive(Debug, Default)]
struct Value {
    /// How often the value has changed.
    version: u64,
    value: Option<ScalarValue>,
}

impl Parameter {
    /// A new parameter for values like those of `field`, written as `text`.
    pub(super) fn new(text: String, field: &Field) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Memory::Relaxed),
            field: Arc::new(field.clone().with_name(&text)),
            text,
            value: Mutex::default(),
        }
    }

    /// Sets the value for the runs that follow.
    pub(super) fn set(&self, value: ScalarValue) {
        let mut current = self.value.lock();
        if current.value.as_ref() != Some(&value) {
            current.version += 1;
            current.value = Some(value);
        }
    }

    /// Returns the value.
    ///
    /// Fails before the first one is set.
    pub(super) fn get(&self) -> Result<ScalarValue> {
        let current = self.value.lock();
        match &current.value {
            Some(value) => Ok(value.clone()),
            None => internal_err!("the parameter for {} has no value yet", self.text),
        }
    }

    /// Returns a number that differs from that of every other value it had before.
    pub(super) fn version(&self) -> u64 {
        let current = self.value.lock();
        current.version
    }

    /// Returns the expression that has its value: to the engine, a scalar subquery of one row.
    pub(super) fn expr(self: &Arc<Self>) -> Result<Expr> {
        let schema = DFSchema::from_unqualified_fields(
            vec![Arc::clone(&self.field)].into(),
            Default::default(),
        )?;
        let node = ParameterNode {
            parameter: Arc::clone(self),
            schema: Arc::new(schema),
        };
        Ok(Expr::ScalarSubquery(Subquery {
            subquery: Arc::new(extension(node)),
            outer_ref_columns: Vec::new(),
            spans: Spans::new(),
        }))
    }
}

impl PartialEq for Parameter {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Parameter {}

impl Hash for Parameter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// The row that holds the value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ParameterNode {
    pub(super) parameter: Arc<Parameter>,
    schema: DFSchemaRef,
}

/// Computes a subquery for each row of the input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Apply {
    input: LogicalPlan,
    /// The subquery, with parameters in it.
    pub(super) subquery: Arc<LogicalPlan>,
    pub(super) kind: Kind,
    /// The outer expressions, over the input.
    pub(super) outer: Vec<Expr>,
    /// What each of them is bound to.
    pub(super) parameters: Vec<Arc<Parameter>>,
    /// Over the input: where it is not true the answer is not looked at, and the subquery is not run.
    pub(super) guard: Option<Expr>,
    /// The columns that are added to those of the input.
    pub(super) added: DFSchemaRef,
    schema: DFSchemaRef,
}

impl Apply {
    /// `added` are the columns after those of the input.
    pub(super) fn try_new(
        input: LogicalPlan,
        subquery: Arc<LogicalPlan>,
        kind: Kind,
        bound: Vec<Bound>,
        added: DFSchemaRef,
    ) -> Result<Self> {
        let (outer, parameters) = bound.into_iter().unzip();
        Ok(Self {
            schema: Arc::new(beside(&input, &added)?),
            input,
            subquery,
            kind,
            outer,
            parameters,
            guard: None,
            added,
        })
    }

    /// Returns it as one that computes nothing where `guard` is not true.
    pub(super) fn guarded(self, guard: Option<Expr>) -> Self {
        Self { guard, ..self }
    }

    /// Returns the input.
    pub(super) fn input(&self) -> &LogicalPlan {
        &self.input
    }

    /// Returns the schema of the input.
    pub(super) fn input_schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }
}

fn beside(input: &LogicalPlan, added: &DFSchema) -> Result<DFSchema> {
    let fields = input.schema().iter().chain(added.iter());
    let fields = fields.map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)));
    DFSchema::new_with_metadata(fields.collect(), input.schema().metadata().clone())
}

/// Returns the one column that holds the answer of a subquery that is not a lateral join.
pub(super) fn answer_column(name: &str, kind: &Kind, subquery: &LogicalPlan) -> Result<DFSchema> {
    let field = match kind {
        Kind::Scalar => subquery.schema().field(0).as_ref().clone(),
        _ => Field::new(name, DataType::Boolean, true),
    };
    let field = Arc::new(field.with_name(name).with_nullable(true));
    DFSchema::from_unqualified_fields(vec![field].into(), Default::default())
}

/// Reads its input once per statement, or once for each value of the parameters that reach it from further out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Once {
    pub(super) input: LogicalPlan,
    pub(super) parameters: Vec<Arc<Parameter>>,
}

/// Its input, in which every column may be NULL: the value of a subquery is, if it has no row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Nullable {
    input: LogicalPlan,
    schema: DFSchemaRef,
}

impl Nullable {
    pub(super) fn try_new(input: LogicalPlan) -> Result<Self> {
        let fields = input.schema().iter().map(|(qualifier, field)| {
            let field = field.as_ref().clone().with_nullable(true);
            (qualifier.cloned(), Arc::new(field))
        });
        let metadata = input.schema().metadata().clone();
        let schema = DFSchema::new_with_metadata(fields.collect(), metadata)?;
        Ok(Self {
            input,
            schema: Arc::new(schema),
        })
    }
}

/// Returns the plan whose only node is `node`.
pub(super) fn extension<N: UserDefinedLogicalNodeCore>(node: N) -> LogicalPlan {
    LogicalPlan::Extension(Extension {
        node: Arc::new(node),
    })
}

/// Returns `plan` as a node of type `N`, if it is one.
pub(super) fn downcast<N: 'static>(plan: &LogicalPlan) -> Option<&N> {
    match plan {
        LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref(),
        _ => None,
    }
}

/// Returns the parameter that `subquery` stands for, if it is one.
pub(super) fn parameter(subquery: &Subquery) -> Option<&Arc<Parameter>> {
    downcast::<ParameterNode>(&subquery.subquery).map(|node| &node.parameter)
}

/// Returns true if there is a subquery in `expr` that is not a parameter.
pub(super) fn has_subquery(expr: &Expr) -> bool {
    let is_own = |expr: &Expr| subquery(expr).is_some_and(|it| parameter(it).is_none());
    // The closure does not fail.
    expr.exists(|expr| Ok(is_own(expr))).unwrap_or(true)
}

/// Returns the subquery that `expr` is about.
pub(super) fn subquery(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::Exists(exists) => Some(&exists.subquery),
        Expr::InSubquery(test) => Some(&test.subquery),
        Expr::SetComparison(set) => Some(&set.subquery),
        Expr::ScalarSubquery(subquery) => Some(subquery),
        _ => None,
    }
}

/// Returns the subquery that `expr` is about, to be changed, unless it is a parameter.
pub(super) fn subquery_mut(expr: &mut Expr) -> Option<&mut Subquery> {
    let found = match expr {
        Expr::Exists(exists) => &mut exists.subquery,
        Expr::InSubquery(test) => &mut test.subquery,
        Expr::SetComparison(set) => &mut set.subquery,
        Expr::ScalarSubquery(subquery) => subquery,
        _ => return None,
    };
    let is_parameter = parameter(found).is_some();
    (!is_parameter).then_some(found)
}

/// Returns the parameters that reach `plan` from outside of it.
pub(super) fn parameters(plan: &LogicalPlan) -> Result<Vec<Arc<Parameter>>> {
    let mut found = BTreeMap::new();
    collect(plan, &mut found)?;
    Ok(found.into_values().collect())
}

fn collect(plan: &LogicalPlan, found: &mut BTreeMap<u64, Arc<Parameter>>) -> Result<()> {
    plan.apply_with_subqueries(|plan| {
        if let Some(node) = downcast::<ParameterNode>(plan) {
            let parameter = Arc::clone(&node.parameter);
            found.insert(parameter.id, parameter);
        }
        if let Some(apply) = downcast::<Apply>(plan) {
            let mut inner = BTreeMap::new();
            collect(&apply.subquery, &mut inner)?;
            for own in &apply.parameters {
                inner.remove(&own.id);
            }
            found.extend(inner);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

macro_rules! unordered {
    ($($node:ident),*) => {
        // The engine asks for an order, and there is none.
        $(impl PartialOrd for $node {
            fn partial_cmp(&self, _: &Self) -> Option<Ordering> {
                None
            }
        })*
    };
}

unordered!(Apply, ParameterNode, Once, Nullable);

impl UserDefinedLogicalNodeCore for Apply {
    fn name(&self) -> &str {
        "Apply"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        let all = self.outer.iter().chain(self.kind.operand());
        all.chain(&self.guard).cloned().collect()
    }

    fn prevent_predicate_push_down_columns(&self) -> std::collections::HashSet<String> {
        let added = self.added.fields().iter();
        added.map(|field| field.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Apply: {}", described(&self.kind, &self.outer))
    }

    fn with_exprs_and_inputs(
        &self,
        mut exprs: Vec<Expr>,
        mut inputs: Vec<LogicalPlan>,
    ) -> Result<Self> {
        let mut apply = self.clone();
        if apply.guard.is_some() {
            apply.guard = exprs.pop();
        }
        if let Kind::Compare { operand, .. } = &mut apply.kind
            && let Some(expr) = exprs.pop()
        {
            *operand = expr;
        }
        let (Some(input), true, true) = (
            inputs.pop(),
            inputs.is_empty(),
            exprs.len() == apply.outer.len(),
        ) else {
            return internal_err!(
                "Apply has one input, and its expressions do not change in number"
            );
        };
        apply.schema = Arc::new(beside(&input, &apply.added)?);
        apply.input = input;
        apply.outer = exprs;
        Ok(apply)
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let width = self.input.schema().fields().len();
        let needed = output_columns.iter().copied();
        Some(vec![needed.filter(|&column| column < width).collect()])
    }
}

/// Returns how EXPLAIN shows a subquery of `kind`.
pub(super) fn described(kind: &Kind, outer: &[Expr]) -> String {
    let outer: Vec<_> = outer
        .iter()
        .map(|expr| expr.human_display().to_string())
        .collect();
    match outer.is_empty() {
        true => format!("{kind}, evaluated once"),
        false => format!("{kind}, for each distinct {}", outer.join(", ")),
    }
}

impl UserDefinedLogicalNodeCore for ParameterNode {
    logical_node!("OuterValue", no_input);

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OuterValue: {}", self.parameter.text)
    }
}

impl UserDefinedLogicalNodeCore for Once {
    logical_node!("Once");

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Once")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(Self {
            input: only_input(inputs)?,
            parameters: self.parameters.clone(),
        })
    }
}

impl UserDefinedLogicalNodeCore for Nullable {
    logical_node!("Nullable");

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nullable")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        Self::try_new(only_input(inputs)?)
    }
}
