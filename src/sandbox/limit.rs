//! The rate limit: a number of requests per window, measured with tokio's clock.

use std::time::Duration;

use tokio::time::Instant;

use super::config::RateLimit;

/// The limit that clients see if none is configured: generous, and never used up.
const UNLIMITED: Allowance = Allowance {
    granted: true,
    limit: 1000,
    remaining: 999,
    reset: 1,
};

/// What one request was allowed, as the rate-limit headers tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) granted: bool,
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// Seconds until the window ends, rounded up.
    pub(super) reset: u64,
}

/// Counts requests against a limit.
#[derive(Debug)]
pub(super) struct Limiter {
    limit: Option<RateLimit>,
    window_began: Option<Instant>,
    used: u32,
}

impl Limiter {
    pub(super) fn new(limit: Option<RateLimit>) -> Self {
        Self {
            limit,
            window_began: None,
            used: 0,
        }
    }

    /// Counts one request that arrived at `now`.
    pub(super) fn admit(&mut self, now: Instant) -> Allowance {
        let Some(RateLimit { requests, window }) = self.limit else {
            return UNLIMITED;
        };
        let began = match self.window_began {
            Some(began) if now.saturating_duration_since(began) < window => began,
            _ => {
                self.window_began = Some(now);
                self.used = 0;
                now
            }
        };
        let granted = self.used < requests;
        if granted {
            self.used += 1;
        }
        let left = (began + window).saturating_duration_since(now);
        Allowance {
            granted,
            limit: requests,
            remaining: requests - self.used,
            reset: seconds_up(left),
        }
    }
}

/// Rounds up to whole seconds, at least one.
fn seconds_up(duration: Duration) -> u64 {
    let whole = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    whole.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_window_that_is_used_up_opens_again_when_it_ends() {
        let window = Duration::from_secs(10);
        let mut limiter = Limiter::new(Some(RateLimit {
            requests: 2,
            window,
        }));
        let seen = |allowance: Allowance| (allowance.granted, allowance.remaining, allowance.reset);
        assert_eq!(seen(limiter.admit(Instant::now())), (true, 1, 10));
        tokio::time::advance(Duration::from_millis(2500)).await;
        assert_eq!(seen(limiter.admit(Instant::now())), (true, 0, 8));
        assert_eq!(seen(limiter.admit(Instant::now())), (false, 0, 8));
        tokio::time::advance(Duration::from_millis(7500)).await;
        assert_eq!(seen(limiter.admit(Instant::now())), (true, 1, 10));
    }
}
