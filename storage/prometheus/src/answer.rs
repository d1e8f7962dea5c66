//! What Prometheus answers, as series at the points that were asked for.

use std::collections::BTreeMap;

use serde::Deserialize;
use spoor_model::{MetricPoint, MetricSeries, UnixNanos};
use spoor_storage::tally::{SeriesKey, Steps};

/// The most points in all series.
const MOST_POINTS: u64 = 500_000;
/// How much of a text that is no answer is told.
const TOLD_CHARS: usize = 300;

#[derive(Deserialize)]
struct Answer {
    status: String,
    data: Option<Data>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "errorType", default)]
    error_type: String,
    error: String,
}

/// Why an answer cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It is in words that we do not understand, or says itself that it is not whole.
    Incomplete(String),
    /// It is larger than what is answered.
    TooMuch(String),
}

/// An answer, and what it says of itself besides.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// Sorted by service and operation; each has all points.
    pub(crate) series: Vec<MetricSeries>,
    /// Remarks about the question.
    pub(crate) remarks: Vec<String>,
}

/// Reads a matrix. `operation` is the label of a span's name, where the question is by operation; values are multiplied by `factor`.
pub(crate) fn parse(
    body: &[u8],
    steps: Steps,
    operation: Option<&str>,
    factor: f64,
) -> Result<Parsed, Unusable> {
    let incomplete = |what: String| Unusable::Incomplete(what);
    let answer: Answer = serde_json::from_slice(body).map_err(|error| {
        incomplete(format!("an answer that is not understood: {error}: {}", beginning(body)))
    })?;
    let data = answer.data.filter(|data| answer.status == "success" && data.kind == "matrix");
    let data = data.ok_or_else(|| incomplete(format!("an answer that is no matrix: {}", beginning(body))))?;
    // Remarks of the language itself are marked; anything else is a store behind it that did not give all it has.
    let (remarks, gaps): (Vec<_>, Vec<_>) =
        answer.warnings.into_iter().partition(|warning| warning.starts_with("PromQL "));
    if !gaps.is_empty() {
        return Err(incomplete(format!("it warns that its answer may not be whole: {}", gaps.join("; "))));
    }
    if (data.result.len() as u64).saturating_mul(steps.points) > MOST_POINTS {
        return Err(Unusable::TooMuch(format!(
            "the answer has {} series of {} points, more than {MOST_POINTS} in all; ask for a longer step, a shorter time or fewer services",
            data.result.len(),
            steps.points
        )));
    }
    let mut series = BTreeMap::new();
    for one in data.result {
        let label = |name: &str| one.metric.get(name).cloned().unwrap_or_default();
        let key: SeriesKey = (label("service_name"), operation.map(label));
        let points = points(&one.values, steps, factor).map_err(incomplete)?;
        series.insert(key, points);
    }
    let with_points =
        |((service, operation), points): (SeriesKey, _)| MetricSeries { service, operation, points };
    Ok(Parsed { series: series.into_iter().map(with_points).collect(), remarks })
}

/// All points of the question; what is no finite number is none.
fn points(values: &[(f64, String)], steps: Steps, factor: f64) -> Result<Vec<MetricPoint>, String> {
    let time = |index: u64| UnixNanos::from_millis(steps.first + index * steps.step);
    let mut points: Vec<MetricPoint> =
        (0..steps.points).map(|index| MetricPoint { time: time(index), value: None }).collect();
    for (seconds, text) in values {
        let value: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
        let point = index_of(*seconds, steps).and_then(|index| points.get_mut(index));
        let point = point.ok_or_else(|| format!("it has a point at {seconds}, which was not asked for"))?;
        point.value = Some(value * factor).filter(|value| value.is_finite());
    }
    Ok(points)
}

/// Which point stands at this moment, to the half of a millisecond.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a time in milliseconds that a double holds exactly"
)]
fn index_of(seconds: f64, steps: Steps) -> Option<usize> {
    let millis = (seconds * 1_000.0).round();
    if !(0.0..9.0e15).contains(&millis) {
        return None;
    }
    let since = (millis as u64).checked_sub(steps.first)?;
    (since.is_multiple_of(steps.step)).then(|| usize::try_from(since / steps.step).ok()).flatten()
}

