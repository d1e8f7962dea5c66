//! What adaptive sampling keeps: how much traffic was seen, and with which probabilities it is sampled.
//! Facts: `jaegertracing/jaeger internal/storage/v1/api/samplingstore`.

use std::collections::{BTreeMap, BTreeSet};

/// Root spans of one operation that one collector saw within one interval.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Throughput {
    /// The service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// How many root spans were sampled by a probability.
    pub count: u64,
    /// The probabilities that their samplers told, each with six decimals (`0.001000`).
    pub probabilities: BTreeSet<String>,
}

/// A number for each operation of each service.
pub type ByOperation = BTreeMap<String, BTreeMap<String, f64>>;

/// What a leader calculated: with which probability each operation is to be sampled, and the traffic that led to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SamplingProbabilities {
    /// The host that calculated.
    pub host: String,
    /// Probability by service and operation, 0 to 1.
    pub probabilities: ByOperation,
    /// Sampled root spans per second, by service and operation.
    pub qps: ByOperation,
}
