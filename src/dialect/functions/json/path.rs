//! JSON paths: `$.owner.id`, `$.resources[0]`, `$.resources[#-1]`, `$."a name"`.
//!
//! Turns the text of a path, or the key on the right of `->`, into [`Step`]s. Does not know what they are applied
//! to: `extract` walks JSON text with them and `nested` walks Arrow types. Follows section 3.3 of SQLite's
//! "JSON Functions And Operators", and takes `$["name"]` and `$['name']` as well, which SQLite does not.

use crate::dialect::functions::error::Error;

/// The most steps of a path, which is also how deep JSON may be: what is deeper could not be written safely.
const DEEPEST: usize = 128;

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The member of an object.
    Field(String),
    /// An element of an array, counted from 0.
    Index(usize),
    /// An element counted back from the end: 0 is the place after the last one (`[#]`), 1 the last one (`[#-1]`).
    FromEnd(usize),
}

/// Parses a path that begins with `$`.
pub(crate) fn parse(path: &str) -> Result<Vec<Step>, Error> {
    let bad = || Error::BadPath(path.to_owned());
    let mut rest = path.strip_prefix('$').ok_or_else(bad)?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = if let Some(name) = rest.strip_prefix('.') {
            member(name)
        } else if let Some(index) = rest.strip_prefix('[') {
            element(index)
        } else {
            None
        }
        .ok_or_else(bad)?;
        steps.push(step);
        rest = after;
    }
    if steps.len() > DEEPEST {
        return Err(bad());
    }
    Ok(steps)
}

/// Returns the step of the text on the right of `->`, which is the name of a member.
///
/// It never fails, and has the form of [`of_key`].
pub(crate) fn of_member(key: &str) -> Result<Vec<Step>, Error> {
    Ok(vec![Step::Field(key.to_owned())])
}

/// Returns the steps of the text on the right of SQLite's `->`: a path if it begins with `$`, else the name of a member.
///
/// Fails on a path that does not parse.
pub(crate) fn of_key(key: &str) -> Result<Vec<Step>, Error> {
    match is_path(key) {
        true => parse(key),
        false => of_member(key),
    }
}

/// Returns true if the text on the right of SQLite's `->` is a path.
pub(crate) fn is_path(key: &str) -> bool {
    key.starts_with('$')
}

/// Returns the step of the number on the right of `->`; a negative one counts back from the end.
pub(crate) fn of_index(index: i64) -> Step {
    match usize::try_from(index) {
        Ok(index) => Step::Index(index),
        Err(_) => Step::FromEnd(usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX)),
    }
}

/// Appends `.name`, quoted as SQLite's `fullkey` is: unless it is plain letters and digits.
pub(crate) fn push_member(path: &mut String, name: &str) {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric());
    path.push('.');
    if plain {
        path.push_str(name);
    } else {
        path.push('"');
        path.push_str(name);
        path.push('"');
    }
}

fn member(text: &str) -> Option<(Step, &str)> {
    let (name, rest) = if let Some(quoted) = text.strip_prefix('"') {
        quoted.split_once('"')?
    } else {
        let (name, rest) = text.split_at(text.find(['.', '[']).unwrap_or(text.len()));
        if name.is_empty() {
            return None;
        }
        (name, rest)
    };
    Some((Step::Field(name.to_owned()), rest))
}

fn element(text: &str) -> Option<(Step, &str)> {
    for quote in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(quote) {
            let (name, rest) = quoted.split_once(quote)?;
            return Some((Step::Field(name.to_owned()), rest.strip_prefix(']')?));
        }
    }
    let (index, rest) = text.split_once(']')?;
    let step = match index.strip_prefix('#') {
        Some("") => Step::FromEnd(0),
        Some(back) => Step::FromEnd(number(back.strip_prefix('-')?)?),
        None => Step::Index(number(index)?),
    };
    Some((step, rest))
}

/// Parses digits alone: `str::parse` would also take a sign.
fn number(digits: &str) -> Option<usize> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Step {
        Step::Field(name.to_owned())
    }

    #[test]
    fn members_and_elements_follow_each_other() {
        let steps = parse(r#"$.a."b c"[0][#-1]["d"]['e'][#]"#);
        let expected = vec![
            field("a"),
            field("b c"),
            Step::Index(0),
            Step::FromEnd(1),
            field("d"),
            field("e"),
            Step::FromEnd(0),
        ];
        assert_eq!(steps, Ok(expected));
        assert_eq!(parse("$"), Ok(vec![]));
    }

    #[test]
    fn what_is_no_path_is_refused_with_its_text() {
        for path in [
            "", "a", "$a", "$.", "$..a", "$.a.", "$[", "$[]", "$[x]", "$[-1]", "$[+1]", "$[#+1]",
            "$.\"a",
        ] {
            assert_eq!(parse(path), Err(Error::BadPath(path.to_owned())), "{path}");
        }
    }

    #[test]
    fn a_key_is_a_name_unless_it_begins_with_a_dollar() {
        assert_eq!(of_key("a.b"), Ok(vec![field("a.b")]));
        assert_eq!(of_key("$.a.b"), Ok(vec![field("a"), field("b")]));
    }

    #[test]
    fn negative_indices_count_from_the_end() {
        assert_eq!(of_index(2), Step::Index(2));
        assert_eq!(of_index(-1), Step::FromEnd(1));
        assert_eq!(of_index(i64::MIN), Step::FromEnd(1 << 63));
    }
}
