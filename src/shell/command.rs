//! Backslash commands, dot commands, and the few words that people type instead. Text in, plain values out.

use std::time::Duration;

use super::listing::{ALIASES, COMMANDS, DOT_SETTINGS, find};
use super::other_shells;
use crate::dialect::error::nearest;
use crate::error::Error;

/// What a command asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    /// `\?`: lists the commands.
    Help,
    /// `\h [STATEMENT]`: shows how a statement is written.
    Syntax(Option<String>),
    /// `\d [NAME]`: describes a table, or lists them.
    Describe(Option<String>),
    /// `\dt`: lists tables.
    Tables(Option<String>),
    /// `\dv`: lists views.
    Views(Option<String>),
    /// `\df [PATTERN]`: lists functions.
    Functions(Option<String>),
    /// `\x [on|off|auto]`: one line per field; without an argument it toggles.
    Expanded(Option<String>),
    /// `\format [FORMAT]`.
    Format(Option<String>),
    /// `\pset [NAME [VALUE]]`.
    Pset(Option<String>, Option<String>),
    /// `\timing [on|off]`.
    Timing(Option<String>),
    /// `\dialect [NAME]`: the dialect of SQL from now on.
    Dialect(Option<String>),
    /// `\o [FILE]`: where rows go from now on.
    Output(Option<String>),
    /// `\i FILE`: runs a file.
    Include(String),
    /// `\e`: edits the statement, or the last one.
    Edit,
    /// `\g [FILE]`, `\gx`, `\G`: runs the statement, or the last one again.
    Go {
        /// Where its rows go.
        file: Option<String>,
        /// One line per field, this once.
        expanded: bool,
    },
    /// `\watch [SECONDS]`: runs the statement again and again.
    Watch(Duration),
    /// `\p`: shows the unfinished statement.
    Print,
    /// `\r`: discards the unfinished statement.
    Reset,
    /// `\set [NAME [VALUE]]`.
    Set(Option<(String, String)>),
    /// `\unset NAME`.
    Unset(String),
    /// `\echo TEXT`.
    Echo(String),
    /// `\conninfo`.
    ConnInfo,
    /// `\c [PROFILE]`.
    Connect(Option<String>),
    /// `\q`.
    Quit,
}

/// Seconds between two runs of `\watch`.
const WATCH_SECONDS: f64 = 2.0;

/// Returns the command that `line`, the whole of what was typed, asks for; None if it is SQL.
///
/// Dot commands and bare words count only where a statement may begin.
pub(super) fn bare(line: &str) -> Option<Result<Command, Error>> {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix('.') {
        return rest
            .starts_with(|c: char| c.is_ascii_alphabetic())
            .then(|| dot(rest.trim_end_matches(';')));
    }
    match line
        .trim_end_matches(';')
        .trim_end()
        .to_lowercase()
        .as_str()
    {
        "help" => Some(Ok(Command::Help)),
        "exit" | "quit" => Some(Ok(Command::Quit)),
        _ => None,
    }
}

/// Reads what follows the backslash.
///
/// # Errors
///
/// Fails if there is no such command, naming the nearest, or if its argument does not fit.
pub(super) fn backslash(text: &str) -> Result<Command, Error> {
    let (name, rest) = cut_name(text);
    let known = COMMANDS.iter().map(|entry| entry.name);
    let name = match ALIASES.iter().find(|(alias, _)| *alias == name) {
        Some((_, meant)) => meant,
        None => name,
    };
    // `\d+` is psql's detailed `\d`; ours always shows everything.
    let name = match name.strip_suffix('+') {
        Some(short) if !short.is_empty() => short,
        _ => name,
    };
    if !known.clone().any(|known| known == name) {
        return Err(unknown("\\", name, known));
    }
    command(name, rest)
}

fn dot(text: &str) -> Result<Command, Error> {
    let (name, rest) = cut_name(text);
    if let Some((_, setting)) = DOT_SETTINGS.iter().find(|(dot, _)| *dot == name) {
        return command("pset", &format!("{setting} {rest}"));
    }
    match find(".", name) {
        Some(entry) => command(entry.name, rest),
        None => {
            let known = COMMANDS.iter().flat_map(|entry| entry.dots).copied();
            Err(unknown(".", name, known))
        }
    }
}

