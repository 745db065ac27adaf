//! The command line as it was typed.
//!
//! `settings` turns it into plain values; [`crate::terminal`] combines them with the environment and
//! `config.toml`.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PathBufValueParser, PossibleValuesParser, TypedValueParser};
use clap::{
    Arg, ArgAction, Args as ClapArgs, ColorChoice, CommandFactory, Parser, Subcommand, ValueEnum,
};

use crate::dialect::Dialect;
use crate::mcp::Bounds;
use crate::render::OutputFormat;
use crate::sandbox::Contract;
use crate::secret::Secret;
use crate::terminal::directories::expand_home;

/// SQL for Confluent Cloud's API keys
#[derive(Debug, Clone, Parser)]
#[command(
    name = "iamql",
    version = env!("IAMQL_VERSION"),
    max_term_width = 100,
    args_conflicts_with_subcommands = false,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  iamql --sandbox
      A shell on a simulated organization; needs no account
  iamql -e \"SELECT id, display_name FROM vw_api_keys WHERE owner_id = 'sa-1'\"
      The keys of one service account
  iamql -o csv -e \"SELECT * FROM vw_api_keys WHERE age_days >= 90\" > old.csv
      Keys that are at least 90 days old, for a spreadsheet
  iamql --dry-run -e \"DELETE FROM api_keys WHERE spec.owner.id = 'u-1'\"
      What would be sent, without sending it

Environment:
  CONFLUENT_CLOUD_API_KEY, CONFLUENT_CLOUD_API_SECRET
      A Cloud API key and its secret; a profile in config.toml works too
  CONFLUENT_CLOUD_ACCESS_TOKEN
      A bearer token, in place of the two
  CONFLUENT_CLOUD_ENDPOINT
      Base URL of the service"
)]
pub struct Args {
    /// Run this SQL and exit; may be given several times
    #[arg(
        short = 'e',
        long = "execute",
        value_name = "SQL",
        allow_hyphen_values = true,
        value_parser = sql,
        conflicts_with = "file",
        help_heading = "Statements"
    )]
    pub execute: Vec<String>,

    /// Run the statements of this file and exit; - is stdin
    #[arg(
        short = 'f',
        long = "file",
        visible_short_alias = 'i',
        alias = "infile",
        value_name = "FILE",
        value_parser = path(),
        help_heading = "Statements"
    )]
    pub file: Vec<PathBuf>,

    /// Options of all commands that run statements.
    #[command(flatten)]
    pub common: Common,

    /// What to do instead of running statements from flags.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Takes SQL, which may begin with a comment. Anything else that begins with a hyphen is a flag, so the SQL is missing.
