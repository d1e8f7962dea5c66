//! The small changes between reading a trace and showing it: a list of pure steps on one [`SpanBatch`] that holds one trace.
//! Rules: `jaegertracing/jaeger cmd/jaeger/internal/extension/jaegerquery/internal/adjuster`, and of 1.x where 2.x lost something.
//! A question with `raw` skips them all. No step recurses or is more than n·log n in the trace's size, whatever the trace says.

mod clock_skew;
mod deduplicate;
mod ip_address;
mod library_attributes;
mod links;
mod sort;
mod unique_ids;

use std::time::Duration;

use spoor_model::SpanBatch;

pub(crate) use deduplicate::content_hash;

/// What the steps are told.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Settings {
    /// The largest clock skew that is corrected; zero corrects none and says so on each span that would have been.
    pub(crate) max_clock_skew: Duration,
}

/// Runs all steps over one whole trace.
///
/// Sorting comes first, because equal spans are found by equal attribute lists; duplicates go before shared ids are told apart
/// (Jaeger has these two the other way round, and shows a server span that was stored twice as two). Clock skew comes behind
/// them, because it follows parent ids. The rest is independent.
pub(crate) fn adjust(trace: &mut SpanBatch, settings: Settings) {
    sort::sort_attributes(trace);
    deduplicate::drop_duplicates(trace);
    unique_ids::separate_shared_ids(trace);
    clock_skew::correct(trace, settings.max_clock_skew);
    ip_address::write_dotted(trace);
    library_attributes::move_to_resource(trace);
    links::drop_empty(trace);
    links::put_parent_first(trace);
}

#[cfg(test)]
mod tests;
