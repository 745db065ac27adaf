//! Limits on the requests of one statement, and their counter.
//!
//! Read-only mode and the bound on a statement's requests are enforced here, where requests are sent, and not only
//! where statements are parsed: no request is sent that violates them, whatever planned it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::call::Stop;
use super::traffic::Traffic;

/// The terms under which calls are made.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestLimits {
    /// Counts the requests.
    pub(crate) traffic: Arc<Traffic>,
    /// Ends the calls.
    pub(crate) stop: Stop,
    /// How many requests may be sent.
    pub(crate) budget: Budget,
    /// True if nothing may be sent that changes something.
    pub(crate) reads_only: bool,
}

/// How many more requests may be sent, shared by everything that sends them for one statement; unbounded unless set.
/// Repeated requests count like first ones.
#[derive(Debug, Clone, Default)]
pub struct Budget(Option<Arc<Allowance>>);

#[derive(Debug)]
struct Allowance {
    most: u64,
    sent: AtomicU64,
}

impl Budget {
    /// Allows `most` requests.
    pub fn of(most: u64) -> Self {
        let sent = AtomicU64::new(0);
        Self(Some(Arc::new(Allowance { most, sent })))
    }

    /// Takes one request.
    ///
    /// Fails with the most that there were if none is left.
    pub(crate) fn take(&self) -> Result<(), u64> {
        let Some(allowance) = &self.0 else {
            return Ok(());
        };
        let next = |sent| (sent < allowance.most).then_some(sent + 1);
        let taken = allowance
            .sent
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
        taken.map(drop).map_err(|_| allowance.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_budget_share_it() {
        let budget = Budget::of(2);
        assert_eq!(budget.take(), Ok(()));
        assert_eq!(budget.clone().take(), Ok(()));
        assert_eq!(budget.take(), Err(2));
        assert_eq!(Budget::of(0).take(), Err(0));
        assert_eq!(Budget::default().take(), Ok(()));
    }
}