fn sql(text: &str) -> Result<String, String> {
    let is_comment = text
        .strip_prefix("--")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
    match text.starts_with('-') && !is_comment {
        true => Err("expected SQL, found a flag".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// What to do instead of running statements from flags.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Start the interactive shell
    Shell,
    /// Run SQL and exit, with StackQL's options
    #[command(after_help = "\
Examples:
  iamql exec \"SELECT count(*) FROM confluent.iam.api_keys\" --output json
  iamql exec -i audit.sql --output csv -f audit.csv")]
    Exec(Exec),
    /// Serve AI assistants on stdin and stdout; they can only read
    #[command(after_help = "\
An MCP client starts it; docs/mcp.md shows how common ones are configured.
Nothing that a client says changes a key, reads a file or shows a secret. Each
call leaves a line on stderr.

Examples:
  iamql mcp --sandbox
      A simulated organization, to try it
  iamql mcp --profile reader --max-requests 20
      The keys that this profile may see, with fewer requests for each call")]
    Mcp(McpArgs),
    /// Serve the simulated service on loopback until stopped
    #[command(after_help = "\
It prints the variables that point iamql, or any other client, to it: an API key with its secret, or a bearer token.

Examples:
  iamql sandbox --keys 5000 --latency-ms 20
      A large organization, with 20 ms of latency
  iamql sandbox --port 0 --fault every=5:503 --fault nth=2:429,retry-after=1
      A service that fails now and then, on any free port")]
    Sandbox(Box<SandboxArgs>),
    /// Print the completion script of a shell
    #[command(after_help = "\
Examples:
  source <(iamql completions bash)
      For this shell; put it in ~/.bashrc for every new one
  iamql completions zsh > \"${fpath[1]}/_iamql\"
  iamql completions fish > ~/.config/fish/completions/iamql.fish
  iamql completions powershell | Out-String | Invoke-Expression")]
    Completions {
        /// Shell to print it for
        shell: clap_complete::Shell,
    },
    /// Print the names of the profiles, one a line, for completion
    #[command(hide = true)]
    Profiles,
    /// Print a page of the manual
    #[command(after_help = "\
Examples:
  iamql man > iamql.1
  iamql man sandbox > iamql-sandbox.1
  iamql man | man -l -
      Read it at once, on Linux")]
    Man {
        /// Command that the page is about, rather than iamql itself
        command: Option<String>,
    },
}

/// Returns the declaration of the command line. Commands that run no statement accept the common options but do not
/// list them.
pub fn command() -> clap::Command {
    let command = Args::command();
    let global = command.get_arguments().filter(|arg| arg.is_global_set());
    let hidden: Vec<Arg> = global.map(|arg| arg.clone().hide(true)).collect();
    WITHOUT_STATEMENTS
        .into_iter()
        .fold(command, |command, name| {
            command.mut_subcommand(name, |sub| sub.args(hidden.clone()))
        })
}

/// The commands that run no statement.
pub(super) const WITHOUT_STATEMENTS: [&str; 3] = ["sandbox", "completions", "man"];

/// Returns what was typed as `--color`, before anything else is read: errors of the command line obey it, too.
pub(super) fn typed_color(typed: &[OsString]) -> ColorChoice {
    let mut values = typed.iter().enumerate().filter_map(|(at, arg)| {
        let arg = arg.to_str()?;
        match arg.strip_prefix("--color") {
            Some("") => typed.get(at + 1)?.to_str(),
            Some(value) => value.strip_prefix('='),
            None => None,
        }
    });
    match values.next_back() {
        Some("never") => ColorChoice::Never,
        Some("always") => ColorChoice::Always,
        _ => ColorChoice::Auto,
    }
}

/// `iamql exec`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Exec {
    /// SQL to run
    #[arg(value_name = "SQL", required_unless_present = "infile")]
    pub sql: Option<String>,

    /// Run the statements of this file instead; - is stdin
    #[arg(short = 'i', long, value_name = "FILE", value_parser = path(), conflicts_with = "sql")]
    pub infile: Option<PathBuf>,

    /// Write rows to this file
    #[arg(short = 'f', long, value_name = "FILE", value_parser = path())]
    pub outfile: Option<PathBuf>,

    /// Read variables from this file, over those of the environment
    #[arg(long = "env.file", value_name = "FILE", value_parser = path())]
    pub env_file: Option<PathBuf>,

    /// What wrapper scripts pass to StackQL, and has no effect here.
    #[command(flatten)]
    pub ignored: Ignored,
}

/// Options of `stackql exec` that are accepted, so that scripts keep working, and have no effect here.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Ignored {
    /// Where StackQL keeps its providers.
    #[arg(long, hide = true, value_name = "DIR")]
    pub approot: Option<String>,

    /// Whether it does without the registry.
    #[arg(long, hide = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub offline: Option<String>,

    /// What it logs.
    #[arg(long, hide = true, value_name = "LEVEL")]
    pub loglevel: Option<String>,

    /// How many pages it reads.
    #[arg(
        long = "http.response.pageLimit",
        hide = true,
        value_name = "N",
        allow_hyphen_values = true
    )]
    pub page_limit: Option<String>,

    /// How many rows it reads.
    #[arg(
        long = "http.response.maxResults",
        hide = true,
        value_name = "N",
        allow_hyphen_values = true
    )]
    pub max_results: Option<String>,
}

/// `iamql mcp`.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub struct McpArgs {
    /// Most rows in one result
    #[arg(long, value_name = "N", default_value_t = Bounds::default().rows)]
    pub max_rows: usize,

    /// Most bytes of rows in one result
    #[arg(long, value_name = "N", default_value_t = Bounds::default().bytes)]
    pub max_bytes: usize,

    /// Most requests for one call
    #[arg(long, value_name = "N", default_value_t = Bounds::default().requests)]
    pub max_requests: u64,
}

impl McpArgs {
    /// Returns the bounds of a call.
    pub(super) fn bounds(self) -> Bounds {
        Bounds {
            rows: self.max_rows,
            bytes: self.max_bytes,
            requests: self.max_requests,
        }
    }
}

