//! One trace whose spans come part after part, as a document of one of the APIs.

use spoor_model::SpanBatch;
use spoor_proto::convert::otlp::ResourceSpansJson;

use super::answer::write_end;
use super::pretty::Pretty;
use super::trace::TraceWriter;

/// A document that grows with a trace's parts.
pub(crate) trait Growing: Send + 'static {
    /// Takes the next part, when the one before is written. A part has a span or more.
    fn take(&mut self, part: SpanBatch, out: &mut Vec<u8>);

    /// Appends what is there of the part, until `out` has `enough` bytes; false once all of the part is written.
    fn write_some(&mut self, out: &mut Vec<u8>, enough: usize) -> bool;

    /// Appends the document's end.
    fn end(&mut self, out: &mut Vec<u8>);

    /// Gives the bytes their final form.
    fn finish(&mut self, piece: Vec<u8>) -> Vec<u8> {
        piece
    }
}

/// API v1's answer with one trace.
pub(crate) struct LiveTraceAnswer {
    writer: Option<TraceWriter>,
    pretty: Option<Pretty>,
}

impl LiveTraceAnswer {
    pub(crate) fn new(pretty: bool) -> Self {
        Self { writer: None, pretty: pretty.then(Pretty::default) }
    }
}

impl Growing for LiveTraceAnswer {
    fn take(&mut self, part: SpanBatch, out: &mut Vec<u8>) {
        match &mut self.writer {
            Some(writer) => writer.go_on(part),
            None => {
                out.extend_from_slice(b"{\"data\":[");
                self.writer = Some(TraceWriter::new(part));
            }
        }
    }

    fn write_some(&mut self, out: &mut Vec<u8>, enough: usize) -> bool {
        self.writer.as_mut().is_some_and(|writer| writer.write_spans(out, enough))
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if let Some(writer) = &self.writer {
            writer.write_end(out);
        }
        out.push(b']');
        write_end(out, 0, &[]);
    }

    fn finish(&mut self, piece: Vec<u8>) -> Vec<u8> {
        match &mut self.pretty {
            None => piece,
            Some(pretty) => {
                let mut indented = Vec::with_capacity(piece.len() * 2);
                pretty.write(&mut indented, &piece);
                indented
            }
        }
    }
}

/// API v3's answer with one trace: each part's spans by their resources and scopes.
#[derive(Default)]
pub(crate) struct LiveOtlpAnswer {
    part: Option<ResourceSpansJson>,
    begun: bool,
}

impl Growing for LiveOtlpAnswer {
    fn take(&mut self, part: SpanBatch, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.begun { b"," } else { b"{\"result\":{\"resourceSpans\":[" });
        self.begun = true;
        self.part = Some(ResourceSpansJson::new(part));
    }

    fn write_some(&mut self, out: &mut Vec<u8>, enough: usize) -> bool {
        let more = self.part.as_mut().is_some_and(|part| part.write_some(out, enough));
        if !more {
            self.part = None;
        }
        more
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"]}}");
    }
}
