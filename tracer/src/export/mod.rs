//! Own spans on their way out: gathered for a while, sent together, one request at a time. Nobody waits for them: while the endpoint does not
//! take them the queue fills, and what finds no room is lost and counted.

mod transport;

use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::TracerProvider;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanLimits};
use prometheus_client::registry::Registry;
use prost::Message;
use spoor_tls::LoadedCertificates;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::Tracer;
use crate::config::OtelConfig;
use crate::metrics::{Metrics, NOT_TAKEN};
use crate::queue::Queue;
use crate::settings::{Settings, SettingsError};
use transport::{Failure, Transport};

/// Most spans in one request.
const MOST_SPANS: usize = 512;
/// Pauses before a request is sent again that may be; after the last one its spans are given up.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Sends own spans as they end. Held by who looks after the process's end.
#[derive(Debug)]
pub struct Exporter {
    sending: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
}

/// Checks the settings that name files, by reading them.
pub(crate) fn check(settings: &Settings) -> Result<(), SettingsError> {
    Transport::new(settings).map(drop)
}

impl Exporter {
    /// Begins to send what the tracer records, which is given along. `service` is the service's name where the settings have none; the end of certificates is told to
    /// `certificates`. Needs a Tokio runtime around it.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting and the remedy. An endpoint that is away is no error.
    pub fn start(
        config: &OtelConfig,
        service: &str,
        certificates: &LoadedCertificates,
        registry: &mut Registry,
    ) -> Result<(Tracer, Self), SettingsError> {
        let settings = Settings::read(config, service)?;
        let transport = Transport::new(&settings)?;
        settings.report(certificates)?;
        let metrics = Metrics::register(registry);
        let (queue, ended) = Queue::new(usize::from(settings.most_waiting), metrics.clone());
        let resource = ResourceAttributesWithSchema::from(&settings.resource);
        let provider = SdkTracerProvider::builder()
            .with_sampler(settings.sampler.clone())
            .with_resource(settings.resource)
            // Whatever the SDK reads in the environment: what waits is bounded.
            .with_span_limits(SpanLimits::default())
            .with_span_processor(queue)
            .build();
        let scope = InstrumentationScope::builder("spoor").with_version(env!("CARGO_PKG_VERSION")).build();
        let tracer = Tracer(Some(provider.tracer_with_scope(scope)));
        let stop = CancellationToken::new();
        let sender = Sender {
            ended,
            transport,
            resource,
            metrics,
            delay: settings.delay,
            timeout: settings.timeout,
            stop: stop.clone(),
            failing: false,
        };
        Ok((tracer, Self { sending: tokio::spawn(sender.run()), stop }))
    }

    /// Sends what waits, at most for so long; what is left then is lost with the process. Called when everything that records has ended.
    pub async fn finish(mut self, longest: Duration) {
        self.stop.cancel();
        if timeout(longest, &mut self.sending).await.is_err() {
            self.sending.abort();
            tracing::warn!(?longest, "own spans were still waiting at the end of the process, and are lost");
        }
    }
}

struct Sender {
    ended: mpsc::Receiver<SpanData>,
    transport: Transport,
    resource: ResourceAttributesWithSchema,
    metrics: Metrics,
    delay: Duration,
    timeout: Duration,
    stop: CancellationToken,
    /// An outage is told when it begins and when it ends, and not with every request.
    failing: bool,
}

impl Sender {
    /// Until the stop, and then until nothing waits any more.
    async fn run(mut self) {
        loop {
            let batch = self.gather().await;
            if batch.is_empty() {
                return;
            }
            self.send(batch).await;
        }
    }

    /// What has ended within the delay, up to a request's worth; nothing when all is over.
    async fn gather(&mut self) -> Vec<SpanData> {
        let mut batch = Vec::new();
        let first = tokio::select! {
            span = self.ended.recv() => span,
            () = self.stop.cancelled() => self.ended.try_recv().ok(),
        };
        let Some(first) = first else { return batch };
        batch.push(first);
        let end = Instant::now() + self.delay;
        while batch.len() < MOST_SPANS {
            // What is there already goes along, even at the stop.
            if let Ok(span) = self.ended.try_recv() {
                batch.push(span);
                continue;
            }
            let next = tokio::select! {
                span = self.ended.recv() => span,
                () = self.stop.cancelled() => None,
                () = sleep_until(end) => None,
            };
            match next {
                Some(span) => batch.push(span),
                None => break,
            }
        }
        batch
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let spans = batch.len();
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let message = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        match self.send_again_and_again(message).await {
            Ok(()) => {
                self.metrics.exported.inc_by(spans as u64);
                if std::mem::take(&mut self.failing) {
                    tracing::info!(endpoint = %self.transport, "own traces are sent again");
                }
            }
            Err(failure) => {
                self.metrics.dropped(NOT_TAKEN, spans);
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(endpoint = %self.transport, %failure, "own traces cannot be sent; what finds no room meanwhile is lost, and requests are served as ever");
                }
            }
        }
    }

    async fn send_again_and_again(&self, message: Vec<u8>) -> Result<(), Failure> {
        let message = self.transport.framed(message);
        let mut pauses = PAUSES.into_iter();
        loop {
            let sent = timeout(self.timeout, self.transport.send(message.clone())).await;
            let sent = sent
                .unwrap_or_else(|_| Err(Failure::passing(format!("no answer within {:?}", self.timeout))));
            let failure = match sent {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            // A known outage is not waited for: the queue has better uses for the time.
            let pause =
                pauses.next().filter(|_| failure.passes && !self.failing && !self.stop.is_cancelled());
            let Some(pause) = pause else { return Err(failure) };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
