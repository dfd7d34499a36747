"""What Unship writes on services and task definitions, to recognise repetitions and failed deployments.

Tag values take letters, digits, spaces and + - = . _ : / @ only.
"""

from __future__ import annotations

from hashlib import sha256

from pydantic import JsonValue

from providers.tree import Tree, text, trees

PREFIX = "unship.dev/"
ATTEMPT = PREFIX + "attempt"
"""Digest of the token of the attempt that made or last changed it."""
DEPLOYS = PREFIX + "deploys"
"""Of a service: the task definition that the last attempt deploys to it."""
BEFORE = PREFIX + "before"
BEFORE_COUNT = PREFIX + "before-count"
"""Of a service: what was really deployed before the last attempt, and how many tasks were wanted of it."""

CREATED = PREFIX + "created"
"""Of a colour: digest of the token of the attempt that deployed to it."""
SWAP = PREFIX + "swap"
"""Of a colour: digest of the token of the attempt that gives it the traffic."""
PROD_ROUTE, STAGE_ROUTE = PREFIX + "prod-route", PREFIX + "stage-route"
"""Of a colour: the rules (or listeners) of production and stage."""
PROD_GROUP, STAGE_GROUP = PREFIX + "prod-group", PREFIX + "stage-group"
"""Of a colour: where these led when it was deployed to."""
COLOUR, BLUE, GREEN = "BG_VERSION", "BLUE", "GREEN"
"""Of a colour: whether it has the production traffic (BLUE) or not."""


def digest_of(token: str) -> str:
    """An attempt's token as a tag value, and as a client token (at most 36 characters)."""
    return sha256(token.encode()).hexdigest()[:32]


def read(value: JsonValue, *path: str) -> dict[str, str]:
    """The tags of the list at the path."""
    return {text(item, "key") or "": text(item, "value") or "" for item in trees(value, *path)}


def foreign(tags: dict[str, str]) -> dict[str, str]:
    """The tags that are not ours."""
    return {key: value for key, value in tags.items() if not key.startswith(PREFIX)}


def write(tags: dict[str, str]) -> list[JsonValue]:
    """Tags as requests take them."""
    found: list[JsonValue] = []
    for key, value in tags.items():
        tag: Tree = {"key": key, "value": value}
        found.append(tag)
    return found
