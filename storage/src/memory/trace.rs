//! One trace as it is held: a few compact batches, shared with readers.

use std::collections::HashSet;
use std::sync::Arc;

use spoor_model::{SpanBatch, SpanBatchBuilder, UnixNanos};

use super::content::Fingerprint;

/// Estimated bytes of a span besides its batch: its fingerprint in the set of those seen.
const SPAN_BYTES: usize = 48;
/// Estimated bytes of a trace besides its spans: entries in the store's maps.
const TRACE_BYTES: usize = 512;
/// Small parts are merged up to this many spans and bytes: few parts to look through, and a bound on the work of one write.
const MERGED_SPANS: usize = 512;
const MERGED_BYTES: usize = 1 << 20;
/// Spans in one item of a stream.
const ITEM_SPANS: usize = 1_000;

/// The parts of a trace in the order they came. Cloning one is cheap; a clone does not change when the trace grows.
pub(super) type Parts = Arc<Vec<Arc<SpanBatch>>>;

/// A trace.
#[derive(Debug, Default)]
pub(super) struct Trace {
    parts: Parts,
    seen: HashSet<Fingerprint>,
    part_bytes: usize,
    latest: UnixNanos,
    /// When its last span came, in the order of arrivals.
    pub(super) arrival: u64,
}

impl Trace {
    /// Its spans.
    pub(super) fn parts(&self) -> Parts {
        Arc::clone(&self.parts)
    }

    /// Number of spans.
    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// The latest start of its spans.
    pub(super) fn latest(&self) -> UnixNanos {
        self.latest
    }

    /// Memory held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        TRACE_BYTES + self.part_bytes + SPAN_BYTES * self.seen.len()
    }

    /// Memory that this part would take more.
    pub(super) fn bytes_more(part: &SpanBatch) -> usize {
        held_bytes(part) + SPAN_BYTES * part.len()
    }

    /// True when that span is there.
    pub(super) fn has(&self, fingerprint: Fingerprint) -> bool {
        self.seen.contains(&fingerprint)
    }

    /// Takes spans that it has not.
    pub(super) fn add(&mut self, part: SpanBatch, fingerprints: impl IntoIterator<Item = Fingerprint>) {
        self.seen.extend(fingerprints);
        let latest = part.spans().map(|span| span.start()).max().unwrap_or_default();
        self.latest = self.latest.max(latest);
        self.part_bytes += held_bytes(&part);
        let parts = Arc::make_mut(&mut self.parts);
        parts.push(Arc::new(part));
        while let [.., left, right] = parts.as_slice()
            && worth_merging(left, right)
        {
            let before = held_bytes(left) + held_bytes(right);
            let Some(merged) = merge(left, right) else { break };
            self.part_bytes = self.part_bytes + held_bytes(&merged) - before;
            parts.truncate(parts.len() - 2);
            parts.push(Arc::new(merged));
        }
    }
}

fn held_bytes(part: &SpanBatch) -> usize {
    part.memory_bytes() + size_of::<SpanBatch>()
}

/// As in a binary counter: a part is merged when its successor has grown to its size, so each span is copied a few times only.
fn worth_merging(left: &SpanBatch, right: &SpanBatch) -> bool {
    right.len() >= left.len()
        && left.len() + right.len() <= MERGED_SPANS
        && left.memory_bytes() + right.memory_bytes() <= MERGED_BYTES
}

fn merge(left: &SpanBatch, right: &SpanBatch) -> Option<SpanBatch> {
    let mut builder = SpanBatchBuilder::new();
    builder.append(left, 0..left.len());
    builder.append(right, 0..right.len());
    let mut merged = builder.finish().ok()?;
    merged.shrink_to_fit();
    Some(merged)
}

/// The spans of a trace ordered by start (those of one start as they came), at most `enough`, in items of bounded size, made
/// one by one.
pub(super) fn items(parts: Parts, enough: usize) -> impl Iterator<Item = SpanBatch> + Send {
    let mut order: Vec<(UnixNanos, usize, usize)> = Vec::new();
    for (part, batch) in parts.iter().enumerate() {
        order.extend(batch.spans().enumerate().map(|(index, span)| (span.start(), part, index)));
    }
    order.sort_unstable();
    order.truncate(enough);
    let mut next = 0;
    std::iter::from_fn(move || {
        let rest = order.get(next..).filter(|rest| !rest.is_empty())?;
        let (taken, batch) = first_item(&parts, rest);
        next += taken;
        Some(batch)
    })
}

/// As many of the spans as an item may have, fewer if their texts do not fit into one batch.
fn first_item(parts: &[Arc<SpanBatch>], order: &[(UnixNanos, usize, usize)]) -> (usize, SpanBatch) {
    let mut taken = order.len().min(ITEM_SPANS);
    while taken > 1 {
        if let Some(batch) = item(parts, &order[..taken]) {
            return (taken, batch);
        }
        taken /= 2;
    }
    let (_, part, index) = order[0];
    (1, parts[part].select([index]))
}

fn item(parts: &[Arc<SpanBatch>], chosen: &[(UnixNanos, usize, usize)]) -> Option<SpanBatch> {
    let mut by_part: Vec<(usize, usize)> = chosen.iter().map(|(_, part, index)| (*part, *index)).collect();
    by_part.sort_unstable();
    let mut builder = SpanBatchBuilder::new();
    for run in by_part.chunk_by(|left, right| left.0 == right.0) {
        builder.append(&parts[run[0].0], run.iter().map(|(_, index)| *index));
    }
    let mut batch = builder.finish().ok()?;
    batch.sort_spans_by_start();
    Some(batch)
}
