//! The rows of a query, computed on a thread of their own, so that whoever waits for them can stop waiting.
//!
//! The engine yields between batches at best: a cross join, a file that never ends or a device that accepts every write
//! occupy a thread for ever, and a signal or a limit would be noticed only afterwards. A thread cannot be killed from
//! outside. An abandoned one drops its work at its next yield, and does not keep the program from ending. It computes
//! nothing before rows are asked for, and then one batch ahead, while the one before is written.
//!
//! A statement that produces no row and receives no answer from the service within the timeout is abandoned.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use futures::{Stream, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep};

use super::memory;
use super::planner_thread::ENGINE_THREAD;
use crate::api::{Figures, Traffic};
use crate::error::{Error, ErrorKind};

/// The stack of the thread, in bytes: the engine goes over expressions by recursion when it evaluates them, in smaller
/// steps than when it plans them.
const STACK: usize = 64 * 1024 * 1024;

/// Lets the operators of `plan` that make many rows of few yield now and then, so that no thread has to be abandoned
/// while it still computes.
pub(super) fn giving_way(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|plan| {
        let multiplies = plan.downcast_ref::<CrossJoinExec>().is_some()
            || plan.downcast_ref::<NestedLoopJoinExec>().is_some()
            || plan.downcast_ref::<HashJoinExec>().is_some()
            || plan.downcast_ref::<RecursiveQueryExec>().is_some();
        Ok(match multiplies {
            true => Transformed::yes(Arc::new(CooperativeExec::new(plan)) as _),
            false => Transformed::no(plan),
        })
    })
    .data()
}

/// How much longer a statement may take than one of its requests, whose error says more.
const GRACE: Duration = Duration::from_millis(500);

/// How long rows may be waited for.
pub(super) struct Patience {
    /// Without a row, and without an answer to a request.
    pub(super) limit: Duration,
    /// The figures of the requests.
    pub(super) traffic: Arc<Traffic>,
}

/// Computes the batches of `rows` on a thread of their own.
pub(super) fn on_a_thread(
    mut rows: SendableRecordBatchStream,
    patience: Patience,
) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let (ask, mut asked) = mpsc::channel::<()>(1);
    let (give, given) = mpsc::channel(1);
    let (hand_over, handed_over) = std::sync::mpsc::channel::<SendableRecordBatchStream>();
    let runtime = Handle::current();
    let thread = thread::Builder::new()
        .name(ENGINE_THREAD.to_owned())
        .stack_size(STACK)
        .spawn(move || {
            let Ok(mut rows) = handed_over.recv() else {
                return;
            };
            runtime.block_on(async {
                while asked.recv().await.is_some() {
                    let batch = tokio::select! {
                        biased;
                        () = give.closed() => return,
                        batch = rows.next() => batch,
                    };
                    let Some(batch) = batch else {
                        drop(rows);
                        // The end, which a panic does not send.
                        let _ = give.send(None).await;
                        return;
                    };
                    if give.send(Some(batch)).await.is_err() {
                        return;
                    }
                }
            });
        });
    let Ok(thread) = thread else {
        // Where there is no room for a thread, there is still this one.
        return rows;
    };
    if let Err(unsent) = hand_over.send(rows) {
        rows = unsent.0;
        return rows;
    }
    Box::pin(Elsewhere {
        schema,
        ask,
        given,
        thread: Some(thread),
        is_asked: false,
        waited: None,
        is_over: false,
        patience,
    })
}

struct Elsewhere {
    schema: SchemaRef,
    /// Dropped before the channels, which end it: to let go of a thread that is ending at that moment is a race in glibc,
    /// which ends the program.
    thread: Option<thread::JoinHandle<()>>,
    ask: mpsc::Sender<()>,
    given: mpsc::Receiver<Option<Result<RecordBatch>>>,
    /// Whether a batch is asked for and not given yet.
    is_asked: bool,
    /// For how long its consumer has been waiting for it.
    waited: Option<Waited>,
    is_over: bool,
    patience: Patience,
}

/// When the figures are looked at next, and what they were at the last look.
struct Waited(Pin<Box<Sleep>>, Figures);

impl Elsewhere {
    fn ask_for_one(&mut self) {
        if !std::mem::replace(&mut self.is_asked, true) {
            // There is room for one, and one is asked for at a time.
            let _ = self.ask.try_send(());
        }
    }

    /// Returns the error if nothing has happened for too long.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<DataFusionError> {
        let limit = self.patience.limit + GRACE;
        while let Some(Waited(look, before)) = &mut self.waited {
            std::task::ready!(look.as_mut().poll(context));
            let figures = self.patience.traffic.figures();
            if figures == *before {
                let error = Error::statement(format!(
                    "the statement has made no progress for {} s",
                    self.patience.limit.as_secs()
                ));
                let error = error.hint("pass --timeout to allow more time");
                return Poll::Ready(error.into());
            }
            *before = figures;
            look.as_mut().reset(Instant::now() + limit);
        }
        Poll::Pending
    }
}

