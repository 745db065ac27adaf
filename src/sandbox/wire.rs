//! Answers on the wire, and connections that can be made to fail there.
//!
//! The listener hands out connections with a switch: once it is thrown, nothing more is written and the connection
//! is reset. It can also close itself for a while, with all its connections, so that new ones are refused. Everything
//! else that goes wrong on the wire is a body that stops, waits or fails.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures::{Stream, StreamExt, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use super::bomb;

/// The pieces that a slow body is sent in.
const PIECES: usize = 8;
/// The size of the chunks of a huge body.
const HUGE_CHUNK: usize = 64 * 1024;
/// How long after a port could not be had again it is tried again.
const REBIND: Duration = Duration::from_millis(10);

/// How the body of an answer reaches the client, if it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// As it should.
    Whole,
    /// Not at all, and the headers neither.
    Cut,
    /// Not at all; all connections are closed, and new ones are refused.
    Refused { pause: Duration },
    /// Headers, then nothing until the client or the sandbox goes away.
    Stalled,
    /// Half of it, then the end of the connection.
    Halved { chunked: bool },
    /// In pieces, with a pause before each.
    Slow { pause: Duration },
    /// As the beginning of a body of this size.
    Padded { bytes: u64 },
    /// As gzip that inflates to the beginning of a body of this size.
    Gzip { bytes: u64 },
}

/// The times at which the listener was closed.
#[derive(Clone, Copy, Debug, Default)]
struct Outages {
    /// How often.
    count: u64,
    /// When the last one ends.
    end: Option<Instant>,
}

/// What an answer knows of the connection that it leaves by.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    cut: Arc<AtomicBool>,
    /// Closed when the sandbox stops.
    running: watch::Receiver<()>,
    outages: watch::Sender<Outages>,
    /// How many outages there had been when the connection was made: one more is its end.
    survived: u64,
}

impl Connection {
    /// Closes the listener for `pause`, and resets every connection as soon as something is read from it or written.
    pub(super) fn refuse(&self, pause: Duration) {
        self.outages.send_modify(|outages| {
            outages.count += 1;
            outages.end = Some(Instant::now() + pause);
        });
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed) || self.outages.borrow().count != self.survived
    }

    /// Resets the connection as soon as something would be written to it.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }
}

/// A body, and its `Content-Length` where that is not for the server to find out.
pub(super) fn body(
    content: String,
    delivery: Delivery,
    connection: Option<Connection>,
) -> (Body, Option<usize>) {
    let content = Bytes::from(content);
    let length = content.len();
    match delivery {
        Delivery::Whole => (Body::from(content), None),
        Delivery::Cut | Delivery::Refused { .. } => {
            (Body::from_stream(stream::once(broken())), None)
        }
        Delivery::Stalled => {
            let silence = stream::once(async {
                match connection {
                    // Fails as soon as the sandbox is gone, and so ends the connection.
                    Some(mut connection) => while connection.running.changed().await.is_ok() {},
                    None => std::future::pending().await,
                }
                broken().await
            });
            (Body::from_stream(silence), Some(length))
        }
        Delivery::Halved { chunked } => {
            let half = stream::once(std::future::ready(Ok(content.slice(..length / 2))));
            let body = Body::from_stream(half.chain(stream::once(broken())));
            (body, (!chunked).then_some(length))
        }
        Delivery::Slow { pause } => (Body::from_stream(slowly(content, pause)), Some(length)),
        Delivery::Padded { bytes } => (Body::from_stream(padded(content, bytes)), None),
        Delivery::Gzip { bytes } => {
            let pieces = bomb::gzip(&content, bytes).map(Ok::<_, BoxError>);
            (Body::from_stream(pieces), None)
        }
    }
}

/// Fails, after what was sent before has had its chance to leave.
async fn broken() -> Result<Bytes, BoxError> {
    tokio::task::yield_now().await;
    Err("the connection is cut by a scripted fault".into())
}

fn slowly(content: Bytes, pause: Duration) -> impl Stream<Item = Result<Bytes, BoxError>> {
    let size = content.len().div_ceil(PIECES).max(1);
    stream::unfold(content, move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = left.split_to(size.min(left.len()));
        Some((Ok(piece), left))
    })
}

/// White space after a JSON text is still JSON, so only the size is wrong with it.
fn padded(content: Bytes, bytes: u64) -> impl Stream<Item = Result<Bytes, BoxError>> {
    let blanks = Bytes::from(vec![b' '; HUGE_CHUNK]);
    let missing = bytes.saturating_sub(content.len() as u64);
    let padding = stream::unfold(missing, move |left| {
        let chunk = blanks.slice(..left.min(HUGE_CHUNK as u64) as usize);
        async move { (left > 0).then(|| (Ok(chunk.clone()), left - chunk.len() as u64)) }
    });
    stream::once(std::future::ready(Ok(content))).chain(padding)
}

/// A listener whose connections can be cut, and that can be away for a while.
#[derive(Debug)]
pub(super) struct Wires {
    /// None during an outage.
    listener: Option<TcpListener>,
    address: SocketAddr,
    running: watch::Receiver<()>,
    outages: watch::Sender<Outages>,
    outage: watch::Receiver<Outages>,
}

impl Wires {
    /// Hands out the connections of `listener`, which listens at `address`, while `running` has a sender.
    pub(super) fn new(
        listener: TcpListener,
        address: SocketAddr,
        running: watch::Receiver<()>,
    ) -> Self {
        let (outages, outage) = watch::channel(Outages::default());
        Self {
            listener: Some(listener),
            address,
            running,
            outages,
            outage,
        }
    }

    /// Goes away for as long as an outage lasts.
    async fn sit_out(&mut self) {
        let end = self.outage.borrow_and_update().end;
        if let Some(end) = end.filter(|end| *end > Instant::now()) {
            self.listener = None;
            tokio::time::sleep_until(end).await;
        }
        if self.listener.is_none() {
            // Somebody else may have taken the port; then there is nothing to do but to try again.
            match TcpListener::bind(self.address).await {
                Ok(listener) => self.listener = Some(listener),
                Err(_) => tokio::time::sleep(REBIND).await,
            }
        }
    }
}

impl Listener for Wires {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let (stream, address) = loop {
            let mut outage = self.outage.clone();
            self.sit_out().await;
            let Some(listener) = &mut self.listener else {
                continue;
            };
            tokio::select! {
                biased;
                // Its sender is at hand, so this is an outage and not the end of all of them.
                _ = outage.changed() => {}
                // Of the trait rather than of the listener: it copes with errors by itself.
                accepted = Listener::accept(listener) => break accepted,
            }
        };
        // Small answers must not wait for one another; where the option is missing they merely do.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            cut: Arc::default(),
            running: self.running.clone(),
            outages: self.outages.clone(),
            survived: self.outage.borrow().count,
        };
        (Wire { stream, connection }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Connected<IncomingStream<'_, Wires>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Wires>) -> Self {
        stream.io().connection.clone()
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    connection: Connection,
}

impl Wire {
    /// Returns an error if the connection is to be cut, and sees to it that the end is a reset.
    fn check(&self) -> io::Result<()> {
        if !self.connection.is_cut() {
            return Ok(());
        }
        self.stream.set_zero_linger()?;
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
