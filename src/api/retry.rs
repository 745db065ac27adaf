//! Whether to repeat a request, and after what pause.
//!
//! Turns a method and the outcome of an attempt into a decision, and the number of attempts into a pause. Pure:
//! randomness is a parameter. The loop is in [`super::call`].
//!
//! | outcome of an attempt | GET | PATCH, DELETE | POST |
//! | --- | --- | --- | --- |
//! | nothing sent: no address, refused, no connection | repeat | repeat | repeat |
//! | 429 | repeat | repeat | repeat |
//! | 408, 502, 503, 504 | repeat | repeat | stop, outcome unknown |
//! | reset, body cut short or unreadable, timeout | repeat | repeat | stop, outcome unknown |
//! | success with JSON of another shape | repeat; stop if it is the same again | as GET | stop, outcome unknown |
//! | success with a page of HTML, or without a body | repeat once | repeat once | stop, outcome unknown |
//! | 500 | repeat | stop, outcome unknown | stop, outcome unknown |
//! | another 5xx, body too long | stop | stop, outcome unknown | stop, outcome unknown |
//! | 300 to 303; 3xx or 4xx with the `Location` of a key | stop | stop, outcome unknown | stop, outcome unknown |
//! | no trust in the certificate, another 4xx, another 3xx | stop | stop | stop |
//!
//! A create is repeated only if the first attempt cannot have taken effect: it has no idempotency key, and a second
//! create leaves a live credential that nobody holds. The other methods can be repeated safely.

use std::time::Duration;

use super::failure::{Failure, FailureKind};
use super::request::Method;

/// How often and how fast requests are repeated. The client's timeout limits the whole call as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The most attempts, including the first; at least one is made.
    pub max_attempts: u32,
    /// The most consecutive attempts without a connection, so that a missing host is reported soon.
    pub max_connects: u32,
    /// The most consecutive attempts answered by something other than the service, so that a proxy's login page is
    /// reported soon.
    pub max_foreign: u32,
    /// The upper bound of the pause after the first attempt; it doubles with every attempt.
    pub base: Duration,
    /// The greatest upper bound of a pause.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let (base, cap) = (Duration::from_millis(250), Duration::from_secs(20));
        Self {
            max_attempts: 8,
            max_connects: 4,
            max_foreign: 2,
            base,
            cap,
        }
    }
}

impl RetryPolicy {
    /// Returns the policy that repeats at once, for tests. Pauses that the service asks for are still made.
    pub fn without_pauses() -> Self {
        Self {
            base: Duration::ZERO,
            cap: Duration::ZERO,
            ..Self::default()
        }
    }

    /// Returns the pause after attempt number `attempt`, counted from 1: exponential backoff with full jitter, where
    /// `random` is the fraction of the upper bound, from 0 to 1.
    pub(crate) fn pause(&self, attempt: u32, random: f64) -> Duration {
        let factor = 2u32.saturating_pow(attempt.saturating_sub(1));
        self.base
            .saturating_mul(factor)
            .min(self.cap)
            .mul_f64(random.clamp(0.0, 1.0))
    }

    /// Returns true if no more attempts are made after those in `tally`.
    pub(crate) fn is_exhausted(&self, tally: &Tally) -> bool {
        tally.attempts >= self.max_attempts
            || tally.connects >= self.max_connects
            || tally.foreign >= self.max_foreign
    }
}

/// The attempts of a call so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) attempts: u32,
    /// The number of most recent attempts without a connection.
    pub(crate) connects: u32,
    /// The number of most recent attempts answered by something other than the service.
    pub(crate) foreign: u32,
}

impl Tally {
    /// Records how the last attempt ended.
    pub(crate) fn ended(&mut self, outcome: Outcome<'_>) {
        let in_a_row = |count: u32, again: bool| if again { count + 1 } else { 0 };
        self.connects = in_a_row(self.connects, outcome.never_sent());
        self.foreign = in_a_row(self.foreign, matches!(outcome, Outcome::Foreign));
    }
}

/// How an attempt failed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome<'a> {
    /// There was no complete answer.
    Failed(&'a Failure),
    /// The answer was a success whose body cannot be read.
    Undecodable,
    /// The answer was a success, but did not come from the service: a page of HTML, or nothing where JSON is expected.
    Foreign,
    /// The answer was not a success.
    Status(u16),
}

