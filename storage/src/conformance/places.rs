//! Claims about the places of found traces: their order, and pages of them.

use std::time::Duration;

use futures::TryStreamExt;
use spoor_model::{FoundTrace, TraceId, TraceQuery};

use super::searching::query;
use super::{Fixture, Sample, context, found, some_minutes_ago, store_samples, trace_id};

async fn page(store: &dyn Fixture, query: &TraceQuery, after: Option<FoundTrace>) -> Vec<FoundTrace> {
    store.reader().find_trace_ids(&context(), query, after).await.expect("the search is answered")
}

/// All places, page by page of `limit`.
async fn pages(store: &dyn Fixture, query: &TraceQuery, limit: usize) -> Vec<FoundTrace> {
    let query = TraceQuery { limit, ..query.clone() };
    let mut all = Vec::new();
    loop {
        let next = page(store, &query, all.last().copied()).await;
        assert!(next.len() <= limit, "{} places on a page of {limit}", next.len());
        if next.is_empty() {
            return all;
        }
        all.extend(next);
        assert!(all.len() <= 1_000, "the pages do not end");
    }
}

/// Twelve traces of one microsecond, others around them: newest first, and within the microsecond by id, places and traces
/// alike.
pub async fn traces_of_one_microsecond_come_by_id(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let mut samples: Vec<_> = (0..12).map(|number| Sample::new(trace_id(number * 5 % 12), 1, base)).collect();
    samples.push(Sample::new(trace_id(50), 1, base.saturating_add(Duration::from_micros(1))));
    samples.push(Sample::new(trace_id(0x60), 1, base.saturating_sub(Duration::from_micros(1))));
    store_samples(store, &samples).await;
    let mut expected: Vec<TraceId> = (0..12).map(trace_id).collect();
    expected.insert(0, trace_id(50));
    expected.push(trace_id(0x60));
    let places = page(store, &query(base), None).await;
    assert_eq!(places.iter().map(|place| place.trace_id).collect::<Vec<_>>(), expected);
    assert_eq!(places[1].newest_match_micros, base.micros());
    assert!(places.is_sorted());
    assert_eq!(found(store, &query(base)).await, expected);
}

/// Traces whose spans spread over minutes, many of one microsecond, ids of 64 bits among them: pages of any size, one behind
/// the other, are the whole answer, and no trace comes again for its older spans.
pub async fn pages_of_trace_ids_name_every_trace_once(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let mut samples = Vec::new();
    for number in 0..40_u64 {
        let trace_id = if number % 4 == 0 { TraceId(u128::from(0xabc0 + number)) } else { trace_id(number) };
        for span in 0..6 {
            // The newest spans of seven traces each are of one microsecond.
            let age = if span == 0 { number / 7 } else { number + span * 11 };
            samples.push(Sample::new(trace_id, span + 1, base.saturating_sub(Duration::from_micros(age))));
        }
    }
    store_samples(store, &samples).await;
    let whole = page(store, &query(base), None).await;
    assert_eq!(whole.len(), 40);
    assert!(whole.is_sorted_by(|left, right| left < right), "in order, each once: {whole:?}");
    for limit in [1, 3, 7, 39, 40, 100] {
        assert_eq!(pages(store, &query(base), limit).await, whole, "pages of {limit}");
    }
}

/// A page may begin at a place where no trace stands: behind one that is gone, or in the middle of nowhere.
pub async fn a_page_may_begin_anywhere(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let at =
        |number, micros| Sample::new(trace_id(number), 1, base.saturating_add(Duration::from_micros(micros)));
    store_samples(store, &[at(1, 30), at(2, 20), at(3, 20), at(4, 10)]).await;
    let behind = async |micros: u64, id| {
        let place = FoundTrace { newest_match_micros: base.micros() + micros, trace_id: id };
        page(store, &query(base), Some(place)).await.iter().map(|place| place.trace_id).collect::<Vec<_>>()
    };
    assert_eq!(behind(1_000, trace_id(9)).await, [1, 2, 3, 4].map(trace_id));
    assert_eq!(behind(25, trace_id(1)).await, [2, 3, 4].map(trace_id));
    assert_eq!(behind(20, TraceId(1)).await, [2, 3, 4].map(trace_id));
    assert_eq!(behind(20, trace_id(2)).await, [3, 4].map(trace_id));
    assert_eq!(behind(10, trace_id(4)).await, []);
    assert_eq!(behind(0, TraceId::default()).await, []);
}

/// A trace with a matching span before the place stays out though others of its spans match behind it, whatever the
/// conditions are.
pub async fn only_matching_spans_decide_about_the_place(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let at = |trace, span, micros, name| Sample {
        name,
        ..Sample::new(trace_id(trace), span, base.saturating_add(Duration::from_micros(micros)))
    };
    let samples = [
        at(1, 1, 90, "wanted"),
        at(1, 2, 10, "wanted"),
        at(2, 1, 95, "other"),
        at(2, 2, 50, "wanted"),
        at(3, 1, 70, "wanted"),
    ];
    store_samples(store, &samples).await;
    let wanted = TraceQuery { operation: Some("wanted".to_owned()), limit: 1, ..query(base) };
    let mut order = Vec::new();
    while let Some(place) = page(store, &wanted, order.last().copied()).await.pop() {
        order.push(place);
    }
    let expected = [(1, 90), (3, 70), (2, 50)].map(|(number, micros)| FoundTrace {
        newest_match_micros: base.micros() + micros,
        trace_id: trace_id(number),
    });
    assert_eq!(order, expected);
}

/// The traces of places come in the order of the places, whole although most spans do not match; one that is gone is left out.
pub async fn traces_of_places_come_whole_and_in_order(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let later = |micros| base.saturating_add(Duration::from_micros(micros));
    let wanted =
        (0..30).map(|number| Sample { name: "wanted", ..Sample::new(trace_id(number), 1, later(number)) });
    let others = (0..30).flat_map(|number| (2..=number % 3 + 2).map(move |span| (number, span)));
    let others = others.map(|(number, span)| Sample::new(trace_id(number), span, later(number + 100)));
    store_samples(store, &wanted.chain(others).collect::<Vec<_>>()).await;
    let wanted = TraceQuery { operation: Some("wanted".to_owned()), ..query(base) };
    let mut places = page(store, &wanted, None).await;
    assert_eq!(places.len(), 30);
    places.swap(3, 20);
    let gone = FoundTrace { newest_match_micros: base.micros(), trace_id: trace_id(999) };
    let asked: Vec<_> =
        places[..5].iter().copied().chain([gone]).chain(places[5..].iter().copied()).collect();
    let context = context();
    let stream =
        store.reader().found_traces(&context, &wanted, &asked).await.expect("the traces can be asked for");
    let parts: Vec<_> = stream.try_collect().await.expect("the traces come");
    let mut traces: Vec<(TraceId, usize)> = Vec::new();
    for part in parts {
        let trace_id = part.span(0).expect("no part is empty").trace_id();
        match traces.last_mut() {
            Some((last, spans)) if *last == trace_id => *spans += part.len(),
            _ => traces.push((trace_id, part.len())),
        }
    }
    // The later a trace, the further in front: its number follows from its place.
    let number = |place: &FoundTrace| place.newest_match_micros - base.micros();
    let spans = |place: &FoundTrace| usize::try_from(number(place) % 3 + 2).expect("few");
    assert_eq!(traces, places.iter().map(|place| (place.trace_id, spans(place))).collect::<Vec<_>>());
}
