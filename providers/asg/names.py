"""Names of groups and tags. The suffixes and the colour tag are those of the reference. Pure."""

from __future__ import annotations

from hashlib import sha256

CANARY = "__Canary"
COLOURS = ("__1", "__2")
COLOUR_TAG, BLUE, GREEN = "BG_VERSION", "BLUE", "GREEN"
OWN_TAGS = "unship.dev/"
"""What the keys of our own tags begin with: notes for later steps, which say nothing to people."""
CREATED_TAG = "unship.dev/created"
"""On groups and templates that a deployment created; its value is the mark of the step."""
DEPLOYED_TAG = "unship.dev/deployed"
"""On a colour: the mark of the step that brought the release to it."""
SERVED_TAG = "unship.dev/served"
"""On a colour: the mark of the step that let it serve; without it, it never did."""
CANARY_TAG = "unship.dev/canary"
"""On a launch template: the mark of the last canary step that was completed."""
ROUTE_TAG = "unship.dev/route"
"""On a colour, with -prod-N or -stage-N behind it: the rules, or listeners, that are swapped; with -old-N or
-new-N: the target groups that production led to before, and leads to after the swap."""


def family(name: str) -> tuple[str, ...]:
    """The groups that may run a service whose manifest names the group `name`."""
    return (name, *(name + suffix for suffix in (*COLOURS, CANARY)))


def mark(token: str) -> str:
    """A step's token in the form that tags, descriptions and client tokens take."""
    return f"unship-{sha256(token.encode()).hexdigest()[:32]}"
