//! API v3's summaries: `{"summaries":[…]}`, spelled as protobuf's JSON: zeros and empty texts are left out, 64-bit times are text.
//! Lists are always there, empty or not: Jaeger's UI wants them.
//! Shape: `jaegertracing/jaeger-idl proto/api_v3/query_service.proto` (`TraceSummary`).

use bytes::Bytes;
use spoor_model::{ServiceSummary, TraceSummary, UnixNanos, json};

use super::PIECE_BYTES;
use super::otlp::write_next_page_token;

/// Summaries as one document, in pieces of about 64 KiB.
pub(crate) struct SummariesAnswer {
    summaries: std::vec::IntoIter<TraceSummary>,
    next_page_token: Option<String>,
    written: Written,
}

#[derive(PartialEq, Eq)]
enum Written {
    Nothing,
    Begun,
    All,
}

impl SummariesAnswer {
    /// The summaries in the order in which they are to come; the token, if more are to be had, stands beside them.
    pub(crate) fn new(summaries: Vec<TraceSummary>, next_page_token: Option<String>) -> Self {
        Self { summaries: summaries.into_iter(), next_page_token, written: Written::Nothing }
    }
}

impl Iterator for SummariesAnswer {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.written == Written::All {
            return None;
        }
        let mut out = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 8);
        let mut first = self.written == Written::Nothing;
        if first {
            out.extend_from_slice(b"{\"summaries\":[");
        }
        self.written = Written::Begun;
        while out.len() < PIECE_BYTES {
            let Some(summary) = self.summaries.next() else {
                out.push(b']');
                write_next_page_token(&mut out, self.next_page_token.as_deref());
                out.push(b'}');
                self.written = Written::All;
                break;
            };
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            write_summary(&mut out, &summary);
        }
        Some(out.into())
    }
}

fn write_summary(out: &mut Vec<u8>, summary: &TraceSummary) {
    out.extend_from_slice(b"{\"traceId\":\"");
    out.extend_from_slice(&summary.trace_id.to_hex());
    out.push(b'"');
    if let Some(root) = &summary.root {
        write_text(out, "rootServiceName", &root.service);
        write_text(out, "rootOperationName", &root.operation);
    }
    write_time(out, "minStartTimeUnixNano", summary.start);
    write_time(out, "maxEndTimeUnixNano", summary.end);
    write_count(out, "spanCount", summary.spans);
    write_count(out, "errorSpanCount", summary.failed_spans);
    write_count(out, "orphanSpanCount", summary.orphan_spans.unwrap_or_default());
    out.extend_from_slice(b",\"services\":[");
    for (index, service) in summary.services.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_service(out, service);
    }
    out.extend_from_slice(b"]}");
}

/// The name stands first and is always there, so that commas are simple.
fn write_service(out: &mut Vec<u8>, summary: &ServiceSummary) {
    out.extend_from_slice(b"{\"name\":");
    json::write_string(out, summary.service.as_bytes());
    write_count(out, "spanCount", summary.spans);
    write_count(out, "errorSpanCount", summary.failed_spans);
    out.push(b'}');
}

fn write_key(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

fn write_text(out: &mut Vec<u8>, key: &str, text: &str) {
    if !text.is_empty() {
        write_key(out, key);
        json::write_string(out, text.as_bytes());
    }
}

fn write_time(out: &mut Vec<u8>, key: &str, time: UnixNanos) {
    if time != UnixNanos::ZERO {
        write_key(out, key);
        out.push(b'"');
        json::write_int(out, time.0);
        out.push(b'"');
    }
}

/// Counts are 32-bit integers on the wire.
fn write_count(out: &mut Vec<u8>, key: &str, count: u64) {
    if count > 0 {
        write_key(out, key);
        json::write_int(out, i32::try_from(count).unwrap_or(i32::MAX));
    }
}

#[cfg(test)]
mod tests;
