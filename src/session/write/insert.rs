//! INSERT: one POST a row, in order, and no secret lost.
//!
//! A secret counts as delivered once the output has taken and flushed its row, or, in a format that needs all rows
//! first, once the whole result is written. What is not delivered when the statement ends, for whatever reason, is
//! saved.

use datafusion::error::DataFusionError;

use super::returning::{Returning, holds};
use super::side_by_side::{self, Outcomes, Width};
use super::{Writer, keys, row_of, values};
use crate::api::{self, KeyBody, RequestBody, request};
use crate::error::{Error, ExitCode};
use crate::secret::Secret;
use crate::session::Done;
use crate::sql::spec::Spec;
use crate::sql::write::{self, Insert};

/// Failures that an error tells one by one.
const TOLD: usize = 10;

impl Writer<'_> {
    pub(super) async fn insert(&mut self, insert: Insert) -> Result<Done, Error> {
        let rows = self.rows_of(insert.source.clone()).await?;
        if rows.num_columns() != insert.targets.len() {
            return Err(Error::statement(format!(
                "the rows have {} columns, and {} fields are to be set",
                rows.num_columns(),
                insert.targets.len()
            )));
        }
        let specs = values::of_insert(&insert, &rows).map_err(|error| self.wrong(error))?;
        let bodies: Vec<RequestBody> = specs.iter().map(RequestBody::from_spec).collect();
        let returning = self.plan_returning(insert.returning.as_ref()).await?;
        if self.is_dry {
            let requests: Vec<_> = bodies.iter().map(request::create).collect();
            return self.show(&requests);
        }
        let client = self.client()?;
        if self.sink.discards() && !self.session.options.discard_secrets && !bodies.is_empty() {
            return Err(Error::statement(
                "the output goes nowhere, and the secrets would be lost with it",
            )
            .hint("write to a file or a pipe, or pass --discard-secrets"));
        }
        // An output that is closed already is found out here rather than with a secret in hand.
        self.sink.begin(returning.schema())?;
        self.sink.flush()?;
        let mut delivery = Delivery {
            returning: &returning,
            sink: self.sink,
            needs_secret: !self.session.options.discard_secrets,
            waiting: Vec::new(),
            lost: Vec::new(),
            error: None,
        };
        let outcomes = side_by_side::run(
            bodies.len(),
            Width {
                concurrency: client.concurrency(),
                last_alone: false,
            },
            self.interrupt,
            |row| client.create(&bodies[row]),
            async |_, key| delivery.deliver(key).await,
        )
        .await
        .settled();
        delivery.finish(!outcomes.failed.is_empty());
        let (undelivered, output_error) = (delivery.undelivered(), delivery.error);
        let count = outcomes.done.len();
        let saved = self.save(&undelivered);
        match insert_error(&outcomes, output_error, &specs, saved) {
            Some(error) => Err(error),
            None => Ok(Done::Inserted(count)),
        }
    }

    async fn plan_returning(&self, typed: Option<&write::Returning>) -> Result<Returning, Error> {
        let shown = write::Returning::of_created();
        let mut returning = Returning::plan(typed.unwrap_or(&shown), self.session)
            .await
            .map_err(|error| self.failed(&error))?;
        let carries = returning
            .carries_secret()
            .await
            .map_err(|error| self.failed(&error))?;
        if carries || self.session.options.discard_secrets {
            return Ok(returning);
        }
        Err(
            Error::statement("RETURNING leaves out the secrets, which are never shown again")
                .hint("add spec.secret to it, or pass --discard-secrets"),
        )
    }

    /// Saves `keys` and says where, or what to do if even that fails.
    fn save(&self, keys: &[KeyBody]) -> Option<String> {
        if keys.is_empty() || self.session.options.discard_secrets {
            return None;
        }
        let count = match keys.len() {
            1 => "the secret that was not delivered is".to_owned(),
            n => format!("{n} secrets that were not delivered are"),
        };
        let saved = match &self.session.options.unsaved {
            Some(unsaved) => unsaved.save(keys).map(|()| unsaved.path()),
            None => Err(std::io::Error::other("there is no state directory")),
        };
        Some(match saved {
            Ok(path) => format!("{count} in `{}`", path.display()),
            Err(error) => {
                let ids: Vec<String> = keys.iter().filter_map(id_of).collect();
                let unknown = match keys.len() - ids.len() {
                    0 => String::new(),
                    n => format!(", and {n} whose ids cannot be read"),
                };
                format!(
                    "{count} lost, for they could not be saved either ({error}); revoke the keys: DELETE FROM \
                     api_keys WHERE id IN ('{}'){unknown}",
                    ids.join("', '")
                )
            }
        })
    }
}

/// Hands created keys to the output, and knows which of them it has taken for good.
struct Delivery<'d> {
    returning: &'d Returning,
    sink: &'d mut dyn crate::session::Sink,
    needs_secret: bool,
    /// Handed over, but not known to be written.
    waiting: Vec<KeyBody>,
    /// Never handed over, or without their secret.
    lost: Vec<KeyBody>,
    error: Option<Error>,
}

