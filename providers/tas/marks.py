"""What Unship writes into the metadata of its things, so that a repetition recognises its own work. Pure.

Labels can be selected by, and hold at most 63 characters of a narrow alphabet: they carry digests. The record is
too long for one annotation (5,000 characters), so it is packed and goes into several.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256

from pydantic import ValidationError

from providers.tas.values import TasSnapshot
from providers.tree import Tree
from providers.values import Value

TOKEN_LABEL = "unship.dev/token"  # noqa: S105 - a name
APP_LABEL = "unship.dev/app"
RECORD_ANNOTATION = "unship.dev/record"
CHUNK = 4_800
MOST_CHUNKS = 64


class Kind(StrEnum):
    """What a record was written for."""

    ROLLING = "rolling"
    BASIC = "basic"
    CANARY = "canary"
    BLUE_GREEN = "blue-green"
    ROLL_BACK = "rollback"


BESIDE = frozenset({Kind.BASIC, Kind.CANARY, Kind.BLUE_GREEN})
"""Releases that make an app of their own beside the old one."""


class Record(Value):
    """What a release does to a service's apps, kept with the app that it deploys.

    `base` is the state before it, which counts for as long as it is not `finished`; `done` are the tokens of the
    steps that came to their end; `droplet` is what it deploys, `count` how many instances it wants in the end.
    The `number` grows with each release of the service.
    """

    number: int
    kind: Kind
    base: TasSnapshot
    token: str
    done: tuple[str, ...] = ()
    finished: bool = False
    droplet: str | None = None
    count: int = 1

    def with_done(self, token: str, *, finished: bool) -> Record:
        done = self.done if token in self.done else (*self.done, token)
        return self.model_copy(update={"done": done, "finished": finished})


def mark(text: str) -> str:
    """A text as a label's value."""
    return sha256(text.encode()).hexdigest()[:40]


def selector(label: str, text: str) -> str:
    """What selects the things that were marked with a text."""
    return f"{label}={mark(text)}"


def labels(token: str, app: str) -> Tree:
    """The labels of what a step makes for an app of that name."""
    return {TOKEN_LABEL: mark(token), APP_LABEL: mark(app)}


def record_annotations(record: Record, old: Mapping[str, str]) -> Tree:
    """The annotations that hold a record; null for those of a longer one before."""
    packed = base64.b64encode(zlib.compress(record.model_dump_json().encode(), 9)).decode()
    chunks = [packed[start : start + CHUNK] for start in range(0, len(packed), CHUNK)]
    written: Tree = {f"{RECORD_ANNOTATION}-{number}": chunk for number, chunk in enumerate(chunks)}
    stale = [name for name in old if name.startswith(f"{RECORD_ANNOTATION}-") and name not in written]
    return written | dict.fromkeys(stale)


def record_of(found: Mapping[str, str]) -> Record | None:
    """The record in an app's annotations; None where there is none, or none that can be read."""
    chunks = [found.get(f"{RECORD_ANNOTATION}-{number}", "") for number in range(MOST_CHUNKS)]
    packed = "".join(chunks)
    if not packed:
        return None
    try:
        return Record.model_validate_json(zlib.decompress(base64.b64decode(packed)))
    except (ValueError, zlib.error, ValidationError):
        return None
