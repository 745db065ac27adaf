//! The command line: what was typed becomes a configuration, a session, and statements that run one after another.
//!
//! This is the edge of the program, where the environment, files, signals and the terminal are. It depends on all
//! rooms; none depends on it.

pub mod args;
mod auth;
pub mod config;
mod connect;
mod man;
mod stackql;

use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode as ProcessExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use clap::FromArgMatches;
use etcetera::BaseStrategy;

use crate::api::Traffic;
use crate::error::{Error, ErrorKind};
use crate::render::RenderOptions;
use crate::sandbox::{Sandbox, SandboxConfig, UnknownKey};
use crate::session::{self, Confirm, Interrupt, Session, Unsaved};
use crate::shell::{self, Opened, Setup};
use crate::sql::operation::Operation;
use crate::sql::split::split;
use crate::terminal::exit::ExitCode;
use crate::terminal::output::Output;
use crate::terminal::{Progress, enable_progress, notes};
use args::{Args, Command, Common, SandboxArgs, When};
use config::{Config, Environment};

/// The stack of the threads that queries run on, which go over the same expressions in smaller steps.
const WORKER_STACK: usize = 64 * 1024 * 1024;

/// Runs the program and returns how it ends.
pub fn run() -> ProcessExitCode {
    save_secrets_at_a_panic();
    let program = std::thread::Builder::new()
        .name("main".to_owned())
        .stack_size(session::STACK)
        .spawn(run_here);
    match program.map(JoinHandle::join) {
        Ok(Ok(code)) => code,
        // It has told what it was about.
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        // Where so much address space is not to be had, there is still the stack that there is.
        Err(_) => run_here(),
    }
}

/// Keeps the secrets of created keys at a panic, which nothing that runs behind it would do.
fn save_secrets_at_a_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let saved = session::save_held();
        tell(panic);
        for (path, saved) in saved {
            let path = path.display();
            match saved {
                Ok(1) => notes::warn(&format!(
                    "the secret of a key that was created is in `{path}`"
                )),
                Ok(n) => notes::warn(&format!(
                    "the secrets of {n} keys that were created are in `{path}`"
                )),
                Err(error) => notes::warn(&format!(
                    "keys were created, and their secrets cannot be saved to `{path}` ({error}): revoke them"
                )),
            }
        }
    }));
}

fn run_here() -> ProcessExitCode {
    let matches = args::command().try_get_matches();
    let args = match matches.and_then(|matches| Args::from_arg_matches(&matches)) {
        Ok(args) => args,
        Err(error) => match stackql::refused(&error) {
            Some(refused) => {
                notes::error(&refused);
                return ExitCode::from(refused.kind).into();
            }
            None => error.exit(),
        },
    };
    notes::use_color(use_color(
        args.common.color,
        std::io::stderr().is_terminal(),
    ));
    trace_requests(args.common.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(WORKER_STACK)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(args)),
        Err(error) => Err(Error::statement("the program cannot start").caused_by(error)),
    };
    match outcome {
        Ok(()) => ExitCode::Success.into(),
        Err(error) => {
            notes::error(&error);
            ExitCode::from(error.kind).into()
        }
    }
}

async fn dispatch(mut args: Args) -> Result<(), Error> {
    let scripts = match args.command.take() {
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut args::command(), "iamql", &mut script);
            return print(&script);
        }
        Some(Command::Man { command }) => return print(&man::page(command.as_deref())?),
        Some(Command::Sandbox(sandbox)) => return serve_sandbox(&sandbox).await,
        Some(Command::Shell) => None,
        Some(Command::Exec(exec)) => {
            args.common.output_file = args.common.output_file.or(exec.outfile);
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
    let environment: Environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let file = config_file(&args.common)?;
    enable_progress(args.common.quiet, args.common.verbose > 0);
    if let Some(unsaved) = unsaved() {
        remind_of(&unsaved);
    }
    let Some(scripts) = scripts else {
        return run_shell(args.common, environment, file).await;
    };
    let interrupt = Interrupt::default();
    let mut output = Output::open(
        args.common.output.unwrap_or_default(),
        render_options(&args.common)?,
        args.common.output_file.as_deref(),
        &interrupt,
    )?;
    let opened = open(&args.common, &environment, &file, None).await?;
    let _signals = watch_signals(&interrupt)?;
    for (position, script) in scripts.iter().enumerate() {
        let quiet = args.common.quiet;
        run_script(&opened.session, script, &mut output, &interrupt, quiet)
            .await
            .map_err(|error| unfinished(error, &scripts[position + 1..].join(";\n")))?;
    }
    Ok(())
}