impl Outcome<'_> {
    /// Returns true if no connection was made.
    pub(crate) fn never_sent(self) -> bool {
        matches!(self, Self::Failed(failure) if failure.never_sent)
    }

    /// Returns true if the request may have taken effect.
    pub(crate) fn may_have_acted(self) -> bool {
        match self {
            Self::Failed(_) => !self.never_sent(),
            Self::Undecodable | Self::Foreign => true,
            // 303 points to what was done; 307 and 308 ask to send the request again, elsewhere.
            Self::Status(status) => matches!(status, 300..=303 | 408 | 500..),
        }
    }

    /// Returns true if a request of `method` may be repeated, as the table above says.
    pub(crate) fn is_repeatable(self, method: &Method) -> bool {
        let creates = *method == Method::POST;
        match self {
            Self::Failed(failure) => match failure.kind {
                FailureKind::Tls
                | FailureKind::Certificate
                | FailureKind::TooLarge
                | FailureKind::Other => false,
                _ => failure.never_sent || !creates,
            },
            Self::Undecodable | Self::Foreign => !creates,
            Self::Status(429) => true,
            Self::Status(408 | 502..=504) => !creates,
            Self::Status(500) => *method == Method::GET,
            Self::Status(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The row of the table for an outcome: for GET, PATCH, DELETE and POST, whether to repeat, and whether stopping
    /// leaves the outcome unknown.
    fn row(outcome: Outcome<'_>) -> String {
        let methods = [Method::GET, Method::PATCH, Method::DELETE, Method::POST];
        let cell = |method: &Method| match (outcome.is_repeatable(method), outcome.may_have_acted())
        {
            (true, _) => "repeat",
            (false, true) if *method != Method::GET => "unknown",
            (false, _) => "stop",
        };
        methods.each_ref().map(cell).join(" ")
    }

    fn failed(kind: FailureKind, never_sent: bool) -> String {
        row(Outcome::Failed(&Failure {
            kind,
            detail: String::new(),
            never_sent,
        }))
    }

    #[test]
    fn what_was_never_sent_is_repeated_by_all_methods() {
        for kind in [
            FailureKind::Dns,
            FailureKind::Refused,
            FailureKind::Unreachable,
            FailureKind::Timeout,
        ] {
            assert_eq!(failed(kind, true), "repeat repeat repeat repeat");
        }
        assert_eq!(failed(FailureKind::Tls, true), "stop stop stop stop");
        assert_eq!(
            failed(FailureKind::Certificate, true),
            "stop stop stop stop"
        );
        assert_eq!(failed(FailureKind::Other, true), "stop stop stop stop");
    }

    #[test]
    fn what_may_have_arrived_is_not_created_twice() {
        for kind in [
            FailureKind::Timeout,
            FailureKind::Reset,
            FailureKind::Truncated,
        ] {
            assert_eq!(failed(kind, false), "repeat repeat repeat unknown");
        }
        assert_eq!(row(Outcome::Undecodable), "repeat repeat repeat unknown");
        assert_eq!(row(Outcome::Foreign), "repeat repeat repeat unknown");
        assert_eq!(
            failed(FailureKind::TooLarge, false),
            "stop unknown unknown unknown"
        );
    }

    #[test]
    fn statuses_follow_the_table() {
        assert_eq!(row(Outcome::Status(429)), "repeat repeat repeat repeat");
        for status in [408, 502, 503, 504] {
            assert_eq!(row(Outcome::Status(status)), "repeat repeat repeat unknown");
        }
        assert_eq!(row(Outcome::Status(500)), "repeat unknown unknown unknown");
        assert_eq!(row(Outcome::Status(501)), "stop unknown unknown unknown");
        for status in [300, 302, 303] {
            assert_eq!(row(Outcome::Status(status)), "stop unknown unknown unknown");
        }
        for status in [307, 308, 400, 401, 402, 403, 404, 409, 422] {
            assert_eq!(row(Outcome::Status(status)), "stop stop stop stop");
        }
    }

    #[test]
    fn pauses_double_up_to_the_cap_and_are_fully_jittered() {
        let policy = RetryPolicy::default();
        let most: Vec<_> = (1..=9)
            .map(|attempt| policy.pause(attempt, 1.0).as_millis())
            .collect();
        assert_eq!(
            most,
            [250, 500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]
        );
        assert_eq!(policy.pause(3, 0.5), Duration::from_millis(500));
        assert_eq!(policy.pause(3, 0.0), Duration::ZERO);
        assert_eq!(policy.pause(u32::MAX, 7.0), policy.cap);
    }

    #[test]
    fn what_does_not_get_better_is_given_up_sooner() {
        let policy = RetryPolicy::default();
        let tally = |attempts, connects, foreign| Tally {
            attempts,
            connects,
            foreign,
        };
        for last in [tally(4, 4, 0), tally(8, 0, 0), tally(5, 0, 2)] {
            assert!(policy.is_exhausted(&last), "{last:?}");
        }
        assert!(!policy.is_exhausted(&tally(7, 3, 1)));
    }

    #[test]
    fn only_attempts_in_a_row_are_counted_together() {
        let mut tally = Tally::default();
        for (outcome, foreign) in [
            (Outcome::Foreign, 1),
            (Outcome::Status(503), 0),
            (Outcome::Foreign, 1),
            (Outcome::Foreign, 2),
            (Outcome::Undecodable, 0),
        ] {
            tally.ended(outcome);
            assert_eq!((tally.foreign, tally.connects), (foreign, 0), "{outcome:?}");
        }
    }
}
