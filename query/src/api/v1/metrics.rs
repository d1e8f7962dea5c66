//! `GET /api/metrics/…`: rates and latencies of services. Facts: `jaegertracing/jaeger cmd/query/app/query_parser.go`
//! (`parseMetricsQueryParams`), `internal/storage/metricstore/prometheus/metricstore/reader.go` (names, help).

use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use spoor_model::{SpanKind, SpanMetricsQuery, TimeRange};
use spoor_storage::RequestContext;

use super::{Shared, json_response};
use crate::api::caller::Caller;
use crate::api::params::{Params, now, unreadable};
use crate::api::status::Failure;
use crate::api::{Api, pieces};
use crate::json::{Family, MetricsAnswer, number_answer};
use crate::service::{Series, SpanMetric};

const DEFAULT_LOOKBACK: Duration = Duration::from_secs(60 * 60);
const DEFAULT_STEP: Duration = Duration::from_secs(5);
const DEFAULT_RATE_PER: Duration = Duration::from_secs(10 * 60);

/// The parameters of these routes: what follows a service's name and is none of them belongs to the name.
const PARAMETERS: [&str; 9] = [
    "service",
    "groupByOperation",
    "spanKind",
    "endTs",
    "lookback",
    "step",
    "ratePer",
    "quantile",
    "prettyPrint",
];

/// `GET /api/metrics/latencies?service&quantile&…`, in ms.
pub(in crate::api) async fn latencies(
    State(api): Shared,
    Caller(context): Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let params = Params::parse(query.as_deref());
    let question = parse_question(&params, query.as_deref())?;
    let text = params.first("quantile").unwrap_or_default();
    let quantile = text.parse().ok().filter(|quantile| (0.0..=1.0).contains(quantile));
    let quantile: f64 =
        quantile.ok_or_else(|| unreadable("quantile", format!("{text:?} is no number from 0 to 1")))?;
    let what = format!("{}th quantile latency", at_least_two_decimals(quantile));
    answer(&api, &context, &question, SpanMetric::Latency(quantile), "latencies", &what, params.pretty())
        .await
}

/// `GET /api/metrics/calls?service&…`, per second.
pub(in crate::api) async fn call_rates(
    State(api): Shared,
    Caller(context): Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let params = Params::parse(query.as_deref());
    let question = parse_question(&params, query.as_deref())?;
    answer(&api, &context, &question, SpanMetric::CallRate, "call_rate", "calls/sec", params.pretty()).await
}

/// `GET /api/metrics/errors?service&…`, from 0 to 1.
pub(in crate::api) async fn error_rates(
    State(api): Shared,
    Caller(context): Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let params = Params::parse(query.as_deref());
    let question = parse_question(&params, query.as_deref())?;
    let what = "error rate, computed as a fraction of errors/sec over calls/sec";
    answer(&api, &context, &question, SpanMetric::ErrorRate, "error_rate", what, params.pretty()).await
}

/// `GET /api/metrics/minstep`: in ms, in the envelope.
pub(in crate::api) async fn min_step(
    State(api): Shared,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let millis = u64::try_from(api.service.min_step()?.as_millis()).unwrap_or(u64::MAX);
    Ok(json_response(number_answer(millis, Params::parse(query.as_deref()).pretty())))
}

async fn answer(
    api: &Api,
    context: &RequestContext,
    question: &SpanMetricsQuery,
    metric: SpanMetric,
    name: &str,
    what: &str,
    pretty: bool,
) -> Result<Response, Failure> {
    let Series { series, room } = api.service.span_metrics(context, metric, question).await?;
    let family = if question.by_operation {
        let help = format!("{what}, grouped by service & operation");
        Family { name: format!("service_operation_{name}"), help }
    } else {
        Family { name: format!("service_{name}"), help: format!("{what}, grouped by service") }
    };
    Ok(json_response(pieces::body(MetricsAnswer::new(family, series, pretty), room)))
}

