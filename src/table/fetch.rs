//! Carries out a [`Plan`]: sends its requests, lazily, and hands their answers on as record batches.
//!
//! Within a listing the next page is requested as soon as its token is known, so that it is in flight while this one is
//! decoded straight from the answer. Below a LIMIT, however, a page is requested only once the rows so far have proved
//! too few.
//! It checks every row against the predicates of the query and never trusts the service's filters.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::cast::{as_boolean_array, as_string_array};
use datafusion::error::Result;
use datafusion::physical_plan::PhysicalExpr;
use futures::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};

use super::decode::Decoder;
use super::dedup::Seen;
use super::fields::FieldPath;
use super::pushdown::Plan;
use super::read::{KeyBatch, RowReader};
use super::scope::Scope;
use super::shared::{Bodies, Pages, SharedListing};
use crate::api::{
    self, Client, Filters, KeyBody, KeyId, ListParams, Listed, Lookup, Page, PageReader,
};
use crate::resource::{Filter, Resource, Values};

/// How the rows of a scan are made from the answers.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// What is read.
    pub(super) resource: &'static Resource,
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
    /// Listings of what the service requires the ids of, which other scans read too.
    pub(super) sources: Vec<Arc<SharedListing>>,
    /// True if the requests answer with wanted rows only, so that `fetch` may shrink a page.
    pub(super) covered: bool,
}

impl Shape {
    /// Returns the rows to ask for per page.
    pub(super) fn page_size(&self) -> u16 {
        match self.fetch {
            Some(rows) if self.covered => rows.clamp(1, self.resource.max_page_size.into()) as u16,
            _ => self.resource.max_page_size,
        }
    }

    fn reader(&self) -> RowReader {
        RowReader::new(Decoder::of_fields(
            self.resource,
            Arc::clone(&self.schema),
            &self.projection,
            self.fields.as_deref(),
        ))
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

/// The number of pages that the last complete listing of a resource took, 0 if there was none.
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
    client: Client,
    plan: Plan,
    shape: Shape,
    known: KnownPages,
    scope: Arc<Scope>,
) -> BoxStream<'static, Result<RecordBatch>> {
    let shared = shape
        .shared
        .clone()
        .filter(|shared| shared.is_of(shape.resource, &plan));
    let reads_all = shape.prefetch && shape.fetch.is_none();
    match plan {
        Plan::Nothing => stream::empty().boxed(),
        Plan::Get { ids, filters } => {
            let parallel = shape.parallel(client.concurrency());
            let resource = shape.resource;
            let forbidden = Arc::clone(&scope);
            let list = move || found(client, resource, ids, filters, parallel, forbidden);
            let keys = match shared {
                Some(shared) => shared.read(reads_all, list),
                None => list(),
            };
            batches(decoded(keys, shape.reader()), shape, scope)
        }
        Plan::List(filters) => {
            let parallel = match shape.fetch {
                Some(_) => 1,
                None => client.concurrency(),
            };
            let page_size = shape.page_size();
            let resource = shape.resource;
            // Of what needs a parameter there are several listings, which say nothing about each other.
            let is_one = resource
                .filters
                .iter()
                .all(|filter| filter.required.is_none());
            let whole =
                is_one && filters == [Filters::default()] && page_size == resource.max_page_size;
            let listings = Listings {
                client,
                resource,
                filters,
                page_size,
                parallel,
                prefetch: reads_all,
                known: whole.then_some(known),
                sources: shape.sources.clone(),
            };
            // The consumer decodes pages, so that they are hot in its cache; if it falls behind, the fetching task
            // does.
            let keys = match shared {
                Some(shared) => {
                    let list = move || {
                        listings
                            .read(Bodies::default)
                            .map_ok(|listed| listed.output)
                            .boxed()
                    };
                    decoded(shared.read(reads_all, list), shape.reader()).boxed()
                }
                None => {
                    let shape = shape.clone();
                    listings
                        .read(move || shape.reader())
                        .map(|read| read?.output)
                        .boxed()
                }
            };
            batches(keys, shape, scope)
        }
    }
}

