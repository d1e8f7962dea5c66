//! Parameters of API v3: each in camelCase, as protobuf's JSON has it, and in snake_case, which earlier versions knew. The first name
//! with a value counts. Facts: `jaegertracing/jaeger cmd/jaeger/internal/extension/jaegerquery/internal/apiv3/query_parser.go`.

use std::fmt;
use std::time::Duration;

use spoor_model::{SpanKind, UnixNanos, parse_go_duration};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::api::params::Params;
use crate::api::status::Failure;

/// The names of one parameter.
pub(super) type Names = &'static [&'static str];

pub(super) const START_TIME: Names = &["startTime", "start_time"];
pub(super) const END_TIME: Names = &["endTime", "end_time"];
pub(super) const RAW_TRACES: Names = &["rawTraces", "raw_traces"];
pub(super) const SPAN_KIND: Names = &["spanKind", "span_kind"];

/// What the query string says.
pub(super) struct V3Params(Params);

impl V3Params {
    pub(super) fn parse(query: Option<&str>) -> Self {
        Self(Params::parse(query))
    }

    /// The value, and the name it came under.
    pub(super) fn named(&self, names: Names) -> Option<(&'static str, &str)> {
        names.iter().find_map(|name| self.0.first(name).map(|value| (*name, value)))
    }

    /// The value.
    pub(super) fn text(&self, names: Names) -> Option<&str> {
        self.named(names).map(|(_, value)| value)
    }

    /// The value as `read` understands it.
    pub(super) fn read<T, E: fmt::Display>(
        &self,
        names: Names,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Failure> {
        let Some((name, value)) = self.named(names) else { return Ok(None) };
        read(value).map(Some).map_err(|cause| malformed(name, cause))
    }

    /// A moment in RFC 3339; what lies before 1970 is 1970, what lies behind 2554 is then. A space stands for the plus that a sender
    /// did not escape (Grafana).
    pub(super) fn moment(&self, names: Names) -> Result<Option<UnixNanos>, Failure> {
        self.read(names, |text| {
            let moment = OffsetDateTime::parse(&text.replace(' ', "+"), &Rfc3339)
                .map_err(|cause| format!("{text:?} is no time in RFC 3339: {cause}"))?;
            let nanos = moment.unix_timestamp_nanos().max(0);
            Ok::<_, String>(UnixNanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
        })
    }

    /// A duration in Go's spelling, which protobuf's JSON spelling (`1.5s`) is a part of; zero is none.
    pub(super) fn duration(&self, names: Names) -> Result<Option<Duration>, Failure> {
        let duration = self.read(names, |text| {
            parse_go_duration(text).map_err(|cause| format!("{text:?} is no duration: {cause}"))
        })?;
        Ok(duration.filter(|duration| !duration.is_zero()))
    }

    /// A truth in one of Go's spellings; false when absent.
    pub(super) fn truth(&self, names: Names) -> Result<bool, Failure> {
        let truth = self.read(names, |text| match text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            _ => Err(format!("{text:?} is neither true nor false")),
        })?;
        Ok(truth.unwrap_or(false))
    }

    /// A kind of span; none for all.
    pub(super) fn span_kind(&self, names: Names) -> Result<Option<SpanKind>, Failure> {
        self.read(names, |text| match SpanKind::from_name(text) {
            Some(kind) => Ok(kind),
            None if text.eq_ignore_ascii_case("unspecified") => Ok(SpanKind::Unspecified),
            None => {
                Err(format!("{text:?} is none of unspecified, internal, server, client, producer, consumer"))
            }
        })
    }
}

/// What Jaeger says of a value that cannot be read.
pub(super) fn malformed(name: &str, cause: impl fmt::Display) -> Failure {
    Failure::bad_request(format!("malformed parameter {name}: {cause}"))
}
