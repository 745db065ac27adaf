//! The table of all commands, for help, completion and parsing.

/// What the argument of a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    None,
    Table,
    Function,
    Statement,
    File,
    Folder,
    Format,
    OnOff,
    OnOffAuto,
    Setting,
    Variable,
    Profile,
    Dialect,
    Other,
}

/// A command as it is listed, completed and found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Its name after the backslash.
    pub(super) name: &'static str,
    /// How it is called.
    pub(super) usage: &'static str,
    /// What it does.
    pub(super) description: &'static str,
    /// What its argument is.
    pub(super) argument: Argument,
    /// Its names after a dot.
    pub(super) dots: &'static [&'static str],
}

/// Lists commands by how they are called: what the argument is, what they do, and their names after a dot.
macro_rules! commands {
    ($($usage:literal: $argument:ident, $description:literal, [$($dot:literal),*];)*) => {
        /// All commands, in the order in which they are listed.
        pub(super) const COMMANDS: &[Entry] = &[$(Entry {
            name: name_in($usage),
            usage: $usage,
            description: $description,
            argument: Argument::$argument,
            dots: &[$($dot),*],
        },)*];
    };
}

/// Returns the name in `usage`: what is between the backslash and the first space.
const fn name_in(usage: &'static str) -> &'static str {
    let mut end = 1;
    while end < usage.len() && usage.as_bytes()[end] != b' ' {
        end += 1;
    }
    usage.split_at(end).0.split_at(1).1
}

commands! {
    r"\?": None, "list these commands", ["help"];
    r"\h [STATEMENT]": Statement, "show how a statement is written", [];
    r"\d [NAME]": Table, "describe a table or a file, or list all", ["schema"];
    r"\dt [PATTERN]": Table, "list tables and views", ["tables"];
    r"\dv [PATTERN]": Table, "list views", ["views"];
    r"\df [PATTERN]": Function, "list functions", ["functions"];
    r"\g [FILE]": File, "run the statement, or the last one; rows to FILE", [];
    r"\gx [FILE]": File, r"like \g, with one line per field; also \G", [];
    r"\gset [PREFIX]": Other, "run it, and set variables to the values of its row", [];
    r"\crosstabview [V H D S]": Other, "run it; rows as a grid: V down, H across, D inside", [];
    r"\watch [SECONDS] [c=N]": Other, "run it again and again; new rows are marked", ["watch"];
    r"\e": None, "edit this or the last statement in $EDITOR", ["edit"];
    r"\p": None, "show the unfinished statement", [];
    r"\r": None, "discard the unfinished statement", [];
    r"\i FILE": File, "run the statements of a file", ["read"];
    r"\ir FILE": File, "run a file; its path is relative to this file", [];
    r"\o [FILE]": File, "write rows to FILE or |PROGRAM from now on", ["output"];
    r"\once FILE": File, "write the rows of the next statement to FILE", ["once"];
    r"\copy QUERY to FILE": Table, "write a table or (query) to a file, stdout or program", [];
    r"\x [on|off|auto|never]": OnOffAuto, "show one line per field; auto if a table does not fit", [];
    r"\format [FORMAT]": Format, "choose the output format: table, line, csv, …", ["mode"];
    r"\pset [NAME [VALUE]]": Setting, "change how rows are shown: null, width, …", ["show"];
    r"\timing [on|off]": OnOff, "show how long statements take", ["timer"];
    r"\dialect [NAME]": Dialect, "choose the SQL dialect: default or stackql", ["dialect"];
    r"\set [NAME [VALUE]]": Variable, r#"set a variable, used as :NAME, :'NAME' or :"NAME""#, [];
    r"\unset NAME": Variable, "delete a variable", [];
    r"\echo TEXT": Other, "print a text", ["print"];
    r"\if CONDITION": Other, r"run what follows only if true; ends at \endif", [];
    r"\elif CONDITION": Other, "otherwise, run what follows only if true", [];
    r"\else": None, "otherwise, run what follows", [];
    r"\endif": None, r"end an \if", [];
    r"\! [COMMAND]": File, "run a command, or a shell", ["shell", "system"];
    r"\cd [FOLDER]": Folder, "change the working directory", ["cd"];
    r"\conninfo": None, "show where this session is connected", ["conninfo"];
    r"\c [PROFILE]": Profile, "connect with a profile, or reconnect", ["connect"];
    r"\q": None, "quit; also Ctrl-D", ["exit", "quit"];
}

/// Other names after the backslash, from other shells.
pub(super) const ALIASES: &[(&str, &str)] = &[
    ("G", "gx"),
    ("connect", "c"),
    ("describe", "d"),
    ("edit", "e"),
    ("exit", "q"),
    ("help", "?"),
    ("include", "i"),
    ("include_relative", "ir"),
    ("out", "o"),
    ("print", "p"),
    ("quit", "q"),
    ("reset", "r"),
];

/// Dot commands that stand for a setting of `\pset`.
pub(super) const DOT_SETTINGS: &[(&str, &str)] = &[
    ("header", "header"),
    ("headers", "header"),
    ("nullvalue", "null"),
];

/// Returns the entry of the command that `name` after the backslash or the dot stands for.
pub(super) fn find(sign: &str, name: &str) -> Option<&'static Entry> {
    let name = match ALIASES.iter().find(|(alias, _)| *alias == name) {
        Some((_, meant)) if sign == "\\" => meant,
        _ => name,
    };
    COMMANDS.iter().find(|entry| match sign {
        "." => entry.dots.contains(&name),
        _ => entry.name == name,
    })
}

/// Returns how each command is called, what it does, and its names after a dot, for the documentation.
#[must_use]
pub fn commands() -> Vec<(&'static str, &'static str, &'static [&'static str])> {
    let entries = COMMANDS.iter();
    entries.map(|e| (e.usage, e.description, e.dots)).collect()
}
