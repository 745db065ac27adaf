//! The view of findings: the controls of [`crate::resource::findings`] as one plan.
//!
//! Turns each control into a plan of its query, behind a node that makes a row of it where the data may not be read:
//! data that could not be read never counts as fine. A predicate on the name of the control leaves only those that it
//! names, and with them their requests. Depends on the resources and on the errors of [`crate::api`]; sends nothing
//! itself.

use std::any::Any;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use datafusion::arrow::array::{RecordBatch, StringArray, new_null_array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::catalog::Session;
use datafusion::common::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::common::{DFSchema, DFSchemaRef, ScalarValue, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{
    SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext,
};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Extension, LogicalPlan, LogicalPlanBuilder, ScalarUDF, Signature,
    UserDefinedLogicalNode, UserDefinedLogicalNodeCore, Volatility, cast, col, lit,
};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, Partitioning, PlanProperties,
    collect,
};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use futures::stream;

use super::scope::Scope;
use super::skipped_controls::SKIP;
use crate::api;
use crate::dialect::functions::InternalFunction;
use crate::dialect::plan::operator::{Plan, logical_node, named, no_expressions, one_input};
use crate::resource::findings::{COLUMNS, CONTROLS, Control, Setting, settings};

/// Returns the plan of the view.
///
/// Fails if the engine does not take a control.
pub(super) async fn plan(state: &SessionState) -> Result<LogicalPlan> {
    let mut all: Option<LogicalPlanBuilder> = None;
    for control in CONTROLS {
        let query = control.query(|setting| format!("{THRESHOLD}('{}')", setting.name));
        let found = state.create_logical_plan(&query).await?;
        let rows = LogicalPlanBuilder::from(found).project(OF_ROWS.iter().map(|(name, _)| {
            let value = fixed(control, name).unwrap_or_else(|| col(*name));
            cast(value, DataType::Utf8).alias(*name)
        }))?;
        let checked = LogicalPlanBuilder::from(LogicalPlan::Extension(Extension {
            node: Arc::new(Checked {
                control,
                query: rows.build()?,
                schema: schema_of_node(),
            }),
        }));
        // The name and the severity are so of each of its rows. The engine puts them into predicates wherever these stand,
        // and leaves out the controls that they are then false of.
        let of_all = OF_ALL
            .iter()
            .filter_map(|(name, _)| Some(fixed(control, name)?.alias(*name)));
        let named = checked.project(of_all.chain(OF_ROWS.iter().map(|(name, _)| col(*name))))?;
        all = Some(match all {
            Some(all) => all.union(named.build()?)?,
            None => named,
        });
    }
    match all {
        Some(all) => all.build(),
        None => internal_err!("there are no controls"),
    }
}

/// The columns that are the same in each row of a control, and known before it runs; and the others.
const OF_ALL: &[(&str, &str)] = COLUMNS.split_at(2).0;
const OF_ROWS: &[(&str, &str)] = COLUMNS.split_at(2).1;

/// Returns the value of the column `name`, if the declaration of `control` says it.
fn fixed(control: &Control, name: &str) -> Option<Expr> {
    Some(lit(match name {
        "control" => control.name,
        "severity" => control.severity,
        "status" => control.status,
        _ => return None,
    }))
}

fn schema_of_node() -> DFSchemaRef {
    static SCHEMA: LazyLock<Option<DFSchemaRef>> = LazyLock::new(|| {
        let schema = DFSchema::try_from(arrow_schema().as_ref().clone()).ok()?;
        Some(Arc::new(schema))
    });
    // The names are distinct, so there is one.
    SCHEMA
        .clone()
        .unwrap_or_else(|| Arc::new(DFSchema::empty()))
}

fn arrow_schema() -> SchemaRef {
    let fields = OF_ROWS.iter();
    let fields = fields.map(|(name, _)| Field::new(*name, DataType::Utf8, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The findings of a control, or a row that says why there can be none.
///
/// Its query is not an input, so that no predicate is put into it: below the node, `status = 'skip'` would exclude every
/// finding, and no request would be sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Checked {
    control: &'static Control,
    query: LogicalPlan,
    schema: DFSchemaRef,
}

impl PartialOrd for Checked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let by_name = self.control.name.cmp(other.control.name);
        (by_name != Ordering::Equal || self == other).then_some(by_name)
    }
}

impl UserDefinedLogicalNodeCore for Checked {
    logical_node!("Control", no_input);

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Control: {}", self.control.name)
    }
}

/// Plans the node of a control.
#[derive(Debug)]
pub(crate) struct ControlPlanner;

#[async_trait]
impl ExtensionPlanner for ControlPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        _: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(checked) = node.as_any().downcast_ref::<Checked>() else {
            return Ok(None);
        };
        let Some(state) = session.as_any().downcast_ref::<SessionState>() else {
            return internal_err!("a session without a state cannot plan a control");
        };
        let query = state.optimize(&checked.query)?;
        // The plan around it is optimized as a whole.
        let unoptimized = SessionStateBuilder::new_from_existing(state.clone())
            .with_physical_optimizer_rules(Vec::new())
            .build();
        let input = planner.create_physical_plan(&query, &unoptimized).await?;
        Ok(Some(Arc::new(ControlExec::new(checked.control, input))))
    }
}

