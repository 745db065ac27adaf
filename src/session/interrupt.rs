//! A request to stop, from Ctrl-C or SIGTERM, that a statement can wait for.
//!
//! A query is dropped at once, along with its requests. A write finishes the requests in flight and then stops, because
//! a request that was sent may take effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::api::Stop;
use crate::error::Error;

/// A flag that asks the running statement to stop.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    raised: watch::Sender<bool>,
    reader_limit: Option<Duration>,
    /// Statements under way.
    running: Arc<AtomicUsize>,
    /// Those of them that send requests which change keys.
    sending: Arc<AtomicUsize>,
}

/// Counts a statement for as long as it lives.
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn by(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Interrupt {
    /// A flag for statements whose readers may pause for no longer than `limit`. Without one, a paused reader is waited
    /// for until the statement is asked to stop: a person may be reading in a pager.
    pub fn with_reader_limit(limit: Option<Duration>) -> Self {
        Self {
            reader_limit: limit,
            ..Self::default()
        }
    }

    /// Returns how long the reader of the rows may take none.
    pub fn reader_limit(&self) -> Option<Duration> {
        self.reader_limit
    }

    /// Asks the running statement to stop.
    pub fn raise(&self) {
        self.raised.send_replace(true);
    }

    /// Forgets an earlier request, before the next statement.
    pub fn clear(&self) {
        self.raised.send_replace(false);
    }

    /// Returns true if the statement was asked to stop.
    pub fn is_raised(&self) -> bool {
        *self.raised.borrow()
    }

    /// Says that a statement runs until what is returned is dropped.
    pub(crate) fn running(&self) -> Counted {
        Counted::by(&self.running)
    }

    /// Says that requests which change keys are under way until what is returned is dropped.
    pub(super) fn sending(&self) -> Counted {
        Counted::by(&self.sending)
    }

    /// Returns true if a statement runs.
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::SeqCst) > 0
    }

    /// Returns true if requests which change keys are under way, that nothing may drop.
    pub fn is_sending(&self) -> bool {
        self.sending.load(Ordering::SeqCst) > 0
    }

    /// Returns a handle that stops a client from sending further requests.
    pub(crate) fn stop(&self) -> Stop {
        Stop::when(self.raised.subscribe())
    }

    /// Returns once the statement is asked to stop.
    pub async fn raised(&self) {
        let mut receiver = self.raised.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = receiver.wait_for(|raised| *raised).await;
    }

    /// Runs `work`, and drops it when the statement is asked to stop.
    ///
    /// Fails if `work` does, and if it was stopped.
    pub(crate) async fn stops<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            outcome = work => outcome,
            () = self.raised() => Err(Error::interrupted()),
        }
    }
}
