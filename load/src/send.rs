//! The sender: N closed-loop streams, each with one connection and one request at a time.
//! Every request ends in exactly one outcome, and the report adds up: spans = acknowledged + rejected + refused + unknown.

mod answer;
mod backoff;
mod endpoint;
mod grpc;
mod http;
mod pace;
mod report;
mod stream;
mod tally;
mod udp;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Compression, Protocol, Request, SendConfig};
use endpoint::Endpoint;
use grpc::GrpcConnection;
use http::HttpConnection;
use pace::Pace;
use stream::Stream;
use tally::Tally;
use udp::UdpConnection;

pub use answer::Outcome;
pub use report::{Latency, Report, SentRequest, Share};

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The endpoint cannot be used. The text is left out, as it may hold a password.
    #[error("send spans: --endpoint {problem}; write http://HOST:PORT or HOST:PORT")]
    Endpoint {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A setting that the protocol has no use for.
    #[error(
        "send spans: {setting} means nothing by UDP, which has no answers and no compression; leave it out"
    )]
    Setting {
        /// The setting as written.
        setting: &'static str,
    },
    /// The HTTP client could not be made.
    #[error("send spans: make the HTTP client")]
    HttpClient(#[source] reqwest::Error),
}

/// One stream's connection.
#[derive(Debug)]
pub(crate) enum Connection {
    Grpc(GrpcConnection),
    Http(HttpConnection),
    Udp(UdpConnection),
}

impl Connection {
    fn open(config: &SendConfig) -> Result<Self, SendError> {
        let endpoint = Endpoint::parse(config)?;
        Ok(match config.protocol {
            Protocol::OtlpGrpc | Protocol::JaegerGrpc => Self::Grpc(GrpcConnection::open(&endpoint, config)),
            Protocol::OtlpHttp | Protocol::OtlpHttpJson | Protocol::JaegerHttp => {
                Self::Http(HttpConnection::open(&endpoint, config)?)
            }
            Protocol::JaegerCompact | Protocol::JaegerBinary => {
                let unused = [
                    ("--compression", config.compression != Compression::None),
                    ("--retry-for", !config.retry_for.is_zero()),
                ];
                if let Some((setting, _)) = unused.into_iter().find(|(_, is_set)| *is_set) {
                    return Err(SendError::Setting { setting });
                }
                let problem = SendError::Endpoint { problem: "has no host" };
                Self::Udp(UdpConnection::open(&endpoint).ok_or(problem)?)
            }
        })
    }
}

/// Shorter than the deadline of the request, so that a server nobody can connect to is not taken for one that gives no answer.
fn connect_deadline(config: &SendConfig) -> Duration {
    config.deadline / 2
}

/// Sends `requests`, which must be encoded for `config.protocol`, until they end or `stop` is cancelled, and tells what became of each.
///
/// On `stop`, requests that are under way get their answer (or their deadline), nothing new is sent, and waits before a repetition end.
/// The iterator is asked under a lock by the streams themselves; where its work must not be measured, collect it first.
///
/// # Errors
/// Only when the configuration cannot be used; an unreachable or refusing server is a matter of the report.
pub async fn run<R>(config: &SendConfig, requests: R, stop: CancellationToken) -> Result<Report, SendError>
where
    R: IntoIterator<Item = Request>,
    R::IntoIter: Send + 'static,
{
    let source = Arc::new(Mutex::new(requests.into_iter()));
    let pace = config.rate.map(|rate| Arc::new(Pace::new(rate)));
    let started = Instant::now();
    let mut streams = JoinSet::new();
    for number in 0..config.streams.get() {
        let connection = Connection::open(config)?;
        let stream = Stream::new(number, connection, config, pace.clone(), stop.clone());
        streams.spawn(stream.run(Arc::clone(&source)));
    }
    let mut total = Tally::new(config.record, 0);
    while let Some(ended) = streams.join_next().await {
        match ended {
            Ok(tally) => total.merge(tally),
            // Only a panic ends a stream early (they are aborted only together with this future): pass it on.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    Ok(total.into_report(config.streams.get(), started.elapsed()))
}

#[cfg(test)]
mod tests;