/// Runs a control.
#[derive(Debug)]
struct ControlExec {
    control: &'static Control,
    input: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl ControlExec {
    fn new(control: &'static Control, input: Arc<dyn ExecutionPlan>) -> Self {
        let schema = arrow_schema();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            control,
            input,
            schema,
            properties: Arc::new(properties),
        }
    }

    fn over(&self, input: Plan) -> Plan {
        Arc::new(Self::new(self.control, input))
    }
}

impl DisplayAs for ControlExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => f.write_str(self.control.name),
            _ => write!(f, "Control: {}", self.control.name),
        }
    }
}

impl ExecutionPlan for ControlExec {
    named!("Control", properties);
    one_input!();
    no_expressions!();

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    // Findings are few. All are kept until it is certain that they are all, because a part of them is worth nothing.
    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (control, input) = (self.control, Arc::clone(&self.input));
        let schema = Arc::clone(&self.schema);
        let scope = context.session_config().get_extension::<Scope>();
        let found = async move {
            let found = match collect(input, context).await {
                Ok(found) => found,
                Err(error) => {
                    let Some(reason) = forbidden(&error) else {
                        return Err(error);
                    };
                    if let Some(scope) = scope {
                        scope.skip(control.name, &reason);
                    }
                    vec![skipped(&schema, &reason)?]
                }
            };
            let batches = found.into_iter();
            Ok(stream::iter(batches.map(move |batch| -> Result<_> {
                let columns = batch.columns().to_vec();
                Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
            })))
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            futures::TryStreamExt::try_flatten(stream::once(found)),
        )))
    }
}

/// Returns the row of a control whose data may not be read.
fn skipped(schema: &SchemaRef, reason: &str) -> Result<RecordBatch> {
    let text = |text: &str| Arc::new(StringArray::from(vec![text])) as _;
    let null = || new_null_array(&DataType::Utf8, 1);
    let columns = vec![text(SKIP), null(), text(reason), null()];
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// Returns what may not be read, if that is why there is `error`.
fn forbidden(error: &DataFusionError) -> Option<String> {
    let source = match error.find_root() {
        DataFusionError::External(source) => source.as_ref(),
        DataFusionError::ArrowError(source, _) => match source.as_ref() {
            ArrowError::ExternalError(source) => source.as_ref(),
            _ => return None,
        },
        _ => return None,
    };
    if let Some(inner) = source.downcast_ref::<DataFusionError>() {
        return forbidden(inner);
    }
    let error = source.downcast_ref::<api::Error>()?;
    let resource = error.call()?.request.needs_role()?;
    error.is_forbidden().then(|| {
        format!(
            "{} may not be read: that needs the role {}",
            resource.nouns.title, resource.role
        )
    })
}

/// The thresholds of the controls, as the session's configuration carries them: `SET findings.max_age_days = 30`.
#[derive(Debug, Clone)]
pub(crate) struct Thresholds(BTreeMap<&'static str, u32>);

impl Default for Thresholds {
    fn default() -> Self {
        Self(settings().map(|each| (each.name, each.default)).collect())
    }
}

impl ConfigExtension for Thresholds {
    const PREFIX: &'static str = Setting::PREFIX;
}

impl ExtensionOptions for Thresholds {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let wrong = |message| Err(DataFusionError::Configuration(message));
        let Some(threshold) = self.0.get_mut(key) else {
            let known: Vec<&str> = settings().map(|setting| setting.name).collect();
            return wrong(format!(
                "no setting `{}.{key}`; the settings are {}",
                Setting::PREFIX,
                known.join(", ")
            ));
        };
        match value.trim().parse() {
            Ok(value) => *threshold = value,
            Err(_) => {
                return wrong(format!(
                    "`{}.{key}` is a whole number, which `{value}` is not",
                    Setting::PREFIX
                ));
            }
        }
        Ok(())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let entry = |setting: &'static Setting| ConfigEntry {
            key: format!("{}.{}", Setting::PREFIX, setting.name),
            value: self.0.get(setting.name).map(ToString::to_string),
            description: setting.description,
        };
        settings().map(entry).collect()
    }
}

/// The function that stands for a threshold in the plan of the view.
const THRESHOLD: &str = "__findings_threshold";

/// Returns the function that the plan of the view needs: it reads a threshold from the configuration, when the statement is
/// planned.
pub(super) fn threshold() -> ScalarUDF {
    InternalFunction::new(THRESHOLD, 1, |args| {
        let [ColumnarValue::Scalar(name)] = args.args.as_slice() else {
            return internal_err!("a threshold is read by its name");
        };
        let all = args.config_options.extensions.get::<Thresholds>();
        let value = all
            .zip(name.try_as_str().flatten())
            .and_then(|(all, name)| all.0.get(name).copied());
        match value {
            Some(value) => Ok(ColumnarValue::Scalar(ScalarValue::Int64(Some(
                value.into(),
            )))),
            None => internal_err!("no threshold {name}"),
        }
    })
    .taking(Signature::any(1, Volatility::Stable))
    .returning(|_| Ok(DataType::Int64))
    .udf()
}
