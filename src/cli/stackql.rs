//! StackQL's options that iamql does not have: why not, and what to use instead.
//!
//! Options that iamql does have are in [`super::args`]. This turns clap's error for an unknown option into one of ours,
//! and leaves other errors alone.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::Error;

/// What to use instead of an option.
struct Instead {
    option: &'static str,
    reason: &'static str,
    hint: &'static str,
}

const fn instead(option: &'static str, reason: &'static str, hint: &'static str) -> Instead {
    Instead {
        option,
        reason,
        hint,
    }
}

/// Options without a replacement, because what they set does not exist here.
const LEFT_OUT: [&str; 23] = [
    "--acid",
    "--approot",
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
    "--offline",
    "--provider",
    "--querycachesize",
    "--registry",
    "--session",
    "--sqlBackend",
    "--store.txn",
    "--viperconfigfilename",
];

const REPLACED: [Instead; 16] = [
    instead(
        "--iqldata",
        "there are no templates",
        "pass values as --param name=value, and write $name in the statement",
    ),
    instead(
        "--env.file",
        "variables are read from the environment alone",
        "let your shell read the file: set -a; . ./FILE; set +a",
    ),
    instead(
        "--configfile",
        "settings are profiles in config.toml",
        "pass --profile NAME",
    ),
    instead(
        "--http.response.maxResults",
        "answers are always complete",
        "end it early with LIMIT",
    ),
    instead(
        "--http.response.pageLimit",
        "answers are always complete",
        "end it early with LIMIT",
    ),
    instead(
        "--http.proxy.host",
        "the proxy comes from the environment",
        "set HTTPS_PROXY",
    ),
    instead(
        "--http.proxy.port",
        "the proxy comes from the environment",
        "set HTTPS_PROXY",
    ),
    instead(
        "--http.proxy.scheme",
        "the proxy comes from the environment",
        "set HTTPS_PROXY",
    ),
    instead(
        "--http.proxy.user",
        "the proxy comes from the environment",
        "set HTTPS_PROXY",
    ),
    instead(
        "--http.proxy.password",
        "the proxy comes from the environment",
        "set HTTPS_PROXY",
    ),
    instead(
        "--tls.allowInsecure",
        "certificates are always verified",
        "trust its certificate with --ca-cert FILE",
    ),
    instead(
        "--loglevel",
        "there is one log, of requests",
        "pass -v, twice for their bodies",
    ),
    instead(
        "--errorpresentation",
        "errors go to stderr, and the exit code says that there was one",
        "leave it out",
    ),
    instead(
        "--pgsrv.address",
        "there is no server",
        "run statements with iamql exec",
    ),
    instead(
        "--pgsrv.port",
        "there is no server",
        "run statements with iamql exec",
    ),
    instead(
        "--pgsrv.tls",
        "there is no server",
        "run statements with iamql exec",
    ),
];

/// Returns an error to show instead of clap's, if it is about an option or command of StackQL.
pub(super) fn refused(error: &clap::Error) -> Option<Error> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let typed = context(ContextKind::InvalidArg)?;
            let option = typed.split('=').next().unwrap_or(typed);
            if let Some(file) = data_file(option) {
                return Some(
                    Error::usage(format!(
                        "templates are not supported, so `{file}` is not read"
                    ))
                    .hint("-q is --quiet here; pass values as --param name=value, and write $name"),
                );
            }
            let known = |name: &str| name.eq_ignore_ascii_case(option);
            if LEFT_OUT.into_iter().any(known) {
                return Some(
                    Error::usage(format!("`{option}` has no effect here")).hint("leave it out"),
                );
            }
            let instead = REPLACED.iter().find(|instead| known(instead.option))?;
            Some(
                Error::usage(format!("no option `{option}`: {}", instead.reason))
                    .hint(instead.hint),
            )
        }
        ErrorKind::InvalidSubcommand => {
            let typed = context(ContextKind::InvalidSubcommand)?;
            let (reason, hint) = match typed {
                "srv" | "mcp" => (
                    "iamql runs on the command line and is not a server",
                    "run statements with iamql exec",
                ),
                "registry" => (
                    "the one provider is built in",
                    "leave it out; SHOW PROVIDERS tells its version",
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
        for instead in &REPLACED {
            let typed = format!("{}=x", instead.option);
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
        insta::assert_snapshot!(of(&["exec", "SELECT 1", "-q", "data.json"]).unwrap(), @"templates are not supported, so `data.json` is not read (-q is --quiet here; pass values as --param name=value, and write $name)");
    }

    #[test]
    fn commands_of_stackql_are_refused_with_what_to_use() {
        insta::assert_snapshot!(of(&["srv"]).unwrap(), @"no command `srv`: iamql runs on the command line and is not a server (run statements with iamql exec)");
    }
}
