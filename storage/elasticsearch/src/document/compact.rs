//! Hot path: spans as documents of the compact layout with their bulk action lines, straight from the views into one buffer.
//! Budget: no allocation per span; a scope's part, its resource's included, is rendered once per batch and copied.
//!
//! Everything of a span is in its document once: attributes as tokens (`token.rs`), which are both searched and read back, the rest
//! as numbers that nobody searches. Fields that both layouts have are called the same and mean the same.
//!
//! ```text
//! traceID spanID parentSpanID flags operationName startTime startTimeMillis duration     as in Jaeger's documents
//! span      d  tokens of kind, status, its words, trace state        a  of attributes
//!           e  of each event, its name first                         l  of each link's attributes
//!           n  nanoseconds beyond the microsecond of start and duration; end, where it is before the start
//!           t  nanoseconds from start to each event                  r  each link: trace, span, kind, flags, trace state
//!           o  dropped attributes, events, links                     eo, lo  dropped attributes of each event, link
//! scope     d  tokens of name and version    a  of attributes    u  schema URL    o  dropped attributes
//! process   serviceName; a, u, o as in scope; n  true when nobody gave a service name
//! ```

mod parts;

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use spoor_model::json::{write_int, write_string};
use spoor_model::{
    AttributesView, ResourceView, ScopeView, SpanBatch, SpanKind, SpanView, StatusCode, jaeger,
};
use xxhash_rust::xxh3::xxh3_128;

use super::tags::close;
use super::token::{self, TokenWriter};
use super::write_action_head;
use crate::filing::Filing;
use crate::index::{Family, Period};

/// Bytes of an `_id`: the second of the start, then a hash of the document. Ids of one time lie together in the store's index of
/// ids, and segments of other times are passed over at once. Without padding in base64.
const ID_BYTES: usize = 15;
const ID_DIGITS: usize = ID_BYTES / 3 * 4;

/// Writes the spans of one batch.
pub(crate) struct CompactWriter<'a> {
    batch: &'a SpanBatch,
    indices: &'a Family,
    filing: Filing,
    tokens: TokenWriter,
    /// The rendered `,"scope":{…},"process":{…}}` of each scope, one after another.
    scopes: Vec<u8>,
    scope_of: Vec<Range<usize>>,
    /// The period whose index `action` names.
    period: Option<Period>,
    /// `{"index":{"_index":"…","_id":"`
    action: Vec<u8>,
}

impl<'a> CompactWriter<'a> {
    pub(crate) fn new(batch: &'a SpanBatch, indices: &'a Family, filing: Filing) -> Self {
        let mut writer = Self {
            batch,
            indices,
            filing,
            tokens: TokenWriter::default(),
            scopes: Vec::new(),
            scope_of: Vec::with_capacity(batch.scopes().len()),
            period: None,
            action: Vec::new(),
        };
        let mut out = Vec::new();
        for scope in batch.scopes() {
            let start = out.len();
            writer.write_scope(&mut out, scope);
            writer.scope_of.push(start..out.len());
        }
        writer.scopes = out;
        writer
    }

