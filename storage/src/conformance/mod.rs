//! The contract of a store as tests: one public function a claim, run against every implementation.
//! A backend brings a function that opens a fresh, empty store ([`Fixture`]) and writes one line,
//! `spoor_storage::conformance_tests!(fresh_store);`, which gives it one test a claim, named as the claim.
//!
//! Stores with Jaeger's schema lose what Jaeger has no place for (attributes of links and scopes, dropped counts, times
//! below 1 µs, types inside nested values), so spans are compared as Jaeger shows them ([`Shown`]).

pub mod filters;
pub mod naming;
pub mod places;
pub mod reading;
pub mod records;
pub mod searching;
pub mod span_metrics;
pub mod summaries;
pub mod tags;
pub mod tenants;
pub mod typed_filters;
pub mod writing;

mod sample;
mod shown;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use spoor_model::{SpanBatch, TraceId, TraceLookup, TraceQuery};

use crate::{RequestContext, SpanReader, SpanWriter, WriteErrorKind};

pub use sample::{Attribute, Sample, SampleEvent, SampleLink, batch_of, some_minutes_ago, trace_id};
pub use shown::{Shown, ShownTrace, Tag, collect, shown};

/// A store that nobody else writes to, empty at first.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// The door in.
    fn writer(&self) -> &dyn SpanWriter;

    /// The door out, to the same spans.
    fn reader(&self) -> &dyn SpanReader;

    /// Makes what was written visible to readers, so that no claim waits for a refresh interval. Nothing by default.
    async fn settle(&self) {}

    /// Claims that this store cannot keep, each with the reason. A claim that is excused must fail: an excuse that is no
    /// longer needed fails the test, so that none is forgotten. None by default.
    fn excused(&self) -> &[(&'static str, &'static str)] {
        &[]
    }
}

/// Writes one test for each claim of the contract. `$fresh` is an async function without arguments that opens a
/// [`Fixture`](crate::conformance::Fixture); every test calls it once.
#[macro_export]
macro_rules! conformance_tests {
    ($fresh:expr) => {
        $crate::conformance_tests! { @claims $fresh;
            writing::what_was_acknowledged_is_found_whole,
            writing::every_kind_of_value_comes_back,
            writing::events_and_references_come_back,
            writing::kind_status_and_scope_come_back,
            writing::warnings_come_back,
            writing::long_texts_come_back,
            writing::writing_the_same_again_stores_nothing_twice,
            writing::spans_that_share_an_id_are_all_kept,
            writing::an_empty_batch_is_stored_trivially,
            writing::many_writers_at_once_lose_nothing,
            writing::a_write_past_its_deadline_says_so,
            reading::an_empty_store_answers_with_nothing,
            reading::an_unknown_trace_is_an_empty_stream,
            reading::a_trace_comes_back_in_order_of_start_times,
            reading::a_large_trace_of_one_start_time_comes_back_whole,
            reading::trace_ids_of_64_bits_are_found,
            reading::the_hint_never_hides_spans,
            reading::a_read_past_its_deadline_says_so,
            naming::services_are_sorted_and_named_once,
            naming::operations_are_sorted_and_named_once,
            naming::operations_of_one_kind_are_among_the_answer,
            naming::an_unknown_service_has_no_operations,
            searching::a_service_finds_its_traces_only,
            searching::an_operation_is_compared_exactly,
            searching::durations_are_inclusive_at_both_ends,
            searching::a_minimum_duration_alone_sets_no_maximum,
            searching::the_time_range_is_inclusive_at_both_ends,
            searching::the_limit_keeps_the_newest_traces_newest_first,
            searching::newest_means_the_latest_matching_span,
            searching::a_found_trace_comes_whole,
            searching::spans_do_not_match_together_what_none_matches_alone,
            searching::without_a_service_all_are_searched_where_the_store_can,
            searching::traces_are_never_mixed_in_the_stream,
            searching::of_a_large_trace_enough_spans_come,
            places::traces_of_one_microsecond_come_by_id,
            places::pages_of_trace_ids_name_every_trace_once,
            places::a_page_may_begin_anywhere,
            places::only_matching_spans_decide_about_the_place,
            places::traces_of_places_come_whole_and_in_order,
            summaries::a_summary_says_what_the_whole_trace_says,
            summaries::summaries_come_in_the_order_asked_for,
            summaries::orphans_are_counted_or_not_told,
            summaries::a_trace_without_a_root_has_a_summary_without_one,
            summaries::the_earliest_span_without_a_parent_is_the_root,
            tags::a_tag_is_found_on_span_resource_and_event,
            tags::a_tag_is_compared_with_the_text_of_any_value,
            tags::a_tag_is_compared_as_a_whole,
            tags::all_tags_must_match_on_one_span,
            tags::a_tag_value_with_special_characters_is_found_literally,
            tags::tags_that_stand_for_fields_are_found,
            tags::the_status_tag_of_a_failed_span_is_found,
            tags::error_true_means_a_failed_span,
            tags::error_false_means_any_other_span,
            filters::a_filter_finds_what_it_means,
            filters::what_a_store_cannot_tell_is_refused_and_never_guessed,
            typed_filters::every_type_size_and_part_of_a_span_can_be_asked_for,
            typed_filters::pages_of_a_filter_name_every_trace_once,
            tenants::a_tenant_reads_its_own_spans_where_the_store_keeps_tenants_apart,
            tenants::a_tenant_finds_its_own_names_where_the_store_keeps_tenants_apart,
        }
    };
    (@claims $fresh:expr; $($room:ident::$claim:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $claim() {
            let store = ($fresh)().await;
            let claim = $crate::conformance::$room::$claim(&store);
            $crate::conformance::check(stringify!($claim), &store, claim).await;
        }
    )+};
}