/// Returns those of the objects with `ids` that there are and that may be seen.
fn found(
    client: Client,
    resource: &'static Resource,
    ids: Vec<KeyId>,
    filters: Filters,
    parallel: usize,
    scope: Arc<Scope>,
) -> Pages {
    stream::iter(ids)
        .map(move |id| {
            let (client, filters) = (client.clone(), filters.clone());
            async move {
                let found = client.get_opt(resource, &id, &filters).await?;
                Ok((id, found))
            }
        })
        .buffered(parallel)
        .try_filter_map(move |(id, found)| {
            let key = match found {
                Lookup::Found(key) => Some(vec![key]),
                Lookup::NotFound => None,
                Lookup::Forbidden(_) => {
                    scope.forbidden(id.as_str());
                    None
                }
            };
            std::future::ready(Ok(key))
        })
        .boxed()
}

/// The listings that a plan consists of.
struct Listings {
    client: Client,
    resource: &'static Resource,
    filters: Vec<Filters>,
    page_size: u16,
    /// The most listings that are read side by side.
    parallel: usize,
    /// True if the next page is to be on its way while this one is read.
    prefetch: bool,
    /// Learns how many pages they took.
    known: Option<KnownPages>,
    /// Listings of what the service requires the ids of, as far as other scans read them too.
    sources: Vec<Arc<SharedListing>>,
}

impl Listings {
    /// Returns what readers that `reader` makes make of their pages.
    fn read<R: PageReader>(
        self,
        reader: impl Fn() -> R + Clone + Send + Sync + 'static,
    ) -> impl Stream<Item = Result<Listed<R::Output>, api::Error>> + Send + 'static {
        let listed = async move {
            let filters = self.completed().await?;
            Ok(Self { filters, ..self }.side_by_side(reader))
        };
        stream::once(listed).try_flatten()
    }

    /// Returns the filters of the listings with the parameters that the service requires: where one is missing, one
    /// listing for each of its values.
    async fn completed(&self) -> Result<Vec<Filters>, api::Error> {
        let mut listings = self.filters.clone();
        for (filter, values) in missing(self.resource, &self.filters) {
            let values = match values {
                Values::Fixed(values) => values.iter().map(|value| (*value).to_owned()).collect(),
                Values::Ids {
                    of,
                    prefix,
                    is_never_empty,
                } => {
                    let ids = self.ids_of(of).await?;
                    if ids.is_empty() && *is_never_empty {
                        return Err(no_id(of, "is empty"));
                    }
                    let ids = ids.into_iter();
                    ids.map(|id| format!("{prefix}{id}")).collect::<Vec<_>>()
                }
            };
            listings = with_each(&listings, filter.parameter, &values);
        }
        Ok(listings)
    }

    /// Returns the ids of all objects of `resource`, each once.
    async fn ids_of(&self, resource: &'static Resource) -> Result<BTreeSet<String>, api::Error> {
        #[derive(serde::Deserialize)]
        struct Object {
            id: Option<String>,
        }

        let all = Self {
            client: self.client.clone(),
            resource,
            filters: vec![Filters::default()],
            page_size: resource.max_page_size,
            parallel: 1,
            prefetch: true,
            known: None,
            sources: Vec::new(),
        };
        let mut sources = self.sources.iter();
        let shared = sources.find(|shared| shared.is_of(resource, &Plan::list_all()));
        let list = move || {
            all.side_by_side(Bodies::default)
                .map_ok(|listed| listed.output)
                .boxed()
        };
        let pages = match shared {
            Some(shared) => Arc::clone(shared).read(true, list),
            None => list(),
        };
        let pages: Vec<Vec<KeyBody>> = pages.try_collect().await?;
        let id = |object: &KeyBody| {
            let object = serde_json::from_str::<Object>(object.raw()).ok();
            let id = object.and_then(|object| object.id);
            id.ok_or_else(|| no_id(resource, "has an entry without an id"))
        };
        pages.iter().flatten().map(id).collect()
    }

    /// Returns the same, all that the service requires being known.
    fn side_by_side<R: PageReader>(
        self,
        reader: impl Fn() -> R + Clone + Send + Sync + 'static,
    ) -> impl Stream<Item = Result<Listed<R::Output>, api::Error>> + Send + 'static {
        let Self {
            client,
            resource,
            filters,
            page_size,
            parallel,
            prefetch,
            known,
            sources: _,
        } = self;
        stream::iter(filters)
            .map(move |filters| {
                let params = ListParams {
                    resource,
                    filters,
                    all: true,
                    page_size,
                };
                let pages = listing(&client, params, prefetch, reader.clone());
                let (known, mut count) = (known.clone(), 0);
                pages.inspect_ok(move |listed| {
                    count += listed.pages;
                    if let (Some(known), true) = (&known, listed.is_last) {
                        known.learn(count);
                    }
                })
            })
            .flatten_unordered(parallel)
    }
}

