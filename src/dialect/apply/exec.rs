//! The physical node: runs the subquery once for each distinct set of outer values, and puts the answer beside each row.
//!
//! Its children are the input and the subquery, which is an ordinary physical plan but for the parameters in it. A run sets
//! the parameters, resets the plan, and reads its rows. Between two runs it yields, so that a
//! statement can be interrupted.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array, new_empty_array,
    new_null_array,
};
use datafusion::arrow::compute::{cast, concat_batches, prep_null_mask_filter, take};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ScalarValue, exec_err, internal_err};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::UserDefinedLogicalNode;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_expr::projection::ProjectionMapping;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::filter_pushdown::{
    ChildFilterDescription, ChildPushdownResult, FilterDescription, FilterPushdownPhase,
    FilterPushdownPropagation,
};
use datafusion::physical_plan::metrics::{
    Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties,
    Partitioning, PhysicalExpr, PlanProperties, execute_stream,
};
use futures::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;

use super::answer::{Answer, compare, first_column};
use super::node::{Apply, Kind, Parameter, described, parameters};
use super::once::{fresh, is_in_recursion};
use crate::dialect::plan::operator::{named, unknown_statistics};

/// The most distinct outer values that one subquery is run for.
///
/// A run over a few thousand rows takes about a tenth of a millisecond in a release build, so this is some ten seconds.
/// Beyond it the statement should say what it means as a join.
const MAX_VALUES: usize = 100_000;

/// Runs after which rows are passed on, so that a LIMIT above can stop the next ones.
const RUNS: usize = 32;

/// Rows after which they are passed on.
const ROWS: usize = 8192;

/// Bytes of answers that are remembered. Beyond it all are forgotten, and those that are asked for again computed again.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The position of the subquery among the inputs.
const SUBQUERY: usize = 1;

