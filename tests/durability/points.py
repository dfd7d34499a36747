"""The named points of an execution's way at which a server can be killed, and where each of them is found.

An execution records what it is about to do (intent), sends a request to the platform, gets its response, looks
what became of it (observe), records the result (commit), and tells whoever follows (publish).
"""

from __future__ import annotations

from enum import StrEnum

from tests.durability.traps import Moment


class Point(StrEnum):
    """Before and after each of the six."""

    BEFORE_INTENT = "before-intent"
    """The transaction that begins a stage or a step is about to commit."""
    AFTER_INTENT = "after-intent"
    """It has committed."""
    BEFORE_SEND = "before-send"
    """A request that changes something has left, and the platform never sees it."""
    AFTER_SEND = "after-send"
    """The platform has it, and carries it out when the server is dead."""
    BEFORE_RESPONSE = "before-response"
    """It is carried out, and nobody hears the answer."""
    AFTER_RESPONSE = "after-response"
    """The answer has arrived."""
    BEFORE_OBSERVE = "before-observe"
    """A request that only looks has left, and is never answered."""
    AFTER_OBSERVE = "after-observe"
    """What was seen is on record as progress."""
    BEFORE_COMMIT = "before-commit"
    """The transaction that records the result of a step, of a stage or of all is about to commit."""
    AFTER_COMMIT = "after-commit"
    """It has committed."""
    BEFORE_PUBLISH = "before-publish"
    """What has committed is about to be told."""
    AFTER_PUBLISH = "after-publish"
    """A subscriber has read it."""


# Found in the server process itself, by `tests/durability/fuses.py`.
INSIDE = frozenset(
    {
        Point.BEFORE_INTENT,
        Point.AFTER_INTENT,
        Point.AFTER_OBSERVE,
        Point.BEFORE_COMMIT,
        Point.AFTER_COMMIT,
        Point.BEFORE_PUBLISH,
    }
)
# Found at the platform: the moment, and whether the request is one that can change something.
AT_PLATFORM = {
    Point.BEFORE_SEND: (Moment.BEFORE, True),
    Point.AFTER_SEND: (Moment.HELD, True),
    Point.BEFORE_RESPONSE: (Moment.AFTER, True),
    Point.AFTER_RESPONSE: (Moment.ANSWERED, True),
    Point.BEFORE_OBSERVE: (Moment.BEFORE, False),
}
# Requests that change nothing although their method says so: trial runs and questions about permissions.
CHANGING = r"^(?!.*(dryRun=|selfsubject))"
