//! What a client is told to do.

/// How a service is to sample.
///
/// Clients prefer `per_operation` where it is there, whatever `sampler` says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Strategy {
    /// For all operations alike. Nothing where `per_operation` says it all, as with adaptive sampling.
    pub sampler: Option<Sampler>,
    /// For some operations, and the others.
    pub per_operation: Option<PerOperation>,
}

/// One rule for all operations of a service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampler {
    /// This share of traces, 0 to 1.
    Probabilistic(f64),
    /// At most so many traces a second, in each client.
    RateLimiting(i32),
}

/// Rules for operations of a service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PerOperation {
    /// The share of traces of operations that are not named, 0 to 1.
    pub default_probability: f64,
    /// Traces a second that each operation gets whatever its probability, in each client.
    pub lower_bound: f64,
    /// Traces a second that no operation exceeds; 0 is no bound. Clients pass over it.
    pub upper_bound: f64,
    /// The operations that are named, each once.
    pub operations: Vec<OperationStrategy>,
}

/// The rule for one operation.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationStrategy {
    /// The operation's name.
    pub operation: String,
    /// The share of its traces, 0 to 1.
    pub probability: f64,
}

impl Strategy {
    /// This share of all traces.
    #[must_use]
    pub fn probabilistic(probability: f64) -> Self {
        Self { sampler: Some(Sampler::Probabilistic(probability)), per_operation: None }
    }
}
