"""The verdict on rollbacks, before anybody clicks: every reason from the records and from the platforms."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from db.columns import now
from db.security.access import Access
from db.statuses import ExecutionKind, ExecutionStatus
from pipelines.runtime import Runtime
from pipelines.scope import Reader
from rollback.asking import platform_reasons, some_at_a_time
from rollback.circumstances import Circumstances, Surroundings
from rollback.facts import DeploymentFacts, StageFacts, undo_counts, undone_before
from rollback.gathering import gather
from rollback.permission import require_seen, surroundings
from rollback.policies import policy_reasons
from rollback.rules import reasons_of
from rollback.values import Eligibility, Reason, Scope
from rollback.wording import with_words

_AT_ONCE = 16


async def judge(runtime: Runtime, scopes: Sequence[Scope], access: Access) -> list[Eligibility]:
    """The verdict for each scope, in order, for somebody with this access. Raises ScopeNotFound."""
    async with runtime.database.read() as connection:
        found = [await with_words(connection, facts) for facts in await gather(connection, scopes)]
        for scope, facts in zip(scopes, found, strict=True):
            await require_seen(connection, access, scope, facts)
        around = await surroundings(connection, access, found)
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(facts: DeploymentFacts) -> Eligibility:
        async with limit:
            return verdict(runtime, facts, await asked(runtime, facts), around)

    return list(await asyncio.gather(*(one(facts) for facts in found)))


async def recorded(reader: Reader, scope: Scope, access: Access) -> tuple[DeploymentFacts, Surroundings]:
    """The facts of one scope with the words its expressions read, and what holds in its environments.

    Raises ScopeNotFound.
    """
    facts = await with_words(reader, (await gather(reader, [scope]))[0])
    await require_seen(reader, access, scope, facts)
    return facts, await surroundings(reader, access, [facts])


async def asked(runtime: Runtime, facts: DeploymentFacts) -> tuple[Reason, ...]:
    """The platforms' reasons, for the stages that a rollback would undo."""
    stages = [stage for stage in to_undo(facts) if _worth_asking(runtime, facts, stage)]
    answers = await some_at_a_time(platform_reasons(runtime, stage) for stage in stages)
    return tuple(reason for answer in answers for reason in answer)


def verdict(
    runtime: Runtime, facts: DeploymentFacts, platforms: tuple[Reason, ...], around: Surroundings
) -> Eligibility:
    """The verdict from the records and what the platforms said. Pure but for the clock."""
    at = now()
    now_here = circumstances(runtime, at, around)
    return Eligibility.of((*reasons_of(facts, now_here), *policy_reasons(facts, now_here), *platforms), at)


def circumstances(runtime: Runtime, at: datetime, around: Surroundings) -> Circumstances:
    days = runtime.rules.rollback_max_age_days
    return Circumstances(
        enabled=runtime.rules.post_prod_rollback,
        max_age=timedelta(days=days) if days > 0 else None,
        at=at,
        supported=frozenset(provider.deployment_type for provider in runtime.registry),
        around=around,
    )


def to_undo(facts: DeploymentFacts) -> tuple[StageFacts, ...]:
    """The stages that a rollback undoes, in executed order: those that ran and no earlier try had undone."""
    return tuple(stage for stage in facts.stages if stage.ran and undone_before(stage) is None)


def _worth_asking(runtime: Runtime, facts: DeploymentFacts, stage: StageFacts) -> bool:
    """Whether the platform's answer could matter: not for what is past, nor for what nothing carries."""
    return (
        facts.mark.kind is ExecutionKind.DEPLOYMENT
        and facts.mark.status is ExecutionStatus.SUCCEEDED
        and stage.newer is None
        and not any(undo_counts(undo) for undo in stage.undos)
        and stage.deployment_type is not None
        and runtime.registry.find(stage.deployment_type) is not None
        and bool((stage.snapshot or {}).get("existed"))
    )
