//! Errors for options and commands of other programs: each says what to type here.
//!
//! Options and commands of StackQL are in [`super::stackql`]. This turns clap's error into one of ours, and leaves other
//! errors alone.

use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::Error;
use crate::shell;

/// Options of `iamql sandbox`.
const OF_THE_SANDBOX: [&str; 8] = [
    "--contract",
    "--fault",
    "--keys",
    "--latency-ms",
    "--port",
    "--quota",
    "--seed",
    "--unknown-key-is-404",
];

/// Returns an error to show instead of clap's, if it is clear what was meant.
pub(super) fn corrected(error: &clap::Error) -> Option<Error> {
    let context = |kind| text(error, kind);
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let typed = context(ContextKind::InvalidArg)?;
            let option = typed.split('=').next().unwrap_or(typed);
            if option == "-c" || option == "--command" {
                return Some(
                    Error::usage(format!("there is no option `{option}`"))
                        .hint("-e runs SQL: iamql -e \"SELECT 1\""),
                );
            }
            let is_of_the_sandbox = OF_THE_SANDBOX.contains(&option)
                && !std::env::args().any(|argument| argument == "sandbox");
            if is_of_the_sandbox {
                return Some(Error::usage(format!("`{option}` is an option of `iamql sandbox`")).hint(format!(
                    "--sandbox is always the same organization; run `iamql sandbox {option} …`, set the variables that it prints, and leave --sandbox out"
                )));
            }
            statements(typed)
        }
        ErrorKind::ArgumentConflict => {
            let all = [ContextKind::InvalidArg, ContextKind::PriorArg];
            let names = all.into_iter().flat_map(|kind| match error.get(kind) {
                Some(ContextValue::String(name)) => vec![name.as_str()],
                Some(ContextValue::Strings(names)) => names.iter().map(String::as_str).collect(),
                _ => Vec::new(),
            });
            let names = names.filter_map(|name| name.split([' ', '=']).next());
            let (sandbox, others): (Vec<_>, Vec<_>) = names.partition(|name| *name == "--sandbox");
            let (Some(_), Some(other)) = (sandbox.first(), others.first()) else {
                return None;
            };
            let error = Error::usage(format!("--sandbox and {other} exclude each other"));
            Some(error.hint(format!(
                "the sandbox has an address and credentials of its own; leave {other} out, or --sandbox"
            )))
        }
        ErrorKind::InvalidSubcommand => statements(context(ContextKind::InvalidSubcommand)?),
        _ => None,
    }
}

/// Returns the error for statements, or a file of them, that stand where neither is expected.
fn statements(typed: &str) -> Option<Error> {
    if typed.starts_with('-') {
        return None;
    }
    let path = Path::new(typed);
    if path.extension().is_some_and(|extension| extension == "sql") || path.is_file() {
        return Some(
            Error::usage(format!("the file `{typed}` needs -f before it"))
                .hint(format!("write it as iamql -f {typed}")),
        );
    }
    let begins_statement = |word: &&str| word.eq_ignore_ascii_case(typed);
    let is_sql = typed.contains(char::is_whitespace) || shell::STARTS.iter().any(begins_statement);
    if is_sql && std::env::args().any(|argument| argument == "exec") {
        return Some(
            Error::usage("`iamql exec` takes one argument with statements, but found two")
                .hint("join them with ;. Options such as --offline take their value after ="),
        );
    }
    is_sql.then(|| {
        Error::usage("SQL needs -e before it")
            .hint("write it in quotes, as in iamql -e \"SELECT 1\"")
    })
}

/// Returns what `error` tells under `kind`, if that is one text.
pub(super) fn text(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::Args;

    fn of(args: &[&str]) -> Option<String> {
        let args = std::iter::once("iamql").chain(args.iter().copied());
        let error = corrected(&Args::try_parse_from(args).err()?)?;
        let hint = error.hint.clone().unwrap_or_default();
        Some(format!("{error} ({hint})"))
    }

    #[test]
    fn habits_from_elsewhere_are_told_how_it_is_written_here() {
        insta::assert_snapshot!(of(&["SELECT 1"]).unwrap(), @r#"SQL needs -e before it (write it in quotes, as in iamql -e "SELECT 1")"#);
        for args in [
            ["--sandbox", "--profile", "x"],
            ["--profile", "x", "--sandbox"],
        ] {
            insta::allow_duplicates! {
                insta::assert_snapshot!(of(&args).unwrap(), @"--sandbox and --profile exclude each other (the sandbox has an address and credentials of its own; leave --profile out, or --sandbox)");
            }
        }
        insta::assert_snapshot!(of(&["-c", "SELECT 1"]).unwrap(), @r#"there is no option `-c` (-e runs SQL: iamql -e "SELECT 1")"#);
        for unquoted in [["select", "1"], ["shell", "SELECT 1"], ["show", "tables"]] {
            assert_eq!(of(&unquoted), of(&["SELECT 1"]), "{unquoted:?}");
        }
        insta::assert_snapshot!(of(&["query.sql"]).unwrap(), @"the file `query.sql` needs -f before it (write it as iamql -f query.sql)");
        assert_eq!(of(&["shell", "query.sql"]), of(&["query.sql"]));
        let text = of(&["--sandbox", "--keys", "5"]).unwrap();
        assert!(
            text.starts_with("`--keys` is an option of `iamql sandbox`"),
            "{text}"
        );
        for other in [["--bogus"].as_slice(), &["bogus"], &["-z"]] {
            assert_eq!(of(other), None, "{other:?}");
        }
    }

    #[test]
    fn every_option_of_the_sandbox_is_known() {
        let mut command = crate::cli::args::command();
        command.build();
        let sandbox = command.find_subcommand("sandbox").unwrap();
        for arg in sandbox.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let long = format!("--{}", arg.get_long().unwrap());
            assert!(
                long == "--help" || OF_THE_SANDBOX.contains(&long.as_str()),
                "{long}"
            );
        }
    }
}
