//! The service's clock, as its answers reveal it.
//!
//! Turns the `Date` headers of answers into the difference between the service's clock and this machine's. Pure: it reads
//! no clock itself. A header is older than the moment its answer arrives, so the difference is a lower bound: a moment that
//! is translated by it is never later than what the service's clock showed then.

use std::time::SystemTime;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

/// The difference between two clocks, once there was an answer.
#[derive(Debug, Default)]
pub(crate) struct ServiceClock(Mutex<Option<TimeDelta>>);

impl ServiceClock {
    /// Learns from an answer with the header `Date: date` that was `received` at this time of this machine's.
    pub(crate) fn observe(&self, date: Option<&str>, received: SystemTime) {
        let Some(date) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
            return;
        };
        let ahead = DateTime::<Utc>::from(date) - DateTime::<Utc>::from(received);
        let mut least = self.0.lock();
        // Machines of one service differ a little, and the one that is furthest behind counts.
        *least = Some(least.map_or(ahead, |least| least.min(ahead)));
    }

    /// Returns what the service's clock showed at `moment` of this machine's, or a little less; None if it is not known.
    pub(crate) fn at(&self, moment: SystemTime) -> Option<DateTime<Utc>> {
        let ahead = *self.0.lock();
        DateTime::<Utc>::from(moment).checked_add_signed(ahead?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moment_is_translated_by_the_answer_that_is_furthest_behind() {
        let clock = ServiceClock::default();
        let second = |n| SystemTime::UNIX_EPOCH + Duration::from_secs(n);
        assert_eq!(clock.at(second(0)), None);
        clock.observe(None, second(5));
        clock.observe(Some("soon"), second(5));
        assert_eq!(clock.at(second(0)), None);
        // An hour ahead, and the answer took 2 s.
        clock.observe(Some("Thu, 01 Jan 1970 01:00:08 GMT"), second(10));
        let shown = |n| clock.at(second(n)).unwrap().timestamp();
        // Learned afterwards, it holds for the time before the first answer.
        assert_eq!(shown(0), 3598);
        clock.observe(Some("Thu, 01 Jan 1970 01:00:20 GMT"), second(20));
        assert_eq!(shown(0), 3598);
        clock.observe(Some("Thu, 01 Jan 1970 01:00:20 GMT"), second(25));
        assert_eq!(shown(0), 3595);
    }
}
