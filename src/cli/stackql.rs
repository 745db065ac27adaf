//! StackQL's options that iamql does not have: why not, and what to use instead.
//!
//! Options that iamql does have are in [`super::args`]. This turns clap's error for an unknown option into one of ours,
//! and leaves other errors alone.

use std::ffi::OsString;

use clap::error::{ContextKind, ErrorKind};

use super::args::Ignored;
use super::corrected;
use crate::error::Error;
use crate::terminal::notes;

/// Options without a replacement, because what they set does not exist here.
const LEFT_OUT: [&str; 21] = [
    "--acid",
    "--approotfilemode",
    "--cachekeycount",
    "--colorscheme",
    "--cpuprofile",
    "--dataflow.components.max",
    "--dataflow.dependency.max",
    "--dbInternal",
    "--export.alias",
    "--gc",
    "--indirect.depth.max",
    "--keyfilepath",
    "--metadatattl",
    "--namespaces",
    "--provider",
    "--querycachesize",
    "--registry",
    "--session",
    "--sqlBackend",
    "--store.txn",
    "--viperconfigfilename",
];

/// Returns why iamql does not have `option`, and what to use instead.
fn replaced(option: &str) -> Option<(&'static str, &'static str)> {
    Some(match option.to_ascii_lowercase().as_str() {
        "--iqldata" => (
            "templates are not supported",
            "pass values as --param name=value, and write $name in the statement",
        ),
        "--configfile" => (
            "settings are profiles in config.toml",
            "pass --profile NAME",
        ),
        "--http.proxy.host"
        | "--http.proxy.port"
        | "--http.proxy.scheme"
        | "--http.proxy.user"
        | "--http.proxy.password" => ("the proxy comes from the environment", "set HTTPS_PROXY"),
        "--tls.allowinsecure" => (
            "certificates are always verified",
            "trust its certificate with --ca-cert FILE",
        ),
        "--errorpresentation" => (
            "errors go to stderr, and the exit code shows that one occurred",
            "leave it out",
        ),
        "--pgsrv.address" | "--pgsrv.port" | "--pgsrv.tls" => NO_SERVER,
        _ => return None,
    })
}

/// Why there is no server for PostgreSQL's clients, and what to use instead.
const NO_SERVER: (&str, &str) = (
    "the PostgreSQL server is not supported",
    "run statements with iamql exec",
);

/// Warns of what is accepted for the sake of scripts, and does nothing.
pub(super) fn warn_of_ignored(ignored: &Ignored) {
    for (option, value, reason) in [
        ("--approot", &ignored.approot, "the provider is built in"),
        ("--offline", &ignored.offline, "there is no registry"),
        ("--loglevel", &ignored.loglevel, "-v shows the requests"),
        (
            "--http.response.pageLimit",
            &ignored.page_limit,
            "answers are always complete; LIMIT ends them early",
        ),
        (
            "--http.response.maxResults",
            &ignored.max_results,
            "answers are always complete; LIMIT ends them early",
        ),
    ] {
        if value.is_some() {
            notes::warn(&format!("`{option}` has no effect here: {reason}"));
        }
    }
}

/// Returns an error if `typed`, the whole command line, gives data to a template: `-q FILE` in StackQL.
///
/// To the parser `-q` is a flag, and the file an argument where none is expected, or the SQL.
pub(super) fn template_data(typed: &[OsString]) -> Option<Error> {
    let text = |at: usize| typed.get(at).and_then(|arg| arg.to_str());
    let given = (1..typed.len()).find_map(|at| match text(at)? {
        "--" => Some(None),
        "-q" => text(at + 1)
            .filter(|file| data_file(file).is_some())
            .map(Some),
        other => {
            let rest = other.strip_prefix("-q")?;
            data_file(rest.strip_prefix('=').unwrap_or(rest)).map(Some)
        }
    });
    let file = given.flatten()?;
    Some(
        Error::usage(format!(
            "`-q {file}` is data for a template, and templates are not supported"
        ))
        .hint("pass each value as --param name=value, and write $name in the statement; -q alone is --quiet"),
    )
}

/// Returns an error to show instead of clap's, if it is about an option or command of StackQL.
pub(super) fn refused(error: &clap::Error) -> Option<Error> {
    let context = |kind| corrected::text(error, kind);
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let typed = context(ContextKind::InvalidArg)?;
            let option = typed.split('=').next().unwrap_or(typed);
            if LEFT_OUT
                .iter()
                .any(|name| name.eq_ignore_ascii_case(option))
            {
                return Some(
                    Error::usage(format!("`{option}` has no effect here")).hint("leave it out"),
                );
            }
            let (reason, hint) = replaced(option)?;
            Some(Error::usage(format!("no option `{option}`: {reason}")).hint(hint))
        }
        ErrorKind::InvalidSubcommand => {
            let typed = context(ContextKind::InvalidSubcommand)?;
            let (reason, hint) = match typed {
                "srv" => NO_SERVER,
                "registry" => (
                    "the one provider is built in",
                    "leave it out; SHOW PROVIDERS shows its version",
                ),
                _ => return None,
            };
            Some(Error::usage(format!("no command `{typed}`: {reason}")).hint(hint))
        }
        _ => None,
    }
}

