"""What differs between the stored instances of a target and those its platform lists. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from providers.values import LiveInstance


@dataclass(frozen=True)
class StoredInstance:
    """A stored live instance: `columns` are those that the platform decides, `origin` those that say which stage
    brought it."""

    id: str
    key: str
    columns: Mapping[str, Any]
    origin: Mapping[str, Any]


@dataclass(frozen=True)
class Diff:
    """What must be written so that the stored instances equal the live ones; the rest stays as it is."""

    added: tuple[LiveInstance, ...] = ()
    updated: tuple[tuple[str, LiveInstance], ...] = ()
    removed: tuple[str, ...] = ()
    claimed: int = 0
    """How many instances count as those of the stage that was looked at, if one was."""

    def __len__(self) -> int:
        return len(self.added) + len(self.updated) + len(self.removed)


def diff(stored: Iterable[StoredInstance], live: Iterable[LiveInstance]) -> Diff:
    """Compare by key: new keys are added, absent ones removed, changed ones updated (with the id of their row)."""
    present = {instance.key: instance for instance in live}
    known: set[str] = set()
    updated: list[tuple[str, LiveInstance]] = []
    removed: list[str] = []
    for row in stored:
        known.add(row.key)
        instance = present.get(row.key)
        if instance is None:
            removed.append(row.id)
        elif columns_of(instance) != row.columns:
            updated.append((row.id, instance))
    added = tuple(instance for key, instance in present.items() if key not in known)
    return Diff(added, tuple(updated), tuple(removed))


PLATFORM_COLUMNS = ("group", "display_name", "image", "tag", "digest", "revision", "health", "details")


def columns_of(instance: LiveInstance) -> dict[str, Any]:
    """`PLATFORM_COLUMNS`, those of the instance's row that the platform decides."""
    artifact = instance.artifact
    return {
        "group": instance.group,
        "display_name": artifact.display_name,
        "image": artifact.image,
        "tag": artifact.tag,
        "digest": artifact.digest,
        "revision": artifact.revision,
        "health": instance.health,
        "details": instance.details,
    }
