//! Returns the partitions of its input one after another, where the engine would interleave them.
//!
//! Two ways: each is started only once the ones before it have ended, since below a LIMIT the others would send requests
//! for rows that are not needed; or all are started at once and a few batches of each are prefetched.

use std::fmt;
use std::sync::Arc;

use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties,
};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::operator::{Plan, named, no_expressions, one_input, unknown_statistics};

/// How many batches of a partition are prefetched before its turn.
const PREFETCHED: usize = 2;

/// Gives the rows of the partitions of its input one after another.
#[derive(Debug)]
pub(crate) struct SequentialExec {
    input: Arc<dyn ExecutionPlan>,
    prefetches: bool,
    properties: Arc<PlanProperties>,
}

impl SequentialExec {
    /// Starts each partition once the ones before it have ended.
    pub(crate) fn one_by_one(input: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(input, false)
    }

    /// Starts all partitions at once.
    pub(crate) fn prefetching(input: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(input, true)
    }

    fn new(input: Arc<dyn ExecutionPlan>, prefetches: bool) -> Self {
        // What holds in each partition by itself does not hold for all of them one after the other.
        let mut equivalences = input.equivalence_properties().clone();
        equivalences.clear_orderings();
        equivalences.clear_per_partition_constants();
        let properties = PlanProperties::new(
            equivalences,
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            input.boundedness(),
        )
        .with_scheduling_type(input.properties().scheduling_type);
        Self {
            input,
            prefetches,
            properties: Arc::new(properties),
        }
    }

    fn over(&self, input: Plan) -> Plan {
        Arc::new(Self::new(input, self.prefetches))
    }
}

impl DisplayAs for SequentialExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => Ok(()),
            _ => f.write_str("SequentialExec"),
        }
    }
}

impl ExecutionPlan for SequentialExec {
    named!("SequentialExec", properties);
    one_input!();
    no_expressions!();

    unknown_statistics!();

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("a sequence has one partition, not {partition}");
        }
        let partitions = 0..self.input.output_partitioning().partition_count();
        let input = Arc::clone(&self.input);
        let parts = partitions.map(move |part| input.execute(part, Arc::clone(&context)));
        let rows = match self.prefetches {
            true => {
                let parts: Vec<_> = parts
                    .map(|part| Ok(prefetched(part?)))
                    .collect::<Result<_>>()?;
                stream::iter(parts).flatten().boxed()
            }
            false => stream::iter(parts).try_flatten().boxed(),
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// Reads `batches` in a task of its own.
fn prefetched(mut batches: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let mut builder = RecordBatchReceiverStream::builder(batches.schema(), PREFETCHED);
    let given = builder.tx();
    builder.spawn(async move {
        while let Some(batch) = batches.next().await {
            // Nobody takes it if the query has ended.
            if given.send(batch).await.is_err() {
                break;
            }
        }
        Ok(())
    });
    builder.build()
}
