//! INSERT: one request per row, in order, and no secret is lost.
//!
//! A secret counts as delivered once the output has taken and flushed its row. Secrets that are not delivered when the
//! statement ends, for whatever reason, are saved, even at a panic: see `undelivered`. If the process is killed, the
//! `journal` says which keys there are.

use std::time::SystemTime;

use chrono::{DateTime, TimeDelta, Utc};

use super::concurrent::{self, Concurrency};
use super::delivery::SecretDelivery;
use super::journal::Journal;
use super::outcome::{self, Inserted};
use super::returning::Returning;
use super::undelivered::UndeliveredSecrets;
use super::{RescueFile, Writer, values};
use crate::api::{Client, KeyBody, RequestBody, request};
use crate::error::Error;
use crate::session::{Done, Sink};
use crate::sql::spec::Spec;
use crate::sql::write::{self, Insert};

/// Bytes that a key takes at most, as a row or in the file of undelivered secrets.
const KEY_SIZE: usize = 1024;

/// The most bytes to look for room for.
const MAX_PROBE: usize = 16 << 20;

/// How far apart the clocks of one service may be: that which dates its answers, and that which dates a key.
const CLOCK_MARGIN: TimeDelta = TimeDelta::minutes(2);

impl Writer<'_> {
    pub(super) async fn insert(&self, insert: Insert, sink: &mut dyn Sink) -> Result<Done, Error> {
        let rows = self
            .rows_of(Box::pin(self.frame(insert.source.clone())))
            .await?;
        if rows.num_columns() != insert.targets.len() {
            return Err(Error::statement(format!(
                "the rows have {} columns, and {} fields are to be set",
                rows.num_columns(),
                insert.targets.len()
            )));
        }
        let began = SystemTime::now();
        let today = DateTime::<Utc>::from(began).date_naive();
        let specs = self
            .values(values::of_insert(&insert, &rows, today))
            .await?;
        let bodies: Vec<RequestBody> = specs.iter().map(RequestBody::from_spec).collect();
        let returning = self.plan_returning(insert.returning.as_ref()).await?;
        if self.is_dry {
            let requests: Vec<_> = bodies
                .iter()
                .map(|body| request::create(self.resource, body))
                .collect();
            self.warn_of_creates(bodies.len());
            return self.show(&requests, None, sink).await;
        }
        self.check_creates(&specs)?;
        let client = self.client()?;
        if sink.discards() && !self.session.options.discard_secrets && !bodies.is_empty() {
            return Err(Error::statement(
                "the output is discarded, and the secrets would be lost with it",
            )
            .hint("write to a file or a pipe, or pass --discard-secrets"));
        }
        if !bodies.is_empty() {
            self.check_saving(bodies.len())?;
        }
        // An output that is already closed is noticed here, before any key is created.
        sink.begin(returning.schema()).await?;
        if !bodies.is_empty() {
            sink.expect(&returning.expected(&specs).await).await?;
        }
        sink.flush().await?;
        sink.check(room_for(bodies.len()) as u64).await?;
        let needs_secret = !self.session.options.discard_secrets;
        let held = UndeliveredSecrets::begin(self.rescue_file(), self.journal(&client, &specs)?);
        let mut delivery = SecretDelivery::new(&returning, sink, needs_secret, &specs, &held);
        let since = move |client: &Client| Some(client.service_time(began)? - CLOCK_MARGIN);
        let outcomes = concurrent::run(
            bodies.len(),
            Concurrency {
                limit: client.concurrency(),
                last_alone: false,
            },
            self.call.interrupt,
            |row| {
                let (client, body) = (client.clone(), bodies[row].clone());
                let (resource, record) = (self.resource, held.recorder(row));
                async move {
                    let answer = client.create(resource, &body).await;
                    record(&answer, since(&client));
                    answer
                }
            },
            &mut delivery,
        )
        .await
        .settled();
        delivery.finish(!outcomes.failed.is_empty()).await;
        let (created, doubt) = (
            delivery.created(),
            delivery.doubt().map(|e| e.message.clone()),
        );
        let without_secret = delivery.without_secret();
        let without_id = delivery.without_id(client.key_id());
        let without_days = delivery.without_days(&specs);
        if !without_days.is_empty() {
            let ids: Vec<&str> = without_days.iter().map(String::as_str).collect();
            let warning = outcome::not_expiring(self.resource, &ids);
            self.call.scope.warn_of_write(warning);
        }
        let (undelivered, output_error) = delivery.end();
        let saved = self.save(&undelivered);
        if !matches!(saved, Saved::Not(_)) {
            // What was not delivered is saved now.
            let cared_for = created
                .iter()
                .filter(|(_, id)| !without_secret.contains(id));
            held.arrived(cared_for.map(|(row, _)| *row));
        }
        // If the error cannot be read, nobody knows of the keys that it alone names: the next run has to name them.
        let is_known = without_secret.is_empty()
            && !outcomes
                .failed
                .iter()
                .any(|(_, error)| error.outcome_unknown() || error.created_key().is_some());
        if !matches!(saved, Saved::Not(_)) && (is_known || self.stderr_is_read()) {
            held.settle();
        }
        let done = Done::Inserted(outcomes.done.len());
        let inserted = Inserted {
            specs: &specs,
            created: &created,
            without_secret: &without_secret,
            since: since(&client),
        };
        if let Some(warning) = outcome::without_id(self.resource, &without_id, &inserted) {
            self.call.scope.warn_of_write(warning);
        }
        match saved {
            // All rows were written and perhaps read: not a failure, but not certain either.
            Saved::There(place)
                if outcomes.is_whole()
                    && output_error.is_none()
                    && without_secret.is_empty()
                    && doubt.is_some() =>
            {
                let doubt = doubt.unwrap_or_default();
                self.call.scope.warn_of_write(format!("{doubt}; {place}"));
                Ok(done)
            }
            saved => {
                let description = saved.description();
                match outcome::of_insert(
                    self.resource,
                    &outcomes,
                    output_error,
                    &inserted,
                    description,
                ) {
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
        let secret = self.resource.writes.as_ref().map_or("", |w| w.secret);
        Err(
            Error::statement("RETURNING leaves out the secrets, which are never shown again")
                .hint(format!("add {secret} to it, or pass --discard-secrets")),
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

    /// Returns true if somebody can read the error of the statement.
    fn stderr_is_read(&self) -> bool {
        self.session
            .options
            .stderr_is_read
            .is_none_or(|stderr_is_read| stderr_is_read())
    }

    /// Begins the journal of an INSERT that creates the keys of `specs`.
    fn journal(&self, client: &Client, specs: &[Spec]) -> Result<Option<Journal>, Error> {
        let options = &self.session.options;
        let journals = options.journals.as_ref();
        let Some(journals) = journals.filter(|_| !options.discard_secrets && !specs.is_empty())
        else {
            return Ok(None);
        };
        let begun = journals.begin(self.resource, client.endpoint().to_string());
        begun.map(Some).map_err(|error| {
            Error::statement("the journal of creates cannot be written")
                .caused_by(error)
                .hint(
                    "nothing was created; make the state directory writable, or pass --discard-secrets",
                )
        })
    }

    /// Fails if the undelivered secrets of `rows` keys could not be saved.
    fn check_saving(&self, rows: usize) -> Result<(), Error> {
        let Some(file) = self.rescue_file() else {
            return Ok(());
        };
        file.check(room_for(rows)).map_err(|error| {
            Error::statement(format!(
                "secrets could not be saved in `{}`, so nothing was created",
                file.path().display()
            ))
            .caused_by(error)
            .hint(
                "make that folder writable or free space on its disk, set XDG_STATE_HOME to another folder, or go \
                 without one by passing --discard-secrets",
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
                let ids: Vec<String> = keys.iter().filter_map(KeyBody::id).collect();
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

/// Returns the bytes to look for room for before `keys` keys are created.
fn room_for(keys: usize) -> usize {
    (keys * KEY_SIZE).min(MAX_PROBE)
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
    fn description(self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::There(text) | Self::Not(text) => Some(text),
        }
    }
}
