"""Sends one trace with py_zipkin, and prints what Jaeger's API must show of it, as send_opentelemetry.py does.

Usage: send_py_zipkin.py v1|v2|proto ENDPOINT
Exit status 1 when the port did not answer 202 to every request.
"""

import json
import sys

import requests
from py_zipkin import Encoding, Kind
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
        self.answers.append(requests.post(self.url, data=payload, headers=headers, timeout=10).status_code)


def main() -> int:
    format, endpoint = sys.argv[1:]
    encoding, path, content_type = FORMATS[format]
    service = f"py_zipkin {format}/ü"
    transport = Transport(endpoint + path, content_type)
    ids = create_attrs_for_span(use_128bit_trace_id=True)
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
        root.add_annotation("cache miss")
        with zipkin_client_span(service_name=service, span_name="SELECT") as leaf:
            leaf.add_sa_binary_annotation(port=5432, service_name="db", host="10.0.0.8")
            leaf.update_binary_annotations({"error": "true", "db.statement": "select 'ü'"})
    if format == "v1":
        address, process = {}, {"ipv4": "10.0.0.7", "port": "8080"}
    else:
        address, process = {"net.host.ip": "10.0.0.7", "net.host.port": 8080}, {}
    peer = {"peer.service": "db", "net.peer.ip": "10.0.0.8", "net.peer.port": 5432}
    spans = {
        "GET /": {
            "parent": None,
            "tags": {**address, "span.kind": "server", "http.path": "/ü"},
            "logs": ["cache miss"],
        },
        "SELECT": {
            "parent": ids.span_id,
            "tags": {**address, **peer, "span.kind": "client", "error": True, "db.statement": "select 'ü'"},
            "logs": [],
        },
    }
    print(json.dumps({"traceID": ids.trace_id, "service": service, "process": process, "spans": spans}))
    return 0 if transport.answers and set(transport.answers) == {202} else 1


if __name__ == "__main__":
    sys.exit(main())
