//! What a statement cost in requests.
//!
//! Counts what the client sends and receives for one statement, for status lines, `EXPLAIN ANALYZE` and live progress.
//! Counters have parents, so that a scan's figures are added to its statement's. Depends on nothing but the request
//! line; never influences what is sent.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::request::RequestLine;

/// The most request lines that are kept for display.
const MAX_LINES: usize = 1000;

/// Counters of one statement, or of a part of it. Shared by `Arc`, updated while requests run.
#[derive(Debug, Default)]
pub struct Traffic {
    parent: Option<Arc<Traffic>>,
    counters: Mutex<Counters>,
    answered: Notify,
}

#[derive(Debug, Default)]
struct Counters {
    figures: Figures,
    lines: Vec<RequestLine>,
    waiting_until: Option<Instant>,
}

/// A snapshot of the counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests sent, including repeated ones.
    pub requests: u64,
    /// How many of them repeated an earlier one.
    pub retries: u64,
    /// Bytes of bodies received, after decompression.
    pub bytes: u64,
    /// Time between sending requests and receiving their answers, summed over all requests, including concurrent ones.
    pub wire: Duration,
    /// Pages of listings received.
    pub pages: u64,
    /// Keys on those pages.
    pub keys: u64,
}

impl Traffic {
    /// Returns counters whose counts are added to `parent`'s as well.
    pub fn child_of(parent: Arc<Traffic>) -> Self {
        Self {
            parent: Some(parent),
            ..Self::default()
        }
    }

    /// Returns a snapshot of the counters.
    pub fn figures(&self) -> Figures {
        self.counters.lock().figures
    }

    /// Returns the lines of the first 1000 requests, in the order they were sent.
    pub fn lines(&self) -> Vec<RequestLine> {
        self.counters.lock().lines.clone()
    }

    /// Returns how long the service's rate limit will still hold requests back; `None` if it does not.
    pub fn waiting(&self) -> Option<Duration> {
        let until = self.counters.lock().waiting_until?;
        Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// Returns once a request has been answered since the last call. One waits at a time.
    pub async fn answer(&self) {
        self.answered.notified().await;
    }

    pub(crate) fn sent(&self, line: &RequestLine, again: bool) {
        self.each(|counters| {
            counters.figures.requests += 1;
            counters.figures.retries += u64::from(again);
            if counters.lines.len() < MAX_LINES {
                counters.lines.push(line.clone());
            }
        });
    }

    pub(crate) fn answered(&self, bytes: usize, took: Duration) {
        self.each(|counters| {
            let figures = &mut counters.figures;
            figures.bytes += bytes as u64;
            figures.wire = figures.wire.saturating_add(took);
        });
        for traffic in self.and_ancestors() {
            traffic.answered.notify_one();
        }
    }

    pub(crate) fn listed(&self, pages: usize, keys: usize) {
        self.each(|counters| {
            counters.figures.pages += pages as u64;
            counters.figures.keys += keys as u64;
        });
    }

    pub(crate) fn waits_until(&self, until: Instant) {
        self.each(|counters| counters.waiting_until = counters.waiting_until.max(Some(until)));
    }

    /// Calls `count` with the counters of this and of all its ancestors.
    fn each(&self, count: impl Fn(&mut Counters)) {
        for traffic in self.and_ancestors() {
            count(&mut traffic.counters.lock());
        }
    }

    fn and_ancestors(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |traffic| traffic.parent.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::{self, ListParams};
    use super::*;
    use crate::resource::API_KEYS;

    #[test]
    fn counts_add_up_into_the_parent_s() {
        let statement = Arc::new(Traffic::default());
        let line = request::list(&ListParams::all(&API_KEYS), None).line;
        for _ in 0..2 {
            let scan = Traffic::child_of(Arc::clone(&statement));
            scan.sent(&line, false);
            scan.sent(&line, true);
            scan.answered(10, Duration::from_millis(3));
            scan.listed(1, 7);
            assert_eq!(scan.figures().requests, 2);
        }
        let expected = Figures {
            requests: 4,
            retries: 2,
            bytes: 20,
            wire: Duration::from_millis(6),
            pages: 2,
            keys: 14,
        };
        assert_eq!(statement.figures(), expected);
        assert_eq!(statement.lines(), vec![line; 4]);
    }

    #[test]
    fn only_so_many_lines_are_kept() {
        let traffic = Traffic::default();
        let line = request::list(&ListParams::all(&API_KEYS), None).line;
        (0..MAX_LINES + 5).for_each(|_| traffic.sent(&line, false));
        assert_eq!(
            (traffic.lines().len(), traffic.figures().requests),
            (MAX_LINES, MAX_LINES as u64 + 5)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_wait_is_the_one_shown() {
        let traffic = Traffic::default();
        assert_eq!(traffic.waiting(), None);
        let start = Instant::now();
        traffic.waits_until(start + Duration::from_secs(9));
        traffic.waits_until(start + Duration::from_secs(2));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(traffic.waiting(), Some(Duration::from_secs(5)));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(traffic.waiting(), None);
    }
}
