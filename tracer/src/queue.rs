//! Where ended spans wait: bounded, and never waited for. One for whom there is no room is lost, and counted.

use std::time::Duration;

use opentelemetry::{Context, Key};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::mpsc;

use crate::metrics::{Metrics, QUEUE_FULL};

/// The attribute of a span that is not to be exported.
pub(crate) const TAKEN_BACK: Key = Key::from_static_str("spoor.taken_back");

/// The SDK's end of the queue.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: mpsc::Sender<SpanData>,
    metrics: Metrics,
}

impl Queue {
    /// A queue for so many spans, and the end that they come out of.
    pub(crate) fn new(spans: usize, metrics: Metrics) -> (Self, mpsc::Receiver<SpanData>) {
        let (waiting, ended) = mpsc::channel(spans);
        (Self { waiting, metrics }, ended)
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.attributes.iter().any(|attribute| attribute.key == TAKEN_BACK) {
            return;
        }
        if self.waiting.try_send(span).is_err() {
            self.metrics.dropped(QUEUE_FULL, 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// The exporter looks after what waits, at the process's end.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
