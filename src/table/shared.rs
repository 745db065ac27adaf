//! A listing shared by several scans of a statement: both sides of a self-join, a CTE that is used twice. Objects that
//! are looked up by id count as a listing with one object per page.
//!
//! It is fetched once, so that it costs its requests once and all scans see the same keys. Its pages are kept until the
//! statement ends, for the scan that comes last.

use std::fmt;
use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use futures::stream::{self, BoxStream, StreamExt};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::pushdown::Plan;
use crate::api::{self, KeyBody, Page, PageReader};
use crate::resource::Resource;

/// Pages of keys as they come.
pub(super) type Pages = BoxStream<'static, Result<Vec<KeyBody>, api::Error>>;

/// Takes the keys of pages as they are, for several scans to decode.
#[derive(Default)]
pub(super) struct Bodies(Vec<KeyBody>);

impl PageReader for Bodies {
    type Output = Vec<KeyBody>;

    fn add(&mut self, page: &Page) {
        self.0.extend(page.keys());
    }

    fn finish(&mut self) -> Vec<KeyBody> {
        std::mem::take(&mut self.0)
    }
}

/// A listing with several readers.
pub(super) struct SharedListing {
    resource: &'static Resource,
    requests: Plan,
    pages: Mutex<Vec<Vec<KeyBody>>>,
    progress: watch::Sender<Progress>,
    /// How many pages the readers want so far.
    wanted: watch::Sender<usize>,
    /// The listing under way; it ends with the last reader and the plan.
    task: Mutex<Option<SpawnedTask<()>>>,
}

/// How far the listing is.
#[derive(Debug, Default, Clone)]
struct Progress {
    pages: usize,
    end: Option<Result<(), api::Error>>,
}

impl fmt::Debug for SharedListing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedListing")
            .field("resource", &self.resource.table)
            .field("requests", &self.requests)
            .finish_non_exhaustive()
    }
}

impl SharedListing {
    /// The objects of `resource` that `requests` ask for.
    pub(super) fn new(resource: &'static Resource, requests: Plan) -> Self {
        Self {
            resource,
            requests,
            pages: Mutex::default(),
            progress: watch::Sender::default(),
            wanted: watch::Sender::default(),
            task: Mutex::default(),
        }
    }

    /// Returns true if it is what `requests` for `resource` are answered with.
    pub(super) fn is_of(&self, resource: &Resource, requests: &Plan) -> bool {
        self.resource == resource && self.requests == *requests
    }

    /// Returns true once a reader has set it going.
    pub(super) fn is_started(&self) -> bool {
        self.task.lock().is_some()
    }

    /// Returns all pages, from the first one on; the first reader that is polled sets `list` going. One that reads the
    /// `whole` listing has all of them fetched, any other one only those that it asks for.
    pub(super) fn read(
        self: Arc<Self>,
        whole: bool,
        list: impl FnOnce() -> Pages + Send + 'static,
    ) -> Pages {
        let started = Arc::clone(&self);
        let start = async move {
            started.want(if whole { usize::MAX } else { 1 });
            started.start(list);
            let progress = started.progress.subscribe();
            stream::unfold(
                (started, progress, 0),
                |(shared, mut progress, read)| async move {
                    shared.want(read + 1);
                    // The sender lives in `shared`, so that waiting cannot fail.
                    let now = progress
                        .wait_for(|now| now.pages > read || now.end.is_some())
                        .await
                        .ok()?
                        .clone();
                    match now.end {
                        _ if now.pages > read => {
                            let page = shared.pages.lock().get(read).cloned()?;
                            Some((Ok(page), (shared, progress, read + 1)))
                        }
                        // Behind the error there is nothing.
                        Some(Err(error)) if read == now.pages => {
                            Some((Err(error), (shared, progress, read + 1)))
                        }
                        _ => None,
                    }
                },
            )
        };
        stream::once(start).flatten().boxed()
    }

