//! The questions in Prometheus's words. Pure.
//!
//! As Jaeger asks them, but that names are escaped, quantile and time are exact, and services and operations without an error have an
//! error rate of zero beside others that have some.

use std::time::Duration;

use spoor_model::{SpanKind, SpanMetricsQuery};
use spoor_storage::Tenant;

use crate::config::{LatencyUnit, Name, QueryConfig};

/// What the series are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    calls: String,
    durations: String,
    /// The label of a span's name.
    pub(crate) operation: &'static str,
    replica: Option<String>,
    /// The label of whose spans they count.
    tenant: Option<String>,
}

impl Names {
    pub(crate) fn new(config: &QueryConfig) -> Self {
        let label = |label: &Name| Some(label.as_str().to_owned()).filter(|label| !label.is_empty());
        let (replica, tenant) = (label(&config.replica_label), label(&config.tenant_label));
        let total = if config.normalize_calls { "_total" } else { "" };
        if !config.support_connector {
            let (calls, durations) = (format!("calls{total}"), "latency".to_owned());
            return Self { calls, durations, operation: "operation", replica, tenant };
        }
        let namespace = match config.namespace.as_str() {
            "" => String::new(),
            namespace => format!("{namespace}_"),
        };
        let unit = match (config.normalize_duration, config.duration_unit) {
            (false, _) => "",
            (true, LatencyUnit::Ms) => "_milliseconds",
            (true, LatencyUnit::S) => "_seconds",
        };
        Self {
            calls: format!("{namespace}calls{total}"),
            durations: format!("{namespace}duration{unit}"),
            operation: "span_name",
            replica,
            tenant,
        }
    }

    /// Durations that the share `quantile` of the spans did not exceed.
    pub(crate) fn latencies(&self, tenant: &Tenant, query: &SpanMetricsQuery, quantile: f64) -> String {
        let more = self.whose(tenant);
        let buckets = self.sum(&format!("{}_bucket", self.durations), query, &more, ",le");
        format!("histogram_quantile({quantile}, {buckets})")
    }

    /// Spans per second.
    pub(crate) fn call_rates(&self, tenant: &Tenant, query: &SpanMetricsQuery) -> String {
        self.sum(&self.calls, query, &self.whose(tenant), "")
    }

    /// The share of spans that failed.
    pub(crate) fn error_rates(&self, tenant: &Tenant, query: &SpanMetricsQuery) -> String {
        let more = format!(",status_code=\"STATUS_CODE_ERROR\"{}", self.whose(tenant));
        let failed = self.sum(&self.calls, query, &more, "");
        let all = self.call_rates(tenant, query);
        format!("({failed} or {all} * 0) / {all}")
    }

    /// What leaves no other tenant's series; nothing where none has a tenant.
    fn whose(&self, tenant: &Tenant) -> String {
        let label = self.tenant.as_deref();
        label.map_or_else(String::new, |label| format!(",{label}=\"{}\"", in_quotes(tenant.name())))
    }

    /// Series of several replicas are taken for one before they are added up.
    fn sum(&self, series: &str, query: &SpanMetricsQuery, more_labels: &str, more_groups: &str) -> String {
        let services = one_of(query.services.iter().map(String::as_str));
        let kinds = if query.kinds.is_empty() {
            String::new()
        } else {
            format!(",span_kind=~\"{}\"", one_of(query.kinds.iter().map(|kind| kind_label(*kind))))
        };
        let window = duration(if query.rate_per.is_zero() { query.step } else { query.rate_per });
        let mut rate =
            format!("rate({series}{{service_name=~\"{services}\"{kinds}{more_labels}}}[{window}])");
        if let Some(replica) = &self.replica {
            rate = format!("max without ({replica}) ({rate})");
        }
        let operation = if query.by_operation { format!(",{}", self.operation) } else { String::new() };
        format!("sum by (service_name{operation}{more_groups}) ({rate})")
    }
}

/// The connector's spelling.
fn kind_label(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "SPAN_KIND_UNSPECIFIED",
        SpanKind::Internal => "SPAN_KIND_INTERNAL",
        SpanKind::Server => "SPAN_KIND_SERVER",
        SpanKind::Client => "SPAN_KIND_CLIENT",
        SpanKind::Producer => "SPAN_KIND_PRODUCER",
        SpanKind::Consumer => "SPAN_KIND_CONSUMER",
    }
}

/// An expression that matches these texts and nothing else, to stand between quotes.
fn one_of<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let expressions: Vec<String> = texts.map(|text| in_quotes(&literally(text))).collect();
    expressions.join("|")
}

/// The regular expression (RE2) for this text.
fn literally(text: &str) -> String {
    let mut expression = String::with_capacity(text.len());
    for character in text.chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            expression.push('\\');
        }
        expression.push(character);
    }
    expression
}

fn in_quotes(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

/// In one unit, which every version understands.
fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis.is_multiple_of(1_000) { format!("{}s", millis / 1_000) } else { format!("{millis}ms") }
}

#[cfg(test)]
mod tests {
    use spoor_model::{TimeRange, UnixNanos};

    use super::*;
    use crate::Config;