impl Delivery<'_> {
    /// Returns false if nothing more can be delivered.
    async fn deliver(&mut self, key: KeyBody) -> bool {
        if self.error.is_some() {
            self.lost.push(key);
            return false;
        }
        match self.hand_over(&key).await {
            Ok(true) => self.waiting.push(key),
            // An expression that dropped this row's secret.
            Ok(false) => self.lost.push(key),
            Err(error) => {
                self.lost.push(key);
                self.error = Some(error);
                return false;
            }
        }
        if self.sink.is_streaming() {
            match self.sink.flush() {
                Ok(()) => self.waiting.clear(),
                Err(error) => {
                    self.error = Some(error);
                    return false;
                }
            }
        }
        true
    }

    /// Returns true if the output has the key's row, with its secret.
    async fn hand_over(&mut self, key: &KeyBody) -> Result<bool, Error> {
        let unreadable = |error: DataFusionError| {
            Error::statement("the answer to a create cannot be shown").caused_by(&error)
        };
        let row = row_of(key).map_err(unreadable)?;
        let secret = secret_of(key);
        let shown = self.returning.apply(row).await.map_err(unreadable)?;
        let has_secret = match &secret {
            _ if !self.needs_secret => true,
            Some(secret) => holds(&shown, secret.reveal()).map_err(unreadable)?,
            // The secret may stand where nobody looked for it, so that the whole answer is kept.
            None => false,
        };
        self.sink.rows(&shown)?;
        Ok(has_secret)
    }

    /// Ends the result, unless it `failed` before there were rows.
    fn finish(&mut self, failed: bool) {
        // A failure with nothing created has no rows to show.
        let is_empty = self.waiting.is_empty() && self.lost.is_empty();
        if self.error.is_none() && !(failed && is_empty && !self.sink.is_streaming()) {
            match self.sink.finish() {
                Ok(()) => self.waiting.clear(),
                Err(error) => self.error = Some(error),
            }
        }
    }

    fn undelivered(&self) -> Vec<KeyBody> {
        self.waiting.iter().chain(&self.lost).cloned().collect()
    }
}

/// Returns the error that tells what was created, what failed, and what was not tried; None if all went well.
fn insert_error(
    outcomes: &Outcomes<api::Error>,
    output: Option<Error>,
    specs: &[Spec],
    saved: Option<String>,
) -> Option<Error> {
    let whole = outcomes.failed.is_empty() && outcomes.not_tried == 0;
    if whole && output.is_none() && saved.is_none() {
        return None;
    }
    let account = format!(
        "{} created, {} failed, {} not tried",
        keys(outcomes.done.len()),
        outcomes.failed.len(),
        outcomes.not_tried
    );
    let mut error = Error::statement(match (&output, outcomes.is_interrupted) {
        _ if !outcomes.failed.is_empty() => format!("INSERT stopped at a failure: {account}"),
        (Some(_), _) => format!("INSERT stopped, for its rows cannot be written: {account}"),
        (None, true) => format!("INSERT was interrupted: {account}"),
        (None, false) => {
            format!("INSERT is done, but secrets are missing from its rows: {account}")
        }
    });
    for (row, failure) in outcomes.failed.iter().take(TOLD) {
        error.causes.push(format!("row {}: {failure}", row + 1));
        if error.hint.is_none() {
            error.hint = match failure.outcome_unknown() && failure.created_key().is_none() {
                true => Some(find_out(&specs[*row])),
                false if failure.is_forbidden() && !failure.is_unauthorized() => Some(
                    "the owner may not exist, or these credentials may not create keys for it"
                        .to_owned(),
                ),
                false => failure.hint(),
            };
        }
    }
    if let Some(output) = output {
        error.causes.extend(output.causes);
        error.hint = error.hint.or(output.hint);
    }
    if outcomes.is_interrupted && outcomes.failed.is_empty() {
        error.code = ExitCode::Interrupted;
    }
    error.causes.extend(saved);
    Some(error)
}

/// Returns the advice for a create whose outcome is unknown: the SELECT that finds it out.
fn find_out(spec: &Spec) -> String {
    let text = |value: Option<&serde_json::Value>| {
        value
            .and_then(|value| value.as_str())
            .map(|text| format!("'{}'", text.replace('\'', "''")))
    };
    let owner = text(spec.get("owner").and_then(|owner| owner.get("id")));
    let name = text(spec.get("display_name"));
    let owner = owner.map(|owner| format!("spec.owner.id = {owner}"));
    let name = name.map(|name| format!("spec.display_name = {name}"));
    let mut conditions: Vec<String> = owner.into_iter().chain(name).collect();
    conditions.push("metadata.created_at > now() - interval '1 hour'".to_owned());
    format!(
        "the key may exist, with a secret that nobody has; this finds it: SELECT id, metadata.created_at FROM \
         api_keys WHERE {}; then DELETE it and INSERT again",
        conditions.join(" AND ")
    )
}

fn secret_of(key: &KeyBody) -> Option<Secret> {
    member(key, |key| key.get("spec")?.get("secret")).map(Secret::new)
}

fn id_of(key: &KeyBody) -> Option<String> {
    member(key, |key| key.get("id"))
}

fn member(
    key: &KeyBody,
    find: impl Fn(&serde_json::Value) -> Option<&serde_json::Value>,
) -> Option<String> {
    let key: serde_json::Value = serde_json::from_str(key.raw()).ok()?;
    let text = find(&key)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}
