"""Sends one trace with the OpenTelemetry SDK as an application would, and prints what Jaeger's API must show of it.

Usage: send.py grpc|http|json ENDPOINT SERVICE
The printed JSON: {"traceID", "spans": {operation: {"parent", "tags", "logs", "references"}}}, tags as {key: [type, value]}.
Exit status 1 when the exporter did not report success for every span.
"""

import json
import sys

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

# In seconds: on a busy machine more than the exporters' own ten.
TIMEOUT = 60

LINKED_TRACE = 0x0AF7651916CD43DD8448EB211C80319C
LINKED_SPAN = 0xB7AD6B7169203331

# Attribute → what Jaeger's UI JSON says of it.
ATTRIBUTES = {
    "text": ("plain", "string", "plain"),
    "unicode": ("žluťoučký 🦀 \u0001 \"quoted\" \\", "string", "žluťoučký 🦀 \u0001 \"quoted\" \\"),
    "empty": ("", "string", ""),
    "truth": (True, "bool", True),
    "falsehood": (False, "bool", False),
    "integer": (-42, "int64", -42),
    "beyond double": (2**53 + 1, "int64", str(2**53 + 1)),
    "double": (0.1, "float64", 0.1),
    "whole double": (3.0, "float64", 3),
    "texts": (["a", "b\"c"], "string", '["a","b\\"c"]'),
    "integers": ([1, 2], "string", "[1,2]"),
    "truths": ([True, False], "string", "[true,false]"),
    "long": ("x" * 5000, "string", "x" * 5000),
}


def exporter(protocol: str, endpoint: str) -> SpanExporter:
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=endpoint, insecure=True, timeout=TIMEOUT)
    if protocol == "http":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=TIMEOUT)
    from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=TIMEOUT)


class Recording(SpanExporter):
    """Notes what the real exporter answers: the SDK itself only logs it."""

    def __init__(self, inner: SpanExporter):
        self.inner = inner
        self.results = []

    def export(self, spans):
        result = self.inner.export(spans)
        self.results.append(result)
        return result

    def shutdown(self):
        self.inner.shutdown()


def hex_id(number: int) -> str:
    return f"{number:016x}"


def expected_attributes() -> dict:
    return {key: [kind, value] for key, (_, kind, value) in ATTRIBUTES.items()}


def main() -> int:
    protocol, endpoint, service = sys.argv[1:]
    recording = Recording(exporter(protocol, endpoint))
    provider = TracerProvider(resource=Resource.create({"service.name": service, "deployment.environment": "tést", "replica": 3}))
    provider.add_span_processor(SimpleSpanProcessor(recording))
    tracer = provider.get_tracer("story", "1.2.3")
    scope = {"otel.scope.name": ["string", "story"], "otel.scope.version": ["string", "1.2.3"]}
    spans = {}

    link = Link(SpanContext(LINKED_TRACE, LINKED_SPAN, True, TraceFlags(1)), {"why": "batch"})
    attributes = {key: value for key, (value, _, _) in ATTRIBUTES.items()}
    with tracer.start_as_current_span("GET /", kind=SpanKind.SERVER, attributes=attributes, links=[link]) as root:
        trace_id = root.get_span_context().trace_id
        root_id = hex_id(root.get_span_context().span_id)
        root.add_event("cache miss", {"key": "ключ", "size": 7})
        spans["GET /"] = {
            "parent": None,
            "tags": {**scope, **expected_attributes(), "span.kind": ["string", "server"]},
            "logs": [{"event": ["string", "cache miss"], "key": ["string", "ключ"], "size": ["int64", 7]}],
            "references": [["FOLLOWS_FROM", f"{LINKED_TRACE:032x}", hex_id(LINKED_SPAN)]],
        }
        with tracer.start_as_current_span("middle", kind=SpanKind.INTERNAL) as middle:
            middle_id = hex_id(middle.get_span_context().span_id)
            middle.set_status(Status(StatusCode.OK))
            spans["middle"] = {
                "parent": root_id,
                "tags": {**scope, "span.kind": ["string", "internal"], "otel.status_code": ["string", "OK"]},
                "logs": [],
                "references": [],
            }
            with tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT) as leaf:
                leaf.set_attribute("db.statement", "select 'ü'")
                leaf.add_event("retry")
                leaf.set_status(Status(StatusCode.ERROR, "zu langsam"))
            spans["SELECT"] = {
                "parent": middle_id,
                "tags": {
                    **scope,
                    "db.statement": ["string", "select 'ü'"],
                    "span.kind": ["string", "client"],
                    "error": ["bool", True],
                    "otel.status_code": ["string", "ERROR"],
                    "otel.status_description": ["string", "zu langsam"],
                },
                "logs": [{"event": ["string", "retry"]}],
                "references": [],
            }
    provider.shutdown()
    print(json.dumps({"traceID": f"{trace_id:032x}", "spans": spans}))
    ok = recording.results == [SpanExportResult.SUCCESS] * len(spans)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
