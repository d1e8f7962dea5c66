//! Strategies and Jaeger's message (`jaegertracing/jaeger-idl proto/api_v2/sampling.proto`).

use spoor_proto::jaeger::api_v2::{
    OperationSamplingStrategy, PerOperationSamplingStrategies, ProbabilisticSamplingStrategy,
    RateLimitingSamplingStrategy, SamplingStrategyResponse, SamplingStrategyType,
};

use crate::{OperationStrategy, PerOperation, Sampler, Strategy};

impl From<&Strategy> for SamplingStrategyResponse {
    fn from(strategy: &Strategy) -> Self {
        let (mut probabilistic_sampling, mut rate_limiting_sampling) = (None, None);
        let strategy_type = match strategy.sampler {
            Some(Sampler::RateLimiting(max_traces_per_second)) => {
                rate_limiting_sampling = Some(RateLimitingSamplingStrategy { max_traces_per_second });
                SamplingStrategyType::RateLimiting
            }
            Some(Sampler::Probabilistic(sampling_rate)) => {
                probabilistic_sampling = Some(ProbabilisticSamplingStrategy { sampling_rate });
                SamplingStrategyType::Probabilistic
            }
            None => SamplingStrategyType::Probabilistic,
        };
        Self {
            strategy_type: strategy_type.into(),
            probabilistic_sampling,
            rate_limiting_sampling,
            operation_sampling: strategy.per_operation.as_ref().map(per_operation_message),
        }
    }
}

fn per_operation_message(rules: &PerOperation) -> PerOperationSamplingStrategies {
    let message = |rule: &OperationStrategy| OperationSamplingStrategy {
        operation: rule.operation.clone(),
        probabilistic_sampling: Some(ProbabilisticSamplingStrategy { sampling_rate: rule.probability }),
    };
    PerOperationSamplingStrategies {
        default_sampling_probability: rules.default_probability,
        default_lower_bound_traces_per_second: rules.lower_bound,
        per_operation_strategies: rules.operations.iter().map(message).collect(),
        default_upper_bound_traces_per_second: rules.upper_bound,
    }
}

/// What the message means to a client. A type that contradicts what is there counts less than what is there; an operation without a
/// rate is not sampled, as proto3's default says.
impl From<SamplingStrategyResponse> for Strategy {
    fn from(message: SamplingStrategyResponse) -> Self {
        let probabilistic =
            message.probabilistic_sampling.map(|rule| Sampler::Probabilistic(rule.sampling_rate));
        let limiting =
            message.rate_limiting_sampling.map(|rule| Sampler::RateLimiting(rule.max_traces_per_second));
        let sampler = if message.strategy_type == i32::from(SamplingStrategyType::RateLimiting) {
            limiting.or(probabilistic)
        } else {
            probabilistic.or(limiting)
        };
        Self { sampler, per_operation: message.operation_sampling.map(PerOperation::from) }
    }
}

impl From<PerOperationSamplingStrategies> for PerOperation {
    fn from(message: PerOperationSamplingStrategies) -> Self {
        let rule = |rule: OperationSamplingStrategy| OperationStrategy {
            operation: rule.operation,
            probability: rule.probabilistic_sampling.map(|rule| rule.sampling_rate).unwrap_or_default(),
        };
        Self {
            default_probability: message.default_sampling_probability,
            lower_bound: message.default_lower_bound_traces_per_second,
            upper_bound: message.default_upper_bound_traces_per_second,
            operations: message.per_operation_strategies.into_iter().map(rule).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy as _, any, prop_assert_eq, prop_oneof, proptest};
    use prost::Message;

    use super::*;

    fn strategies() -> impl proptest::strategy::Strategy<Value = Strategy> {
        let sampler = prop_oneof![
            Just(None),
            (0.0..=1.0).prop_map(|rate| Some(Sampler::Probabilistic(rate))),
            any::<i32>().prop_map(|most| Some(Sampler::RateLimiting(most))),
        ];
        let operation = ("[a-z /{}\"é]{0,8}", 0.0..=1.0)
            .prop_map(|(operation, probability)| OperationStrategy { operation, probability });
        let rules = (0.0..=1.0, 0.0..10.0, 0.0..10.0, proptest::collection::vec(operation, 0..4)).prop_map(
            |(default_probability, lower_bound, upper_bound, operations)| PerOperation {
                default_probability,
                lower_bound,
                upper_bound,
                operations,
            },
        );
        (sampler, proptest::option::of(rules))
            .prop_map(|(sampler, per_operation)| Strategy { sampler, per_operation })
    }

    proptest! {
        #[test]
        fn a_strategy_survives_its_message(strategy in strategies()) {
            let encoded = SamplingStrategyResponse::from(&strategy).encode_to_vec();
            let message = SamplingStrategyResponse::decode(&encoded[..]).unwrap();
            prop_assert_eq!(Strategy::from(message), strategy);
        }
    }

    #[test]
    fn what_is_there_counts_more_than_the_type_says() {
        let rate = Some(ProbabilisticSamplingStrategy { sampling_rate: 0.5 });
        let limit = Some(RateLimitingSamplingStrategy { max_traces_per_second: 3 });
        let read = |strategy_type, probabilistic_sampling, rate_limiting_sampling| {
            Strategy::from(SamplingStrategyResponse {
                strategy_type,
                probabilistic_sampling,
                rate_limiting_sampling,
                operation_sampling: None,
            })
            .sampler
        };
        assert_eq!(read(1, rate, None), Some(Sampler::Probabilistic(0.5)));
        assert_eq!(read(0, None, limit), Some(Sampler::RateLimiting(3)));
        assert_eq!(read(1, rate, limit), Some(Sampler::RateLimiting(3)));
        assert_eq!(read(0, rate, limit), Some(Sampler::Probabilistic(0.5)));
        assert_eq!(read(7, None, None), None);
    }
}