    fn query(services: &[&str], by_operation: bool) -> SpanMetricsQuery {
        SpanMetricsQuery {
            services: services.iter().map(|&service| service.to_owned()).collect(),
            kinds: vec![SpanKind::Server, SpanKind::Consumer],
            by_operation,
            range: TimeRange { start: UnixNanos::ZERO, end: UnixNanos::ZERO },
            step: Duration::from_secs(5),
            rate_per: Duration::from_secs(90),
        }
    }

    fn nobody() -> Tenant {
        Tenant::default()
    }

    fn names(change: fn(&mut QueryConfig)) -> Names {
        let mut config = Config::default().query;
        change(&mut config);
        Names::new(&config)
    }

    #[test]
    fn questions_are_the_reviewed_ones() {
        let names = names(|_| {});
        let kinds = r#"span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER""#;
        assert_eq!(
            names.call_rates(&nobody(), &query(&["a", "b"], false)),
            format!(
                r#"sum by (service_name) (rate(traces_span_metrics_calls{{service_name=~"a|b",{kinds}}}[90s]))"#
            )
        );
        assert_eq!(
            names.latencies(&nobody(), &query(&["a"], true), 0.999),
            format!(
                r#"histogram_quantile(0.999, sum by (service_name,span_name,le) (rate(traces_span_metrics_duration_bucket{{service_name=~"a",{kinds}}}[90s])))"#
            )
        );
        let all = format!(
            r#"sum by (service_name) (rate(traces_span_metrics_calls{{service_name=~"a",{kinds}}}[90s]))"#
        );
        let failed = all.replace(kinds, &format!(r#"{kinds},status_code="STATUS_CODE_ERROR""#));
        assert_eq!(
            names.error_rates(&nobody(), &query(&["a"], false)),
            format!("({failed} or {all} * 0) / {all}")
        );
    }

    #[test]
    fn series_are_called_as_the_exporter_calls_them() {
        let of = |change| {
            let Names { calls, durations, operation, .. } = names(change);
            (calls, durations, operation)
        };
        let connector = |calls: &str, durations: &str| (calls.to_owned(), durations.to_owned(), "span_name");
        assert_eq!(
            of(|config| {
                config.normalize_calls = true;
                config.normalize_duration = true;
            }),
            connector("traces_span_metrics_calls_total", "traces_span_metrics_duration_milliseconds")
        );
        assert_eq!(
            of(|config| {
                config.namespace = "".parse().unwrap();
                config.duration_unit = LatencyUnit::S;
                config.normalize_duration = true;
            }),
            connector("calls", "duration_seconds")
        );
        assert_eq!(of(|config| config.duration_unit = LatencyUnit::S).1, "traces_span_metrics_duration");
        let processor = of(|config| {
            config.support_connector = false;
            config.normalize_calls = true;
        });
        assert_eq!(processor, ("calls_total".to_owned(), "latency".to_owned(), "operation"));
    }

    #[test]
    fn the_series_of_replicas_are_taken_for_one() {
        let names = names(|config| config.replica_label = "replica".parse().unwrap());
        let asked = names.call_rates(&nobody(), &query(&["a"], false));
        assert!(asked.starts_with("sum by (service_name) (max without (replica) (rate("), "{asked}");
    }

    #[test]
    fn every_question_is_for_the_series_of_the_tenant_who_asks() {
        let names = names(|config| config.tenant_label = "org".parse().unwrap());
        let (tenant, query) = (Tenant::new(r#"a"} or {b\"#), query(&["a"], false));
        let matcher = r#",org="a\"} or {b\\"}["#;
        for (asked, series) in [
            (names.call_rates(&tenant, &query), 1),
            (names.latencies(&tenant, &query, 0.5), 1),
            (names.error_rates(&tenant, &query), 3),
        ] {
            assert_eq!(asked.matches("rate(").count(), series, "{asked}");
            assert_eq!(asked.matches(matcher).count(), series, "{asked}");
        }
        assert!(names.call_rates(&nobody(), &query).contains(r#",org=""}["#));
    }

    #[test]
    fn names_mean_themselves_whatever_is_in_them() {
        for (name, expected) in [
            ("a.b", r"a\\.b"),
            ("c++", r"c\\+\\+"),
            (r#"say "hi""#, r#"say \"hi\""#),
            (r"back\slash", r"back\\\\slash"),
            ("a|b", r"a\\|b"),
            ("(x)[y]{z}^$?*", r"\\(x\\)\\[y\\]\\{z\\}\\^\\$\\?\\*"),
            ("zeile\n2", r"zeile\n2"),
            ("für/alle #1 & 2", "für/alle #1 & 2"),
        ] {
            assert_eq!(one_of(std::iter::once(name)), expected);
        }
    }

    #[test]
    fn times_are_exact() {
        for (millis, text) in [(90_000, "90s"), (1_500, "1500ms"), (3_600_000, "3600s"), (1, "1ms")] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
        let mut asked = query(&["a"], false);
        asked.rate_per = Duration::ZERO;
        assert!(names(|_| {}).call_rates(&nobody(), &asked).contains("[5s]"), "no time at all is one step");
        asked.kinds.clear();
        assert!(names(|_| {}).call_rates(&nobody(), &asked).contains(r#"{service_name=~"a"}"#));
    }
}
