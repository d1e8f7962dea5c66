//! What Prometheus answers, as series at the points that were asked for.

mod matrix;

use serde::Deserialize;
use spoor_model::MetricSeries;
use spoor_storage::tally::{SeriesKey, Steps};
use spoor_storage::{ReadError, RequestContext};

use crate::body::{Patience, Pieces, Reader};
use matrix::{AnswerSeed, Matrix};

/// How much of a text that is no answer is told.
const TOLD_CHARS: usize = 300;
/// As many bytes have so many characters, whatever they are.
const TOLD_BYTES: usize = 4 * TOLD_CHARS;

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "errorType", default)]
    error_type: String,
    error: String,
}

/// What is made of an answer.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The points that were asked for.
    pub(crate) steps: Steps,
    /// The label of a span's name, where the question is by operation.
    pub(crate) operation: Option<String>,
    /// By which values are multiplied.
    pub(crate) factor: f64,
}

/// Why an answer cannot be used.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// It is in words that we do not understand, or says itself that it is not whole.
    Incomplete(String),
    /// It is larger than what is answered.
    TooMuch(String),
    /// There is no room for it now.
    NoRoom(ReadError),
    /// Nobody waits for it any more.
    TooLate,
}

/// An answer, and what it says of itself besides.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// Sorted by service and operation; each has all points.
    pub(crate) series: Vec<MetricSeries>,
    /// Remarks about the question.
    pub(crate) remarks: Vec<String>,
}

/// Reads a matrix. What it takes while it is read is said to the context, the body included.
pub(crate) fn parse(
    body: Pieces,
    wanted: &Wanted,
    context: &RequestContext,
    patience: Patience,
) -> Result<Parsed, Unusable> {
    let incomplete = |what: String| Unusable::Incomplete(what);
    let beginning = beginning(&body.beginning(TOLD_BYTES));
    let mut matrix = Matrix::new(wanted, context, body.bytes());
    let mut text = serde_json::Deserializer::from_reader(Reader::new(body, patience));
    let head = serde::de::DeserializeSeed::deserialize(AnswerSeed(&mut matrix), &mut text);
    let head = head.and_then(|head| text.end().map(|()| head));
    if let Some(why) = matrix.unusable {
        return Err(why);
    }
    let head = head.map_err(|error| match error.classify() {
        serde_json::error::Category::Io => Unusable::TooLate,
        _ => incomplete(format!("an answer that is not understood: {error}: {beginning}")),
    })?;
    if head.status != "success" || head.kind.as_deref() != Some("matrix") {
        return Err(incomplete(format!("an answer that is no matrix: {beginning}")));
    }
    // Remarks of the language itself are marked; anything else is a store behind it that did not give all it has.
    let (remarks, gaps): (Vec<_>, Vec<_>) =
        head.warnings.into_iter().partition(|warning| warning.starts_with("PromQL "));
    if !gaps.is_empty() {
        return Err(incomplete(format!("it warns that its answer may not be whole: {}", gaps.join("; "))));
    }
    let with_points =
        |((service, operation), points): (SeriesKey, _)| MetricSeries { service, operation, points };
    Ok(Parsed { series: matrix.series.into_iter().map(with_points).collect(), remarks })
}

/// The kind and words of an error; of what is no error of Prometheus's the beginning.
pub(crate) fn error_of(body: &[u8]) -> (String, String) {
    match serde_json::from_slice::<Refusal>(body) {
        Ok(Refusal { error_type, error }) => (error_type, error.chars().take(TOLD_CHARS).collect()),
        Err(_) => (String::new(), beginning(body)),
    }
}

fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(TOLD_BYTES)]);
    let text: Vec<&str> = text.split_whitespace().collect();
    match text.join(" ") {
        text if text.is_empty() => "an empty answer".to_owned(),
        text => text.chars().take(TOLD_CHARS).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use bytes::Bytes;

    use super::*;

    const STEPS: Steps = Steps { first: 10_000, step: 500, points: 3, window: 1 };

    fn context() -> RequestContext {
        RequestContext::with_timeout(Duration::from_secs(20))
    }

    /// The body comes in pieces of seven bytes.
    fn read(body: &str, steps: Steps, operation: Option<&str>, factor: f64) -> Result<Parsed, Unusable> {
        let mut pieces = Pieces::default();
        body.as_bytes().chunks(7).for_each(|piece| pieces.push(Bytes::copy_from_slice(piece)));
        let wanted = Wanted { steps, operation: operation.map(str::to_owned), factor };
        let context = context();
        let (patience, _waiting) = Patience::until(context.deadline);
        parse(pieces, &wanted, &context, patience)
    }

    fn values(body: &str, factor: f64) -> Result<Vec<Vec<Option<f64>>>, Unusable> {
        let parsed = read(body, STEPS, None, factor)?;
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
        let parsed = read(&body, STEPS, None, 1.0).unwrap();
        let times: Vec<_> = parsed.series[0].points.iter().map(|point| point.time.millis()).collect();
        assert_eq!(times, [10_000, 10_500, 11_000]);
    }

    #[test]
    fn series_are_sorted_and_know_their_operation() {
        let body = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"service_name":"b","span_name":"x"},"values":[]},
            {"metric":{"service_name":"a","span_name":"z"},"values":[]},
            {"metric":{"service_name":"a"},"histograms":[]}]}}"#;
        let parsed = read(body, STEPS, Some("span_name"), 1.0).unwrap();
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
        assert_eq!(read(remark, STEPS, None, 1.0).unwrap().remarks, ["PromQL info: x"]);
    }

    #[test]
    fn more_points_than_are_answered_are_refused() {
        let one = r#"{"metric":{},"values":[]}"#;
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}}"#,
            vec![one; 51].join(",")
        );
        let steps = Steps { points: 10_000, ..STEPS };
        let refused = read(&body, steps, None, 1.0).unwrap_err();
        assert!(matches!(refused, Unusable::TooMuch(what) if what.contains("51 series")));
    }

    #[test]
    fn an_answer_for_which_nobody_waits_is_not_read_on() {
        let wanted = Wanted { steps: STEPS, operation: None, factor: 1.0 };
        let body = || {
            let mut pieces = Pieces::default();
            matrix(r#"[10,"1"]"#)
                .as_bytes()
                .chunks(7)
                .for_each(|piece| pieces.push(Bytes::copy_from_slice(piece)));
            pieces
        };
        let (patience, waiting) = Patience::until(context().deadline);
        drop(waiting);
        assert!(matches!(parse(body(), &wanted, &context(), patience), Err(Unusable::TooLate)));
        let (patience, _waiting) = Patience::until(Instant::now());
        assert!(matches!(parse(body(), &wanted, &context(), patience), Err(Unusable::TooLate)));
    }
}