/// `iamql sandbox`.
#[derive(Debug, Clone, ClapArgs)]
pub struct SandboxArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8089)]
    pub port: u16,

    /// Edition of the service's contract: 0.4, or 0.5 of September 2026
    #[arg(
        long,
        value_name = "VERSION",
        default_value_t = Contract::DEFAULT,
        value_parser = PossibleValuesParser::new(Contract::ALL.map(Contract::number))
            .try_map(|number| number.parse::<Contract>())
    )]
    pub contract: Contract,

    /// Keys in the organization
    #[arg(long, value_name = "N", default_value_t = 250)]
    pub keys: usize,

    /// Seed to generate the organization from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Milliseconds to delay every answer
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub latency_ms: u64,

    /// Fault to inject, such as every=3:503; may be given several times
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<String>,

    /// Most keys that the organization may hold
    #[arg(long, value_name = "N")]
    pub quota: Option<usize>,

    /// Answer 404 instead of 403 for keys that do not exist
    #[arg(long)]
    pub unknown_key_is_404: bool,
}

/// Options of all commands that run statements.
#[derive(Debug, Clone, ClapArgs)]
pub struct Common {
    /// How rows are written
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        value_enum,
        help_heading = "Output"
    )]
    pub output: Option<OutputFormat>,

    /// Write rows to this file instead of stdout
    #[arg(long, global = true, value_name = "FILE", value_parser = path(), help_heading = "Output")]
    pub output_file: Option<PathBuf>,

    /// Omit the line of column names
    #[arg(
        short = 'H',
        long,
        alias = "hideheaders",
        global = true,
        help_heading = "Output"
    )]
    pub no_header: bool,

    /// Character between csv fields
    #[arg(
        short,
        long,
        global = true,
        value_name = "CHAR",
        value_parser = delimiter,
        help_heading = "Output"
    )]
    pub delimiter: Option<char>,

    /// Mark csv and tsv cells that a spreadsheet would run as a formula
    #[arg(long, global = true, help_heading = "Output")]
    pub csv_guard: bool,

    /// Exit with code 3 if the last statement returned rows
    #[arg(long, global = true, help_heading = "Output")]
    pub fail_on_rows: bool,

    /// Print rows, warnings and errors, and nothing else
    #[arg(short, long, global = true, help_heading = "Output")]
    pub quiet: bool,

    /// Show requests on stderr; twice for their bodies too
    #[arg(short, long, alias = "http.log.enabled", global = true, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = When::Auto, help_heading = "Output")]
    pub color: When,

    /// Base URL of the service
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection")]
    pub endpoint: Option<String>,

    /// Run against a simulated organization of 250 keys inside this process
    #[arg(long, global = true, conflicts_with_all = ["endpoint", "profile", "auth"], help_heading = "Connection")]
    pub sandbox: bool,

    /// Profile of config.toml to take credentials and settings from
    #[arg(long, global = true, value_name = "NAME", help_heading = "Connection")]
    pub profile: Option<String>,

    /// Where credentials are, in StackQL's format: {"confluent": {"type": "basic", "username_var": "…", "password_var": "…"}}
    #[arg(
        long,
        global = true,
        value_name = "JSON",
        help_heading = "Connection",
        value_parser = secret
    )]
    pub auth: Option<Secret>,

    /// PEM file of certificates to trust besides the system's
    #[arg(
        long,
        alias = "tls.CABundle",
        global = true,
        value_name = "FILE",
        value_parser = path(),
        help_heading = "Connection"
    )]
    pub ca_cert: Option<PathBuf>,

    /// Seconds for one request with its retries and waits, and for planning [default: 60]
    #[arg(
        long,
        alias = "apirequesttimeout",
        global = true,
        value_name = "SECONDS",
        help_heading = "Connection"
    )]
    pub timeout: Option<u64>,

    /// Requests in parallel [default: 8]
    #[arg(
        long,
        alias = "execution.concurrency.limit",
        global = true,
        value_name = "N",
        help_heading = "Connection"
    )]
    pub concurrency: Option<usize>,

    /// Show the requests that writes would send, and send none that change anything
    #[arg(long, alias = "dryrun", global = true, help_heading = "Safety")]
    pub dry_run: bool,

    /// Refuse every statement that changes keys or local files
    #[arg(long, global = true, help_heading = "Safety")]
    pub read_only: bool,

    /// Let statements neither read nor write local files
    #[arg(long, global = true, help_heading = "Safety")]
    pub no_files: bool,

    /// Memory that statements may hold at a time, in MiB [default: 1024]
    #[arg(long, global = true, value_name = "N", help_heading = "Safety")]
    pub memory_limit: Option<usize>,

    /// Do not ask before a write to many keys
    #[arg(short, long, global = true, help_heading = "Safety")]
    pub yes: bool,

    /// Keys that a write may touch without being asked [default: 10]
    #[arg(long, global = true, value_name = "N", help_heading = "Safety")]
    pub max_affected: Option<usize>,

    /// Allow INSERT to lose the secrets of the keys that it creates
    #[arg(long, global = true, help_heading = "Safety")]
    pub discard_secrets: bool,

    /// Allow DELETE of the key that this session authenticates with
    #[arg(long, global = true, help_heading = "Safety")]
    pub allow_self_delete: bool,

    /// Dialect of SQL [default: default, and stackql for exec]
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        value_parser = PossibleValuesParser::new(Dialect::ALL.map(Dialect::name))
            .try_map(|name| name.parse::<Dialect>()),
        help_heading = "Statements"
    )]
    pub dialect: Option<Dialect>,

    /// Value of $NAME in statements; may be given several times
    #[arg(
        long = "param",
        alias = "var",
        global = true,
        value_name = "NAME=VALUE",
        help_heading = "Statements"
    )]
    pub params: Vec<String>,
}

