//! Processes of a trace: `p1`, `p2` … by first appearance, equal ones under one key.

use std::collections::HashMap;

use spoor_model::{ResourceView, SpanView, jaeger, json};

use super::tag::TagList;

/// Never given to a process.
const UNSEEN: u32 = 0;

/// Which process the spans of each resource belong to.
#[derive(Default)]
pub(super) struct Processes {
    /// The process's number by resource row.
    numbers: Vec<u32>,
    /// Each process as it will be written, with its number.
    by_content: HashMap<Vec<u8>, u32>,
}

impl Processes {
    /// The number of a span's process. Spans have to ask in the order in which they are written.
    pub(super) fn number(&mut self, span: SpanView<'_>) -> u32 {
        let trace = span.batch();
        let resource = trace.resource_index(span.row());
        if self.numbers.len() <= resource {
            self.numbers.resize(trace.resource_rows().len().max(resource + 1), UNSEEN);
        }
        if self.numbers[resource] == UNSEEN {
            let content = content(span.resource());
            let next = u32::try_from(self.by_content.len() + 1).unwrap_or(u32::MAX);
            self.numbers[resource] = *self.by_content.entry(content).or_insert(next);
        }
        self.numbers[resource]
    }

    /// The spans that follow are of another batch, with resources of its own.
    pub(super) fn of_next_part(&mut self) {
        self.numbers.clear();
    }

    /// Appends the map of all processes asked for so far.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut processes: Vec<(&u32, &Vec<u8>)> =
            self.by_content.iter().map(|(content, number)| (number, content)).collect();
        processes.sort_unstable();
        out.push(b'{');
        for (index, (number, content)) in processes.into_iter().enumerate() {
            out.extend_from_slice(if index > 0 { b",\"p" } else { b"\"p" });
            json::write_int(out, *number);
            out.extend_from_slice(b"\":");
            out.extend_from_slice(content);
        }
        out.push(b'}');
    }
}

fn content(resource: ResourceView<'_>) -> Vec<u8> {
    let nothing_known = resource.row().service.is_none() && resource.attributes().is_empty();
    let service = if nothing_known { jaeger::NO_SERVICE_NAME } else { resource.service() };
    let mut out = Vec::with_capacity(64 + 64 * resource.attributes().len());
    out.extend_from_slice(b"{\"serviceName\":");
    json::write_string(&mut out, service.as_bytes());
    out.extend_from_slice(b",\"tags\":");
    let mut tags = TagList::begin(&mut out);
    tags.add_all(resource.attributes(), Some("service.name"));
    tags.end();
    out.push(b'}');
    out
}
