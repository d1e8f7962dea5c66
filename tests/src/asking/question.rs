//! Questions, each with its right answer.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::Url;
use serde_json::{Value, json};
use spoor_model::{TraceId, UnixNanos};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::expected::{Condition, Expected, Kind, RARE};

/// Traces asked for.
pub const LIMIT: usize = 20;
/// Questions are taken from all that are possible in steps of this prime: from every part of them, those of one service far
/// from each other.
const STEP: usize = 7_919;

/// One question.
#[derive(Debug)]
pub enum Question {
    /// For a trace by its id.
    Trace(TraceId),
    /// For the newest traces that satisfy a condition.
    Search {
        /// What one of a trace's spans is like.
        condition: Condition,
        /// The right answer.
        finds: BTreeSet<TraceId>,
    },
}

/// The time that is searched. Each question has its own, as in Jaeger's UI: what a store keeps of one is of no use to the next.
#[derive(Clone, Copy)]
pub struct Window {
    start_micros: u64,
    end_micros: u64,
}

impl Window {
    /// So much time before the end.
    #[must_use]
    pub fn until(end: UnixNanos, length: Duration) -> Self {
        Self { start_micros: end.saturating_sub(length).micros(), end_micros: end.micros() }
    }

    /// Its ends, as the newer API takes them.
    ///
    /// # Errors
    /// When they lie beyond the calendar.
    pub fn rfc3339(self) -> Result<(String, String)> {
        let text = |micros: u64| -> Result<String> {
            let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000)?;
            Ok(time.format(&Rfc3339)?)
        };
        Ok((text(self.start_micros)?, text(self.end_micros)?))
    }

    /// So many milliseconds later: what a store rounds the times to differs, too.
    #[must_use]
    pub fn later(self, millis: u64) -> Self {
        let micros = millis * 1_000;
        Self { start_micros: self.start_micros + micros, end_micros: self.end_micros + micros }
    }
}

/// So many questions of a kind; where there are fewer, they come again in another window.
///
/// # Errors
/// When no span can be found by such a question.
pub fn choose(expected: &Expected, kind: Kind, count: usize) -> Result<Vec<Question>> {
    let spread = |len: usize| (0..count).map(move |number| number * STEP % len);
    if kind == Kind::TraceById {
        let mut ids: Vec<TraceId> = expected.traces.keys().copied().collect();
        ids.sort_unstable();
        ensure!(!ids.is_empty(), "no trace was made: use more spans");
        return Ok(spread(ids.len()).map(|at| Question::Trace(ids[at])).collect());
    }
    if kind == Kind::NoMatch {
        let services = expected.searches(Kind::Service)?;
        let nobody = |(number, at): (usize, usize)| {
            let tag = Some((RARE, format!("nobody-{number:05}")));
            let condition = Condition { tag, ..services[at].0.clone() };
            Question::Search { condition, finds: BTreeSet::new() }
        };
        return Ok(spread(services.len()).enumerate().map(nobody).collect());
    }
    let searches = expected.searches(kind)?;
    let search = |at: usize| {
        let (condition, finds) = &searches[at];
        Question::Search { condition: (*condition).clone(), finds: finds.clone() }
    };
    Ok(spread(searches.len()).map(search).collect())
}

impl Question {
    /// Its address.
    ///
    /// # Errors
    /// When `api` is no address.
    pub fn url(&self, api: &str, window: Window) -> Result<Url> {
        let condition = match self {
            Self::Trace(id) => return Ok(format!("{api}/api/traces/{id}").parse()?),
            Self::Search { condition, .. } => condition,
        };
        let mut parameters = vec![
            ("service", condition.service.clone()),
            ("limit", LIMIT.to_string()),
            ("start", window.start_micros.to_string()),
            ("end", window.end_micros.to_string()),
        ];
        parameters.extend(condition.operation.iter().map(|name| ("operation", name.clone())));
        parameters.extend(condition.min_duration_ms.iter().map(|ms| ("minDuration", format!("{ms}ms"))));
        parameters
            .extend(condition.tag.iter().map(|(key, value)| ("tags", json!({ *key: value }).to_string())));
        Ok(Url::parse_with_params(&format!("{api}/api/traces"), parameters)?)
    }

    /// Whether the answer has exactly the traces it must have, each with all its spans, and among them one that was asked for.
    ///
    /// # Errors
    /// Says what is wrong with the answer.
    pub fn check(&self, answer: &[u8], expected: &Expected) -> Result<()> {
        let answer: Value = serde_json::from_slice(answer)
            .with_context(|| format!("no JSON: {}", String::from_utf8_lossy(answer)))?;
        let traces = answer["data"].as_array().with_context(|| format!("no traces: {answer}"))?;
        ensure!(answer["errors"].is_null(), "the answer has errors: {}", answer["errors"]);
        let mut found = BTreeSet::new();
        for trace in traces {
            let id: TraceId = trace["traceID"].as_str().context("a trace has an id")?.parse()?;
            let spans = trace["spans"].as_array().context("a trace has spans")?;
            let sent = expected.traces.get(&id).copied().unwrap_or_default();
            ensure!(spans.len() == sent, "trace {id} has {} spans instead of {sent}", spans.len());
            if let Self::Search { condition, .. } = self {
                let matches = |span: &Value| condition.is_met(span, &trace["processes"]);
                ensure!(spans.iter().any(matches), "trace {id} has no span that was asked for");
            }
            ensure!(found.insert(id), "trace {id} came twice");
        }
        let right = match self {
            Self::Trace(id) => BTreeSet::from([*id]),
            Self::Search { finds, .. } => finds.clone(),
        };
        ensure!(found == right, "found {found:?} instead of {right:?}");
        Ok(())
    }
}

impl Condition {
    fn is_met(&self, span: &Value, processes: &Value) -> bool {
        let has = |(key, value): &(&str, String)| {
            let tags = span["tags"].as_array();
            tags.is_some_and(|tags| tags.iter().any(|tag| tag["key"] == *key && tag["value"] == **value))
        };
        let process = span["processID"].as_str().map_or(&Value::Null, |id| &processes[id]);
        let micros = span["duration"].as_u64().unwrap_or_default();
        process["serviceName"] == *self.service
            && self.operation.as_ref().is_none_or(|name| span["operationName"] == **name)
            && self.min_duration_ms.is_none_or(|shortest| micros >= shortest * 1_000)
            && self.tag.as_ref().is_none_or(has)
    }
}
