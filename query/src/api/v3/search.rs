//! The parameters of a search, which `/api/v3/traces` and `/api/v3/trace-summaries` share: `query.…`.

use std::collections::BTreeMap;

use spoor_model::filter::{Call, Filter};
use spoor_model::{TimeRange, TraceQuery};
use spoor_storage::Capabilities;

use super::page_token::{self, Continuation};
use super::params::{Names, V3Params, malformed};
use crate::api::status::Failure;
use crate::service::MOST_TAGS;

const SERVICE_NAME: Names = &["query.serviceName", "query.service_name"];
const OPERATION_NAME: Names = &["query.operationName", "query.operation_name"];
const START_TIME_MIN: Names = &["query.startTimeMin", "query.start_time_min"];
const START_TIME_MAX: Names = &["query.startTimeMax", "query.start_time_max"];
const DURATION_MIN: Names = &["query.durationMin", "query.duration_min"];
const DURATION_MAX: Names = &["query.durationMax", "query.duration_max"];
const RAW_TRACES: Names = &["query.rawTraces", "query.raw_traces"];
const ATTRIBUTES: Names = &["query.attributes"];
const FILTER: Names = &["query.filter"];
/// The last two are the spelling that Jaeger is about to introduce with its own pages (RFC 0014).
const SEARCH_DEPTH: Names = &[
    "query.searchDepth",
    "query.search_depth",
    "query.num_traces",
    "query.pagination.pageSize",
    "query.pagination.page_size",
];
/// The last two: as for [`SEARCH_DEPTH`].
const PAGE_TOKEN: Names =
    &["query.pageToken", "query.page_token", "query.pagination.pageToken", "query.pagination.page_token"];

/// How many traces a search gets when it does not say, or says 0.
const DEFAULT_SEARCH_DEPTH: usize = 100;

/// A search, or a further page of it.
#[derive(Debug, PartialEq)]
pub(super) struct Search {
    /// What is looked for; its limit is the size of a page.
    pub(super) query: TraceQuery,
    /// Where a further page begins.
    pub(super) from: Option<Continuation>,
    /// Traces as they were received.
    pub(super) raw: bool,
}

impl Search {
    /// Reads the parameters.
    pub(super) fn parse(
        params: &V3Params,
        capabilities: Capabilities,
        max_limit: usize,
    ) -> Result<Self, Failure> {
        let filter = filter(params)?;
        let start = start_range(params)?;
        let limit = search_depth(params, max_limit)?;
        let (duration_min, duration_max) = durations(params)?;
        let tags = attributes(params)?;
        let raw = params.truth(RAW_TRACES)?;
        let service = params.text(SERVICE_NAME).map(str::to_owned);
        if service.is_none() && !capabilities.search_without_service {
            return Err(Failure::bad_request(
                "query.serviceName is required: this store cannot search without a service's name",
            ));
        }
        let operation = params.text(OPERATION_NAME).map(str::to_owned);
        let query = TraceQuery {
            service,
            operation,
            tags,
            start,
            duration_min,
            duration_max,
            limit,
            enough_spans: usize::MAX,
            filter,
        };
        let from = params.read(PAGE_TOKEN, |token| page_token::read(&query, token))?;
        Ok(Self { query, from, raw })
    }
}

/// A structured filter: a call in JSON. It says all that the older parameters can say, so that they do not stand beside it.
fn filter(params: &V3Params) -> Result<Option<Filter>, Failure> {
    let read = |text: &str| -> Result<Filter, String> {
        let call: Call = serde_json::from_str(text).map_err(|cause| cause.to_string())?;
        Filter::read(&call).map_err(|cause| cause.to_string())
    };
    let Some(filter) = params.read(FILTER, read)? else { return Ok(None) };
    let beside = [SERVICE_NAME, OPERATION_NAME, DURATION_MIN, DURATION_MAX, ATTRIBUTES];
    match beside.into_iter().find(|names| params.text(names).is_some()) {
        None => Ok(Some(filter)),
        Some(names) => Err(malformed(
            FILTER[0],
            format!("it does not go together with {}; say it in the filter", names[0]),
        )),
    }
}

/// Both ends belong to the window.
fn start_range(params: &V3Params) -> Result<TimeRange, Failure> {
    let (start, end) = (params.moment(START_TIME_MIN)?, params.moment(START_TIME_MAX)?);
    let (Some(start), Some(end)) = (start, end) else {
        return Err(Failure::bad_request("query.startTimeMin and query.startTimeMax are required"));
    };
    if start >= end {
        return Err(Failure::bad_request("query.startTimeMin must be before query.startTimeMax"));
    }
    Ok(TimeRange { start, end })
}

fn search_depth(params: &V3Params, max: usize) -> Result<usize, Failure> {
    let depth = params.read(SEARCH_DEPTH, |text| match text.parse::<i32>() {
        Ok(depth) => usize::try_from(depth).map_err(|_| format!("{depth} is negative")).and_then(|depth| {
            if depth <= max {
                Ok(depth)
            } else {
                Err(format!("{depth} is more than {max} (--query.max-limit)"))
            }
        }),
        Err(cause) => Err(format!("{text:?}: {cause}")),
    })?;
    Ok(depth.filter(|&depth| depth > 0).unwrap_or_else(|| DEFAULT_SEARCH_DEPTH.min(max)))
}

type Durations = (Option<std::time::Duration>, Option<std::time::Duration>);

fn durations(params: &V3Params) -> Result<Durations, Failure> {
    let (min, max) = (params.duration(DURATION_MIN)?, params.duration(DURATION_MAX)?);
    if max.is_some_and(|max| min > Some(max)) {
        return Err(malformed(DURATION_MAX[0], "it is shorter than query.durationMin"));
    }
    Ok((min, max))
}

/// A JSON object of texts, sorted by key, so that their order makes no other search. A `null` is none, as in Jaeger.
fn attributes(params: &V3Params) -> Result<Vec<(String, String)>, Failure> {
    let map =
        params.read(ATTRIBUTES, |text| serde_json::from_str::<Option<BTreeMap<String, String>>>(text))?;
    let map = map.flatten().unwrap_or_default();
    if map.len() > MOST_TAGS {
        let cause = format!("{} attributes are more than {MOST_TAGS}", map.len());
        return Err(malformed(ATTRIBUTES[0], cause));
    }
    Ok(map.into_iter().collect())
}
