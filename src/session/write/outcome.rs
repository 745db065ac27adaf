//! The error for an incomplete write: what happened to each row, and what to do about it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Verb;
use super::candidates::{Candidates, distinct, literal, one_of};
use super::concurrent::Outcomes;
use crate::api::{self, KeyId};
use crate::error::{Cause, Error, ErrorKind};
use crate::resource::Resource;
use crate::session::error;
use crate::sql::spec::{self, Spec};

/// The most ids to list. There are never more failures than parallel requests.
const TOLD: usize = 100;

/// What an INSERT was to do, and what it did.
pub(super) struct Inserted<'i> {
    /// The rows.
    pub(super) specs: &'i [Spec],
    /// The rows and ids of the keys that were created.
    pub(super) created: &'i [(usize, String)],
    /// The ids of those that came without a secret.
    pub(super) without_secret: &'i [String],
    /// A time of the service's clock before which none of them was created, if that is known.
    pub(super) since: Option<DateTime<Utc>>,
}

/// Returns the error that says what INSERT created, what failed, and what was not tried; None if all went well.
///
/// `saved` says where undelivered secrets are.
pub(super) fn of_insert(
    resource: &Resource,
    outcomes: &Outcomes<api::Error>,
    output: Option<Error>,
    inserted: &Inserted<'_>,
    saved: Option<String>,
) -> Option<Error> {
    let without_secret = inserted.without_secret;
    if outcomes.is_whole() && output.is_none() && saved.is_none() && without_secret.is_empty() {
        return None;
    }
    let account = counts(resource, outcomes, "created");
    let message = match (&output, outcomes.is_interrupted) {
        _ if !outcomes.failed.is_empty() => format!("INSERT stopped at a failure: {account}"),
        (Some(_), _) if outcomes.is_whole() => {
            format!("INSERT is done, but its rows cannot be written: {account}")
        }
        (Some(_), _) => format!("INSERT stopped because its rows cannot be written: {account}"),
        (None, true) => format!("INSERT was interrupted: {account}"),
        (None, false) if !without_secret.is_empty() => {
            format!("INSERT stopped because the service answered without a secret: {account}")
        }
        (None, false) => {
            format!("INSERT is done, but secrets are missing from its rows: {account}")
        }
    };
    let mut error = Error::new(kind(outcomes, output.as_ref()), message);
    error.causes = failures(outcomes, |row| format!("row {}", row + 1));
    error.hint = advice(resource, outcomes, inserted);
    add(&mut error, output, outcomes);
    if inserted.specs.len() > 1 && !outcomes.is_whole() {
        let told: Vec<String> = [
            ("created", ranges(&outcomes.done)),
            ("not tried", ranges(&outcomes.not_tried)),
        ]
        .into_iter()
        .filter_map(|(what, rows)| Some(format!("{what}: {}", rows?)))
        .collect();
        if !told.is_empty() {
            error.notes.push(told.join("; "));
        }
    }
    error.notes.extend(saved);
    Some(error)
}

/// Fails if not every key was changed or revoked, or not every row could be written, accounting for all of them.
pub(super) fn of_change(
    resource: &Resource,
    verb: Verb,
    ids: &[KeyId],
    outcomes: Outcomes<api::Error>,
    output: Option<Error>,
) -> Result<(), Error> {
    let outcomes = outcomes.settled();
    if outcomes.is_whole() && output.is_none() {
        return Ok(());
    }
    let done = match verb {
        Verb::Insert => "created",
        Verb::Update => "changed",
        Verb::Delete => "deleted",
    };
    let account = counts(resource, &outcomes, done);
    let keyword = verb.keyword();
    let message = match (&output, outcomes.is_interrupted) {
        _ if !outcomes.failed.is_empty() => format!("{keyword} stopped at a failure: {account}"),
        (Some(_), _) if outcomes.is_whole() => {
            format!("{keyword} is done, but its rows cannot be written: {account}")
        }
        (Some(_), _) => format!("{keyword} stopped because its rows cannot be written: {account}"),
        (None, _) => format!("{keyword} was interrupted: {account}"),
    };
    let mut error = Error::new(kind(&outcomes, output.as_ref()), message);
    error.causes = failures(&outcomes, |row| format!("key `{}`", ids[row].as_str()));
    let mut hints = outcomes.failed.iter();
    error.hint = hints.find_map(|(row, failure)| hint(resource, verb, ids[*row].as_str(), failure));
    add(&mut error, output, &outcomes);
    if ids.len() > 1 {
        let of = |positions: &[usize]| listed(positions.iter().map(|&row| ids[row].as_str()));
        error
            .notes
            .extend(of(&outcomes.done).map(|ids| format!("{done}: {ids}")));
        error
            .notes
            .extend(of(&outcomes.gone).map(|ids| format!("already gone: {ids}")));
        error
            .notes
            .extend(of(&outcomes.not_tried).map(|ids| format!("not tried: {ids}")));
    }
    Err(error)
}

