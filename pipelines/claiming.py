"""Which stage put an instance into its present state. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from pipelines.instance_diff import StoredInstance, columns_of
from providers.values import Artifact, LiveInstance


class Claim(Enum):
    """Of what runs on its target when a stage is looked at, what counts as that stage's."""

    EVERYTHING = auto()
    """A rollback's: whatever it left alone is in the state that it wanted."""
    ITS_VERSION = auto()
    """A deployment's that succeeded: all but what ran before and runs another version still, as an idle colour."""
    WHAT_IT_BROUGHT = auto()
    """That of a deployment which is under way, failed or was aborted: nothing that ran before."""


@dataclass(frozen=True)
class StageMark:
    """The stage that put instances into their present state: of which execution, by whom, and when it had.

    `artifact` is what it was to have running, None where it names none.
    """

    stage_id: str
    execution_id: str
    by: str
    at: datetime
    claim: Claim = Claim.EVERYTHING
    artifact: Artifact | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of an instance's row that say so."""
        return {
            "stage_id": self.stage_id,
            "execution_id": self.execution_id,
            "deployed_by": self.by,
            "deployed_at": self.at,
        }

    def has(self, instance: LiveInstance) -> bool:
        """Whether the instance runs just the version that the stage was to have running."""
        found, wanted = instance.artifact, self.artifact
        return wanted is not None and (found.image, found.tag) == (wanted.image, wanted.tag)


NOBODY: dict[str, Any] = dict.fromkeys(("stage_id", "execution_id", "deployed_by", "deployed_at"))


def origins(
    stored: Iterable[StoredInstance],
    live: Iterable[LiveInstance],
    mark: StageMark | None,
    standing: Mapping[str, Any],
) -> dict[str, Mapping[str, Any]]:
    """By key, the columns that say which stage brought it, of each live instance where they are new.

    `stored` are the target's instances as last seen. Where neither the mark's stage nor one like it before did, it
    was the stage that the target stands at: `standing`. So those of autoscaling inherit.
    """
    rows = {row.key: row for row in stored}
    alike = {_kind(row.columns): row.origin for row in rows.values() if row.origin["stage_id"] is not None}
    found: dict[str, Mapping[str, Any]] = {}
    for instance in live:
        row, kind = rows.get(instance.key), _kind(columns_of(instance))
        origin = alike.get(kind) if row is None else row.origin
        is_new = (row is None or _kind(row.columns) != kind) and kind not in alike
        if mark is not None and _claims(mark, instance, origin, is_new=is_new):
            found[instance.key] = mark.columns
        elif row is None:
            found[instance.key] = origin or standing
    return found


def _claims(mark: StageMark, instance: LiveInstance, origin: Mapping[str, Any] | None, *, is_new: bool) -> bool:
    whose = origin and origin["stage_id"]
    match mark.claim:
        case Claim.EVERYTHING:
            return True
        case Claim.ITS_VERSION:
            return is_new or whose is None or not _is_of_another_version(instance.artifact, mark.artifact)
        case Claim.WHAT_IT_BROUGHT:
            is_its_version = is_new and not _is_of_another_version(instance.artifact, mark.artifact)
            return is_its_version or whose == mark.stage_id


def _is_of_another_version(found: Artifact, wanted: Artifact | None) -> bool:
    """Whether it is the very thing that was deployed, but in another version than that.

    What is deployed beside it, under an image of its own, has no version to compare.
    """
    if wanted is None or found.image is None or found.tag is None or wanted.tag is None:
        return False
    return found.image == wanted.image and found.tag != wanted.tag


def _kind(columns: Mapping[str, Any]) -> tuple[Any, ...]:
    """What instances have in common that the same stage brought."""
    return tuple(columns[name] for name in ("group", "image", "tag", "revision"))
