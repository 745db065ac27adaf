//! What goes wrong, by script: which requests a fault hits, how often, and what then happens on the wire.
//!
//! Plain data and counting. The server carries the actions out; the textual form is read in the module beside this
//! one. Faults are looked at in order, and the first that hits a request takes it.

use std::time::Duration;

use axum::http::Method;

/// Which requests a fault is meant for: those that meet every condition that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// Requests of this method.
    pub method: Option<Method>,
    /// Requests whose path, still percent-encoded, contains this.
    pub path: Option<String>,
    /// Listings at this page, from 1.
    pub page: Option<u64>,
    /// The nth of the requests that meet the conditions above, from 1.
    pub nth: Option<u64>,
    /// Every nth of the requests that meet the conditions above.
    pub every: Option<u64>,
}

/// The body of a [`Action::Status`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultBody {
    /// The service's envelope of errors.
    #[default]
    Json,
    /// A page of the kind that gateways write.
    Html,
    /// Nothing.
    Empty,
    /// The service's envelope, its texts full of what a terminal would act on.
    Hostile,
    /// The service's envelope as gzip, which no header tells.
    Gzip,
}

/// What a fault does to a request. Unless told otherwise, the request itself has no effect on the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Answers with a status.
    Status {
        /// The status, from 200 to 599.
        code: u16,
        /// Headers beside the usual ones.
        headers: Vec<(String, String)>,
        /// What the body is.
        body: FaultBody,
    },
    /// Answers 429 without a body.
    RateLimited {
        /// `Retry-After`, if it is sent: seconds or an HTTP date.
        retry_after: Option<String>,
        /// `X-RateLimit-Reset`, if it is sent: seconds from now.
        reset: Option<String>,
    },
    /// Answers 401, as for wrong credentials.
    Unauthorized,
    /// Answers 403 with the body that means wrong credentials rather than an unknown key.
    BadCredentials403,
    /// Answers with a redirection.
    Redirect {
        /// The status, such as 307.
        status: u16,
        /// `Location`.
        location: String,
    },
    /// Answers 200 with something that is not JSON.
    Malformed,
    /// Answers 200 with a JSON body of at least this size that says nothing.
    HugeBody {
        /// Bytes of body.
        bytes: u64,
    },
    /// Answers 200 with gzip that inflates to at least this size.
    GzipBomb {
        /// Bytes of body, inflated.
        bytes: u64,
    },
    /// Closes the connection without an answer (TCP reset).
    Reset,
    /// Closes every connection without an answer, and refuses new ones for a while.
    Refuse {
        /// How long.
        pause: Duration,
    },
    /// Sends the headers of the right answer, then nothing. A write is applied.
    Stall,
    /// Sends half of the right answer, then closes the connection. A write is applied.
    Truncate {
        /// Whether the body is sent in chunks rather than with `Content-Length`.
        chunked: bool,
    },
    /// Sends the right answer in eight pieces. A write is applied.
    SlowBody {
        /// The pause before each piece.
        pause: Duration,
    },
    /// Begins a page with a key that was given already: the last of the page before, or on the first page twice
    /// the first.
    RepeatKeys,
    /// Names the page itself as the next one.
    RepeatToken,
    /// Lets `next` point to another host.
    ForeignNext {
        /// The host, with its port if it has one.
        host: String,
    },
    /// Gives the right keys, but every text of them that is neither an id nor a secret holds what a terminal, a table
    /// or a spreadsheet would act on. A write is applied.
    HostileTexts,
    /// Gives the right keys, but their names and descriptions are this long. A write is applied.
    LongTexts {
        /// Bytes of each.
        bytes: u64,
    },
    /// Gives the right keys, but in the spec of each is a member that nests this deep. A write is applied.
    DeepNesting {
        /// Arrays in arrays.
        levels: u64,
    },
    /// Applies the request, then closes the connection without an answer (TCP reset).
    CreateThenDrop,
    /// Leaves the secret out of the answer to a create. The key is created all the same.
    WithoutSecret,
    /// Answers an update with the key as it was before. The key is changed all the same.
    Stale,
    /// Gives the right keys, each with the secret [`LEAKED_SECRET`](super::LEAKED_SECRET), whatever is read. Answers to
    /// creates stay as they are.
    LeakSecrets,
}

/// One scripted fault.
///
/// The textual form, for the command line, is `CONDITION[,CONDITION…]:ACTION[,OPTION…]`, such as `every=3:503` or
/// `get,page=2:429,retry-after=1`. See its `FromStr`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which requests it is meant for.
    pub on: When,
    /// How often it strikes at most; `None` is without end.
    pub times: Option<u64>,
    /// What it does.
    pub action: Action,
}

