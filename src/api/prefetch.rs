//! Prefetching: the next page of a listing travels while this one is read.
//!
//! Turns a [`PageSource`] into a stream of what a [`PageReader`] makes of its pages. Unlike `pagination`, it does not wait
//! to be polled: the link to the next page comes before the keys of this one, so the next request is sent as soon as this
//! answer arrives, before the answer is validated. Reading the page validates it. If a page turns out to be broken, it is
//! fetched again, and if the page links elsewhere than it first seemed, whatever was prefetched is dropped.
//!
//! At most [`PREFETCHED_PAGES`] pages wait for the reader, which reads all that wait in one go. All requests end with the
//! stream.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::body::DecodeError;
use super::page::{Listed, Page, PageReader, PageToken};
use super::pagination::SeenTokens;

/// The most pages that may wait for the reader, including the one being fetched.
const PREFETCHED_PAGES: usize = 3;

/// When a page is validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validation {
    /// When it arrives; a broken page counts as a failed request.
    OnArrival,
    /// When it is read, provided that its beginning says where the listing continues.
    OnRead,
}

/// The answer to a request for a page.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// A valid page.
    Page(Page),
    /// A body that begins like a page whose successor is `next`, of a listing of `total` keys.
    Unvalidated {
        body: Bytes,
        next: PageToken,
        total: Option<u64>,
    },
}

impl Fetched {
    /// Reads `body` as far as `validation` requires.
    ///
    /// Fails as [`Page::parse`] does, for a page that is validated now.
    pub(crate) fn read(body: Bytes, validation: Validation) -> Result<Self, DecodeError> {
        if validation == Validation::OnRead
            && let Some((Some(next), total)) = Page::peek(&body)
        {
            return Ok(Self::Unvalidated { body, next, total });
        }
        Page::parse(body).map(Self::Page)
    }

    fn next(&self) -> Option<&PageToken> {
        match self {
            Self::Page(page) => page.next(),
            Self::Unvalidated { next, .. } => Some(next),
        }
    }
}

/// Where the pages of a listing come from, and how they are read.
pub(crate) trait PageSource: Send + Sync + 'static {
    /// Why a page could not be fetched.
    type Error: Send + 'static;
    /// What reads the pages.
    type Reader: PageReader;

    /// Fetches the page that `token` stands for; the first one if there is none.
    fn fetch(
        &self,
        token: Option<&PageToken>,
        validation: Validation,
    ) -> impl Future<Output = Result<Fetched, Self::Error>> + Send;

    /// Returns the error for a token that this listing has already used.
    fn repeated(&self, token: &PageToken) -> Self::Error;

    /// Returns the error for a listing of `keys` keys if `total` is more than they are.
    fn short(&self, keys: u64, total: u64) -> Option<Self::Error>;

    /// Returns a new reader.
    fn reader(&self) -> Self::Reader;

    /// Returns the runtime that fetches the pages; None for that of the caller.
    fn runtime(&self) -> Option<Handle> {
        None
    }
}

/// What the readers of a source make of its pages.
type OutputOf<S> = <<S as PageSource>::Reader as PageReader>::Output;

/// A page, with the token it was requested by.
type Answer<S> = Result<(Option<PageToken>, Fetched), <S as PageSource>::Error>;

/// Reads the pages that a background task fetches.
struct Prefetcher<S: PageSource> {
    source: Arc<S>,
    reader: S::Reader,
    seen: Arc<Mutex<SeenTokens>>,
    answers: mpsc::Receiver<Answer<S>>,
    /// Answers taken from the channel but not read yet, in reverse order.
    received: Vec<Answer<S>>,
    /// Keys read so far.
    keys: u64,
    /// How many there are, as the service said last.
    total: Option<u64>,
    /// The task, which is cancelled when this is dropped.
    fetcher: JoinSet<()>,
}

