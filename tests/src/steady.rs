//! UDP clients that send spans at a steady pace, whatever becomes of them, and remember what they sent when.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context, Result};
use spoor_load::SpanKey;
use spoor_model::{ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanRow, TraceId};
use spoor_proto::convert::jaeger_thrift::ThriftProtocol;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::traffic::{datagram, now};

/// Spans of a datagram, which are one trace.
pub const SPANS: u64 = 5;
/// Every 10 ms one datagram: 500 spans a second of each client.
const PACE: Duration = Duration::from_millis(10);

/// A client that sends until it is asked to stop.
pub struct Steady {
    stop: CancellationToken,
    task: JoinHandle<Result<Vec<Sent>>>,
}

/// A datagram that the kernel has taken from a client.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// Just before it was sent.
    pub at: Instant,
    trace: TraceId,
}

impl Sent {
    /// Its spans.
    pub fn keys(&self) -> impl Iterator<Item = SpanKey> + use<> {
        let trace = self.trace;
        (1..=SPANS).map(move |id| (trace, SpanId(id)))
    }
}

/// The spans of datagrams.
#[must_use]
pub fn keys_sent(sent: &[Sent]) -> BTreeSet<SpanKey> {
    sent.iter().flat_map(Sent::keys).collect()
}

impl Steady {
    /// Sends to an address from now on, with a process of its own. Clients of different `number`s send different traces.
    #[must_use]
    pub fn to(address: &str, protocol: ThriftProtocol, number: u32) -> Self {
        let (stop, address) = (CancellationToken::new(), address.to_owned());
        let task = tokio::spawn(send(address, protocol, number, stop.clone()));
        Self { stop, task }
    }

    /// Ends the sending; answers all that was sent, the oldest first.
    ///
    /// # Errors
    /// When its own kernel has refused a datagram.
    pub async fn stop(self) -> Result<Vec<Sent>> {
        self.stop.cancel();
        self.task.await?
    }
}

/// At the pace; what the machine was too busy for is made up.
async fn send(
    address: String,
    protocol: ThriftProtocol,
    number: u32,
    stop: CancellationToken,
) -> Result<Vec<Sent>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sent = Vec::new();
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let trace = TraceId(u128::from(number + 1) << 64 | (sent.len() as u128 + 1));
        let packet = datagram(protocol, &batch(number, trace)?);
        let at = Instant::now();
        socket.send_to(&packet, &address).with_context(|| format!("send a datagram to {address}"))?;
        sent.push(Sent { at, trace });
    }
    Ok(sent)
}

/// The spans of one trace.
fn batch(number: u32, trace_id: TraceId) -> Result<SpanBatch> {
    let mut builder = SpanBatchBuilder::new();
    let service = builder.text(&format!("client-{number}"));
    let resource = builder.push_resource(ResourceRow { service: Some(service), ..ResourceRow::default() });
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    let start = now();
    for id in 1..=SPANS {
        let name = builder.text("GET /a/path/of/usual/length");
        let end = start.saturating_add(Duration::from_millis(1));
        let span_id = SpanId(id);
        builder.push_span(SpanRow { trace_id, span_id, scope, name, start, end, ..SpanRow::default() });
    }
    Ok(builder.finish()?)
}
