"""An application that works and works: a trace of two spans every 50 ms, by the OpenTelemetry SDK over TLS, until its input ends.

Usage: send.py HOST:PORT AUTHORITY
Prints a line for each span, when its export is over: {"trace", "span", "exported"}.
"""

import json
import sys
import threading

import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind

PAUSE = 0.05


class Telling(SpanExporter):
    """Prints what becomes of each span: the SDK itself only logs it."""

    def __init__(self, inner: SpanExporter):
        self.inner = inner

    def export(self, spans):
        result = self.inner.export(spans)
        for span in spans:
            context = span.get_span_context()
            line = {
                "trace": f"{context.trace_id:032x}",
                "span": f"{context.span_id:016x}",
                "exported": result == SpanExportResult.SUCCESS,
            }
            print(json.dumps(line), flush=True)
        return result

    def shutdown(self):
        self.inner.shutdown()


def wait_for_the_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def main() -> None:
    endpoint, authority = sys.argv[1:]
    with open(authority, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    exporter = OTLPSpanExporter(endpoint=f"https://{endpoint}", credentials=credentials, timeout=60)
    provider = TracerProvider(resource=Resource.create({"service.name": "application"}))
    # A queue that holds what is made while nobody takes it.
    provider.add_span_processor(BatchSpanProcessor(Telling(exporter), max_queue_size=50_000, schedule_delay_millis=500))
    tracer = provider.get_tracer("house")
    ended = threading.Event()
    threading.Thread(target=wait_for_the_end, args=(ended,), daemon=True).start()
    while not ended.wait(PAUSE):
        with tracer.start_as_current_span("GET /", kind=SpanKind.SERVER):
            with tracer.start_as_current_span("work"):
                pass
    provider.shutdown()


if __name__ == "__main__":
    main()