/// Computes a subquery for each row of its input.
#[derive(Debug)]
pub(super) struct ApplyExec {
    input: Arc<dyn ExecutionPlan>,
    subquery: Arc<dyn ExecutionPlan>,
    task: Arc<Task>,
    /// The most rows that are wanted.
    fetch: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// What is to be done, whatever the plans are.
#[derive(Debug)]
struct Task {
    kind: Kind,
    text: String,
    /// The outer expressions over the input.
    outer: Vec<Arc<dyn PhysicalExpr>>,
    parameters: Vec<Arc<Parameter>>,
    operand: Option<Arc<dyn PhysicalExpr>>,
    /// Where it is not true the answer is NULL.
    guard: Option<Arc<dyn PhysicalExpr>>,
    /// The parameters of queries further out that the subquery depends on.
    further_out: Vec<Arc<Parameter>>,
    /// True if the subquery reads what a recursion around it changes.
    is_in_recursion: bool,
    schema: SchemaRef,
    /// The columns of it that are added to those of the input.
    added: SchemaRef,
    known: Mutex<Known>,
}

/// The answers so far.
#[derive(Debug, Default)]
struct Known {
    /// The values further out that they are for.
    versions: Vec<u64>,
    answers: HashMap<Box<[u8]>, Entry>,
    /// The bytes that they take, and how many there were.
    bytes: usize,
    runs: usize,
    /// True once the subquery has been run as it is: the next run needs a fresh one.
    is_used: bool,
}

#[derive(Debug)]
struct Entry {
    answer: Answer,
    /// The outcome for each operand so far.
    outcomes: HashMap<Box<[u8]>, Option<bool>>,
}

impl ApplyExec {
    /// `exprs` are the outer expressions of `apply`, followed by the operand and the guard if it has them.
    pub(super) fn try_new(
        apply: &Apply,
        input: Arc<dyn ExecutionPlan>,
        subquery: Arc<dyn ExecutionPlan>,
        mut exprs: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Self> {
        let guard = match apply.guard {
            Some(_) => exprs.pop(),
            None => None,
        };
        let operand = match apply.kind.operand() {
            Some(_) => exprs.pop(),
            None => None,
        };
        let mut further_out = parameters(&apply.subquery)?;
        further_out.retain(|parameter| !apply.parameters.contains(parameter));
        let task = Task {
            kind: apply.kind.clone(),
            text: described(&apply.kind, &apply.outer),
            outer: exprs,
            parameters: apply.parameters.clone(),
            operand,
            guard,
            further_out,
            is_in_recursion: is_in_recursion(&apply.subquery)?,
            schema: Arc::clone(UserDefinedLogicalNode::schema(apply).inner()),
            added: Arc::clone(apply.added.inner()),
            known: Mutex::default(),
        };
        Ok(Self::with(Arc::new(task), input, subquery, None))
    }

    fn over(&self, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([input, subquery]) = <[_; 2]>::try_from(children) else {
            return internal_err!("Apply has an input and a subquery");
        };
        let task = Arc::clone(&self.task);
        Ok(Arc::new(Self::with(task, input, subquery, self.fetch)))
    }

    fn with(
        task: Arc<Task>,
        input: Arc<dyn ExecutionPlan>,
        subquery: Arc<dyn ExecutionPlan>,
        fetch: Option<usize>,
    ) -> Self {
        // The columns of the input come first, its rows stay in their order, and what is equal in them stays so.
        let columns: Vec<usize> = (0..input.schema().fields().len()).collect();
        let properties = match ProjectionMapping::from_indices(&columns, &input.schema()) {
            Ok(columns) => {
                (input.equivalence_properties()).project(&columns, Arc::clone(&task.schema))
            }
            Err(_) => EquivalenceProperties::new(Arc::clone(&task.schema)),
        };
        let properties = PlanProperties::new(
            properties,
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self {
            input,
            subquery,
            task,
            fetch,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

/// Returns true if `plan` is an Apply and the input at `position` a subquery that runs for one value after the other.
///
/// One without parameters runs once for each run of the Apply.
pub(super) fn runs_again(plan: &Arc<dyn ExecutionPlan>, position: usize) -> Option<bool> {
    let apply = plan.downcast_ref::<ApplyExec>()?;
    (position == SUBQUERY && !apply.task.parameters.is_empty()).then_some(true)
}

impl DisplayAs for ApplyExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(format, DisplayFormatType::TreeRender) {
            return f.write_str(&self.task.text);
        }
        write!(f, "ApplyExec: {}", self.task.text)?;
        match self.fetch {
            Some(fetch) => write!(f, ", fetch={fetch}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for ApplyExec {
    named!("ApplyExec", properties);

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input, &self.subquery]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition; 2]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true, false]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; 2]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let task = &self.task;
        for expr in task.outer.iter().chain(&task.operand).chain(&task.guard) {
            if f(expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn gather_filters_for_pushdown(
        &self,
        _: FilterPushdownPhase,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterDescription> {
        // The engine looks columns up by name, so that of those that share one only the first can be told.
        let schema = self.input.schema();
        let fields = schema.fields().iter().enumerate();
        let own: HashSet<usize> = fields
            .filter(|(index, field)| {
                schema
                    .index_of(field.name())
                    .is_ok_and(|first| first == *index)
            })
            .map(|(index, _)| index)
            .collect();
        let input = match self.fetch {
            // The limit counts rows that the filters have not seen.
            Some(_) => ChildFilterDescription::all_unsupported(&filters),
            None => {
                ChildFilterDescription::from_child_with_allowed_indices(&filters, own, &self.input)?
            }
        };
        let subquery = ChildFilterDescription::all_unsupported(&filters);
        Ok(FilterDescription::new()
            .with_child(input)
            .with_child(subquery))
    }

    fn handle_child_pushdown_result(
        &self,
        _: FilterPushdownPhase,
        result: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::if_any(result))
    }

    fn with_fetch(&self, fetch: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let (input, subquery) = (Arc::clone(&self.input), Arc::clone(&self.subquery));
        Some(Arc::new(Self::with(
            Arc::clone(&self.task),
            input,
            subquery,
            fetch,
        )))
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }

    unknown_statistics!();

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let run = Run {
            input: self.input.execute(partition, Arc::clone(&context))?,
            subquery: Subplan {
                plan: Arc::clone(&self.subquery),
                context,
                runs: MetricBuilder::new(&self.metrics).counter("runs", partition),
            },
            task: Arc::clone(&self.task),
            keys: Keys::new(&self.task.outer, &self.input.schema())?,
            operands: Keys::new(self.task.operand.as_slice(), &self.input.schema())?,
            current: None,
            left: self.fetch,
            output: MetricBuilder::new(&self.metrics).output_rows(partition),
        };
        self.task.begin();
        let rows = stream::try_unfold(run, |mut run| async move {
            let batch = run.next().await?;
            Ok(batch.map(|batch| (batch, run)))
        });
        let schema = Arc::clone(&self.task.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            schema,
            rows.boxed(),
        )))
    }
}

/// Turns the values of expressions into keys, which are equal if the values are.
struct Keys {
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    converter: Option<RowConverter>,
}

/// The values of expressions for the rows of a batch.
struct Values {
    columns: Vec<ArrayRef>,
    rows: Option<Rows>,
}

impl Keys {
    fn new(exprs: &[Arc<dyn PhysicalExpr>], schema: &Schema) -> Result<Self> {
        let fields = exprs
            .iter()
            .map(|expr| Ok(SortField::new(expr.data_type(schema)?)))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            exprs: exprs.to_vec(),
            converter: match fields.is_empty() {
                true => None,
                false => Some(RowConverter::new(fields)?),
            },
        })
    }

