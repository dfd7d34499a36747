"""Clients that lose their patience soon, so that no test waits for real seconds. What they do is the same."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pytest

SILENCE_SECONDS = 0.4
"""How long a client waits for an answer."""
LONGER_SECONDS = 2.0
"""Longer than any client waits."""


@contextmanager
def hurried() -> Generator[None]:
    """Short silences, and short waits before a request is sent again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("providers.web.SILENCE_SECONDS", SILENCE_SECONDS)
        patch.setattr("providers.retry.FIRST_WAIT_SECONDS", 0.02)
        patch.setattr("providers.retry.LONGEST_WAIT_SECONDS", 0.2)
        patch.setattr("providers.kubernetes.waiting.RESYNC_SECONDS", 0.5)
        patch.setattr("providers.kubernetes.waiting.POLL_SECONDS", 0.05)
        yield
