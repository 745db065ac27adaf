//! Carries out a [`Plan`]: sends its requests, lazily, and hands their answers on as record batches.
//!
//! Within a listing the next page is asked for as soon as its token is known, so that it travels while this one is
//! decoded; unless a LIMIT stands above, when every page waits until the rows so far have proved too few.
//! It checks every row against the predicates of the query and never trusts the service's filters.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::cast::as_boolean_array;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_plan::PhysicalExpr;
use futures::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};

use super::decode::Decoder;
use super::fields::FieldPath;
use super::pushdown::{Filter, Plan};
use super::scope::Scope;
use super::shared::SharedListing;
use crate::api::{self, ApiKeysClient, KeyBody, ListParams, Lookup, Page};

/// Rows per page, the most that the service gives.
pub(super) const PAGE_SIZE: u16 = 100;

/// How the rows of a scan are made from the answers.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Columns of the batches.
    pub(super) schema: SchemaRef,
    /// Their positions in the table.
    pub(super) projection: Vec<usize>,
    /// The fields that are read; None is all of them. The others are NULL.
    pub(super) fields: Option<Vec<FieldPath>>,
    /// What every row must satisfy, over `schema`.
    pub(super) predicates: Vec<Arc<dyn PhysicalExpr>>,
    /// The most rows that are wanted.
    pub(super) fetch: Option<usize>,
    /// True if more rows than are needed may be asked for in advance.
    pub(super) prefetch: bool,
    /// The listing that other scans of the statement read too.
    pub(super) shared: Option<Arc<SharedListing>>,
    /// True if the requests answer with wanted rows only, so that `fetch` may shrink a page.
    pub(super) covered: bool,
}

impl Shape {
    /// Returns the rows to ask for per page.
    pub(super) fn page_size(&self) -> u16 {
        match self.fetch {
            Some(rows) if self.covered => rows.clamp(1, PAGE_SIZE.into()) as u16,
            _ => PAGE_SIZE,
        }
    }

    fn parallel(&self, concurrency: usize) -> usize {
        // Requests side by side would be asked for in vain if the first one's answer is enough.
        match self.fetch {
            Some(rows) => concurrency.min(rows),
            None => concurrency,
        }
        .max(1)
    }
}

/// The number of pages that the organization's last complete listing took, 0 if there was none.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownPages(Arc<AtomicUsize>);

impl KnownPages {
    pub(super) fn get(&self) -> Option<usize> {
        Some(self.0.load(Ordering::Relaxed)).filter(|&pages| pages > 0)
    }

    fn learn(&self, pages: usize) {
        self.0.store(pages, Ordering::Relaxed);
    }
}

/// Returns the rows that `plan` fetches.
pub(super) fn rows(
    client: ApiKeysClient,
    plan: Plan,
    shape: Shape,
    known: KnownPages,
    scope: Arc<Scope>,
) -> BoxStream<'static, Result<RecordBatch>> {
    match plan {
        Plan::Nothing => stream::empty().boxed(),
        Plan::Get(ids) => {
            let parallel = shape.parallel(client.concurrency());
            let forbidden = Arc::clone(&scope);
            let found = stream::iter(ids)
                .map(move |id| {
                    let client = client.clone();
                    async move { client.get_opt(&id).await.map(|found| (id, found)) }
                })
                .buffered(parallel)
                .try_filter_map(move |(id, found)| {
                    let key = match found {
                        Lookup::Found(key) => Some(vec![key]),
                        Lookup::NotFound => None,
                        Lookup::Forbidden(_) => {
                            forbidden.forbidden(id.as_str());
                            None
                        }
                    };
                    std::future::ready(Ok(key))
                });
            batches(found, shape, scope)
        }
        Plan::List(filters) => {
            let parallel = match shape.fetch {
                Some(_) => 1,
                None => client.concurrency(),
            };
            let page_size = shape.page_size();
            let prefetch = shape.prefetch && shape.fetch.is_none();
            let whole = filters == [Filter::default()] && page_size == PAGE_SIZE;
            let shared = shape
                .shared
                .clone()
                .filter(|shared| shared.filters() == filters);
            let list = move || {
                stream::iter(filters)
                    .map(move |filter| {
                        let params = ListParams {
                            owner: filter.owner,
                            resource: filter.resource,
                            page_size,
                        };
                        let known = whole.then(|| known.clone());
                        listing(client.clone(), params, prefetch, known)
                    })
                    .flatten_unordered(parallel)
                    .map_ok(|page| page.keys().collect())
                    .boxed()
            };
            let pages = match shared {
                Some(shared) => shared.read(list),
                None => list(),
            };
            // Decoded by whoever reads the rows, who finds them in its cache then; pages are fetched by others.
            batches(pages, shape, scope)
        }
    }
}

/// Returns the pages of one listing. With `prefetch` the next one is on its way while the caller has this one.
fn listing(
    client: ApiKeysClient,
    params: ListParams,
    prefetch: bool,
    known: Option<KnownPages>,
) -> BoxStream<'static, Result<Page, api::Error>> {
    if !prefetch {
        return client.list(params).boxed();
    }
    let mut count = 0;
    let pages = client.list_ahead(params).inspect_ok(move |page| {
        count += 1;
        if let (Some(known), None) = (&known, page.next()) {
            known.learn(count);
        }
    });
    pages.boxed()
}

/// Decodes keys as they come, drops the rows that the predicates do not want, and stops at the limit.
fn batches(
    keys: impl Stream<Item = Result<Vec<KeyBody>, api::Error>> + Send + 'static,
    shape: Shape,
    scope: Arc<Scope>,
) -> BoxStream<'static, Result<RecordBatch>> {
    let decoder = Decoder::of_fields(
        Arc::clone(&shape.schema),
        &shape.projection,
        shape.fields.as_deref(),
    );
    let left = shape.fetch;
    let state = (keys.boxed(), decoder, left);
    stream::try_unfold(state, move |(mut keys, mut decoder, mut left)| {
        let shape = shape.clone();
        let scope = Arc::clone(&scope);
        async move {
            while left != Some(0) {
                let Some(page) = keys.next().await else {
                    return Ok(None);
                };
                for key in page.map_err(external)? {
                    decoder.push(key.raw()).map_err(external)?;
                }
                let oddities = decoder.take_oddities();
                if !oddities.is_empty() {
                    scope.odd(oddities);
                }
                let batch = matching(decoder.finish()?, &shape.predicates)?;
                if batch.num_rows() == 0 {
                    continue;
                }
                let rows = left.map_or(batch.num_rows(), |left| left.min(batch.num_rows()));
                left = left.map(|left| left - rows);
                return Ok(Some((batch.slice(0, rows), (keys, decoder, left))));
            }
            Ok(None)
        }
    })
    .boxed()
}

/// Returns the rows of `batch` that satisfy all `predicates`.
fn matching(batch: RecordBatch, predicates: &[Arc<dyn PhysicalExpr>]) -> Result<RecordBatch> {
    let mut batch = batch;
    for predicate in predicates {
        let rows = batch.num_rows();
        let values = predicate.evaluate(&batch)?.into_array(rows)?;
        let wanted: &BooleanArray = as_boolean_array(&values)?;
        if wanted.true_count() < rows {
            batch = filter_record_batch(&batch, wanted)?;
        }
    }
    Ok(batch)
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
