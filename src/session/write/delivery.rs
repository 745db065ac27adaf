//! Hands the rows of a write to the output, and tracks which of them are delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::error::DataFusionError;

use super::concurrent::Deliver;
use super::returning::{Returning, holds};
use super::row_of;
use super::undelivered::UndeliveredSecrets;
use crate::api::KeyBody;
use crate::error::Error;
use crate::resource::{Type, Writes};
use crate::session::Sink;
use crate::sql::spec::Spec;
use crate::table::decode::Decoder;

/// Hands created keys to the output.
///
/// A secret counts as delivered once the output has taken and flushed its row, or, in a format that needs all rows
/// first, once the whole result is written. If the output then fails and does not keep what it was given, as a file
/// does, nobody knows what the reader has used, and no secret counts as delivered.
pub(super) struct SecretDelivery<'d> {
    returning: &'d Returning,
    sink: &'d mut dyn Sink,
    needs_secret: bool,
    keys: Vec<Created>,
    error: Option<Error>,
    /// What speaks against all rows having been read, though all were written.
    doubt: Option<Error>,
    specs: &'d [Spec],
    held: &'d UndeliveredSecrets,
}

/// A key that was created.
struct Created {
    row: usize,
    key: KeyBody,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    /// Never handed over, or without its secret.
    Lost,
    /// Handed over, but perhaps not written yet.
    Waiting,
    /// Written, but perhaps not on disk or read yet.
    Delivered,
    /// There, as far as anybody can tell.
    Arrived,
    /// The answer holds nothing that may be a secret.
    WithoutSecret,
}

impl<'d> SecretDelivery<'d> {
    /// Begins with a result whose columns the output already has.
    pub(super) fn new(
        returning: &'d Returning,
        sink: &'d mut dyn Sink,
        needs_secret: bool,
        specs: &'d [Spec],
        held: &'d UndeliveredSecrets,
    ) -> Self {
        Self {
            returning,
            sink,
            needs_secret,
            keys: Vec::new(),
            error: None,
            doubt: None,
            specs,
            held,
        }
    }

    async fn hand_over(&mut self, key: &KeyBody) -> Result<State, Error> {
        let unreadable = |error: DataFusionError| {
            Error::statement("the answer to a create cannot be shown").caused_by(error)
        };
        if key.is_text() {
            return Err(unreadable(DataFusionError::Execution(
                "the answer to the create is damaged, and no row can be made of it".to_owned(),
            )));
        }
        // A format that needs all rows first would notice only after the last create.
        self.sink.check(1).await?;
        let decoder = Decoder::of_created(self.returning.resource());
        let row = row_of(decoder, key).map_err(unreadable)?;
        let secrets = key.secrets();
        let shown = self.returning.apply(row).await.map_err(unreadable)?;
        // Without one at its place it may be somewhere unexpected in the answer, so the whole answer is kept.
        let mut has_secret = !self.needs_secret || !secrets.is_empty();
        for secret in secrets.iter().filter(|_| self.needs_secret) {
            has_secret &= holds(&shown, secret.reveal()).map_err(unreadable)?;
        }
        self.sink.rows(&shown).await?;
        Ok(match has_secret {
            _ if self.needs_secret && secrets.is_empty() && !key.may_hold_secret() => {
                State::WithoutSecret
            }
            true => State::Waiting,
            // The RETURNING list dropped the secret of this row.
            false => State::Lost,
        })
    }

    fn all_delivered(&mut self) {
        for key in &mut self.keys {
            if key.state == State::Waiting {
                key.state = State::Delivered;
                self.held.release(key.row);
            }
        }
    }

    /// Ends the result, unless it `failed` before there were rows.
    pub(super) async fn finish(&mut self, failed: bool) {
        // A failure with nothing created has no rows to show.
        if self.error.is_some() || (failed && self.keys.is_empty() && !self.sink.is_streaming()) {
            return;
        }
        match self.sink.finish().await {
            Ok(()) => {
                self.all_delivered();
                if !self.keys.is_empty() {
                    self.doubt = self.sink.settle().await.err();
                }
            }
            Err(error) => self.error = Some(error),
        }
    }

    /// Returns the rows and ids of the keys that were created.
    pub(super) fn created(&self) -> Vec<(usize, String)> {
        let keys = self.keys.iter();
        keys.filter_map(|created| Some((created.row, created.key.id()?)))
            .collect()
    }

    /// Returns the ids of the keys that the service created without a secret.
    pub(super) fn without_secret(&self) -> Vec<String> {
        let keys = self.keys.iter();
        let keys = keys.filter(|created| created.state == State::WithoutSecret);
        keys.filter_map(|created| created.key.id()).collect()
    }

    /// Returns the rows of the keys whose answers do not hold one id that no other has, nor `own`, the session's key.
    pub(super) fn without_id(&self, own: Option<&str>) -> Vec<usize> {
        let ids = |created: &Created| BTreeSet::from_iter(created.key.texts_at(&["id"]));
        let mut uses: BTreeMap<String, usize> = BTreeMap::new();
        for id in self.keys.iter().flat_map(ids) {
            *uses.entry(id).or_default() += 1;
        }
        let is_taken = |id: &String| uses[id] > 1 || own == Some(id);
        let keys = self.keys.iter().filter(|created| {
            let ids = ids(created);
            ids.len() != 1 || ids.iter().any(is_taken)
        });
        keys.map(|created| created.row).collect()
    }

