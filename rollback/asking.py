"""Asks the platforms about the way back: is it open, has anything drifted, what would change.

A platform that cannot be asked makes the verdict UNKNOWN; it never fails the question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from itertools import islice
from typing import TypeVar

from pipelines.expressions import mask
from pipelines.records import StageRecords, open_records
from pipelines.runtime import Runtime
from pipelines.verification import compare
from providers.errors import ProviderError
from providers.retry import patience
from providers.values import Change, InstanceGroup, LiveInstance, Obstacle
from rollback.facts import StageFacts
from rollback.values import Reason, ReasonCode, Severity

T = TypeVar("T")

_ANSWER_SECONDS = 5.0
# Before that: what the platform said last is told rather than that the time is over.
_PATIENCE_SECONDS = 4.5
_NAMED = 3
_AT_ONCE = 200
_HIDDEN = "(hidden)"


async def some_at_a_time(questions: Iterator[Awaitable[T]]) -> list[T]:
    """The answers in order: of an execution with thousands of stages, not all are asked about at once."""
    answers: list[T] = []
    while some := tuple(islice(questions, _AT_ONCE)):
        answers += await asyncio.gather(*some)
    return answers


async def platform_reasons(runtime: Runtime, stage: StageFacts) -> tuple[Reason, ...]:
    """The reasons that only the stage's platform knows."""
    return await runtime.shared.answer(("reasons", stage.id), lambda: _platform_reasons(runtime, stage))


async def _platform_reasons(runtime: Runtime, stage: StageFacts) -> tuple[Reason, ...]:
    try:
        records = _records(runtime, stage, set())
        async with asyncio.timeout(_ANSWER_SECONDS):
            with patience(_PATIENCE_SECONDS):
                obstacles, others = await asyncio.gather(_preflight(records), _live_reasons(records, stage))
    except TimeoutError:
        return (_unreachable(stage, f"It did not answer within {_ANSWER_SECONDS:g} s."),)
    except ProviderError as error:
        return (_unreachable(stage, str(error)),)
    return (*(_obstacle(stage, obstacle) for obstacle in obstacles), *others)


async def changes_of(runtime: Runtime, stage: StageFacts) -> tuple[Change, ...] | None:
    """What rolling back the stage would change now; None where the platform could not be asked."""
    return await runtime.shared.answer(("changes", stage.id), lambda: _changes_of(runtime, stage))


async def _changes_of(runtime: Runtime, stage: StageFacts) -> tuple[Change, ...] | None:
    try:
        secrets: set[str] = set()
        records = _records(runtime, stage, secrets)
        if records.snapshot is None:
            return None
        async with asyncio.timeout(_ANSWER_SECONDS):
            found = await records.provider.preview(records.target, records.snapshot)
        return tuple(_without(secrets, change) for change in found)
    except (TimeoutError, ProviderError):
        return None


def _without(secrets: set[str], change: Change) -> Change:
    """The change without values that hold a secret; its other side may be what the secret was before."""
    if all(mask(shown, secrets) == shown for shown in (change.current or "", change.target or "")):
        return change
    hidden = {side: _HIDDEN for side in ("current", "target") if getattr(change, side) is not None}
    return change.model_copy(update=hidden)


def _records(runtime: Runtime, stage: StageFacts, secrets: set[str]) -> StageRecords:
    """The records of a stage; the secrets in them are added to `secrets`."""
    assert stage.deployment_type is not None, "only stages with a platform are asked about"
    return open_records(runtime, stage.deployment_type, stage.resolved, stage.snapshot, secrets)


async def _preflight(records: StageRecords) -> tuple[Obstacle, ...]:
    if records.snapshot is None:
        return ()
    return await records.provider.preflight(records.target, records.snapshot)


async def _live_reasons(records: StageRecords, stage: StageFacts) -> tuple[Reason, ...]:
    """What the live instances say: no longer what the deployment left, or the same as what was there before it."""
    live = await records.provider.instances(records.target, records.release)
    return _drift(stage, live) or _same_as_before(records, stage, live)


def _drift(stage: StageFacts, live: tuple[LiveInstance, ...]) -> tuple[Reason, ...]:
    if stage.left_groups is None:
        return ()
    left = [InstanceGroup.model_validate(group) for group in stage.left_groups]
    differences = compare(left, live)
    if not differences:
        return ()
    named = "; ".join(str(difference) for difference in differences[:_NAMED])
    more = f"; and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
    return (
        Reason(
            ReasonCode.DRIFT_DETECTED,
            f'Stage "{stage.planned.name}": what runs is no longer what the deployment left. {named}{more}.',
            "Look at the plan: the rollback goes back to the state before the deployment, whatever runs now.",
            Severity.WARNING,
            stage.id,
        ),
    )


def _same_as_before(
    records: StageRecords, stage: StageFacts, live: tuple[LiveInstance, ...]
) -> tuple[Reason, ...]:
    """There is no other version to go back to: a success of the rollback would help nobody."""
    groups = records.snapshot.groups if records.snapshot else ()
    if not groups or compare(groups, live):
        return ()
    named = ", ".join(sorted({group.artifact.display_name for group in groups}))
    return (
        Reason(
            ReasonCode.NOTHING_TO_CHANGE,
            f'Stage "{stage.planned.name}": what ran before this deployment is what runs now ({named}).',
            "If that version is what is wrong, run the pipeline with the version you want: this would not help.",
            Severity.WARNING,
            stage.id,
        ),
    )


def _obstacle(stage: StageFacts, obstacle: Obstacle) -> Reason:
    return Reason(
        ReasonCode.PREVIOUS_VERSION_UNAVAILABLE,
        f'Stage "{stage.planned.name}": {obstacle.message}',
        obstacle.remedy,
        Severity.BLOCKING if obstacle.blocking else Severity.WARNING,
        stage.id,
    )


def _unreachable(stage: StageFacts, why: str) -> Reason:
    return Reason(
        ReasonCode.PROVIDER_UNREACHABLE,
        f'Stage "{stage.planned.name}": its platform could not be asked: {why}',
        "Check the connector and the platform, then ask again.",
        stage_id=stage.id,
    )