/// Opens a session as `args` over `environment` over `file` say; `confirm` asks a person, if there is one.
async fn open(
    args: &Common,
    environment: &Environment,
    file: &config::File,
    confirm: Option<Arc<dyn Confirm>>,
) -> Result<Opened, Error> {
    let config = Config::resolve(args, environment, file)?;
    if let Some(auth) = &args.auth
        && auth::is_in_the_clear(auth.reveal())
    {
        notes::warn(
            "--auth holds a password, which others on this machine can read; name a variable with password_var instead",
        );
    }
    let (connection, sandbox) = if args.sandbox {
        let sandbox = Sandbox::start(SandboxConfig::default())
            .await
            .map_err(|error| {
                Error::usage("the sandbox cannot listen on loopback").caused_by(error)
            })?;
        let connection =
            connect::connect_to_sandbox(&config, &sandbox.url(), sandbox.credentials())?;
        (connection, Some(sandbox))
    } else {
        (connect::connect(&config).await?, None)
    };
    let options = session::Options {
        read_only: config.read_only,
        dry_run: args.dry_run,
        yes: args.yes,
        max_affected: config.max_affected,
        discard_secrets: args.discard_secrets,
        allow_self_delete: args.allow_self_delete,
        confirm,
        unsaved: unsaved(),
        params: config.params,
        timeout: config.timeout,
    };
    Ok(Opened {
        session: Session::open(connection, options).await?,
        sandbox,
    })
}

/// Runs the shell.
async fn run_shell(
    args: Common,
    environment: Environment,
    file: config::File,
) -> Result<(), Error> {
    let asking = shell::AtTerminal::default();
    let confirm = std::io::stdin()
        .is_terminal()
        .then(|| Arc::new(asking.clone()) as Arc<dyn Confirm>);
    let opened = open(&args, &environment, &file, confirm.clone()).await?;
    let interrupt = Interrupt::default();
    let _signals = watch_signals(&interrupt)?;
    shell::run(Setup {
        opened,
        profiles: file.profiles.keys().cloned().collect(),
        format: args.output.unwrap_or_default(),
        render: render_options(&args)?,
        output_file: args.output_file.clone(),
        quiet: args.quiet,
        interrupt,
        asking,
        config_dir: config_dir(),
        state_dir: state_dir(),
        reopen: Box::new(move |profile| {
            let mut args = args.clone();
            if profile.is_some() {
                (args.sandbox, args.endpoint, args.auth) = (false, None, None);
                args.profile = profile;
            }
            let (environment, confirm) = (environment.clone(), confirm.clone());
            Box::pin(async move {
                // The file may have changed since.
                open(&args, &environment, &config_file(&args)?, confirm).await
            })
        }),
    })
    .await
}

/// Runs the statements of `script` one after another, up to the first that fails.
async fn run_script(
    session: &Session,
    script: &str,
    output: &mut Output,
    interrupt: &Interrupt,
    quiet: bool,
) -> Result<(), Error> {
    let script = split(script);
    for (position, piece) in script.pieces.iter().enumerate() {
        let traffic = Arc::new(Traffic::default());
        let progress = Progress::of(&traffic);
        let report = session
            .run(piece, traffic, output, interrupt)
            .await
            .map_err(|error| {
                let rest = script.pieces[position + 1..].iter();
                let rest: Vec<&str> = rest.map(|piece| piece.text.as_str()).collect();
                unfinished(error, &rest.join(";\n"))
            })?;
        drop(progress);
        for warning in &report.warnings {
            notes::warn(&warning.to_string());
        }
        if !quiet {
            notes::say(&notes::summary(&report, true));
        }
    }
    match script.broken {
        Some((piece, error)) => Err(session::in_statement(error, &piece.text, piece.line)),
        None => Ok(()),
    }
}