    /// Returns the ids of the keys whose answers do not hold the days that `specs` set, one for each row. A service that
    /// does not know such a field creates a key without it.
    pub(super) fn without_days(&self, specs: &[Spec]) -> Vec<String> {
        let body = self.returning.resource().find(&[Writes::BODY]);
        let fields = body.map_or(&[][..], |body| body.ty.fields());
        let days = || fields.iter().filter(|field| matches!(field.ty, Type::Date));
        let is_kept = |created: &&Created| {
            days().all(|field| {
                let set = specs[created.row]
                    .get(field.json)
                    .and_then(|day| day.as_str());
                let answered = created.key.texts_at(&[Writes::BODY, field.json]);
                set.is_none_or(|day| answered.iter().any(|answered| answered.starts_with(day)))
            })
        };
        let lacking = self.keys.iter().filter(|created| !is_kept(created));
        lacking.filter_map(|created| created.key.id()).collect()
    }

    /// Returns what speaks against all rows having been read, if all were written.
    pub(super) fn doubt(&self) -> Option<&Error> {
        self.doubt.as_ref()
    }

    /// Returns the keys that were not delivered, and what went wrong with the output.
    pub(super) fn end(self) -> (Vec<KeyBody>, Option<Error>) {
        let in_doubt = self.error.is_some() || self.doubt.is_some();
        let none_counts = in_doubt && !self.sink.keeps();
        let keys = self.keys.into_iter();
        let undelivered = keys.filter(|key| match key.state {
            State::WithoutSecret => false,
            State::Delivered | State::Arrived => none_counts,
            State::Lost | State::Waiting => true,
        });
        (undelivered.map(|created| created.key).collect(), self.error)
    }
}

#[async_trait]
impl Deliver<KeyBody> for SecretDelivery<'_> {
    /// Notes the creates that are about to be sent, and which of the rows so far have arrived.
    async fn prepare(&mut self, rows: Range<usize>) -> bool {
        let Some(journal) = self.held.journal() else {
            return true;
        };
        let is_new = |key: &&mut Created| key.state == State::Delivered;
        if self.keys.iter().any(|key| key.state == State::Delivered)
            && self.sink.has_arrived().await
        {
            let arrived = self.keys.iter_mut().filter(is_new).map(|key| {
                key.state = State::Arrived;
                key.row
            });
            self.held.arrived(arrived);
        }
        let specs = self.specs;
        let specs = rows.map(move |row| (row, &specs[row]));
        let noted = journal.intend(self.returning.resource(), specs);
        if let Err(error) = noted {
            let failed = Error::statement("the journal of creates cannot be written");
            self.error = Some(failed.caused_by(error));
            return false;
        }
        true
    }

    async fn deliver(&mut self, row: usize, key: KeyBody) -> bool {
        let state = match self.error {
            Some(_) => State::Lost,
            None => match self.hand_over(&key).await {
                Ok(state) => state,
                Err(error) => {
                    self.error = Some(error);
                    State::Lost
                }
            },
        };
        let is_of_use = state != State::WithoutSecret;
        if !is_of_use {
            self.held.release(row);
        }
        self.keys.push(Created { row, key, state });
        if self.error.is_none() && self.sink.is_streaming() {
            match self.sink.flush().await {
                Ok(()) => self.all_delivered(),
                Err(error) => self.error = Some(error),
            }
        }
        // Another create would be answered in the same way.
        self.error.is_none() && is_of_use
    }
}

/// Hands the rows of a RETURNING list to the output.
pub(super) struct RowDelivery<'d> {
    returning: Option<&'d Returning>,
    sink: &'d mut dyn Sink,
    error: Option<Error>,
}

impl<'d> RowDelivery<'d> {
    pub(super) async fn begin(
        returning: Option<&'d Returning>,
        sink: &'d mut dyn Sink,
    ) -> Result<Self, Error> {
        if let Some(returning) = returning {
            sink.begin(returning.schema()).await?;
            sink.flush().await?;
        }
        Ok(Self {
            returning,
            sink,
            error: None,
        })
    }

    /// Hands over what RETURNING shows of `key`. Returns false if nothing more can be delivered.
    pub(super) async fn deliver(&mut self, key: &KeyBody) -> bool {
        let (Some(returning), None) = (self.returning, &self.error) else {
            return self.error.is_none();
        };
        let shown = match row_of(Decoder::of_all(returning.resource()), key) {
            Ok(row) => returning.apply(row).await,
            Err(error) => Err(error),
        };
        match shown {
            Ok(shown) => self.deliver_shown(&shown).await,
            Err(error) => {
                let unreadable = Error::statement("the answer cannot be shown");
                self.error = Some(unreadable.caused_by(error));
                false
            }
        }
    }

    /// Hands over what RETURNING shows of a row. Returns false if nothing more can be delivered.
    pub(super) async fn deliver_shown(&mut self, shown: &RecordBatch) -> bool {
        if self.error.is_some() {
            return false;
        }
        let delivered = match (self.sink.rows(shown).await, self.sink.is_streaming()) {
            (Ok(()), true) => self.sink.flush().await,
            (Ok(()), false) => self.sink.check(1).await,
            (failed, _) => failed,
        };
        self.error = delivered.err();
        self.error.is_none()
    }

    /// Ends the result and returns what went wrong with it.
    pub(super) async fn finish(self) -> Option<Error> {
        match (self.error, self.returning) {
            (Some(error), _) => Some(error),
            (None, Some(_)) => self.sink.finish().await.err(),
            (None, None) => None,
        }
    }
}
