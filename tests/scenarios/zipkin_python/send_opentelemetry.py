"""Sends one trace with an exporter of OpenTelemetry for Zipkin, and prints what Jaeger's API must show of it.

Usage: send_opentelemetry.py v1|v2|proto ENDPOINT
The printed JSON: {"traceID", "service", "process", "spans": {operation: {"parent", "tags", "logs"}}}; tags and logs by their values.
Exit status 1 when the exporter did not report success for every span.
"""

import json
import sys

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode

# In seconds: on a busy machine more than the exporters' own ten.
TIMEOUT = 60


def exporter(format: str, endpoint: str) -> SpanExporter:
    if format == "proto":
        from opentelemetry.exporter.zipkin.proto.http import ZipkinExporter

        return ZipkinExporter(
            endpoint=f"{endpoint}/api/v2/spans", local_node_ipv4="10.0.0.7", local_node_port=8080, timeout=TIMEOUT
        )
    from opentelemetry.exporter.zipkin.encoder import Protocol
    from opentelemetry.exporter.zipkin.json import ZipkinExporter

    return ZipkinExporter(
        version=Protocol(format),
        endpoint=f"{endpoint}/api/{format}/spans",
        local_node_ipv4="10.0.0.7",
        local_node_port=8080,
        # Without a number the v1 encoder of this version breaks.
        max_tag_value_length=128,
        timeout=TIMEOUT,
    )


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


def main() -> int:
    format, endpoint = sys.argv[1:]
    service = f"python zipkin {format}/ü"
    recording = Recording(exporter(format, endpoint))
    provider = TracerProvider(resource=Resource.create({"service.name": service, "deployment.environment": "tést"}))
    provider.add_span_processor(SimpleSpanProcessor(recording))
    tracer = provider.get_tracer("story", "1.2.3")
    is_v1 = format == "v1"
    # v1 knows no kind without core annotations, which this exporter does not write, and no other addresses.
    kind = (lambda word: {}) if is_v1 else (lambda word: {"span.kind": word})
    if is_v1:
        # Resources and scopes are tags like others there.
        common, process = {"otel.library.name": "story", "deployment.environment": "tést"}, {}
    else:
        common, process = {"otel.scope.name": "story", "net.host.ip": "10.0.0.7", "net.host.port": 8080}, {
            "deployment.environment": "tést",
            "telemetry.sdk.language": "python",
        }

    with tracer.start_as_current_span("GET /", kind=SpanKind.SERVER) as root:
        root.set_attribute("http.path", "/ü")
        root.set_attribute("count", 7)
        root.add_event("cache miss")
        context = root.get_span_context()
        with tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT) as leaf:
            leaf.set_status(Status(StatusCode.ERROR, "zu langsam"))
        with tracer.start_as_current_span("compute", kind=SpanKind.INTERNAL) as inner:
            inner.set_status(Status(StatusCode.OK))
    provider.shutdown()
    parent = f"{context.span_id:016x}"
    failed = {"otel.status_code": "ERROR", "error": "zu langsam"}
    spans = {
        "GET /": {"parent": None, "tags": {**common, **kind("server"), "http.path": "/ü", "count": "7"}, "logs": ['{"cache miss": {}}']},
        "SELECT": {"parent": parent, "tags": {**common, **kind("client"), **failed}, "logs": []},
        "compute": {"parent": parent, "tags": {**common, "otel.status_code": "OK"}, "logs": []},
    }
    print(json.dumps({"traceID": f"{context.trace_id:032x}", "service": service, "process": process, "spans": spans}))
    return 0 if recording.results == [SpanExportResult.SUCCESS] * len(spans) else 1


if __name__ == "__main__":
    sys.exit(main())
