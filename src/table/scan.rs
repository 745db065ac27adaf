//! The plan node that reads keys: it learns from the optimizer what is wanted, and says in EXPLAIN what it will ask for.
//!
//! Predicates reach it through the physical filter pushdown, which also carries them through views, CTEs and
//! sub-selects. It takes every one and checks it itself, so that a LIMIT above can reach it; those that a join supplies
//! while it runs it only reads for hints. No request is sent before the first poll: a join whose other side is empty
//! costs none.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_expr::scalar_subquery::ScalarSubqueryExpr;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::metrics::{
    Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
    StatisticsArgs,
};
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use regex::Captures;

use super::Connection;
use super::fetch::{self, KnownPages, Shape, missing, with_each};
use super::fields::{self, FieldPath};
use super::pushdown::{Bounds, Plan, pushed_paths};
use super::scope::Scope;
use super::shared::SharedListing;
use super::start_group::StartGroup;
use crate::api::{Filters, KeyId, ListParams, Traffic, request};
use crate::dialect::plan::in_order;
use crate::dialect::plan::operator::no_input;
use crate::pattern::patterns;
use crate::resource::{Pushed, Resource, Values};

/// Ids that a join supplies and that are looked up one by one, while the size of the organization is not known. Of what
/// there is usually less of, they are no more than a listing has pages.
const MAX_LOOKUPS: usize = 30;

/// What EXPLAIN shows in the place of an id that is known only once the query runs, and what becomes of it in a request.
const UNKNOWN: &str = "{id}";
const UNKNOWN_ENCODED: &str = "%7Bid%7D";

/// Requests that EXPLAIN spells out; the rest it counts.
const SHOWN_REQUESTS: usize = 8;

fn max_lookups(resource: &Resource) -> usize {
    let pages = resource.assumed_rows / usize::from(resource.max_page_size);
    MAX_LOOKUPS.min(pages)
}

