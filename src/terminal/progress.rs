//! The live progress line on stderr while requests run: rows, pages, time, and waits for the rate limit.
//!
//! A task reads the counters of the statement ten times a second. It writes only if stderr is a terminal that can
//! rewrite a line, and erases the line at the end.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::notes;
use crate::api::{Figures, Traffic};

const TICK: Duration = Duration::from_millis(100);
/// Statements that finish within this time show no progress.
const PATIENCE: Duration = Duration::from_millis(300);
/// Columns to assume if the terminal does not say.
const COLUMNS: usize = 80;

static IS_WANTED: AtomicBool = AtomicBool::new(false);

/// Decides, once at the start, whether to show a progress line: not if `quiet`, and not if requests are `traced` on
/// stderr.
pub(crate) fn enable(quiet: bool, traced: bool) {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let is_wanted = !quiet && !traced && !is_dumb && std::io::stderr().is_terminal();
    IS_WANTED.store(is_wanted, Ordering::Relaxed);
}

/// Shows the progress of one statement for as long as it lives.
#[derive(Debug)]
pub(crate) struct Progress(Option<JoinHandle<()>>);

impl Progress {
    /// Shows what `traffic` counts.
    pub(crate) fn of(traffic: &Arc<Traffic>) -> Self {
        if !IS_WANTED.load(Ordering::Relaxed) {
            return Self(None);
        }
        notes::begin_status();
        let traffic = Arc::clone(traffic);
        Self(Some(tokio::spawn(async move {
            let started = Instant::now();
            let mut ticks = interval(TICK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                let figures = traffic.figures();
                if started.elapsed() >= PATIENCE && figures.requests > 0 {
                    let columns = terminal_size::terminal_size_of(std::io::stderr())
                        .map_or(COLUMNS, |(width, _)| usize::from(width.0));
                    let line = line(&figures, traffic.waiting(), started.elapsed());
                    // The last column would wrap.
                    let line: String = line.chars().take(columns.saturating_sub(1)).collect();
                    notes::show_status(&line);
                }
            }
        })))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
            notes::end_status();
        }
    }
}

/// Formats the line. All characters are one column wide.
fn line(figures: &Figures, waiting: Option<Duration>, elapsed: Duration) -> String {
    let count = |n: u64, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    let mut parts = Vec::new();
    if figures.pages > 0 {
        parts.push(count(figures.keys, "row read", "rows read"));
        parts.push(count(figures.pages, "page", "pages"));
    }
    // The requests of a listing are its pages; requests that change keys come after them.
    if figures.requests > figures.pages + figures.retries + 1 || figures.pages == 0 {
        parts.push(count(figures.requests, "request", "requests"));
    }
    if figures.retries > 0 {
        parts.push(count(figures.retries, "retry", "retries"));
    }
    parts.push(format!("{:.1} s", elapsed.as_secs_f64()));
    let what = match waiting {
        Some(left) => format!("waiting {} s for the rate limit", left.as_secs() + 1),
        None => "Ctrl-C stops".to_owned(),
    };
    format!("{} ({what})", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_shows_keys_pages_and_time() {
        let figures = Figures {
            requests: 13,
            pages: 12,
            keys: 1200,
            ..Figures::default()
        };
        insta::assert_snapshot!(
            line(&figures, None, Duration::from_millis(3456)),
            @"1200 rows read, 12 pages, 3.5 s (Ctrl-C stops)"
        );
    }

    #[test]
    fn what_follows_a_listing_is_counted_beside_it() {
        let figures = Figures {
            requests: 35,
            pages: 1,
            keys: 60,
            retries: 1,
            ..Figures::default()
        };
        insta::assert_snapshot!(
            line(&figures, None, Duration::from_secs(7)),
            @"60 rows read, 1 page, 35 requests, 1 retry, 7.0 s (Ctrl-C stops)"
        );
    }

    #[test]
    fn a_wait_for_the_rate_limit_is_named() {
        let figures = Figures {
            requests: 4,
            retries: 2,
            ..Figures::default()
        };
        insta::assert_snapshot!(
            line(&figures, Some(Duration::from_millis(11_200)), Duration::from_secs(20)),
            @"4 requests, 2 retries, 20.0 s (waiting 12 s for the rate limit)"
        );
    }

    #[tokio::test]
    async fn without_a_terminal_there_is_no_task() {
        assert!(Progress::of(&Arc::default()).0.is_none());
    }
}