/// Returns `argument` if it is a file of data, as `-q` takes it in StackQL.
fn data_file(argument: &str) -> Option<&str> {
    let is_file = [".json", ".jsonnet", ".iqldata"]
        .iter()
        .any(|ending| argument.ends_with(ending));
    (is_file && !argument.starts_with('-')).then_some(argument)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::Args;

    fn of(args: &[&str]) -> Option<String> {
        let args = std::iter::once("iamql").chain(args.iter().copied());
        let error = Args::try_parse_from(args).err()?;
        let error = refused(&error)?;
        let hint = error.hint.clone().unwrap_or_default();
        Some(format!("{error} ({hint})"))
    }

    #[test]
    fn options_of_stackql_are_taken_or_refused_with_what_to_use() {
        for option in LEFT_OUT {
            let refused = of(&["exec", option, "x", "SELECT 1"]).unwrap();
            assert_eq!(
                refused,
                format!("`{option}` has no effect here (leave it out)")
            );
        }
        for option in [
            "--iqldata",
            "--configfile",
            "--http.proxy.host",
            "--http.proxy.port",
            "--http.proxy.scheme",
            "--http.proxy.user",
            "--http.proxy.password",
            "--tls.allowInsecure",
            "--errorpresentation",
            "--pgsrv.address",
            "--pgsrv.port",
            "--pgsrv.tls",
        ] {
            let typed = format!("{option}=x");
            assert!(of(&["exec", &typed, "SELECT 1"]).is_some(), "{typed}");
        }
        assert_eq!(of(&["exec", "--bogus", "SELECT 1"]), None);
        for taken in [
            ["--var", "a=1"],
            ["--delimiter", ";"],
            ["--outfile", "x"],
            ["--output", "ndjson"],
            ["--output", "text"],
            ["--output", "pptext"],
            ["--apirequesttimeout", "5"],
            ["--execution.concurrency.limit", "5"],
            ["--tls.CABundle", "x"],
            ["--approot", "x"],
            ["--offline=true", "--quiet"],
            ["--loglevel", "debug"],
            ["--http.response.pageLimit", "5"],
            ["--http.response.maxResults", "-1"],
            ["--env.file", "x"],
            ["--dialect", "default"],
        ] {
            let args = ["iamql", "exec", taken[0], taken[1], "SELECT 1"];
            assert!(Args::try_parse_from(args).is_ok(), "{taken:?}");
        }
        for taken in [
            "--hideheaders",
            "--dryrun",
            "--verbose",
            "--http.log.enabled",
        ] {
            let args = ["iamql", "exec", taken, "SELECT 1"];
            assert!(Args::try_parse_from(args).is_ok(), "{taken}");
        }
    }

    #[test]
    fn template_data_is_not_taken_for_sql() {
        let told = |args: &[&str]| {
            let typed = std::iter::once("iamql").chain(args.iter().copied());
            let error = template_data(&typed.map(OsString::from).collect::<Vec<_>>())?;
            Some(format!(
                "{error} ({})",
                error.hint.clone().unwrap_or_default()
            ))
        };
        insta::assert_snapshot!(told(&["exec", "SELECT 1", "-q", "data.json"]).unwrap(), @"`-q data.json` is data for a template, and templates are not supported (pass each value as --param name=value, and write $name in the statement; -q alone is --quiet)");
        for args in [
            &["exec", "-i", "x.iql", "-q", "vars.jsonnet"][..],
            &["exec", "-q", "vars.jsonnet", "SELECT 1"],
            &["-e", "SELECT 1", "-qvars.jsonnet"],
            &["exec", "-q=vars.jsonnet", "SELECT 1"],
        ] {
            assert!(
                told(args).unwrap().starts_with("`-q vars.jsonnet`"),
                "{args:?}"
            );
        }
        for args in [
            &["-q", "-e", "SELECT 1"][..],
            &["exec", "-q", "SELECT 1"],
            &["--", "-q", "x.json"],
        ] {
            assert_eq!(told(args), None, "{args:?}");
        }
    }

    #[test]
    fn commands_of_stackql_are_refused_with_what_to_use() {
        insta::assert_snapshot!(of(&["srv"]).unwrap(), @"no command `srv`: the PostgreSQL server is not supported (run statements with iamql exec)");
    }
}
