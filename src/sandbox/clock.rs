//! The time in the simulated organization.
//!
//! It runs on from the time that the configuration names, or stands still and advances by one second with every write,
//! so that answers can be predicted. Nothing else in the sandbox looks at the real time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Instant, SystemTime};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::config::SandboxConfig;

/// The clock of one sandbox.
#[derive(Debug)]
pub(super) struct Clock {
    start: DateTime<Utc>,
    frozen: bool,
    started: Instant,
    writes: AtomicU32,
}

impl Clock {
    pub(super) fn new(config: &SandboxConfig) -> Self {
        Self {
            start: config.now,
            frozen: config.frozen,
            started: Instant::now(),
            writes: AtomicU32::new(0),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        let elapsed = if self.frozen {
            TimeDelta::seconds(i64::from(self.writes.load(Ordering::Relaxed)))
        } else {
            TimeDelta::from_std(self.started.elapsed()).unwrap_or_default()
        };
        self.start + elapsed
    }

    /// Returns the UTC date.
    pub(super) fn today(&self) -> NaiveDate {
        self.now().date_naive()
    }

    /// Returns the time of a write: no two are the same.
    pub(super) fn write(&self) -> DateTime<Utc> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.now()
    }

    /// Returns the time as the header `Date` has it.
    pub(super) fn http_date(&self) -> String {
        httpdate::fmt_http_date(SystemTime::from(self.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_moves_with_writes_alone() {
        let start = DateTime::from_timestamp(1_767_225_600, 0).expect("a time");
        let clock = Clock::new(&SandboxConfig::default().with_now(start));
        assert_eq!(clock.http_date(), "Thu, 01 Jan 2026 00:00:00 GMT");
        assert_eq!(clock.write(), start + TimeDelta::seconds(1));
        assert_eq!(clock.now(), start + TimeDelta::seconds(1));
        assert_eq!(clock.http_date(), "Thu, 01 Jan 2026 00:00:01 GMT");
    }

    #[test]
    fn a_running_clock_never_goes_back() {
        let clock = Clock::new(&SandboxConfig::default());
        let before = clock.now();
        assert!(clock.write() >= before && clock.today() >= before.date_naive());
    }
}