impl Fault {
    /// Returns a fault that strikes every request.
    pub fn new(action: Action) -> Self {
        Self {
            on: When::default(),
            times: None,
            action,
        }
    }

    /// Returns a fault that answers every request with a status and the service's envelope of errors.
    pub fn status(code: u16) -> Self {
        Self::new(Action::Status {
            code,
            headers: Vec::new(),
            body: FaultBody::Json,
        })
    }

    /// Restricts it to a method.
    pub fn on_method(mut self, method: Method) -> Self {
        self.on.method = Some(method);
        self
    }

    /// Restricts it to paths that contain `text`.
    pub fn on_path(mut self, text: impl Into<String>) -> Self {
        self.on.path = Some(text.into());
        self
    }

    /// Restricts it to listings at page `number`, from 1.
    pub fn on_page(mut self, number: u64) -> Self {
        self.on.page = Some(number);
        self
    }

    /// Restricts it to the nth request, from 1.
    pub fn nth(mut self, number: u64) -> Self {
        self.on.nth = Some(number);
        self
    }

    /// Restricts it to every nth request.
    pub fn every(mut self, number: u64) -> Self {
        self.on.every = Some(number);
        self
    }

    /// Lets it strike at most `count` times.
    pub fn times(mut self, count: u64) -> Self {
        self.times = Some(count);
        self
    }
}

/// Faults, and how often each has been considered and has struck.
#[derive(Debug, Default)]
pub(super) struct Script(Vec<Scripted>);

#[derive(Debug)]
struct Scripted {
    fault: Fault,
    seen: u64,
    struck: u64,
}

impl Script {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        let scripted = |fault| Scripted {
            fault,
            seen: 0,
            struck: 0,
        };
        Self(faults.into_iter().map(scripted).collect())
    }

    /// Returns what happens to this request, if anything. `page` is that of a listing.
    pub(super) fn strike(
        &mut self,
        method: &Method,
        path: &str,
        page: Option<u64>,
    ) -> Option<Action> {
        let mut action = None;
        // Every fault counts every request, taken by another or not: `nth` means the nth that arrives.
        for Scripted {
            fault:
                Fault {
                    on,
                    times,
                    action: own,
                },
            seen,
            struck,
        } in &mut self.0
        {
            let meant = on.method.as_ref().is_none_or(|own| own == method)
                && on.path.as_deref().is_none_or(|part| path.contains(part))
                && on.page.is_none_or(|own| Some(own) == page);
            if !meant {
                continue;
            }
            *seen += 1;
            let due = on.nth.is_none_or(|nth| nth == *seen)
                && on
                    .every
                    .is_none_or(|every| every != 0 && *seen % every == 0)
                && times.is_none_or(|times| *struck < times);
            if due && action.is_none() {
                *struck += 1;
                action = Some(own.clone());
            }
        }
        action
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells which of `count` GETs of the collection are struck.
    fn struck(faults: Vec<Fault>, count: u64) -> Vec<u64> {
        let mut script = Script::new(faults);
        (1..=count)
            .filter(|_| {
                script
                    .strike(&Method::GET, "/iam/v2/api-keys", Some(1))
                    .is_some()
            })
            .collect()
    }

    #[test]
    fn faults_strike_when_they_are_due() {
        let fault = || Fault::status(503);
        assert_eq!(struck(vec![fault()], 3), [1, 2, 3]);
        assert_eq!(struck(vec![fault().nth(2)], 4), [2]);
        assert_eq!(struck(vec![fault().every(3)], 7), [3, 6]);
        assert_eq!(struck(vec![fault().times(2)], 5), [1, 2]);
        assert_eq!(struck(vec![fault().every(2).times(1)], 6), [2]);
        assert_eq!(struck(vec![fault().every(0)], 3), [0; 0]);
    }

    #[test]
    fn faults_strike_only_what_they_are_meant_for() {
        assert_eq!(
            struck(vec![Fault::status(503).on_method(Method::POST)], 2),
            [0; 0]
        );
        assert_eq!(
            struck(vec![Fault::status(503).on_path("service-accounts")], 2),
            [0; 0]
        );
        assert_eq!(struck(vec![Fault::status(503).on_page(2)], 2), [0; 0]);
        assert_eq!(
            struck(vec![Fault::status(503).on_page(1).on_path("api-keys")], 2),
            [1, 2]
        );
    }

    #[test]
    fn the_first_fault_that_hits_takes_the_request_and_all_count_it() {
        let mut script = Script::new(vec![Fault::status(500).nth(1), Fault::status(502).nth(2)]);
        let mut strike = || match script.strike(&Method::GET, "/", None) {
            Some(Action::Status { code, .. }) => code,
            _ => 0,
        };
        assert_eq!([strike(), strike(), strike()], [500, 502, 0]);
    }
}
