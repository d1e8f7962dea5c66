"""An application instrumented with jaeger-client, unmodified: sends one trace to an agent by UDP, and asks it how to sample.

Arguments: host, UDP port, HTTP port, service. Prints the trace's id, and the rate that the agent has told.
"""

import json
import sys
import time

from jaeger_client import Config

host, udp_port, http_port, service = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
agent = {"reporting_host": host, "reporting_port": udp_port, "sampling_port": http_port}


def tracer(**settings):
    config = {"local_agent": agent, "logging": False, "sampling_refresh_interval": 1, **settings}
    return Config(config=config, service_name=service, validate=True).new_tracer()


sending = tracer(sampler={"type": "const", "param": 1})
with sending.start_active_span("parent") as parent:
    parent.span.set_tag("text", "é")
    parent.span.set_tag("truth", True)
    parent.span.set_tag("number", 42)
    parent.span.set_tag("ratio", 0.5)
    parent.span.log_kv({"event": "cache miss", "key": "k1"})
    with sending.start_active_span("child", tags={"span.kind": "client"}):
        pass
trace_id = "%x" % parent.span.trace_id
# What the reporter's thread has not sent yet is sent before this is done.
closing = sending.close()
while not closing.done():
    time.sleep(0.01)

# Without a sampler of its own the client asks the agent, again and again.
asking = tracer()
deadline = time.time() + 30
while time.time() < deadline and asking.sampler.sampler.rate != 0.75:
    time.sleep(0.05)
print(json.dumps({"traceID": trace_id, "rate": asking.sampler.sampler.rate}))