    fn want(&self, pages: usize) {
        self.wanted.send_if_modified(|wanted| {
            let is_more = pages > *wanted;
            *wanted = pages.max(*wanted);
            is_more
        });
    }

    fn start(self: &Arc<Self>, list: impl FnOnce() -> Pages + Send + 'static) {
        let mut task = self.task.lock();
        if task.is_some() {
            return;
        }
        let shared = Arc::downgrade(self);
        let mut wanted = self.wanted.subscribe();
        let (mut pages, mut count) = (list(), 0);
        *task = Some(SpawnedTask::spawn(async move {
            // It fails once all readers are gone.
            while wanted.wait_for(|wanted| *wanted > count).await.is_ok()
                && let Some(page) = pages.next().await
            {
                count += 1;
                let Some(shared) = shared.upgrade() else {
                    return;
                };
                match page {
                    Ok(page) => {
                        shared.pages.lock().push(page);
                        shared.progress.send_modify(|now| now.pages += 1);
                    }
                    Err(error) => {
                        shared
                            .progress
                            .send_modify(|now| now.end = Some(Err(error)));
                        return;
                    }
                }
            }
            if let Some(shared) = shared.upgrade() {
                shared.progress.send_modify(|now| now.end = Some(Ok(())));
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::API_KEYS;
    use bytes::Bytes;
    use futures::TryStreamExt;

    fn page(id: &str) -> Vec<KeyBody> {
        let body = format!(r#"{{"data":[{{"id":"{id}"}}]}}"#);
        Page::parse(Bytes::from(body)).unwrap().keys().collect()
    }

    fn listing() -> Pages {
        stream::iter([Ok(page("a")), Ok(page("b"))]).boxed()
    }

    #[tokio::test]
    async fn every_reader_gets_every_page_of_one_listing() {
        let shared = Arc::new(SharedListing::new(&API_KEYS, Plan::List(Vec::new())));
        let first = Arc::clone(&shared).read(false, listing);
        let second = Arc::clone(&shared).read(true, || panic!("it is listed once"));
        let first: Vec<_> = first.try_collect().await.unwrap();
        let second: Vec<_> = second.try_collect().await.unwrap();
        assert_eq!(first, [page("a"), page("b")]);
        assert_eq!(first, second);
    }

    #[tokio::test]
    async fn a_page_is_fetched_when_a_reader_wants_it() {
        let shared = Arc::new(SharedListing::new(&API_KEYS, Plan::List(Vec::new())));
        let (fetch, mut fetched) = tokio::sync::mpsc::unbounded_channel();
        let list = move || {
            let pages = stream::iter(["a", "b", "c"]);
            pages
                .map(move |id| {
                    fetch.send(id).unwrap();
                    Ok(page(id))
                })
                .boxed()
        };
        let mut few = Arc::clone(&shared).read(false, list);
        assert!(few.next().await.is_some());
        tokio::task::yield_now().await;
        assert_eq!(fetched.try_recv(), Ok("a"));
        assert!(fetched.try_recv().is_err());
        let all = shared.read(true, || panic!("it is listed once"));
        assert_eq!(all.count().await, 3);
        assert_eq!(few.count().await, 2);
    }

    #[tokio::test]
    async fn every_reader_gets_the_error_behind_the_pages() {
        let shared = Arc::new(SharedListing::new(&API_KEYS, Plan::List(Vec::new())));
        let error = api::Endpoint::parse("nonsense").unwrap_err();
        let list = move || stream::iter([Ok(page("a")), Err(error)]).boxed();
        let first = Arc::clone(&shared)
            .read(true, list)
            .collect::<Vec<_>>()
            .await;
        let second = shared.read(true, || panic!("it is listed once"));
        let second = second.collect::<Vec<_>>().await;
        for pages in [first, second] {
            assert!(matches!(pages.as_slice(), [Ok(_), Err(_)]));
        }
    }
}
