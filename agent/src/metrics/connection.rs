//! Connections to collectors.

use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Jaeger's two, and how many there are.
#[derive(Debug, Default)]
pub(crate) struct ConnectionMetrics {
    /// 1 while there is a connection to any collector.
    any: Gauge,
    connections: Gauge,
    /// Connections made, the first one apart.
    reconnects: Counter,
    one_was_made: AtomicBool,
}

impl ConnectionMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        let jaegers = registry.sub_registry_with_prefix("jaeger_agent_connection_status");
        jaegers.register("collector_connected", "1 while a collector is connected, else 0", new.any.clone());
        jaegers.register(
            "collector_reconnects",
            "Connections made to collectors, but for the first",
            new.reconnects.clone(),
        );
        registry.register(
            "spoor_agent_connections",
            "Collectors that are connected",
            new.connections.clone(),
        );
        new
    }

    pub(crate) fn connected(&self) {
        if self.one_was_made.swap(true, Ordering::Relaxed) {
            self.reconnects.inc();
        }
        self.connections.inc();
        self.any.set(1);
    }

    pub(crate) fn disconnected(&self) {
        if self.connections.dec() <= 1 {
            self.any.set(0);
        }
    }
}