/// Returns the error of a listing of `resource` whose ids are not all there.
fn no_id(resource: &'static Resource, reason: &'static str) -> api::Error {
    let request = first_request(resource);
    api::Error::NoId { request, reason }
}

/// Returns the request that a listing of `resource` begins with.
fn first_request(resource: &'static Resource) -> api::RequestLine {
    api::request::list(&ListParams::all(resource), None).line
}

/// Returns what the service requires and one of `listings` has no value for, with the values there are.
pub(super) fn missing<'f>(
    resource: &'static Resource,
    listings: &'f [Filters],
) -> impl Iterator<Item = (&'static Filter, &'static Values)> + use<'f> {
    resource.filters.iter().filter_map(move |filter| {
        let required = filter.required.as_ref()?;
        let mut listings = listings.iter();
        let is_given = listings.all(|listing| listing.has(filter.parameter));
        (!is_given).then_some((filter, &required.values))
    })
}

/// Returns each of `listings` with each of `values` for `parameter`, unless it has one.
pub(super) fn with_each(
    listings: &[Filters],
    parameter: &'static str,
    values: &[String],
) -> Vec<Filters> {
    let mut complete = Vec::new();
    for listing in listings {
        match listing.has(parameter) {
            true => complete.push(listing.clone()),
            false => complete.extend(values.iter().map(|v| listing.clone().with(parameter, v))),
        }
    }
    complete
}

/// Returns what readers that `reader` makes make of the pages of one listing. With `prefetch` the next one is on its way
/// while the caller has this one.
fn listing<R: PageReader>(
    client: &Client,
    params: ListParams,
    prefetch: bool,
    reader: impl Fn() -> R + Send + Sync + 'static,
) -> BoxStream<'static, Result<Listed<R::Output>, api::Error>> {
    if prefetch {
        return client.list_prefetched(params, reader).boxed();
    }
    let mut reader = reader();
    let read = move |page: Page| {
        reader.add(&page);
        Listed {
            output: reader.finish(),
            keys: page.len(),
            pages: 1,
            is_last: page.next().is_none(),
        }
    };
    client.list(params).map_ok(read).boxed()
}

/// Decodes keys as they come.
fn decoded(
    keys: impl Stream<Item = Result<Vec<KeyBody>, api::Error>> + Send + 'static,
    mut reader: RowReader,
) -> impl Stream<Item = Result<KeyBatch>> + Send + 'static {
    keys.map(move |keys| {
        reader.add_keys(keys?);
        reader.finish()
    })
}

/// Drops the rows that came before or that the predicates do not want, and stops at the limit. After too many pages whose rows
/// all came before, the listing is considered endless.
fn batches(
    keys: impl Stream<Item = Result<KeyBatch>> + Send + 'static,
    shape: Shape,
    scope: Arc<Scope>,
) -> BoxStream<'static, Result<RecordBatch>> {
    let left = shape.fetch;
    let state = (keys.boxed(), Seen::default(), left);
    stream::try_unfold(state, move |(mut keys, mut seen, mut left)| {
        let shape = shape.clone();
        let scope = Arc::clone(&scope);
        async move {
            let mut repeated = 0;
            while left != Some(0) {
                let Some(read) = keys.try_next().await? else {
                    return Ok(None);
                };
                if !read.oddities.is_empty() {
                    scope.odd(read.oddities);
                }
                let given = read.rows.num_rows();
                let fresh = seen.fresh(as_string_array(&read.ids)?, read.rows)?;
                repeated = match fresh.num_rows() {
                    0 if given > 0 => repeated + 1,
                    _ => 0,
                };
                if repeated > api::MAX_EMPTY_PAGES {
                    let request = first_request(shape.resource);
                    return Err(api::Error::EmptyPages { request }.into());
                }
                let batch = matching(fresh, &shape.predicates)?;
                if batch.num_rows() == 0 {
                    continue;
                }
                let rows = left.map_or(batch.num_rows(), |left| left.min(batch.num_rows()));
                left = left.map(|left| left - rows);
                return Ok(Some((batch.slice(0, rows), (keys, seen, left))));
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
