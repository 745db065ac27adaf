//! A listing whose next page is on its way while this one is read.
//!
//! Turns a [`Source`] of pages into a stream of what a [`PageReader`] makes of all of them. As `pagination`, but it does
//! not wait to be asked: the link to the next page stands before the keys of this one, so that the next request is
//! sent as soon as this answer is here, and the answer is checked while that travels, by being read. What was read has
//! the last word: a page that does not hold is fetched again, and if it leads elsewhere then, what was on its way is
//! dropped. Never more than [`AHEAD`] pages wait to be read; all that is under way ends with the stream.
//!
//! A reader that is behind is helped: it reads what waits together, and whoever fetches reads a page, too, before it
//! waits for room.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::body::DecodeError;
use super::page::{Listed, Page, PageReader, PageToken};
use super::pagination::TokenTrail;

/// Answers that may wait to be read, the one that is being fetched included.
const AHEAD: usize = 3;

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
}

/// A task that ends with its handle.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Where the pages of a listing come from, and who reads them.
pub(crate) trait Source: Send + Sync + 'static {
    /// Why there is no page.
    type Error: Send + 'static;
    /// Who reads pages.
    type Reader: PageReader;

    /// Fetches the page that `token` stands for, the first one if there is none.
    fn fetch(
        &self,
        token: Option<&PageToken>,
        check: Check,
    ) -> impl Future<Output = Result<Fetched, Self::Error>> + Send;

    /// Makes the error for a token that comes a second time.
    fn repeated(&self, token: &PageToken) -> Self::Error;

    /// Makes a reader.
    fn reader(&self) -> Self::Reader;
}

/// What the readers of a source make of keys.
type KeysOf<S> = <<S as Source>::Reader as PageReader>::Keys;

/// An answer on its way to the reader.
enum Waiting<K> {
    /// As it was fetched, and the token that it was asked for by.
    Fetched(Option<PageToken>, Fetched),
    /// As it was read by whoever fetched it.
    Read(Listed<K>),
}

type Answer<S> = Result<Waiting<KeysOf<S>>, <S as Source>::Error>;

/// The listing as its reader has it.
struct Listing<S: Source> {
    source: Arc<S>,
    reader: S::Reader,
    trail: Arc<Mutex<TokenTrail>>,
    answers: mpsc::Receiver<Answer<S>>,
    /// Answers that were received and not read, the last one first.
    received: Vec<Answer<S>>,
    walk: Task,
}

/// Returns the stream of what the readers of `source` make of all its pages, fetched ahead. After an error it ends.
///
/// Needs a tokio runtime from its first poll on.
pub(crate) fn pages<S: Source>(
    source: S,
) -> impl Stream<Item = Result<Listed<KeysOf<S>>, S::Error>> + Send + 'static {
    let start = async move { Some(Listing::start(source)) };
    let listing = |listing: Option<Listing<S>>| async move {
        let mut listing = listing?;
        match listing.next().await? {
            Ok(listed) => Some((Ok(listed), Some(listing))),
            Err(error) => Some((Err(error), None)),
        }
    };
    stream::once(start).flat_map(move |start| stream::unfold(start, listing))
}

impl<S: Source> Listing<S> {
    /// Sets out from the first page.
    fn start(source: S) -> Self {
        let (source, trail) = (Arc::new(source), Arc::default());
        let (answers, walk) = walked(&source, &trail, None);
        Self {
            reader: source.reader(),
            source,
            trail,
            answers,
            received: Vec::new(),
            walk,
        }
    }

    /// Returns what the reader makes of the next pages; None behind the last one.
    async fn next(&mut self) -> Option<Result<Listed<KeysOf<S>>, S::Error>> {
        if self.received.is_empty() {
            // All that wait are taken at once, so that whoever fetches them is woken for each time that there is room, rather
            // than for each of them.
            self.answers.recv_many(&mut self.received, AHEAD).await;
            self.received.reverse();
        }
        let (token, fetched) = match self.received.pop()? {
            Ok(Waiting::Fetched(token, fetched)) => (token, fetched),
            Ok(Waiting::Read(listed)) => return Some(Ok(listed)),
            Err(error) => return Some(Err(error)),
        };
        let (mut len, is_last) = match self.read(token, fetched).await? {
            Ok(read) => read,
            Err(error) => return Some(Err(error)),
        };
        let mut pages = 1;
        while let Some(more) = self.read_along() {
            len += more;
            pages += 1;
        }
        Some(Ok(Listed {
            keys: self.reader.finish(),
            len,
            pages,
            is_last,
        }))
    }

