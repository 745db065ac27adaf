//! The command line that a person would type to send what `preview_write` has shown.
//!
//! It is for a POSIX shell, quoted so that nothing in it is read by that shell, and says nothing that cannot be seen.

use std::collections::BTreeMap;

use sqlparser::tokenizer::Location;

use crate::dialect::Dialect;
use crate::dialect::error::Error;
use crate::error::ErrorKind;
use crate::invisible::is_unseen;
use crate::terminal::open::Settings;

/// Returns the flags that lead to where `settings` lead. A description of credentials may hold a password, so a variable
/// stands for it.
pub(super) fn flags(settings: &Settings) -> Vec<String> {
    let mut flags = Vec::new();
    let mut add = |flag: &str, value: Option<&str>| {
        if let Some(value) = value {
            flags.extend([flag.to_owned(), quoted(value)]);
        }
    };
    add("--profile", settings.profile.as_deref());
    add("--endpoint", settings.endpoint.as_deref());
    add("--dialect", settings.dialect.map(Dialect::name));
    let ca_cert = settings
        .ca_cert
        .as_deref()
        .map(|file| file.to_string_lossy());
    add("--ca-cert", ca_cert.as_deref());
    if settings.sandbox {
        flags.push("--sandbox".to_owned());
    }
    if settings.auth.is_some() {
        flags.extend(["--auth", "\"$IAMQL_AUTH\""].map(str::to_owned));
    }
    flags
}

/// Returns the command line that runs `sql` with `params`.
///
/// Fails if `sql` or a parameter has characters that a person would not see.
pub(super) fn of(
    flags: &[String],
    sql: &str,
    params: &BTreeMap<String, String>,
) -> Result<String, Error> {
    if let Some(place) = hidden(sql) {
        return Err(unseen("the statement").at_location(place));
    }
    let mut words = vec!["iamql".to_owned()];
    words.extend(flags.iter().cloned());
    for (name, value) in params {
        if hidden(value).is_some() {
            return Err(unseen(&format!("the parameter `{name}`")));
        }
        words.extend(["--param".to_owned(), quoted(&format!("{name}={value}"))]);
    }
    // What begins with a hyphen is taken for a flag.
    let space = if sql.starts_with('-') { " " } else { "" };
    words.extend(["-e".to_owned(), quoted(&format!("{space}{sql}"))]);
    Ok(words.join(" "))
}

fn unseen(what: &str) -> Error {
    Error::new(format!("{what} contains an invisible character"))
        .kind(ErrorKind::Permission)
        .hint("remove the character: a person must be able to read the command before running it")
}

/// Returns the place of the first character that would not be seen, or that would move what is around it.
fn hidden(text: &str) -> Option<Location> {
    let mut place = Location::new(1, 1);
    for c in text.chars() {
        if c != '\n' && is_unseen(c) {
            return Some(place);
        }
        place = match c {
            '\n' => Location::new(place.line + 1, 1),
            _ => Location::new(place.line, place.column + 1),
        };
    }
    None
}

/// Returns `text` as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn nothing_is_left_for_the_shell_to_read() {
        let params = BTreeMap::from([("name".to_owned(), "$(rm -rf ~) `id` \"x\" 'y'".to_owned())]);
        let line = of(
            &["--sandbox".to_owned()],
            "DELETE FROM api_keys WHERE id = 'a'",
            &params,
        );
        assert_eq!(
            line.unwrap(),
            r#"iamql --sandbox --param 'name=$(rm -rf ~) `id` "x" '\''y'\''' -e 'DELETE FROM api_keys WHERE id = '\''a'\'''"#
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_hands_on_what_was_typed() {
        let sql = "--x\nDELETE FROM api_keys\nWHERE id = '$(echo a)`b`\\'";
        let line = of(&[], sql, &BTreeMap::new()).unwrap();
        let script = format!("iamql() {{ printf '%s' \"$2\"; }}; {line}");
        let shell = std::process::Command::new("sh")
            .args(["-c", &script])
            .output();
        let typed = String::from_utf8(shell.unwrap().stdout).unwrap();
        assert_eq!(typed, format!(" {sql}"));
    }

    #[test]
    fn what_nobody_sees_is_refused_at_its_place() {
        let none = BTreeMap::new();
        let error = of(&[], "DELETE\nFROM \u{202e}x", &none).unwrap_err();
        assert_eq!(error.span.unwrap().start, Location::new(2, 6));
        let params = BTreeMap::from([("a".to_owned(), "\u{200d}".to_owned())]);
        assert!(of(&[], "DELETE", &params).is_err());
    }

    #[test]
    fn flags_name_the_service_and_no_secret() {
        let settings = Settings {
            profile: Some("o'prod".to_owned()),
            auth: Some(Secret::new("canary")),
            ..Settings::default()
        };
        let flags = flags(&settings).join(" ");
        assert_eq!(flags, r#"--profile 'o'\''prod' --auth "$IAMQL_AUTH""#);
    }
}