/// The kind and words of an error; of what is no error of Prometheus's the beginning.
pub(crate) fn error_of(body: &[u8]) -> (String, String) {
    match serde_json::from_slice::<Refusal>(body) {
        Ok(Refusal { error_type, error }) => (error_type, error.chars().take(TOLD_CHARS).collect()),
        Err(_) => (String::new(), beginning(body)),
    }
}

fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * TOLD_CHARS)]);
    let text: Vec<&str> = text.split_whitespace().collect();
    match text.join(" ") {
        text if text.is_empty() => "an empty answer".to_owned(),
        text => text.chars().take(TOLD_CHARS).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: Steps = Steps { first: 10_000, step: 500, points: 3, window: 1 };

    fn values(body: &str, factor: f64) -> Result<Vec<Vec<Option<f64>>>, Unusable> {
        let parsed = parse(body.as_bytes(), STEPS, None, factor)?;
        let of = |series: &MetricSeries| series.points.iter().map(|point| point.value).collect();
        Ok(parsed.series.iter().map(of).collect())
    }

    fn matrix(values: &str) -> String {
        format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"service_name":"a"}},"values":[{values}]}}]}}}}"#
        )
    }

    #[test]
    fn series_have_every_point_and_gaps_where_there_is_no_number() {
        let body = matrix(r#"[10,"1.5"],[10.5,"NaN"]"#);
        assert_eq!(values(&body, 1.0).unwrap(), [[Some(1.5), None, None]]);
        assert_eq!(
            values(&matrix(r#"[11,"2e-1"],[10,"+Inf"]"#), 1_000.0).unwrap(),
            [[None, None, Some(200.0)]]
        );
        let parsed = parse(body.as_bytes(), STEPS, None, 1.0).unwrap();
        let times: Vec<_> = parsed.series[0].points.iter().map(|point| point.time.millis()).collect();
        assert_eq!(times, [10_000, 10_500, 11_000]);
    }

    #[test]
    fn series_are_sorted_and_know_their_operation() {
        let body = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"service_name":"b","span_name":"x"},"values":[]},
            {"metric":{"service_name":"a","span_name":"z"},"values":[]},
            {"metric":{"service_name":"a"},"histograms":[]}]}}"#;
        let parsed = parse(body.as_bytes(), STEPS, Some("span_name"), 1.0).unwrap();
        let keys: Vec<_> = parsed
            .series
            .iter()
            .map(|series| (series.service.as_str(), series.operation.as_deref().unwrap()))
            .collect();
        assert_eq!(keys, [("a", ""), ("a", "z"), ("b", "x")]);
    }

    #[test]
    fn what_is_not_understood_or_not_whole_is_no_answer() {
        for (body, part) in [
            ("<html>login</html>", "login"),
            ("", "empty"),
            (r#"{"status":"success","data":{"resultType":"scalar","result":[]}}"#, "no matrix"),
            (r#"{"status":"error","data":{"resultType":"matrix","result":[]}}"#, "no matrix"),
            (&matrix(r#"[10,"x"]"#), "no number"),
            (&matrix(r#"[10.25,"1"]"#), "10.25"),
            (&matrix(r#"[9,"1"]"#), "not asked for"),
            (&matrix(r#"[12,"1"]"#), "not asked for"),
            (
                r#"{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["store sidecar-2 is down"]}"#,
                "sidecar-2",
            ),
        ] {
            match values(body, 1.0).unwrap_err() {
                Unusable::Incomplete(what) => assert!(what.contains(part), "{body}: {what}"),
                other => panic!("{body}: {other:?}"),
            }
        }
        let remark = r#"{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["PromQL info: x"]}"#;
        assert_eq!(parse(remark.as_bytes(), STEPS, None, 1.0).unwrap().remarks, ["PromQL info: x"]);
    }

    #[test]
    fn more_points_than_are_answered_are_refused() {
        let one = r#"{"metric":{},"values":[]}"#;
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}}"#,
            vec![one; 51].join(",")
        );
        let steps = Steps { points: 10_000, ..STEPS };
        let refused = parse(body.as_bytes(), steps, None, 1.0).unwrap_err();
        assert!(matches!(refused, Unusable::TooMuch(what) if what.contains("51 series")));
    }
}
