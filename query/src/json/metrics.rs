//! Metrics of spans as Jaeger's UI reads them: a metric family in the JSON of protobuf, without an envelope.
//! Shape: `jaegertracing/jaeger-idl proto/api_v2/metrics/openmetrics.proto`; what the UI needs of it: `jaegertracing/jaeger-ui
//! src/reducers/metrics.ts`.

use bytes::Bytes;
use spoor_model::{MetricSeries, UnixNanos, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::PIECE_BYTES;
use super::pretty::Pretty;

/// What stands before the series.
pub(crate) struct Family {
    /// As in `service_call_rate`.
    pub(crate) name: String,
    /// For people.
    pub(crate) help: String,
}

/// A metric family, in pieces of about 64 KiB. A series' memory is released once it is written.
pub(crate) struct MetricsAnswer {
    family: Option<Family>,
    series: std::vec::IntoIter<MetricSeries>,
    /// The series that is being written, and its next point.
    current: Option<(MetricSeries, usize)>,
    ended: bool,
    pretty: Option<Pretty>,
}

impl MetricsAnswer {
    pub(crate) fn new(family: Family, series: Vec<MetricSeries>, pretty: bool) -> Self {
        Self {
            family: Some(family),
            series: series.into_iter(),
            current: None,
            ended: false,
            pretty: pretty.then(Pretty::default),
        }
    }

    fn write_some(&mut self, out: &mut Vec<u8>) {
        let begins = self.family.is_some();
        if let Some(family) = self.family.take() {
            write_head(out, &family);
        }
        let mut first = begins;
        while out.len() < PIECE_BYTES && !self.ended {
            if let Some((series, next)) = self.current.take() {
                self.current = write_points(out, &series, next).map(|next| (series, next));
            } else if let Some(series) = self.series.next() {
                if !first {
                    out.push(b',');
                }
                write_labels(out, &series);
                self.current = Some((series, 0));
            } else {
                out.extend_from_slice(b"]}");
                self.ended = true;
            }
            first = false;
        }
    }
}

impl Iterator for MetricsAnswer {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 8);
        self.write_some(&mut out);
        if out.is_empty() {
            return None;
        }
        let Some(pretty) = &mut self.pretty else { return Some(out.into()) };
        let mut indented = Vec::with_capacity(out.len() * 2);
        pretty.write(&mut indented, &out);
        Some(indented.into())
    }
}

fn write_head(out: &mut Vec<u8>, family: &Family) {
    out.extend_from_slice(b"{\"name\":");
    json::write_string(out, family.name.as_bytes());
    out.extend_from_slice(b",\"type\":\"GAUGE\",\"help\":");
    json::write_string(out, family.help.as_bytes());
    // Present also when it is empty: the UI looks into it.
    out.extend_from_slice(b",\"metrics\":[");
}

/// The service comes first: that is where the UI looks for it.
fn write_labels(out: &mut Vec<u8>, series: &MetricSeries) {
    out.extend_from_slice(b"{\"labels\":[");
    write_label(out, "service_name", &series.service);
    if let Some(operation) = &series.operation {
        out.push(b',');
        write_label(out, "operation", operation);
    }
    out.extend_from_slice(b"],\"metricPoints\":[");
}

fn write_label(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(b"{\"name\":");
    json::write_string(out, name.as_bytes());
    out.extend_from_slice(b",\"value\":");
    json::write_string(out, value.as_bytes());
    out.push(b'}');
}

/// Writes points from `next` on until the piece is full; where to go on, or nothing when the series is written.
fn write_points(out: &mut Vec<u8>, series: &MetricSeries, next: usize) -> Option<usize> {
    for (index, point) in series.points.iter().enumerate().skip(next) {
        if out.len() >= PIECE_BYTES {
            return Some(index);
        }
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"gaugeValue\":{\"doubleValue\":");
        write_value(out, point.value);
        out.extend_from_slice(b"},\"timestamp\":\"");
        write_time(out, point.time);
        out.extend_from_slice(b"\"}");
    }
    out.extend_from_slice(b"]}");
    None
}

/// Nothing is `"NaN"`, which the UI draws as a gap; a zero is written out.
fn write_value(out: &mut Vec<u8>, value: Option<f64>) {
    json::write_double(out, value.unwrap_or(f64::NAN));
}

/// With 0, 3, 6 or 9 digits behind the seconds, as protobuf's JSON has them.
fn write_time(out: &mut Vec<u8>, time: UnixNanos) {
    let nanos = time.0 % 1_000_000_000;
    let seconds = i128::from(time.0 - nanos);
    let text = OffsetDateTime::from_unix_timestamp_nanos(seconds).expect("the year is at most 2554");
    let text = text.format(&Rfc3339).expect("a year of four digits");
    let fraction = match nanos {
        0 => String::new(),
        _ if nanos.is_multiple_of(1_000_000) => format!(".{:03}", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1_000) => format!(".{:06}", nanos / 1_000),
        _ => format!(".{nanos:09}"),
    };
    out.extend_from_slice(text.trim_end_matches('Z').as_bytes());
    out.extend_from_slice(fraction.as_bytes());
    out.push(b'Z');
}

#[cfg(test)]
mod tests {
    use spoor_model::MetricPoint;

    use super::*;

    fn written(series: Vec<MetricSeries>) -> (String, usize) {
        let family = Family { name: "n".to_owned(), help: "h \"quoted\"".to_owned() };
        let pieces: Vec<Bytes> = MetricsAnswer::new(family, series, false).collect();
        (String::from_utf8(pieces.concat()).unwrap(), pieces.len())
    }

    fn series(service: &str, operation: Option<&str>, points: Vec<MetricPoint>) -> MetricSeries {
        MetricSeries { service: service.to_owned(), operation: operation.map(str::to_owned), points }
    }

    #[test]
    fn nothing_is_an_empty_list_that_is_there() {
        let (text, _) = written(Vec::new());
        assert_eq!(text, r#"{"name":"n","type":"GAUGE","help":"h \"quoted\"","metrics":[]}"#);
    }

    #[test]
    fn times_have_as_many_digits_as_protobuf_gives_them() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_704_067_200_000_000_000, "2024-01-01T00:00:00Z"),
            (1_500_000_000, "1970-01-01T00:00:01.500Z"),
            (1_000_020_000, "1970-01-01T00:00:01.000020Z"),
            (7, "1970-01-01T00:00:00.000000007Z"),
        ] {
            let mut out = Vec::new();
            write_time(&mut out, UnixNanos(nanos));
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn an_answer_of_many_points_comes_in_pieces_and_is_whole() {
        let points = |count: u64| -> Vec<MetricPoint> {
            (0..count).map(|at| MetricPoint { time: UnixNanos::from_millis(at), value: Some(0.0) }).collect()
        };
        let all = vec![
            series("a", Some("x"), points(5_000)),
            series("b", None, vec![]),
            series("c", None, points(1)),
        ];
        let (text, pieces) = written(all);
        assert!(pieces > 3, "{pieces}");
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let sizes: Vec<_> = json["metrics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|metric| metric["metricPoints"].as_array().unwrap().len())
            .collect();
        assert_eq!(sizes, [5_000, 0, 1]);
    }
}
