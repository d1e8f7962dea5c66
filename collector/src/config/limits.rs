//! Bounds over all receivers together.

use std::time::Duration;

use spoor_model::parse_go_duration;

/// Bounds over all receivers together.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct LimitsConfig {
    /// Requests at a time, over all receivers, from their first byte until their spans are settled. More are refused at once
    /// with RESOURCE_EXHAUSTED or 429, to be sent again.
    #[arg(
        id = "collector.max-concurrent-requests",
        long = "collector.max-concurrent-requests",
        value_name = "COUNT",
        default_value_t = 256
    )]
    pub max_concurrent_requests: usize,

    /// Bytes of requests (as received, decompressed, and decoded) held at a time, over all receivers. A request that does not
    /// fit is refused at once with RESOURCE_EXHAUSTED or 429, to be sent again. One that is alone may be decoded beyond it.
    #[arg(
        id = "collector.max-bytes-in-flight",
        long = "collector.max-bytes-in-flight",
        value_name = "BYTES",
        default_value_t = 64 << 20
    )]
    pub max_bytes_in_flight: usize,

    /// Connections at a time, on each port; more wait until one ends.
    #[arg(
        id = "collector.max-connections",
        long = "collector.max-connections",
        value_name = "COUNT",
        default_value_t = 10_000
    )]
    pub max_connections: usize,

    /// Time for a request from its arrival to the store's answer, unless the sender's own deadline is shorter. Then the
    /// sender is told to send again. OpenTelemetry's SDKs wait for 10s by default.
    #[arg(
        id = "collector.write-timeout",
        long = "collector.write-timeout",
        value_name = "DURATION",
        value_parser = parse_go_duration,
        default_value = "8s"
    )]
    pub write_timeout: Duration,
}
