//! One HTTP/2 connection to a collector and unary gRPC over it.
//! hyper rather than tonic's channel: a channel reconnects by itself and does not say so, and the reporter has to know at once which
//! collectors are there. Facts: gRPC over HTTP/2 (`grpc/grpc doc/PROTOCOL-HTTP2.md`).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, Version};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use spoor_tls::LoadedCertificates;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tonic::{Code, Status};

use super::target::Place;
use super::tls;
use crate::config::TlsConfig;

/// For connecting and the handshakes.
const DIAL_TIME: Duration = Duration::from_secs(5);
/// A connection on which nothing is heard that long is pinged…
const QUIET: Duration = Duration::from_secs(10);
/// …and closed when the answer takes longer.
const PING_TIME: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const ANSWER_BYTES: usize = 4 << 20;
/// Compression flag and length before a message.
const PREFIX: usize = 5;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Opens connections as the settings say.
#[derive(Debug, Clone)]
pub(super) struct Dialer {
    pub(super) tls: TlsConfig,
    /// Where it is told when the certificates end.
    pub(super) certificates: LoadedCertificates,
    /// Sent with every call.
    pub(super) metadata: HeaderMap,
}

/// An open connection. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    sender: http2::SendRequest<Full<Bytes>>,
    base: Arc<str>,
    metadata: HeaderMap,
}

/// A call without an answer of success.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The connection broke, or there was no answer in time.
    Lost(BoxError),
    /// The collector says no.
    Status(Box<Status>),
}

impl Dialer {
    /// Connects; the handle ends with the connection.
    pub(super) async fn dial(&self, place: &Place) -> Result<(Connection, JoinHandle<()>), BoxError> {
        tokio::time::timeout(DIAL_TIME, self.connect(place))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no connection within 5s"))?
    }

    async fn connect(&self, place: &Place) -> Result<(Connection, JoinHandle<()>), BoxError> {
        let stream = match place.address {
            Some(address) => TcpStream::connect(address).await?,
            None => TcpStream::connect((place.host.as_str(), place.port)).await?,
        };
        stream.set_nodelay(true)?;
        if !self.tls.enabled {
            return self.handshake(stream, place, "http").await;
        }
        let (settings, certificates) = (self.tls.clone(), self.certificates.clone());
        // It reads files.
        let client = tokio::task::spawn_blocking(move || tls::client(&settings, &certificates)).await??;
        let name = match tls::server_name(&self.tls)? {
            Some(name) => name,
            None => ServerName::try_from(place.host.clone())?,
        };
        let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await?;
        self.handshake(stream, place, "https").await
    }

    async fn handshake<S>(
        &self,
        stream: S,
        place: &Place,
        scheme: &str,
    ) -> Result<(Connection, JoinHandle<()>), BoxError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(QUIET)
            .keep_alive_timeout(PING_TIME)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await?;
        let ending = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a collector has broken");
            }
        });
        let base = format!("{scheme}://{}", place.authority()).into();
        Ok((Connection { sender, base, metadata: self.metadata.clone() }, ending))
    }
}

impl Connection {
    /// False when nothing can be sent any more.
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a framed message and answers the message that comes back, within `patience`.
    pub(crate) async fn call(
        &mut self,
        path: &str,
        framed: Bytes,
        patience: Duration,
    ) -> Result<Bytes, CallError> {
        match tokio::time::timeout(patience, self.exchange(path, framed, patience)).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::Lost(format!("no answer within {patience:?}").into())),
        }
    }

    async fn exchange(&mut self, path: &str, framed: Bytes, patience: Duration) -> Result<Bytes, CallError> {
        let request = self.request(path, framed, patience).map_err(lost)?;
        self.sender.ready().await.map_err(lost)?;
        let response = self.sender.send_request(request).await.map_err(lost)?;
        let (head, body) = response.into_parts();
        // "Trailers only": an error without a message.
        let status = Status::from_header_map(&head.headers);
        if head.status != StatusCode::OK {
            let said = status.filter(|status| status.code() != Code::Ok);
            let status = said
                .unwrap_or_else(|| Status::new(code_of(head.status), format!("HTTP status {}", head.status)));
            return Err(CallError::Status(Box::new(status)));
        }
        if let Some(status) = status {
            return finish(status, Bytes::new());
        }
        let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(CallError::Lost)?;
        let status = body.trailers().and_then(Status::from_header_map);
        let status = status.ok_or_else(|| CallError::Lost("the answer broke off".into()))?;
        finish(status, body.to_bytes())
    }

    fn request(
        &self,
        path: &str,
        framed: Bytes,
        patience: Duration,
    ) -> Result<Request<Full<Bytes>>, BoxError> {
        let uri: Uri = format!("{}{path}", self.base).try_into()?;
        let mut request = Request::new(Full::new(framed));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_2;
        let headers = request.headers_mut();
        *headers = self.metadata.clone();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(http::header::TE, HeaderValue::from_static("trailers"));
        let millis = patience.as_millis().min(99_999_999);
        headers.insert("grpc-timeout", HeaderValue::try_from(format!("{millis}m"))?);
        Ok(request)
    }
}

fn finish(status: Status, mut body: Bytes) -> Result<Bytes, CallError> {
    if status.code() != Code::Ok {
        return Err(CallError::Status(Box::new(status)));
    }
    match body.len().checked_sub(PREFIX) {
        Some(_) if body[0] == 0 => Ok(body.split_off(PREFIX)),
        Some(_) => Err(CallError::Lost("the answer is compressed, which was not asked for".into())),
        None => Ok(Bytes::new()),
    }
}

fn lost(error: impl Into<BoxError>) -> CallError {
    CallError::Lost(error.into())
}

/// As gRPC's clients read an HTTP status that is not gRPC's (`grpc/grpc doc/http-grpc-status-mapping.md`), but for 400, their INTERNAL:
/// that would be a collector's verdict on the message, of which a proxy knows nothing.
fn code_of(status: StatusCode) -> Code {
    match status.as_u16() {
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        400 | 429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}
