//! The shapes in which strategies are told as JSON: proto JSON with its defaults written and without nulls, and the legacy shape of
//! Thrift 0.9.2, in which the type is a number. Facts: `jaegertracing/jaeger model/converter/json/sampling.go`,
//! `pkg/clientcfg/clientcfghttp/handler.go`.

use spoor_model::json::{write_double, write_int, write_string};

use crate::{PerOperation, Sampler, Strategy};

/// A strategy that the legacy shape cannot say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} traces per second are more than the legacy format can say, which has 16 bits for them")]
pub struct LegacyError(i32);

/// Appends the strategy as proto JSON, as Jaeger's collector and agent answer under `/api/sampling` and `/sampling`.
pub fn write_json(out: &mut Vec<u8>, strategy: &Strategy) {
    let name = match strategy.sampler {
        Some(Sampler::RateLimiting(_)) => "\"RATE_LIMITING\"",
        Some(Sampler::Probabilistic(_)) | None => "\"PROBABILISTIC\"",
    };
    write(out, name, strategy);
}

/// Appends the strategy in the shape of Thrift 0.9.2, as Jaeger's agent answers under `/`.
///
/// # Errors
/// [`LegacyError`] when a limit does not fit in 16 bits; then nothing is written.
pub fn write_legacy_json(out: &mut Vec<u8>, strategy: &Strategy) -> Result<(), LegacyError> {
    let number = match strategy.sampler {
        Some(Sampler::RateLimiting(most)) if i16::try_from(most).is_err() => return Err(LegacyError(most)),
        Some(Sampler::RateLimiting(_)) => "1",
        Some(Sampler::Probabilistic(_)) | None => "0",
    };
    write(out, number, strategy);
    Ok(())
}

fn write(out: &mut Vec<u8>, strategy_type: &str, strategy: &Strategy) {
    put(out, "{\"strategyType\":");
    put(out, strategy_type);
    match strategy.sampler {
        Some(Sampler::Probabilistic(rate)) => {
            put(out, ",\"probabilisticSampling\":{\"samplingRate\":");
            write_double(out, rate);
            put(out, "}");
        }
        Some(Sampler::RateLimiting(most)) => {
            put(out, ",\"rateLimitingSampling\":{\"maxTracesPerSecond\":");
            write_int(out, most);
            put(out, "}");
        }
        None => {}
    }
    if let Some(rules) = &strategy.per_operation {
        write_rules(out, rules);
    }
    put(out, "}");
}

fn write_rules(out: &mut Vec<u8>, rules: &PerOperation) {
    put(out, ",\"operationSampling\":{\"defaultSamplingProbability\":");
    write_double(out, rules.default_probability);
    put(out, ",\"defaultLowerBoundTracesPerSecond\":");
    write_double(out, rules.lower_bound);
    // Never null: clients break on it (jaegertracing/jaeger issue 3891).
    put(out, ",\"perOperationStrategies\":[");
    for (number, rule) in rules.operations.iter().enumerate() {
        put(out, if number == 0 { "{\"operation\":" } else { ",{\"operation\":" });
        write_string(out, rule.operation.as_bytes());
        put(out, ",\"probabilisticSampling\":{\"samplingRate\":");
        write_double(out, rule.probability);
        put(out, "}}");
    }
    put(out, "],\"defaultUpperBoundTracesPerSecond\":");
    write_double(out, rules.upper_bound);
    put(out, "}");
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OperationStrategy;

    fn json(strategy: &Strategy) -> String {
        let mut out = Vec::new();
        write_json(&mut out, strategy);
        String::from_utf8(out).unwrap()
    }

    fn limiting(most: i32) -> Strategy {
        Strategy { sampler: Some(Sampler::RateLimiting(most)), per_operation: None }
    }

    #[test]
    fn the_shapes_are_jaegers_to_the_byte() {
        assert_eq!(
            json(&Strategy::probabilistic(0.001)),
            r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.001}}"#
        );
        assert_eq!(
            json(&limiting(5)),
            r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5}}"#
        );
        let rules =
            PerOperation { default_probability: 0.001, lower_bound: 0.0167, ..PerOperation::default() };
        assert_eq!(
            json(&Strategy { sampler: None, per_operation: Some(rules) }),
            r#"{"strategyType":"PROBABILISTIC","operationSampling":{"defaultSamplingProbability":0.001,"defaultLowerBoundTracesPerSecond":0.0167,"perOperationStrategies":[],"defaultUpperBoundTracesPerSecond":0}}"#
        );
        let operation =
            |operation: &str, probability| OperationStrategy { operation: operation.to_owned(), probability };
        let operations = vec![operation("GET /\"x\"", 1.0), operation("é", 1e-7)];
        let rules = PerOperation { default_probability: 0.5, operations, ..PerOperation::default() };
        assert_eq!(
            json(&Strategy { per_operation: Some(rules), ..limiting(0) }),
            r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":0},"operationSampling":{"defaultSamplingProbability":0.5,"defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[{"operation":"GET /\"x\"","probabilisticSampling":{"samplingRate":1}},{"operation":"é","probabilisticSampling":{"samplingRate":1e-7}}],"defaultUpperBoundTracesPerSecond":0}}"#
        );
    }

    #[test]
    fn the_legacy_shape_has_the_type_as_a_number_and_small_limits_only() {
        let legacy = |strategy: &Strategy| {
            let mut out = Vec::new();
            write_legacy_json(&mut out, strategy).map(|()| String::from_utf8(out).unwrap())
        };
        assert_eq!(
            legacy(&Strategy::probabilistic(0.5)).unwrap(),
            r#"{"strategyType":0,"probabilisticSampling":{"samplingRate":0.5}}"#
        );
        assert_eq!(
            legacy(&limiting(32_767)).unwrap(),
            r#"{"strategyType":1,"rateLimitingSampling":{"maxTracesPerSecond":32767}}"#
        );
        assert_eq!(legacy(&limiting(32_768)), Err(LegacyError(32_768)));
        assert_eq!(legacy(&limiting(-32_769)), Err(LegacyError(-32_769)));
    }
}