/// Says that there is no command `name`, and what to use instead.
fn unknown(sign: &str, name: &str, known: impl Iterator<Item = &'static str>) -> Error {
    let error = Error::statement(format!("there is no command `{sign}{name}`"));
    if let Some(instead) = other_shells::instead(sign, name) {
        return error.hint(instead);
    }
    // Any single letter is near any other.
    let near = nearest(name, known).filter(|_| name.len() > 1);
    error.hint(match near {
        Some(near) => format!("did you mean `{sign}{near}`?"),
        None => "\\? lists the commands".to_owned(),
    })
}

/// Splits the name from the arguments; a sign such as `?` is a name of one character.
fn cut_name(text: &str) -> (&str, &str) {
    let end = match text.chars().next() {
        Some(first) if !first.is_alphanumeric() && !first.is_whitespace() => first.len_utf8(),
        _ => text
            .find(|c: char| c.is_whitespace() || c == ';')
            .unwrap_or(text.len()),
    };
    (&text[..end], text[end..].trim())
}

fn command(name: &str, rest: &str) -> Result<Command, Error> {
    let mut args = arguments(rest);
    let first = (!args.is_empty()).then(|| args.remove(0));
    let needed = |what: &str| {
        Error::statement(format!("`\\{name}` needs {what}")).hint("\\? lists the commands")
    };
    Ok(match name {
        "?" => Command::Help,
        "h" => Command::Syntax((!rest.is_empty()).then(|| rest.trim_end_matches(';').to_owned())),
        "d" => Command::Describe(first),
        "dt" => Command::Tables(first),
        "dv" => Command::Views(first),
        "df" => Command::Functions(first),
        "x" => Command::Expanded(first),
        "format" => Command::Format(first),
        "pset" => Command::Pset(first, (!args.is_empty()).then(|| args.join(" "))),
        "timing" => Command::Timing(first),
        "dialect" => Command::Dialect(first),
        "o" => Command::Output(file(first)?.filter(|file| file != "stdout")),
        "i" => Command::Include(first.ok_or_else(|| needed("the name of a file"))?),
        "e" => Command::Edit,
        "g" | "gx" => Command::Go {
            file: file(first)?,
            expanded: name == "gx",
        },
        "watch" => Command::Watch(interval(first.as_deref())?),
        "p" => Command::Print,
        "r" => Command::Reset,
        "set" => Command::Set(first.map(|name| (name, args.concat()))),
        "unset" => Command::Unset(first.ok_or_else(|| needed("the name of a variable"))?),
        "echo" => Command::Echo(first.into_iter().chain(args).collect::<Vec<_>>().join(" ")),
        "conninfo" => Command::ConnInfo,
        "c" => Command::Connect(first),
        _ => Command::Quit,
    })
}

/// Reads the file for rows. In psql a `|` would start a program.
fn file(name: Option<String>) -> Result<Option<String>, Error> {
    match &name {
        Some(program) if program.starts_with('|') => {
            Err(Error::statement("rows go to files here, not to programs")
                .hint("`iamql -o jsonl -e '…' | program` does that outside of the shell"))
        }
        _ => Ok(name),
    }
}

