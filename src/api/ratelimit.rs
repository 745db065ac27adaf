//! The service's rate limits, and the gate that keeps within them.
//!
//! Turns the headers of an answer into a pause, and a pause into a [`Gate`] that all requests of a client pass: if one
//! request is told to wait, the others wait too. Implausible values are ignored, because a header must not stop a
//! program for a year. Never sends anything.
//!
//! Confluent's API reference, "Rate Limits": `X-RateLimit-Reset` is in seconds from now, `X-RateLimit-Remaining` is
//! part of every answer, and `Retry-After` only of a 429; gateways also send it with 503 (RFC 9110, 10.2.3).

use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::transport::Response;

/// The longest pause that is believed.
const CREDIBLE: Duration = Duration::from_secs(3600);

/// Returns how long an unsuccessful answer asks to wait before the request is repeated. A date is compared with the
/// answer's own `Date`, or with `now` if it has none.
pub(crate) fn asked(response: &Response, now: SystemTime) -> Option<Duration> {
    let wait = response.header("retry-after").and_then(|value| {
        seconds(value).or_else(|| {
            let until = httpdate::parse_http_date(value.trim()).ok()?;
            let date = response
                .header("date")
                .and_then(|date| httpdate::parse_http_date(date).ok());
            until.duration_since(date.unwrap_or(now)).ok()
        })
    });
    let reset = || {
        if response.status == 429 {
            reset(response)
        } else {
            None
        }
    };
    wait.filter(credible).or_else(reset)
}

/// Returns how long all requests should wait after this answer: as long as a 429 asks for, or until the limit is reset
/// if it is used up.
pub(crate) fn pause(response: &Response, now: SystemTime) -> Option<Duration> {
    if response.status == 429 {
        return asked(response, now);
    }
    let remaining: u64 = response
        .header("x-ratelimit-remaining")?
        .trim()
        .parse()
        .ok()?;
    if remaining == 0 {
        reset(response)
    } else {
        None
    }
}

/// Returns `wait` plus up to a tenth of it, at most a second, so that clients do not all return at once.
pub(crate) fn jittered(wait: Duration, random: f64) -> Duration {
    wait + (wait / 10)
        .min(Duration::from_secs(1))
        .mul_f64(random.clamp(0.0, 1.0))
}

fn reset(response: &Response) -> Option<Duration> {
    response
        .header("x-ratelimit-reset")
        .and_then(seconds)
        .filter(credible)
}

fn seconds(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}

fn credible(wait: &Duration) -> bool {
    !wait.is_zero() && *wait <= CREDIBLE
}

/// Closed while the service accepts no requests. Shared by all requests of a client.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    opens: Mutex<Option<Instant>>,
}

impl Gate {
    /// Closes the gate for `pause` from now, unless it is already closed for longer.
    pub(crate) fn close_for(&self, pause: Duration) {
        let mut opens = self.opens.lock();
        *opens = (*opens).max(Some(Instant::now() + pause));
    }

    /// Returns when the gate opens, if it is closed.
    pub(crate) fn closed_until(&self) -> Option<Instant> {
        let opens = *self.opens.lock();
        opens.filter(|opens| *opens > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Response {
        let header = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        let headers: HeaderMap = headers.iter().map(header).collect();
        Response {
            status,
            headers,
            body: Bytes::new(),
            broken: None,
        }
    }

    fn asks(status: u16, headers: &[(&'static str, &'static str)]) -> Option<u64> {
        asked(&answer(status, headers), SystemTime::UNIX_EPOCH).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(asks(429, &[("retry-after", " 7 ")]), Some(7));
        assert_eq!(asks(503, &[("retry-after", "7")]), Some(7));
        assert_eq!(
            asks(503, &[("retry-after", "Thu, 01 Jan 1970 00:00:30 GMT")]),
            Some(30)
        );
        let dated = [
            ("retry-after", "Fri, 02 Jan 2026 00:00:30 GMT"),
            ("date", "Fri, 02 Jan 2026 00:00:10 GMT"),
        ];
        assert_eq!(asks(503, &dated), Some(20));
    }

    #[test]
    fn the_reset_counts_on_a_429_without_retry_after() {
        assert_eq!(asks(429, &[("x-ratelimit-reset", "9")]), Some(9));
        assert_eq!(
            asks(429, &[("x-ratelimit-reset", "9"), ("retry-after", "2")]),
            Some(2)
        );
        assert_eq!(
            asks(429, &[("x-ratelimit-reset", "9"), ("retry-after", "soon")]),
            Some(9)
        );
        assert_eq!(asks(503, &[("x-ratelimit-reset", "9")]), None);
    }

    #[test]
    fn values_that_cannot_be_meant_are_ignored() {
        let past = "Wed, 31 Dec 1969 23:59:59 GMT";
        let far = "Fri, 01 Jan 9999 00:00:00 GMT";
        for value in [
            "",
            "0",
            "-5",
            "3601",
            "31536000",
            "99999999999999999999999",
            "1.5",
            "soon",
            past,
            far,
        ] {
            assert_eq!(asks(429, &[("retry-after", value)]), None, "{value}");
            assert_eq!(asks(429, &[("x-ratelimit-reset", value)]), None, "{value}");
        }
    }

    #[test]
    fn a_used_up_limit_pauses_everyone_until_its_reset() {
        let pause = |status, remaining, reset| {
            let answer = answer(
                status,
                &[
                    ("x-ratelimit-remaining", remaining),
                    ("x-ratelimit-reset", reset),
                ],
            );
            pause(&answer, SystemTime::UNIX_EPOCH).map(|pause| pause.as_secs())
        };
        assert_eq!(pause(200, "0", "4"), Some(4));
        assert_eq!(pause(404, "0", "4"), Some(4));
        assert_eq!(pause(200, "1", "4"), None);
        assert_eq!(pause(200, "none", "4"), None);
        assert_eq!(pause(200, "0", "1767225600"), None);
        assert_eq!(pause(429, "5", "4"), Some(4));
    }

    #[test]
    fn jitter_only_ever_adds() {
        let ten = Duration::from_secs(10);
        assert_eq!(jittered(ten, 0.0), ten);
        assert_eq!(jittered(ten, 1.0), Duration::from_secs(11));
        assert_eq!(jittered(ten * 60, 1.0), Duration::from_secs(601));
    }

    #[tokio::test(start_paused = true)]
    async fn a_gate_keeps_the_longest_pause() {
        let gate = Gate::default();
        assert_eq!(gate.closed_until(), None);
        let start = Instant::now();
        gate.close_for(Duration::from_secs(5));
        gate.close_for(Duration::from_secs(3));
        assert_eq!(gate.closed_until(), Some(start + Duration::from_secs(5)));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(gate.closed_until(), None);
    }
}