/// Reads the objects of a resource.
#[derive(Debug, Clone)]
pub(crate) struct ResourceScan {
    /// What plans call it: `ApiKeysScan`.
    name: String,
    connection: Connection,
    known: KnownPages,
    shape: Shape,
    /// The scans that this one starts with.
    group: Option<Arc<StartGroup>>,
    /// Predicates that a join or a sort above supplies while it runs.
    dynamic: Vec<Arc<dyn PhysicalExpr>>,
    /// Predicates of the scan that this one is joined with on the id. They hold for every row that the join has use for,
    /// and are not checked here.
    implied: Vec<Arc<dyn PhysicalExpr>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ResourceScan {
    pub(super) fn new(
        resource: &'static Resource,
        connection: Connection,
        known: KnownPages,
        schema: SchemaRef,
        projection: Vec<usize>,
        fetch: Option<usize>,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        Self {
            name: scan_name(resource.table),
            connection,
            known,
            shape: Shape {
                resource,
                schema,
                projection,
                fields: None,
                predicates: Vec::new(),
                fetch,
                prefetch: true,
                shared: None,
                sources: Vec::new(),
                covered: false,
            },
            group: None,
            dynamic: Vec::new(),
            implied: Vec::new(),
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut scan = self.clone();
        change(&mut scan);
        scan
    }

    /// Returns the same scan, which asks for a page only once the rows so far have proved too few.
    pub(super) fn without_prefetch(&self) -> Self {
        self.with(|scan| scan.shape.prefetch = false)
    }

    /// Returns the same scan, which reads only the fields at `paths` and those that its predicates need.
    pub(super) fn reading(&self, mut paths: Vec<FieldPath>) -> Self {
        let mut scan = self.clone();
        for predicate in &self.shape.predicates {
            paths.extend(fields::paths(
                predicate,
                self.resource(),
                &self.shape.projection,
            ));
        }
        scan.shape.fields = Some(paths);
        scan
    }

    /// Returns what is read.
    pub(super) fn resource(&self) -> &'static Resource {
        self.shape.resource
    }

    /// Returns the positions of the columns in the table.
    pub(super) fn projection(&self) -> &[usize] {
        &self.shape.projection
    }

    /// Returns the requests that the predicates known now allow, and how their answers are to be read.
    fn plan(&self) -> (Plan, Shape) {
        let asked = self.asked();
        let mut shape = self.shape.clone();
        // A listing for few rows has shorter pages than the others want.
        shape.shared = shape
            .shared
            .filter(|shared| shape.fetch.is_none() || shared.is_started());
        let bounds = match &shape.shared {
            // What a join supplies would only ask again for some of what the other scan has asked for.
            Some(_) => asked.clone(),
            None => Bounds::of(self.resource(), &self.dynamic).and(asked.clone()),
        };
        // The plan was made before it was known how many ids the join would supply.
        let pages = match asked.names(Pushed::Get) {
            true => self.known.get(),
            false => self.known.get().or(Some(max_lookups(self.resource()))),
        };
        let plan = Plan::choose(self.resource(), &bounds, pages);
        shape.covered = plan.covers(self.resource(), &asked);
        (plan, shape)
    }

    fn asked(&self) -> Bounds {
        let predicates = self.shape.predicates.iter().chain(&self.implied);
        Bounds::of(self.resource(), predicates)
    }

    /// Returns the predicates that every row satisfies.
    pub(super) fn predicates(&self) -> &[Arc<dyn PhysicalExpr>] {
        &self.shape.predicates
    }

    /// Returns the same scan, of whose rows only those are of use that satisfy `implied`.
    pub(super) fn implying(&self, implied: &[Arc<dyn PhysicalExpr>]) -> Self {
        self.with(|scan| scan.implied.extend(implied.iter().cloned()))
    }

    /// Returns true if the scan reads its answers to their end, whatever they are.
    pub(super) fn reads_all(&self) -> bool {
        self.shape.prefetch && self.shape.fetch.is_none()
    }

    /// Returns the requests of this scan, as far as they are known before the query runs.
    pub(super) fn known_requests(&self) -> Plan {
        Plan::choose(self.resource(), &self.asked(), self.known.get())
    }

    /// Returns the resources whose ids the service requires for those.
    pub(super) fn sources(&self) -> Vec<&'static Resource> {
        let listings = match self.known_requests() {
            Plan::List(filters) => filters,
            Plan::Nothing | Plan::Get { .. } => return Vec::new(),
        };
        let ids = missing(self.resource(), &listings).filter_map(|(_, values)| match values {
            Values::Ids { of, .. } => Some(*of),
            Values::Fixed(_) => None,
        });
        ids.collect()
    }

    /// Returns the same scan, which takes the ids that the service requires from `sources`.
    pub(super) fn fed_by(&self, sources: Vec<Arc<SharedListing>>) -> Self {
        self.with(|scan| scan.shape.sources = sources)
    }

    /// Returns true if the scan lists all there is, as far as is known before the query runs.
    pub(super) fn is_whole(&self) -> bool {
        self.shape.fetch.is_none() && self.shape.predicates.is_empty() && self.implied.is_empty()
    }

    /// Returns true if what a join, a sort or a subquery supplies may save requests. An id alone does not, where a GET
    /// needs more.
    pub(super) fn can_be_narrowed(&self) -> bool {
        let resource = self.resource();
        let mut filters = resource
            .filters
            .iter()
            .filter_map(|filter| filter.required.as_ref());
        let id_is_enough = !filters.any(|required| required.for_get);
        self.narrowed_by()
            .iter()
            .any(|path| match resource.pushed(path) {
                Some(Pushed::Get) => id_is_enough,
                pushed => pushed.is_some(),
            })
    }

    /// Returns the same scan, which waits for no other: what a join supplies is not looked at.
    pub(super) fn independent(&self) -> Self {
        self.with(|scan| scan.dynamic = Vec::new())
    }

