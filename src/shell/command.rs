//! Backslash commands, dot commands, and words such as `quit`. Text in, plain values out.

use std::collections::VecDeque;
use std::time::Duration;

use super::command_table::{ALIASES, COMMANDS, DOT_SETTINGS, find};
use super::lex::{Kind, Lexeme, lex};
use super::other_shells;
use crate::dialect::error::{meant, nearest};
use crate::error::Error;

/// What a command asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    /// `\?`: lists the commands.
    Help,
    /// `\h [STATEMENT]`: shows how a statement is written.
    Syntax(Option<String>),
    /// `\d [NAME]`: describes a table or a file, or lists the tables.
    Describe(Option<String>),
    /// `\dt`: lists tables.
    Tables(Option<String>),
    /// `\dv`: lists views.
    Views(Option<String>),
    /// `\df [PATTERN]`: lists functions.
    Functions(Option<String>),
    /// `\x [on|off|auto|never]`: one line per field; without an argument it toggles.
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
    Output(Option<Destination>),
    /// `\once FILE`: where the rows of the next statement go.
    Once(Destination),
    /// `\i FILE`: runs a file.
    Include(String),
    /// `\ir FILE`: the same, found from the file that says so.
    IncludeRelative(String),
    /// `\e`: edits the statement, or the last one.
    Edit,
    /// `\g [FILE]`, `\gx`, `\G`: runs the statement, or the last one again.
    Go {
        /// Where its rows go.
        to: Option<Destination>,
        /// One line per field, this once.
        expanded: bool,
    },
    /// `\gset [PREFIX]`: runs it, and sets variables to the values of its one row.
    Gset(String),
    /// `\crosstabview [DOWN [ACROSS [CELLS [ORDER]]]]`: runs it, and shows its rows as a grid.
    Crosstab(Vec<String>),
    /// `\watch [SECONDS] [i=SECONDS] [c=COUNT]`: runs the statement again and again.
    Watch(Watch),
    /// `\copy … to …`: writes rows to a file.
    Copy(Copy),
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
    /// `\if`, `\elif`, `\else`, `\endif`.
    Branch(Branch),
    /// `\! [COMMAND]`: runs a command, or starts the system's shell.
    System(Option<String>),
    /// `\cd [FOLDER]`: changes the working directory.
    ChangeDirectory(Option<String>),
    /// `\conninfo`.
    ConnInfo,
    /// `\c [PROFILE]`.
    Connect(Option<String>),
    /// `\q`.
    Quit,
}

impl Command {
    /// Returns true if the command takes the statement before it.
    pub(super) fn takes_statement(&self) -> bool {
        matches!(
            self,
            Self::Go { .. }
                | Self::Gset(_)
                | Self::Crosstab(_)
                | Self::Watch(_)
                | Self::Edit
                | Self::Reset
        )
    }
}

/// Where rows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    /// To stdout, whatever `\o` says.
    Stdout,
    /// Into a file.
    File(String),
    /// Into the stdin of a program.
    Program(String),
}

/// How often `\watch` runs a statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Watch {
    pub(super) every: Duration,
    /// How many times; None until Ctrl-C.
    pub(super) count: Option<u64>,
}

/// What `\copy` writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copy {
    /// The query.
    pub(super) query: String,
    pub(super) to: Destination,
    /// The format, if it is named; else it follows from the name of the file.
    pub(super) format: Option<String>,
}

