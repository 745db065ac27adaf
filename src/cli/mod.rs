//! The command line: what was typed becomes settings, a session, and statements that run one after another.
//!
//! It reads flags and scripts, and starts the other edges and the sandbox. Opening sessions, output and signals are
//! [`crate::terminal`]'s. No room depends on it.

pub(crate) mod args;
mod completions;
mod corrected;
mod env_file;
mod man;
mod settings;
mod stackql;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode as ProcessExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use clap::FromArgMatches;

use crate::api::Traffic;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind};
use crate::mcp;
use crate::render::OutputFormat;
use crate::sandbox::{Sandbox, SandboxConfig, UnknownKey};
use crate::session::{self, Interrupt};
use crate::shell::{self, Setup};
use crate::sql::operation::Operation;
use crate::sql::split::{split, without_mark};
use crate::terminal::color::use_color;
use crate::terminal::exit::ExitCode;
use crate::terminal::open::{OpenSession, Opener, Settings};
use crate::terminal::output::Output;
use crate::terminal::{Progress, enable_progress, log, notes, secrets, signals};
use args::{Args, Command, SandboxArgs};

/// The stack of the threads that run queries. They recurse over the same expressions with smaller frames than the
/// planner.
const WORKER_STACK: usize = 64 * 1024 * 1024;

/// How long the program waits at its end for threads that may still write a file which is to be removed.
const LAST_WRITES: Duration = Duration::from_millis(200);

/// Runs the program and returns how it ends.
pub fn run() -> ProcessExitCode {
    secrets::seal_memory();
    secrets::save_at_a_panic();
    let program = std::thread::Builder::new()
        .name("main".to_owned())
        .stack_size(session::STACK)
        .spawn(run_here);
    match program.map(JoinHandle::join) {
        Ok(Ok(code)) => code,
        Ok(Err(panic)) => {
            notes::error(&session::panicked(panic.as_ref()));
            ExitCode::Failure.into()
        }
        // If there is not enough address space for such a stack, the default stack has to do.
        Err(_) => run_here(),
    }
}

fn run_here() -> ProcessExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    if let Some(refused) = stackql::template_data(&typed) {
        notes::error(&refused);
        return ExitCode::from(refused.kind).into();
    }
    let color = args::typed_color(&typed);
    let matches = args::command().color(color).try_get_matches_from(typed);
    let args = match matches.and_then(|matches| Args::from_arg_matches(&matches)) {
        Ok(args) => args,
        Err(error) => match stackql::refused(&error).or_else(|| corrected::corrected(&error)) {
            Some(refused) => {
                notes::error(&refused);
                return ExitCode::from(refused.kind).into();
            }
            None => return unparsed(&error),
        },
    };
    notes::use_color(use_color(
        args.common.color.wanted(),
        std::io::stderr().is_terminal(),
    ));
    log::show_requests(args.common.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(WORKER_STACK)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(dispatch(args));
            // A thread that never yields, or waits for a file forever, must not keep the program.
            match session::has_staged() {
                true => runtime.shutdown_timeout(LAST_WRITES),
                false => runtime.shutdown_background(),
            }
            session::remove_staged();
            outcome
        }
        Err(error) => Err(Error::statement("the program cannot start").caused_by(error)),
    };
    match outcome {
        Ok(code) => code.into(),
        Err(error) => {
            notes::error(&error);
            ExitCode::from(error.kind).into()
        }
    }
}

/// Shows what clap says about a command line that it cannot use, or the help that was asked for. An error repeats what
/// was typed, which may be anything.
fn unparsed(error: &clap::Error) -> ProcessExitCode {
    if !error.use_stderr() {
        // Help and the version are ours. If nobody reads them, that is no error.
        let _ = error.print();
        return ExitCode::Success.into();
    }
    notes::visible(&error.render().to_string());
    ExitCode::Usage.into()
}

