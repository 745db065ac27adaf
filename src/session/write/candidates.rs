//! The SELECT that finds the keys of creates that may or may not have happened.
//!
//! The error of an INSERT shows it, and so does the next run if the process was killed. It leaves out no key that may
//! be one of them, so it may also find keys that somebody else created.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::invisible::is_unseen;
use crate::resource::Writes;

/// What is known of such keys.
#[derive(Debug, Default)]
pub(super) struct Candidates<'c> {
    /// The owners that were asked for; None if that says nothing.
    pub(super) owners: Option<Vec<&'c str>>,
    /// The names that were asked for; None if that says nothing.
    pub(super) display_names: Option<Vec<&'c str>>,
    /// A condition on what they open; None if that says nothing.
    pub(super) opens: Option<String>,
    /// A time of the service's clock before which none of them was created, if that is known.
    pub(super) since: Option<DateTime<Utc>>,
    /// The ids of keys that are known to be of other creates.
    pub(super) known: Vec<&'c str>,
}

impl Candidates<'_> {
    /// Returns the SELECT of keys of `table`, which are written as `writes` says.
    pub(super) fn select(&self, table: &str, writes: &Writes) -> String {
        let among = |path, texts: &Option<Vec<&str>>| Some(one_of(path, texts.as_ref()?));
        // A key that does not say when it was created may be one of them.
        let since = self.since.map(|since| {
            let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
            format!("coalesce({} >= '{since}', true)", writes.created_at)
        });
        let known = !self.known.is_empty();
        let conditions: Vec<String> = [
            among(writes.owner.path, &self.owners),
            self.opens.clone(),
            among(writes.display_name, &self.display_names),
            since,
            known.then(|| format!("id NOT IN ({})", quoted(&self.known))),
        ]
        .into_iter()
        .flatten()
        .collect();
        let columns = format!("id, {}, {}", writes.display_name, writes.created_at);
        match conditions.is_empty() {
            true => format!("SELECT {columns} FROM {table}"),
            false => format!(
                "SELECT {columns} FROM {table} WHERE {}",
                conditions.join(" AND ")
            ),
        }
    }
}

/// Returns the distinct `texts`; None if one of them is missing, or if no SQL can hold it.
pub(super) fn distinct<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> Option<Vec<&'t str>> {
    let texts = texts.map(|text| text.filter(|text| !text.contains('\0')));
    let mut texts: Vec<&str> = texts.collect::<Option<_>>()?;
    texts.sort_unstable();
    texts.dedup();
    Some(texts)
}

/// Returns the condition that `path` is one of `texts`.
pub(super) fn one_of(path: &str, texts: &[&str]) -> String {
    match texts.len() {
        1 => format!("{path} = {}", quoted(texts)),
        _ => format!("{path} IN ({})", quoted(texts)),
    }
}

/// Returns `texts` as a list of SQL literals.
fn quoted(texts: &[&str]) -> String {
    let texts = texts.iter().map(|text| literal(text));
    texts.collect::<Vec<_>>().join(", ")
}

/// Returns `text` as SQL that can be copied from a screen: what does not show there is spelled as a number.
pub(super) fn literal(text: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = match is_unseen(first) {
            true => {
                parts.push(format!("chr({})", u32::from(first)));
                first.len_utf8()
            }
            false => {
                let end = rest.find(is_unseen).unwrap_or(rest.len());
                parts.push(format!("'{}'", rest[..end].replace('\'', "''")));
                end
            }
        };
        rest = &rest[end..];
    }
    match parts.as_slice() {
        [] => "''".to_owned(),
        [one] => one.clone(),
        parts => format!("({})", parts.join(" || ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::API_KEYS;

    #[test]
    fn what_is_known_narrows_it_down() {
        let writes = API_KEYS.writes.as_ref().unwrap();
        let select = |candidates: Candidates<'_>| candidates.select("api_keys", writes);
        insta::assert_snapshot!(
            select(Candidates::default()),
            @"SELECT id, spec.display_name, metadata.created_at FROM api_keys"
        );
        let all = Candidates {
            owners: distinct(["sa-2", "sa-1", "sa-2"].into_iter().map(Some)),
            display_names: distinct([Some("a\nb")].into_iter()),
            opens: Some("lower(spec.resource.id) = 'cloud'".to_owned()),
            since: DateTime::from_timestamp(1_782_907_200, 0),
            known: vec!["K1"],
        };
        insta::assert_snapshot!(
            select(all),
            @"SELECT id, spec.display_name, metadata.created_at FROM api_keys WHERE spec.owner.id IN ('sa-1', 'sa-2') AND lower(spec.resource.id) = 'cloud' AND spec.display_name = ('a' || chr(10) || 'b') AND coalesce(metadata.created_at >= '2026-07-01T12:00:00Z', true) AND id NOT IN ('K1')"
        );
    }

    #[test]
    fn a_text_that_is_missing_or_that_no_sql_can_hold_says_nothing() {
        assert_eq!(distinct([Some("a"), None].into_iter()), None);
        assert_eq!(distinct([Some("a\0")].into_iter()), None);
    }

    #[test]
    fn texts_can_be_copied_from_a_screen() {
        for (text, sql) in [
            ("", "''"),
            ("it's", "'it''s'"),
            ("a\nb", "('a' || chr(10) || 'b')"),
            ("\u{202e}", "chr(8238)"),
            ("x\u{200d}\u{1b}", "('x' || chr(8205) || chr(27))"),
        ] {
            assert_eq!(literal(text), sql);
        }
    }
}