fn parse_question(params: &Params, query: Option<&str>) -> Result<SpanMetricsQuery, Failure> {
    let services = services(query.unwrap_or_default());
    if services.is_empty() {
        return Err(unreadable("service", "please provide at least one service name"));
    }
    let by_operation = params.truth("groupByOperation")?;
    let mut kinds = params.all("spanKind").map(span_kind).collect::<Result<Vec<_>, _>>()?;
    if kinds.is_empty() {
        kinds.push(SpanKind::Server);
    }
    let end = params.moment_millis("endTs")?.unwrap_or_else(now);
    let lookback = params.millis("lookback")?.unwrap_or(DEFAULT_LOOKBACK);
    let step = params.millis("step")?.unwrap_or(DEFAULT_STEP);
    let rate_per = params.millis("ratePer")?.unwrap_or(DEFAULT_RATE_PER);
    let range = TimeRange { start: end.saturating_sub(lookback), end };
    Ok(SpanMetricsQuery { services, kinds, by_operation, range, step, rate_per })
}

/// In any case of letters, as Jaeger 2 takes it.
fn span_kind(name: &str) -> Result<SpanKind, Failure> {
    let known = match name.to_ascii_lowercase().as_str() {
        "unspecified" => Some(SpanKind::Unspecified),
        lower => SpanKind::from_name(lower).filter(|kind| kind.name() == lower && !lower.is_empty()),
    };
    known.ok_or_else(|| unreadable("spanKind", format!("unsupported span kind: '{name}'")))
}

/// The services of a raw query string, each once. The UI does not escape their names: what stands between a `service=` and the next
/// known parameter is one name, be there a `&` in it, and a `+` may mean itself or, as other clients have it, a space; both readings
/// are asked for. What stands behind a `#` no browser sends.
fn services(query: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut in_name = false;
    for piece in query.split('&') {
        let parameter = piece.split_once('=').filter(|(name, _)| PARAMETERS.contains(name));
        match parameter {
            Some(("service", value)) => {
                names.push(value.to_owned());
                in_name = true;
            }
            Some(_) => in_name = false,
            None if in_name => {
                if let Some(name) = names.last_mut() {
                    name.push('&');
                    name.push_str(piece);
                }
            }
            None => {}
        }
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let readings = names.iter().flat_map(|name| {
        let spaced = name.contains('+').then(|| decoded(&name.replace('+', " ")));
        std::iter::once(decoded(name)).chain(spaced)
    });
    let mut services = Vec::new();
    for service in readings.filter(|service| !service.is_empty()) {
        if !services.contains(&service) {
            services.push(service);
        }
    }
    services
}

/// As Jaeger prints a quantile, but for those that two decimals would make another one of.
fn at_least_two_decimals(number: f64) -> String {
    let exact = number.to_string();
    let short = format!("{number:.2}");
    if exact.len() > short.len() { exact } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nobody_escaped_are_read_as_well_as_can_be() {
        for (query, expected) in [
            ("service=shop&quantile=0.95", &["shop"][..]),
            ("service=AT&T&quantile=0.95&groupByOperation=true", &["AT&T"]),
            ("service=a&b=c&endTs=1", &["a&b=c"]),
            ("service=a&&endTs=1", &["a&"]),
            ("service=c++&step=1", &["c++", "c  "]),
            ("service=a%2Bb", &["a+b"]),
            ("service=a%20b%26c", &["a b&c"]),
            ("service=100%", &["100%"]),
            ("x=y&service=a&service=b&service=a", &["a", "b"]),
            ("service=", &[]),
            ("quantile=1", &[]),
            ("", &[]),
        ] {
            assert_eq!(services(query), expected, "{query}");
        }
    }

    #[test]
    fn a_quantile_is_told_as_it_was_asked() {
        for (quantile, text) in
            [(0.95, "0.95"), (0.5, "0.50"), (0.999, "0.999"), (1.0, "1.00"), (0.0, "0.00")]
        {
            assert_eq!(at_least_two_decimals(quantile), text);
        }
    }
}
