//! Requests that change something, side by side, stopped in an orderly way.
//!
//! A request that was sent may have been carried out, so none is ever dropped: after a failure or an interruption no
//! further one is sent, and those under way are waited for.

use std::future::Future;

use futures::StreamExt;
use futures::stream::FuturesOrdered;

use crate::api;
use crate::session::Interrupt;

/// How the requests of a statement ended.
#[derive(Debug)]
pub(super) struct Outcomes<E> {
    /// The positions that were done, in order.
    pub(super) done: Vec<usize>,
    /// What failed, by position, in order.
    pub(super) failed: Vec<(usize, E)>,
    /// How many were never sent.
    pub(super) not_tried: usize,
    /// True if it was interrupted.
    pub(super) is_interrupted: bool,
}

impl Outcomes<api::Error> {
    /// Counts what was stopped before it could have an effect among what was not tried.
    pub(super) fn settled(mut self) -> Self {
        let failed = self.failed.len();
        self.failed.retain(|(_, error)| !error.is_not_sent());
        self.not_tried += failed - self.failed.len();
        self
    }
}

/// How many requests go side by side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Width {
    /// At most so many at a time.
    pub(super) concurrency: usize,
    /// The last one is sent only after all others were answered.
    pub(super) last_alone: bool,
}

/// Runs `request` for each position below `count`, as many at a time as `width` says.
///
/// Each success is given to `deliver` in order of position, which returns false to stop. Stops at the first failure,
/// at the first success that could not be delivered, and when `interrupt` is raised.
pub(super) async fn run<T, E, F: Future<Output = Result<T, E>>>(
    count: usize,
    width: Width,
    interrupt: &Interrupt,
    request: impl Fn(usize) -> F,
    mut deliver: impl AsyncFnMut(usize, T) -> bool,
) -> Outcomes<E> {
    let mut outcomes = Outcomes {
        done: Vec::new(),
        failed: Vec::new(),
        not_tried: 0,
        is_interrupted: false,
    };
    let mut under_way = FuturesOrdered::new();
    let mut next = 0;
    let mut is_stopped = false;
    loop {
        while !is_stopped && !interrupt.is_raised() && next < count {
            let waits = width.last_alone && next + 1 == count && !under_way.is_empty();
            if waits || under_way.len() >= width.concurrency {
                break;
            }
            let position = next;
            let sent = request(position);
            under_way.push_back(async move { (position, sent.await) });
            next += 1;
        }
        let Some((position, outcome)) = under_way.next().await else {
            break;
        };
        match outcome {
            Ok(value) => {
                outcomes.done.push(position);
                is_stopped |= !deliver(position, value).await;
            }
            Err(error) => {
                outcomes.failed.push((position, error));
                is_stopped = true;
            }
        }
    }
    outcomes.not_tried = count - next;
    outcomes.is_interrupted = interrupt.is_raised();
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::time::Duration;
    use tokio::time::{Instant, sleep};

    fn width(concurrency: usize) -> Width {
        Width {
            concurrency,
            last_alone: false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_one_may_have_to_wait_for_all_others() {
        let running = Mutex::new(0);
        let request = async |position: usize| {
            let others = std::mem::replace(&mut *running.lock().unwrap(), position);
            assert!(position < 9 || others == 8, "{others}");
            succeed(position).await
        };
        let width = Width {
            last_alone: true,
            ..width(4)
        };
        let started = Instant::now();
        let outcomes = run(10, width, &Interrupt::default(), request, async |_, _| true).await;
        assert_eq!(outcomes.done.len(), 10);
        assert_eq!(started.elapsed(), Duration::from_millis(4 * 20));
    }

    async fn succeed(position: usize) -> Result<usize, &'static str> {
        sleep(Duration::from_millis(20)).await;
        Ok(position)
    }

    #[tokio::test(start_paused = true)]
    async fn eight_at_a_time_take_an_eighth_of_the_time() {
        let started = Instant::now();
        let delivered = Mutex::new(Vec::new());
        let outcomes = run(
            200,
            width(8),
            &Interrupt::default(),
            succeed,
            async |_, value| {
                delivered.lock().unwrap().push(value);
                true
            },
        )
        .await;
        assert_eq!(started.elapsed(), Duration::from_millis(200 / 8 * 20));
        assert_eq!((outcomes.done.len(), outcomes.not_tried), (200, 0));
        let delivered = delivered.into_inner().unwrap();
        assert_eq!(delivered, (0..200).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_those_under_way_are_waited_for_and_no_more_sent() {
        let request = async |position| match position {
            5 => Err("no"),
            position => succeed(position).await,
        };
        let outcomes = run(
            50,
            width(4),
            &Interrupt::default(),
            request,
            async |_, _| true,
        )
        .await;
        let done = outcomes.done;
        assert_eq!(outcomes.failed, [(5, "no")]);
        assert_eq!(done.len() + 1 + outcomes.not_tried, 50);
        assert!(done.len() < 10, "{done:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_delivery_that_fails_stops_it() {
        let deliver = async |position, _| position < 2;
        let outcomes = run(50, width(3), &Interrupt::default(), succeed, deliver).await;
        assert_eq!(outcomes.done.len() + outcomes.not_tried, 50);
        assert!(outcomes.done.len() <= 6);
        assert!(!outcomes.is_interrupted);
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_stops_it() {
        let interrupt = Interrupt::default();
        let raise = interrupt.clone();
        let deliver = async |position, _| {
            if position == 9 {
                raise.raise();
            }
            true
        };
        let outcomes = run(50, width(3), &interrupt, succeed, deliver).await;
        assert!(outcomes.is_interrupted);
        assert_eq!(outcomes.done.len() + outcomes.not_tried, 50);
        assert!(outcomes.done.len() <= 14);
    }
}