    /// Returns the same scan, which starts as soon as one of `group` does.
    pub(super) fn starting_with(&self, group: Arc<StartGroup>) -> Self {
        self.with(|scan| scan.group = Some(group))
    }

    /// Returns the same scan, which reads the pages of `shared`.
    pub(super) fn sharing(&self, shared: Arc<SharedListing>) -> Self {
        self.with(|scan| scan.shape.shared = Some(shared))
    }

    /// Returns the ids of the rows, if the predicates name them and nothing else is to be checked.
    pub(crate) fn known_ids(&self) -> Option<Vec<KeyId>> {
        let bounds = Bounds::of(self.resource(), &self.shape.predicates);
        if self.shape.fetch.is_some() || !self.dynamic.is_empty() {
            return None;
        }
        // However many they are, a listing would tell no more.
        match Plan::choose(self.resource(), &bounds, Some(usize::MAX)) {
            Plan::Nothing => Some(Vec::new()),
            plan if !plan.covers(self.resource(), &bounds) => None,
            Plan::Get { ids, .. } => Some(ids),
            Plan::List(_) => None,
        }
    }

    /// Returns the requests as they go over the wire, at most [`SHOWN_REQUESTS`] of them, and the number of all.
    fn requests(&self) -> (Vec<String>, usize) {
        let (plan, shape) = self.plan();
        match plan {
            Plan::Nothing => (Vec::new(), 0),
            Plan::Get { ids, filters } => {
                let get = |id| request::get(shape.resource, id, &filters);
                let lines = ids.iter().map(|id| get(id).line.to_string());
                (lines.take(SHOWN_REQUESTS).collect(), ids.len())
            }
            Plan::List(filters) => {
                let (sources, filters) = with_sources(shape.resource, filters);
                let count = sources.len() + filters.len();
                let lines = filters.into_iter().map(|filters| {
                    let params = ListParams {
                        resource: shape.resource,
                        filters,
                        all: true,
                        page_size: shape.page_size(),
                    };
                    let params = match self.connection.client() {
                        Ok(client) => client.accepted(params),
                        Err(_) => params,
                    };
                    let line = request::list(&params, None).line.to_string();
                    line.replace(UNKNOWN_ENCODED, UNKNOWN)
                });
                let lines = sources.into_iter().chain(lines);
                (lines.take(SHOWN_REQUESTS).collect(), count)
            }
        }
    }

    /// Returns the predicates that the requests carry, and those that are only checked here.
    fn split(&self) -> (Vec<String>, Vec<String>) {
        let (plan, _) = self.plan();
        let (pushed, checked): (Vec<_>, Vec<_>) = self.shape.predicates.iter().partition(|p| {
            let bounds = Bounds::of(self.resource(), [*p]);
            plan == Plan::Nothing
                || (bounds != Bounds::ALL && plan.covers(self.resource(), &bounds))
        });
        let text = |predicates: Vec<&Arc<dyn PhysicalExpr>>| {
            predicates.into_iter().map(readable).collect()
        };
        (text(pushed), text(checked))
    }

    /// Returns the paths for which a join, a sort or a subquery may supply values that save requests.
    fn narrowed_by(&self) -> Vec<String> {
        let pending = self.shape.predicates.iter().filter(|p| is_pending(p));
        let paths: BTreeSet<_> = pending
            .chain(&self.dynamic)
            .flat_map(|predicate| pushed_paths(self.resource(), predicate))
            .collect();
        paths.into_iter().collect()
    }
}

