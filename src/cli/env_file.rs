//! The file of `--env.file`: variables as `NAME=value`, one per line. They reach the settings of the
//! session, and no other process.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::Error;

/// Reads the variables of `path`. Empty values are left out, as StackQL does.
///
/// Fails if the file cannot be read, or a line is no assignment.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, String>, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::usage(format!("cannot read variables from `{}`", path.display())).caused_by(error)
    })?;
    let mut variables = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let assignment = line.strip_prefix("export ").unwrap_or(line);
        // The line itself may hold a secret, so it is not shown.
        let Some((name, value)) = assignment.split_once('=') else {
            let place = format!("`{}`, line {}", path.display(), number + 1);
            return Err(Error::usage(format!("{place}: expected NAME=value")));
        };
        let value = unquoted(value.trim());
        if !value.is_empty() {
            variables.insert(name.trim().to_owned(), value.to_owned());
        }
    }
    Ok(variables)
}

/// Takes off quotes, or a comment behind a value without them.
fn unquoted(value: &str) -> &str {
    for quote in ['\'', '"'] {
        if let Some(rest) = value.strip_prefix(quote)
            && let Some((inner, _)) = rest.split_once(quote)
        {
            return inner;
        }
    }
    value
        .split_once(" #")
        .map_or(value, |(value, _)| value.trim_end())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read_text(text: &str) -> Result<BTreeMap<String, String>, Error> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        read(file.path())
    }

    #[test]
    fn assignments_are_read_with_and_without_quotes() {
        let read = read_text(
            "# keys\nA=1\nexport B='two # 2'\nC = \"three\" # 3\nD=4 # four\nE=\n\nF=a=b\n",
        )
        .unwrap();
        let expected = [
            ("A", "1"),
            ("B", "two # 2"),
            ("C", "three"),
            ("D", "4"),
            ("F", "a=b"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read, BTreeMap::from(expected));
    }

    #[test]
    fn a_line_that_is_no_assignment_is_an_error_without_what_it_holds() {
        let error = read_text("A=1\ncanary\n").unwrap_err();
        assert!(
            error.message.ends_with("line 2: expected NAME=value"),
            "{error}"
        );
    }
}
