//! CPU-bound work on a thread of its own, so that its caller can stop waiting for it.
//!
//! Planning a statement never yields, and a long one takes seconds: on the runtime's thread, a signal or a timeout
//! would be noticed only afterwards. A thread cannot be killed: an abandoned one continues, and drops its work at the
//! first await that is pending. It knows nothing about statements.

use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// What threads are called on which the engine plans and runs a statement. A panic there is an error of the statement.
pub(crate) const ENGINE_THREAD: &str = "engine";

/// The stack of a thread that parses or plans, in bytes. Both recurse over the statement, and the longest chain that
/// `dialect::limits` allows takes some 10 MB of stack. Stack that is not used costs no memory.
pub(crate) const STACK: usize = 256 * 1024 * 1024;

/// Runs `work` on a thread of its own, and abandons it when the returned future is dropped.
///
/// `work` is a closure, so that the engine's large future never lies on the caller's stack.
pub(super) async fn on_planner_thread<T, F, W>(work: W) -> T
where
    W: FnOnce() -> F + Send + 'static,
    T: Send + 'static,
    F: Future<Output = T> + Send,
{
    let (give, given) = oneshot::channel::<W>();
    let (mut answer, answered) = oneshot::channel();
    let runtime = Handle::current();
    let thread = thread::Builder::new()
        .name(ENGINE_THREAD.to_owned())
        .stack_size(STACK)
        .spawn(move || {
            let Ok(work) = given.blocking_recv() else {
                return;
            };
            let outcome = runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = answer.closed() => None,
                    outcome = work() => Some(outcome),
                }
            });
            if let Some(outcome) = outcome {
                // The caller may have stopped waiting.
                let _ = answer.send(outcome);
            }
        });
    let Ok(thread) = thread else {
        // If no thread can be started, this one does the work.
        return Box::pin(work()).await;
    };
    if let Err(work) = give.send(work) {
        return Box::pin(work()).await;
    }
    let outcome = answered.await;
    // It ends now. To let go of a thread that is ending at that moment is a race in glibc, which ends the program.
    match (outcome, thread.join()) {
        (Ok(outcome), _) => outcome,
        // Only a panic ends the thread without an answer.
        (Err(_), Err(panic)) => resume_unwind(panic),
        (Err(_), Ok(())) => unreachable!("the work was neither given up nor done"),
    }
}

/// Runs `work` on a thread of its own for at most `limit`; None if that was not enough.
pub(super) async fn on_planner_thread_within<T, F>(
    limit: Duration,
    work: impl FnOnce() -> F + Send + 'static,
) -> Option<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send,
{
    tokio::time::timeout(limit, on_planner_thread(work))
        .await
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, mpsc};
    use std::time::Instant;

    #[tokio::test]
    async fn what_is_done_elsewhere_comes_back() {
        assert_eq!(on_planner_thread(|| async { 6 * 7 }).await, 42);
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(2)).await;
            1
        };
        assert_eq!(
            on_planner_thread_within(Duration::from_secs(600), slow).await,
            Some(1)
        );
    }

    #[tokio::test]
    async fn nobody_waits_for_what_is_busy_beyond_its_limit() {
        let (end, ended) = mpsc::channel::<()>();
        let has_gone_on = Arc::new(AtomicBool::new(false));
        let goes_on = Arc::clone(&has_gone_on);
        let (dropped, drops) = mpsc::channel::<()>();
        let busy = || async move {
            let _dropped = dropped;
            // As planning does, without giving way.
            let _ = ended.recv();
            tokio::task::yield_now().await;
            goes_on.store(true, Ordering::SeqCst);
        };
        let started = Instant::now();
        assert_eq!(
            on_planner_thread_within(Duration::from_millis(20), busy).await,
            None
        );
        assert!(started.elapsed() < Duration::from_secs(30));
        drop(end);
        // It is dropped where it gives way for the first time.
        assert!(drops.recv().is_err());
        assert!(!has_gone_on.load(Ordering::SeqCst));
    }

    #[tokio::test]
    #[should_panic(expected = "of the work")]
    async fn a_panic_is_passed_on() {
        on_planner_thread(|| async { panic!("of the work") }).await
    }
}
