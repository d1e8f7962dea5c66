//! The envelope of API v1, `{"data","total","limit","offset","errors"}`, whole for lists and in pieces for traces.

use bytes::Bytes;
use spoor_model::{SpanBatch, TraceId, json};

use super::PIECE_BYTES;
use super::pretty::Pretty;
use super::span::write_trace_id;
use super::trace::TraceWriter;

/// An entry of `errors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnswerError {
    /// The status code; `None` beside data that is there all the same.
    pub(crate) code: Option<u16>,
    /// What went wrong, for people.
    pub(crate) message: String,
    /// Which trace it is about.
    pub(crate) trace_id: Option<TraceId>,
}

impl AnswerError {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        if let Some(code) = self.code {
            out.extend_from_slice(b"\"code\":");
            json::write_int(out, code);
            out.push(b',');
        }
        out.extend_from_slice(b"\"msg\":");
        json::write_string(out, self.message.as_bytes());
        if let Some(trace_id) = self.trace_id {
            out.extend_from_slice(b",\"traceID\":\"");
            write_trace_id(out, trace_id);
            out.push(b'"');
        }
        out.push(b'}');
    }

    /// The envelope of a question that failed: no data, this error.
    pub(crate) fn into_answer(self) -> Vec<u8> {
        let mut out = b"{\"data\":null".to_vec();
        write_end(&mut out, 0, &[self]);
        out
    }
}

pub(super) fn write_end(out: &mut Vec<u8>, total: usize, errors: &[AnswerError]) {
    out.extend_from_slice(b",\"total\":");
    json::write_int(out, total);
    out.extend_from_slice(b",\"limit\":0,\"offset\":0,\"errors\":");
    if errors.is_empty() {
        out.extend_from_slice(b"null");
    }
    for (index, error) in errors.iter().enumerate() {
        out.push(if index == 0 { b'[' } else { b',' });
        error.write(out);
    }
    out.extend_from_slice(if errors.is_empty() { b"}" } else { b"]}" });
}

/// The whole answer with a list of `items`, each written by `write`. `total` is their number.
pub(crate) fn list_answer<T>(items: &[T], pretty: bool, write: impl Fn(&mut Vec<u8>, &T)) -> Vec<u8> {
    listed(items, items.len(), pretty, write)
}

/// As [`list_answer`], with a `total` of 0, which is what Jaeger counts of anything but services and operations.
pub(crate) fn untotaled_answer<T>(items: &[T], pretty: bool, write: impl Fn(&mut Vec<u8>, &T)) -> Vec<u8> {
    listed(items, 0, pretty, write)
}

fn listed<T>(items: &[T], total: usize, pretty: bool, write: impl Fn(&mut Vec<u8>, &T)) -> Vec<u8> {
    let mut out = b"{\"data\":[".to_vec();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(&mut out, item);
    }
    out.push(b']');
    write_end(&mut out, total, &[]);
    if pretty { Pretty::whole(&out) } else { out }
}

/// The answer with a list of nothing where Jaeger says `null` for it.
pub(crate) fn null_answer(pretty: bool) -> Vec<u8> {
    let mut out = b"{\"data\":null".to_vec();
    write_end(&mut out, 0, &[]);
    if pretty { Pretty::whole(&out) } else { out }
}

/// The answer with a number in place of a list.
pub(crate) fn number_answer(number: u64, pretty: bool) -> Vec<u8> {
    let mut out = b"{\"data\":".to_vec();
    json::write_int(&mut out, number);
    write_end(&mut out, 0, &[]);
    if pretty { Pretty::whole(&out) } else { out }
}

/// The answer to a trace that was archived.
pub(crate) fn archived_answer(pretty: bool) -> Vec<u8> {
    fixed_answer(br#"{"data":[],"total":0,"limit":0,"offset":0,"errors":[]}"#, pretty)
}

/// An answer that is always the same.
pub(crate) fn fixed_answer(compact: &[u8], pretty: bool) -> Vec<u8> {
    if pretty { Pretty::whole(compact) } else { compact.to_vec() }
}

/// An answer with traces, in pieces of about 64 KiB. `total` is 0, as in Jaeger. A trace's memory is released once it is written.
pub(crate) struct TracesAnswer {
    traces: std::vec::IntoIter<SpanBatch>,
    errors: Vec<AnswerError>,
    pretty: Option<Pretty>,
    state: State,
}

enum State {
    Start,
    Trace(Box<TraceWriter>),
    BetweenTraces,
    Done,
}

impl TracesAnswer {
    /// `traces` are whole, none is empty. `errors` stand beside them.
    pub(crate) fn new(traces: Vec<SpanBatch>, errors: Vec<AnswerError>, pretty: bool) -> Self {
        let traces: Vec<SpanBatch> = traces.into_iter().filter(|trace| !trace.is_empty()).collect();
        Self { traces: traces.into_iter(), errors, pretty: pretty.then(Pretty::default), state: State::Start }
    }

    fn write_some(&mut self, out: &mut Vec<u8>) {
        while out.len() < PIECE_BYTES {
            self.state = match std::mem::replace(&mut self.state, State::Done) {
                State::Start => {
                    out.extend_from_slice(b"{\"data\":[");
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
            return State::Trace(Box::new(TraceWriter::new(trace)));
        }
        out.push(b']');
        write_end(out, 0, &self.errors);
        State::Done
    }
}

impl Iterator for TracesAnswer {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 8);
        self.write_some(&mut out);
        if out.is_empty() {
            return None;
        }
        match &mut self.pretty {
            Some(pretty) => {
                let mut indented = Vec::with_capacity(out.len() * 2);
                pretty.write(&mut indented, &out);
                Some(indented.into())
            }
            None => Some(out.into()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
