//! The way of every request, whatever its protocol: admit, read, decode, deliver. Each step may refuse; nothing waits for room.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use spoor_model::SpanBatch;
use spoor_net::body::{discard, read_limited};
use spoor_net::grpc::read_message;
use spoor_net::limits::{Budget, Permit};

use super::{Framing, Protocol, Refusal};
use crate::dispatch::{Delivered, Dispatcher, Work};
use crate::metrics::Metrics;
use crate::quiet::Quiet;

/// Larger bodies are decoded beside the threads that serve, so that they hold up nobody.
const LARGE: usize = 1 << 20;

/// How long a refused HTTP/1 sender may go on writing before its connection is cut.
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// What all receivers share.
#[derive(Clone)]
pub(crate) struct Intake(Arc<Shared>);

struct Shared {
    requests: Budget,
    bytes: Budget,
    write_timeout: Duration,
    dispatcher: Dispatcher,
    metrics: Arc<Metrics>,
    undecodable: Quiet,
}

impl Intake {
    pub(crate) fn new(
        requests: Budget,
        bytes: Budget,
        write_timeout: Duration,
        dispatcher: Dispatcher,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self(Arc::new(Shared {
            requests,
            bytes,
            write_timeout,
            dispatcher,
            metrics,
            undecodable: Quiet::default(),
        }))
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Takes a request all the way. `patience` is how long its sender waits, if it says so. The body may be left unread.
    ///
    /// Dropping the future before the body is read ends the matter; afterwards the delivery goes on without it.
    pub(crate) async fn take(
        &self,
        protocol: Protocol,
        headers: &HeaderMap,
        body: &mut Body,
        patience: Option<Duration>,
    ) -> Result<Delivered, Refusal> {
        let shared = &*self.0;
        let arrived = Instant::now();
        let timeout = patience.map_or(shared.write_timeout, |patience| patience.min(shared.write_timeout));
        let deadline = arrived + timeout;
        let (batch, permits) =
            shared.accept(protocol, headers, body, deadline).await.inspect_err(|refusal| {
                shared.metrics.count_refused(refusal.reason());
                shared.log_undecodable(protocol, refusal);
            })?;
        shared.dispatcher.deliver(Work { batch, source: protocol.source, arrived, deadline, permits }).await
    }

    /// Lets a refused HTTP/1 sender finish writing, for a while, so that it reads the answer.
    pub(crate) async fn let_finish(&self, body: &mut Body, limit: usize) {
        let _ = tokio::time::timeout(DISCARD_TIME, discard(body, limit)).await;
    }
}

impl Shared {
    async fn accept(
        &self,
        protocol: Protocol,
        headers: &HeaderMap,
        body: &mut Body,
        deadline: Instant,
    ) -> Result<(SpanBatch, [Permit; 2]), Refusal> {
        let request = self.requests.take(1).map_err(|_| Refusal::TooManyRequests)?;
        let mut held = self.bytes.take(0).expect("nothing always fits");
        let reading = read(protocol, headers, body, &mut held);
        let bytes = match tokio::time::timeout_at(deadline.into(), reading).await {
            Ok(result) => result?,
            Err(_) => return Err(Refusal::SlowBody),
        };
        let decode = protocol.decode;
        let decoded = if bytes.len() > LARGE {
            tokio::task::spawn_blocking(move || decode(bytes)).await.map_err(|_| Refusal::Broken)?
        } else {
            decode(bytes)
        };
        let batch = decoded.map_err(|error| Refusal::Undecodable(error.to_string()))?;
        Ok((batch, [request, held]))
    }

    fn log_undecodable(&self, protocol: Protocol, refusal: &Refusal) {
        if !matches!(refusal, Refusal::Undecodable(_)) {
            return;
        }
        if let Some(left_out) = self.undecodable.allows() {
            let (format, transport) = (protocol.source.format(), protocol.source.transport());
            tracing::warn!(format, transport, error = %refusal, left_out, "a request was not readable");
        }
    }
}

async fn read(
    protocol: Protocol,
    headers: &HeaderMap,
    body: &mut Body,
    held: &mut Permit,
) -> Result<Bytes, Refusal> {
    Ok(match protocol.framing {
        Framing::Plain => read_limited(body, headers, protocol.limit, held).await?,
        Framing::Grpc => read_message(body, headers, protocol.limit, held).await?,
    })
}
