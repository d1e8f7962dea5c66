"""An application instrumented with jaeger-client, unmodified: sends one trace to an agent by UDP, and asks it how to sample.

Arguments: host, UDP port, HTTP port, service. Prints what Jaeger's API must show of the trace, as described in tests/src/recorded.rs, and
beside it the rate that the agent has told.
"""

import json
import sys
import time

from jaeger_client import Config
from opentracing import child_of, follows_from

host, udp_port, http_port, service = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
agent = {"reporting_host": host, "reporting_port": udp_port, "sampling_port": http_port}


def tracer(**settings):
    config = {"local_agent": agent, "logging": False, "sampling_refresh_interval": 1, **settings}
    return Config(config=config, service_name=service, validate=True).new_tracer()


def micros(seconds):
    return int(seconds * 1000000)


def reference(kind, span):
    return [kind, "%016x" % span.trace_id, "%016x" % span.span_id]


sending = tracer(sampler={"type": "const", "param": 1}, tags={"zone": "zürich", "replica": 3})
# Parts of a second that are exact as floating point numbers.
begin = int(time.time()) - 10.0
elsewhere = sending.start_span("elsewhere")
parent = sending.start_span(
    "parent", start_time=begin, tags={"text": "é", "truth": True, "falsehood": False, "number": 42, "ratio": 0.5}
)
parent.set_tag("negative", -3)
parent.log_kv({"event": "cache miss", "key": "k1", "size": 7, "hit": False}, timestamp=begin + 0.25)
child = sending.start_span(
    "child",
    references=[child_of(parent.context), follows_from(elsewhere.context)],
    start_time=begin + 0.5,
    tags={"span.kind": "client", "error": True},
)
child.finish(finish_time=begin + 1.75)
parent.finish(finish_time=begin + 2.5)
# What the reporter's thread has not sent yet is sent before this is done.
closing = sending.close()
while not closing.done():
    time.sleep(0.01)

spans = {
    "parent": {
        "start": micros(begin),
        "duration": micros(2.5),
        "flags": 1,
        "tags": {
            "sampler.type": ["string", "const"],
            "sampler.param": ["bool", True],
            "text": ["string", "é"],
            "truth": ["bool", True],
            "falsehood": ["bool", False],
            "number": ["int64", 42],
            "ratio": ["float64", 0.5],
            "negative": ["int64", -3],
        },
        "logs": [
            {
                "at": micros(begin + 0.25),
                "fields": {
                    "event": ["string", "cache miss"],
                    "key": ["string", "k1"],
                    "size": ["int64", 7],
                    "hit": ["bool", False],
                },
            }
        ],
        "references": [],
    },
    "child": {
        "start": micros(begin + 0.5),
        "duration": micros(1.25),
        "flags": 1,
        # What failed has OpenTelemetry's status, too.
        "tags": {"span.kind": ["string", "client"], "error": ["bool", True], "otel.status_code": ["string", "ERROR"]},
        "logs": [],
        "references": [reference("CHILD_OF", parent), reference("FOLLOWS_FROM", elsewhere)],
    },
}
process = {
    "jaeger.version": ["string", "Python-4.8.0"],
    "zone": ["string", "zürich"],
    "replica": ["int64", 3],
    # Of the machine.
    "hostname": None,
    "ip": None,
}

# Without a sampler of its own the client asks the agent, again and again.
asking = tracer()
deadline = time.time() + 30
while time.time() < deadline and asking.sampler.sampler.rate != 0.75:
    time.sleep(0.05)
trace_id = "%016x" % parent.trace_id
rate = asking.sampler.sampler.rate
print(json.dumps({"traceID": trace_id, "service": service, "process": process, "spans": spans, "rate": rate}))