    /// Evaluates the expressions over `batch`, or over those of its rows that `wanted` holds for.
    fn values(&self, batch: &RecordBatch, wanted: Option<&BooleanArray>) -> Result<Values> {
        let evaluate = |expr: &Arc<dyn PhysicalExpr>| match wanted {
            Some(wanted) => expr.evaluate_selection(batch, wanted),
            None => expr.evaluate(batch),
        };
        let columns = self
            .exprs
            .iter()
            .map(|expr| evaluate(expr)?.into_array(batch.num_rows()))
            .collect::<Result<Vec<_>>>()?;
        Ok(Values {
            rows: match &self.converter {
                Some(converter) => Some(converter.convert_columns(&columns)?),
                None => None,
            },
            columns,
        })
    }
}

impl Values {
    fn key(&self, row: usize) -> Box<[u8]> {
        match &self.rows {
            Some(rows) => rows.row(row).as_ref().into(),
            None => Box::default(),
        }
    }

    fn scalars(&self, row: usize) -> Result<Vec<ScalarValue>> {
        let columns = self.columns.iter();
        columns
            .map(|column| ScalarValue::try_from_array(column, row))
            .collect()
    }
}

impl Known {
    fn forget(&mut self) {
        self.answers.clear();
        self.bytes = 0;
    }
}

impl Task {
    /// Returns which rows of `batch` the guard holds for, if there is one.
    fn wanted(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        let Some(guard) = &self.guard else {
            return Ok(None);
        };
        let wanted = guard.evaluate(batch)?.into_array(batch.num_rows())?;
        let wanted = as_boolean_array(&wanted)?;
        Ok(Some(match wanted.null_count() {
            0 => wanted.clone(),
            _ => prep_null_mask_filter(wanted),
        }))
    }

    /// Forgets what was computed for other values further out.
    fn begin(&self) {
        let versions: Vec<_> = self.further_out.iter().map(|p| p.version()).collect();
        let mut known = self.known.lock();
        if known.versions != versions || self.is_in_recursion {
            known.versions = versions;
            known.forget();
            known.runs = 0;
        }
    }
}

/// The subquery, ready to be run.
struct Subplan {
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    runs: Count,
}

impl Subplan {
    /// Runs the subquery for the values that the parameters have.
    async fn run(&self, task: &Task) -> Result<Answer> {
        let is_used = std::mem::replace(&mut task.known.lock().is_used, true);
        // The first run is of the plan that EXPLAIN ANALYZE shows.
        let plan = match is_used {
            true => fresh(&self.plan)?,
            false => Arc::clone(&self.plan),
        };
        self.runs.add(1);
        let schema = plan.schema();
        let mut rows = execute_stream(plan, Arc::clone(&self.context))?;
        match &task.kind {
            Kind::Exists => {
                while let Some(batch) = rows.try_next().await? {
                    if batch.num_rows() > 0 {
                        return Ok(Answer::Exists(true));
                    }
                }
                Ok(Answer::Exists(false))
            }
            Kind::Scalar => {
                let mut value = None;
                while let Some(batch) = rows.try_next().await? {
                    match (batch.num_rows(), &value) {
                        (0, _) => {}
                        (1, None) => value = Some(ScalarValue::try_from_array(batch.column(0), 0)?),
                        _ => return exec_err!("Scalar subquery returned more than one row"),
                    }
                }
                let null = || ScalarValue::try_from(schema.field(0).data_type());
                Ok(Answer::Scalar(match value {
                    Some(value) => value,
                    None => null()?,
                }))
            }
            Kind::Compare { .. } => {
                let batches: Vec<_> = rows.try_collect().await?;
                Ok(Answer::Column(first_column(&batches)?))
            }
            Kind::Rows { .. } => {
                let batches: Vec<RecordBatch> = rows.try_collect().await?;
                let batch = concat_batches(&schema, &batches)?;
                Ok(Answer::Rows(match batch.num_rows() {
                    0 => None,
                    rows => Some(of_schema(&task.added, batch.columns().to_vec(), rows)?),
                }))
            }
        }
    }
}