fn kind(outcomes: &Outcomes<api::Error>, output: Option<&Error>) -> ErrorKind {
    match (outcomes.failed.first(), output) {
        (Some((_, failure)), _) => error::kind(failure),
        (None, Some(output)) => output.kind,
        (None, None) => ErrorKind::Statement,
    }
}

fn add(error: &mut Error, output: Option<Error>, outcomes: &Outcomes<api::Error>) {
    if let Some(output) = output {
        error.causes.extend(output.causes);
        error.hint = error.hint.take().or(output.hint);
    }
    if outcomes.is_interrupted && !outcomes.is_whole() {
        error.kind = ErrorKind::Interrupted;
    }
}

/// `26 keys created, 1 failed, 23 not tried`.
fn counts(resource: &Resource, outcomes: &Outcomes<api::Error>, done: &str) -> String {
    let unknown = outcomes.failed.iter().filter(|(_, e)| e.outcome_unknown());
    let (failed, unknown) = (outcomes.failed.len(), unknown.count());
    let doubt = match unknown {
        0 => String::new(),
        n if n == failed => " with unknown outcome".to_owned(),
        n => format!(" ({n} with unknown outcome)"),
    };
    let gone = match outcomes.gone.len() {
        0 => String::new(),
        gone => format!(", {gone} already gone"),
    };
    format!(
        "{} {done}{gone}, {failed} failed{doubt}, {} not tried",
        resource.count(outcomes.done.len()),
        outcomes.not_tried.len()
    )
}

fn failures(outcomes: &Outcomes<api::Error>, name: impl Fn(usize) -> String) -> Vec<Cause> {
    let failed = outcomes.failed.iter();
    failed
        .map(|(row, failure)| Cause {
            error: Arc::new(failure.clone()),
            text: Some(format!("{}: {failure}", name(*row))),
        })
        .collect()
}

/// `rows 1 to 19, 21`, counted from 1; None if there are none.
fn ranges(positions: &[usize]) -> Option<String> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for row in positions.iter().map(|position| position + 1) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == row => *last = row,
            _ => ranges.push((row, row)),
        }
    }
    let texts: Vec<String> = ranges
        .iter()
        .map(|&(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first} to {last}"),
        })
        .collect();
    match positions.len() {
        0 => None,
        1 => Some(format!("row {}", texts.join(", "))),
        _ => Some(format!("rows {}", texts.join(", "))),
    }
}

/// The ids, the first of them if there are many; None if there are none.
fn listed<'i>(ids: impl ExactSizeIterator<Item = &'i str>) -> Option<String> {
    let more = ids.len().saturating_sub(TOLD);
    let told: Vec<String> = ids.take(TOLD).map(|id| format!("`{id}`")).collect();
    let told = told.join(", ");
    match (told.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(told),
        (false, more) => Some(format!("{told} and {more} more")),
    }
}

/// Returns what to do about failed creates, starting with those that may have created a key.
fn advice(
    resource: &Resource,
    outcomes: &Outcomes<api::Error>,
    inserted: &Inserted<'_>,
) -> Option<String> {
    let specs = inserted.specs;
    let failed = &outcomes.failed;
    let made: Vec<&str> = failed.iter().filter_map(|(_, e)| e.created_key()).collect();
    let doubtful: Vec<&Spec> = failed
        .iter()
        .filter(|(_, e)| e.outcome_unknown() && e.created_key().is_none())
        .map(|(row, _)| &specs[*row])
        .collect();
    let mut advice = Vec::new();
    let without: Vec<&str> = inserted.without_secret.iter().map(String::as_str).collect();
    if !without.is_empty() {
        advice.push(format!(
            "nobody can use a key without its secret: DELETE FROM {} WHERE {}",
            resource.table,
            one_of("id", &without)
        ));
    }
    match made.as_slice() {
        [] => {}
        [id] => advice.push(format!(
            "the key `{id}` was created and its secret is lost: delete it and create another"
        )),
        ids => advice.push(format!(
            "the keys `{}` were created and their secrets are lost: delete them and create others",
            ids.join("`, `")
        )),
    }
    if !doubtful.is_empty() {
        advice.push(find_out(resource, &doubtful, inserted));
    }
    if !advice.is_empty() {
        return Some(advice.join("; and "));
    }
    failed.iter().find_map(|(_, failure)| {
        match failure.is_forbidden() && !failure.is_unauthorized() {
            true => {
                let hint =
                    "the owner may not exist, or these credentials may not create keys for it";
                let service = failure
                    .service()
                    .and_then(|service| service.resolution.as_ref());
                Some(match service {
                    Some(resolution) => format!("{hint}; the service suggests: {resolution}"),
                    None => hint.to_owned(),
                })
            }
            false => failure.hint(),
        }
    })
}

