"""Which freeze windows hold where, and what a deployment that one holds back is answered. Reads the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from db.queries.freezes import freeze_windows_of_environments
from db.security.access import Access
from pipelines.answers import Refused
from pipelines.documents.freeze_window import FreezeWindow
from pipelines.freeze_calendar import held_at
from pipelines.scope import Reader

FROZEN = "FROZEN"
HOW_TO_OVERRIDE = "pass an override of FROZEN with a justification"
WHO_OVERRIDES = "whoever has the role admin, or a grant of it there, can override it"


@dataclass(frozen=True)
class Freeze:
    """A freeze window that holds now; `until` None: with no end in sight."""

    window_id: str
    name: str
    until: datetime | None

    def __str__(self) -> str:
        end = "with no end in sight" if self.until is None else f"until {self.until:%Y-%m-%d %H:%M} UTC"
        return f'the freeze window "{self.name}" holds {end}'


async def freezes_in(
    reader: Reader, environment_ids: Iterable[str | None], at: datetime
) -> dict[str, tuple[Freeze, ...]]:
    """The windows that hold at that moment in each of the environments; those without one are left out."""
    wanted = sorted({one for one in environment_ids if one is not None})
    if not wanted:
        return {}
    found = await freeze_windows_of_environments(reader, wanted)
    freezes = {row.id: _freeze(row.id, row.definition, at) for rows in found for row in rows}
    held = {
        one: tuple(freeze for row in rows if (freeze := freezes[row.id]) is not None)
        for one, rows in zip(wanted, found, strict=True)
    }
    return {one: here for one, here in held.items() if here}


def _freeze(window_id: str, definition: object, at: datetime) -> Freeze | None:
    window = FreezeWindow.model_validate(definition)
    held = held_at(window, at)
    return None if held is None else Freeze(window_id, window.name, held.until)


def frozen_deployment(
    freezes: Mapping[str, tuple[Freeze, ...]], access: Access, justified: bool
) -> Refused | None:
    """The answer where a window holds a deployment back; None where none does, or all may be overridden.

    `justified`: he who asks wants them overridden, and says why. Pure.
    """
    fixed = [one for one in freezes if not access.may_override_freeze(one)]
    if not freezes or (justified and not fixed):
        return None
    way = WHO_OVERRIDES if fixed else HOW_TO_OVERRIDE
    said = "; ".join(windows_in({one: freezes[one] for one in fixed or freezes}))
    return Refused(FROZEN, f"{said[0].upper()}{said[1:]}. Wait for its end; {way}.", ("pipelineIdentifier",))


def windows_in(freezes: Mapping[str, tuple[Freeze, ...]]) -> list[str]:
    """Each window that holds somewhere, in words, once."""
    windows = {freeze.window_id: freeze for several in freezes.values() for freeze in several}
    return [str(freeze) for freeze in windows.values()]
