//! A listing whose next page is on its way while this one is read.
//!
//! Turns a way of fetching one page into a stream of all pages, as `pagination` does, but does not wait to be asked.
//! The link to the next page stands before the keys of this one, so that the next request is sent as soon as this
//! answer is here, and the answer is checked while that travels. The check has the last word: a page that does not
//! hold is fetched again, and if it leads elsewhere then, what was on its way is dropped. Never more than [`AHEAD`]
//! pages wait to be read; all that is under way ends with the stream.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::body::DecodeError;
use super::page::{Page, PageToken};
use super::pagination::TokenTrail;

/// Answers that may wait to be read, besides the one that is being fetched.
const AHEAD: usize = 2;

/// When an answer is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Before it counts as an answer.
    Now,
    /// Once it is read, if it tells by itself where the listing goes on.
    Later,
}

/// An answer to a request for a page.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// A page.
    Page(Page),
    /// What begins like a page, and goes on with `next`.
    Unread { body: Bytes, next: PageToken },
}

impl Fetched {
    /// Reads `body` as far as `check` asks for.
    ///
    /// # Errors
    /// As [`Page::parse`], for what is checked now.
    pub(crate) fn read(body: Bytes, check: Check) -> Result<Self, DecodeError> {
        match Page::peek(&body).filter(|_| check == Check::Later) {
            Some(Some(next)) => Ok(Self::Unread { body, next }),
            _ => Page::parse(body).map(Self::Page),
        }
    }

    fn next(&self) -> Option<&PageToken> {
        match self {
            Self::Page(page) => page.next(),
            Self::Unread { next, .. } => Some(next),
        }
    }

    /// Checks what is unread. It stays so if it does not hold, or leads elsewhere than it seemed to.
    fn checked(self) -> Self {
        match self {
            Self::Unread { body, next } => match Page::parse(body.clone()) {
                Ok(page) if page.next() == Some(&next) => Self::Page(page),
                _ => Self::Unread { body, next },
            },
            page => page,
        }
    }
}

/// A task that ends with its handle.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer, and the token that it was asked for by.
type Answer<E> = Result<(Option<PageToken>, Fetched), E>;

/// The listing as its reader has it.
struct Listing<E, Fetch, Repeated> {
    fetch: Arc<Fetch>,
    repeated: Arc<Repeated>,
    trail: Arc<Mutex<TokenTrail>>,
    answers: mpsc::Receiver<Answer<E>>,
    _walk: Task,
}

/// Turns a way of fetching one page into the stream of all pages, fetched ahead. After an error the stream ends.
/// `repeated` makes the error for a token that comes a second time.
///
/// Needs a tokio runtime from its first poll on.
pub(crate) fn pages<E, Fetch, F>(
    fetch: Fetch,
    repeated: impl Fn(&PageToken) -> E + Send + Sync + 'static,
) -> impl Stream<Item = Result<Page, E>> + Send + 'static
where
    E: Send + 'static,
    Fetch: Fn(Option<PageToken>, Check) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Fetched, E>> + Send + 'static,
{
    let (fetch, repeated) = (Arc::new(fetch), Arc::new(repeated));
    let start = async move { Some(Listing::walked(fetch, repeated, Arc::default(), None)) };
    let listing = |listing: Option<Listing<E, Fetch, _>>| async move {
        let mut listing = listing?;
        match listing.next().await? {
            Ok(page) => Some((Ok(page), Some(listing))),
            Err(error) => Some((Err(error), None)),
        }
    };
    stream::once(start).flat_map(move |start| stream::unfold(start, listing))
}

