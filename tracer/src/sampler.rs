//! Which requests are recorded.
//! Facts: OpenTelemetry's environment variables specification, `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.

use opentelemetry_sdk::trace::Sampler;

/// Of requests that come without a decision, unless told otherwise: one of a hundred.
const MODEST: f64 = 0.01;

/// The sampler of these settings. Without a name it goes by the caller's decision, and else records a modest part.
pub(crate) fn sampler(name: &str, argument: &str) -> Result<Sampler, Wrong> {
    let ratio = |unless_told: f64| match argument {
        "" => Ok(unless_told),
        text => match text.parse::<f64>() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
            _ => Err(Wrong::Argument(format!("{text:?} is no part of all; give a number from 0 to 1"))),
        },
    };
    let no_ratio = |sampler: Sampler| match argument {
        "" => Ok(sampler),
        _ => Err(Wrong::Argument(format!("the sampler {name} has no use for it; remove it"))),
    };
    let by_parent = |root: Sampler| Sampler::ParentBased(Box::new(root));
    match name {
        "" => Ok(by_parent(Sampler::TraceIdRatioBased(ratio(MODEST)?))),
        "parentbased_traceidratio" => Ok(by_parent(Sampler::TraceIdRatioBased(ratio(1.0)?))),
        "traceidratio" => Ok(Sampler::TraceIdRatioBased(ratio(1.0)?)),
        "always_on" => no_ratio(Sampler::AlwaysOn),
        "always_off" => no_ratio(Sampler::AlwaysOff),
        "parentbased_always_on" => no_ratio(by_parent(Sampler::AlwaysOn)),
        "parentbased_always_off" => no_ratio(by_parent(Sampler::AlwaysOff)),
        other => Err(Wrong::Name(format!(
            "{other:?} is no sampler that there is here; take always_on, always_off, traceidratio, or one of these behind parentbased_"
        ))),
    }
}

/// Which of the two cannot be, and why.
#[derive(Debug)]
pub(crate) enum Wrong {
    Name(String),
    Argument(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(name: &str, argument: &str) -> String {
        format!("{:?}", sampler(name, argument).unwrap())
    }

    #[test]
    fn a_modest_part_is_recorded_unless_told_otherwise_and_all_of_a_ratio_that_is_not_given() {
        assert_eq!(described("", ""), "ParentBased(TraceIdRatioBased(0.01))");
        assert_eq!(described("", "0.5"), "ParentBased(TraceIdRatioBased(0.5))");
        assert_eq!(described("parentbased_traceidratio", ""), "ParentBased(TraceIdRatioBased(1.0))");
        assert_eq!(described("traceidratio", "0.25"), "TraceIdRatioBased(0.25)");
        assert_eq!(described("parentbased_always_off", ""), "ParentBased(AlwaysOff)");
    }

    #[test]
    fn what_would_be_ignored_is_refused() {
        assert!(matches!(sampler("jaeger_remote", ""), Err(Wrong::Name(_))));
        for (name, argument) in [("always_on", "0.5"), ("", "2"), ("traceidratio", "many"), ("", "NaN")] {
            assert!(matches!(sampler(name, argument), Err(Wrong::Argument(_))), "{name} {argument}");
        }
    }
}