/// A step of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Branch {
    If(String),
    Elif(String),
    Else,
    End,
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
    let near = near.map(|near| format!("{sign}{near}"));
    error.hint(meant(near, "\\? lists the commands"))
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
    if let Some(command) = with_text(name, rest)? {
        return Ok(command);
    }
    let mut args = Arguments {
        name,
        left: arguments(rest)?.into(),
    };
    let command = match name {
        "?" => Command::Help,
        "d" => Command::Describe(args.next()),
        "dt" => Command::Tables(args.next()),
        "dv" => Command::Views(args.next()),
        "df" => Command::Functions(args.next()),
        "x" => Command::Expanded(args.next()),
        "format" => Command::Format(args.next()),
        "pset" => Command::Pset(args.next(), args.next()),
        "timing" => Command::Timing(args.next()),
        "dialect" => Command::Dialect(args.next()),
        "o" => Command::Output(destination(args.next()).filter(|to| *to != Destination::Stdout)),
        "once" => Command::Once(Destination::File(args.needs("the name of a file")?)),
        "i" => Command::Include(args.needs("the name of a file")?),
        "ir" => Command::IncludeRelative(args.needs("the name of a file")?),
        "e" => Command::Edit,
        "g" | "gx" => Command::Go {
            to: destination(args.next_file()?),
            expanded: name == "gx",
        },
        "gset" => Command::Gset(args.next().unwrap_or_default()),
        "crosstabview" => Command::Crosstab((0..4).map_while(|_| args.next()).collect()),
        "watch" => Command::Watch(watch(&mut args)?),
        "p" => Command::Print,
        "r" => Command::Reset,
        "unset" => Command::Unset(args.needs("the name of a variable")?),
        "else" => Command::Branch(Branch::Else),
        "endif" => Command::Branch(Branch::End),
        "cd" => Command::ChangeDirectory(args.next()),
        "conninfo" => Command::ConnInfo,
        "c" => Command::Connect(args.next()),
        _ => Command::Quit,
    };
    args.end()?;
    Ok(command)
}

/// Reads the commands whose argument is the rest of the line, such as a program with its own arguments.
fn with_text(name: &str, rest: &str) -> Result<Option<Command>, Error> {
    let text = rest.trim_end_matches(';').trim_end();
    let needed = |what: &str| needed(name, what);
    if let Some(program) = rest.strip_prefix('|') {
        let program = program.trim();
        if program.is_empty() {
            return Err(needed("a program after `|`"));
        }
        let to = Destination::Program(program.to_owned());
        return Ok(Some(match name {
            "o" => Command::Output(Some(to)),
            "once" => Command::Once(to),
            "g" | "gx" => Command::Go {
                to: Some(to),
                expanded: name == "gx",
            },
            _ => return Ok(None),
        }));
    }
    Ok(Some(match name {
        "h" => Command::Syntax((!text.is_empty()).then(|| text.to_owned())),
        "!" => Command::System((!rest.is_empty()).then(|| rest.to_owned())),
        "copy" => Command::Copy(copy(text)?),
        "set" => {
            let mut args = arguments(rest)?;
            let first = (!args.is_empty()).then(|| args.remove(0));
            Command::Set(first.map(|name| (name, args.concat())))
        }
        "echo" => Command::Echo(echo(rest)?),
        "if" => Command::Branch(Branch::If(text.to_owned())),
        "elif" => Command::Branch(Branch::Elif(text.to_owned())),
        _ => return Ok(None),
    }))
}

/// Returns what `\echo` writes: its arguments, and the end of the line unless `-n` comes first.
fn echo(rest: &str) -> Result<String, Error> {
    let words = words(rest)?;
    let (words, end) = match words.split_first() {
        Some((first, words)) if first == "-n" => (words, ""),
        _ => (words.as_slice(), "\n"),
    };
    Ok(words.join(" ") + end)
}

fn needed(name: &str, what: &str) -> Error {
    let error = Error::statement(format!("`\\{name}` needs {what}"));
    match find("\\", name) {
        Some(entry) => error.hint(format!("write it as {}", entry.usage)),
        None => error.hint("\\? lists the commands"),
    }
}

/// The arguments of a command, of which none may be left over.
struct Arguments<'c> {
    name: &'c str,
    left: VecDeque<String>,
}

impl Arguments<'_> {
    fn next(&mut self) -> Option<String> {
        self.left.pop_front()
    }

    /// Returns the name of a file, if there is one. Options in parentheses, which psql has, are none.
    fn next_file(&mut self) -> Result<Option<String>, Error> {
        match self.next() {
            Some(option) if option.starts_with('(') => Err(Error::statement(format!(
                "`\\{}` takes no options",
                self.name
            ))
            .hint(
                "\\pset format names the format of what follows; a file's extension names its own",
            )),
            file => Ok(file),
        }
    }

    fn needs(&mut self, what: &str) -> Result<String, Error> {
        self.next().ok_or_else(|| needed(self.name, what))
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(extra) = self.next() else {
            return Ok(());
        };
        let error = Error::statement(format!("`\\{}` does not take `{extra}`", self.name));
        Err(match find("\\", self.name) {
            Some(entry) => error.hint(format!("write it as {}", entry.usage)),
            None => error,
        })
    }
}

