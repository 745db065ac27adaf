//! From pages to a listing.
//!
//! Turns a way of fetching one page into a lazy stream of all pages, and keeps it from going in circles. Depends
//! on [`Page`]; knows nothing of HTTP, and never fetches a page before it is asked for.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use futures::stream::{self, Stream};

use super::page::{Page, PageToken};

/// Remembers the tokens of one listing, so that a service that repeats one does not send the client in circles.
///
/// Eight bytes a page are kept, not the tokens: a listing of a million keys must not grow by its tokens.
#[derive(Debug, Default)]
pub struct TokenTrail {
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl TokenTrail {
    /// Notes `token`. False if this listing has met it before.
    pub fn advance(&mut self, token: &PageToken) -> bool {
        self.seen.insert(self.hasher.hash_one(token))
    }
}

/// Turns a way of fetching one page into the stream of all pages. The next page is asked for when the stream is
/// polled for it and not before; after an error the stream ends. `repeated` makes the error for a token that
/// comes a second time.
pub(crate) fn pages<E, F>(
    fetch: impl Fn(Option<PageToken>) -> F + Send + 'static,
    repeated: impl Fn(&PageToken) -> E + Send + 'static,
) -> impl Stream<Item = Result<Page, E>> + Send + 'static
where
    E: Send + 'static,
    F: Future<Output = Result<Page, E>> + Send + 'static,
{
    // The state is what to fetch next, `None` once the listing has ended.
    let first = (Some(None), TokenTrail::default(), fetch, repeated);
    stream::try_unfold(first, |(next, mut trail, fetch, repeated)| async move {
        let Some(token) = next else { return Ok(None) };
        let page = fetch(token).await?;
        let next = match page.next() {
            Some(token) if !trail.advance(token) => return Err(repeated(token)),
            token => token.cloned().map(Some),
        };
        Ok(Some((page, (next, trail, fetch, repeated))))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::StreamExt;

    use super::*;

    fn page(json: &str) -> Page {
        Page::parse(json.to_owned().into()).unwrap()
    }

    /// A listing whose pages link to each other as `links` says, and the number of pages fetched.
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
            pages(fetch, |token| format!("`{}` again", token.as_str())),
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
    async fn a_listing_ends_after_an_error() {
        let (pages, _) = listing(&[("", "a")]);
        let pages: Vec<_> = pages.collect().await;
        assert!(matches!(&pages[..], [Ok(_), Err(e)] if e == "no such page"));
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