async fn dispatch(mut args: Args) -> Result<ExitCode, Error> {
    let succeeded = |()| ExitCode::Success;
    let mut variables = BTreeMap::new();
    let scripts = match args.command.take() {
        Some(Command::Completions { shell }) => {
            return print(completions::script(shell).as_bytes()).map(succeeded);
        }
        Some(Command::Profiles) => {
            let opener = Opener::new(args.common.settings()?)?;
            let names = opener.profiles().into_iter();
            let names: String = names.map(|name| name + "\n").collect();
            return print(names.as_bytes()).map(succeeded);
        }
        Some(Command::Man { command }) => {
            return print(&man::page(command.as_deref())?).map(succeeded);
        }
        Some(Command::Sandbox(sandbox)) => return serve_sandbox(&sandbox).await.map(succeeded),
        Some(Command::Mcp(bounds)) => {
            let served = mcp::run(args.common.settings()?, bounds.bounds()).await;
            return served.map(succeeded);
        }
        Some(Command::Shell) => None,
        Some(Command::Exec(exec)) => {
            args.common.dialect.get_or_insert(Dialect::Stackql);
            args.common.output_file = args.common.output_file.or(exec.outfile);
            stackql::warn_of_ignored(&exec.ignored);
            if let Some(file) = &exec.env_file {
                variables = env_file::read(file)?;
            }
            match (exec.infile, exec.sql) {
                (Some(file), _) => Some(vec![read_script(&file)?]),
                (None, sql) => sql.map(|sql| vec![sql]),
            }
        }
        None if !args.execute.is_empty() => Some(std::mem::take(&mut args.execute)),
        None if !args.file.is_empty() => {
            let scripts = args.file.iter().map(|file| read_script(file));
            Some(scripts.collect::<Result<Vec<_>, _>>()?)
        }
        None if !std::io::stdin().is_terminal() => Some(vec![read_script(Path::new("-"))?]),
        None => None,
    };
    let args = args.common;
    let settings = Settings {
        variables,
        ..args.settings()?
    };
    let opener = Opener::new(settings)?;
    enable_progress(args.quiet, args.verbose > 0);
    secrets::remind();
    let by_name = match (args.output, args.output_file.as_deref()) {
        (None, Some(file)) => format_of_file(file)?,
        _ => None,
    };
    let (format, render) = (args.output.or(by_name), args.render_options()?);
    let Some(scripts) = scripts else {
        if args.fail_on_rows {
            return Err(Error::usage("--fail-on-rows is for scripts")
                .hint("give it statements with -e, with -f, or on stdin"));
        }
        let setup = Setup {
            format,
            opener,
            render,
            output_file: args.output_file,
            quiet: args.quiet,
            reader_limit: args.timeout.map(Duration::from_secs),
        };
        return shell::run(setup).await.map(succeeded);
    };
    scripts
        .iter()
        .try_for_each(|script| refuse_commands(script))?;
    let interrupt = Interrupt::with_reader_limit(args.timeout.map(Duration::from_secs));
    let format = format.unwrap_or_default();
    if args.delimiter.is_some()
        && !format.takes_delimiter()
        && !scripts.iter().any(|script| says_copy(script))
    {
        notes::warn(&format!(
            "--delimiter is for csv and tsv, and the rows are written as {format}"
        ));
    }
    // First, so that a signal never leaves a staged file behind.
    let _signals = signals::watch(&interrupt)?;
    let mut output = Output::open(format, render, args.output_file.as_deref(), &interrupt)?;
    let opened = interrupt.stops(opener.open()).await?;
    let mut last = Last::default();
    for (position, script) in scripts.iter().enumerate() {
        let run = run_script(&opened, script, &mut output, &interrupt, args.quiet).await;
        last = match run {
            Ok(of_script) => of_script.unwrap_or(last),
            // Whoever has read enough has read rows.
            Err(stopped)
                if args.fail_on_rows && stopped.at_rows_of_last(&scripts[position + 1..]) =>
            {
                Last {
                    has_rows: true,
                    ..Last::default()
                }
            }
            Err(stopped) => {
                let rest = [&[stopped.rest][..], &scripts[position + 1..]].concat();
                let mut error = unfinished(stopped.error, &rest.join(";\n"));
                error.notes.extend(output.unfinished());
                return Err(error);
            }
        };
    }
    output.commit()?;
    match last {
        _ if !args.fail_on_rows => Ok(ExitCode::Success),
        Last { has_rows: true, .. } => Ok(ExitCode::Rows),
        Last { skipped: 0, .. } => Ok(ExitCode::Success),
        Last { skipped, .. } => Err(unchecked(skipped)),
    }
}

/// Returns the format that the name of `file` stands for.
///
/// # Errors
///
/// Fails for a file that is to be compressed, which only COPY does.
fn format_of_file(file: &Path) -> Result<Option<OutputFormat>, Error> {
    let format = OutputFormat::of_path(file);
    let extension = file.extension().and_then(|extension| extension.to_str());
    let extension = extension.map(str::to_lowercase);
    match extension.as_deref() {
        Some("gz" | "zst" | "bz2" | "xz") => Err(Error::usage(format!(
            "--output-file does not compress, and `{}` has the extension of a compressed file",
            file.display()
        ))
        .hint("COPY (SELECT …) TO 'name.csv.gz' compresses; to write the file uncompressed anyway, choose a format with -o")),
        Some("txt" | "text" | "log" | "out") | None => Ok(format),
        Some(_) => {
            if format.is_none() {
                notes::warn(&format!(
                    "`{}` has no known extension, so a table is written; choose a format with -o",
                    file.display()
                ));
            }
            Ok(format)
        }
    }
}

/// Returns true if a statement of `script` may write rows in a format of its own.
fn says_copy(script: &str) -> bool {
    script.to_lowercase().contains("copy")
}

/// What the last statement came to, for `--fail-on-rows`.
#[derive(Debug, Clone, Copy, Default)]
struct Last {
    /// True if it returned rows.
    has_rows: bool,
    /// The controls that could not be checked, and that no row reports.
    skipped: usize,
}

