//! From the parameters of a search, which both APIs spell alike, to the query.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;
use spoor_model::{TimeRange, TraceQuery, UnixNanos};
use spoor_proto::jaeger::expression::v1 as expression;
use spoor_proto::jaeger::{api_v2, api_v3};
use tonic::Status;

use super::filter;
use super::times::{duration, moment};
use crate::service::MOST_TAGS;

/// How far back a search of api_v2 looks when it does not say.
const DEFAULT_LOOKBACK: Duration = Duration::from_secs(48 * 60 * 60);

/// How many traces a search gets when it does not say, or says 0.
const DEFAULT_LIMIT: usize = 100;

/// What a search is asked, and whether its traces come as received.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) query: TraceQuery,
    pub(super) raw: bool,
}

/// What a search may ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) max_limit: usize,
    pub(super) without_service: bool,
}

/// The parameters of one of the APIs.
struct Parameters {
    service: String,
    operation: String,
    attributes: HashMap<String, String>,
    /// What the API calls them.
    attributes_name: &'static str,
    start_min: Option<Timestamp>,
    start_max: Option<Timestamp>,
    duration_min: Option<prost_types::Duration>,
    duration_max: Option<prost_types::Duration>,
    search_depth: i32,
    raw: bool,
    filter: Option<expression::Call>,
}

/// Reads a search of api_v2. Without times it looks at the last two days, as HTTP's API v1 does.
pub(super) fn of_v2(query: Option<api_v2::TraceQueryParameters>, bounds: Bounds) -> Result<Search, Status> {
    let query = query.ok_or_else(|| Status::invalid_argument("missing query"))?;
    let parameters = Parameters {
        service: query.service_name,
        operation: query.operation_name,
        attributes: query.tags,
        attributes_name: "tags",
        start_min: query.start_time_min,
        start_max: query.start_time_max,
        duration_min: query.duration_min,
        duration_max: query.duration_max,
        search_depth: query.search_depth,
        raw: query.raw_traces,
        filter: None,
    };
    parameters.read(bounds, |start, end| {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = UnixNanos::ZERO.saturating_add(since_1970);
        Ok((start.unwrap_or_else(|| now.saturating_sub(DEFAULT_LOOKBACK)), end.unwrap_or(now)))
    })
}

/// Reads a search of api_v3, which needs both times.
pub(super) fn of_v3(query: Option<api_v3::TraceQueryParameters>, bounds: Bounds) -> Result<Search, Status> {
    let query = query.ok_or_else(|| Status::invalid_argument("missing query"))?;
    let parameters = Parameters {
        service: query.service_name,
        operation: query.operation_name,
        attributes: query.attributes,
        attributes_name: "attributes",
        start_min: query.start_time_min,
        start_max: query.start_time_max,
        duration_min: query.duration_min,
        duration_max: query.duration_max,
        search_depth: query.search_depth,
        raw: query.raw_traces,
        filter: query.filter,
    };
    parameters.read(bounds, |start, end| {
        start
            .zip(end)
            .ok_or_else(|| Status::invalid_argument("start_time_min and start_time_max are required"))
    })
}

impl Parameters {
    /// `window` says when a search without (one of) its times looks.
    fn read(
        self,
        bounds: Bounds,
        window: impl Fn(Option<UnixNanos>, Option<UnixNanos>) -> Result<(UnixNanos, UnixNanos), Status>,
    ) -> Result<Search, Status> {
        let (start, end) =
            window(moment("start_time_min", self.start_min)?, moment("start_time_max", self.start_max)?)?;
        if end < start {
            return Err(Status::invalid_argument("start_time_max is before start_time_min"));
        }
        let duration_min = duration("duration_min", self.duration_min)?;
        let duration_max = duration("duration_max", self.duration_max)?;
        if duration_min.zip(duration_max).is_some_and(|(min, max)| max < min) {
            return Err(Status::invalid_argument("duration_max is less than duration_min"));
        }
        if self.service.is_empty() && !bounds.without_service {
            return Err(Status::invalid_argument(
                "service_name is required: this store cannot search without a service's name",
            ));
        }
        let filter = self.filter.as_ref().map(filter::read).transpose()?;
        let alone = [self.service.is_empty(), self.operation.is_empty(), self.attributes.is_empty()];
        let alone = alone.iter().all(|empty| *empty) && duration_min.is_none() && duration_max.is_none();
        if filter.is_some() && !alone {
            return Err(Status::invalid_argument(
                "filter does not go together with service_name, operation_name, attributes, duration_min and duration_max; say it in the filter",
            ));
        }
        if self.attributes.len() > MOST_TAGS {
            return Err(Status::invalid_argument(format!(
                "{} has {} entries; a search has at most {MOST_TAGS}",
                self.attributes_name,
                self.attributes.len()
            )));
        }
        let mut tags: Vec<(String, String)> = self.attributes.into_iter().collect();
        tags.sort_unstable();
        let some = |text: String| (!text.is_empty()).then_some(text);
        let query = TraceQuery {
            service: some(self.service),
            operation: some(self.operation),
            tags,
            start: TimeRange { start, end },
            duration_min,
            duration_max,
            limit: limit(self.search_depth, bounds.max_limit)?,
            enough_spans: usize::MAX,
            filter,
        };
        Ok(Search { query, raw: self.raw })
    }
}

