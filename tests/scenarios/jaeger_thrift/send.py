"""Records a small trace and exports it by OpenTelemetry's exporter for Jaeger's Thrift; prints what it recorded.

Arguments: `http` and the address of a collector's port 14268, or `udp` and HOST:PORT of an agent; the service's name.
The exporter swallows failures, so its own return value decides the exit status.
"""

import json
import sys

from opentelemetry import trace
from opentelemetry.exporter.jaeger.thrift import JaegerExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

wire, address, service = sys.argv[1:]
if wire == "http":
    exporter = JaegerExporter(collector_endpoint=f"{address}/api/traces?format=jaeger.thrift", timeout=10)
else:
    host, port = address.rsplit(":", 1)
    exporter = JaegerExporter(agent_host_name=host, agent_port=int(port))

recorded, failures = {}, []


class Watched:
    """Hands everything on and remembers what came of it."""

    def export(self, spans):
        try:
            result = exporter.export(spans)
        except Exception as error:
            failures.append(error)
            return SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            failures.append(result)
        return result

    def shutdown(self):
        exporter.shutdown()

    def force_flush(self, timeout_millis=30000):
        return True


provider = TracerProvider(resource=Resource.create({"service.name": service, "host.name": "h1"}))
provider.add_span_processor(SimpleSpanProcessor(Watched()))
tracer = provider.get_tracer("shop.checkout", "2.1")


def note(span, **more):
    context = span.get_span_context()
    recorded[f"{context.span_id:016x}"] = {"name": span.name, **more}
    return context


with tracer.start_as_current_span("checkout ü", kind=SpanKind.SERVER) as root:
    context = note(root)
    root.set_attributes({"http.route": "/cart", "items": 3, "total": 12.5, "vip": True})
    root.add_event("stocked", {"left": 7})
    link = Link(context)
    with tracer.start_as_current_span("pay", kind=SpanKind.CLIENT, links=[link]) as child:
        note(child, parent=f"{context.span_id:016x}")
        child.set_status(Status(StatusCode.ERROR, "no money"))

provider.shutdown()
if failures:
    sys.exit(f"not exported: {failures}")
print(json.dumps({"traceID": f"{context.trace_id:032x}", "spans": recorded}))
