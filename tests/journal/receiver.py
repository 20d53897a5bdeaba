"""A collector over HTTP and gRPC: opentelemetry-proto's own messages, behind the usual servers."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc  # type: ignore[import-untyped]  # it has no stubs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
    LogsServiceServicer,
    add_LogsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


class Received:
    """What a collector was sent."""

    def __init__(self) -> None:
        self.logs: list[ExportLogsServiceRequest] = []
        self.traces: list[ExportTraceServiceRequest] = []
        self.headers: dict[str, str] = {}
        self.status = 200
        """What is answered over HTTP; only with 200 is anything kept."""

    @property
    def records(self) -> list[dict[str, Any]]:
        """Every log record: name, trace and span id, time, attributes."""
        return [
            {
                "name": record.event_name,
                "body": record.body.string_value,
                "trace_id": record.trace_id.hex(),
                "span_id": record.span_id.hex(),
                "time_ns": record.time_unix_nano,
                "attributes": attributes(record.attributes),
            }
            for request in self.logs
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    @property
    def uids(self) -> list[str]:
        return [record["attributes"]["log.record.uid"] for record in self.records]

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for request in self.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def wait(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the collector wasn't sent what was expected"
            time.sleep(0.01)


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: value(pair.value) for pair in pairs if isinstance(pair, KeyValue)}


def value(any_value: AnyValue) -> Any:
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return [value(item) for item in any_value.array_value.values]
    return getattr(any_value, str(kind))


@contextmanager
def http(port: int = 0, context: ssl.SSLContext | None = None) -> Iterator[tuple[int, Received]]:
    """A collector over HTTP, on *port* or any."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.headers = {name.lower(): text for name, text in self.headers.items()}
            if received.status == 200 and self.path.endswith("/v1/logs"):
                received.logs.append(ExportLogsServiceRequest.FromString(body))
            elif received.status == 200 and self.path.endswith("/v1/traces"):
                received.traces.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(received.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1], received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def over_grpc(credentials: grpc.ServerCredentials | None = None) -> Iterator[tuple[int, Received]]:
    """A collector over gRPC, on any port."""
    received = Received()

    class Logs(LogsServiceServicer):
        def Export(  # noqa: N802 - the protocol's name
            self, request: ExportLogsServiceRequest, context: Any
        ) -> ExportLogsServiceResponse:
            received.headers = dict(context.invocation_metadata())
            received.logs.append(request)
            return ExportLogsServiceResponse()

    class Traces(TraceServiceServicer):
        def Export(  # noqa: N802 - the protocol's name
            self, request: ExportTraceServiceRequest, context: Any
        ) -> ExportTraceServiceResponse:
            received.traces.append(request)
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    add_LogsServiceServicer_to_server(Logs(), server)  # type: ignore[no-untyped-call]  # generated code
    add_TraceServiceServicer_to_server(Traces(), server)  # type: ignore[no-untyped-call]  # generated code
    port = (
        server.add_insecure_port("127.0.0.1:0")
        if credentials is None
        else server.add_secure_port("127.0.0.1:0", credentials)
    )
    server.start()
    try:
        yield port, received
    finally:
        server.stop(0).wait()
