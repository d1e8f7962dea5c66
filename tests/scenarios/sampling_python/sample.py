"""Samples with jaeger-client's remote sampler, once it was told how, and prints the share of traces that it records by operation.

Usage: sample.py HOST PORT SERVICE. Prints JSON; ends with an error when it is told nothing within a minute.
"""

import json
import random
import sys
import time

from jaeger_client.local_agent_net import LocalAgentSender
from jaeger_client.sampler import ConstSampler, RemoteControlledSampler

TRACES = 4000

host, port, service = sys.argv[1:]
sampler = RemoteControlledSampler(
    channel=LocalAgentSender(host=host, sampling_port=int(port), reporting_port=1),
    service_name=service,
    sampling_refresh_interval=0.05,
    init_sampler=ConstSampler(False),
)
end = time.monotonic() + 60
while isinstance(sampler.sampler, ConstSampler):
    if time.monotonic() > end:
        sys.exit("nothing was told")
    time.sleep(0.02)


def share(operation):
    ids = (random.getrandbits(64) for _ in range(TRACES))
    return sum(sampler.is_sampled(trace_id, operation)[0] for trace_id in ids) / TRACES


print(json.dumps({operation: share(operation) for operation in ("never", "always", "other")}))
