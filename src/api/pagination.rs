//! Lazy pagination.
//!
//! Turns a function that fetches one page into a stream of all pages, and detects loops. Depends on [`Page`]; knows
//! nothing about HTTP, and never fetches a page before the stream is polled for it.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use futures::future;
use futures::stream::{self, Stream, StreamExt};

use super::page::{Page, PageToken};

/// The tokens that one listing has used, so that a service that repeats one cannot keep the client in a loop.
///
/// Stores a hash of each token: eight bytes per page, however long the tokens are.
#[derive(Debug, Default)]
pub(super) struct SeenTokens {
    hashes: HashSet<u64>,
    hasher: RandomState,
}

impl SeenTokens {
    /// Records `token`. False if this listing has used it before.
    pub(super) fn insert(&mut self, token: &PageToken) -> bool {
        self.hashes.insert(self.hasher.hash_one(token))
    }
}

/// Returns the stream of all pages that `fetch` fetches one by one. It ends after the last page or the first error;
/// `repeated` makes the error for a token that the listing has already used, and `short` that for a listing of so many
/// keys that should have been more.
pub(super) fn pages<E, F>(
    fetch: impl Fn(Option<PageToken>) -> F + Send + 'static,
    repeated: impl Fn(&PageToken) -> E + Send + 'static,
    short: impl Fn(u64, u64) -> Option<E> + Send + 'static,
) -> impl Stream<Item = Result<Page, E>> + Send + 'static
where
    E: Send + 'static,
    F: Future<Output = Result<Page, E>> + Send + 'static,
{
    // The state holds what to fetch next: `None` once the listing has ended.
    let begun = (SeenTokens::default(), 0, None);
    let first = (Some(None), begun, fetch, repeated, short);
    stream::try_unfold(
        first,
        |(next, (mut seen, keys, total), fetch, repeated, short)| async move {
            let Some(token) = next else { return Ok(None) };
            let page = fetch(token).await?;
            let keys = keys + page.len() as u64;
            let next = match page.next() {
                Some(token) if !seen.insert(token) => return Err(repeated(token)),
                token => token.cloned().map(Some),
            };
            // Not every page says it.
            let total = page.total().or(total);
            if let (None, Some(total)) = (&next, total)
                && let Some(error) = short(keys, total)
            {
                return Err(error);
            }
            let so_far = (seen, keys, total);
            Ok(Some((page, (next, so_far, fetch, repeated, short))))
        },
    )
}

/// The most pages in a row without anything on them: a service that filters may give some, but never ends them with one.
pub(crate) const MAX_EMPTY_PAGES: usize = 1_000;

/// Passes `pages` on, and ends with the error that `endless` makes after too many of them in a row had nothing on them.
/// `size` tells how many pages an item stands for, and how many objects they hold.
pub(super) fn bounded<T, E>(
    pages: impl Stream<Item = Result<T, E>> + Send + 'static,
    size: impl Fn(&T) -> (usize, usize) + Send + 'static,
    endless: impl Fn() -> E + Send + 'static,
) -> impl Stream<Item = Result<T, E>> + Send + 'static
where
    T: Send + 'static,
    E: Send + 'static,
{
    pages.scan((0, false), move |(empty, is_over), page| {
        if *is_over {
            return future::ready(None);
        }
        let page = page.and_then(|page| {
            let (pages, objects) = size(&page);
            *empty = if objects == 0 { *empty + pages } else { 0 };
            *is_over = *empty > MAX_EMPTY_PAGES;
            if *is_over { Err(endless()) } else { Ok(page) }
        });
        future::ready(Some(page))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn page(json: &str) -> Page {
        Page::parse(json.to_owned().into()).unwrap()
    }

    /// Returns a listing whose pages link to each other as `links` says, and a counter of fetched pages.
    fn listing(
        links: &[(&str, &str)],
    ) -> (
        impl Stream<Item = Result<Page, String>> + use<>,
        Arc<AtomicUsize>,
    ) {
        let links: Vec<_> = links
            .iter()
            .map(|(from, to)| (from.to_string(), to.to_string()))
            .collect();
        let fetched = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&fetched);
        let fetch = move |token: Option<PageToken>| {
            counter.fetch_add(1, Ordering::Relaxed);
            let from = token.as_ref().map_or("", PageToken::as_str);
            let to = links
                .iter()
                .find(|(page, _)| page == from)
                .map(|(_, to)| to.clone());
            async move {
                let to = to.ok_or("no such page")?;
                Ok(page(&format!(
                    r#"{{"metadata":{{"next":"?page_token={to}"}},"data":[{{}}]}}"#
                )))
            }
        };
        (
            pages(
                fetch,
                |token| format!("`{}` again", token.as_str()),
                |_, _| None,
            ),
            fetched,
        )
    }

    #[tokio::test]
    async fn pages_are_fetched_only_when_polled_for() {
        let (pages, fetched) = listing(&[("", "a"), ("a", "b"), ("b", "c")]);
        let mut pages = std::pin::pin!(pages);
        assert_eq!(fetched.load(Ordering::Relaxed), 0);
        assert!(pages.next().await.unwrap().is_ok());
        assert!(pages.next().await.unwrap().is_ok());
        assert_eq!(fetched.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn pages_without_an_end_and_without_an_object_are_an_error() {
        let size = |objects: &usize| (1, *objects);
        let empty = stream::repeat(0).map(Ok);
        let given: Vec<_> = bounded(empty, size, || "endless").collect().await;
        assert_eq!(given.len(), MAX_EMPTY_PAGES + 1);
        assert_eq!(given.last(), Some(&Err("endless")));
        // Some that are empty between others are fine.
        let some = (0..5 * MAX_EMPTY_PAGES).map(|n| Ok::<_, &str>(usize::from(n % 500 == 0)));
        let given: Vec<_> = bounded(stream::iter(some), size, || "endless")
            .collect()
            .await;
        assert!(given.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn a_listing_ends_after_an_error() {
        let (pages, _) = listing(&[("", "a")]);
        let pages: Vec<_> = pages.collect().await;
        assert!(matches!(&pages[..], [Ok(_), Err(e)] if e == "no such page"));
    }

    #[tokio::test]
    async fn a_listing_of_fewer_keys_than_there_are_is_an_error() {
        for (total, expected) in [(0, Ok(1)), (1, Ok(1)), (2, Err("1 of 2".to_owned()))] {
            let last = format!(r#"{{"metadata":{{"total_size":{total}}},"data":[{{}}]}}"#);
            let fetch = move |_| {
                let last = page(&last);
                async move { Ok(last) }
            };
            let pages = pages(
                fetch,
                |_| String::new(),
                |keys, total| (total > keys).then(|| format!("{keys} of {total}")),
            );
            let pages: Vec<_> = pages.collect().await;
            let read = pages[0].as_ref().map(Page::len).map_err(Clone::clone);
            assert_eq!(read, expected);
        }
    }

    #[tokio::test]
    async fn a_repeated_token_is_an_error_and_no_endless_loop() {
        for links in [
            &[("", "a"), ("a", "a")][..],
            &[("", "a"), ("a", "b"), ("b", "a")],
        ] {
            let (pages, fetched) = listing(links);
            let pages: Vec<_> = pages.collect().await;
            assert_eq!(pages.last().unwrap().as_ref().unwrap_err(), "`a` again");
            assert_eq!(fetched.load(Ordering::Relaxed), links.len());
        }
    }
}