/// Takes a path, in which `~` is the home directory: a shell expands it in `--file ~/x`, and not in `--file=~/x`.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().map(expand_home)
}

/// Takes a character, or `\t` for a tab.
fn delimiter(text: &str) -> Result<char, String> {
    let mut chars = text.chars();
    match (text, chars.next(), chars.next()) {
        ("\\t", ..) => Ok('\t'),
        (_, Some(c), None) => Ok(c),
        _ => Err("expected one character, or \\t for a tab".to_owned()),
    }
}

/// Takes an argument that may hold a password.
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// When to do something that depends on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// If there is a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl When {
    /// Returns what was asked for; None if that depends on the terminal.
    pub(super) fn wanted(self) -> Option<bool> {
        match self {
            Self::Auto => None,
            Self::Always => Some(true),
            Self::Never => Some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn what_auth_holds_is_not_shown() {
        let args = Args::parse_from(["iamql", "--auth", "canary"]);
        assert!(!format!("{args:?}").contains("canary"));
    }

    #[test]
    fn the_color_is_known_before_the_rest() {
        let color = |typed: &[&str]| {
            let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
            typed_color(&typed)
        };
        assert_eq!(
            color(&["iamql", "--color", "never", "--bogus"]),
            ColorChoice::Never
        );
        assert_eq!(color(&["iamql", "--color=always"]), ColorChoice::Always);
        assert_eq!(color(&["iamql", "--color"]), ColorChoice::Auto);
        assert_eq!(color(&["iamql", "--colors=never"]), ColorChoice::Auto);
    }

    #[test]
    fn every_path_may_begin_at_home() {
        let typed = ["iamql", "exec", "--env.file=~/e", "-i", "~/i", "-f", "~/f"];
        let all = ["--output-file=~/o", "--ca-cert", "~/c"];
        let args = Args::parse_from(typed.into_iter().chain(all));
        let Some(Command::Exec(exec)) = args.command else {
            panic!("it is `exec`");
        };
        let file = Args::parse_from(["iamql", "-f", "~/s"]).file.pop();
        let common = [args.common.output_file, args.common.ca_cert, file];
        for path in [exec.env_file, exec.infile, exec.outfile]
            .into_iter()
            .chain(common)
        {
            let path = path.unwrap();
            assert!(path.is_absolute() && !path.starts_with("~"), "{path:?}");
        }
    }

    #[test]
    fn no_option_takes_a_secret() {
        let mut command = Args::command();
        command.build();
        for arg in command.get_arguments() {
            let name = arg.get_id().as_str();
            let takes_value = arg.get_action().takes_values();
            assert!(
                !takes_value
                    || !["secret", "password", "token"]
                        .iter()
                        .any(|s| name.contains(s)),
                "{name}"
            );
        }
    }
}