    /// Appends the span's action line and its document.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, span: SpanView<'a>) {
        let id_at = self.write_action(out, self.indices.period(self.filing.moment(span.start())));
        let document = out.len();
        self.write_document(out, span);
        // The id follows from the content: a span that comes again is the same document.
        let hash = xxh3_128(&out[document..]).to_be_bytes();
        let second = u32::try_from(span.start().0 / 1_000_000_000).unwrap_or(u32::MAX);
        let mut id = [0; ID_BYTES];
        id[..4].copy_from_slice(&second.to_be_bytes());
        id[4..].copy_from_slice(&hash[..ID_BYTES - 4]);
        URL_SAFE_NO_PAD
            .encode_slice(id, &mut out[id_at..id_at + ID_DIGITS])
            .expect("the place has the encoded length");
        out.push(b'\n');
    }

    /// Answers where the id belongs.
    fn write_action(&mut self, out: &mut Vec<u8>, period: Period) -> usize {
        if self.period != Some(period) {
            self.period = Some(period);
            self.action.clear();
            write_action_head(&mut self.action, self.indices, period);
        }
        out.extend_from_slice(&self.action);
        let id_at = out.len();
        out.extend_from_slice(&[b'-'; ID_DIGITS]);
        out.extend_from_slice(b"\"}}\n");
        id_at
    }

    fn write_document(&mut self, out: &mut Vec<u8>, span: SpanView<'a>) {
        let row = span.row();
        out.extend_from_slice(b"{\"traceID\":\"");
        out.extend_from_slice(&row.trace_id.to_hex());
        out.extend_from_slice(b"\",\"spanID\":\"");
        out.extend_from_slice(&row.span_id.to_hex());
        out.push(b'"');
        if !row.parent_span_id.is_none() {
            out.extend_from_slice(b",\"parentSpanID\":\"");
            out.extend_from_slice(&row.parent_span_id.to_hex());
            out.push(b'"');
        }
        let flags = row.stored_flags();
        if flags != 0 {
            out.extend_from_slice(b",\"flags\":");
            write_int(out, flags);
        }
        out.extend_from_slice(b",\"operationName\":");
        write_string(out, self.batch.bytes(row.name));
        out.extend_from_slice(b",\"startTime\":");
        write_int(out, row.start.micros());
        out.extend_from_slice(b",\"startTimeMillis\":");
        write_int(out, row.start.millis());
        let duration = row.end.0.saturating_sub(row.start.0);
        out.extend_from_slice(b",\"duration\":");
        write_int(out, duration / 1_000);
        out.extend_from_slice(b",\"span\":{");
        self.write_derived(out, span);
        self.write_list(out, b"\"a\":[", span.attributes());
        if !row.events.is_empty() {
            self.write_events(out, span);
        }
        if !row.links.is_empty() {
            self.write_links(out, span);
        }
        self.write_numbers(out, span, duration);
        close(out, b'}');
        out.extend_from_slice(&self.scopes[self.scope_of[row.scope as usize].clone()]);
    }

    /// The tags that Jaeger shows for fields.
    fn write_derived(&mut self, out: &mut Vec<u8>, span: SpanView<'a>) {
        let row = span.row();
        let list = List::begin(out, b"\"d\":[");
        if row.kind != SpanKind::Unspecified {
            self.tokens.write(
                list.out,
                jaeger::SPAN_KIND.as_bytes(),
                token::TEXT,
                row.kind.name().as_bytes(),
            );
        }
        match row.status {
            StatusCode::Unset => {}
            StatusCode::Ok => list.out.extend_from_slice(b"\"otel.status_code=OK\","),
            StatusCode::Error => list.out.extend_from_slice(b"\"otel.status_code=ERROR\",\"error?true\","),
        }
        for (key, text) in
            [(jaeger::STATUS_DESCRIPTION, row.status_message), (jaeger::TRACE_STATE, row.trace_state)]
        {
            if !text.is_empty() {
                self.tokens.write(list.out, key.as_bytes(), token::TEXT, self.batch.bytes(text));
            }
        }
        list.end();
    }

    fn write_list(&mut self, out: &mut Vec<u8>, head: &'static [u8], attributes: AttributesView<'a>) {
        if attributes.is_empty() {
            return;
        }
        let list = List::begin(out, head);
        self.tokens.attributes(list.out, self.batch, attributes);
        list.end();
    }

    fn write_numbers(&self, out: &mut Vec<u8>, span: SpanView<'a>, duration: u64) {
        let row = span.row();
        let beyond = [row.start.0 % 1_000, duration % 1_000];
        if beyond != [0, 0] {
            out.extend_from_slice(b"\"n\":[");
            write_int(out, beyond[0]);
            out.push(b',');
            write_int(out, beyond[1]);
            out.extend_from_slice(b"],");
        }
        if row.end < row.start {
            out.extend_from_slice(b"\"end\":");
            write_int(out, row.end.0);
            out.push(b',');
        }
        let dropped = [row.dropped_attributes, row.dropped_events, row.dropped_links];
        if dropped != [0; 3] {
            out.extend_from_slice(b"\"o\":[");
            write_numbers(out, dropped.into_iter());
        }
    }

    /// The rest of a document behind its `span`.
    fn write_scope(&mut self, out: &mut Vec<u8>, scope: ScopeView<'a>) {
        let row = scope.row();
        out.extend_from_slice(b",\"scope\":{");
        let list = List::begin(out, b"\"d\":[");
        for (key, text) in [(jaeger::SCOPE_NAME, row.name), (jaeger::SCOPE_VERSION, row.version)] {
            if !text.is_empty() {
                self.tokens.write(list.out, key.as_bytes(), token::TEXT, self.batch.bytes(text));
            }
        }
        list.end();
        self.write_list(out, b"\"a\":[", scope.attributes());
        write_rest(out, self.batch.bytes(row.schema_url), row.dropped_attributes);
        close(out, b'}');
        self.write_process(out, scope.resource());
        out.push(b'}');
    }

    fn write_process(&mut self, out: &mut Vec<u8>, resource: ResourceView<'a>) {
        let row = resource.row();
        let service = match row.service {
            Some(service) => self.batch.bytes(service),
            None if resource.attributes().is_empty() => jaeger::NO_SERVICE_NAME.as_bytes(),
            None => b"",
        };
        out.extend_from_slice(b",\"process\":{\"serviceName\":");
        write_string(out, service);
        out.push(b',');
        if row.service.is_none() {
            out.extend_from_slice(b"\"n\":true,");
        }
        self.write_list(out, b"\"a\":[", resource.attributes());
        write_rest(out, self.batch.bytes(row.schema_url), row.dropped_attributes);
        close(out, b'}');
    }
}

/// What scopes and resources have besides attributes.
fn write_rest(out: &mut Vec<u8>, schema_url: &[u8], dropped: u32) {
    if !schema_url.is_empty() {
        out.extend_from_slice(b"\"u\":");
        write_string(out, schema_url);
        out.push(b',');
    }
    if dropped != 0 {
        out.extend_from_slice(b"\"o\":");
        write_int(out, dropped);
        out.push(b',');
    }
}

/// Numbers, the list's end, and a comma.
fn write_numbers(out: &mut Vec<u8>, numbers: impl Iterator<Item = u32>) {
    for number in numbers {
        write_int(out, number);
        out.push(b',');
    }
    close(out, b']');
    out.push(b',');
}

/// A list that is not there when nothing is in it.
struct List<'o> {
    out: &'o mut Vec<u8>,
    head: usize,
    content: usize,
}

impl<'o> List<'o> {
    fn begin(out: &'o mut Vec<u8>, head: &'static [u8]) -> Self {
        let start = out.len();
        out.extend_from_slice(head);
        let content = out.len();
        Self { out, head: start, content }
    }

    fn end(self) {
        if self.out.len() == self.content {
            self.out.truncate(self.head);
        } else {
            close(self.out, b']');
            self.out.push(b',');
        }
    }
}

#[cfg(test)]
mod tests;
