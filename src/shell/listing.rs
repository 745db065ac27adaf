//! All commands with their names, for help, completion and parsing. A plain table.

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

const fn entry(
    name: &'static str,
    usage: &'static str,
    description: &'static str,
    argument: Argument,
    dots: &'static [&'static str],
) -> Entry {
    Entry {
        name,
        usage,
        description,
        argument,
        dots,
    }
}

/// All commands, in the order in which they are listed.
pub(super) const COMMANDS: &[Entry] = &[
    entry("?", "\\?", "list these commands", Argument::None, &["help"]),
    entry(
        "h",
        "\\h [STATEMENT]",
        "show how a statement is written",
        Argument::Statement,
        &[],
    ),
    entry(
        "d",
        "\\d [NAME]",
        "describe a table or a file, or list all",
        Argument::Table,
        &["schema"],
    ),
    entry(
        "dt",
        "\\dt [PATTERN]",
        "list tables and views",
        Argument::Table,
        &["tables"],
    ),
    entry(
        "dv",
        "\\dv [PATTERN]",
        "list views",
        Argument::Table,
        &["views"],
    ),
    entry(
        "df",
        "\\df [PATTERN]",
        "list functions",
        Argument::Function,
        &["functions"],
    ),
    entry(
        "g",
        "\\g [FILE]",
        "run the statement, or the last one; rows to FILE",
        Argument::File,
        &[],
    ),
    entry(
        "gx",
        "\\gx [FILE]",
        "like \\g, with one line per field; also \\G",
        Argument::File,
        &[],
    ),
    entry(
        "gset",
        "\\gset [PREFIX]",
        "run it, and set variables to the values of its row",
        Argument::Other,
        &[],
    ),
    entry(
        "crosstabview",
        "\\crosstabview [V H D S]",
        "run it; rows as a grid: V down, H across, D inside",
        Argument::Other,
        &[],
    ),
    entry(
        "watch",
        "\\watch [SECONDS] [c=N]",
        "run it again and again; new rows are marked",
        Argument::Other,
        &["watch"],
    ),
    entry(
        "e",
        "\\e",
        "edit this or the last statement in $EDITOR",
        Argument::None,
        &["edit"],
    ),
    entry(
        "p",
        "\\p",
        "show the unfinished statement",
        Argument::None,
        &[],
    ),
    entry(
        "r",
        "\\r",
        "discard the unfinished statement",
        Argument::None,
        &[],
    ),
    entry(
        "i",
        "\\i FILE",
        "run the statements of a file",
        Argument::File,
        &["read"],
    ),
    entry(
        "ir",
        "\\ir FILE",
        "run a file; its path is relative to this file",
        Argument::File,
        &[],
    ),
    entry(
        "o",
        "\\o [FILE]",
        "write rows to FILE or |PROGRAM from now on",
        Argument::File,
        &["output"],
    ),
    entry(
        "once",
        "\\once FILE",
        "write the rows of the next statement to FILE",
        Argument::File,
        &["once"],
    ),
    entry(
        "copy",
        "\\copy QUERY to FILE",
        "write a table or (query) to a file, stdout or program",
        Argument::Table,
        &[],
    ),
    entry(
        "x",
        "\\x [on|off|auto|never]",
        "show one line per field; auto if a table does not fit",
        Argument::OnOffAuto,
        &[],
    ),
    entry(
        "format",
        "\\format [FORMAT]",
        "choose the output format: table, line, csv, …",
        Argument::Format,
        &["mode"],
    ),
    entry(
        "pset",
        "\\pset [NAME [VALUE]]",
        "change how rows are shown: null, width, …",
        Argument::Setting,
        &["show"],
    ),
    entry(
        "timing",
        "\\timing [on|off]",
        "show how long statements take",
        Argument::OnOff,
        &["timer"],
    ),
    entry(
        "dialect",
        "\\dialect [NAME]",
        "choose the SQL dialect: default or stackql",
        Argument::Dialect,
        &["dialect"],
    ),
    entry(
        "set",
        "\\set [NAME [VALUE]]",
        "set a variable, used as :NAME, :'NAME' or :\"NAME\"",
        Argument::Variable,
        &[],
    ),
    entry(
        "unset",
        "\\unset NAME",
        "delete a variable",
        Argument::Variable,
        &[],
    ),
    entry(
        "echo",
        "\\echo TEXT",
        "print a text",
        Argument::Other,
        &["print"],
    ),
    entry(
        "if",
        "\\if CONDITION",
        "run what follows only if true; ends at \\endif",
        Argument::Other,
        &[],
    ),
    entry(
        "elif",
        "\\elif CONDITION",
        "otherwise, run what follows only if true",
        Argument::Other,
        &[],
    ),
    entry(
        "else",
        "\\else",
        "otherwise, run what follows",
        Argument::None,
        &[],
    ),
    entry("endif", "\\endif", "end an \\if", Argument::None, &[]),
    entry(
        "!",
        "\\! [COMMAND]",
        "run a command, or a shell",
        Argument::File,
        &["shell", "system"],
    ),
    entry(
        "cd",
        "\\cd [FOLDER]",
        "change the working directory",
        Argument::Folder,
        &["cd"],
    ),
    entry(
        "conninfo",
        "\\conninfo",
        "show where this session is connected",
        Argument::None,
        &["conninfo"],
    ),
    entry(
        "c",
        "\\c [PROFILE]",
        "connect with a profile, or reconnect",
        Argument::Profile,
        &["connect"],
    ),
    entry(
        "q",
        "\\q",
        "quit; also Ctrl-D",
        Argument::None,
        &["exit", "quit"],
    ),
];

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