/// Returns a stream of what the readers of `source` make of its pages, in order. It ends after the last page or the first
/// error.
///
/// Must be polled within a tokio runtime.
pub(crate) fn pages<S: PageSource>(
    source: S,
) -> impl Stream<Item = Result<Listed<OutputOf<S>>, S::Error>> + Send + 'static {
    let start = async move { Some(Prefetcher::start(source)) };
    let listing = |prefetcher: Option<Prefetcher<S>>| async move {
        let mut prefetcher = prefetcher?;
        match prefetcher.next().await? {
            Ok(listed) => Some((Ok(listed), Some(prefetcher))),
            Err(error) => Some((Err(error), None)),
        }
    };
    stream::once(start).flat_map(move |start| stream::unfold(start, listing))
}

impl<S: PageSource> Prefetcher<S> {
    /// Starts fetching the first page.
    fn start(source: S) -> Self {
        let (source, seen) = (Arc::new(source), Arc::default());
        let (answers, fetcher) = spawn_fetcher(&source, &seen, None);
        Self {
            reader: source.reader(),
            source,
            seen,
            answers,
            received: Vec::new(),
            keys: 0,
            total: None,
            fetcher,
        }
    }

    /// Reads the next page, and the pages after it that have already arrived. None after the last page.
    async fn next(&mut self) -> Option<Result<Listed<OutputOf<S>>, S::Error>> {
        if self.received.is_empty() {
            // Everything that waits is taken at once, so that the fetcher is woken once rather than once per page.
            self.answers
                .recv_many(&mut self.received, PREFETCHED_PAGES)
                .await;
            self.received.reverse();
        }
        let (token, fetched) = match self.received.pop()? {
            Ok(answer) => answer,
            Err(error) => return Some(Err(error)),
        };
        let (mut keys, is_last) = match self.read(token, fetched).await? {
            Ok(read) => read,
            Err(error) => return Some(Err(error)),
        };
        let mut pages = 1;
        while let Some(more) = self.read_received() {
            keys += more;
            pages += 1;
        }
        self.keys += keys as u64;
        Some(Ok(Listed {
            output: self.reader.finish(),
            keys,
            pages,
            is_last,
        }))
    }

    /// Reads the answer to the request for `token`. Returns its number of keys, and whether it is the last page.
    async fn read(
        &mut self,
        token: Option<PageToken>,
        fetched: Fetched,
    ) -> Option<Result<(usize, bool), S::Error>> {
        let page = match fetched {
            Fetched::Page(page) => page,
            Fetched::Unvalidated { body, next, total } => {
                if let Some(keys) = self.reader.read(&body, Some(&next)) {
                    self.total = total.or(self.total);
                    return Some(Ok((keys, false)));
                }
                let page = match Page::parse(body) {
                    Ok(page) => page,
                    Err(_) => {
                        let fetched = self.source.fetch(token.as_ref(), Validation::OnArrival);
                        match fetched.await {
                            Ok(Fetched::Page(page)) => page,
                            // A source never returns this for pages validated on arrival.
                            Ok(Fetched::Unvalidated { .. }) => return None,
                            Err(error) => return Some(Err(error)),
                        }
                    }
                };
                if page.next() != Some(&next)
                    && let Err(error) = self.restart_at(page.next())
                {
                    return Some(Err(error));
                }
                page
            }
        };
        let keys = self.keys + page.len() as u64;
        self.total = page.total().or(self.total);
        if let (None, Some(total)) = (page.next(), self.total)
            && let Some(error) = self.source.short(keys, total)
        {
            return Some(Err(error));
        }
        self.reader.add(&page);
        Some(Ok((page.len(), page.next().is_none())))
    }

