//! The same spans as clients write them for Zipkin's v1: kind and times as core annotations, tags as binary annotations of texts, each with
//! the endpoint of the span's side.

use serde_json::{Value, json};
use spoor_model::{SpanBatch, SpanKind, SpanView};

use crate::encode::{duration, tags};

/// Of every endpoint: 10.0.0.1.
const IPV4: i32 = 0x0a00_0001;
const TEXT: i32 = 6;

/// A request in JSON.
pub(crate) fn json(batch: &SpanBatch) -> Vec<u8> {
    let spans: Vec<Value> = batch.spans().map(json_span).collect();
    serde_json::to_vec(&spans).expect("texts and numbers")
}

fn json_span(span: SpanView<'_>) -> Value {
    let endpoint = json!({"serviceName": span.service(), "ipv4": "10.0.0.1", "port": 0});
    let annotations: Vec<_> = annotations(span)
        .map(|(timestamp, value)| json!({"timestamp": timestamp, "value": value, "endpoint": endpoint}))
        .collect();
    let tags: Vec<_> = tags(span)
        .into_iter()
        .map(|(key, value)| json!({"key": key, "value": value, "endpoint": endpoint}))
        .collect();
    json!({
        "traceId": span.trace_id().to_string(), "id": span.span_id().to_string(),
        "parentId": (!span.parent_span_id().is_none()).then(|| span.parent_span_id().to_string()),
        "name": span.name(), "timestamp": span.start().micros(), "duration": duration(span),
        "annotations": annotations, "binaryAnnotations": tags,
    })
}

/// Those of the span's side, and its events.
fn annotations(span: SpanView<'_>) -> impl Iterator<Item = (u64, &str)> {
    let core: &[&str] = match span.kind() {
        SpanKind::Client => &["cs", "cr"],
        SpanKind::Server => &["sr", "ss"],
        _ => &[],
    };
    let core = core.iter().zip([span.start(), span.end()]).map(|(value, time)| (time.micros(), *value));
    core.chain(span.events().map(|event| (event.time().micros(), event.name())))
}

/// The same request in Thrift's binary protocol.
pub(crate) fn thrift(batch: &SpanBatch) -> Vec<u8> {
    let mut out = Writer(Vec::new());
    out.list(None, batch.len());
    for span in batch.spans() {
        thrift_span(&mut out, span);
    }
    out.0
}

fn thrift_span(out: &mut Writer, span: SpanView<'_>) {
    let trace = span.trace_id().0;
    #[expect(clippy::cast_possible_truncation, reason = "the low half")]
    out.i64(1, trace as u64);
    out.text(3, span.name());
    out.i64(4, span.span_id().0);
    if !span.parent_span_id().is_none() {
        out.i64(5, span.parent_span_id().0);
    }
    out.list(Some(6), annotations(span).count());
    for (timestamp, value) in annotations(span) {
        out.i64(1, timestamp);
        out.text(2, value);
        out.endpoint(3, span.service());
        out.stop();
    }
    let tags = tags(span);
    out.list(Some(8), tags.len());
    for (key, value) in tags {
        out.text(1, &key);
        out.text(2, &value);
        out.i32(3, TEXT);
        out.endpoint(4, span.service());
        out.stop();
    }
    out.i64(10, span.start().micros());
    out.i64(11, duration(span));
    out.i64(12, u64::try_from(trace >> 64).expect("the high half"));
    out.stop();
}

/// Fields of Thrift's binary protocol: a type, a number, a value.
struct Writer(Vec<u8>);

impl Writer {
    fn head(&mut self, kind: u8, field: u8) {
        self.0.extend([kind, 0, field]);
    }

    fn i64(&mut self, field: u8, value: u64) {
        self.head(10, field);
        self.0.extend(value.to_be_bytes());
    }

    fn i32(&mut self, field: u8, value: i32) {
        self.head(8, field);
        self.0.extend(value.to_be_bytes());
    }

    fn length(&mut self, length: usize) {
        self.0.extend(u32::try_from(length).expect("a short one").to_be_bytes());
    }

    fn text(&mut self, field: u8, value: &str) {
        self.head(11, field);
        self.length(value.len());
        self.0.extend(value.as_bytes());
    }

    /// Of structs; bare without a field.
    fn list(&mut self, field: Option<u8>, items: usize) {
        if let Some(field) = field {
            self.head(15, field);
        }
        self.0.push(12);
        self.length(items);
    }

    fn endpoint(&mut self, field: u8, service: &str) {
        self.head(12, field);
        self.i32(1, IPV4);
        self.head(6, 2);
        self.0.extend([0, 0]);
        self.text(3, service);
        self.stop();
    }

    fn stop(&mut self) {
        self.0.push(0);
    }
}
