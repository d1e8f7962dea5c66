//! Events and links of a span: their tokens, and beside these the numbers that nobody searches.

use spoor_model::json::{write_int, write_string};
use spoor_model::{EventView, LinkView, SpanView, jaeger};

use super::super::tags::close;
use super::{CompactWriter, token, write_numbers};

impl<'a> CompactWriter<'a> {
    pub(super) fn write_events(&mut self, out: &mut Vec<u8>, span: SpanView<'a>) {
        out.extend_from_slice(b"\"e\":[");
        for event in span.events() {
            out.push(b'[');
            self.write_event(out, event);
            close(out, b']');
            out.push(b',');
        }
        close(out, b']');
        out.extend_from_slice(b",\"t\":[");
        for event in span.events() {
            write_int(out, event.time().0.wrapping_sub(span.start().0).cast_signed());
            out.push(b',');
        }
        close(out, b']');
        out.push(b',');
        if span.events().any(|event| event.row().dropped_attributes != 0) {
            out.extend_from_slice(b"\"eo\":[");
            write_numbers(out, span.events().map(|event| event.row().dropped_attributes));
        }
    }

    /// The name is found as the field `event`, unless an attribute has that key already.
    fn write_event(&mut self, out: &mut Vec<u8>, event: EventView<'a>) {
        let name = self.batch.bytes(event.row().name);
        let silent = name.is_empty() || event.attributes().get(jaeger::EVENT).is_some();
        let sign = if silent { token::SILENT } else { token::TEXT };
        self.tokens.write(out, jaeger::EVENT.as_bytes(), sign, name);
        self.tokens.attributes(out, self.batch, event.attributes());
    }

    #[cold]
    pub(super) fn write_links(&mut self, out: &mut Vec<u8>, span: SpanView<'a>) {
        out.extend_from_slice(b"\"l\":[");
        for link in span.links() {
            out.push(b'[');
            self.tokens.attributes(out, self.batch, link.attributes());
            close(out, b']');
            out.push(b',');
        }
        close(out, b']');
        out.extend_from_slice(b",\"r\":[");
        for link in span.links() {
            self.write_link(out, link);
        }
        close(out, b']');
        out.push(b',');
        if span.links().any(|link| link.row().dropped_attributes != 0) {
            out.extend_from_slice(b"\"lo\":[");
            write_numbers(out, span.links().map(|link| link.row().dropped_attributes));
        }
    }

    fn write_link(&self, out: &mut Vec<u8>, link: LinkView<'a>) {
        let row = link.row();
        out.extend_from_slice(b"[\"");
        out.extend_from_slice(&row.trace_id.to_hex());
        out.extend_from_slice(b"\",\"");
        out.extend_from_slice(&row.span_id.to_hex());
        out.extend_from_slice(b"\",");
        write_int(out, row.kind as u8);
        out.push(b',');
        write_int(out, row.flags);
        out.push(b',');
        write_string(out, self.batch.bytes(row.trace_state));
        out.extend_from_slice(b"],");
    }
}