    /// Drops what was prefetched, which does not belong to the listing, and continues with `next`, or not at all.
    fn restart_at(&mut self, next: Option<&PageToken>) -> Result<(), S::Error> {
        self.received.clear();
        match next {
            Some(next) if !insert(&self.seen, next) => return Err(self.source.repeated(next)),
            Some(next) => {
                (self.answers, self.fetcher) =
                    spawn_fetcher(&self.source, &self.seen, Some(next.clone()));
            }
            None => self.answers = mpsc::channel(1).1,
        }
        Ok(())
    }

    /// Reads the next page if it has already arrived and is valid. Returns its number of keys.
    fn read_received(&mut self) -> Option<usize> {
        let Ok((_, Fetched::Unvalidated { body, next, total })) = self.received.last()? else {
            return None;
        };
        let keys = self.reader.read(body, Some(next))?;
        self.total = total.or(self.total);
        self.received.pop();
        Some(keys)
    }
}

/// Starts a task that fetches pages, beginning with the one that `token` stands for, or the first one.
fn spawn_fetcher<S: PageSource>(
    source: &Arc<S>,
    seen: &Arc<Mutex<SeenTokens>>,
    token: Option<PageToken>,
) -> (mpsc::Receiver<Answer<S>>, JoinSet<()>) {
    let (sender, answers) = mpsc::channel(PREFETCHED_PAGES);
    let task = fetch_pages(Arc::clone(source), Arc::clone(seen), token, sender);
    let mut fetcher = JoinSet::new();
    match source.runtime() {
        Some(runtime) => fetcher.spawn_on(task, &runtime),
        None => fetcher.spawn(task),
    };
    (answers, fetcher)
}

/// Fetches page after page and sends them to `answers`.
async fn fetch_pages<S: PageSource>(
    source: Arc<S>,
    seen: Arc<Mutex<SeenTokens>>,
    mut token: Option<PageToken>,
    answers: mpsc::Sender<Answer<S>>,
) {
    // Room for the answer is reserved before the request is sent.
    while let Ok(room) = answers.reserve().await {
        let fetched = match source.fetch(token.as_ref(), Validation::OnRead).await {
            Ok(fetched) => fetched,
            Err(error) => return room.send(Err(error)),
        };
        let next = fetched.next().cloned();
        if let Some(next) = &next
            && !insert(&seen, next)
        {
            return room.send(Err(source.repeated(next)));
        }
        let is_last = next.is_none();
        let requested = std::mem::replace(&mut token, next);
        room.send(Ok((requested, fetched)));
        if is_last {
            return;
        }
    }
}

/// Records that the listing continues with `token`. False if it has been used before.
fn insert(seen: &Mutex<SeenTokens>, token: &PageToken) -> bool {
    seen.lock().insert(token)
}

#[cfg(test)]
mod tests {
    use super::super::page::PageSummary;
    use super::*;

    /// The tokens that were fetched, and what the listing returned: the number of keys of each page, or an error.
    type Account = (Vec<String>, Vec<Result<usize, String>>);

    /// Counts the keys of each page. Reads pages in one pass if `in_one_pass`, otherwise leaves all of them to `Page::parse`.
    struct Count {
        in_one_pass: bool,
        pages: Vec<usize>,
    }

    impl PageReader for Count {
        type Output = Vec<usize>;

        fn add(&mut self, page: &Page) {
            self.pages.push(page.len());
        }

        fn read(&mut self, body: &[u8], next: Option<&PageToken>) -> Option<usize> {
            let key = |text: &str| text.find([',', ']']).filter(|_| self.in_one_pass);
            let summary = PageSummary::read(body, key)?;
            (summary.next.as_ref() == next).then(|| self.pages.push(summary.len))?;
            Some(summary.len)
        }

        fn finish(&mut self) -> Vec<usize> {
            std::mem::take(&mut self.pages)
        }
    }

    /// A source that computes each answer from the token, and whose readers count keys.
    struct Answers<A> {
        answer: A,
        in_one_pass: bool,
    }

