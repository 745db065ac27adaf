//! The error of a write that did not complete: what happened to each row, and what to do about it.

use std::sync::Arc;

use super::Verb;
use super::side_by_side::Outcomes;
use crate::api::{self, KeyId};
use crate::error::{Cause, Error, ErrorKind};
use crate::resource::Resource;
use crate::session::error;
use crate::sql::spec::{self, Spec};

/// The most ids to list. There are never more failures than parallel requests.
const TOLD: usize = 100;

/// Returns the error that says what INSERT created, what failed, and what was not tried; None if all went well.
///
/// `created` are the rows and ids of the keys that were created, `saved` says where undelivered secrets are.
pub(super) fn of_insert(
    resource: &Resource,
    outcomes: &Outcomes<api::Error>,
    output: Option<Error>,
    specs: &[Spec],
    created: &[(usize, String)],
    saved: Option<String>,
) -> Option<Error> {
    if outcomes.is_whole() && output.is_none() && saved.is_none() {
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
        (None, false) => {
            format!("INSERT is done, but secrets are missing from its rows: {account}")
        }
    };
    let mut error = Error::new(kind(outcomes, output.as_ref()), message);
    error.causes = failures(outcomes, |row| format!("row {}", row + 1));
    error.hint = advice(resource, outcomes, specs, created);
    add(&mut error, output, outcomes);
    if specs.len() > 1 && !outcomes.is_whole() {
        error.notes.push(
            [
                ("created", ranges(&outcomes.done)),
                ("not tried", ranges(&outcomes.not_tried)),
            ]
            .into_iter()
            .filter_map(|(what, rows)| Some(format!("{what}: {}", rows?)))
            .collect::<Vec<_>>()
            .join("; "),
        );
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
    if outcomes.is_interrupted && outcomes.failed.is_empty() && !outcomes.not_tried.is_empty() {
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
    format!(
        "{} {done}, {failed} failed{doubt}, {} not tried",
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
    specs: &[Spec],
    created: &[(usize, String)],
) -> Option<String> {
    let failed = &outcomes.failed;
    let made: Vec<&str> = failed.iter().filter_map(|(_, e)| e.created_key()).collect();
    let doubtful: Vec<&Spec> = failed
        .iter()
        .filter(|(_, e)| e.outcome_unknown() && e.created_key().is_none())
        .map(|(row, _)| &specs[*row])
        .collect();
    let mut advice = Vec::new();
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
        let created = created.iter().map(|(row, id)| (&specs[*row], id.as_str()));
        advice.push(find_out(resource, &doubtful, created));
    }
    if !advice.is_empty() {
        return Some(advice.join("; and "));
    }
    failed.iter().find_map(|(_, failure)| {
        match failure.is_forbidden() && !failure.is_unauthorized() {
            true => Some(
                "the owner may not exist, or these credentials may not create keys for it"
                    .to_owned(),
            ),
            false => failure.hint(),
        }
    })
}

/// Returns the advice for creates whose outcome is unknown: a SELECT that finds them. It excludes the keys that are
/// known to be `created`, so that they are not deleted by mistake.
fn find_out<'s>(
    resource: &Resource,
    specs: &[&Spec],
    created: impl Iterator<Item = (&'s Spec, &'s str)>,
) -> String {
    let paths = resource.writes.as_ref();
    let paths = paths.map_or(["", ""], |writes| [writes.owner.path, writes.display_name]);
    let told = paths.map(|path| (path, texts(specs, path)));
    let is_like = |spec: &Spec| {
        told.iter().all(|(path, texts)| match texts {
            Some(texts) => text_at(spec, path).is_some_and(|text| texts.contains(&text)),
            None => true,
        })
    };
    let known: Vec<&str> = created
        .filter(|(spec, _)| is_like(spec))
        .map(|(_, id)| id)
        .collect();
    let mut conditions = Vec::new();
    for (path, texts) in &told {
        conditions.extend(texts.as_ref().map(|texts| one_of(path, texts)));
    }
    conditions.push("metadata.created_at > now() - interval '1 hour'".to_owned());
    if !known.is_empty() {
        conditions.push(format!("id NOT IN ({})", quoted(&known)));
    }
    let select = format!(
        "SELECT id, metadata.created_at FROM {} WHERE {}",
        resource.table,
        conditions.join(" AND ")
    );
    match specs.len() {
        1 => format!(
            "the key may exist, with a secret that nobody has; this finds it: {select}; then DELETE it and INSERT again"
        ),
        _ => format!(
            "the keys may exist, with secrets that nobody has; this finds them: {select}; then DELETE them and INSERT \
             again"
        ),
    }
}

fn text_at<'s>(spec: &'s Spec, path: &str) -> Option<&'s str> {
    spec::at(spec, path)?.as_str()
}

/// Returns the distinct texts at `path`; None if a spec has none.
fn texts<'s>(specs: &[&'s Spec], path: &str) -> Option<Vec<&'s str>> {
    let texts = specs.iter().map(|spec| text_at(spec, path));
    let mut texts: Vec<&str> = texts.collect::<Option<_>>()?;
    texts.sort_unstable();
    texts.dedup();
    Some(texts)
}

fn one_of(path: &str, texts: &[&str]) -> String {
    match texts.len() {
        1 => format!("{path} = {}", quoted(texts)),
        _ => format!("{path} IN ({})", quoted(texts)),
    }
}

fn quoted(texts: &[&str]) -> String {
    let texts = texts
        .iter()
        .map(|text| format!("'{}'", text.replace('\'', "''")));
    texts.collect::<Vec<_>>().join(", ")
}

fn hint(resource: &Resource, verb: Verb, id: &str, failure: &api::Error) -> Option<String> {
    let table = resource.table;
    if failure.outcome_unknown() {
        return Some(format!(
            "whether it was done is unknown; SELECT * FROM {table} WHERE id = '{id}' shows it, and the statement can \
             be repeated"
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
        let known = [(&b, "K1"), (&other, "K2")];
        insta::assert_snapshot!(find_out(&API_KEYS, &[&a, &b], known.into_iter()), @"the keys may exist, with secrets that nobody has; this finds them: SELECT id, metadata.created_at FROM api_keys WHERE spec.owner.id = 'sa-1' AND spec.display_name IN ('b', 'it''s') AND metadata.created_at > now() - interval '1 hour' AND id NOT IN ('K1'); then DELETE them and INSERT again");
        let nameless = spec(serde_json::json!({"owner": {"id": "sa-1"}}));
        insta::assert_snapshot!(find_out(&API_KEYS, &[&nameless], known.into_iter()), @"the key may exist, with a secret that nobody has; this finds it: SELECT id, metadata.created_at FROM api_keys WHERE spec.owner.id = 'sa-1' AND metadata.created_at > now() - interval '1 hour' AND id NOT IN ('K1', 'K2'); then DELETE it and INSERT again");
    }
}