fn limit(depth: i32, max: usize) -> Result<usize, Status> {
    let depth = usize::try_from(depth)
        .map_err(|_| Status::invalid_argument(format!("search_depth is {depth}; it cannot be negative")))?;
    match depth {
        0 => Ok(DEFAULT_LIMIT.min(max)),
        depth if depth > max => Err(Status::invalid_argument(format!(
            "search_depth {depth} is more than {max} (--query.max-limit)"
        ))),
        depth => Ok(depth),
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    const BOUNDS: Bounds = Bounds { max_limit: 10, without_service: true };

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp { seconds, nanos: 0 })
    }

    fn lasting(seconds: i64) -> Option<prost_types::Duration> {
        Some(prost_types::Duration { seconds, nanos: 0 })
    }

    #[test]
    fn every_parameter_reaches_the_query() {
        let query = api_v3::TraceQueryParameters {
            service_name: "shop".into(),
            operation_name: "buy".into(),
            attributes: HashMap::from([("b".into(), "2".into()), ("a".into(), "1".into())]),
            start_time_min: at(1),
            start_time_max: at(9),
            duration_min: lasting(2),
            duration_max: lasting(3),
            search_depth: 7,
            raw_traces: true,
            filter: None,
        };
        let search = of_v3(Some(query), BOUNDS).unwrap();
        assert!(search.raw);
        let expected = TraceQuery {
            service: Some("shop".into()),
            operation: Some("buy".into()),
            tags: vec![("a".into(), "1".into()), ("b".into(), "2".into())],
            start: TimeRange { start: UnixNanos(1_000_000_000), end: UnixNanos(9_000_000_000) },
            duration_min: Some(Duration::from_secs(2)),
            duration_max: Some(Duration::from_secs(3)),
            limit: 7,
            enough_spans: usize::MAX,
            filter: None,
        };
        assert_eq!(search.query, expected);
    }

    #[test]
    fn times_that_are_not_set_are_an_error_of_v3_and_the_last_two_days_of_v2() {
        let year_one = at(-62_135_596_800);
        for (start, end) in [(None, None), (at(1), None), (year_one, at(1)), (at(1), year_one)] {
            let query = api_v3::TraceQueryParameters {
                start_time_min: start,
                start_time_max: end,
                ..Default::default()
            };
            let refused = of_v3(Some(query), BOUNDS).unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
            assert!(refused.message().contains("required"), "{refused}");
        }
        let query = api_v2::TraceQueryParameters { start_time_min: year_one, ..Default::default() };
        let query = of_v2(Some(query), BOUNDS).unwrap().query;
        assert_eq!(query.start.end.since(query.start.start), DEFAULT_LOOKBACK);
        assert_eq!((query.service, query.operation, query.limit), (None, None, 10));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        type Change = fn(&mut api_v2::TraceQueryParameters);
        let cases: [(Change, &str); 6] = [
            (
                |query| query.tags = (0..=MOST_TAGS).map(|tag| (tag.to_string(), String::new())).collect(),
                "tags",
            ),
            (|query| query.search_depth = -1, "search_depth"),
            (|query| query.search_depth = 11, "--query.max-limit"),
            (|query| query.duration_max = lasting(1), "duration_max"),
            (|query| query.duration_min = lasting(-1), "duration_min"),
            (|query| query.start_time_max = at(1), "start_time_max"),
        ];
        for (change, word) in cases {
            let mut query = api_v2::TraceQueryParameters {
                start_time_min: at(2),
                start_time_max: at(3),
                duration_min: lasting(2),
                ..Default::default()
            };
            change(&mut query);
            let refused = of_v2(Some(query), BOUNDS).unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
            assert!(refused.message().contains(word), "{refused}");
        }
        assert_eq!(of_v2(None, BOUNDS).unwrap_err().code(), Code::InvalidArgument);
        let least = Bounds { without_service: false, ..BOUNDS };
        let refused = of_v2(Some(api_v2::TraceQueryParameters::default()), least).unwrap_err();
        assert!(refused.message().contains("service_name is required"), "{refused}");
        assert_eq!(limit(0, 1_000).unwrap(), DEFAULT_LIMIT);
    }
}
