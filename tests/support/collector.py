"""An OpenTelemetry collector on loopback. It accepts OTLP over HTTP, keeps every byte, and reads it as protobuf."""

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

AT_ONCE: Mapping[str, str] = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_BSP_SCHEDULE_DELAY": "100",
    "OTEL_BLRP_SCHEDULE_DELAY": "100",
    "OTEL_METRIC_EXPORT_INTERVAL": "500",
}
"""The environment of a process that exports everything within half a second."""


class Collector:
    """The requests that arrived at each path, in order.

    It answers with `status` and `answer`, once `may_answer` is set.
    """

    def __init__(self, port: int) -> None:
        self.environment = {**AT_ONCE, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
        self.received: list[tuple[str, bytes]] = []
        self.headers: list[Mapping[str, str]] = []
        self.status, self.answer = 200, b""
        self.may_answer = threading.Event()
        self.may_answer.set()

    def text(self) -> str:
        """Every byte of every body, as text. Strings stand in it unchanged."""
        return "\n".join(body.decode("utf-8", errors="replace") for _, body in self.received.copy())

    def spans(self) -> list[Any]:
        """Every span, as protobuf."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self._bodies("/v1/traces")]
        scopes = [
            scope for request in requests for resource in request.resource_spans for scope in resource.scope_spans
        ]
        return [span for scope in scopes for span in scope.spans]

    def metric_names(self) -> set[str]:
        requests = [ExportMetricsServiceRequest.FromString(body) for body in self._bodies("/v1/metrics")]
        scopes = [scope for request in requests for each in request.resource_metrics for scope in each.scope_metrics]
        return {metric.name for scope in scopes for metric in scope.metrics}

    def logs(self) -> list[Any]:
        """Every log record, as protobuf."""
        requests = [ExportLogsServiceRequest.FromString(body) for body in self._bodies("/v1/logs")]
        scopes = [scope for request in requests for resource in request.resource_logs for scope in resource.scope_logs]
        return [record for scope in scopes for record in scope.log_records]

    def _bodies(self, path: str) -> list[bytes]:
        return [body for at, body in self.received.copy() if at == path]


def attributes(of: Any) -> dict[str, Any]:
    """The attributes of a span or a log record, as plain values."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in of.attributes}


@contextmanager
def open_collector() -> Generator[Collector]:
    """A collector that answers 200 to everything, unless a test tells it otherwise."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.received.append((self.path, body))
            collector.headers.append({name.lower(): value for name, value in self.headers.items()})
            collector.may_answer.wait()
            self.send_response(collector.status)
            self.send_header("content-length", str(len(collector.answer)))
            self.end_headers()
            self.wfile.write(collector.answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the standard library
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            collector.may_answer.set()
            server.shutdown()
            thread.join()
