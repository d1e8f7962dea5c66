//! What the right answers are, noted from the very spans that are sent.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use spoor_model::{FoundTrace, TraceId};

use super::question::LIMIT;

/// A value of it is on one span of 50,000.
pub const RARE: &str = "user.id";
/// A value of it is on one span of 4.
const COMMON: &str = "customer.tier";
/// Of the rare values one in so many is asked for.
const USERS_PER_ASKED: u32 = 97;
/// The longest spans of the generator take 1.3 s.
const MIN_DURATIONS_MS: [u64; 6] = [50, 100, 200, 400, 800, 1_200];

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A trace of 8 to 30 spans by its id.
    TraceById,
    /// Traces of a service.
    Service,
    /// Traces of a service and one of its operations.
    Operation,
    /// Traces of a service with a value of [`RARE`].
    RareTag,
    /// Traces of a service with a value of `customer.tier`.
    CommonTag,
    /// Traces of a service with a span that took so long.
    MinDuration,
    /// Traces of a service with a value of [`RARE`] that no span has.
    NoMatch,
}

/// What a span must be like to be found.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Condition {
    /// Its service.
    pub service: String,
    /// Its name, if it matters.
    pub operation: Option<String>,
    /// A tag's key and value, if one matters.
    pub tag: Option<(&'static str, String)>,
    /// Milliseconds that it takes at least, if that matters.
    pub min_duration_ms: Option<u64>,
}

/// All traces with the number of their spans, and for each condition the newest traces.
#[derive(Default)]
pub struct Expected {
    /// Spans of each trace.
    pub traces: HashMap<TraceId, usize>,
    searches: HashMap<(Kind, Condition), Newest>,
}

/// The traces of the newest matching spans.
#[derive(Default)]
struct Newest(BTreeSet<FoundTrace>);

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::TraceById,
        Self::Service,
        Self::Operation,
        Self::RareTag,
        Self::CommonTag,
        Self::MinDuration,
        Self::NoMatch,
    ];

    /// Its part of the figures' names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TraceById => "trace_by_id",
            Self::Service => "service",
            Self::Operation => "operation",
            Self::RareTag => "rare_tag",
            Self::CommonTag => "common_tag",
            Self::MinDuration => "min_duration",
            Self::NoMatch => "no_match",
        }
    }

    /// What a figure's method says of it.
    #[must_use]
    pub fn method(self) -> String {
        match self {
            Self::TraceById => "traces of 8 to 30 spans by id".to_owned(),
            Self::Service => "by service, all 100 in turn".to_owned(),
            Self::Operation => "by service and operation".to_owned(),
            Self::RareTag => format!("by service and {RARE}, whose values are on one span of 50,000"),
            Self::CommonTag => format!("by service and {COMMON}, whose values are on one span of 4"),
            Self::MinDuration => format!("by service and minDuration of {MIN_DURATIONS_MS:?} ms"),
            Self::NoMatch => format!("by service and a {RARE} that no span has"),
        }
    }
}

impl Expected {
    /// Notes what a request adds to the store.
    ///
    /// # Errors
    /// When a span has no trace id of 16 bytes.
    pub fn note(&mut self, request: &ExportTraceServiceRequest) -> Result<()> {
        for of_resource in &request.resource_spans {
            let resource = of_resource.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
            let service = text(resource, "service.name").unwrap_or_default();
            for span in of_resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
                self.note_span(service, span)?;
            }
        }
        Ok(())
    }

    fn note_span(&mut self, service: &str, span: &Span) -> Result<()> {
        let trace_id = TraceId::from_bytes(&span.trace_id).context("a generated span has a trace id")?;
        *self.traces.entry(trace_id).or_default() += 1;
        let found = FoundTrace { newest_match_micros: span.start_time_unix_nano / 1_000, trace_id };
        let mut note = |kind, condition| self.searches.entry((kind, condition)).or_default().note(found);
        let of_service = Condition { service: service.to_owned(), ..Condition::default() };
        let operation = Some(span.name.clone());
        note(Kind::Operation, Condition { operation, ..of_service.clone() });
        let user = text(&span.attributes, RARE).unwrap_or_default();
        let number: Option<u32> = user.strip_prefix("user-").and_then(|digits| digits.parse().ok());
        if number.is_some_and(|number| number.is_multiple_of(USERS_PER_ASKED)) {
            note(Kind::RareTag, Condition { tag: Some((RARE, user.to_owned())), ..of_service.clone() });
        }
        if let Some(tier) = text(&span.attributes, COMMON) {
            note(Kind::CommonTag, Condition { tag: Some((COMMON, tier.to_owned())), ..of_service.clone() });
        }
        let millis = (span.end_time_unix_nano - span.start_time_unix_nano) / 1_000_000;
        for shortest in MIN_DURATIONS_MS.into_iter().filter(|shortest| *shortest <= millis) {
            note(Kind::MinDuration, Condition { min_duration_ms: Some(shortest), ..of_service.clone() });
        }
        note(Kind::Service, of_service);
        Ok(())
    }

    /// Conditions of this kind that some span satisfies, in order, with the traces that a search must find.
    ///
    /// # Errors
    /// When there is no such condition.
    pub fn searches(&self, kind: Kind) -> Result<Vec<(&Condition, BTreeSet<TraceId>)>> {
        let of_kind = self.searches.iter().filter(|((of, _), _)| *of == kind);
        let mut all: Vec<_> = of_kind.map(|((_, condition), newest)| (condition, newest.ids())).collect();
        ensure!(!all.is_empty(), "no span can be found by {}: use more spans", kind.name());
        all.sort_unstable();
        Ok(all)
    }
}

impl Newest {
    fn note(&mut self, found: FoundTrace) {
        if self.0.len() == LIMIT && self.0.last().is_some_and(|last| *last < found) {
            return;
        }
        match self.0.iter().find(|known| known.trace_id == found.trace_id).copied() {
            Some(known) if known <= found => return,
            Some(known) => self.0.remove(&known),
            None => false,
        };
        self.0.insert(found);
        if self.0.len() > LIMIT {
            self.0.pop_last();
        }
    }

    fn ids(&self) -> BTreeSet<TraceId> {
        self.0.iter().map(|found| found.trace_id).collect()
    }
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(value) => Some(value),
        _ => None,
    }
}
