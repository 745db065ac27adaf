//! UPDATE: one request per key, with only the fields that are set.

use std::collections::HashMap;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::concurrent::{self, Concurrency, Deliver};
use super::delivery::RowDelivery;
use super::outcome;
use super::returning::Returning;
use super::{Rows, Verb, Writer, of_many, reads_many, values};
use crate::api::{self, Client, KeyBody, KeyId, RequestBody, request};
use crate::error::Error;
use crate::resource::{Resource, Writes};
use crate::session::{Done, Sink};
use crate::sql::spec::Spec;
use crate::sql::write::Update;

impl Writer<'_> {
    pub(super) async fn update(&self, update: Update, sink: &mut dyn Sink) -> Result<Done, Error> {
        self.check_bounded(Verb::Update, update.is_unbounded)?;
        let returning = self
            .plan_optional_returning(update.returning.as_ref())
            .await?;
        let constant = self.constant_values(&update).await?;
        let needs_rows = constant.is_none() || self.names_keys();
        let queries = (update.ids.clone(), update.rows.clone());
        let rows = self
            .affected(queries, needs_rows, update.is_unbounded)
            .await?;
        let specs = match (&constant, &rows.fetched) {
            (Some(values), _) => {
                let spec = self.values(values::of_update(&update, values, 0)).await?;
                spec.iter().cycle().take(rows.ids.len()).cloned().collect()
            }
            (None, Some(fetched)) => {
                let first = self.resource.fields().len();
                self.values(values::of_update(&update, fetched, first))
                    .await?
            }
            (None, None) => Vec::new(),
        };
        let (rows, specs) = distinct(&rows, specs)?;
        let bodies: Vec<RequestBody> = specs.iter().map(RequestBody::from_spec).collect();
        if self.is_dry {
            self.warn_of_guards(Verb::Update, update.is_unbounded, &rows);
            let pairs = rows.ids.iter().zip(&bodies);
            let requests: Vec<_> = pairs
                .map(|(id, body)| request::update(self.resource, id, body))
                .collect();
            return self
                .show(&requests, self.names_keys().then_some(&rows), sink)
                .await;
        }
        self.check_rows(Verb::Update, update.is_unbounded, &rows, &specs)?;
        let client = self.client()?;
        let mut updated = Updated {
            delivery: RowDelivery::begin(returning.as_ref(), sink).await?,
            count: 0,
            specs: &specs,
            unconfirmed: Vec::new(),
            gone: Vec::new(),
        };
        let outcomes = concurrent::run(
            bodies.len(),
            Concurrency {
                limit: client.concurrency(),
                last_alone: false,
            },
            self.call.interrupt,
            |row| {
                let (client, id) = (client.clone(), rows.ids[row].clone());
                patch(client, self.resource, id, bodies[row].clone())
            },
            &mut updated,
        )
        .await;
        if !updated.unconfirmed.is_empty() {
            let ids: Vec<&str> = updated
                .unconfirmed
                .iter()
                .map(|&row| rows.ids[row].as_str())
                .collect();
            self.call
                .scope
                .warn_of_write(outcome::unconfirmed(self.resource, &ids));
        }
        let output = updated.delivery.finish().await;
        let outcomes = outcomes.without(updated.gone);
        outcome::of_change(self.resource, Verb::Update, &rows.ids, outcomes, output)?;
        Ok(Done::Updated(updated.count))
    }

    /// Returns the values of an UPDATE as one row, if they do not depend on the rows that it changes.
    async fn constant_values(&self, update: &Update) -> Result<Option<RecordBatch>, Error> {
        let planned = self.frame(update.values.clone());
        match self.call.interrupt.stops(planned).await? {
            // Volatile functions such as uuid() differ from row to row.
            Ok(frame) if reads_many(frame.logical_plan()) => Err(of_many(self.resource)),
            Ok(frame) if is_volatile(frame.logical_plan()) => Ok(None),
            Ok(_) => self
                .rows_of(Box::pin(self.frame(update.values.clone())))
                .await
                .map(Some),
            // The values use columns. If one does not exist, planning them with the rows reports it.
            Err(_) => Ok(None),
        }
    }

    pub(super) async fn plan_optional_returning(
        &self,
        typed: Option<&crate::sql::write::Returning>,
    ) -> Result<Option<Returning>, Error> {
        match typed {
            Some(typed) => self.returning(typed).await.map(Some),
            None => Ok(None),
        }
    }
}

/// Counts and delivers the keys that were changed.
struct Updated<'d> {
    delivery: RowDelivery<'d>,
    count: usize,
    /// What each of them was to be set to.
    specs: &'d [Spec],
    /// The rows whose answers do not hold that.
    unconfirmed: Vec<usize>,
    /// The rows whose keys do not exist any more.
    gone: Vec<usize>,
}

#[async_trait]
impl Deliver<Option<KeyBody>> for Updated<'_> {
    async fn deliver(&mut self, row: usize, key: Option<KeyBody>) -> bool {
        let Some(key) = key else {
            self.gone.push(row);
            return true;
        };
        self.count += 1;
        if !holds(&key, &self.specs[row]) {
            self.unconfirmed.push(row);
        }
        self.delivery.deliver(&key).await
    }
}

/// Returns true if `key` has all that `spec` sets. Some services leave out what is empty.
fn holds(key: &KeyBody, spec: &Spec) -> bool {
    let key: serde_json::Value = serde_json::from_str(key.raw()).unwrap_or_default();
    spec.iter().all(|(name, value)| {
        let answered = &key[Writes::BODY][name];
        answered == value || (answered.is_null() && value.as_str() == Some(""))
    })
}

fn is_volatile(plan: &LogicalPlan) -> bool {
    let is_volatile = |plan: &LogicalPlan| Ok(plan.expressions().iter().any(Expr::is_volatile));
    // The closure never fails.
    plan.exists(is_volatile).unwrap_or(true)
}

/// Changes one key; None if it does not exist any more.
async fn patch(
    client: Client,
    resource: &'static Resource,
    id: KeyId,
    body: RequestBody,
) -> Result<Option<KeyBody>, api::Error> {
    match client.update(resource, &id, &body).await {
        Ok(key) => Ok(Some(key)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Drops duplicate rows from a join.
///
/// # Errors
///
/// Fails if a key would be set to two different values.
fn distinct(rows: &Rows, specs: Vec<Spec>) -> Result<(Rows, Vec<Spec>), Error> {
    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut positions = Vec::with_capacity(specs.len());
    let mut kept: Vec<Spec> = Vec::with_capacity(specs.len());
    for (position, (id, spec)) in rows.ids.iter().zip(specs).enumerate() {
        match first.get(id.as_str()) {
            Some(&earlier) if kept[earlier] == spec => {}
            Some(_) => {
                return Err(Error::statement(format!(
                    "key `{}` matches several rows that set it to different values",
                    id.as_str()
                ))
                .hint("make the join give one row for each key"));
            }
            None => {
                first.insert(id.as_str(), kept.len());
                positions.push(position);
                kept.push(spec);
            }
        }
    }
    Ok((rows.pick(&positions)?, kept))
}
