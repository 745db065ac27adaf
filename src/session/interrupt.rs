//! A request to stop, from Ctrl-C or SIGTERM, that a statement can wait for.
//!
//! A query is dropped at once, along with its requests. A write finishes the requests in flight and then stops, because
//! a request that was sent may take effect.

use tokio::sync::watch;

use crate::api::Stop;
use crate::error::Error;

/// A flag that asks the running statement to stop.
#[derive(Debug, Clone)]
pub struct Interrupt(watch::Sender<bool>);

impl Default for Interrupt {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Interrupt {
    /// Asks the running statement to stop.
    pub fn raise(&self) {
        self.0.send_replace(true);
    }

    /// Forgets an earlier request, before the next statement.
    pub fn clear(&self) {
        self.0.send_replace(false);
    }

    /// Returns true if the statement was asked to stop.
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns a handle that stops a client from sending further requests.
    pub(crate) fn stop(&self) -> Stop {
        Stop::when(self.0.subscribe())
    }

    /// Returns once the statement is asked to stop.
    pub async fn raised(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = receiver.wait_for(|raised| *raised).await;
    }

    /// Runs `work`, and drops it when the statement is asked to stop.
    ///
    /// # Errors
    ///
    /// Fails if `work` does, and if it was stopped.
    pub(super) async fn stops<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            outcome = work => outcome,
            () = self.raised() => Err(Error::interrupted()),
        }
    }
}
