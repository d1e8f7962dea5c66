//! The UDP ports, under Jaeger's names.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Buckets of a duration in seconds: the Prometheus clients' default, which Jaeger's histograms have.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// A port, as Jaeger labels it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Port {
    pub(crate) protocol: &'static str,
    pub(crate) model: &'static str,
}

/// All ports.
#[derive(Debug)]
pub(crate) struct ProcessorMetrics {
    processed: Family<Port, Counter>,
    dropped: Family<Port, Counter>,
    packet_size: Family<Port, Gauge>,
    queue_size: Family<Port, Gauge>,
    read_errors: Family<Port, Counter>,
    handler_errors: Family<Port, Counter>,
    close_time: Family<Port, Histogram>,
}

/// One port's.
#[derive(Debug, Clone)]
pub(crate) struct PortMetrics {
    /// Datagrams that found room in the queue.
    pub(crate) processed: Counter,
    /// Datagrams that found none.
    pub(crate) dropped: Counter,
    pub(crate) packet_size: Gauge,
    pub(crate) queue_size: Gauge,
    pub(crate) read_errors: Counter,
    /// Datagrams that could not be read.
    pub(crate) handler_errors: Counter,
    pub(crate) close_time: Histogram,
}

impl ProcessorMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let new = Self {
            processed: Family::default(),
            dropped: Family::default(),
            packet_size: Family::default(),
            queue_size: Family::default(),
            read_errors: Family::default(),
            handler_errors: Family::default(),
            close_time: Family::new_with_constructor(|| Histogram::new(SECONDS)),
        };
        let registry = registry.sub_registry_with_prefix("jaeger_agent_thrift_udp");
        registry.register(
            "server_packets_processed",
            "Datagrams that were queued to be decoded",
            new.processed.clone(),
        );
        registry.register(
            "server_packets_dropped",
            "Datagrams dropped because the queue was full",
            new.dropped.clone(),
        );
        registry.register("server_packet_size", "Bytes of the last datagram", new.packet_size.clone());
        registry.register("server_queue_size", "Datagrams in the queue", new.queue_size.clone());
        registry.register("server_read_errors", "Failures to read from the socket", new.read_errors.clone());
        registry.register(
            "t_processor_handler_errors",
            "Datagrams refused because they cannot be read",
            new.handler_errors.clone(),
        );
        registry.register(
            "t_processor_close_time",
            "Time to decode what was queued when the port was closed, in seconds",
            new.close_time.clone(),
        );
        new
    }

    pub(crate) fn of(&self, protocol: &'static str, model: &'static str) -> PortMetrics {
        let port = Port { protocol, model };
        PortMetrics {
            processed: self.processed.get_or_create_owned(&port),
            dropped: self.dropped.get_or_create_owned(&port),
            packet_size: self.packet_size.get_or_create_owned(&port),
            queue_size: self.queue_size.get_or_create_owned(&port),
            read_errors: self.read_errors.get_or_create_owned(&port),
            handler_errors: self.handler_errors.get_or_create_owned(&port),
            close_time: self.close_time.get_or_create_owned(&port),
        }
    }
}
