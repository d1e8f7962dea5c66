//! From what a file says of each service to what clients are told: services inherit the default's operations.

use std::collections::HashMap;
use std::sync::Arc;

use super::Strategies;
use super::document::{Document, Rule};
use crate::config::FileConfig;
use crate::{OperationStrategy, PerOperation, Sampler, Strategy};

/// Without a file.
pub(super) fn defaults(probability: f64) -> Strategies {
    Strategies { default: Arc::new(Strategy::probabilistic(probability)), services: HashMap::new() }
}

/// What clients are told.
pub(super) fn resolve(document: &Document, config: &FileConfig) -> Strategies {
    let mut strategies = defaults(config.probability());
    if let Some(rule) = &document.default {
        strategies.default = Arc::new(alone(rule, config));
    }
    let inherited = strategies.default.per_operation.as_ref();
    let of_services = document.services.iter().map(|(service, rule)| {
        let strategy = match inherited {
            Some(inherited) => with_operations(alone(rule, config), inherited, config),
            None => alone(rule, config),
        };
        (service.clone(), Arc::new(strategy))
    });
    strategies.services = of_services.collect();
    strategies
}

/// The rule without what it inherits.
fn alone(rule: &Rule, config: &FileConfig) -> Strategy {
    let default_probability = match rule.sampler {
        Sampler::Probabilistic(probability) => probability,
        Sampler::RateLimiting(_) => config.probability(),
    };
    let per_operation = rule.operations.as_ref().map(|operations| PerOperation {
        default_probability,
        operations: operations.clone(),
        ..PerOperation::default()
    });
    Strategy { sampler: Some(rule.sampler), per_operation }
}

/// Adds the default's operations that the service does not override.
fn with_operations(mut strategy: Strategy, inherited: &PerOperation, config: &FileConfig) -> Strategy {
    match (&mut strategy.per_operation, strategy.sampler) {
        (Some(own), _) => {
            let is_own = |rule: &&OperationStrategy| {
                own.operations.iter().any(|known| known.operation == rule.operation)
            };
            let more: Vec<_> = inherited.operations.iter().filter(|rule| !is_own(rule)).cloned().collect();
            own.operations.extend(more);
        }
        (none, Some(Sampler::Probabilistic(default_probability))) => {
            *none = Some(PerOperation { default_probability, ..inherited.clone() });
        }
        (none, _) => *none = config.limiting_services_inherit.then(|| inherited.clone()),
    }
    strategy
}
