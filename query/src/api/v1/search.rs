//! The parameters of a search and of a lookup. Everything is read before anything is judged, so that a bad value is told even where
//! it would not have been used.

use std::time::Duration;

use spoor_model::{TimeRange, TraceId, TraceQuery, UnixNanos};

use super::ids::parse_hex_id;
use crate::api::params::{Params, unreadable};
use crate::api::status::Failure;
use crate::service::MOST_TAGS;

/// How far back a search looks when it does not say.
const DEFAULT_LOOKBACK: Duration = Duration::from_secs(48 * 60 * 60);

/// How many traces a search gets when it does not say, or says 0.
const DEFAULT_LIMIT: usize = 100;

/// What `/api/traces` was asked.
#[derive(Debug, PartialEq)]
pub(super) enum Search {
    /// These traces, each id once; all other parameters are ignored, even the times.
    Ids(Vec<TraceId>),
    /// The traces with a span like this.
    Query(TraceQuery),
}

/// Reads the parameters. `now` is the default end.
pub(super) fn parse_search(params: &Params, now: UnixNanos, max_limit: usize) -> Result<Search, Failure> {
    let start = start_range(params, now)?;
    let limit = limit(params, max_limit)?;
    let duration_min = params.duration("minDuration")?;
    let duration_max = params.duration("maxDuration")?;
    let tags = tags(params)?;
    let ids = trace_ids(params, max_limit)?;
    if !ids.is_empty() {
        return Ok(Search::Ids(ids));
    }
    let service = params.first("service").ok_or_else(service_required)?.to_owned();
    if duration_min.is_some() && duration_max.is_some_and(|max| Some(max) < duration_min) {
        return Err(Failure::bad_request("'maxDuration' should be greater than 'minDuration'"));
    }
    if start.end < start.start {
        return Err(Failure::bad_request("'end' should not be before 'start'"));
    }
    let operation = params.first("operation").map(str::to_owned);
    Ok(Search::Query(TraceQuery {
        service: Some(service),
        operation,
        tags,
        start,
        duration_min,
        duration_max,
        limit,
        enough_spans: usize::MAX,
        filter: None,
    }))
}

/// What Jaeger says when the service is missing.
pub(super) fn service_required() -> Failure {
    Failure::bad_request("parameter 'service' is required")
}

/// A search's window in µs. Its last microsecond belongs to it wholly.
fn start_range(params: &Params, now: UnixNanos) -> Result<TimeRange, Failure> {
    let start =
        params.micros("start")?.map_or_else(|| now.saturating_sub(DEFAULT_LOOKBACK), UnixNanos::from_micros);
    let end = params.micros("end")?.map_or(now, last_of_micro);
    Ok(TimeRange { start, end })
}

fn last_of_micro(micros: u64) -> UnixNanos {
    UnixNanos::from_micros(micros).saturating_add(Duration::from_nanos(999))
}

fn limit(params: &Params, max: usize) -> Result<usize, Failure> {
    let limit = match params.number::<i32>("limit")? {
        None | Some(0) => return Ok(DEFAULT_LIMIT.min(max)),
        Some(limit) => {
            usize::try_from(limit).map_err(|_| unreadable("limit", format!("{limit} is negative")))?
        }
    };
    if limit > max {
        return Err(unreadable("limit", format!("{limit} is more than {max} (--query.max-limit)")));
    }
    Ok(limit)
}

/// `tag=key:value` and `tags={"key":"value"}`, both repeatable; of the same key the last one counts, `tags` after `tag`.
/// A `null` is none, as in Jaeger.
fn tags(params: &Params) -> Result<Vec<(String, String)>, Failure> {
    let mut tags: Vec<(String, String)> = Vec::new();
    let mut put = |parameter: &str, key: String, value: String| {
        let is_full = tags.len() >= MOST_TAGS;
        match tags.iter_mut().find(|(known, _)| *known == key) {
            Some(known) => known.1 = value,
            None if !is_full => tags.push((key, value)),
            None => return Err(unreadable(parameter, format!("a search has at most {MOST_TAGS} tags"))),
        }
        Ok(())
    };
    for tag in params.all("tag") {
        let (key, value) = tag.split_once(':').ok_or_else(|| {
            Failure::bad_request(format!("malformed 'tag' parameter, expecting key:value, received: {tag}"))
        })?;
        put("tag", key.to_owned(), value.to_owned())?;
    }
    for json in params.all("tags") {
        let map: Option<std::collections::BTreeMap<String, String>> =
            serde_json::from_str(json).map_err(|cause| {
                Failure::bad_request(format!("malformed 'tags' parameter, cannot unmarshal JSON: {cause}"))
            })?;
        for (key, value) in map.into_iter().flatten() {
            put("tags", key, value)?;
        }
    }
    Ok(tags)
}

fn trace_ids(params: &Params, max: usize) -> Result<Vec<TraceId>, Failure> {
    let mut ids = Vec::new();
    for text in params.all("traceID") {
        let id = parse_hex_id(text).map_err(|cause| unreadable("traceID", cause))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
        if ids.len() > max {
            return Err(unreadable("traceID", format!("more than {max} ids (--query.max-limit)")));
        }
    }
    Ok(ids)
}

/// `start` and `end` of a lookup: where the caller thinks the trace lies. A hint, so that one end is as good as none at the other.
/// Grafana sends ms where µs are meant: what would lie before 1973 is read as ms.
pub(super) fn time_hint(params: &Params) -> Result<Option<TimeRange>, Failure> {
    const IMPLAUSIBLE_BELOW_MICROS: u64 = 100_000_000_000_000;
    let scaled =
        |moment: u64| if moment < IMPLAUSIBLE_BELOW_MICROS { moment.saturating_mul(1_000) } else { moment };
    let start = params.micros("start")?.map(scaled).map(UnixNanos::from_micros);
    let end = params.micros("end")?.map(scaled).map(last_of_micro);
    if start.is_none() && end.is_none() {
        return Ok(None);
    }
    let range = TimeRange { start: start.unwrap_or(UnixNanos::ZERO), end: end.unwrap_or(UnixNanos::MAX) };
    Ok((range.start <= range.end).then_some(range))
}
