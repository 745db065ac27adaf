//! Sends requests that change keys in parallel, and stops them in an orderly way.
//!
//! A request that was sent may take effect, so none is ever dropped: after a failure or an interruption no further
//! request is sent, and those in flight are allowed to finish. Each request is a task of its own, so answers are read
//! even while the output blocks.

use std::future::Future;
use std::ops::Range;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::FuturesOrdered;

use crate::api;
use crate::session::Interrupt;

/// How the requests of a statement ended. Every position is in one of the lists, which are in order.
#[derive(Debug)]
pub(super) struct Outcomes<E> {
    /// What was done.
    pub(super) done: Vec<usize>,
    /// What there was nothing to do for, because the key is gone.
    pub(super) gone: Vec<usize>,
    /// What failed, and why.
    pub(super) failed: Vec<(usize, E)>,
    /// What was never sent.
    pub(super) not_tried: Vec<usize>,
    /// True if it was interrupted.
    pub(super) is_interrupted: bool,
}

impl<E> Outcomes<E> {
    /// Returns true if everything was done.
    pub(super) fn is_whole(&self) -> bool {
        self.failed.is_empty() && self.not_tried.is_empty()
    }

    /// Counts those whose key is gone, `gone` in order, as that and not as done.
    pub(super) fn without(mut self, gone: Vec<usize>) -> Self {
        self.done
            .retain(|position| gone.binary_search(position).is_err());
        self.gone = gone;
        self
    }
}

impl Outcomes<api::Error> {
    /// Counts requests that were stopped before they were sent as not tried.
    pub(super) fn settled(mut self) -> Self {
        let (not_sent, failed) = self
            .failed
            .into_iter()
            .partition(|(_, error)| error.is_not_sent());
        self.failed = failed;
        let not_sent: Vec<_> = not_sent;
        let not_sent = not_sent.into_iter().map(|(position, _)| position);
        self.not_tried = not_sent.chain(self.not_tried).collect();
        self
    }
}

/// Takes the answers to requests, in order of their positions.
#[async_trait]
pub(super) trait Deliver<T>: Send {
    /// Prepares for the requests at `positions`, before any of them is sent. Returns false to stop.
    async fn prepare(&mut self, positions: Range<usize>) -> bool {
        let _ = positions;
        true
    }

    /// Takes the answer to the request at `position`. Returns false to stop.
    async fn deliver(&mut self, position: usize, answer: T) -> bool;
}

/// How many requests run in parallel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Concurrency {
    /// The most requests in flight at a time.
    pub(super) limit: usize,
    /// Whether to send the last request only after all others were answered.
    pub(super) last_alone: bool,
}

