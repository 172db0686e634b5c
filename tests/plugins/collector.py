"""A collector that is not ours: takes OTLP over HTTP or gRPC and decodes it with the official protobuf definitions.

It keeps its port over an outage, and can be told to answer the next requests with failures.
"""

import base64
import contextlib
import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.protobuf.json_format import MessageToJson, ParseDict
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

WAIT_SECONDS = 30

KINDS: dict[str, tuple[Any, Any]] = {
    "traces": (trace_service_pb2.ExportTraceServiceRequest, trace_service_pb2.ExportTraceServiceResponse),
    "metrics": (metrics_service_pb2.ExportMetricsServiceRequest, metrics_service_pb2.ExportMetricsServiceResponse),
    "logs": (logs_service_pb2.ExportLogsServiceRequest, logs_service_pb2.ExportLogsServiceResponse),
}


@dataclass(slots=True, kw_only=True)
class Answer:
    """How one request is answered instead: an HTTP status with headers, or a gRPC code, or a response."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    code: grpc.StatusCode | None = None
    retry_delay: float | None = None
    response: Message | None = None


@dataclass(slots=True)
class Collector:
    """What came, by signal, and what the next requests of a signal are answered with."""

    url: str
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    next: dict[str, list[Answer]] = field(default_factory=dict)

    def seen(self, signal: str) -> list[Any]:
        """The requests of a signal that were accepted."""
        return [message for name, _, message in self.requests if name == signal]

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.seen("traces")
            for group in request.resource_spans
            for scoped in group.scope_spans
            for span in scoped.spans
        ]

    @property
    def logs(self) -> list[LogRecord]:
        return [
            record
            for request in self.seen("logs")
            for group in request.resource_logs
            for scoped in group.scope_logs
            for record in scoped.log_records
        ]

    def until(self, holds: Callable[[], Any]) -> None:
        """Waits until something holds."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not holds():
            assert time.monotonic() < deadline, (
                f"after {WAIT_SECONDS} s: {[name for name, _, _ in self.requests][-20:]}"
            )
            time.sleep(0.05)


def attributes(pairs: Any) -> dict[str, Any]:
    """Attributes as Python's values; fails on a name that comes twice."""
    found: dict[str, Any] = {}
    pair: KeyValue
    for pair in pairs:
        assert pair.key not in found
        found[pair.key] = plain(pair.value)
    return found


def plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    assert kind is not None
    if kind == "array_value":
        return [plain(each) for each in value.array_value.values]
    return getattr(value, kind)


def from_json(body: bytes, message: Message) -> Message:
    """OTLP's JSON, read as strictly as its specification allows: ids are hex, enums are numbers, other names are none."""

    def as_protobuf(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        for name, size in (("traceId", 16), ("spanId", 8), ("parentSpanId", 8)):
            if found.get(name):
                raw = bytes.fromhex(found[name])
                assert len(raw) == size, name
                found[name] = base64.b64encode(raw).decode()
        assert all(isinstance(found[name], int) for name in ("kind", "severityNumber") if name in found)
        return found

    return ParseDict(json.loads(body, object_pairs_hook=as_protobuf), message)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def http_collector(
    collector: Collector | None = None, *, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[Collector]:
    """A collector over HTTP; with an earlier one's record and port it is that one, back again."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            signal = self.path.removeprefix("/v1/")
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            request, response = KINDS[signal]
            kind = self.headers["content-type"]
            assert kind in {"application/x-protobuf", "application/json"}
            message = from_json(body, request()) if kind == "application/json" else request.FromString(body)
            planned = known.next.get(signal) or [Answer()]
            answer = planned.pop(0)
            if answer.status < 300:
                known.requests.append((signal, {name.lower(): value for name, value in self.headers.items()}, message))
                said = answer.response or response()
            else:
                said = Status(code=14, message="told so")
            told = MessageToJson(said).encode() if kind == "application/json" else said.SerializeToString()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: Any) -> None:  # a client that hangs up is no news
            pass

    server = Server(("127.0.0.1", port), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    known = collector or Collector(f"{scheme}://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="collector")
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def grpc_collector(
    collector: Collector | None = None, *, port: int = 0, tls: grpc.ServerCredentials | None = None
) -> Iterator[Collector]:
    """A collector over gRPC; with an earlier one's record and port it is that one, back again."""

    def handle(signal: str) -> Callable[[Any, Any, grpc.ServicerContext], Any]:
        def export(_: Any, request: Any, context: grpc.ServicerContext) -> Any:
            planned = known.next.get(signal) or [Answer()]
            answer = planned.pop(0)
            if answer.code is not None:
                if answer.retry_delay is not None:
                    info = RetryInfo()
                    info.retry_delay.FromNanoseconds(int(answer.retry_delay * 1e9))
                    status = Status(code=answer.code.value[0], message="told so")
                    status.details.add().Pack(info)
                    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
                context.abort(answer.code, "told so")
            metadata = {str(name): str(value) for name, value in context.invocation_metadata()}
            known.requests.append((signal, metadata, request))
            return answer.response or KINDS[signal][1]()

        return export

    server = grpc.server(futures.ThreadPoolExecutor(4))
    for signal, module, name in [
        ("traces", trace_service_pb2_grpc, "TraceService"),
        ("metrics", metrics_service_pb2_grpc, "MetricsService"),
        ("logs", logs_service_pb2_grpc, "LogsService"),
    ]:
        servicer = type(name, (getattr(module, f"{name}Servicer"),), {"Export": handle(signal)})()
        getattr(module, f"add_{name}Servicer_to_server")(servicer, server)
    where = f"127.0.0.1:{port}"
    port = server.add_insecure_port(where) if tls is None else server.add_secure_port(where, tls)
    known = collector or Collector(f"{'http' if tls is None else 'https'}://127.0.0.1:{port}")
    server.start()
    try:
        yield known
    finally:
        server.stop(0).wait()
