//! The two text forms of metrics. The metrics library writes OpenMetrics; the classic form (Prometheus text 0.0.4), which
//! older scrapers and `curl` expect, is the same lines with counters named as their samples and without the extras.
//! Facts: OpenMetrics 1.0 and the Prometheus exposition format 0.0.4.

use std::fmt::Write;

use prometheus_client::registry::Registry;

/// Content type of OpenMetrics text.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Content type of the classic text.
pub(crate) const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The registry as OpenMetrics text.
pub(crate) fn open_metrics(registry: &Registry) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry)?;
    Ok(text)
}

/// OpenMetrics text as classic text.
pub(crate) fn to_classic(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len());
    let mut pending_help: Option<(&str, &str)> = None;
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            pending_help = rest.split_once(' ');
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "unknown"));
            write_head(&mut out, name, kind, pending_help.take());
        } else if !line.starts_with('#') {
            let sample = line.split(" # {").next().unwrap_or(line);
            let _ = writeln!(out, "{sample}");
        }
    }
    out
}

fn write_head(out: &mut String, name: &str, kind: &str, help: Option<(&str, &str)>) {
    let (suffix, kind) = match kind {
        "counter" => ("_total", "counter"),
        "info" => ("_info", "gauge"),
        "unknown" => ("", "untyped"),
        other => ("", other),
    };
    if let Some((_, help)) = help.filter(|(of, _)| *of == name) {
        let _ = writeln!(out, "# HELP {name}{suffix} {help}");
    }
    let _ = writeln!(out, "# TYPE {name}{suffix} {kind}");
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::{counter::Counter, gauge::Gauge};

    use super::*;

    #[test]
    fn both_forms_carry_the_same_samples_under_the_names_dashboards_use() {
        let mut registry = Registry::default();
        let received: Counter = Counter::default();
        received.inc_by(3);
        registry.register("jaeger_collector_spans_received", "Spans received", received);
        let length: Gauge = Gauge::default();
        registry.register("jaeger_collector_queue_length", "Spans in flight", length);
        let open = open_metrics(&registry).unwrap();
        assert!(
            open.ends_with("# EOF\n") && open.contains("# TYPE jaeger_collector_spans_received counter\n"),
            "{open}"
        );
        let classic = to_classic(&open);
        assert_eq!(
            classic,
            "# HELP jaeger_collector_spans_received_total Spans received.\n\
             # TYPE jaeger_collector_spans_received_total counter\n\
             jaeger_collector_spans_received_total 3\n\
             # HELP jaeger_collector_queue_length Spans in flight.\n\
             # TYPE jaeger_collector_queue_length gauge\n\
             jaeger_collector_queue_length 0\n"
        );
    }

    #[test]
    fn exemplars_and_units_stay_out_of_the_classic_form() {
        let classic = to_classic(
            "# TYPE a histogram\n# UNIT a seconds\na_bucket{le=\"1.0\"} 2 # {trace=\"x\"} 0.5\n# EOF\n",
        );
        assert_eq!(classic, "# TYPE a histogram\na_bucket{le=\"1.0\"} 2\n");
    }
}