/// How long one claim may take. Generous: a store on a loaded machine is slow, not wrong; only a hang ends here.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(180);
/// Before a store that had no room is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// Runs a claim, honoring the fixture's excuses.
///
/// # Panics
/// When the claim does not hold, does not end, or holds though it is excused.
pub async fn check(name: &str, store: &dyn Fixture, claim: impl Future<Output = ()>) {
    let outcome = tokio::time::timeout(CLAIM_TIMEOUT, AssertUnwindSafe(claim).catch_unwind()).await;
    let failure = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(panic)) => Some(panic),
        Err(_) => Some(Box::new(format!("no end after {CLAIM_TIMEOUT:?}")) as Box<dyn Any + Send>),
    };
    let excuse = store.excused().iter().find(|(excused, _)| *excused == name);
    match (failure, excuse) {
        (None, None) => {}
        (Some(_), Some((_, reason))) => println!("{name}: excused, {reason}"),
        (Some(failure), None) => std::panic::resume_unwind(failure),
        (None, Some((_, reason))) => panic!("{name} holds; take back the excuse `{reason}`"),
    }
}

/// Runs a claim that no store is excused from.
///
/// # Panics
/// When the claim does not hold or does not end.
pub async fn in_time(claim: impl Future<Output = ()>) {
    assert!(tokio::time::timeout(CLAIM_TIMEOUT, claim).await.is_ok(), "no end after {CLAIM_TIMEOUT:?}");
}

/// A context with time enough for any claim.
#[must_use]
pub fn context() -> RequestContext {
    RequestContext::with_timeout(Duration::from_secs(120))
}

/// Writes a batch, demands that every span is stored, and makes it visible. A store that has no room now is asked again, as senders do.
pub(crate) async fn store_all(store: &dyn Fixture, batch: &SpanBatch) {
    let written = loop {
        match store.writer().write(&context(), batch).await {
            Err(busy) if busy.kind == WriteErrorKind::Busy => tokio::time::sleep(BUSY_PAUSE).await,
            written => break written.expect("the write is acknowledged"),
        }
    };
    assert_eq!(written.rejected, [], "no span is rejected");
    assert_eq!(written.stored, batch.len(), "every span is stored");
    store.settle().await;
}

/// Writes samples as one batch; see [`store_all`].
pub(crate) async fn store_samples(store: &dyn Fixture, samples: &[Sample<'_>]) {
    store_all(store, &batch_of(samples)).await;
}

/// The spans of one trace as the store has them, ordered as they came.
pub(crate) async fn read(store: &dyn Fixture, trace_id: TraceId) -> Vec<Shown> {
    let context = context();
    let stream = store
        .reader()
        .trace(&context, &TraceLookup { trace_id, hint: None })
        .await
        .expect("the trace can be asked for");
    let mut traces = collect(stream).await.expect("the trace comes whole");
    assert!(traces.len() <= 1, "a lookup answers with one trace at most");
    traces.pop().map(|trace| trace.spans).unwrap_or_default()
}

/// The traces that a search finds, in the order they came.
pub(crate) async fn search(store: &dyn Fixture, query: &TraceQuery) -> Vec<ShownTrace> {
    let context = context();
    let stream = store.reader().find_traces(&context, query).await.expect("the search is taken");
    collect(stream).await.expect("the search is answered")
}

/// The ids of the traces that a search finds, in the order they came.
pub(crate) async fn found(store: &dyn Fixture, query: &TraceQuery) -> Vec<TraceId> {
    search(store, query).await.into_iter().map(|trace| trace.trace_id).collect()
}
