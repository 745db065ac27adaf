//! Streams of rows that start together, as soon as one of them is polled.
//!
//! A stream that is ahead of its reader keeps its rows, but no more of them than a join would keep of the side that it
//! reads first. Knows no scan and no plan.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use futures::stream::{self, BoxStream, StreamExt};
use parking_lot::Mutex;
use tokio::sync::mpsc;

type Rows = BoxStream<'static, Result<RecordBatch>>;

/// Scans that start together.
#[derive(Default)]
pub(super) struct StartGroup {
    /// What starts those that are not under way yet.
    waiting: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

impl fmt::Debug for StartGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartGroup").finish_non_exhaustive()
    }
}

impl StartGroup {
    /// Returns `rows`, which are read from the moment on that one of this set is asked for a row. They end with the
    /// stream.
    pub(super) fn joined_by(self: &Arc<Self>, mut rows: Rows) -> Rows {
        let (give, given) = mpsc::unbounded_channel();
        let task: Arc<Mutex<Option<SpawnedTask<()>>>> = Arc::default();
        let place = Arc::downgrade(&task);
        self.waiting.lock().push(Box::new(move || {
            // Without a place the rows are not wanted any more.
            if let Some(place) = place.upgrade() {
                *place.lock() = Some(SpawnedTask::spawn(async move {
                    while let Some(batch) = rows.next().await
                        && give.send(batch).is_ok()
                    {}
                }));
            }
        }));
        let together = Arc::clone(self);
        let started = async move {
            let waiting = std::mem::take(&mut *together.waiting.lock());
            waiting.into_iter().for_each(|start| start());
            stream::unfold((given, task), |(mut given, task)| async move {
                if let Some(batch) = given.recv().await {
                    return Some((batch, (given, task)));
                }
                // A panic is no end of the rows.
                let ended = task.lock().take()?;
                match ended.join().await {
                    Ok(()) => None,
                    Err(error) => {
                        let error = DataFusionError::External(Box::new(error));
                        Some((Err(error), (given, task)))
                    }
                }
            })
        };
        stream::once(started).flatten().boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::Schema;

    fn batch() -> Result<RecordBatch> {
        Ok(RecordBatch::new_empty(Arc::new(Schema::empty())))
    }

    /// Rows that say by `said` when they are read.
    fn rows(said: &mpsc::UnboundedSender<&'static str>, name: &'static str) -> Rows {
        let said = said.clone();
        stream::iter(0..2)
            .map(move |_| {
                let _ = said.send(name);
                batch()
            })
            .boxed()
    }

    #[tokio::test]
    async fn the_first_that_is_asked_starts_all() {
        let (said, mut heard) = mpsc::unbounded_channel();
        let together = Arc::new(StartGroup::default());
        let mut first = together.joined_by(rows(&said, "a"));
        let mut second = together.joined_by(rows(&said, "b"));
        assert!(heard.try_recv().is_err());
        assert!(second.next().await.is_some());
        let mut names = Vec::new();
        for _ in 0..4 {
            names.extend(heard.recv().await);
        }
        names.sort_unstable();
        assert_eq!(names, ["a", "a", "b", "b"]);
        assert!(second.next().await.is_some() && second.next().await.is_none());
        assert!(first.next().await.is_some());
    }

    #[tokio::test]
    async fn one_that_nobody_wants_any_more_is_not_started() {
        let (said, mut heard) = mpsc::unbounded_channel();
        let together = Arc::new(StartGroup::default());
        drop(together.joined_by(rows(&said, "a")));
        let left = together.joined_by(rows(&said, "b"));
        assert_eq!(left.count().await, 2);
        drop(said);
        while let Some(name) = heard.recv().await {
            assert_eq!(name, "b");
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_no_end() {
        let together = Arc::new(StartGroup::default());
        let broken = stream::iter([0]).map(|_| -> Result<RecordBatch> { panic!("broken") });
        let read: Vec<_> = together.joined_by(broken.boxed()).collect().await;
        assert!(matches!(read.as_slice(), [Err(_)]));
    }
}
