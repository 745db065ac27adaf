//! `:name`, `:'name'` and `:"name"` in statements, replaced by what `\set` gave them. Pure.

use std::collections::BTreeMap;

use super::lex::{Kind, lex};
use crate::error::Error;

/// The variables of `\set`.
pub(super) type Variables = BTreeMap<String, String>;

/// Returns `text` with its variables replaced: `:name` by the value as it is, `:'name'` by the value as a string,
/// `:"name"` as a name. Strings, comments and names that are not set are left alone.
pub(super) fn expand(text: &str, variables: &Variables) -> String {
    if variables.is_empty() || !text.contains(':') {
        return text.to_owned();
    }
    let lexemes = lex(text).lexemes;
    let mut expanded = String::with_capacity(text.len());
    let mut index = 0;
    while let Some(lexeme) = lexemes.get(index) {
        let value = lexemes
            .get(index + 1)
            .filter(|_| lexeme.kind == Kind::Colon)
            .and_then(|next| value(next.kind, &text[next.start..next.end], variables));
        match value {
            Some(value) => {
                expanded.push_str(&value);
                index += 2;
            }
            None => {
                expanded.push_str(&text[lexeme.start..lexeme.end]);
                index += 1;
            }
        }
    }
    expanded
}

/// Returns where the name of a variable begins that ends at byte `cursor` of `text`, and the quote that is open before it.
pub(super) fn name_at(text: &str, cursor: usize) -> Option<(usize, Option<char>)> {
    let before = text[..cursor].trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
    let start = before.len();
    let quote = before
        .chars()
        .next_back()
        .filter(|c| matches!(c, '\'' | '"'));
    let before = &before[..start - usize::from(quote.is_some())];
    let before = before.strip_suffix(':')?;
    let lexed = lex(before);
    let ends_in_comment = lexed
        .lexemes
        .last()
        .is_some_and(|last| last.kind == Kind::Comment);
    let is_other = lexed.open.is_some()
        || ends_in_comment && !before.ends_with("*/")
        || before.ends_with(|c: char| c.is_alphanumeric() || ":'\")]".contains(c));
    (!is_other).then_some((start, quote))
}

/// Checks that `name` can name a variable.
///
/// Fails if `:name` would not be read as one word.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    match is_name {
        true => Ok(()),
        false => Err(Error::statement(format!("`{name}` cannot name a variable"))
            .hint("letters, digits and _, beginning with a letter: \\set owner sa-abc123")),
    }
}

fn value(kind: Kind, name: &str, variables: &Variables) -> Option<String> {
    let inner = || name.get(1..name.len().checked_sub(1)?);
    match kind {
        Kind::Word => variables.get(name).cloned(),
        Kind::Text if name.starts_with('\'') => {
            let value = variables.get(inner()?)?;
            Some(format!("'{}'", value.replace('\'', "''")))
        }
        Kind::Text | Kind::QuotedName if name.starts_with('"') => {
            let value = variables.get(inner()?)?;
            Some(format!("\"{}\"", value.replace('"', "\"\"")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        let variables = [("owner", "sa-'1"), ("n", "10"), ("col", "a\"b")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        expand(text, &variables.into())
    }

    #[test]
    fn variables_are_put_in_as_they_are_as_strings_and_as_names() {
        assert_eq!(
            expanded("SELECT :\"col\" FROM t WHERE o = :'owner' LIMIT :n"),
            "SELECT \"a\"\"b\" FROM t WHERE o = 'sa-''1' LIMIT 10"
        );
    }

    #[test]
    fn casts_strings_comments_and_unknown_names_stay() {
        for text in [
            "SELECT '1'::n",
            "SELECT ':n' -- :n",
            "SELECT :unknown, a[1:2]",
            "SELECT ':n",
            "a:",
        ] {
            assert_eq!(expanded(text), text);
        }
    }
}
