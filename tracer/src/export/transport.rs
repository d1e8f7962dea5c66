//! One request of OTLP to the endpoint: unary gRPC over HTTP/2, or a POST of protobuf.
//! Facts: gRPC over HTTP/2 (`grpc/grpc doc/PROTOCOL-HTTP2.md`); OTLP's specification, "OTLP/gRPC" and "OTLP/HTTP".

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tonic::{Code, Status};

use crate::settings::{Protocol, Settings, SettingsError};

/// A connection that is not there by then is given up.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// An idle connection is closed before proxies in between do it.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes.
const ANSWER_BYTES: usize = 64 << 10;

type Pool<C> = Client<C, Full<Bytes>>;

/// The connections.
enum Connections {
    Plain(Pool<HttpConnector>),
    Tls(Pool<HttpsConnector<HttpConnector>>),
}

/// The way to the endpoint. Shown as its address, without what may stand behind a question mark: that could be a key.
pub(super) struct Transport {
    connections: Connections,
    protocol: Protocol,
    endpoint: Uri,
    headers: HeaderMap,
}

/// Why the endpoint did not take a request.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(super) struct Failure {
    why: String,
    /// The same request may be taken later.
    pub(super) passes: bool,
}

impl Failure {
    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), passes: true }
    }

    /// With all its causes: the first alone says little.
    fn of(error: &dyn Error) -> Self {
        let mut why = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            why = format!("{why}: {cause}");
            source = cause.source();
        }
        Self::passing(why)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transport({self})")
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.endpoint.scheme_str().unwrap_or_default();
        let authority = self.endpoint.authority().map_or("", |authority| authority.as_str());
        write!(f, "{scheme}://{authority}{}", self.endpoint.path())
    }
}

impl Transport {
    /// Reads the files of TLS; touches no network.
    pub(super) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIME));
        let tls = settings.tls();
        let is_grpc = settings.protocol == Protocol::Grpc;
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_idle_timeout(IDLE_TIME).pool_timer(TokioTimer::new()).http2_only(is_grpc);
        let connections = match (tls.enabled, is_grpc) {
            (false, _) => Connections::Plain(builder.build(tcp)),
            (true, false) => Connections::Tls(builder.build(tls.connector(tcp)?)),
            (true, true) => Connections::Tls(builder.build(tls.connector_http2(tcp)?)),
        };
        let mut headers = settings.headers.clone();
        let agent = HeaderValue::from_static(concat!("spoor/", env!("CARGO_PKG_VERSION")));
        headers.insert(USER_AGENT, agent);
        if is_grpc {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert(TE, HeaderValue::from_static("trailers"));
        } else {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        }
        let (protocol, endpoint) = (settings.protocol, settings.endpoint.clone());
        Ok(Self { connections, protocol, endpoint, headers })
    }

    /// A message as it goes over the wire.
    pub(super) fn framed(&self, message: Vec<u8>) -> Bytes {
        if self.protocol == Protocol::Http {
            return message.into();
        }
        let mut framed = BytesMut::with_capacity(5 + message.len());
        framed.put_u8(0);
        framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
        framed.put_slice(&message);
        framed.freeze()
    }

    /// Sends a framed message, and reads the verdict. Spans that the endpoint refuses by name are its own business: it has taken the request.
    pub(super) async fn send(&self, message: Bytes) -> Result<(), Failure> {
        let mut request = Request::new(Full::new(message));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        request.headers_mut().clone_from(&self.headers);
        let response = match &self.connections {
            Connections::Plain(pool) => pool.request(request).await,
            Connections::Tls(pool) => pool.request(request).await,
        };
        let response = response.map_err(|error| Failure::of(&error))?;
        let (head, body) = response.into_parts();
        // What is left unread would keep the connection from being used again.
        let body = Limited::new(body, ANSWER_BYTES).collect().await;
        if head.status != StatusCode::OK {
            return Err(refused(head.status));
        }
        let body = body.map_err(|error| Failure::of(&*error))?;
        if self.protocol == Protocol::Http {
            return Ok(());
        }
        let status = body.trailers().and_then(Status::from_header_map);
        match status.or_else(|| Status::from_header_map(&head.headers)) {
            None => Err(Failure::passing("the answer broke off")),
            Some(status) if status.code() == Code::Ok => Ok(()),
            Some(status) => Err(Failure {
                passes: passes(status.code()),
                why: format!(
                    "{:?}: {}",
                    status.code(),
                    status.message().chars().take(200).collect::<String>()
                ),
            }),
        }
    }
}

fn refused(status: StatusCode) -> Failure {
    let passes = matches!(status.as_u16(), 429 | 502 | 503 | 504);
    Failure { why: format!("HTTP status {status}"), passes }
}

/// By OTLP's list of codes after which a request may be sent again.
fn passes(code: Code) -> bool {
    use Code::{Aborted, Cancelled, DataLoss, DeadlineExceeded, OutOfRange, ResourceExhausted, Unavailable};
    matches!(
        code,
        Aborted | Cancelled | DataLoss | DeadlineExceeded | OutOfRange | ResourceExhausted | Unavailable
    )
}