/// One run of the node.
struct Run {
    input: SendableRecordBatchStream,
    subquery: Subplan,
    task: Arc<Task>,
    keys: Keys,
    operands: Keys,
    current: Option<Current>,
    /// How many rows are still wanted.
    left: Option<usize>,
    output: Count,
}

/// A batch of the input, and how far it has been worked off.
struct Current {
    batch: RecordBatch,
    /// Which rows the guard holds for, if there is one.
    wanted: Option<BooleanArray>,
    keys: Values,
    operands: Values,
    position: usize,
}

impl Run {
    /// Returns the next rows.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if self.left == Some(0) {
                return Ok(None);
            }
            let current = match self.current.take() {
                Some(current) if current.position < current.batch.num_rows() => current,
                _ => {
                    let Some(batch) = self.input.try_next().await? else {
                        return Ok(None);
                    };
                    let wanted = self.task.wanted(&batch)?;
                    Current {
                        keys: self.keys.values(&batch, wanted.as_ref())?,
                        operands: self.operands.values(&batch, wanted.as_ref())?,
                        batch,
                        wanted,
                        position: 0,
                    }
                }
            };
            let mut batch = self.some(current).await?;
            if let Some(left) = &mut self.left {
                batch = batch.slice(0, batch.num_rows().min(*left));
                *left -= batch.num_rows();
            }
            if batch.num_rows() > 0 {
                self.output.add(batch.num_rows());
                return Ok(Some(batch));
            }
        }
    }

    /// Works off some rows of `current`.
    async fn some(&mut self, mut current: Current) -> Result<RecordBatch> {
        let task = Arc::clone(&self.task);
        let begin = current.position;
        let most = self.left.unwrap_or(ROWS).min(ROWS);
        let mut made = OutputBuilder::default();
        let mut runs = 0;
        while current.position < current.batch.num_rows() && made.len() < most && runs < RUNS {
            let row = current.position;
            if let Some(wanted) = &current.wanted
                && !wanted.value(row)
            {
                made.add_null(&task)?;
                current.position += 1;
                continue;
            }
            let key = current.keys.key(row);
            let is_known = task.known.lock().answers.contains_key(&key);
            if !is_known {
                self.evaluate(&key, current.keys.scalars(row)?).await?;
                runs += 1;
            }
            let mut known = task.known.lock();
            let Some(entry) = known.answers.get_mut(&key) else {
                return internal_err!("an answer is known once it is there");
            };
            made.add(&task, entry, &current, begin)?;
            current.position += 1;
        }
        let rows = current.batch.slice(begin, current.position - begin);
        self.current = Some(current);
        made.beside(rows, &task)
    }

    /// Runs the subquery for `values`, and remembers the answer under `key`.
    async fn evaluate(&mut self, key: &[u8], values: Vec<ScalarValue>) -> Result<()> {
        let task = &self.task;
        if task.known.lock().runs >= MAX_VALUES {
            return exec_err!(
                "a subquery would have to be run more than {MAX_VALUES} times, once for each distinct outer value"
            );
        }
        for (parameter, value) in task.parameters.iter().zip(values) {
            parameter.set(value);
        }
        let entry = Entry {
            answer: self.subquery.run(task).await?,
            outcomes: HashMap::new(),
        };
        {
            let mut known = task.known.lock();
            if known.bytes > MAX_BYTES {
                known.forget();
            }
            known.runs += 1;
            known.bytes += entry.answer.bytes();
            known.answers.insert(key.into(), entry);
        }
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// What is put beside rows of the input.
#[derive(Default)]
struct OutputBuilder {
    outcomes: Vec<Option<bool>>,
    values: Vec<ScalarValue>,
    /// Rows of a lateral join, and the positions of the rows that they are put beside.
    rows: Vec<RecordBatch>,
    positions: Vec<u32>,
}

impl OutputBuilder {
    fn len(&self) -> usize {
        self.outcomes.len() + self.values.len() + self.positions.len()
    }

    /// Adds an answer that is not looked at.
    fn add_null(&mut self, task: &Task) -> Result<()> {
        match task.kind {
            Kind::Exists | Kind::Compare { .. } => self.outcomes.push(None),
            Kind::Scalar => {
                let null = ScalarValue::try_from(task.added.field(0).data_type())?;
                self.values.push(null);
            }
            Kind::Rows { .. } => return internal_err!("a lateral join has no guard"),
        }
        Ok(())
    }

    /// Adds what is put beside the next row of `current`. `begin` is the position of the first row.
    fn add(
        &mut self,
        task: &Task,
        entry: &mut Entry,
        current: &Current,
        begin: usize,
    ) -> Result<()> {
        match (&entry.answer, &task.kind) {
            (Answer::Exists(exists), _) => self.outcomes.push(Some(*exists)),
            (Answer::Scalar(value), _) => self.values.push(value.clone()),
            (Answer::Column(column), Kind::Compare { op, all, .. }) => {
                let operand = current.operands.key(current.position);
                let outcome = match entry.outcomes.get(&operand) {
                    Some(outcome) => *outcome,
                    None => {
                        let values = current.operands.scalars(current.position)?;
                        let [value] = &values[..] else {
                            return internal_err!("a comparison has one operand");
                        };
                        let outcome = compare(value, *op, *all, column.as_ref())?;
                        entry.outcomes.insert(operand, outcome);
                        outcome
                    }
                };
                self.outcomes.push(outcome);
            }
            (Answer::Rows(rows), Kind::Rows { outer }) => {
                let rows = match rows {
                    Some(rows) => rows.clone(),
                    None if *outer => no_row(&task.added)?,
                    None => return Ok(()),
                };
                let position = (current.position - begin) as u32;
                self.positions
                    .extend(std::iter::repeat_n(position, rows.num_rows()));
                self.rows.push(rows);
            }
            _ => return internal_err!("an answer is of the kind that was asked for"),
        }
        Ok(())
    }

    /// Returns `rows` of the input with what is put beside them.
    fn beside(self, rows: RecordBatch, task: &Task) -> Result<RecordBatch> {
        let (rows, added) = match task.kind {
            Kind::Exists | Kind::Compare { .. } => {
                let column: ArrayRef = Arc::new(BooleanArray::from(self.outcomes));
                (rows, vec![column])
            }
            Kind::Scalar if self.values.is_empty() => {
                (rows, vec![new_empty_array(task.added.field(0).data_type())])
            }
            Kind::Scalar => (rows, vec![ScalarValue::iter_to_array(self.values)?]),
            Kind::Rows { .. } => {
                let rows = repeated(&rows, self.positions)?;
                let added = concat_batches(&task.added, &self.rows)?;
                (rows, added.columns().to_vec())
            }
        };
        let columns = rows.columns().iter().cloned().chain(added);
        of_schema(&task.schema, columns.collect(), rows.num_rows())
    }
}

/// Returns `columns` of `rows` values each as a batch of `schema`.
fn of_schema(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let columns = columns.into_iter().zip(schema.fields());
    let columns = columns.map(
        |(column, field)| match column.data_type() == field.data_type() {
            true => Ok(column),
            false => cast(&column, field.data_type()),
        },
    );
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &options,
    )?)
}

/// Returns the rows of `rows` at `positions`.
fn repeated(rows: &RecordBatch, positions: Vec<u32>) -> Result<RecordBatch> {
    let positions = UInt32Array::from(positions);
    let columns = rows.columns().iter();
    let columns = columns.map(|column| take(column, &positions, None));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    of_schema(&rows.schema(), columns, positions.len())
}

/// Returns a row of NULLs.
fn no_row(schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = schema.fields().iter();
    let columns = columns.map(|field| new_null_array(field.data_type(), 1));
    of_schema(schema, columns.collect(), 1)
}
