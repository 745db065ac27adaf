//! A Model Context Protocol server on stdio: an AI assistant can read, and cannot change anything.
//!
//! The calls of a client become statements of one [confined](crate::session::Session::confined) session, and their rows become structured
//! content. It depends on [`crate::terminal`] for a session and for stderr, and on rmcp for the protocol. It never writes
//! to stdout but through the transport, and never trusts its client: that nothing changes, that no file is read and that
//! no more than so many requests are sent is up to the session and to the client of the service below it. The checks here
//! are for messages that say what was refused.
//!
//! - `server`: the protocol's side: what is offered, who is called;
//! - `tools`, `resources`, `prompts`: what is offered, as values;
//! - `statement`: the one statement of a call, and whether the tool takes it;
//! - `call`: one call from its arguments to its result;
//! - `rows`, `visible`: rows within their bounds, as JSON that hides nothing;
//! - `command_line`: what a person would type; `hints`: what a model can do instead;
//! - `audit`: the line on stderr.

mod audit;
mod bounds;
mod call;
mod command_line;
mod hints;
mod prompts;
mod resources;
mod rows;
mod server;
mod statement;
mod tools;
mod visible;

use std::io;
use std::time::Duration;

use rmcp::service::{QuitReason, ServerInitializeError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::error::{Error, ErrorKind};
use crate::session::Interrupt;
use crate::terminal::open::{Opener, Settings};
use crate::terminal::{notes, signals};

/// How long the client has to take what is being written when the server is stopped.
const PATIENCE: Duration = Duration::from_secs(1);

pub use bounds::Bounds;
pub use server::Server;

/// Serves the client on stdin and stdout until it leaves, or the program is stopped.
///
/// Fails if no session can be opened with `settings`, or the client does not speak the protocol.
pub(crate) async fn run(settings: Settings, bounds: Bounds) -> Result<(), Error> {
    let flags = command_line::flags(&settings);
    let params = settings.params.clone();
    let opener = Opener::new(Settings {
        // It is the client's.
        is_stdin_taken: true,
        ..settings
    })?;
    let opened = opener.open().await?;
    let interrupt = Interrupt::default();
    let _signals = signals::watch(&interrupt)?;
    let server = Server::new(&opened.session, bounds, notes::line)
        .await?
        .for_commands(flags)
        .with_params(params);
    let (reader, writer) = rmcp::transport::stdio();
    serve(server, reader, writer, &interrupt).await
}

/// Serves the client behind `reader` and `writer` until it leaves, or `interrupt` is raised.
///
/// # Errors
///
/// Fails if the client does not speak the protocol, or the connection breaks.
pub async fn serve<R, W>(
    server: Server,
    reader: R,
    writer: W,
    interrupt: &Interrupt,
) -> Result<(), Error>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let running = tokio::select! {
        started = rmcp::serve_server(server, (reader, writer)) => match started {
            Ok(running) => running,
            // A client that leaves before it has said anything.
            Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(error) => {
                let error = io::Error::other(error.to_string());
                return Err(Error::new(ErrorKind::Io, "the client does not speak the protocol")
                    .caused_by(error)
                    .hint("an MCP client starts this command, and talks to its stdin and stdout"));
            }
        },
        () = interrupt.raised() => return Ok(()),
    };
    let stop = running.cancellation_token();
    let mut served = std::pin::pin!(running.waiting());
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = interrupt.raised() => {
            stop.cancel();
            // A client that reads nothing would keep what is being written to it.
            match timeout(PATIENCE, served).await {
                Ok(ended) => ended,
                Err(_) => return Ok(()),
            }
        }
    };
    match ended {
        Ok(QuitReason::JoinError(error)) | Err(error) => {
            Err(Error::new(ErrorKind::Internal, "the server ended").caused_by(error))
        }
        Ok(_) => Ok(()),
    }
}