impl<E, Fetch, Repeated, F> Listing<E, Fetch, Repeated>
where
    E: Send + 'static,
    Fetch: Fn(Option<PageToken>, Check) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Fetched, E>> + Send + 'static,
    Repeated: Fn(&PageToken) -> E + Send + Sync + 'static,
{
    /// Sets out from the page that `token` stands for.
    fn walked(
        fetch: Arc<Fetch>,
        repeated: Arc<Repeated>,
        trail: Arc<Mutex<TokenTrail>>,
        token: Option<PageToken>,
    ) -> Self {
        let (sender, answers) = mpsc::channel(AHEAD);
        let walk = walk(
            Arc::clone(&fetch),
            Arc::clone(&repeated),
            Arc::clone(&trail),
            token,
            sender,
        );
        Self {
            fetch,
            repeated,
            trail,
            answers,
            _walk: Task(tokio::spawn(walk)),
        }
    }

    /// Returns the next page, checked; None behind the last one.
    async fn next(&mut self) -> Option<Result<Page, E>> {
        let (token, body, expected) = match self.answers.recv().await? {
            Err(error) => return Some(Err(error)),
            Ok((_, Fetched::Page(page))) => return Some(Ok(page)),
            Ok((token, Fetched::Unread { body, next })) => (token, body, next),
        };
        let page = match Page::parse(body) {
            Ok(page) => page,
            Err(_) => match (self.fetch)(token, Check::Now).await {
                Ok(Fetched::Page(page)) => page,
                // Not what was asked for.
                Ok(Fetched::Unread { .. }) => return None,
                Err(error) => return Some(Err(error)),
            },
        };
        match page.next() {
            Some(next) if *next == expected => {}
            Some(next) if !advance(&self.trail, next) => {
                return Some(Err((self.repeated)(next)));
            }
            Some(next) => {
                let (fetch, repeated) = (Arc::clone(&self.fetch), Arc::clone(&self.repeated));
                *self = Self::walked(fetch, repeated, Arc::clone(&self.trail), Some(next.clone()));
            }
            // What was on its way does not belong to the listing.
            None => self.answers = mpsc::channel(1).1,
        }
        Some(Ok(page))
    }
}

/// Fetches answer after answer and hands them to `answers`.
async fn walk<E, F>(
    fetch: Arc<impl Fn(Option<PageToken>, Check) -> F>,
    repeated: Arc<impl Fn(&PageToken) -> E>,
    trail: Arc<Mutex<TokenTrail>>,
    mut token: Option<PageToken>,
    answers: mpsc::Sender<Answer<E>>,
) where
    F: Future<Output = Result<Fetched, E>>,
{
    // A place for the answer comes before the request.
    let Ok(mut place) = answers.reserve().await else {
        return;
    };
    loop {
        let fetched = match fetch(token.clone(), Check::Later).await {
            Ok(fetched) => fetched,
            Err(error) => return place.send(Err(error)),
        };
        let next = fetched.next().cloned();
        if let Some(next) = &next
            && !advance(&trail, next)
        {
            return place.send(Err(repeated(next)));
        }
        let is_last = next.is_none();
        let asked = std::mem::replace(&mut token, next);
        place = match answers.try_reserve() {
            _ if is_last => return place.send(Ok((asked, fetched))),
            Ok(next_place) => {
                place.send(Ok((asked, fetched)));
                next_place
            }
            // There is time for the check: the reader has as much as it may have.
            Err(_) => {
                place.send(Ok((asked, fetched.checked())));
                match answers.reserve().await {
                    Ok(next_place) => next_place,
                    Err(_) => return,
                }
            }
        };
    }
}

