"""When a request is sent again, and how long to wait before: decisions, no input or output."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from providers.errors import ProviderError
from providers.sentences import sentences

# The first try and five more; the waits add up to about 5 s, which a short fault survives and a person accepts.
MOST_TRIES = 6
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 3.0
# A server that asks for more patience than this is reported instead.
LONGEST_RETRY_AFTER_SECONDS = 30.0

_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


def is_transient(status: int) -> bool:
    """Whether the same request may get a better answer later."""
    return status in _TRANSIENT


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds asked for by a Retry-After header (RFC 9110, 10.2.3): a number or a date."""
    if header is None:
        return None
    value = header.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


_PATIENCE_ENDS: ContextVar[float] = ContextVar("patience_ends", default=math.inf)


@contextmanager
def patience(seconds: float) -> Generator[None]:
    """Whoever asks has so many seconds: no wait goes beyond them, so that the last answer is what is told."""
    before = _PATIENCE_ENDS.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _PATIENCE_ENDS.reset(before)


def patience_left() -> float:
    """Seconds, infinite where nobody set any."""
    return max(0.0, _PATIENCE_ENDS.get() - time.monotonic())


@dataclass
class Heard:
    """Why the platform is asked again, while it is; None where it has answered since."""

    complaint: str | None = None


_HEARD: ContextVar[Heard | None] = ContextVar("heard", default=None)


@contextmanager
def listening() -> Generator[Heard]:
    """Within the block, what is wrong with a platform's answers is known to others than who waits for them."""
    heard = Heard()
    before = _HEARD.set(heard)
    try:
        yield heard
    finally:
        _HEARD.reset(before)


def note(trouble: ProviderError | None) -> None:
    """The platform has answered, or has not."""
    heard = _HEARD.get()
    if heard is not None:
        heard.complaint = None if trouble is None else str(trouble)


def given_up(error: ProviderError, asked: float | None) -> ProviderError:
    """The error of the last try, and how many seconds the platform had asked to wait before the next."""
    if asked is None:
        return error
    return type(error)(sentences(error.message, f"It asked to wait {asked:g} s."), error.said)


def wait_before(next_try: int, asked: float | None) -> float | None:
    """Seconds to wait before try number `next_try` (the first is 1); None to give up, or where patience ends."""
    if next_try > MOST_TRIES:
        return None
    if asked is not None and asked > LONGEST_RETRY_AFTER_SECONDS:
        return None
    ceiling = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (next_try - 2))
    jittered = random.uniform(ceiling / 2, ceiling)  # noqa: S311 - spreads load, keeps no secret
    wait = max(asked or 0.0, jittered)
    return wait if wait < patience_left() else None