impl Stream for Elsewhere {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        self.ask_for_one();
        if self.waited.is_none() {
            let look = Box::pin(sleep(self.patience.limit + GRACE));
            self.waited = Some(Waited(look, self.patience.traffic.figures()));
        }
        let Poll::Ready(given) = self.given.poll_recv(context) else {
            let error = std::task::ready!(self.poll_patience(context));
            self.is_over = true;
            return Poll::Ready(Some(Err(error)));
        };
        (self.is_asked, self.waited) = (false, None);
        Poll::Ready(match given {
            Some(Some(batch)) => {
                if batch.is_ok() {
                    self.ask_for_one();
                }
                Some(batch)
            }
            Some(None) => {
                self.is_over = true;
                // It has nothing more to do.
                let _ = self.thread.take().map(thread::JoinHandle::join);
                None
            }
            // Only a panic ends the thread without an answer.
            None => {
                self.is_over = true;
                let thread = self.thread.take();
                let panic = thread.and_then(|thread| thread.join().err());
                Some(Err(panicked(panic.as_deref().unwrap_or(&())).into()))
            }
        })
    }
}

impl RecordBatchStream for Elsewhere {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// Returns the error of a statement whose thread panicked and left `panic` behind.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    if said.is_some_and(memory::is_overflow) {
        return memory::overflow();
    }
    Error::new(
        ErrorKind::Internal,
        format!(
            "a bug in iamql ended the statement: {}",
            said.unwrap_or("no reason was given")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::Schema;
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use futures::stream;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn rows(
        batches: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
    ) -> SendableRecordBatchStream {
        let schema = Arc::new(Schema::empty());
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }

    fn patience(limit: u64) -> Patience {
        Patience {
            limit: Duration::from_secs(limit),
            traffic: Arc::default(),
        }
    }

    fn batch() -> Result<RecordBatch> {
        Ok(RecordBatch::new_empty(Arc::new(Schema::empty())))
    }

    #[tokio::test]
    async fn one_batch_is_computed_ahead_and_none_before_rows_are_asked_for() {
        let computed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&computed);
        let batches = stream::iter(0..3).map(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            batch()
        });
        let mut given = on_a_thread(rows(batches), patience(600));
        assert_eq!(computed.load(Ordering::SeqCst), 0);
        for given_before in 0..3 {
            given.next().await.unwrap().unwrap();
            let computed = computed.load(Ordering::SeqCst) - given_before;
            assert!(matches!(computed, 1..=2), "{computed}");
        }
        assert!(given.next().await.is_none());
        assert!(given.next().await.is_none());
    }

    #[tokio::test]
    async fn nobody_waits_for_rows_that_never_come() {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let (dropped, drops) = std::sync::mpsc::channel::<()>();
        let ended = std::sync::Mutex::new(ended);
        let stuck = stream::poll_fn(move |_| {
            let _dropped = &dropped;
            // As a cross join does, without giving way.
            let _ = ended.lock().unwrap().recv();
            Poll::Pending
        });
        let mut given = on_a_thread(rows(stuck), patience(600));
        let started = Instant::now();
        let waited = tokio::time::timeout(Duration::from_millis(20), given.next()).await;
        assert!(waited.is_err());
        drop(given);
        assert!(started.elapsed() < Duration::from_secs(30));
        drop(end);
        // It is dropped where it gives way for the first time.
        assert!(drops.recv().is_err());
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let panics = stream::poll_fn(|_| panic!("of the rows"));
        let mut given = on_a_thread(rows(panics), patience(600));
        let error = given.next().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("of the rows"), "{error}");
        assert!(given.next().await.is_none());
    }

    #[tokio::test]
    async fn a_column_that_is_too_long_is_no_defect() {
        let panics = stream::poll_fn(|_| panic!("byte array offset overflow"));
        let mut given = on_a_thread(rows(panics), patience(600));
        let error = given.next().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("2 GiB"), "{error}");
    }

    #[tokio::test]
    async fn what_takes_too_long_is_given_up_unless_the_service_answers() {
        let patience = patience(0);
        let traffic = Arc::clone(&patience.traffic);
        let mut given = on_a_thread(rows(stream::pending()), patience);
        let waited = tokio::time::timeout(Duration::from_millis(400), given.next()).await;
        assert!(waited.is_err());
        traffic.answered(1, Duration::ZERO);
        let waited = tokio::time::timeout(Duration::from_millis(400), given.next()).await;
        assert!(waited.is_err(), "its patience begins anew");
        let error = given.next().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("no progress for 0 s"), "{error}");
        assert!(given.next().await.is_none());
    }
}
