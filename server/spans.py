"""Spans by OpenTelemetry, sent by OTLP over HTTP. Imported only where somebody collects them (server.tracing).

The trace of an execution has the execution's id, wherever it is carried on; so none needs to be recorded.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes

from providers.telemetry import CURRENT_EXECUTION
from providers.tracing import Fact, Facts, Kind, Span
from server.version import VERSION

_KINDS = {
    Kind.OPERATION: trace.SpanKind.SERVER,
    Kind.EXECUTION: trace.SpanKind.INTERNAL,
    Kind.WORK: trace.SpanKind.INTERNAL,
    Kind.REQUEST: trace.SpanKind.CLIENT,
}
_STOP_SECONDS = 3.0


class _Spanned:
    """A span of the library, ended once."""

    def __init__(self, span: trace.Span) -> None:
        self.span = span

    def set(self, name: str, value: Fact) -> None:
        if self.span.is_recording():
            self.span.set_attribute(name, value)

    def end(self, error: str | None = None) -> None:
        if not self.span.is_recording():
            return
        if error is not None:
            self.span.set_attribute("error.type", error)
            self.span.set_status(trace.StatusCode.ERROR)
        self.span.end()


class _Ids(RandomIdGenerator):
    def generate_trace_id(self) -> int:
        execution = CURRENT_EXECUTION.get()
        return super().generate_trace_id() if execution is None else int(execution, 16)


class _Fair(Sampler):
    """The chosen sampler, which may go by the trace id: an execution's begins with the time and is not random."""

    def __init__(self, chosen: Sampler) -> None:
        self._chosen = chosen

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: trace.SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[trace.Link] | None = None,
        trace_state: trace.TraceState | None = None,
    ) -> SamplingResult:
        if CURRENT_EXECUTION.get() is not None:
            trace_id = int.from_bytes(hashlib.sha256(trace_id.to_bytes(16, "big")).digest()[:16], "big")
        return self._chosen.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return self._chosen.get_description()


class OtlpCollector:
    """Sends spans to the endpoint that the OTEL_* variables of the process name, in batches, from a thread."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._provider = TracerProvider(
            resource=_resource(environment), id_generator=_Ids(), shutdown_on_exit=False
        )
        self._provider.sampler = _Fair(self._provider.sampler)
        self._exporter = OTLPSpanExporter()
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("unship", VERSION)
        self._headers = TraceContextTextMapPropagator()

    def begin(self, name: str, kind: Kind, facts: Facts) -> _Spanned:
        context, links = None, list[trace.Link]()
        if kind is Kind.EXECUTION:
            context = Context()
            asked = trace.get_current_span().get_span_context()
            links = [trace.Link(asked)] if asked.is_valid else []
        known = {key: value for key, value in facts.items() if value is not None}
        return _Spanned(self._tracer.start_span(name, context, _KINDS[kind], known, links))

    @contextmanager
    def within(self, span: Span) -> Generator[None]:
        assert isinstance(span, _Spanned), "one of ours"
        token = attach(trace.set_span_in_context(span.span))
        try:
            yield
        finally:
            detach(token)

    @contextmanager
    def continuing(self, traceparent: str) -> Generator[None]:
        """Not with the caller's `tracestate`, which would be sent on with his words in it."""
        token = attach(self._headers.extract({"traceparent": traceparent}, Context()))
        try:
            yield
        finally:
            detach(token)

    def current(self) -> _Spanned:
        return _Spanned(trace.get_current_span())

    def trace_id(self) -> str | None:
        context = trace.get_current_span().get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else None

    async def close(self) -> None:
        """Send what is left, for some seconds at most: an endpoint that is away must not hold the end up.

        In a thread of its own: those of the loop are gone with the engine.
        """
        loop, closed = asyncio.get_running_loop(), asyncio.Event()

        def close() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # too late: the loop has ended
                loop.call_soon_threadsafe(closed.set)

        threading.Thread(target=close, daemon=True).start()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await closed.wait()
        except TimeoutError:
            self._exporter.shutdown()  # it would try again for a while


def _resource(environment: Mapping[str, str]) -> Resource:
    """What the variables say of this process; its name is ours where they name none."""
    named = "service.name=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    ours: dict[str, str] = {"service.version": VERSION}
    if not named and not environment.get("OTEL_SERVICE_NAME"):
        ours["service.name"] = "unship"
    return Resource.create(ours)
