//! DELETE: one DELETE a key. A key that is gone already is no row, and no error.

use std::collections::HashSet;

use super::returning::ids_only;
use super::side_by_side::{self, Outcomes, Width};
use super::update::RowDelivery;
use super::{Rows, Verb, Writer, keys};
use crate::api::{self, Deletion, KeyId, request};
use crate::error::{Error, ExitCode};
use crate::session::Done;
use crate::sql::write::Delete;
use crate::table::columns::COLUMNS;

/// Failures that an error tells one by one.
const TOLD: usize = 10;

impl Writer<'_> {
    pub(super) async fn delete(&mut self, delete: Delete) -> Result<Done, Error> {
        self.check_bounded(Verb::Delete, delete.is_unbounded)?;
        let returning = self
            .plan_optional_returning(delete.returning.as_ref())
            .await?;
        // The answer to a DELETE is empty, so what RETURNING shows has to be read before.
        let needs_rows = returning.as_ref().is_some_and(|list| !list.needs_id_only());
        let rows = self
            .find(delete.ids.clone(), delete.rows.clone(), needs_rows)
            .await?;
        let (positions, rows, deletes_own) = own_last(distinct(rows), self.own_key().as_deref());
        if self.is_dry {
            let requests: Vec<_> = rows.ids.iter().map(request::delete).collect();
            return self.show(&requests);
        }
        self.check_rows(Verb::Delete, delete.is_unbounded, &rows)?;
        let client = self.client()?;
        let mut delivery = RowDelivery::begin(returning.as_ref(), self.sink)?;
        let mut deleted = 0;
        let outcomes = side_by_side::run(
            rows.ids.len(),
            Width {
                concurrency: client.concurrency(),
                // Without it, the others could not be deleted.
                last_alone: deletes_own,
            },
            self.interrupt,
            |row| {
                let (client, id) = (&client, &rows.ids[row]);
                let was_read = rows.fetched.is_some();
                async move {
                    match was_read {
                        true => client.delete_read(id).await,
                        false => client.delete(id).await,
                    }
                }
            },
            async |row, outcome| {
                if outcome == Deletion::NotFound {
                    return true;
                }
                deleted += 1;
                delivery
                    .deliver(|| match &rows.fetched {
                        Some(fetched) => {
                            let all: Vec<usize> = (0..COLUMNS.len()).collect();
                            Ok(fetched.slice(positions[row], 1).project(&all)?)
                        }
                        None => ids_only(&[rows.ids[row].as_str()]),
                    })
                    .await
            },
        )
        .await;
        let output = delivery.finish();
        report(Verb::Delete, &rows.ids, outcomes, output)?;
        Ok(Done::Deleted(deleted))
    }
}

/// Puts the key `own` behind all others, and returns whether it is there.
fn own_last(
    (mut positions, mut rows): (Vec<usize>, Rows),
    own: Option<&str>,
) -> (Vec<usize>, Rows, bool) {
    let Some(at) = rows.ids.iter().position(|id| Some(id.as_str()) == own) else {
        return (positions, rows, false);
    };
    let id = rows.ids.remove(at);
    rows.ids.push(id);
    let position = positions.remove(at);
    positions.push(position);
    (positions, rows, true)
}

/// Drops keys that a join gave twice; returns the positions of those that stay, too.
fn distinct(rows: Rows) -> (Vec<usize>, Rows) {
    let mut seen = HashSet::new();
    let (positions, ids) = rows
        .ids
        .into_iter()
        .enumerate()
        .filter(|(_, id)| seen.insert(id.as_str().to_owned()))
        .unzip();
    let rows = Rows {
        ids,
        fetched: rows.fetched,
    };
    (positions, rows)
}

/// Fails if not every request was sent and answered well, accounting for all of them.
pub(super) fn report(
    verb: Verb,
    ids: &[KeyId],
    outcomes: Outcomes<api::Error>,
    output: Option<Error>,
) -> Result<(), Error> {
    let outcomes = outcomes.settled();
    if outcomes.failed.is_empty() && outcomes.not_tried == 0 {
        return output.map_or(Ok(()), Err);
    }
    let done = match verb {
        Verb::Update => "changed",
        Verb::Delete => "deleted",
    };
    let account = format!(
        "{} {done}, {} failed, {} not tried",
        keys(outcomes.done.len()),
        outcomes.failed.len(),
        outcomes.not_tried
    );
    let keyword = verb.keyword();
    let mut error = Error::statement(match (&output, outcomes.is_interrupted) {
        _ if !outcomes.failed.is_empty() => format!("{keyword} stopped at a failure: {account}"),
        (Some(_), _) => format!("{keyword} stopped, for its rows cannot be written: {account}"),
        (None, _) => format!("{keyword} was interrupted: {account}"),
    });
    for (row, failure) in outcomes.failed.iter().take(TOLD) {
        let id = ids[*row].as_str();
        error.causes.push(format!("key `{id}`: {failure}"));
        if error.hint.is_none() {
            error.hint = hint(verb, id, failure);
        }
    }
    if let Some(output) = output {
        error.causes.extend(output.causes);
        error.hint = error.hint.or(output.hint);
    }
    if outcomes.is_interrupted && outcomes.failed.is_empty() {
        error.code = ExitCode::Interrupted;
    }
    Err(error)
}

fn hint(verb: Verb, id: &str, failure: &api::Error) -> Option<String> {
    if failure.outcome_unknown() {
        return Some(format!(
            "whether it was done is unknown; SELECT * FROM api_keys WHERE id = '{id}' tells, and the statement can be \
             repeated"
        ));
    }
    if failure.is_forbidden() && !failure.is_unauthorized() {
        return Some(format!(
            "the service answers 403 for keys that are gone and for keys that these credentials may not {}; SELECT id \
             FROM api_keys shows which are there",
            verb.plain()
        ));
    }
    failure.hint()
}