/// Reads the seconds of `\watch`, also as `i=2` and `interval=2`.
fn interval(text: Option<&str>) -> Result<Duration, Error> {
    let Some(text) = text else {
        return Ok(Duration::from_secs_f64(WATCH_SECONDS));
    };
    let number = text
        .rsplit('=')
        .next()
        .unwrap_or(text)
        .trim_end_matches('s');
    number
        .parse::<f64>()
        .ok()
        .filter(|seconds| (0.1..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| {
            Error::statement(format!("`{text}` is not an interval"))
                .hint("expected seconds, from 0.1 to 86400: \\watch 5")
        })
}

/// Splits arguments at white space outside quotes, and removes the quotes.
pub(super) fn arguments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            Some(_) => current.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                current.get_or_insert_default();
            }
            None if c.is_whitespace() => found.extend(current.take()),
            None => current.get_or_insert_default().push(c),
        }
    }
    found.extend(current);
    // People end commands with a semicolon out of habit; it is not part of the argument.
    if quote.is_none()
        && let Some(last) = found.last_mut()
        && text.trim_end().ends_with(';')
        && last.ends_with(';')
    {
        last.pop();
        if last.is_empty() {
            found.pop();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Command {
        backslash(text).unwrap()
    }

    #[test]
    fn commands_take_their_arguments() {
        assert_eq!(
            of("d api_keys;"),
            Command::Describe(Some("api_keys".to_owned()))
        );
        assert_eq!(of("d+ api_keys"), of("d api_keys"));
        assert_eq!(of("dt"), Command::Tables(None));
        assert_eq!(of("?"), Command::Help);
        assert_eq!(
            of("h insert into"),
            Command::Syntax(Some("insert into".to_owned()))
        );
        assert_eq!(
            of("i 'my file.sql'"),
            Command::Include("my file.sql".to_owned())
        );
        assert_eq!(of("o stdout"), Command::Output(None));
        assert_eq!(
            of("pset null '(no value)'"),
            Command::Pset(Some("null".to_owned()), Some("(no value)".to_owned()))
        );
        assert_eq!(
            of("set owner 'sa-1'"),
            Command::Set(Some(("owner".to_owned(), "sa-1".to_owned())))
        );
        assert_eq!(of("echo a  'b  c'"), Command::Echo("a b  c".to_owned()));
    }

    #[test]
    fn g_and_watch_run_a_statement() {
        let go = |file: Option<&str>, expanded| Command::Go {
            file: file.map(str::to_owned),
            expanded,
        };
        assert_eq!(of("g"), go(None, false));
        assert_eq!(of("g out.csv"), go(Some("out.csv"), false));
        assert_eq!(of("G"), go(None, true));
        assert_eq!(of("watch"), Command::Watch(Duration::from_secs(2)));
        assert_eq!(of("watch 0.5"), Command::Watch(Duration::from_millis(500)));
        assert_eq!(of("watch i=3"), Command::Watch(Duration::from_secs(3)));
        let error = backslash("watch soon").unwrap_err();
        assert_eq!(error.message, "`soon` is not an interval");
        assert!(backslash("watch -1").is_err());
    }

    #[test]
    fn a_misspelt_command_suggests_the_nearest() {
        let error = backslash("wacth 2").unwrap_err();
        assert_eq!(error.message, "there is no command `\\wacth`");
        assert_eq!(error.hint.as_deref(), Some("did you mean `\\watch`?"));
        let error = backslash("nonsense").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("\\? lists the commands"));
        let error = bare(".tabels").unwrap().unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `.tables`?"));
        assert!(backslash("i").is_err());
    }

    #[test]
    fn commands_of_other_shells_say_what_there_is_instead() {
        let error = backslash("l").unwrap_err();
        assert_eq!(error.message, "there is no command `\\l`");
        assert!(error.hint.unwrap().starts_with("SHOW SERVICES"));
        let error = bare(".once keys.csv").unwrap().unwrap_err();
        assert!(error.hint.unwrap().contains("\\g FILE"));
        // Nothing is near to a single letter.
        let error = backslash("y").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("\\? lists the commands"));
    }

    #[test]
    fn rows_are_not_written_to_a_file_called_like_a_pipe() {
        for text in ["g | cat", "o |jq ."] {
            let error = backslash(text).unwrap_err();
            assert_eq!(error.message, "rows go to files here, not to programs");
        }
    }

    #[test]
    fn dots_and_words_mean_the_same() {
        let bare = |line| bare(line).unwrap().unwrap();
        assert_eq!(bare(".help"), Command::Help);
        assert_eq!(bare(".tables;"), Command::Tables(None));
        assert_eq!(bare(".schema api_keys"), of("d api_keys"));
        assert_eq!(bare(".mode csv"), Command::Format(Some("csv".to_owned())));
        assert_eq!(bare(".timer on"), Command::Timing(Some("on".to_owned())));
        assert_eq!(bare(".read a.sql"), of("i a.sql"));
        assert_eq!(bare(".headers off"), of("pset header off"));
        assert_eq!(bare("  Help; "), Command::Help);
        assert_eq!(bare("exit"), Command::Quit);
        assert_eq!(bare("quit ;"), Command::Quit);
    }

    #[test]
    fn sql_is_no_command() {
        for line in ["SELECT 1", "help me", ".5", "", "exits"] {
            assert!(bare(line).is_none(), "{line}");
        }
    }

    #[test]
    fn every_entry_parses() {
        for entry in COMMANDS {
            assert!(
                backslash(&format!("{} 1", entry.name)).is_ok(),
                "{}",
                entry.name
            );
            assert!(entry.usage.starts_with(&format!("\\{}", entry.name)));
            for dot in entry.dots {
                assert!(bare(&format!(".{dot} 1")).unwrap().is_ok(), "{dot}");
            }
        }
    }
}