    impl<A> PageSource for Answers<A>
    where
        A: Fn(&str, Validation) -> Result<String, String> + Send + Sync + 'static,
    {
        type Error = String;
        type Reader = Count;

        async fn fetch(
            &self,
            token: Option<&PageToken>,
            validation: Validation,
        ) -> Result<Fetched, String> {
            let body = (self.answer)(token.map_or("", PageToken::as_str), validation)?;
            Fetched::read(body.into(), validation).map_err(|error| error.to_string())
        }

        fn repeated(&self, token: &PageToken) -> String {
            format!("repeated {}", token.as_str())
        }

        fn short(&self, keys: u64, total: u64) -> Option<String> {
            (total > keys).then(|| format!("{keys} of {total}"))
        }

        fn reader(&self) -> Count {
            Count {
                in_one_pass: self.in_one_pass,
                pages: Vec::new(),
            }
        }
    }

    /// Lists the pages that `answers` returns, stopping after `most` results. Checks that the result is the same whether
    /// or not the reader reads pages in one pass.
    async fn list(
        answers: impl Fn(&str, Validation) -> Result<&'static str, &'static str>
        + Clone
        + Send
        + Sync
        + 'static,
        most: usize,
    ) -> Account {
        let account = list_by(true, answers.clone(), most).await;
        assert_eq!(account.1, list_by(false, answers, most).await.1);
        account
    }

