//! INSERT: one request per row, in order, and no secret is lost.
//!
//! A secret counts as delivered once the output has taken and flushed its row, or, in a format that needs all rows
//! first, once the whole result is written. Secrets that are not delivered when the statement ends, for whatever
//! reason, are saved, even at a panic: see `undelivered`.

use std::time::SystemTime;

use chrono::{DateTime, TimeDelta, Utc};

use super::delivery::{SecretDelivery, id_of};
use super::outcome::{self, Inserted};
use super::returning::Returning;
use super::side_by_side::{self, Concurrency};
use super::undelivered::UndeliveredSecrets;
use super::{RescueFile, Writer, values};
use crate::api::{KeyBody, RequestBody, request};
use crate::error::Error;
use crate::session::{Done, Sink};
use crate::sql::write::{self, Insert};

/// How far apart the clocks of one service may be: that which dates its answers, and that which dates a key.
const CLOCK_MARGIN: TimeDelta = TimeDelta::minutes(2);

impl Writer<'_> {
    pub(super) async fn insert(&self, insert: Insert, sink: &mut dyn Sink) -> Result<Done, Error> {
        let rows = self.rows_of(insert.source.clone()).await?;
        if rows.num_columns() != insert.targets.len() {
            return Err(Error::statement(format!(
                "the rows have {} columns, and {} fields are to be set",
                rows.num_columns(),
                insert.targets.len()
            )));
        }
        let began = SystemTime::now();
        let today = DateTime::<Utc>::from(began).date_naive();
        let specs = values::of_insert(&insert, &rows, today).map_err(|error| self.wrong(error))?;
        let bodies: Vec<RequestBody> = specs.iter().map(RequestBody::from_spec).collect();
        let returning = self.plan_returning(insert.returning.as_ref()).await?;
        if self.is_dry {
            let requests: Vec<_> = bodies
                .iter()
                .map(|body| request::create(self.resource, body))
                .collect();
            return self.show(&requests, sink).await;
        }
        let client = self.client()?;
        if sink.discards() && !self.session.options.discard_secrets && !bodies.is_empty() {
            return Err(Error::statement(
                "the output is discarded, and the secrets would be lost with it",
            )
            .hint("write to a file or a pipe, or pass --discard-secrets"));
        }
        if !bodies.is_empty() {
            self.check_saving()?;
        }
        // An output that is already closed is noticed here, before any key is created.
        sink.begin(returning.schema()).await?;
        sink.flush().await?;
        sink.check().await?;
        let needs_secret = !self.session.options.discard_secrets;
        let held = UndeliveredSecrets::begin(self.rescue_file());
        let mut delivery = SecretDelivery::new(&returning, sink, needs_secret, &held);
        let outcomes = side_by_side::run(
            bodies.len(),
            Concurrency {
                limit: client.concurrency(),
                last_alone: false,
            },
            self.call.interrupt,
            |row| {
                let (client, body) = (client.clone(), bodies[row].clone());
                let (resource, hold) = (self.resource, held.holder(row));
                async move { client.create(resource, &body).await.inspect(hold) }
            },
            &mut delivery,
        )
        .await
        .settled();
        delivery.finish(!outcomes.failed.is_empty()).await;
        let (created, has_reader_left) = (delivery.created(), delivery.has_reader_left());
        let without_secret = delivery.without_secret();
        let without_days = delivery.without_days(&specs);
        if !without_days.is_empty() {
            let ids: Vec<&str> = without_days.iter().map(String::as_str).collect();
            let warning = outcome::not_expiring(self.resource, &ids);
            self.call.scope.warn_of_write(warning);
        }
        let (undelivered, output_error) = delivery.end();
        let saved = self.save(&undelivered);
        let done = Done::Inserted(outcomes.done.len());
        match saved {
            // All rows were written and perhaps read: not a failure, but not certain either.
            Saved::There(place)
                if has_reader_left && outcomes.is_whole() && without_secret.is_empty() =>
            {
                self.call.scope.warn_of_write(format!(
                    "the reader left before the end of the rows; {place}"
                ));
                Ok(done)
            }
            saved => {
                let told = saved.told();
                let inserted = Inserted {
                    specs: &specs,
                    created: &created,
                    without_secret: &without_secret,
                    since: client.service_time(began).map(|time| time - CLOCK_MARGIN),
                };
                match outcome::of_insert(self.resource, &outcomes, output_error, &inserted, told) {
                    Some(error) => Err(error),
                    None => Ok(done),
                }
            }
        }
    }

    async fn plan_returning(&self, typed: Option<&write::Returning>) -> Result<Returning, Error> {
        let shown = write::Returning::of_created(self.resource);
        let mut returning = self.returning(typed.unwrap_or(&shown)).await?;
        let carries = returning
            .carries_secret()
            .await
            .map_err(|error| self.failed(error))?;
        if carries || self.session.options.discard_secrets {
            return Ok(returning);
        }
        Err(
            Error::statement("RETURNING leaves out the secrets, which are never shown again")
                .hint("add spec.secret to it, or pass --discard-secrets"),
        )
    }

    /// Returns the file for undelivered secrets, unless they may be discarded.
    fn rescue_file(&self) -> Option<&RescueFile> {
        let options = &self.session.options;
        options
            .rescue_file
            .as_ref()
            .filter(|_| !options.discard_secrets)
    }

    /// Fails if undelivered secrets could not be saved.
    fn check_saving(&self) -> Result<(), Error> {
        let Some(file) = self.rescue_file() else {
            return Ok(());
        };
        file.check().map_err(|error| {
            Error::statement(format!(
                "undelivered secrets could not be saved to `{}`",
                file.path().display()
            ))
            .caused_by(error)
            .hint(
                "nothing was created; make that place writable, let XDG_STATE_HOME name another, or pass \
                 --discard-secrets",
            )
        })
    }

    /// Saves `keys`, because nobody else has their secrets.
    fn save(&self, keys: &[KeyBody]) -> Saved {
        if keys.is_empty() || self.session.options.discard_secrets {
            return Saved::Nothing;
        }
        let count = match keys.len() {
            1 => "a secret that may not have been delivered is".to_owned(),
            n => format!("{n} secrets that may not have been delivered are"),
        };
        let saved = match &self.session.options.rescue_file {
            Some(file) => file.save(keys).map(|()| file.path()),
            None => Err(std::io::Error::other("there is no state directory")),
        };
        match saved {
            Ok(path) => Saved::There(format!("{count} in `{}`", path.display())),
            Err(error) => {
                let ids: Vec<String> = keys.iter().filter_map(id_of).collect();
                let unknown = match keys.len() - ids.len() {
                    0 => String::new(),
                    n => format!(", and {n} whose ids cannot be read"),
                };
                Saved::Not(format!(
                    "{count} lost, and saving failed too ({error}); revoke the keys: DELETE FROM {} WHERE id IN \
                     ('{}'){unknown}",
                    self.resource.table,
                    ids.join("', '")
                ))
            }
        }
    }
}

/// What happened to undelivered secrets, in words.
enum Saved {
    /// There were none.
    Nothing,
    /// They are there.
    There(String),
    /// They are lost.
    Not(String),
}

impl Saved {
    fn told(self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::There(text) | Self::Not(text) => Some(text),
        }
    }
}