/// Returns the advice for creates whose outcome is unknown: a SELECT of the keys that may be theirs. It leaves out those
/// that are known to be of other rows, and none that may be theirs: others may have created some of what it finds.
fn find_out(resource: &Resource, specs: &[&Spec], inserted: &Inserted<'_>) -> String {
    let Some(candidates) = candidates(resource, specs, inserted) else {
        return format!(
            "it is unknown whether something was created: check {}",
            resource.table
        );
    };
    let doubt = match specs.len() {
        1 => format!(
            "the {} may exist, but its secret is lost",
            resource.nouns.one
        ),
        _ => format!(
            "the {} may exist, but their secrets are lost",
            resource.nouns.many
        ),
    };
    format!("{doubt}; {candidates}")
}

/// Returns the warning that the keys of `rows` were created, but that their answers have no id, or several; None without
/// such rows.
pub(super) fn without_id(
    resource: &Resource,
    rows: &[usize],
    inserted: &Inserted<'_>,
) -> Option<String> {
    let told = match rows.len() {
        0 => return None,
        1 => format!("a {} that it created", resource.nouns.one),
        many => format!("{many} {} that it created", resource.nouns.many),
    };
    let specs: Vec<&Spec> = rows.iter().map(|row| &inserted.specs[*row]).collect();
    let created = inserted.created.iter();
    let others = created.filter(|(row, _)| !rows.contains(row)).cloned();
    let inserted = Inserted {
        created: &others.collect::<Vec<_>>(),
        ..*inserted
    };
    let candidates = candidates(resource, &specs, &inserted)?;
    Some(format!(
        "the service did not answer with one id of its own for {told}; {candidates}"
    ))
}

fn candidates(resource: &Resource, specs: &[&Spec], inserted: &Inserted<'_>) -> Option<String> {
    let writes = resource.writes.as_ref()?;
    let texts = |path| distinct(specs.iter().map(|spec| text_at(spec, path)));
    let mut candidates = Candidates {
        owners: texts(writes.owner.path),
        display_names: texts(writes.display_name),
        opens: Some(opens(writes.resource.path, specs)),
        since: inserted.since,
        known: Vec::new(),
    };
    let may_be = |spec: &Spec, path, texts: &Option<Vec<&str>>| match texts {
        Some(texts) => text_at(spec, path).is_some_and(|text| texts.contains(&text)),
        None => true,
    };
    let created = inserted.created.iter().filter(|(row, _)| {
        let spec = &inserted.specs[*row];
        may_be(spec, writes.owner.path, &candidates.owners)
            && may_be(spec, writes.display_name, &candidates.display_names)
    });
    candidates.known = created.map(|(_, id)| id.as_str()).collect();
    let select = candidates.select(resource.table, writes);
    Some(format!(
        "candidates to check: {select}; what it finds may also have been created by others in the meantime"
    ))
}

/// Returns the condition that a key opens what one of `specs` asks for. The service spells some ids in its own way, and
/// gives a key without a resource one.
fn opens(path: &str, specs: &[&Spec]) -> String {
    let mut ids: Vec<String> = Vec::new();
    let mut is_absent = false;
    for spec in specs {
        match text_at(spec, path) {
            Some(id) => ids.push(id.to_lowercase()),
            None => is_absent = true,
        }
    }
    if is_absent {
        ids.push("cloud".to_owned());
    }
    ids.sort_unstable();
    ids.dedup();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let one = one_of(&format!("lower({path})"), &ids);
    match is_absent {
        true => format!("({path} IS NULL OR {one})"),
        false => one,
    }
}

fn text_at<'s>(spec: &'s Spec, path: &str) -> Option<&'s str> {
    spec::at(spec, path)?.as_str()
}

/// Returns the warning that the answers to changes of the keys `ids` do not hold what was set.
pub(super) fn unconfirmed(resource: &Resource, ids: &[&str]) -> String {
    let told = listed(ids.iter().copied()).unwrap_or_default();
    format!(
        "the service accepted the change of {told} and answered without the new value; SELECT * FROM {} WHERE {} shows \
         what it has now",
        resource.table,
        one_of("id", &ids[..ids.len().min(TOLD)])
    )
}

