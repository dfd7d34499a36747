"""A collector of traces on a socket: takes what an exporter sends over OTLP/HTTP, and lets tests look at it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass(frozen=True)
class Seen:
    """One span: ids in hexadecimal, `parent` empty for the first of a trace."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    facts: dict[str, Any]
    failed: bool
    links: list[str]


@dataclass
class Receiver:
    """`bodies` as they came, for whoever looks for what must not be in them; `headers` of each."""

    url: str
    bodies: list[bytes] = field(default_factory=list[bytes])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    @property
    def requests(self) -> list[Any]:
        # Only tests that collect traces need what this brings.
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415
            ExportTraceServiceRequest,
        )

        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    @property
    def resource(self) -> dict[str, Any]:
        """What the last batch says of its process."""
        return _facts(self.requests[-1].resource_spans[0].resource.attributes)

    @property
    def spans(self) -> list[Seen]:
        return [
            Seen(
                span.name,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                span.kind,
                _facts(span.attributes),
                span.status.code == 2,
                [link.trace_id.hex() for link in span.links],
            )
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def named(self, name: str) -> list[Seen]:
        return [span for span in self.spans if span.name == name]


def _facts(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def receiving() -> Generator[Receiver]:
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert (self.path.split("?")[0], self.headers["content-type"]) == (
                "/v1/traces",
                "application/x-protobuf",
            )
            receiver.bodies.append(body)
            receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the overridden method's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    serving = Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
