//! API v3's traces: `{"result":{"resourceSpans":[…]}}`, one document in pieces of about 64 KiB.

use bytes::Bytes;
use spoor_model::{SpanBatch, json};
use spoor_proto::convert::otlp::ResourceSpansJson;

use super::PIECE_BYTES;

/// Traces merged into one document. A trace's memory is released once it is written.
pub(crate) struct OtlpAnswer {
    traces: std::vec::IntoIter<SpanBatch>,
    next_page_token: Option<String>,
    state: State,
}

enum State {
    Start,
    Trace(Box<ResourceSpansJson>),
    BetweenTraces,
    Done,
}

impl OtlpAnswer {
    /// `traces` in the order in which they are to come; the token, if more are to be had, stands beside `result`.
    pub(crate) fn new(traces: Vec<SpanBatch>, next_page_token: Option<String>) -> Self {
        let traces: Vec<SpanBatch> = traces.into_iter().filter(|trace| !trace.is_empty()).collect();
        Self { traces: traces.into_iter(), next_page_token, state: State::Start }
    }

    fn write_some(&mut self, out: &mut Vec<u8>) {
        while out.len() < PIECE_BYTES {
            self.state = match std::mem::replace(&mut self.state, State::Done) {
                State::Start => {
                    out.extend_from_slice(b"{\"result\":{\"resourceSpans\":[");
                    self.next_trace(out)
                }
                State::Trace(mut writer) => {
                    if writer.write_some(out, PIECE_BYTES) {
                        State::Trace(writer)
                    } else {
                        State::BetweenTraces
                    }
                }
                State::BetweenTraces => {
                    if !self.traces.as_slice().is_empty() {
                        out.push(b',');
                    }
                    self.next_trace(out)
                }
                State::Done => return,
            }
        }
    }

    fn next_trace(&mut self, out: &mut Vec<u8>) -> State {
        if let Some(trace) = self.traces.next() {
            return State::Trace(Box::new(ResourceSpansJson::new(trace)));
        }
        out.extend_from_slice(b"]}");
        write_next_page_token(out, self.next_page_token.as_deref());
        out.push(b'}');
        State::Done
    }
}

impl Iterator for OtlpAnswer {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 8);
        self.write_some(&mut out);
        (!out.is_empty()).then(|| out.into())
    }
}

/// Appends the token's field, behind another one; nothing when there is no further page.
pub(super) fn write_next_page_token(out: &mut Vec<u8>, token: Option<&str>) {
    if let Some(token) = token {
        out.extend_from_slice(b",\"nextPageToken\":");
        json::write_string(out, token.as_bytes());
    }
}

#[cfg(test)]
mod tests;
