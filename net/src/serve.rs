//! The accept loop that every port runs: bounded connections, keepalive, an age limit, a graceful end.
//! Our own rather than tonic's, whose age limit with a grace period closes without a GOAWAY (tonic 0.14.9), so that
//! requests in flight would be cut; and HTTP and gRPC ports behave alike.

mod linger;
mod stream;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tower::{Service, ServiceExt};

use crate::Listener;
use crate::body::BoxError;
use crate::tls::Handshakes;
use linger::Lent;
use stream::Stream;

/// What an HTTP/1 connection may have read and not yet used: the longest head of a request. hyper's own bound is six times this.
const HTTP1_BUFFER_BYTES: usize = 64 << 10;

/// The longest that a client may take for the handshake of TLS.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// What has been sent when the port closes arrives within this time; a peer that has not said by then what it wants is not waited for.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// How a port treats its connections.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Connections at a time; more wait in the kernel's queue.
    pub max_connections: usize,
    /// A connection older than this (±10 %, so that not all end together) is asked to close. `None` lets it live.
    pub max_connection_age: Option<Duration>,
    /// How long requests in flight may still take after that. `None` lets them finish.
    pub max_connection_age_grace: Option<Duration>,
    /// A connection is closed that in this time does not open with its protocol, and then (HTTP/1) with each request's head. An
    /// HTTP/2 connection on which nothing is heard that long is pinged.
    pub idle_check: Duration,
    /// How long an HTTP/2 ping may stay without an answer.
    pub ping_timeout: Duration,
    /// Requests at a time on one HTTP/2 connection.
    pub max_concurrent_streams: u32,
    /// Speak HTTP/2 only, as gRPC ports do.
    pub http2_only: bool,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_connection_age: None,
            max_connection_age_grace: None,
            idle_check: Duration::from_secs(60),
            ping_timeout: Duration::from_secs(20),
            max_concurrent_streams: 250,
            http2_only: false,
        }
    }
}

/// Serves until `shutdown`; then closes the port, lets requests in flight finish, and returns when the last connection is
/// closed. Whoever cannot wait that long drops the future, which cuts what is left.
///
/// # Errors
/// When the runtime refuses the socket. Failing connections and failing accepts never end the loop.
pub async fn serve<S, B>(
    listener: Listener,
    service: S,
    options: ServeOptions,
    shutdown: CancellationToken,
) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let setting = listener.setting();
    let (socket, tls) = listener.into_tokio()?;
    let (tls, reloading) = tls.map(|tls| tls.serve(options.http2_only)).unzip();
    let _reloading = reloading.map(|reloading| AbortOnDropHandle::new(tokio::spawn(reloading.run())));
    let connections = Connections {
        builder: builder(&options),
        tls,
        room: Arc::new(Semaphore::new(options.max_connections.min(Semaphore::MAX_PERMITS))),
        closing: CancellationToken::new(),
        options,
    };
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = open.join_next() => {}
            accepted = connections.accept(&socket) => match accepted {
                Ok((stream, room)) => { open.spawn(connections.clone().run(stream, room, service.clone())); }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(setting, %error, "cannot accept a connection; trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            },
        }
    }
    // Connections that the kernel had made already are served as far as they have begun to speak, and the port is closed before any
    // peer is told to go: one that comes back at once must find another process instead of a socket that nobody reads.
    while let Some(Ok((stream, room))) = connections.accept(&socket).now_or_never() {
        open.spawn(connections.clone().run(stream, room, service.clone()));
    }
    drop(socket);
    connections.closing.cancel();
    while open.join_next().await.is_some() {}
    Ok(())
}

/// The connection was gone before it was taken; the next one is not concerned. Other errors (no file handles left) last.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn builder(options: &ServeOptions) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(options.idle_check)
        .max_buf_size(HTTP1_BUFFER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(options.idle_check)
        .keep_alive_timeout(options.ping_timeout)
        .max_concurrent_streams(options.max_concurrent_streams);
    if options.http2_only { builder.http2_only() } else { builder }
}

