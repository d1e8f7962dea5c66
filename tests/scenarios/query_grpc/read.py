"""Reads a trace by both query services with clients generated from our .proto files, and looks at the port as grpcurl does.

Usage: read.py HOST:PORT IDL_FOLDER TRACE_ID
The printed JSON: {"v2": ids of its spans, "v3": the same, "found": true when both searches find the trace, "services": …,
"serving": …, "reflected": services by reflection, "methods": of api_v3 by reflection, "span_fields": of OTLP's Span by reflection,
"unknown": code and text of an id that nobody knows}.
"""

import json
import pathlib
import sys
import tempfile

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_tools import protoc

V2, V3 = "jaeger.api_v2.QueryService", "jaeger.api_v3.QueryService"


def generate(idl: str) -> None:
    """Makes Python modules from every file of the folder, and lets them be imported."""
    out = tempfile.mkdtemp()
    files = [str(path.relative_to(idl)) for path in pathlib.Path(idl).rglob("*.proto")]
    import grpc_tools

    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    arguments = ["protoc", f"-I{idl}", f"-I{well_known}", f"--python_out={out}", f"--grpc_python_out={out}", *files]
    if protoc.main(arguments) != 0:
        sys.exit("protoc refuses the files")
    sys.path.insert(0, out)


def main() -> None:
    target, idl, trace_id = sys.argv[1:]
    generate(idl)
    from jaeger.api_v2 import query_pb2 as v2, query_pb2_grpc as v2_grpc
    from jaeger.api_v3 import query_service_pb2 as v3, query_service_pb2_grpc as v3_grpc

    # The client takes messages of 4 MiB, as it does unless told otherwise.
    channel = grpc.insecure_channel(target)
    older, newer = v2_grpc.QueryServiceStub(channel), v3_grpc.QueryServiceStub(channel)
    raw_id = int(trace_id, 16).to_bytes(16, "big")

    def spans_of(messages):
        return [
            span
            for message in messages
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    by_v2 = [span for chunk in older.GetTrace(v2.GetTraceRequest(trace_id=raw_id)) for span in chunk.spans]
    by_v3 = spans_of(newer.GetTrace(v3.GetTraceRequest(trace_id=trace_id)))
    service = by_v2[0].process.service_name
    end = Timestamp()
    end.GetCurrentTime()
    start = Timestamp(seconds=end.seconds - 48 * 3600)
    times = {"start_time_min": start, "start_time_max": end}
    query_v2 = v2.TraceQueryParameters(service_name=service, search_depth=1000, **times)
    query_v3 = v3.TraceQueryParameters(service_name=service, search_depth=1000, **times)
    found_v2 = any(
        span.trace_id == raw_id
        for chunk in older.FindTraces(v2.FindTracesRequest(query=query_v2))
        for span in chunk.spans
    )
    found_v3 = any(span.trace_id == raw_id for span in spans_of(newer.FindTraces(v3.FindTracesRequest(query=query_v3))))
    try:
        list(newer.GetTrace(v3.GetTraceRequest(trace_id="abc")))
        unknown = None
    except grpc.RpcError as error:
        unknown = [error.code().name, error.details()]

    health = health_pb2_grpc.HealthStub(channel)
    serving = [health.Check(health_pb2.HealthCheckRequest(service=name)).status for name in ("", V2, V3)]
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)
    methods = [method.name for method in pool.FindServiceByName(V3).methods]
    span = pool.FindMessageTypeByName("opentelemetry.proto.trace.v1.Span")
    print(
        json.dumps(
            {
                "v2": sorted(span.span_id.hex() for span in by_v2),
                "v3": sorted(span.span_id.hex() for span in by_v3),
                "found": found_v2 and found_v3,
                "services": sorted(newer.GetServices(v3.GetServicesRequest()).services),
                "serving": serving,
                "reflected": sorted(database.get_services()),
                "methods": sorted(methods),
                "span_fields": {field.name: field.number for field in span.fields},
                "unknown": unknown,
            }
        )
    )


main()