/// Returns the error of a statement whose rows are none, although there may be findings.
fn unchecked(controls: usize) -> Error {
    let (controls, were) = match controls {
        1 => ("a control".to_owned(), "was"),
        controls => (format!("{controls} controls"), "were"),
    };
    Error::statement(format!(
        "there are no rows, but {controls} {were} not checked"
    ))
    .hint(
        "`status <> 'info'` keeps the rows of skipped controls, which `status = 'alarm'` excludes",
    )
}

/// Refuses a script with a command of the shell in it, before any of it runs.
fn refuse_commands(script: &str) -> Result<(), Error> {
    match shell::first_command(script) {
        None => Ok(()),
        Some((line, command)) => Err(Error::usage(format!(
            "line {line}: `{command}` is a shell command, and only SQL statements run here"
        ))
        .hint("`iamql shell < FILE` runs a file of both, as \\i FILE does in the shell")),
    }
}

/// Why a script was not run to its end.
struct Stopped {
    error: Error,
    /// The statements that were not run.
    rest: String,
}

impl Stopped {
    /// Returns true if the reader of the rows went away, and nothing was left to be run: neither of this script nor
    /// `scripts`.
    fn at_rows_of_last(&self, scripts: &[String]) -> bool {
        let mut rest = std::iter::once(&self.rest).chain(scripts);
        self.error.kind == ErrorKind::BrokenPipe
            && rest.all(|script| split(script).pieces.is_empty())
    }
}

/// Runs the statements of `script` one after another, up to the first that fails. Returns what the last one came to; None
/// if there is none.
async fn run_script(
    opened: &OpenSession,
    script: &str,
    output: &mut Output,
    interrupt: &Interrupt,
    quiet: bool,
) -> Result<Option<Last>, Stopped> {
    let script = split(script);
    let mut last = None;
    for (position, piece) in script.pieces.iter().enumerate() {
        let traffic = Arc::new(Traffic::default());
        let progress = Progress::of(&traffic);
        let OpenSession {
            session, params, ..
        } = opened;
        let report = session
            .run(piece, params, traffic, output, interrupt)
            .await
            .map_err(|error| {
                let rest = script.pieces[position + 1..].iter();
                let rest: Vec<&str> = rest.map(|piece| piece.text.as_str()).collect();
                Stopped {
                    error,
                    rest: rest.join(";\n"),
                }
            })?;
        drop(progress);
        last = Some(Last {
            has_rows: output.take_has_rows(),
            skipped: report.skipped_controls(),
        });
        for warning in &report.warnings {
            notes::warn(&warning.to_string());
        }
        if !quiet {
            notes::done(&report, true);
        }
    }
    match script.broken {
        Some((piece, error)) => Err(Stopped {
            error: session::in_statement(error, &piece.text, piece.line),
            rest: String::new(),
        }),
        None => Ok(last),
    }
}

/// A reader that goes away is not an error, unless statements that change something were not run because of it.
fn unfinished(error: Error, rest: &str) -> Error {
    let changes = |piece| {
        Operation::read(piece, Dialect::default()).is_ok_and(|operation| operation.changes())
    };
    let unfinished = split(rest).pieces.iter().any(changes);
    match error.kind == ErrorKind::BrokenPipe && unfinished {
        true => Error::new(
            ErrorKind::Io,
            "the reader of the rows closed the pipe; later statements were not run",
        ),
        false => error,
    }
}

fn read_script(path: &Path) -> Result<String, Error> {
    let read = || -> io::Result<String> {
        if path == Path::new("-") {
            let mut script = String::new();
            std::io::stdin().lock().read_to_string(&mut script)?;
            return Ok(script);
        }
        std::fs::read_to_string(path)
    };
    let script = read().map_err(|error| {
        Error::usage(format!("cannot read statements from `{}`", path.display())).caused_by(error)
    })?;
    Ok(without_mark(&script).to_owned())
}

/// Serves the sandbox until the program is stopped.
async fn serve_sandbox(args: &SandboxArgs) -> Result<(), Error> {
    let faults = args
        .faults
        .iter()
        .map(|fault| fault.parse())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Error::usage("--fault is not valid").caused_by(error))?;
    let config = SandboxConfig {
        contract: args.contract,
        keys: args.keys,
        seed: args.seed,
        latency: Duration::from_millis(args.latency_ms),
        port: args.port,
        quota: args.quota,
        faults,
        unknown_key: match args.unknown_key_is_404 {
            true => UnknownKey::NotFound404,
            false => UnknownKey::Forbidden403,
        },
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::start(config).await.map_err(|error| {
        Error::usage(format!("the sandbox cannot listen on port {}", args.port))
            .caused_by(error)
            .hint("--port 0 takes a free one")
    })?;
    print(sandbox.banner().as_bytes())?;
    let interrupt = Interrupt::default();
    let _signals = signals::watch(&interrupt)?;
    interrupt.raised().await;
    Ok(())
}

/// Writes the output of a command that runs no statement. A reader that goes away is not an error.
fn print(text: &[u8]) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::statement("stdout cannot be written").caused_by(error))
        }
        _ => Ok(()),
    }
}
