//! The way of every request, whatever its protocol: admit, read, decode, deliver. Each step may refuse; nothing waits for room.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;
use spoor_model::{ResourceView, SpanBatch, ValueView};
use spoor_net::body::read_limited;
use spoor_net::grpc::read_message;
use spoor_net::limits::{Budget, Permit};
use spoor_net::tenancy::{Tenancy, TenantName};
use spoor_pipeline::Quiet;
use spoor_storage::Tenant;
use spoor_tracer::OwnSpan;

use super::{Framing, Protocol, Refusal};
use crate::dispatch::{Delivered, Dispatcher, Work};
use crate::metrics::Metrics;

/// Larger bodies are decoded beside the threads that serve, so that they hold up nobody.
const LARGE: usize = 1 << 20;

/// What all receivers share.
#[derive(Clone)]
pub(crate) struct Intake(Arc<Shared>);

/// What a request has to pass before it is read.
pub(crate) struct Door {
    pub(crate) requests: Budget,
    pub(crate) bytes: Budget,
    pub(crate) tenancy: Tenancy,
    /// The longest until its spans are settled.
    pub(crate) write_timeout: Duration,
}

struct Shared {
    door: Door,
    dispatcher: Dispatcher,
    metrics: Arc<Metrics>,
    undecodable: Quiet,
}

impl Intake {
    pub(crate) fn new(door: Door, dispatcher: Dispatcher, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Shared { door, dispatcher, metrics, undecodable: Quiet::default() }))
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
        head: &Parts,
        body: &mut Body,
        patience: Option<Duration>,
    ) -> Result<Delivered, Refusal> {
        let shared = &*self.0;
        let arrived = Instant::now();
        let longest = shared.door.write_timeout;
        let timeout = patience.map_or(longest, |patience| patience.min(longest));
        let deadline = arrived + timeout;
        let Accepted { tenant, size, batch, permits } =
            shared.accept(protocol, &head.headers, body, deadline).await.inspect_err(|refusal| {
                shared.metrics.count_refused(refusal.reason());
                shared.log_undecodable(protocol, refusal);
            })?;
        let source = protocol.source;
        let own_span = unless_own_traces(OwnSpan::of(&head.extensions), &batch);
        shared
            .dispatcher
            .deliver(Work { batch, size, tenant, source, arrived, deadline, permits, own_span })
            .await
    }
}

/// A request that was read and decoded.
struct Accepted {
    tenant: Tenant,
    /// Bytes of the body, decompressed.
    size: usize,
    batch: SpanBatch,
    permits: [Permit; 2],
}

impl Shared {
    async fn accept(
        &self,
        protocol: Protocol,
        headers: &HeaderMap,
        body: &mut Body,
        deadline: Instant,
    ) -> Result<Accepted, Refusal> {
        let tenant = self.door.tenancy.admit(headers)?;
        let tenant = tenant.map_or_else(Tenant::default, |TenantName(name)| name.into());
        let request = self.door.requests.take(1).map_err(|_| Refusal::TooManyRequests)?;
        let mut held = self.door.bytes.take(0).expect("nothing always fits");
        let reading = read(protocol, headers, body, &mut held);
        let bytes = match tokio::time::timeout_at(deadline.into(), reading).await {
            Ok(result) => result?,
            Err(_) => return Err(Refusal::SlowBody),
        };
        let size = bytes.len();
        // The permits go along: a sender that hangs up meanwhile frees no memory.
        let work = move || decode(protocol, bytes, request, held);
        let (batch, permits) = match size > LARGE {
            true => tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::Broken)??,
            false => work()?,
        };
        Ok(Accepted { tenant, size, batch, permits })
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

/// The span in which the request is recorded; nothing for one that brings nothing but own traces of a Spoor. What sent them has marked its request; what is in
/// between (an agent, an OpenTelemetry Collector) may have made another request of it.
fn unless_own_traces(span: OwnSpan, batch: &SpanBatch) -> OwnSpan {
    if !span.is_recorded() || batch.is_empty() {
        return span;
    }
    let (key, spoor) = spoor_tracer::DISTRO;
    let is_own = |resource: ResourceView<'_>| resource.attributes().get(key) == Some(ValueView::Str(spoor));
    if batch.resources().all(is_own) {
        span.take_back();
        return OwnSpan::default();
    }
    span
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

/// Decodes, and pays for the tables too. A request that is alone may exceed the budget with them, so that each fits some time.
fn decode(
    protocol: Protocol,
    bytes: Bytes,
    request: Permit,
    mut held: Permit,
) -> Result<(SpanBatch, [Permit; 2]), Refusal> {
    let batch = (protocol.decode)(bytes).map_err(|error| Refusal::Undecodable(error.to_string()))?;
    let more = batch.memory_bytes().saturating_sub(held.amount());
    held.grow_or_alone(more).map_err(|_| Refusal::NoRoom)?;
    Ok((batch, [request, held]))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use async_trait::async_trait;
    use prometheus_client::registry::Registry;
    use spoor_pipeline::Normalizer;
    use spoor_storage::{RequestContext, SpanWriter, WriteError, Written};

    use super::*;
    use crate::receiver::Source;

    struct Takes;

    #[async_trait]
    impl SpanWriter for Takes {
        async fn write(&self, _: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
            Ok(Written { stored: batch.len(), rejected: Vec::new() })
        }
    }

    #[tokio::test]
    async fn a_sender_that_hangs_up_during_decoding_frees_nothing_before_its_end() {
        static STEPS: Barrier = Barrier::new(2);
        const LENGTH: usize = 2 * LARGE;
        let protocol = Protocol {
            source: Source::OtlpHttp,
            framing: Framing::Plain,
            limit: LENGTH,
            decode: |_| {
                STEPS.wait();
                STEPS.wait();
                Ok(SpanBatch::default())
            },
        };
        let (requests, bytes) = (Budget::new(1), Budget::new(LENGTH));
        let metrics = Arc::new(Metrics::register(&mut Registry::default(), "here", &requests, &bytes));
        let dispatcher = Dispatcher::new(Arc::new(Takes), Normalizer::default(), Arc::clone(&metrics));
        let door = Door {
            requests: requests.clone(),
            bytes: bytes.clone(),
            tenancy: Tenancy::off(),
            write_timeout: Duration::from_secs(60),
        };
        let intake = Intake::new(door, dispatcher, metrics);
        let sender = tokio::spawn(async move {
            let mut body = Body::from(vec![0; LENGTH]);
            intake.take(protocol, &http::Request::new(()).into_parts().0, &mut body, None).await
        });
        while bytes.held() < LENGTH {
            tokio::task::yield_now().await;
        }
        STEPS.wait();
        sender.abort();
        assert!(sender.await.unwrap_err().is_cancelled());
        assert_eq!((requests.held(), bytes.held()), (1, LENGTH));
        STEPS.wait();
        while requests.held() + bytes.held() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