/// Reads where rows go.
fn destination(name: Option<String>) -> Option<Destination> {
    Some(match name?.as_str() {
        "stdout" => Destination::Stdout,
        file => Destination::File(file.to_owned()),
    })
}

/// Reads the seconds of `\watch`, also as `i=2` and `interval=2`, and how often it is to run, as `c=5` and `count=5`.
fn watch(args: &mut Arguments<'_>) -> Result<Watch, Error> {
    let mut watch = Watch {
        every: Duration::from_secs_f64(WATCH_SECONDS),
        count: None,
    };
    let (mut has_interval, mut has_count) = (false, false);
    let given_once = |given: &mut bool, argument: &str| match std::mem::replace(given, true) {
        false => Ok(()),
        true => Err(Error::statement(format!(
            "`\\watch` takes each setting once: `{argument}` is a second one"
        ))),
    };
    while let Some(argument) = args.next() {
        match argument.split_once('=').unwrap_or(("i", &argument)) {
            ("i" | "interval", seconds) => {
                given_once(&mut has_interval, &argument)?;
                watch.every = interval(seconds)?;
            }
            ("c" | "count", count) => match count.parse() {
                Ok(count @ 1..) => {
                    given_once(&mut has_count, &argument)?;
                    watch.count = Some(count);
                }
                _ => {
                    return Err(
                        Error::statement(format!("`{count}` is not a number of runs"))
                            .hint("expected a number, at least 1: \\watch c=5"),
                    );
                }
            },
            (other, _) => {
                return Err(
                    Error::statement(format!("`\\watch` has no option `{other}`"))
                        .hint("options: i=SECONDS, c=COUNT"),
                );
            }
        }
    }
    Ok(watch)
}