    async fn list_by(
        in_one_pass: bool,
        answers: impl Fn(&str, Validation) -> Result<&'static str, &'static str> + Send + Sync + 'static,
        most: usize,
    ) -> Account {
        let fetched = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&fetched);
        let source = Answers {
            answer: move |token: &str, validation: Validation| {
                log.lock().push(token.to_owned());
                answers(token, validation)
                    .map(str::to_owned)
                    .map_err(str::to_owned)
            },
            in_one_pass,
        };
        let given = pages(source)
            .flat_map(|listed| {
                stream::iter(match listed {
                    Ok(listed) => {
                        assert_eq!(listed.pages, listed.output.len());
                        assert_eq!(listed.keys, listed.output.iter().sum::<usize>());
                        listed.output.into_iter().map(Ok).collect()
                    }
                    Err(error) => vec![Err(error)],
                })
            })
            .take(most)
            .collect()
            .await;
        let fetched = fetched.lock().clone();
        (fetched, given)
    }

    const TO_B: &str = r#"{"metadata":{"next":"?page_token=b"},"data":[{}]}"#;
    const TO_C: &str = r#"{"metadata":{"next":"?page_token=c"},"data":[{},{}]}"#;
    const LATE_TO_C: &str = r#"{"data":[{},{}],"metadata":{"next":"?page_token=c"}}"#;
    const LAST: &str = r#"{"data":[{},{},{}]}"#;

    #[tokio::test]
    async fn pages_come_in_order_wherever_their_links_stand() {
        for second in [TO_C, LATE_TO_C] {
            let answers = move |token: &str, _| match token {
                "" => Ok(TO_B),
                "b" => Ok(second),
                _ => Ok(LAST),
            };
            let (fetched, given) = list(answers, 9).await;
            assert_eq!(fetched, ["", "b", "c"]);
            assert_eq!(given, [Ok(1), Ok(2), Ok(3)]);
        }
    }

    #[tokio::test]
    async fn a_listing_has_as_many_keys_as_the_service_said_last() {
        for (first, told, expected) in [
            (r#""total_size":3,"#, "", Err("2 of 3".to_owned())),
            (r#""total_size":2,"#, "", Ok(1)),
            (
                r#""total_size":3,"#,
                r#","metadata":{"total_size":2}"#,
                Ok(1),
            ),
            ("", "", Ok(1)),
        ] {
            let first: &str =
                format!(r#"{{"metadata":{{{first}"next":"?page_token=b"}},"data":[{{}}]}}"#).leak();
            let last: &str = format!(r#"{{"data":[{{}}]{told}}}"#).leak();
            let answers = move |token: &str, _| match token {
                "" => Ok(first),
                _ => Ok(last),
            };
            assert_eq!(list(answers, 9).await.1, [Ok(1), expected]);
        }
    }

    #[tokio::test]
    async fn pages_that_wait_are_read_together() {
        let answer = |token: &str, _| {
            let page = token.parse().unwrap_or(0);
            let links = match page {
                5 => String::new(),
                _ => format!(r#""next":"?page_token={}""#, page + 1),
            };
            Ok(format!(r#"{{"metadata":{{{links}}},"data":[{{}}]}}"#))
        };
        let in_one_pass = true;
        let listed: Vec<_> = pages(Answers {
            answer,
            in_one_pass,
        })
        .map(|listed| listed.unwrap())
        .map(|listed| (listed.pages, listed.is_last))
        .collect()
        .await;
        assert_eq!(listed, [(3, false), (2, false), (1, true)]);
    }

    #[tokio::test]
    async fn a_page_that_does_not_hold_is_fetched_again() {
        let answers = |token: &str, validation| match (token, validation) {
            ("", Validation::OnRead) => Ok(r#"{"metadata":{"next":"?page_token=b"},"data":[{}"#),
            ("", Validation::OnArrival) => Ok(TO_B),
            _ => Ok(LAST),
        };
        let (mut fetched, given) = list(answers, 9).await;
        fetched.sort();
        assert_eq!(fetched, ["", "", "b"]);
        assert_eq!(given, [Ok(1), Ok(3)]);
    }

    #[tokio::test]
    async fn the_page_itself_has_the_last_word_on_where_the_listing_goes() {
        let answers = |token: &str, validation| match (token, validation) {
            ("", Validation::OnRead) => Ok(r#"{"metadata":{"next":"?page_token=x"},"data":[{}"#),
            ("", Validation::OnArrival) => Ok(TO_B),
            ("x", _) => Err("a page that nobody links to"),
            _ => Ok(LAST),
        };
        let (_, given) = list(answers, 9).await;
        assert_eq!(given, [Ok(1), Ok(3)]);
        let ends = |token: &str, validation| match (token, validation) {
            ("", Validation::OnRead) => Ok(r#"{"metadata":{"next":"?page_token=x"},"data":[{}"#),
            ("", Validation::OnArrival) => Ok(LAST),
            _ => Err("a page that nobody links to"),
        };
        assert_eq!(list(ends, 9).await.1, [Ok(3)]);
    }

    #[tokio::test]
    async fn a_page_that_can_be_read_in_two_ways_is_an_error() {
        let twice = r#"{"metadata":{"next":"?page_token=x"},"data":[{}],"metadata":{"next":"?page_token=b"}}"#;
        let answers = move |token: &str, _| match token {
            "" => Ok(twice),
            _ => Err("a page that nobody links to"),
        };
        let given = list(answers, 9).await.1;
        assert!(
            matches!(given.as_slice(), [Err(error)] if error.contains("`metadata` is there twice")),
            "{given:?}"
        );
    }

    #[tokio::test]
    async fn an_error_ends_the_listing_behind_the_pages_before_it() {
        let answers = |token: &str, _| match token {
            "" => Ok(TO_B),
            _ => Err("gone"),
        };
        assert_eq!(list(answers, 9).await.1, [Ok(1), Err("gone".to_owned())]);
    }

    #[tokio::test]
    async fn a_token_that_comes_again_is_an_error_and_is_not_asked_for() {
        let answers = |token: &str, _| match token {
            "b" => Ok(TO_C),
            _ => Ok(TO_B),
        };
        let (fetched, given) = list(answers, 9).await;
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
        let (fetched, given) = list(answers, 1).await;
        assert_eq!(given, [Ok(0)]);
        assert!(fetched.len() <= 2 * PREFETCHED_PAGES, "{fetched:?}");
    }
}
