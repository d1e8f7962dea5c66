//! Summaries of traces as messages of bounded size.

use bytes::Bytes;
use prost::Message;
use spoor_model::{ServiceSummary, TraceSummary};
use spoor_proto::jaeger::api_v3;

/// A message is sent when it has so many bytes.
const MESSAGE_BYTES: usize = 64 << 10;

/// `FindTraceSummariesResponse` messages, none of them empty, in the order of the summaries.
pub(super) fn messages(summaries: Vec<TraceSummary>) -> impl Iterator<Item = Bytes> + Send {
    let mut summaries = summaries.into_iter().map(on_the_wire);
    std::iter::from_fn(move || {
        let mut out = Vec::new();
        while out.len() < MESSAGE_BYTES
            && let Some(summary) = summaries.next()
        {
            // Messages that follow one another are one with all their repeated fields.
            let one = api_v3::FindTraceSummariesResponse { summaries: vec![summary] };
            one.encode_raw(&mut out);
        }
        (!out.is_empty()).then(|| out.into())
    })
}

fn on_the_wire(summary: TraceSummary) -> api_v3::TraceSummary {
    let (root_service_name, root_operation_name) =
        summary.root.map(|root| (root.service, root.operation)).unwrap_or_default();
    api_v3::TraceSummary {
        trace_id: summary.trace_id.to_string(),
        root_service_name,
        root_operation_name,
        min_start_time_unix_nano: summary.start.0,
        max_end_time_unix_nano: summary.end.0,
        span_count: count(summary.spans),
        error_span_count: count(summary.failed_spans),
        orphan_span_count: count(summary.orphan_spans.unwrap_or_default()),
        services: summary.services.into_iter().map(service_on_the_wire).collect(),
    }
}

fn service_on_the_wire(service: ServiceSummary) -> api_v3::ServiceSummary {
    api_v3::ServiceSummary {
        name: service.service,
        span_count: count(service.spans),
        error_span_count: count(service.failed_spans),
    }
}

fn count(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