fn interval(text: &str) -> Result<Duration, Error> {
    text.trim_end_matches('s')
        .parse::<f64>()
        .ok()
        .filter(|seconds| (0.1..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| {
            Error::statement(format!("`{text}` is not an interval"))
                .hint("expected seconds, from 0.1 to 86400: \\watch 5")
        })
}

/// Reads `{table | (query)} to {'file' | stdout | program 'command'} [[with] (format csv)]`.
fn copy(text: &str) -> Result<Copy, Error> {
    const USAGE: &str = "write it as \\copy { table | (query) } to { 'file' | stdout | program 'command' } [format]";
    let lexed = lex(text);
    let parts: Vec<_> = lexed
        .lexemes
        .iter()
        .filter(|l| !matches!(l.kind, Kind::Space | Kind::Comment))
        .collect();
    let word = |lexeme: &Lexeme, word: &str| {
        lexeme.kind == Kind::Word && text[lexeme.start..lexeme.end].eq_ignore_ascii_case(word)
    };
    let mut depth = 0usize;
    let mut to = None;
    for (index, lexeme) in parts.iter().enumerate() {
        match lexeme.kind {
            Kind::Opening => depth += 1,
            Kind::Closing => depth = depth.saturating_sub(1),
            _ if depth == 0 && word(lexeme, "from") => {
                return Err(Error::statement("`\\copy` writes files and reads none")
                    .hint("INSERT INTO api_keys (…) SELECT … FROM 'file.csv'; reads one"));
            }
            _ if depth == 0 && word(lexeme, "to") => {
                to = Some(index);
                break;
            }
            _ => {}
        }
    }
    let Some(to) = to else {
        return Err(Error::statement("`\\copy` needs what to write and `to`").hint(USAGE));
    };
    let source = text[..parts[to].start].trim();
    let inner = source
        .strip_prefix('(')
        .and_then(|query| query.strip_suffix(')'));
    let query = match inner {
        Some(query) => query.trim().to_owned(),
        None if source.is_empty() => {
            return Err(Error::statement("`\\copy` needs a table or a query").hint(USAGE));
        }
        None => match source.split_once('(') {
            Some((table, columns)) if columns.ends_with(')') => {
                format!("SELECT {} FROM {table}", columns.trim_end_matches(')'))
            }
            _ => format!("SELECT * FROM {source}"),
        },
    };
    let mut rest = arguments(&text[parts[to].end..])?.into_iter();
    let to = match (
        rest.next(),
        text[parts[to].end..].trim_start().starts_with('\''),
    ) {
        (None, _) => return Err(Error::statement("`\\copy` needs a file").hint(USAGE)),
        (Some(word), false) if word.eq_ignore_ascii_case("stdout") => Destination::Stdout,
        (Some(word), false) if word.eq_ignore_ascii_case("program") => match rest.next() {
            Some(program) => Destination::Program(program),
            None => return Err(Error::statement("`\\copy` needs a program").hint(USAGE)),
        },
        (Some(file), _) => Destination::File(file),
    };
    let mut format = None;
    let words = rest.map(|word| {
        let word = word.trim_matches(|c: char| "(),".contains(c));
        word.to_lowercase()
    });
    let mut words = words.filter(|word| !word.is_empty()).peekable();
    words.next_if(|word| word == "with");
    while let Some(word) = words.next() {
        match word.as_str() {
            "format" => format = words.next(),
            // A csv file has one anyway.
            "header" => drop(words.next_if(|word| word == "true" || word == "on")),
            name if format.is_none() && words.peek().is_none() => format = Some(name.to_owned()),
            other => {
                return Err(
                    Error::statement(format!("`\\copy` does not take `{other}`")).hint(USAGE),
                );
            }
        }
    }
    Ok(Copy { query, to, format })
}

/// Splits arguments, without the semicolon that people end commands with out of habit.
fn arguments(text: &str) -> Result<Vec<String>, Error> {
    let mut found = words(text)?;
    if let Some(last) = found.last_mut()
        && text.trim_end().ends_with(';')
        && last.ends_with(';')
    {
        last.pop();
        if last.is_empty() {
            found.pop();
        }
    }
    Ok(found)
}

/// Splits `text` at white space outside quotes, and removes the quotes. Within quotes, a quote is written twice.
fn words(text: &str) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let mut current: Option<String> = None;
    let mut quote = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match quote {
            Some(q) if c == q && rest.peek() == Some(&q) => {
                rest.next();
                current.get_or_insert_default().push(q);
            }
            Some(q) if c == q => quote = None,
            Some(_) => current.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                current.get_or_insert_default();
            }
            None if c.is_whitespace() => found.extend(current.take()),
            // In psql, the next command would begin here.
            None if c == '\\' && current.is_none() => {
                let word = rest.take_while(|c| !c.is_whitespace());
                let word: String = std::iter::once(c).chain(word).collect();
                return Err(Error::statement(format!(
                    "`{word}` would be a second command, and a line takes one"
                ))
                .hint(format!(
                    "type it on the next line, or in quotes if it is an argument: '{word}'"
                )));
            }
            None => current.get_or_insert_default().push(c),
        }
    }
    if let Some(quote) = quote {
        return Err(
            Error::statement(format!("the quote `{quote}` is not closed"))
                .hint("within quotes, a quote is written twice: 'it''s'"),
        );
    }
    found.extend(current);
    Ok(found)
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
        assert_eq!(of("echo a  'b  c'"), Command::Echo("a b  c\n".to_owned()));
        assert_eq!(of("echo -n x; y;"), Command::Echo("x; y;".to_owned()));
    }

    #[test]
    fn arguments_are_quoted_as_in_psql() {
        let set = |value: &str| Command::Set(Some(("w".to_owned(), value.to_owned())));
        assert_eq!(of("set w 'it''s'"), set("it's"));
        assert_eq!(of("set w 'b''c'd"), set("b'cd"));
        assert_eq!(of(r#"set w "a ""b"" c""#), set(r#"a "b" c"#));
        assert_eq!(of(r"set w 'a\b'"), set(r"a\b"));
        assert_eq!(of(r"set w a\b"), set(r"a\b"));
        for wrong in ["set w it's", "i 'a.sql", r"gx \gx", r"o \g", r"echo \x"] {
            assert!(backslash(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn g_and_its_kin_run_a_statement() {
        let go = |to: Option<Destination>, expanded| Command::Go { to, expanded };
        let file = |name: &str| Some(Destination::File(name.to_owned()));
        assert_eq!(of("g"), go(None, false));
        assert_eq!(of("g out.csv"), go(file("out.csv"), false));
        assert_eq!(of("g stdout"), go(Some(Destination::Stdout), false));
        assert_eq!(of("G"), go(None, true));
        let program = Destination::Program("jq -r '.[0].id' | head -1".to_owned());
        assert_eq!(
            of("g |jq -r '.[0].id' | head -1"),
            go(Some(program.clone()), false)
        );
        assert_eq!(
            of("o | jq -r '.[0].id' | head -1"),
            Command::Output(Some(program))
        );
        assert_eq!(of("gset p_"), Command::Gset("p_".to_owned()));
        assert_eq!(
            of("crosstabview owner_id kind"),
            Command::Crosstab(vec!["owner_id".to_owned(), "kind".to_owned()])
        );
        assert!(backslash("g |").is_err());
    }

    #[test]
    fn watch_says_how_often() {
        let watch = |millis, count| {
            Command::Watch(Watch {
                every: Duration::from_millis(millis),
                count,
            })
        };
        assert_eq!(of("watch"), watch(2000, None));
        assert_eq!(of("watch 0.5"), watch(500, None));
        assert_eq!(of("watch i=3 c=2"), watch(3000, Some(2)));
        assert_eq!(of("watch c=1"), watch(2000, Some(1)));
        let error = backslash("watch soon").unwrap_err();
        assert_eq!(error.message, "`soon` is not an interval");
        for wrong in [
            "watch -1",
            "watch c=0",
            "watch m=3",
            "watch 1 2",
            "watch 1 i=2",
            "watch c=1 count=2",
        ] {
            assert!(backslash(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn copy_writes_a_table_or_a_query() {
        let copy = |query: &str, to, format: Option<&str>| {
            Command::Copy(Copy {
                query: query.to_owned(),
                to,
                format: format.map(str::to_owned),
            })
        };
        let file = |name: &str| Destination::File(name.to_owned());
        assert_eq!(
            of("copy api_keys to 'my keys.csv' with (format csv, header)"),
            copy("SELECT * FROM api_keys", file("my keys.csv"), Some("csv"))
        );
        assert_eq!(
            of("copy api_keys (id, kind) to 'k.csv'"),
            copy("SELECT id, kind FROM api_keys ", file("k.csv"), None)
        );
        assert_eq!(
            of("copy (SELECT id, 'to' FROM api_keys) TO stdout"),
            copy("SELECT id, 'to' FROM api_keys", Destination::Stdout, None)
        );
        assert_eq!(
            of("copy api_keys to program 'gzip > k.gz' jsonl;"),
            copy(
                "SELECT * FROM api_keys",
                Destination::Program("gzip > k.gz".to_owned()),
                Some("jsonl")
            )
        );
        for wrong in [
            "copy",
            "copy api_keys",
            "copy to 'x'",
            "copy api_keys to",
            "copy t from 'x'",
            "copy t to 'x' csv json",
            "copy t to 'x' with (format csv, delimiter ';')",
            "copy t to 'x' with (format csv, header false)",
            "g (format=csv)",
        ] {
            assert!(backslash(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_command_has_no_use_for_is_an_error() {
        for text in [
            "e file.sql",
            "d api_keys x",
            "pset null a b",
            "q now",
            "? x",
            "o a b",
            "timing on off",
            "conninfo x",
        ] {
            let error = backslash(text).unwrap_err();
            assert!(
                error.message.contains("does not take"),
                "{text}: {}",
                error.message
            );
            assert!(error.hint.unwrap().starts_with("write it as \\"), "{text}");
        }
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
        let error = bare(".excel").unwrap().unwrap_err();
        assert!(error.hint.unwrap().contains("\\g FILE"));
        // Nothing is near to a single letter.
        let error = backslash("y").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("\\? lists the commands"));
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
        assert_eq!(bare(".header off"), of("pset header off"));
        assert_eq!(
            bare(".once keys.csv"),
            Command::Once(Destination::File("keys.csv".to_owned()))
        );
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
    fn every_entry_parses_as_it_is_said_to_be_written() {
        for entry in COMMANDS {
            assert!(entry.usage.starts_with(&format!("\\{}", entry.name)));
            let usage = entry.usage.replace(['[', ']', '\\'], "");
            let usage = match entry.name {
                "watch" => "watch i=2 c=1".to_owned(),
                "copy" => "copy t to 'f'".to_owned(),
                "o" | "g" | "gx" | "once" => {
                    usage.replace("|PROGRAM", "").replace("FILE|", "FILE ")
                }
                _ => usage,
            };
            let written = backslash(&usage);
            assert!(written.is_ok(), "{usage}: {written:?}");
            for dot in entry.dots {
                let usage = usage.replacen(entry.name, dot, 1);
                assert!(bare(&format!(".{usage}")).unwrap().is_ok(), "{usage}");
            }
        }
    }
}
