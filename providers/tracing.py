"""Spans: what was done within what, and how long it took, for whoever collects traces. Nothing where nobody does.

Each floor marks its work here as it counts it in telemetry.py; the server says at its start who collects them.
Names and values come from closed sets, from configuration and from ids: never what a caller or a platform wrote.
Imports nothing of the project.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

Fact = str | int
Facts = Mapping[str, Fact | None]


class Kind(Enum):
    """What a span is about. An EXECUTION begins a trace of its own, linked to whatever was under way."""

    OPERATION = "operation"
    EXECUTION = "execution"
    WORK = "work"
    REQUEST = "request"


class Span(Protocol):
    """Something under way, until its first end."""

    def set(self, name: str, value: Fact) -> None:
        """A fact that was not known at the beginning."""
        ...

    def end(self, error: str | None = None) -> None:
        """It has ended; `error` is a code or the name of a class, where it failed."""
        ...


class Collector(Protocol):
    """Where the spans go."""

    def begin(self, name: str, kind: Kind, facts: Facts) -> Span: ...

    def within(self, span: Span) -> AbstractContextManager[None]:
        """What begins in the block belongs to the span."""
        ...

    def continuing(self, traceparent: str) -> AbstractContextManager[None]:
        """What begins in the block belongs to the caller's span of this W3C header."""
        ...

    def current(self) -> Span: ...

    def trace_id(self) -> str | None:
        """The trace that the code at hand is in, in 32 hexadecimal digits."""
        ...


class _Nothing:
    """The span that nobody collects."""

    def set(self, name: str, value: Fact) -> None:
        pass

    def end(self, error: str | None = None) -> None:
        pass


_NOTHING = _Nothing()


@dataclass
class Tracing:
    """The spans of this process; without a `collector` there are none."""

    collector: Collector | None = None

    @contextmanager
    def span(self, name: str, kind: Kind = Kind.WORK, facts: Facts | None = None) -> Generator[Span]:
        """What is done in the block; what it raises ends the span with the name of its class."""
        if self.collector is None:
            yield _NOTHING
            return
        span = self.collector.begin(name, kind, facts or {})
        try:
            with self.collector.within(span):
                yield span
        except BaseException as error:
            span.end(type(error).__name__)
            raise
        span.end()

    def begin(self, name: str, kind: Kind, facts: Facts) -> Span:
        """A span that somebody ends, and that nothing belongs to."""
        return _NOTHING if self.collector is None else self.collector.begin(name, kind, facts)

    def continuing(self, traceparent: str | None) -> AbstractContextManager[None]:
        """A block that goes on with what a caller began, if he says so."""
        if self.collector is None or traceparent is None:
            return nullcontext()
        return self.collector.continuing(traceparent)

    def current(self) -> Span:
        """The span that the code at hand belongs to."""
        return _NOTHING if self.collector is None else self.collector.current()

    def trace_id(self) -> str | None:
        return None if self.collector is None else self.collector.trace_id()


TRACING = Tracing()