/// Returns `listings` with all that the service requires, `{id}` where a value is known only once the query runs; and
/// the requests that will tell those values.
fn with_sources(
    resource: &'static Resource,
    mut listings: Vec<Filters>,
) -> (Vec<String>, Vec<Filters>) {
    let mut sources = Vec::new();
    for (filter, values) in missing(resource, &listings.clone()) {
        let values: Vec<String> = match values {
            Values::Fixed(values) => values.iter().map(|value| (*value).to_owned()).collect(),
            Values::Ids { of, prefix, .. } => {
                sources.push(request::list(&ListParams::all(of), None).line.to_string());
                vec![format!("{prefix}{UNKNOWN}")]
            }
        };
        listings = with_each(&listings, filter.parameter, &values);
    }
    (sources, listings)
}

/// Returns what plans call a scan of `table`: `RoleBindingsScan` for `role_bindings`.
fn scan_name(table: &str) -> String {
    let words = table.split('_').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        first.to_uppercase() + rest
    });
    words.collect::<String>() + "Scan"
}

/// Returns true if `predicate` holds a value that is known only once the query runs.
fn is_pending(predicate: &Arc<dyn PhysicalExpr>) -> bool {
    let expr: &dyn std::any::Any = predicate.as_ref();
    expr.is::<ScalarSubqueryExpr>() || predicate.children().into_iter().any(is_pending)
}

patterns! {
    /// A physical expression that reads a field of a nested column.
    FIELD = r"get_field\((\w+)@\d+((?:, \w+)+)\)";
    /// A column of a physical expression, with its index.
    COLUMN = r"\b(\w+)@\d+";
}

/// Returns `predicate` with columns as they are typed: `get_field(spec@1, owner, id)` is `spec.owner.id`.
fn readable(predicate: &Arc<dyn PhysicalExpr>) -> String {
    let text = predicate.to_string();
    let text = FIELD.replace_all(&text, |found: &Captures<'_>| {
        format!("{}{}", &found[1], found[2].replace(", ", "."))
    });
    COLUMN.replace_all(&text, "$1").into_owned()
}

