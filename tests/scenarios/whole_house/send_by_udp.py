"""An application that works and works: a span every 50 ms, by Jaeger's own client, unmodified, to an agent by UDP, until its input ends.

Usage: send_by_udp.py HOST PORT
Prints a line for each span when it is over: {"trace", "span", "at"}; `at` is the time in seconds. Nothing tells what becomes of it.
"""

import json
import sys
import threading
import time

from jaeger_client import Config

PAUSE = 0.05


def wait_for_the_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def main() -> None:
    host, port = sys.argv[1], int(sys.argv[2])
    config = {
        "local_agent": {"reporting_host": host, "reporting_port": port},
        "sampler": {"type": "const", "param": 1},
        "logging": False,
    }
    tracer = Config(config=config, service_name="application", validate=True).new_tracer()
    ended = threading.Event()
    threading.Thread(target=wait_for_the_end, args=(ended,), daemon=True).start()
    while not ended.wait(PAUSE):
        span = tracer.start_span("GET /by-udp")
        span.finish()
        line = {"trace": f"{span.trace_id:032x}", "span": f"{span.span_id:016x}", "at": time.time()}
        print(json.dumps(line), flush=True)
    closing = tracer.close()
    while not closing.done():
        time.sleep(0.01)


if __name__ == "__main__":
    main()
