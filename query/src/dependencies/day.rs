//! Reading a day: all its traces, page by page, in bounded memory.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use futures::TryStreamExt;
use spoor_model::{FoundTrace, ServiceCalls, SpanBatch, TimeRange, TraceId, TraceQuery, UnixNanos};
use spoor_storage::{ReadError, RequestContext, SpanReader, Tenant};
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::calls::{Calls, TooManyServices};
use super::recount::RecountError;
use super::rule::TraceCalls;

/// Traces read at a time.
const PAGE: usize = 500;
/// How long a page may take, the largest traces included.
const PAGE_TIMEOUT: Duration = Duration::from_secs(600);
const DAY: Duration = Duration::from_secs(86_400);

/// A day in UTC, by the midnight at which it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(UnixNanos);

impl Day {
    /// The day of that moment.
    #[must_use]
    pub fn of(moment: UnixNanos) -> Self {
        let nanos = u64::try_from(DAY.as_nanos()).unwrap_or(u64::MAX);
        Self(UnixNanos(moment.0 - moment.0 % nanos))
    }

    /// The day before.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.saturating_sub(DAY))
    }

    /// Its midnight.
    #[must_use]
    pub fn midnight(self) -> UnixNanos {
        self.0
    }

    /// All its moments.
    fn range(self) -> TimeRange {
        TimeRange { start: self.0, end: UnixNanos(self.0.saturating_add(DAY).0.saturating_sub(1)) }
    }
}

impl FromStr for Day {
    type Err = String;

    /// `2026-08-20`
    fn from_str(text: &str) -> Result<Self, String> {
        let date = Date::parse(text, format_description!("[year]-[month]-[day]"));
        let date = date.map_err(|_| format!("{text:?} is no day; write it like 2026-08-20"))?;
        let nanos = date.midnight().assume_utc().unix_timestamp_nanos();
        let nanos = u64::try_from(nanos).map_err(|_| format!("{text} is not between 1970 and 2554"))?;
        Ok(Self(UnixNanos(nanos)))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0.0));
        let date = moment.map_err(|_| fmt::Error)?.date();
        write!(f, "{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
    }
}

/// What a day's traces tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayCount {
    /// Traces that began on the day.
    pub traces: u64,
    /// Their spans.
    pub spans: u64,
    /// Traces so large that not all of them was looked at.
    pub cut: u64,
    /// Their calls, sorted.
    pub calls: Vec<ServiceCalls>,
}

/// Reads the tenant's traces that began on the day, whole, each once: a trace that goes on after midnight counts for the day of its first span.
///
/// Only what started until `until` leads to a trace, so that a day that is not over holds still while it is read.
pub(super) async fn count(
    reader: &dyn SpanReader,
    tenant: &Tenant,
    day: Day,
    until: UnixNanos,
) -> Result<DayCount, RecountError> {
    let whole = day.range();
    let range = TimeRange { end: whole.end.min(until).max(whole.start), ..whole };
    let (calls, sums) = (Calls::default(), DayCount::default());
    let mut counting = Counting { tenant, range, service: None, calls, sums };
    if reader.capabilities().search_without_service {
        counting.read_pages(reader).await?;
    } else {
        for service in reader.services(&counting.context()).await? {
            counting.service = Some(service);
            counting.read_pages(reader).await?;
        }
    }
    Ok(DayCount { calls: counting.calls.finish(), ..counting.sums })
}

struct Counting<'a> {
    tenant: &'a Tenant,
    range: TimeRange,
    /// Whose traces are being read, where the store can only be asked by service.
    service: Option<String>,
    calls: Calls,
    sums: DayCount,
}

/// The trace that is being read.
struct Reading {
    id: TraceId,
    trace: TraceCalls,
    /// The first by name of the services that lead to it.
    first_service: Option<String>,
}

impl Counting<'_> {
    /// For one page.
    fn context(&self) -> RequestContext {
        RequestContext { tenant: self.tenant.clone(), ..RequestContext::for_question(PAGE_TIMEOUT) }
    }

    async fn read_pages(&mut self, reader: &dyn SpanReader) -> Result<(), RecountError> {
        let query = TraceQuery {
            service: self.service.clone(),
            operation: None,
            tags: Vec::new(),
            filter: None,
            start: self.range,
            duration_min: None,
            duration_max: None,
            limit: PAGE,
            enough_spans: usize::MAX,
        };
        let mut after = None;
        loop {
            let context = self.context();
            let places = reader.find_trace_ids(&context, &query, after).await?;
            let Some(&last) = places.last() else { return Ok(()) };
            self.read_traces(reader, &context, &query, &places).await?;
            after = Some(last);
        }
    }

    async fn read_traces(
        &mut self,
        reader: &dyn SpanReader,
        context: &RequestContext,
        query: &TraceQuery,
        places: &[FoundTrace],
    ) -> Result<(), RecountError> {
        let mut parts = reader.found_traces(context, query, places).await?;
        let mut reading: Option<Reading> = None;
        while let Some(part) = parts.try_next().await? {
            let Some(id) = part.span(0).map(|span| span.trace_id()) else { continue };
            if reading.as_ref().is_some_and(|reading| reading.id != id) {
                self.end(reading.take())?;
            }
            let reading = reading.get_or_insert_with(|| Reading {
                id,
                trace: TraceCalls::default(),
                first_service: None,
            });
            reading.trace.read(&part, &mut self.calls)?;
            self.note_services(reading, &part);
        }
        Ok(self.end(reading)?)
    }

    /// Several services lead to one trace; the first of them by name counts it.
    fn note_services(&self, reading: &mut Reading, part: &SpanBatch) {
        if self.service.is_none() {
            return;
        }
        let within = |moment: UnixNanos| self.range.start <= moment && moment <= self.range.end;
        let services = part.spans().filter(|span| within(span.start())).map(|span| span.service());
        let Some(first) = services.min() else { return };
        if reading.first_service.as_deref().is_none_or(|known| first < known) {
            reading.first_service = Some(first.to_owned());
        }
    }

    fn end(&mut self, reading: Option<Reading>) -> Result<(), TooManyServices> {
        let Some(Reading { id, trace, first_service }) = reading else { return Ok(()) };
        let of_an_earlier_day = trace.earliest < self.range.start;
        if of_an_earlier_day || first_service != self.service {
            return Ok(());
        }
        if trace.cut {
            tracing::warn!(trace = %id, spans = trace.spans(), "a trace is so large that only its beginning counts");
            self.sums.cut += 1;
        }
        self.sums.traces += 1;
        self.sums.spans += trace.spans() as u64;
        trace.count(&mut self.calls)
    }
}

impl From<ReadError> for RecountError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}