fn advance(trail: &Mutex<TokenTrail>, token: &PageToken) -> bool {
    trail
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .advance(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was fetched, by token, and what the listing gave: the number of keys of a page, or an error.
    type Account = (Vec<String>, Vec<Result<usize, String>>);

    /// Walks the pages that `answers` gives: a body, or an error. A body that is no page is an error if it is checked.
    async fn walked(
        answers: impl Fn(&str, Check) -> Result<&'static str, &'static str> + Send + Sync + 'static,
        most: usize,
    ) -> Account {
        let fetched = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&fetched);
        let fetch = move |token: Option<PageToken>, check| {
            let token = token.map_or_else(String::new, |token| token.as_str().to_owned());
            let answer = answers(&token, check);
            log.lock().unwrap().push(token);
            async move {
                let body = answer.map_err(str::to_owned)?;
                Fetched::read(Bytes::from_static(body.as_bytes()), check)
                    .map_err(|error| error.to_string())
            }
        };
        let stream = pages(fetch, |token| format!("repeated {}", token.as_str()));
        let given = stream
            .take(most)
            .map(|page| page.map(|page| page.len()))
            .collect()
            .await;
        let fetched = fetched.lock().unwrap().clone();
        (fetched, given)
    }

    const TO_B: &str = r#"{"metadata":{"next":"?page_token=b"},"data":[1]}"#;
    const TO_C: &str = r#"{"metadata":{"next":"?page_token=c"},"data":[1,2]}"#;
    const LATE_TO_C: &str = r#"{"data":[1,2],"metadata":{"next":"?page_token=c"}}"#;
    const LAST: &str = r#"{"data":[1,2,3]}"#;

    #[tokio::test]
    async fn pages_come_in_order_wherever_their_links_stand() {
        for second in [TO_C, LATE_TO_C] {
            let answers = move |token: &str, _| match token {
                "" => Ok(TO_B),
                "b" => Ok(second),
                _ => Ok(LAST),
            };
            let (fetched, given) = walked(answers, 9).await;
            assert_eq!(fetched, ["", "b", "c"]);
            assert_eq!(given, [Ok(1), Ok(2), Ok(3)]);
        }
    }

    #[tokio::test]
    async fn a_page_that_does_not_hold_is_fetched_again() {
        let answers = |token: &str, check| match (token, check) {
            ("", Check::Later) => Ok(r#"{"metadata":{"next":"?page_token=b"},"data":[1"#),
            ("", Check::Now) => Ok(TO_B),
            _ => Ok(LAST),
        };
        let (mut fetched, given) = walked(answers, 9).await;
        fetched.sort();
        assert_eq!(fetched, ["", "", "b"]);
        assert_eq!(given, [Ok(1), Ok(3)]);
    }

    #[tokio::test]
    async fn the_page_itself_has_the_last_word_on_where_the_listing_goes() {
        let answers = |token: &str, check| match (token, check) {
            ("", Check::Later) => Ok(r#"{"metadata":{"next":"?page_token=x"},"data":[1"#),
            ("", Check::Now) => Ok(TO_B),
            ("x", _) => Err("a page that nobody links to"),
            _ => Ok(LAST),
        };
        let (_, given) = walked(answers, 9).await;
        assert_eq!(given, [Ok(1), Ok(3)]);
        let ends = |token: &str, check| match (token, check) {
            ("", Check::Later) => Ok(r#"{"metadata":{"next":"?page_token=x"},"data":[1"#),
            ("", Check::Now) => Ok(LAST),
            _ => Err("a page that nobody links to"),
        };
        assert_eq!(walked(ends, 9).await.1, [Ok(3)]);
    }

    #[test]
    fn a_page_that_is_checked_early_is_a_page_only_if_it_is_what_it_seemed_to_be() {
        let is_page = |body: &'static str| {
            let fetched = Fetched::read(Bytes::from_static(body.as_bytes()), Check::Later).unwrap();
            assert!(matches!(fetched, Fetched::Unread { .. }));
            matches!(fetched.checked(), Fetched::Page(_))
        };
        assert!(is_page(TO_B));
        assert!(!is_page(
            r#"{"metadata":{"next":"?page_token=b"},"data":[1"#
        ));
        // Of a repeated member the last counts.
        assert!(!is_page(
            r#"{"metadata":{"next":"?page_token=b"},"data":[],"metadata":{}}"#
        ));
    }

    #[tokio::test]
    async fn an_error_ends_the_listing_behind_the_pages_before_it() {
        let answers = |token: &str, _| match token {
            "" => Ok(TO_B),
            _ => Err("gone"),
        };
        assert_eq!(walked(answers, 9).await.1, [Ok(1), Err("gone".to_owned())]);
    }

    #[tokio::test]
    async fn a_token_that_comes_again_is_an_error_and_is_not_asked_for() {
        let answers = |token: &str, _| match token {
            "b" => Ok(TO_C),
            _ => Ok(TO_B),
        };
        let (fetched, given) = walked(answers, 9).await;
        assert_eq!(fetched, ["", "b", "c"]);
        let repeated = Err("repeated b".to_owned());
        assert_eq!(given, [Ok(1), Ok(2), repeated]);
    }

    #[tokio::test]
    async fn no_more_than_a_few_pages_are_fetched_ahead_of_the_reader() {
        let pages = std::sync::atomic::AtomicUsize::new(0);
        let answers = move |_: &str, _| {
            let page = pages.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let text = format!(r#"{{"metadata":{{"next":"?page_token=t{page}"}},"data":[]}}"#);
            Ok(&*text.leak())
        };
        let (fetched, given) = walked(answers, 1).await;
        assert_eq!(given, [Ok(0)]);
        assert!(fetched.len() <= AHEAD + 2, "{fetched:?}");
    }
}
