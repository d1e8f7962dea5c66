//! Spans of different hosts carry times of different clocks. A child that does not lie within its parent is moved there, together
//! with what is below it on its host, as far as the setting allows; what is not moved gets a warning.
//! The tree is walked with a stack of our own: a chain of a hundred thousand spans is as good as any, and spans that are their own
//! ancestors hang on no root and are never reached.

use std::collections::HashMap;
use std::time::Duration;

use spoor_model::{ResourceView, Rows, SpanBatch, SpanId, UnixNanos, ValueView, jaeger};

use spoor_model::go_duration_text;

/// No span; ends a list of siblings.
const NONE: usize = usize::MAX;

/// Moves spans by at most `max` (either way). Zero moves none and warns instead.
pub(super) fn correct(trace: &mut SpanBatch, max: Duration) {
    let max = i128::try_from(max.as_nanos()).unwrap_or(i128::MAX);
    let hosts = Hosts::of(trace);
    let tree = Tree::of(trace);
    for &index in &tree.duplicates {
        jaeger::add_warning(trace, index, "duplicate span IDs; skipping clock skew adjustment");
    }
    for &index in &tree.orphans {
        let parent = trace.span_rows()[index].parent_span_id;
        let warning = format!("parent span ID={parent} is not in the trace; skipping clock skew adjustment");
        jaeger::add_warning(trace, index, &warning);
    }
    let mut open: Vec<Visit> = tree.roots.iter().map(|&index| Visit::root(index, &hosts, trace)).collect();
    while let Some(visit) = open.pop() {
        let skew = visit.skew(&hosts, trace);
        apply(trace, visit.index, skew.delta, max);
        let children = std::iter::successors(some(tree.first_child[visit.index]), |&child| {
            some(tree.next_sibling[child])
        });
        open.extend(children.map(|index| Visit { index, parent: visit.index, skew }));
    }
}

fn some(index: usize) -> Option<usize> {
    (index != NONE).then_some(index)
}

/// By how much the clock of the host in force is off, in nanoseconds.
#[derive(Clone, Copy)]
struct Skew {
    host: u32,
    delta: i128,
}

/// A span whose turn comes, with the skew that its parent had.
struct Visit {
    index: usize,
    parent: usize,
    skew: Skew,
}

impl Visit {
    fn root(index: usize, hosts: &Hosts, trace: &SpanBatch) -> Self {
        Self { index, parent: NONE, skew: Skew { host: hosts.host(trace, index), delta: 0 } }
    }

    /// A new skew when the host changes, or when nobody knows the host.
    fn skew(&self, hosts: &Hosts, trace: &SpanBatch) -> Skew {
        let host = hosts.host(trace, self.index);
        if self.parent == NONE || (host == self.skew.host && host != Hosts::UNKNOWN) {
            return self.skew;
        }
        let times = |index: usize| {
            let row = &trace.span_rows()[index];
            (i128::from(row.start.0), i128::from(row.end.max(row.start).0))
        };
        Skew { host, delta: delta(times(self.index), times(self.parent)) }
    }
}

/// How far a child has to move to make sense below its parent; both as (start, end).
fn delta(child: (i128, i128), parent: (i128, i128)) -> i128 {
    let (child_duration, parent_duration) = (child.1 - child.0, parent.1 - parent.0);
    if child_duration > parent_duration {
        // Asynchronous, or the parent gave up waiting: all one can say is that it did not begin earlier.
        return (parent.0 - child.0).max(0);
    }
    if child.0 >= parent.0 && child.1 <= parent.1 {
        return 0;
    }
    parent.0 + (parent_duration - child_duration) / 2 - child.0
}

fn apply(trace: &mut SpanBatch, index: usize, delta: i128, max: i128) {
    if delta == 0 {
        return;
    }
    let amount = go_duration_text(delta);
    if max == 0 {
        let warning = format!("clock skew adjustment disabled; not applying calculated delta of {amount}");
        return jaeger::add_warning(trace, index, &warning);
    }
    if delta.abs() > max {
        let limit = go_duration_text(max);
        let warning = format!(
            "max clock skew adjustment delta of {limit} exceeded; not applying calculated delta of {amount}"
        );
        return jaeger::add_warning(trace, index, &warning);
    }
    let mut events = Rows::NONE;
    if let Some(row) = trace.span_row_mut(index) {
        row.start = moved(row.start, delta);
        row.end = moved(row.end, delta);
        events = row.events;
    }
    for event in trace.event_rows_mut(events) {
        event.time = moved(event.time, delta);
    }
    jaeger::add_warning(trace, index, &format!("This span's timestamps were adjusted by {amount}"));
}

fn moved(time: UnixNanos, delta: i128) -> UnixNanos {
    let moved = (i128::from(time.0) + delta).clamp(0, i128::from(u64::MAX));
    UnixNanos(u64::try_from(moved).unwrap_or(u64::MAX))
}

/// Who lies below whom, as lists threaded through the span table.
struct Tree {
    roots: Vec<usize>,
    orphans: Vec<usize>,
    duplicates: Vec<usize>,
    first_child: Vec<usize>,
    next_sibling: Vec<usize>,
}

impl Tree {
    fn of(trace: &SpanBatch) -> Self {
        let mut tree = Self {
            roots: Vec::new(),
            orphans: Vec::new(),
            duplicates: Vec::new(),
            first_child: vec![NONE; trace.len()],
            next_sibling: vec![NONE; trace.len()],
        };
        let mut by_id: HashMap<SpanId, usize> = HashMap::with_capacity(trace.len());
        for (index, row) in trace.span_rows().iter().enumerate() {
            if *by_id.entry(row.span_id).or_insert(index) != index {
                tree.duplicates.push(index);
            }
        }
        for (index, row) in trace.span_rows().iter().enumerate() {
            if by_id.get(&row.span_id) != Some(&index) {
                continue;
            }
            match by_id.get(&row.parent_span_id) {
                _ if row.parent_span_id.is_none() => tree.roots.push(index),
                None => {
                    tree.orphans.push(index);
                    tree.roots.push(index);
                }
                Some(&parent) => {
                    tree.next_sibling[index] = std::mem::replace(&mut tree.first_child[parent], index);
                }
            }
        }
        tree
    }
}

/// A number for each host, by resource row.
struct Hosts(Vec<u32>);

impl Hosts {
    const UNKNOWN: u32 = 0;

    fn of(trace: &SpanBatch) -> Self {
        let mut numbers: HashMap<String, u32> = HashMap::from([(String::new(), Self::UNKNOWN)]);
        let number = |resource| {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            *numbers.entry(host_key(resource)).or_insert(next)
        };
        Self(trace.resources().map(number).collect())
    }

    fn host(&self, trace: &SpanBatch, span: usize) -> u32 {
        self.0.get(trace.resource_index(&trace.span_rows()[span])).copied().unwrap_or(Self::UNKNOWN)
    }
}

/// What tells one host from another: OTLP's attributes, then the tag `ip` of Jaeger's own clients. Empty when nothing does.
fn host_key(resource: ResourceView<'_>) -> String {
    ["host.id", "host.ip", "host.name", "ip"]
        .into_iter()
        .filter_map(|key| resource.attributes().get(key))
        .map(|value| match value {
            ValueView::List(list) => list.iter().next().unwrap_or_default().to_text(),
            other => other.to_text(),
        })
        .find(|key| !key.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
