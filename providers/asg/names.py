"""Names of groups and tags. The suffixes and the colour tag are those of the reference. Pure."""

from __future__ import annotations

from hashlib import sha256

CANARY = "__Canary"
COLOURS = ("__1", "__2")
COLOUR_TAG, BLUE, GREEN = "BG_VERSION", "BLUE", "GREEN"
CREATED_TAG = "unship.dev/created"
"""On groups and templates that a deployment created; its value is the mark of the step."""


def family(name: str) -> tuple[str, ...]:
    """The groups that may run a service whose manifest names the group `name`."""
    return (name, *(name + suffix for suffix in (*COLOURS, CANARY)))


def mark(token: str) -> str:
    """A step's token in the form that tags, descriptions and client tokens take."""
    return f"unship-{sha256(token.encode()).hexdigest()[:32]}"
