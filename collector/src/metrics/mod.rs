//! What the collector counts: exact accounts of its own (`spoor_collector_…`) and Jaeger v1's names (`jaeger_collector_…`).
//!
//! The accounts: at any quiet moment
//! `spans_received = spans_stored + spans_rejected + spans_returned + spans_dropped + spans_in_flight`.
//! Returned spans were answered with an error, so that the sender still owns them; nothing is ever dropped, and the counter
//! stands there to prove it.

mod service_name;
mod services;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;
use spoor_net::limits::Budget;
use spoor_tracer::LatencyHistogram;

pub(crate) use services::{ServiceTable, Tallies};

/// Buckets of a duration in seconds: the Prometheus clients' default, which Jaeger's histograms have.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Why something was not stored; the words are in `receiver::status` and `dispatch`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Reason {
    pub(crate) reason: &'static str,
}

/// The reasons of `spans_returned`.
const RETURNED: [&str; 4] = ["busy", "unavailable", "deadline", "internal"];

/// Labels of Jaeger's `http_request_duration`. The path is one that we serve, or `other`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct HttpLabels {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) status: u16,
}

/// Registered once when the collector is built; a test makes its own.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) received: Counter,
    pub(crate) stored: Counter,
    pub(crate) rejected: Family<Reason, Counter>,
    pub(crate) returned: Family<Reason, Counter>,
    pub(crate) in_flight: Gauge,
    pub(crate) refused_requests: Family<Reason, Counter>,
    pub(crate) repaired_texts: Counter,
    pub(crate) batch_size: Gauge,
    /// Bytes of requests' bodies, decompressed, whose spans were received.
    pub(crate) bytes: Gauge,
    /// Bytes of the budget that those requests took.
    held_bytes: Counter,
    pub(crate) in_queue: LatencyHistogram,
    pub(crate) save: LatencyHistogram,
    pub(crate) http: Family<HttpLabels, LatencyHistogram>,
    pub(crate) services: ServiceTable,
}

impl Metrics {
    /// Makes them known to the registry, together with the budgets' gauges. `host` is this machine's name, a label of some of Jaeger's.
    pub(crate) fn register(registry: &mut Registry, host: &str, requests: &Budget, bytes: &Budget) -> Self {
        let new = Self {
            received: Counter::default(),
            stored: Counter::default(),
            rejected: Family::default(),
            returned: Family::default(),
            in_flight: Gauge::default(),
            refused_requests: Family::default(),
            repaired_texts: Counter::default(),
            batch_size: Gauge::default(),
            bytes: Gauge::default(),
            held_bytes: Counter::default(),
            in_queue: seconds(),
            save: seconds(),
            http: Family::new_with_constructor(seconds),
            services: ServiceTable::register(registry),
        };
        // An alert on a reason that has not come up yet must find a zero, not nothing.
        for reason in RETURNED {
            drop(new.returned.get_or_create(&Reason { reason }));
        }
        new.register_accounts(registry);
        new.register_jaegers(registry, host);
        let capacity =
            Capacity { budget: bytes.clone(), spans: new.received.clone(), held: new.held_bytes.clone() };
        of_host(registry, host).register_collector(Box::new(capacity));
        registry.register_collector(Box::new(Room { requests: requests.clone(), bytes: bytes.clone() }));
        new
    }

    fn register_accounts(&self, registry: &mut Registry) {
        let mut add = |name: &str, help: &str, counter: &Counter| {
            registry.register(format!("spoor_collector_{name}"), help, counter.clone());
        };
        add("spans_received", "Spans decoded from requests", &self.received);
        add("spans_stored", "Spans that the store has confirmed as durable", &self.stored);
        add("spans_dropped", "Spans lost without their sender being told; never counts", &Counter::default());
        add(
            "repaired_texts",
            "Texts with invalid UTF-8 that were repaired with U+FFFD",
            &self.repaired_texts,
        );
        let mut add = |name: &str, help: &str, family: &Family<Reason, Counter>| {
            registry.register(format!("spoor_collector_{name}"), help, family.clone());
        };
        add("spans_rejected", "Spans that can never be stored, named to their senders", &self.rejected);
        add("spans_returned", "Spans answered with an error, which their senders still own", &self.returned);
        add("requests_refused", "Requests refused before their spans were counted", &self.refused_requests);
        registry.register(
            "spoor_collector_spans_in_flight",
            "Spans received whose fate is open",
            self.in_flight.clone(),
        );
    }