/// A reader that goes away is no error, unless statements that change something have not been run because of it.
fn unfinished(error: Error, rest: &str) -> Error {
    let writes = split(rest).pieces.iter().any(|piece| {
        matches!(
            Operation::read(&piece.text),
            Ok(Operation::Write { is_dry: false, .. } | Operation::Stackql(_))
        )
    });
    match error.kind == ErrorKind::BrokenPipe && writes {
        true => Error::new(
            ErrorKind::Io,
            "the reader of the rows went away, and what follows was not run",
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
    read().map_err(|error| {
        Error::usage(format!("cannot read statements from `{}`", path.display())).caused_by(error)
    })
}

fn render_options(args: &Common) -> Result<RenderOptions, Error> {
    let is_terminal = std::io::stdout().is_terminal();
    let delimiter = match args.delimiter {
        None => None,
        Some(c) => Some(u8::try_from(c).ok().filter(u8::is_ascii).ok_or_else(|| {
            Error::usage(format!("--delimiter `{c}` is not one ASCII character"))
        })?),
    };
    Ok(RenderOptions {
        header: !args.no_header,
        width: terminal_size::terminal_size()
            .filter(|_| is_terminal)
            .map(|(width, _)| usize::from(width.0)),
        color: use_color(args.color, is_terminal),
        delimiter,
        csv_guard: args.csv_guard,
        ..RenderOptions::default()
    })
}

/// Returns whether to use colours on a stream, as <https://no-color.org> and the terminal's type say.
fn use_color(when: When, is_terminal: bool) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => {
            is_terminal
                && !is_set("NO_COLOR")
                && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

/// Reads `config.toml`; that there is none is no error.
fn config_file(args: &Common) -> Result<config::File, Error> {
    let Some(path) = config_dir().map(|dir| dir.join("config.toml")) else {
        return Ok(config::File::default());
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => config::File::parse(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && args.profile.is_none() => {
            Ok(config::File::default())
        }
        Err(error) => Err(Error::usage(format!("cannot read `{}`", path.display()))
            .caused_by(error)
            .hint("profiles stand in that file, as [profiles.NAME]")),
    }
}

/// Returns the directory of `config.toml` and `iamqlrc`.
fn config_dir() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("iamql"))
}

/// Returns the directory of the history and of secrets that could not be delivered.
fn state_dir() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    let dir = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
    Some(dir.join("iamql"))
}

/// Returns where secrets go that cannot be delivered.
fn unsaved() -> Option<Unsaved> {
    state_dir().map(|dir| Unsaved::in_dir(&dir))
}

/// Tells of secrets that an earlier run could not deliver.
fn remind_of(unsaved: &Unsaved) {
    let path = unsaved.path().display();
    let held = match unsaved.count() {
        Ok(0) => return,
        Ok(1) => "holds a secret".to_owned(),
        Ok(n) => format!("holds {n} secrets"),
        Err(error) => format!("cannot be read ({error}) and may hold secrets"),
    };
    notes::warn(&format!(
        "`{path}` {held} that may not have been delivered; take what you need and remove the file"
    ));
}

/// Shows requests on stderr, from `-v` on.
fn trace_requests(verbose: u8) {
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;

    let level = match verbose {
        0 => return,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time();
    tracing_subscriber::registry()
        .with(layer)
        .with(Targets::new().with_target("iamql", level))
        .init();
}

/// Raises `interrupt` at Ctrl-C and SIGTERM, for as long as the returned guard lives.
fn watch_signals(interrupt: &Interrupt) -> Result<tokio::task::JoinHandle<()>, Error> {
    let failed =
        |error: std::io::Error| Error::statement("signals cannot be watched").caused_by(error);
    let interrupt = interrupt.clone();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut ctrl_c = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
        Ok(tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = ctrl_c.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                if interrupt.is_raised() {
                    notes::tell(
                        "stopping: requests that change keys are under way, and are waited for",
                    );
                }
                interrupt.raise();
            }
        }))
    }
    #[cfg(not(unix))]
    {
        let _ = failed;
        Ok(tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                interrupt.raise();
            }
        }))
    }
}

/// Serves the sandbox until the program is stopped.
async fn serve_sandbox(args: &SandboxArgs) -> Result<(), Error> {
    let faults = args
        .faults
        .iter()
        .map(|fault| fault.parse())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Error::usage("--fault is not understood").caused_by(error))?;
    let config = SandboxConfig {
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
    let _signals = watch_signals(&interrupt)?;
    interrupt.raised().await;
    Ok(())
}

/// Writes what a command that runs no statement was asked for. A reader that goes away is no error.
fn print(text: &[u8]) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::statement("stdout cannot be written").caused_by(error))
        }
        _ => Ok(()),
    }
}
