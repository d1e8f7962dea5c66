//! What clients say of their own losses: they number their batches, and tell what they have dropped since they began.
//! Facts: `jaegertracing/jaeger cmd/agent/app/reporter/client_metrics.go` (v1.60).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use spoor_model::ValueView;
use tokio::time::Instant;

use crate::datagram::{ClientStats, Datagram};

/// The tag of a process by which a client is known.
const CLIENT: &str = "client-uuid";
/// A client that is silent so long is forgotten.
const EXPIRY: Duration = Duration::from_secs(3600);
/// How often it is looked for such clients.
const LOOK: Duration = Duration::from_secs(15 * 60);
/// Clients that are known at a time; new ones beyond it are not accounted for.
const MOST: usize = 10_000;
/// The longest name that is kept, in bytes.
const LONGEST: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cause {
    cause: &'static str,
}

/// What is known of clients.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    known: Mutex<HashMap<String, Client>>,
    received: Counter,
    sent: Counter,
    connected: Gauge,
    dropped: Family<Cause, Counter>,
}

#[derive(Debug)]
struct Client {
    sequence: i64,
    /// What was told last; nothing yet where its batches told nothing.
    stats: Option<ClientStats>,
    seen: Instant,
}

impl Clients {
    /// With its metrics.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        let registry = registry.sub_registry_with_prefix("jaeger_agent_client_stats");
        registry.register(
            "batches_received",
            "Batches received from clients that number them",
            new.received.clone(),
        );
        registry.register(
            "batches_sent",
            "Batches that such clients have sent, by their numbers",
            new.sent.clone(),
        );
        registry.register(
            "connected_clients",
            "Such clients heard of within the last hour",
            new.connected.clone(),
        );
        registry.register(
            "spans_dropped",
            "Spans that such clients have dropped themselves",
            new.dropped.clone(),
        );
        for cause in ["full-queue", "too-large", "send-failure"] {
            drop(new.dropped.get_or_create(&Cause { cause }));
        }
        new
    }

    /// Notes what a batch tells of its client.
    pub(crate) fn saw(&self, datagram: &Datagram) {
        let Some(sequence) = datagram.sequence else { return };
        let Some(resource) = datagram.spans.resources().next() else { return };
        let Some(ValueView::Str(name)) = resource.attributes().get(CLIENT) else { return };
        if name.is_empty() || name.len() > LONGEST {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains_key(name) && known.len() >= MOST {
            return;
        }
        self.received.inc();
        let stats = datagram.stats;
        let now = Instant::now();
        let Some(client) = known.get_mut(name) else {
            let client = Client { sequence, stats, seen: now };
            known.insert(name.to_owned(), client);
            self.connected.set(i64::try_from(known.len()).unwrap_or(i64::MAX));
            return;
        };
        client.seen = now;
        // A batch that was overtaken; the one that overtook it has told more already.
        if sequence <= client.sequence {
            return;
        }
        self.sent.inc_by(rise(client.sequence, sequence));
        client.sequence = sequence;
        if let Some(stats) = stats
            && let Some(before) = client.stats.replace(stats)
        {
            self.count(before, stats);
        }
    }

    fn count(&self, before: ClientStats, now: ClientStats) {
        let causes = [
            ("full-queue", before.full_queue, now.full_queue),
            ("too-large", before.too_large, now.too_large),
            ("send-failure", before.send_failure, now.send_failure),
        ];
        for (cause, before, now) in causes {
            self.dropped.get_or_create(&Cause { cause }).inc_by(rise(before, now));
        }
    }

    /// Forgets silent clients, until dropped.
    pub(crate) async fn keep_forgetting(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|_, client| client.seen.elapsed() <= EXPIRY);
            self.connected.set(i64::try_from(known.len()).unwrap_or(i64::MAX));
        }
    }
}

/// What a sum has grown by; a counter that falls counts nothing.
fn rise(before: i64, now: i64) -> u64 {
    u64::try_from(now.saturating_sub(before)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datagram::Format;
    use crate::testing;

    fn batch(sequence: i64, full_queue: i64) -> Datagram {
        let mut spans = testing::batch("shop", 1);
        spans.add_resource_attribute(0, CLIENT, ValueView::Str("one"));
        let stats = ClientStats { full_queue, too_large: full_queue.saturating_mul(2), send_failure: 0 };
        Datagram { format: Format::Jaeger, spans, sequence: Some(sequence), stats: Some(stats) }
    }

    #[test]
    fn the_first_batch_is_the_base_and_gaps_and_losses_are_counted_from_there() {
        let clients = Clients::default();
        for (sequence, losses) in [(100, 50), (101, 50), (104, 53), (103, 52)] {
            clients.saw(&batch(sequence, losses));
        }
        let dropped = |cause| clients.dropped.get_or_create(&Cause { cause }).get();
        assert_eq!((clients.received.get(), clients.sent.get()), (4, 4));
        assert_eq!((dropped("full-queue"), dropped("too-large")), (3, 6));
        assert_eq!(clients.connected.get(), 1);
    }

    #[test]
    fn the_first_batch_that_tells_of_losses_is_the_base_also_when_it_is_not_the_first() {
        let clients = Clients::default();
        clients.saw(&Datagram { stats: None, ..batch(1, 0) });
        clients.saw(&batch(2, 50));
        clients.saw(&Datagram { stats: None, ..batch(3, 0) });
        clients.saw(&batch(4, 53));
        assert_eq!(clients.dropped.get_or_create(&Cause { cause: "full-queue" }).get(), 3);
    }

    #[test]
    fn a_batch_without_number_or_client_says_nothing() {
        let clients = Clients::default();
        clients.saw(&Datagram { sequence: None, ..batch(1, 1) });
        clients.saw(&Datagram { spans: testing::batch("shop", 1), ..batch(1, 1) });
        assert_eq!(clients.received.get(), 0);
    }

    #[test]
    fn a_client_that_lies_makes_no_counter_fall_or_overflow() {
        let clients = Clients::default();
        clients.saw(&batch(i64::MIN, i64::MAX));
        clients.saw(&batch(i64::MAX, i64::MIN));
        assert_eq!(clients.dropped.get_or_create(&Cause { cause: "full-queue" }).get(), 0);
    }
}