impl DisplayAs for ResourceScan {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (requests, count) = self.requests();
        let (pushed, checked) = self.split();
        if matches!(format, DisplayFormatType::TreeRender) {
            // A line with a `=` is taken apart at the first one.
            for request in requests {
                writeln!(f, "{}", request.replace('=', ": "))?;
            }
            return Ok(());
        }
        write!(f, "{}: ", self.name)?;
        match count {
            0 => write!(f, "no requests")?,
            _ => write!(f, "requests=[{}", requests.join(", "))?,
        }
        if count > requests.len() {
            write!(f, ", … {} in all", count)?;
        }
        if count > 0 {
            write!(f, "]")?;
        }
        if !pushed.is_empty() {
            write!(f, ", pushed=[{}]", pushed.join(", "))?;
        }
        if !checked.is_empty() {
            write!(f, ", checked here=[{}]", checked.join(", "))?;
        }
        let narrowed = self.narrowed_by();
        if !narrowed.is_empty() {
            write!(
                f,
                ", may be narrowed while running by=[{}]",
                narrowed.join(", ")
            )?;
        }
        if self.shape.shared.is_some() {
            write!(f, ", shared with another scan")?;
        }
        if let Some(fetch) = self.shape.fetch {
            write!(f, ", fetch={fetch}")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for ResourceScan {
    fn name(&self) -> &str {
        &self.name
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    no_input!();

    // A join looks here for consumers of the predicates that it supplies.
    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for expr in self.shape.predicates.iter().chain(&self.dynamic) {
            if f(expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        result: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let filters: Vec<_> = result
            .parent_filters
            .into_iter()
            .map(|f| f.filter)
            .collect();
        if filters.is_empty() {
            return Ok(FilterPushdownPropagation::with_parent_pushdown_result(
                Vec::new(),
            ));
        }
        let mut scan = self.clone();
        let verdict = match phase {
            // A limit that was pushed before the predicate counts rows that the predicate has not seen.
            FilterPushdownPhase::Pre if self.shape.fetch.is_none() => {
                let mut predicates = std::mem::take(&mut scan.shape.predicates);
                predicates.extend(filters.iter().cloned());
                scan.shape.predicates = in_order(predicates, &scan.shape.schema);
                PushedDown::Yes
            }
            FilterPushdownPhase::Pre => PushedDown::No,
            FilterPushdownPhase::Post => {
                scan.dynamic.extend(filters.iter().cloned());
                PushedDown::No
            }
        };
        let verdicts = filters.iter().map(|_| verdict).collect();
        Ok(
            FilterPushdownPropagation::with_parent_pushdown_result(verdicts)
                .with_updated_node(Arc::new(scan)),
        )
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(Arc::new(self.with(|scan| scan.shape.fetch = limit)))
    }

    fn fetch(&self) -> Option<usize> {
        self.shape.fetch
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let (plan, _) = self.plan();
        let page_size = usize::from(self.resource().max_page_size);
        let all = self
            .known
            .get()
            .map_or(self.resource().assumed_rows, |pages| pages * page_size);
        let rows = match plan {
            Plan::Nothing => 0,
            Plan::Get { ids, .. } => ids.len(),
            Plan::List(filters) if filters.iter().all(|filters| !filters.is_empty()) => {
                filters.len() * page_size
            }
            Plan::List(_) => all,
        };
        let rows = self.shape.fetch.map_or(rows, |fetch| rows.min(fetch));
        let statistics = Statistics::new_unknown(&self.shape.schema);
        Ok(Arc::new(statistics.with_num_rows(Precision::Inexact(rows))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("{} has one partition, not {partition}", self.name);
        }
        let scope = context
            .session_config()
            .get_extension::<Scope>()
            .unwrap_or_default();
        let traffic = Arc::new(Traffic::child_of(Arc::clone(scope.traffic())));
        let scan = Self {
            // It would keep itself waiting.
            group: None,
            ..self.clone()
        };
        let started = Arc::clone(&traffic);
        // Predicates that depend on other parts of the query have their values only once it runs.
        let rows = stream::once(async move {
            let (plan, shape) = scan.plan();
            if plan == Plan::Nothing {
                return Ok::<_, DataFusionError>(stream::empty().boxed());
            }
            let client = scan.connection.client()?;
            let client = scope.client(client, started);
            scope.push(scan.split().0);
            scope.misspelled(scan.asked().misspelled(shape.resource));
            Ok(fetch::rows(client, plan, shape, scan.known, scope))
        })
        .try_flatten();
        let rows = match &self.group {
            Some(group) => group.joined_by(rows.boxed()),
            None => rows.boxed(),
        };
        let rows = measured(rows, &self.metrics, traffic);
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.shape.schema),
            rows,
        )))
    }
}

/// Copies the figures of the requests into the metrics that EXPLAIN ANALYZE shows.
fn measured(
    rows: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
    metrics: &ExecutionPlanMetricsSet,
    traffic: Arc<Traffic>,
) -> impl Stream<Item = Result<RecordBatch>> + Send + 'static {
    let counter = |name: &'static str| MetricBuilder::new(metrics).counter(name, 0);
    let output = MetricBuilder::new(metrics).output_rows(0);
    let requests = counter("requests");
    let retries = counter("retries");
    let bytes = counter("bytes");
    let wire = MetricBuilder::new(metrics).subset_time("wire_time", 0);
    let rows = rows.map(Some).chain(stream::iter([None]));
    rows.filter_map(move |batch| {
        let figures = traffic.figures();
        let behind = |now: u64, counter: &Count| (now as usize).saturating_sub(counter.value());
        requests.add(behind(figures.requests, &requests));
        retries.add(behind(figures.retries, &retries));
        bytes.add(behind(figures.bytes, &bytes));
        let known = Duration::from_nanos(wire.value() as u64);
        wire.add_duration(figures.wire.saturating_sub(known));
        if let Some(Ok(batch)) = &batch {
            output.add(batch.num_rows());
        }
        std::future::ready(batch)
    })
}