/// Runs `request` for each position below `count`, as many at a time as `concurrency` says.
///
/// Each success is given to `delivery` in order of position. Stops at the first failure, at the first success that
/// could not be delivered, where `delivery` cannot prepare for more, and when `interrupt` is raised.
pub(super) async fn run<T, E, F>(
    count: usize,
    concurrency: Concurrency,
    interrupt: &Interrupt,
    request: impl Fn(usize) -> F,
    delivery: &mut dyn Deliver<T>,
) -> Outcomes<E>
where
    T: Send + 'static,
    E: Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
{
    let _sending = interrupt.sending();
    let mut outcomes = Outcomes {
        done: Vec::new(),
        gone: Vec::new(),
        failed: Vec::new(),
        not_tried: Vec::new(),
        is_interrupted: false,
    };
    let mut under_way = FuturesOrdered::new();
    let (mut next, mut prepared) = (0, 0);
    let mut is_stopped = false;
    loop {
        while !is_stopped && !interrupt.is_raised() && next < count {
            let waits = concurrency.last_alone && next + 1 == count && !under_way.is_empty();
            if waits || under_way.len() >= concurrency.limit {
                break;
            }
            if next == prepared {
                // For a whole wave at a time, because it may have to wait for the disk.
                prepared = count.min(next + concurrency.limit);
                if !delivery.prepare(next..prepared).await {
                    is_stopped = true;
                    break;
                }
                continue;
            }
            let position = next;
            let sent = tokio::spawn(request(position));
            under_way.push_back(async move { (position, sent.await) });
            next += 1;
        }
        let Some((position, outcome)) = under_way.next().await else {
            break;
        };
        match outcome {
            Ok(Ok(value)) => {
                outcomes.done.push(position);
                is_stopped |= !delivery.deliver(position, value).await;
            }
            Ok(Err(error)) => {
                outcomes.failed.push((position, error));
                is_stopped = true;
            }
            // Nobody aborts the task, so it can only have panicked.
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
    outcomes.not_tried = (next..count).collect();
    outcomes.is_interrupted = interrupt.is_raised();
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tokio::time::{Instant, sleep};

    /// Delivers by a closure.
    struct To<F>(F);

    #[async_trait]
    impl<T: Send + 'static, F: FnMut(usize, T) -> bool + Send> Deliver<T> for To<F> {
        async fn deliver(&mut self, position: usize, answer: T) -> bool {
            (self.0)(position, answer)
        }
    }

    fn width(limit: usize) -> Concurrency {
        Concurrency {
            limit,
            last_alone: false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_one_may_have_to_wait_for_all_others() {
        let under_way = Arc::new(AtomicUsize::new(0));
        let request = |position: usize| {
            let under_way = Arc::clone(&under_way);
            async move {
                let others = under_way.fetch_add(1, Ordering::SeqCst);
                assert!(position < 9 || others == 0, "{others}");
                let done = succeed(position).await;
                under_way.fetch_sub(1, Ordering::SeqCst);
                done
            }
        };
        let width = Concurrency {
            last_alone: true,
            ..width(4)
        };
        let started = Instant::now();
        let outcomes = run(
            10,
            width,
            &Interrupt::default(),
            request,
            &mut To(|_, _| true),
        )
        .await;
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
            &mut To(|_, value| {
                delivered.lock().unwrap().push(value);
                true
            }),
        )
        .await;
        assert_eq!(started.elapsed(), Duration::from_millis(200 / 8 * 20));
        assert_eq!((outcomes.done.len(), outcomes.not_tried.len()), (200, 0));
        let delivered = delivered.into_inner().unwrap();
        assert_eq!(delivered, (0..200).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_those_under_way_are_waited_for_and_no_more_sent() {
        let request = |position| async move {
            match position {
                5 => Err("no"),
                position => succeed(position).await,
            }
        };
        let outcomes = run(
            50,
            width(4),
            &Interrupt::default(),
            request,
            &mut To(|_, _| true),
        )
        .await;
        let done = outcomes.done;
        assert_eq!(outcomes.failed, [(5, "no")]);
        assert!(done.len() < 10, "{done:?}");
        let all: Vec<usize> = (0..50).collect();
        let mut each = [done, vec![5], outcomes.not_tried].concat();
        each.sort_unstable();
        assert_eq!(each, all);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delivery_that_fails_stops_it() {
        let mut deliver = To(|position, _| position < 2);
        let outcomes = run(50, width(3), &Interrupt::default(), succeed, &mut deliver).await;
        assert_eq!(outcomes.done.len() + outcomes.not_tried.len(), 50);
        assert!(outcomes.done.len() <= 6);
        assert!(!outcomes.is_interrupted);
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_stops_it() {
        let interrupt = Interrupt::default();
        let raise = interrupt.clone();
        let mut deliver = To(|position, _| {
            if position == 9 {
                raise.raise();
            }
            true
        });
        let outcomes = run(50, width(3), &interrupt, succeed, &mut deliver).await;
        assert!(outcomes.is_interrupted);
        assert_eq!(outcomes.done.len() + outcomes.not_tried.len(), 50);
        assert!(outcomes.done.len() <= 14);
    }

    /// A create that was answered while a reader of the rows before it took its time must not be taken for one without
    /// an answer.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn answers_are_read_while_the_output_makes_everything_else_wait() {
        let (answered, wait) = channel();
        let request = |position| {
            let answered = answered.clone();
            async move {
                tokio::task::yield_now().await;
                answered.send(position).unwrap();
                Ok::<_, ()>(position)
            }
        };
        let mut deliver = To(move |position, _| {
            for other in (0..4).filter(|_| position == 0) {
                let found = wait.recv_timeout(Duration::from_secs(60));
                assert!(found.is_ok(), "{other}");
            }
            true
        });
        let outcomes = run(4, width(4), &Interrupt::default(), request, &mut deliver).await;
        assert_eq!(outcomes.done.len(), 4);
    }
}
