//! DELETE: one request per key. A key that is already gone is neither a row nor an error.

use std::collections::HashSet;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::error::DataFusionError;

use super::concurrent::{self, Concurrency, Deliver};
use super::delivery::RowDelivery;
use super::outcome;
use super::returning::{Returning, ids_only};
use super::{Rows, Verb, Writer};
use crate::api::{Deletion, KeyId, request};
use crate::error::Error;
use crate::session::{Done, Sink};
use crate::sql::write::Delete;

impl Writer<'_> {
    pub(super) async fn delete(&self, delete: Delete, sink: &mut dyn Sink) -> Result<Done, Error> {
        self.check_bounded(Verb::Delete, delete.is_unbounded)?;
        let returning = self
            .plan_optional_returning(delete.returning.as_ref())
            .await?;
        // The answer to a DELETE is empty, so what RETURNING shows must be read first.
        let needs_rows =
            self.names_keys() || returning.as_ref().is_some_and(|list| !list.needs_id_only());
        let queries = (delete.ids.clone(), delete.rows.clone());
        let rows = self
            .affected(queries, needs_rows, delete.is_unbounded)
            .await?;
        let (positions, deletes_own) = order(&rows.ids, self.own_key().as_deref());
        let rows = rows.pick(&positions)?;
        if self.is_dry {
            self.warn_of_guards(Verb::Delete, delete.is_unbounded, &rows);
            let requests: Vec<_> = rows
                .ids
                .iter()
                .map(|id| request::delete(self.resource, id))
                .collect();
            return self
                .show(&requests, self.names_keys().then_some(&rows), sink)
                .await;
        }
        let shown = match &returning {
            Some(returning) => self.shown(returning, &rows).await?,
            None => Vec::new(),
        };
        self.check_rows(Verb::Delete, delete.is_unbounded, &rows, &[])?;
        let client = self.client()?;
        let mut deleted = Deleted {
            delivery: RowDelivery::begin(returning.as_ref(), sink).await?,
            shown,
            count: 0,
            gone: Vec::new(),
        };
        let outcomes = concurrent::run(
            rows.ids.len(),
            Concurrency {
                limit: client.concurrency(),
                // The session needs its own key to delete the others.
                last_alone: deletes_own,
            },
            self.call.interrupt,
            |row| {
                let (client, id) = (client.clone(), rows.ids[row].clone());
                let (resource, was_read) = (self.resource, rows.fetched.is_some());
                async move {
                    match was_read {
                        true => client.delete_read(resource, &id).await,
                        false => client.delete(resource, &id).await,
                    }
                }
            },
            &mut deleted,
        )
        .await;
        let output = deleted.delivery.finish().await;
        let outcomes = outcomes.without(deleted.gone);
        outcome::of_change(self.resource, Verb::Delete, &rows.ids, outcomes, output)?;
        Ok(Done::Deleted(deleted.count))
    }

    /// Returns what RETURNING shows of each row. A deleted key cannot be read again, so the expressions are evaluated
    /// before the first DELETE is sent.
    async fn shown(&self, returning: &Returning, rows: &Rows) -> Result<Vec<RecordBatch>, Error> {
        let all: Vec<usize> = (0..self.resource.fields().len()).collect();
        let mut shown = Vec::with_capacity(rows.ids.len());
        for (row, id) in rows.ids.iter().enumerate() {
            let row = match &rows.fetched {
                Some(fetched) => fetched
                    .slice(row, 1)
                    .project(&all)
                    .map_err(DataFusionError::from),
                None => ids_only(self.resource, &[id.as_str()]),
            };
            let row = async { returning.apply(row?).await };
            shown.push(row.await.map_err(|error| self.failed(error))?);
        }
        Ok(shown)
    }
}

/// Counts the keys that were deleted, and delivers what RETURNING shows of each.
struct Deleted<'d> {
    delivery: RowDelivery<'d>,
    shown: Vec<RecordBatch>,
    count: usize,
    /// The rows whose keys were gone before.
    gone: Vec<usize>,
}

#[async_trait]
impl Deliver<Deletion> for Deleted<'_> {
    async fn deliver(&mut self, row: usize, outcome: Deletion) -> bool {
        if outcome == Deletion::NotFound {
            self.gone.push(row);
            return true;
        }
        self.count += 1;
        match self.shown.get(row) {
            Some(shown) => self.delivery.deliver_shown(shown).await,
            None => true,
        }
    }
}

/// Returns the positions of the rows to delete, and whether the last of them is the key `own`, which comes last.
/// Duplicates from a join are dropped.
fn order(ids: &[KeyId], own: Option<&str>) -> (Vec<usize>, bool) {
    let mut seen = HashSet::new();
    let distinct = (0..ids.len()).filter(|&row| seen.insert(ids[row].as_str()));
    let is_own = |id: &KeyId| own.is_some_and(|own| id.as_str().eq_ignore_ascii_case(own));
    let (own, mut others): (Vec<usize>, Vec<usize>) = distinct.partition(|&row| is_own(&ids[row]));
    let has_own = !own.is_empty();
    others.extend(own);
    (others, has_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_deleted_once_and_the_sessions_own_last() {
        let ids = ["b", "own", "a", "b", "own"].map(|id| KeyId::new(id).unwrap());
        assert_eq!(order(&ids, Some("own")), (vec![0, 2, 1], true));
        assert_eq!(order(&ids, Some("OWN")), (vec![0, 2, 1], true));
        assert_eq!(order(&ids, Some("other")), (vec![0, 1, 2], false));
        assert_eq!(order(&ids, None), (vec![0, 1, 2], false));
    }
}