/// Returns the warning that the keys `ids` were created without the last day that was set.
pub(super) fn not_expiring(resource: &Resource, ids: &[&str]) -> String {
    let told = listed(ids.iter().copied()).unwrap_or_default();
    format!(
        "the service answered without the last day that was set for {told}, so that it may never expire; SELECT * FROM {} \
         WHERE {} shows what it has",
        resource.table,
        one_of("id", &ids[..ids.len().min(TOLD)])
    )
}

fn hint(resource: &Resource, verb: Verb, id: &str, failure: &api::Error) -> Option<String> {
    let table = resource.table;
    if failure.outcome_unknown() {
        return Some(format!(
            "whether it was done is unknown; SELECT * FROM {table} WHERE id = {} shows it, and the statement can \
             be repeated",
            literal(id)
        ));
    }
    if failure.is_forbidden() && !failure.is_unauthorized() {
        return Some(format!(
            "the service answers 403 for keys that are gone and for keys that these credentials may not {}; SELECT id \
             FROM {table} shows which are there",
            verb.plain()
        ));
    }
    failure.hint()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::API_KEYS;

    #[test]
    fn rows_are_told_in_ranges_counted_from_one() {
        assert_eq!(ranges(&[]), None);
        assert_eq!(ranges(&[0]).as_deref(), Some("row 1"));
        assert_eq!(ranges(&[3, 4]).as_deref(), Some("rows 4, 5"));
        assert_eq!(
            ranges(&[0, 1, 2, 4, 6, 7, 8, 9]).as_deref(),
            Some("rows 1 to 3, 5, 7 to 10")
        );
    }

    #[test]
    fn many_ids_are_told_in_part() {
        let ids: Vec<String> = (0..TOLD + 2).map(|n| format!("K{n}")).collect();
        let told = listed(ids.iter().map(String::as_str)).unwrap();
        assert!(told.ends_with("`K99` and 2 more"), "{told}");
        assert_eq!(
            listed(ids[..2].iter().map(String::as_str)).unwrap(),
            "`K0`, `K1`"
        );
        assert_eq!(listed([].into_iter()), None);
    }

    fn spec(json: serde_json::Value) -> Spec {
        json.as_object().unwrap().clone()
    }

    #[test]
    fn what_finds_keys_of_unknown_outcome_leaves_out_those_that_are_known() {
        let named = |name: &str, owner: &str| {
            spec(serde_json::json!({"display_name": name, "owner": {"id": owner}}))
        };
        let (a, b, other) = (
            named("it's", "sa-1"),
            named("b", "sa-1"),
            named("c", "sa-1"),
        );
        let nameless =
            spec(serde_json::json!({"owner": {"id": "sa-1"}, "resource": {"id": "LKC-1"}}));
        let specs = [a.clone(), b.clone(), other, nameless.clone()];
        let created = [(1, "K1".to_owned()), (2, "K2".to_owned())];
        let mut inserted = Inserted {
            specs: &specs,
            created: &created,
            without_secret: &[],
            since: None,
        };
        insta::assert_snapshot!(find_out(&API_KEYS, &[&a, &b], &inserted), @"the keys may exist, but their secrets are lost; candidates to check: SELECT id, spec.display_name, metadata.created_at FROM api_keys WHERE spec.owner.id = 'sa-1' AND (spec.resource.id IS NULL OR lower(spec.resource.id) = 'cloud') AND spec.display_name IN ('b', 'it''s') AND id NOT IN ('K1'); what it finds may also have been created by others in the meantime");
        assert_eq!(without_id(&API_KEYS, &[], &inserted), None);
        // The id that is there may be wrong.
        insta::assert_snapshot!(without_id(&API_KEYS, &[1], &inserted).unwrap(), @"the service did not answer with one id of its own for a key that it created; candidates to check: SELECT id, spec.display_name, metadata.created_at FROM api_keys WHERE spec.owner.id = 'sa-1' AND (spec.resource.id IS NULL OR lower(spec.resource.id) = 'cloud') AND spec.display_name = 'b'; what it finds may also have been created by others in the meantime");
        inserted.since = DateTime::from_timestamp(1_782_907_200, 0);
        insta::assert_snapshot!(find_out(&API_KEYS, &[&nameless], &inserted), @"the key may exist, but its secret is lost; candidates to check: SELECT id, spec.display_name, metadata.created_at FROM api_keys WHERE spec.owner.id = 'sa-1' AND lower(spec.resource.id) = 'lkc-1' AND coalesce(metadata.created_at >= '2026-07-01T12:00:00Z', true) AND id NOT IN ('K1', 'K2'); what it finds may also have been created by others in the meantime");
    }
}
