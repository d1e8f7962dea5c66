//! From the buffer to the collectors. A batch leaves the buffer's accounts only when a collector has answered Ok, or it is known that none
//! ever will.
//! Facts: `jaegertracing/jaeger cmd/agent/app/reporter/grpc` (v1.60), whose batches are lost after three attempts.

mod backoff;
mod connection;
mod peer;
mod peers;
mod target;
#[cfg(test)]
mod tests;
mod tls;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use spoor_pipeline::Quiet;
use spoor_tls::LoadedCertificates;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use connection::CallError;
pub(crate) use peers::Peers;
pub use spoor_tls::TlsError;
pub use target::{ParseTargetError, Target};
pub(crate) use tls::check as check_tls;

use crate::buffer::{Buffer, Taken};
use crate::config::ReporterConfig;
use crate::metrics::ConnectionMetrics;
use connection::Dialer;
use peer::{Call, Keeper};
use peers::{Finder, Resolve, system_resolver};
use verdict::{Verdict, is_its_own_fault, judge};

const POST_SPANS: &str = "/jaeger.api_v2.CollectorService/PostSpans";

/// Sends what is in the buffer.
pub(crate) struct Reporter {
    buffer: Arc<Buffer>,
    peers: Arc<Peers>,
    finder: Finder,
    retry_max: u32,
    max_requests: usize,
    timeout: Duration,
}

/// What a sending task works with.
struct Sending {
    buffer: Arc<Buffer>,
    retry_max: u32,
    timeout: Duration,
    quiet: Quiet,
}

impl Reporter {
    /// A reporter to these collectors.
    pub(crate) fn new(
        config: &ReporterConfig,
        targets: Vec<Target>,
        buffer: Arc<Buffer>,
        metrics: Arc<ConnectionMetrics>,
    ) -> Self {
        Self::with_resolver(config, targets, buffer, metrics, system_resolver())
    }

    fn with_resolver(
        config: &ReporterConfig,
        targets: Vec<Target>,
        buffer: Arc<Buffer>,
        metrics: Arc<ConnectionMetrics>,
        resolve: Resolve,
    ) -> Self {
        let mut metadata = HeaderMap::new();
        if let Some(tenant) = &config.tenant {
            metadata.insert(config.tenant_header.clone(), tenant.clone());
        }
        let ready = Arc::new(Notify::new());
        let certificates = LoadedCertificates::default();
        let dialer = Dialer { tls: config.tls.clone(), certificates, metadata };
        let peers = Arc::new(Peers::new(Arc::clone(&ready)));
        let finder = Finder {
            targets,
            peers: Arc::clone(&peers),
            keeper: Keeper { dialer, ready, metrics },
            resolve,
            interval: config.resolve_interval,
            min_peers: config.min_peers as usize,
        };
        Self {
            buffer,
            peers,
            finder,
            retry_max: config.retry_max,
            max_requests: config.max_requests as usize,
            timeout: config.timeout,
        }
    }

    /// Tells with each connection when the certificates end that it is made with.
    pub(crate) fn report_certificates(&mut self, certificates: &LoadedCertificates) {
        self.finder.keeper.dialer.certificates = certificates.clone();
    }

    /// The collectors, for other calls.
    pub(crate) fn peers(&self) -> Arc<Peers> {
        Arc::clone(&self.peers)
    }

    /// Sends until `stop`. What is under way then goes back into the buffer.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let finding = tokio::spawn(self.finder.run(stop.clone()));
        let sending = Arc::new(Sending {
            buffer: self.buffer,
            retry_max: self.retry_max,
            timeout: self.timeout,
            quiet: Quiet::default(),
        });
        let room = Arc::new(Semaphore::new(self.max_requests));
        let mut calls = JoinSet::new();
        let send_all = async {
            loop {
                // It is never closed.
                let Ok(room) = Arc::clone(&room).acquire_owned().await else { return };
                let taken = sending.buffer.take().await;
                let call = self.peers.next().await;
                let sending = Arc::clone(&sending);
                calls.spawn(async move {
                    sending.send(taken, call).await;
                    drop(room);
                });
                while calls.try_join_next().is_some() {}
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = send_all => {}
        }
        calls.shutdown().await;
        // It ends by the same token.
        let _ = finding.await;
    }
}

impl Sending {
    async fn send(&self, mut taken: Taken, mut call: Call) {
        let request = taken.package().request.clone();
        let answer = call.connection.call(POST_SPANS, request, self.timeout).await;
        match judge(answer) {
            Verdict::Delivered => {
                call.peer().succeeded();
                taken.delivered();
            }
            Verdict::Refused(why) => {
                let spans = taken.package().spans;
                self.refuse(taken, spans, &why);
            }
            Verdict::RefusedInPart { spans, why } => {
                call.peer().succeeded();
                self.refuse(taken, spans, &why);
            }
            Verdict::Elsewhere { rest, why } => {
                self.buffer.accounts().retried();
                call.peer().failed(rest, &why);
                // Dropping it gives it back.
            }
            Verdict::Suspect { patience, why } => {
                self.buffer.accounts().retried();
                call.peer().failed(None, &why);
                let suspicion = taken.failed_again();
                if is_its_own_fault(suspicion, self.retry_max, patience) {
                    let spans = taken.package().spans;
                    return self.refuse(taken, spans, &why);
                }
                // It waits itself, too, and meanwhile others have their turn: whom they succeed at is well.
                drop(call);
                tokio::time::sleep(backoff::pause(suspicion.failures)).await;
            }
        }
    }

    /// So many spans of a batch are lost, if it has so many, and a collector has the others.
    fn refuse(&self, taken: Taken, spans: u32, why: &str) {
        let (of, spans) = (taken.package().spans, spans.min(taken.package().spans));
        if let Some(left_out) = self.quiet.allows() {
            tracing::warn!(why, spans, of, left_out, "collectors refuse spans of a batch; they are lost");
        }
        taken.refused(spans);
    }
}
