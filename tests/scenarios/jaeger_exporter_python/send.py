"""Records one trace with OpenTelemetry's SDK for Python at 1.21, the last with exporters for Jaeger, and prints what Jaeger's API must show of it.

Usage: send.py http|udp|grpc ADDRESS SERVICE, with the URL of port 14268, or HOST:PORT of an agent's compact port or of port 14250.
What is printed is described in tests/src/recorded.rs. Exit status 1 when an export failed, which Thrift's exporter only logs.
"""

import json
import logging
import sys
import time

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, set_span_in_context

# In seconds: on a busy machine more than the exporters' own ten.
TIMEOUT = 60

LINKED_TRACE = 0x0AF7651916CD43DD8448EB211C80319C
LINKED_SPAN = 0xB7AD6B7169203331

# Attribute → what Jaeger's UI JSON says of it.
ATTRIBUTES = {
    "text": ("žluťoučký 🦀 \"quoted\" \\", "string", "žluťoučký 🦀 \"quoted\" \\"),
    "empty": ("", "string", ""),
    "truth": (True, "bool", True),
    "falsehood": (False, "bool", False),
    "integer": (-42, "int64", -42),
    "beyond double": (2**53 + 1, "int64", str(2**53 + 1)),
    "double": (0.1, "float64", 0.1),
    "texts": (["a", "b"], "string", "('a', 'b')"),
}


def exporter(wire: str, address: str) -> SpanExporter:
    if wire == "grpc":
        from opentelemetry.exporter.jaeger.proto.grpc import JaegerExporter

        return JaegerExporter(collector_endpoint=address, insecure=True, timeout=TIMEOUT)
    from opentelemetry.exporter.jaeger.thrift import JaegerExporter

    if wire == "http":
        return JaegerExporter(collector_endpoint=f"{address}/api/traces?format=jaeger.thrift", timeout=TIMEOUT)
    host, port = address.rsplit(":", 1)
    return JaegerExporter(agent_host_name=host, agent_port=int(port))


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


class Complaints(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


def typed(value) -> list:
    names = {str: "string", bool: "bool", int: "int64", float: "float64"}
    return [names[type(value)], value]


def main() -> int:
    wire, address, service = sys.argv[1:]
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    recording = Recording(exporter(wire, address))
    resource = Resource.create({"service.name": service, "deployment.environment": "tést", "replica": 3})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(recording))
    tracer = provider.get_tracer("story", "1.2.3")
    of_resource = {key: typed(value) for key, value in resource.attributes.items()}
    # Every span says of its resource and scope what these exporters know. Jaeger shows what the SDK says of itself with the process alone.
    scope = {"name": ["string", "story"], "version": ["string", "1.2.3"]}
    of_sdk = {key: value for key, value in of_resource.items() if key.startswith("telemetry.sdk.")}
    of_resource = {key: value for key, value in of_resource.items() if key not in of_sdk}
    common = {**of_resource, **{f"otel.{word}.{key}": value for word in ("library", "scope") for key, value in scope.items()}}
    second = int(time.time()) - 2
    spans = {}

    def at(micros: int) -> int:
        return second * 10**9 + micros * 1000

    def told(nanos: int) -> int:
        """What is exported of a moment: Protobuf's exporter counts seconds in doubles."""
        if wire != "grpc":
            return nanos
        return int(nanos / 1e9) * 10**9 + int((nanos / 1e9 - int(nanos / 1e9)) * 1e9)

    def finish(span, begin, end, tags, logs=(), references=()):
        spans[span.name] = {
            "start": told(at(begin)) // 1000,
            "duration": (told(at(end)) - told(at(begin))) // 1000,
            "flags": 1,
            "tags": {**common, **tags},
            "logs": list(logs),
            "references": list(references),
        }
        span.end(at(end))

    link = Link(SpanContext(LINKED_TRACE, LINKED_SPAN, True, TraceFlags(1)))
    linked = ["FOLLOWS_FROM", f"{LINKED_TRACE:032x}", f"{LINKED_SPAN:016x}"]
    attributes = {key: value for key, (value, _, _) in ATTRIBUTES.items()}
    root = tracer.start_span("GET /ü", kind=SpanKind.SERVER, attributes=attributes, start_time=at(1_001))
    root.add_event("cache miss", {"key": "ключ", "size": 7, "hit": False}, at(3_003))
    context = root.get_span_context()
    within = set_span_in_context(root)
    parent = ["CHILD_OF", f"{context.trace_id:032x}", f"{context.span_id:016x}"]
    leaf = tracer.start_span("SELECT", within, kind=SpanKind.CLIENT, links=[link], start_time=at(4_004))
    leaf.set_status(Status(StatusCode.ERROR, "zu langsam"))
    middle = tracer.start_span("compute", within, start_time=at(5_005))
    middle.set_status(Status(StatusCode.OK))
    finish(
        leaf,
        4_004,
        7_007,
        {
            "span.kind": ["string", "client"],
            "error": ["bool", True],
            "otel.status_code": ["string", "ERROR"],
            "otel.status_description": ["string", "zu langsam"],
        },
        references=[parent, linked],
    )
    finish(middle, 5_005, 5_005, {"span.kind": ["string", "internal"], "otel.status_code": ["string", "OK"]}, references=[parent])
    fields = {"key": ["string", "ключ"], "size": ["int64", 7], "hit": ["bool", False], "message": ["string", "cache miss"]}
    finish(
        root,
        1_001,
        99_999,
        {"span.kind": ["string", "server"], **{key: [kind, value] for key, (_, kind, value) in ATTRIBUTES.items()}},
        logs=[{"at": told(at(3_003)) // 1000, "fields": fields}],
    )
    provider.shutdown()
    # With Thrift's exporter a process has a name and nothing else.
    process = {**of_sdk, **of_resource} if wire == "grpc" else of_sdk
    process.pop("service.name", None)
    print(json.dumps({"traceID": f"{context.trace_id:032x}", "service": service, "process": process, "spans": spans}))
    for text in complaints.texts:
        print(text, file=sys.stderr)
    return 0 if recording.results == [SpanExportResult.SUCCESS] and not complaints.texts else 1


if __name__ == "__main__":
    sys.exit(main())