#[derive(Clone)]
struct Connections {
    builder: Builder<TokioExecutor>,
    tls: Option<Arc<Handshakes>>,
    /// One permit a connection, held by its task.
    room: Arc<Semaphore>,
    /// Cancelled when the port is closed.
    closing: CancellationToken,
    options: ServeOptions,
}

impl Connections {
    /// Waits for room first, then for a connection. Dropping the future loses neither.
    async fn accept(
        &self,
        socket: &tokio::net::TcpListener,
    ) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, _) = socket.accept().await?;
        // A connection that is gone already says so when it is read.
        let _ = stream.set_nodelay(true);
        Ok((stream, room))
    }

    async fn run<S, B>(self, stream: TcpStream, _room: OwnedSemaphorePermit, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let (stream, opening) = tokio::select! {
            biased;
            opened = self.open(stream) => match opened {
                Ok(opened) => opened,
                Err(error) => return tracing::debug!(%error, "a connection did not begin"),
            },
            () = self.last_words_are_over() => return,
        };
        let speaks_http1 = opening != PREFACE;
        let (lent, returned) = Lent::new(stream, opening);
        self.converse(lent, service, speaks_http1).await;
        if let Ok(stream) = returned.await {
            linger::close(stream).await;
        }
    }

    async fn last_words_are_over(&self) {
        self.closing.cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    }

    /// The handshake of TLS where it is spoken, then the first words, each within its time.
    async fn open(&self, stream: TcpStream) -> io::Result<(Stream, Bytes)> {
        let patience = self.options.idle_check;
        let mut stream = match &self.tls {
            None => Stream::Plain(stream),
            Some(tls) => Stream::Tls(Box::new(tls.accept(stream, patience.min(HANDSHAKE_TIME)).await?)),
        };
        let opening = tokio::time::timeout(patience, opening(&mut stream)).await??;
        Ok((stream, opening))
    }

    /// Serves the connection to its end: the peer's, the age limit's, or the shutdown's.
    async fn converse<S, B>(&self, stream: Lent, service: S, speaks_http1: bool)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let heard = Arc::new(AtomicBool::new(false));
        let hearing = Arc::clone(&heard);
        let service = service.map_request(move |request| {
            hearing.store(true, Ordering::Relaxed);
            request
        });
        let service = TowerToHyperService::new(service);
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            // First: asked to end before it was looked at, it would end without reading what has come.
            biased;
            ended = &mut connection => return log_end(ended),
            () = self.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                // hyper ends an HTTP/1 connection between two requests, and waits for the head of the first one.
                tokio::select! {
                    ended = &mut connection => return log_end(ended),
                    () = tokio::time::sleep(LAST_WORDS), if speaks_http1 => {
                        if !heard.load(Ordering::Relaxed) {
                            return tracing::debug!("a connection ended before its first request was whole");
                        }
                    }
                }
            }
            () = sleep_or_forever(self.options.max_connection_age.map(jittered)) => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = &mut connection => return log_end(ended),
                    () = sleep_or_forever(self.options.max_connection_age_grace) => return,
                }
            }
        }
        log_end(connection.await);
    }
}

/// How every HTTP/2 connection begins (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads what tells the protocol: HTTP/2's preface to its end, or the first bytes of something else. The servers behind wait for it
/// without any limit of time.
async fn opening(stream: &mut Stream) -> io::Result<Bytes> {
    let mut read = BytesMut::with_capacity(PREFACE.len());
    while read.is_empty() || (read.len() < PREFACE.len() && PREFACE.starts_with(&read)) {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(read.freeze())
}

fn log_end(ended: Result<(), BoxError>) {
    if let Err(error) = ended {
        tracing::debug!(error = &*error, "a connection ended with an error");
    }
}

async fn sleep_or_forever(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

fn jittered(age: Duration) -> Duration {
    age.mul_f64(0.9 + 0.2 * fastrand::f64())
}