    fn register_jaegers(&self, registry: &mut Registry, host: &str) {
        let http = registry.sub_registry_with_prefix("jaeger_collector");
        http.register("http_request_duration", "Seconds that a request by HTTP took", self.http.clone());
        let registry = of_host(registry, host);
        registry.register(
            "spans_dropped",
            "Spans dropped by a full queue; here there is none",
            Counter::<u64>::default(),
        );
        registry.register("batch_size", "Spans of the latest request", self.batch_size.clone());
        registry.register("queue_length", "Spans received whose fate is open", self.in_flight.clone());
        registry.register(
            "in_queue_latency",
            "Seconds from a request's arrival to the store",
            self.in_queue.clone(),
        );
        registry.register("save_latency", "Seconds that the store took for a request", self.save.clone());
        registry.register(
            "spans_bytes",
            "Bytes of requests whose spans were received, decompressed, since the start",
            self.bytes.clone(),
        );
        registry.register(
            "spans_serviceNames",
            "Names of services told apart in the metrics by service",
            self.services.names().clone(),
        );
    }

    /// Counts the size of a request that was decoded, and what it takes of the budget, in bytes.
    pub(crate) fn measured(&self, size: usize, held: usize) {
        self.bytes.inc_by(i64::try_from(size).unwrap_or(i64::MAX));
        self.held_bytes.inc_by(held as u64);
    }

    pub(crate) fn count_refused(&self, reason: &'static str) {
        self.refused_requests.get_or_create(&Reason { reason }).inc();
    }
}

/// Where Jaeger's metrics are that have the label `host`.
fn of_host<'r>(registry: &'r mut Registry, host: &str) -> &'r mut Registry {
    let registry = registry.sub_registry_with_prefix("jaeger_collector");
    registry.sub_registry_with_label(("host".into(), host.to_owned().into()))
}

fn seconds() -> LatencyHistogram {
    LatencyHistogram::new(SECONDS.into_iter())
}

/// Jaeger's `queue_capacity`, beside `queue_length`. There is no queue of so many spans: what bounds the spans in flight is the budget of
/// bytes. So it is how many spans of the size seen so far have room in it, as Jaeger itself calculates with `--collector.queue-size-memory`.
#[derive(Debug)]
struct Capacity {
    budget: Budget,
    spans: Counter,
    /// Bytes that these spans took of the budget.
    held: Counter,
}

/// Bytes that a span is taken to need before the first was seen.
const FIRST_GUESS: u64 = 1024;

impl Capacity {
    fn spans(&self) -> u64 {
        let average = self.held.get().checked_div(self.spans.get()).unwrap_or(FIRST_GUESS);
        self.budget.limit() as u64 / average.max(1)
    }
}

impl Collector for Capacity {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let gauge = ConstGauge::new(i64::try_from(self.spans()).unwrap_or(i64::MAX));
        let help = "Spans of the average size so far that may be in flight at a time";
        gauge.encode(encoder.encode_descriptor("queue_capacity", help, None, gauge.metric_type())?)
    }
}

/// Gauges read from the budgets when somebody looks.
#[derive(Debug)]
struct Room {
    requests: Budget,
    bytes: Budget,
}

impl Collector for Room {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let gauges = [
            ("requests_in_flight", "Requests held now", self.requests.held()),
            ("requests_in_flight_limit", "Requests that may be held at a time", self.requests.limit()),
            ("bytes_in_flight", "Bytes of requests held now", self.bytes.held()),
            ("bytes_in_flight_limit", "Bytes of requests that may be held at a time", self.bytes.limit()),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let name = format!("spoor_collector_{name}");
            gauge.encode(encoder.encode_descriptor(&name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
