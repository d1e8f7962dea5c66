//! Spans straight from their views to the JSON of api_v2's `Span`, in the spelling of Go's `jsonpb` (`gogo/protobuf jsonpb`):
//! camelCase names, ids in base64, enums by name, 64-bit integers as text, times in RFC 3339, what is zero left out.

use spoor_model::jaeger::{
    DerivedTag, EVENT, ErrorTags, NO_SERVICE_NAME, WARNINGS, leading_tags, references, trailing_tags,
    warnings,
};
use spoor_model::{AttributesView, EventView, ResourceView, SpanView, ValueView, json};

use super::time::{write_json_duration, write_json_time};
use crate::convert::json_object::{JsonObject, write_list};

/// Appends a span with its process inside, as Kafka's `json` records hold it.
pub fn encode_span_json(out: &mut Vec<u8>, view: SpanView<'_>) {
    JsonObject::write(out, |span| {
        // Jaeger writes ids and the start even where they are zero.
        span.base64("traceId", &view.trace_id().to_bytes());
        span.base64("spanId", &view.span_id().to_bytes());
        span.text("operationName", view.name());
        span.objects("references", references(view), |object, reference| {
            object.base64("traceId", &reference.trace_id.to_bytes());
            object.base64("spanId", &reference.span_id.to_bytes());
            if !reference.child_of {
                object.text("refType", reference.kind_name());
            }
        });
        span.number("flags", view.row().jaeger_flags());
        write_json_time(span.key("startTime"), view.start());
        let duration = view.end().0.saturating_sub(view.start().0);
        if duration != 0 {
            write_json_duration(span.key("duration"), duration);
        }
        span.objects("tags", tags(view), write_tag);
        span.objects("logs", view.events(), write_log);
        span.object("process", |process| write_process(process, view.resource()));
        write_warnings(span, view);
    });
}

type Tag<'a> = (&'a str, ValueView<'a>);

fn entries(attributes: AttributesView<'_>) -> impl Iterator<Item = Tag<'_>> {
    attributes.iter().map(|attribute| (attribute.key(), attribute.value()))
}

/// The tags in Jaeger's order; warnings are none.
fn tags<'a>(view: SpanView<'a>) -> impl Iterator<Item = Tag<'a>> {
    let own = entries(view.attributes()).filter(|(key, value)| !is_warnings(key, *value));
    let plain = |(key, value): DerivedTag<'a>| -> Tag<'a> { (key, value) };
    let behind = trailing_tags(view, ErrorTags::StatusAndError).map(plain);
    leading_tags(view).map(plain).chain(own).chain(behind)
}

fn is_warnings(key: &str, value: ValueView<'_>) -> bool {
    key == WARNINGS && matches!(value, ValueView::List(_) | ValueView::Str(_))
}

fn write_tag(object: &mut JsonObject<'_>, (key, value): Tag<'_>) {
    object.text("key", key);
    match value {
        ValueView::Empty => {}
        ValueView::Str(text) => object.text("vStr", text),
        ValueView::Bool(truth) => {
            object.text("vType", "BOOL");
            if truth {
                object.key("vBool").extend_from_slice(b"true");
            }
        }
        ValueView::Int(number) => {
            object.text("vType", "INT64");
            if number != 0 {
                object.long("vInt64", number);
            }
        }
        ValueView::Double(number) => {
            object.text("vType", "FLOAT64");
            if number.to_bits() != 0 {
                json::write_double(object.key("vFloat64"), number);
            }
        }
        ValueView::Bytes(bytes) => {
            object.text("vType", "BINARY");
            if !bytes.is_empty() {
                object.base64("vBinary", bytes);
            }
        }
        ValueView::List(_) | ValueView::Map(_) => object.text("vStr", &value.to_text()),
    }
}

fn write_log(log: &mut JsonObject<'_>, view: EventView<'_>) {
    write_json_time(log.key("timestamp"), view.time());
    let is_named = !view.name().is_empty() && view.attributes().get(EVENT).is_none();
    let name = is_named.then(|| (EVENT, ValueView::Str(view.name())));
    log.objects("fields", name.into_iter().chain(entries(view.attributes())), write_tag);
}

fn write_process(process: &mut JsonObject<'_>, view: ResourceView<'_>) {
    let is_nobody = view.row().service.is_none() && view.attributes().is_empty();
    process.text("serviceName", if is_nobody { NO_SERVICE_NAME } else { view.service() });
    process.objects("tags", entries(view.attributes()), write_tag);
}

fn write_warnings(span: &mut JsonObject<'_>, view: SpanView<'_>) {
    let has_warnings = entries(view.attributes()).any(|(key, value)| is_warnings(key, value));
    let warnings = if has_warnings { warnings(view) } else { Vec::new() };
    if !warnings.is_empty() {
        let write = |out: &mut Vec<u8>, text: &str| json::write_string(out, text.as_bytes());
        write_list(span.key("warnings"), warnings, write);
    }
}