    /// Reads the answer to the request for `token`. Returns the number of its keys, and whether it is the last page.
    async fn read(
        &mut self,
        token: Option<PageToken>,
        fetched: Fetched,
    ) -> Option<Result<(usize, bool), S::Error>> {
        let page = match fetched {
            Fetched::Page(page) => page,
            Fetched::Unread { body, next } => {
                if let Some(len) = self.reader.read(&body, Some(&next)) {
                    return Some(Ok((len, false)));
                }
                let page = match Page::parse(body) {
                    Ok(page) => page,
                    Err(_) => match self.source.fetch(token.as_ref(), Check::Now).await {
                        Ok(Fetched::Page(page)) => page,
                        // Not what was asked for.
                        Ok(Fetched::Unread { .. }) => return None,
                        Err(error) => return Some(Err(error)),
                    },
                };
                if page.next() != Some(&next)
                    && let Err(error) = self.go_on_with(page.next())
                {
                    return Some(Err(error));
                }
                page
            }
        };
        self.reader.add(&page);
        Some(Ok((page.len(), page.next().is_none())))
    }

    /// Goes on with `next`, or with nothing, in place of what was on its way: that does not belong to the listing.
    fn go_on_with(&mut self, next: Option<&PageToken>) -> Result<(), S::Error> {
        self.received.clear();
        match next {
            Some(next) if !advance(&self.trail, next) => return Err(self.source.repeated(next)),
            Some(next) => {
                (self.answers, self.walk) = walked(&self.source, &self.trail, Some(next.clone()));
            }
            None => self.answers = mpsc::channel(1).1,
        }
        Ok(())
    }

    /// Reads the next answer, too, if it is here already and is what it seems to be. Returns the number of its keys.
    fn read_along(&mut self) -> Option<usize> {
        let Ok(Waiting::Fetched(_, Fetched::Unread { body, next })) = self.received.last()? else {
            return None;
        };
        let len = self.reader.read(body, Some(next))?;
        self.received.pop();
        Some(len)
    }
}

impl<K> Waiting<K> {
    /// Has `reader` read it, if it is what it seems to be.
    fn read_by(self, reader: &mut impl PageReader<Keys = K>) -> Self {
        let Self::Fetched(_, Fetched::Unread { body, next }) = &self else {
            return self;
        };
        match reader.read(body, Some(next)) {
            Some(len) => Self::Read(Listed {
                keys: reader.finish(),
                len,
                pages: 1,
                is_last: false,
            }),
            None => self,
        }
    }
}

/// Sets out from the page that `token` stands for, the first one if there is none.
fn walked<S: Source>(
    source: &Arc<S>,
    trail: &Arc<Mutex<TokenTrail>>,
    token: Option<PageToken>,
) -> (mpsc::Receiver<Answer<S>>, Task) {
    let (sender, answers) = mpsc::channel(AHEAD);
    let walk = walk(Arc::clone(source), Arc::clone(trail), token, sender);
    (answers, Task(tokio::spawn(walk)))
}

/// Fetches answer after answer and hands them to `answers`.
async fn walk<S: Source>(
    source: Arc<S>,
    trail: Arc<Mutex<TokenTrail>>,
    mut token: Option<PageToken>,
    answers: mpsc::Sender<Answer<S>>,
) {
    let mut reader = source.reader();
    // A place for the answer comes before the request.
    let Ok(mut place) = answers.reserve().await else {
        return;
    };
    loop {
        let fetched = match source.fetch(token.as_ref(), Check::Later).await {
            Ok(fetched) => fetched,
            Err(error) => return place.send(Err(error)),
        };
        let next = fetched.next().cloned();
        if let Some(next) = &next
            && !advance(&trail, next)
        {
            return place.send(Err(source.repeated(next)));
        }
        let is_last = next.is_none();
        let asked = std::mem::replace(&mut token, next);
        let waiting = Waiting::Fetched(asked, fetched);
        place = match answers.try_reserve() {
            _ if is_last => return place.send(Ok(waiting)),
            Ok(next_place) => {
                place.send(Ok(waiting));
                next_place
            }
            // The reader has more than it can read for now.
            Err(_) => {
                place.send(Ok(waiting.read_by(&mut reader)));
                match answers.reserve().await {
                    Ok(next_place) => next_place,
                    Err(_) => return,
                }
            }
        };
    }
}

/// Notes that the listing goes on with `token`. False if it has been there before.
fn advance(trail: &Mutex<TokenTrail>, token: &PageToken) -> bool {
    trail
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .advance(token)
}

#[cfg(test)]
mod tests {
    use super::super::page::Outline;
    use super::*;

    /// What was fetched, by token, and what the listing gave: the number of keys of a page, or an error.
    type Account = (Vec<String>, Vec<Result<usize, String>>);

