//! Connections to nodes: hyper's pooled HTTP/1.1 client, with TLS where a URL asks for it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::{Cause, Chunks, ConnectionError, tls};
use crate::ConnectionConfig;

type Pool<C> = hyper_util::client::legacy::Client<C, Chunks>;

/// A node that does not even take a connection for so long is passed over.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than what servers and proxies in between allow an idle connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The connection pool.
#[derive(Debug)]
pub(super) enum Transport {
    Plain(Pool<HttpConnector>),
    Tls(Pool<HttpsConnector<HttpConnector>>),
}

impl Transport {
    pub(super) fn new(config: &ConnectionConfig) -> Result<Self, ConnectionError> {
        tls::check(config)?;
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        if !tls::is_wanted(config) {
            return Ok(Self::Plain(pool().build(tcp)));
        }
        Ok(Self::Tls(pool().build(tls::client(&config.tls).connector(tcp)?)))
    }

    /// Sends one request; answers when the head of the response is there.
    pub(super) async fn send(&self, message: http::Request<Chunks>) -> Result<(Parts, Incoming), Cause> {
        let response = match self {
            Self::Plain(pool) => pool.request(message).await,
            Self::Tls(pool) => pool.request(message).await,
        };
        match response {
            Ok(response) => Ok(response.into_parts()),
            Err(error) if error.is_connect() => Err(Cause::Connect(error.into())),
            Err(error) => Err(Cause::Broken(error.into())),
        }
    }
}

fn pool() -> hyper_util::client::legacy::Builder {
    let mut builder = hyper_util::client::legacy::Client::builder(TokioExecutor::new());
    builder.pool_idle_timeout(IDLE_TIMEOUT).pool_timer(TokioTimer::new());
    builder
}

/// Reads a body up to `limit` bytes.
pub(super) async fn read_body(mut body: Incoming, limit: usize) -> Result<Bytes, Cause> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(Cause::TooLarge(limit));
    }
    let mut whole = BytesMut::with_capacity(usize::try_from(announced).unwrap_or(0));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Cause::Broken(error.into()))?;
        if let Ok(data) = frame.into_data() {
            if whole.len() + data.len() > limit {
                return Err(Cause::TooLarge(limit));
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}
