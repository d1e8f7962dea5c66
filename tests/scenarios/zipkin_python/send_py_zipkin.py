"""Sends one trace with py_zipkin, and prints what Jaeger's API must show of it.

Usage: send_py_zipkin.py v1|v2|proto ENDPOINT
What is printed is described in tests/src/recorded.rs. Exit status 1 when the port did not answer 202 to every request.
"""

import json
import sys
import time

import requests
from py_zipkin import Encoding, Kind, logging_helper
from py_zipkin.transport import BaseTransportHandler
from py_zipkin.zipkin import create_attrs_for_span, zipkin_client_span, zipkin_span

FORMATS = {
    "v1": (Encoding.V1_JSON, "/api/v1/spans", "application/json"),
    "v2": (Encoding.V2_JSON, "/api/v2/spans", "application/json"),
    "proto": (Encoding.V2_PROTO3, "/api/v2/spans", "application/x-protobuf"),
}


class Transport(BaseTransportHandler):
    def __init__(self, url: str, content_type: str):
        self.url = url
        self.content_type = content_type
        self.answers = []

    def get_max_payload_bytes(self):
        return None

    def send(self, payload):
        headers = {"Content-Type": self.content_type}
        self.answers.append(requests.post(self.url, data=payload, headers=headers, timeout=60).status_code)


class Clock:
    """The client's own for its first span, of which it takes begin and end from no one else."""

    def __init__(self, *moments):
        self.moments = iter(moments)

    def time(self):
        return next(self.moments)


def micros(seconds: float) -> int:
    return int(seconds * 1_000_000)


def main() -> int:
    format, endpoint = sys.argv[1:]
    encoding, path, content_type = FORMATS[format]
    service = f"py_zipkin {format}/ü"
    transport = Transport(endpoint + path, content_type)
    ids = create_attrs_for_span(use_128bit_trace_id=True)
    # Parts of a second that are exact as floating point numbers.
    begin = int(time.time()) - 10.0
    logging_helper.time = Clock(begin, begin + 2.5)
    with zipkin_span(
        service_name=service,
        span_name="GET /",
        kind=Kind.SERVER,
        zipkin_attrs=ids,
        transport_handler=transport,
        encoding=encoding,
        host="10.0.0.7",
        port=8080,
        binary_annotations={"http.path": "/ü"},
    ) as root:
        root.add_annotation("cache miss", timestamp=begin + 0.75)
        with zipkin_client_span(
            service_name=service, span_name="SELECT", timestamp=begin + 1.125, duration=0.25
        ) as leaf:
            leaf.add_sa_binary_annotation(port=5432, service_name="db", host="10.0.0.8")
            leaf.update_binary_annotations({"error": "true", "db.statement": "select 'ü'"})
    # What is written on the wire as a field is a text or a number there; tags are texts.
    if format == "v1":
        address, process = {}, {"ipv4": ["string", "10.0.0.7"], "port": ["string", "8080"]}
        peer = {"sa": ["bool", True]}
    else:
        address, process = {"net.host.ip": ["string", "10.0.0.7"], "net.host.port": ["int64", 8080]}, {}
        peer = {}
    peer |= {"peer.service": ["string", "db"], "net.peer.ip": ["string", "10.0.0.8"], "net.peer.port": ["int64", 5432]}
    spans = {
        "GET /": {
            "start": micros(begin),
            "duration": micros(2.5),
            # None are told.
            "flags": None,
            "tags": {**address, "span.kind": ["string", "server"], "http.path": ["string", "/ü"]},
            "logs": [{"at": micros(begin + 0.75), "fields": {"event": ["string", "cache miss"]}}],
            "references": [],
        },
        "SELECT": {
            "start": micros(begin + 1.125),
            "duration": micros(0.25),
            # None are told.
            "flags": None,
            "tags": {
                **address,
                **peer,
                "span.kind": ["string", "client"],
                # What failed has OpenTelemetry's status, too.
                "error": ["bool", True],
                "otel.status_code": ["string", "ERROR"],
                "db.statement": ["string", "select 'ü'"],
            },
            "logs": [],
            "references": [["CHILD_OF", ids.trace_id, ids.span_id]],
        },
    }
    print(json.dumps({"traceID": ids.trace_id, "service": service, "process": process, "spans": spans}))
    return 0 if transport.answers and set(transport.answers) == {202} else 1


if __name__ == "__main__":
    sys.exit(main())