    /// Counts the keys of each page; reads what it can by itself, or nothing.
    struct Count {
        by_itself: bool,
        pages: Vec<usize>,
    }

    impl PageReader for Count {
        type Keys = Vec<usize>;

        fn add(&mut self, page: &Page) {
            self.pages.push(page.len());
        }

        fn read(&mut self, body: &[u8], next: Option<&PageToken>) -> Option<usize> {
            let key = |text: &str| text.find([',', ']']).filter(|_| self.by_itself);
            let outline = Outline::read(body, key)?;
            (outline.next.as_ref() == next).then(|| self.pages.push(outline.len))?;
            Some(outline.len)
        }

        fn finish(&mut self) -> Vec<usize> {
            std::mem::take(&mut self.pages)
        }
    }

    /// Answers by token, and readers that count.
    struct Answers<A> {
        answer: A,
        by_itself: bool,
    }

    impl<A> Source for Answers<A>
    where
        A: Fn(&str, Check) -> Result<String, String> + Send + Sync + 'static,
    {
        type Error = String;
        type Reader = Count;

        async fn fetch(&self, token: Option<&PageToken>, check: Check) -> Result<Fetched, String> {
            let body = (self.answer)(token.map_or("", PageToken::as_str), check)?;
            Fetched::read(body.into(), check).map_err(|error| error.to_string())
        }

        fn repeated(&self, token: &PageToken) -> String {
            format!("repeated {}", token.as_str())
        }

        fn reader(&self) -> Count {
            Count {
                by_itself: self.by_itself,
                pages: Vec::new(),
            }
        }
    }

    /// Walks the pages that `answers` gives: a body, or an error. A body that is no page is an error if it is checked.
    /// Whether the reader reads by itself makes no difference.
    async fn walked(
        answers: impl Fn(&str, Check) -> Result<&'static str, &'static str>
        + Clone
        + Send
        + Sync
        + 'static,
        most: usize,
    ) -> Account {
        let account = walked_by(true, answers.clone(), most).await;
        assert_eq!(account.1, walked_by(false, answers, most).await.1);
        account
    }

    async fn walked_by(
        by_itself: bool,
        answers: impl Fn(&str, Check) -> Result<&'static str, &'static str> + Send + Sync + 'static,
        most: usize,
    ) -> Account {
        let fetched = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&fetched);
        let source = Answers {
            answer: move |token: &str, check: Check| {
                log.lock().unwrap().push(token.to_owned());
                answers(token, check)
                    .map(str::to_owned)
                    .map_err(str::to_owned)
            },
            by_itself,
        };
        let given = pages(source)
            .flat_map(|listed| {
                stream::iter(match listed {
                    Ok(listed) => {
                        assert_eq!(listed.pages, listed.keys.len());
                        assert_eq!(listed.len, listed.keys.iter().sum::<usize>());
                        listed.keys.into_iter().map(Ok).collect()
                    }
                    Err(error) => vec![Err(error)],
                })
            })
            .take(most)
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
    async fn a_reader_that_is_behind_is_helped() {
        let answer = |token: &str, _| {
            let page = token.parse().unwrap_or(0);
            let links = match page {
                5 => String::new(),
                _ => format!(r#""next":"?page_token={}""#, page + 1),
            };
            Ok(format!(r#"{{"metadata":{{{links}}},"data":[{page}]}}"#))
        };
        let by_itself = true;
        let listed: Vec<_> = pages(Answers { answer, by_itself })
            .map(|listed| listed.unwrap())
            .map(|listed| (listed.pages, listed.is_last))
            .collect()
            .await;
        // Two that wait are read together, the third one by whoever fetched it, and so on.
        assert_eq!(listed, [(2, false), (1, false), (2, false), (1, true)]);
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

    #[tokio::test]
    async fn of_what_was_read_the_last_word_is_the_reader_s() {
        // Of a repeated member the last counts.
        let twice = r#"{"metadata":{"next":"?page_token=x"},"data":[1],"metadata":{"next":"?page_token=b"}}"#;
        let answers = move |token: &str, _| match token {
            "" => Ok(twice),
            "b" => Ok(LAST),
            _ => Err("a page that nobody links to"),
        };
        assert_eq!(walked(answers, 9).await.1, [Ok(1), Ok(3)]);
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
        let pages = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let answers = move |_: &str, _| {
            let page = pages.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let text = format!(r#"{{"metadata":{{"next":"?page_token=t{page}"}},"data":[]}}"#);
            Ok(&*text.leak())
        };
        let (fetched, given) = walked(answers, 1).await;
        assert_eq!(given, [Ok(0)]);
        assert!(fetched.len() <= 2 * AHEAD, "{fetched:?}");
    }
}
