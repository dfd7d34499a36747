"""Waiting for services: polled, faster at first; what is waited for is decided in standing.py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from providers.ecs.cluster import EcsCluster
from providers.ecs.standing import Standing, standing
from providers.errors import (
    ProviderConflict,
    ProviderError,
    ProviderNotFound,
    ProviderRefused,
    ProviderTimedOut,
)
from providers.interface import Attempt
from providers.tree import Tree, text, trees
from providers.values import Progress

FoundT = TypeVar("FoundT")

FIRST_POLL_SECONDS = 0.05
LONGEST_POLL_SECONDS = 1.0
# Left of the step's time to say what was still missing when it ends.
TIME_TO_TELL_SECONDS = 0.5


async def until_steady(cluster: EcsCluster, name: str, deployment: str, attempt: Attempt) -> Tree:
    """The service, when that deployment of it has come to its end.

    ProviderRefused if the service's own circuit breaker, or an alarm, ended it, with what the tasks said;
    ProviderConflict if somebody began another one; ProviderTimedOut, with the reasons, when the time is over.
    """
    last: list[Standing] = []

    async def look() -> Tree | None:
        service = await cluster.service(name)
        if service is None or text(service, "status") != "ACTIVE":
            raise ProviderNotFound(f"Service {name} was deleted while it was rolled out.")
        found = standing(service, deployment)
        why = ""
        if found.failure is not None:
            said = await reasons(cluster, name, deployment) or found.failure
            raise ProviderRefused(f"The deployment of {name} failed: {found.failure}.", said)
        if found.replaced:
            raise ProviderConflict(f"Somebody began another deployment of {name} while this one was going on.")
        if found.failed_tasks and (not last or last[-1].failed_tasks != found.failed_tasks):
            why = await reasons(cluster, name, deployment)
        last.append(found)
        message = f"{found.message} ({why})" if why else found.message
        await attempt.report(Progress(message=message, ready=found.ready, desired=found.desired))
        return service if found.done else None

    try:
        return await poll(look, attempt)
    except TimeoutError as error:
        missing = last[-1].message if last else "nothing was seen of it"
        said = await reasons(cluster, name, deployment) or await _newest_event(cluster, name)
        raise ProviderTimedOut(f"The rollout did not finish in the step's time: {missing}.", said) from error


async def until_gone(cluster: EcsCluster, name: str, attempt: Attempt) -> None:
    """Until a deleted service has no tasks any more and its name is free."""

    async def look() -> bool | None:
        service = await cluster.service(name)
        if service is None:
            return True
        await attempt.report(Progress(message=f"Waiting until service {name} is gone"))
        return None

    try:
        await poll(look, attempt)
    except TimeoutError as error:
        message = f"Service {name} was still being deleted when the step's time was over."
        raise ProviderTimedOut(message) from error


async def poll(look: Callable[[], Awaitable[FoundT | None]], attempt: Attempt) -> FoundT:
    """What `look` finds at last; TimeoutError when the step's time is over."""
    pause = FIRST_POLL_SECONDS
    ends = time.monotonic() + max(0.0, attempt.seconds_left - TIME_TO_TELL_SECONDS)
    while True:
        found = await look()
        if found is not None:
            return found
        if time.monotonic() + pause > ends:
            raise TimeoutError
        await asyncio.sleep(pause)
        pause = min(LONGEST_POLL_SECONDS, pause * 1.3)


async def reasons(cluster: EcsCluster, name: str, deployment: str) -> str:
    """Why tasks of the deployment stopped, as they say; empty where they don't, or can't be asked."""
    with suppress(ProviderError):
        stopped = await cluster.tasks(name, "STOPPED")
        own = [task for task in stopped if text(task, "startedBy") == deployment]
        told = [text(task, "stoppedReason") or "" for task in own if _went_wrong(task)]
        exits = [
            f"container {text(item, 'name')} exited with code {item.get('exitCode')}"
            for task in own
            for item in trees(task, "containers")
            if item.get("exitCode")
        ]
        return "; ".join(sorted({reason for reason in (*told, *exits) if reason})[:3])
    return ""


def _went_wrong(task: Tree) -> bool:
    return text(task, "stopCode") in ("TaskFailedToStart", "EssentialContainerExited") or "health" in (
        text(task, "stoppedReason") or ""
    )


async def _newest_event(cluster: EcsCluster, name: str) -> str | None:
    with suppress(ProviderError):
        service = await cluster.service(name)
        events = trees(service, "events") if service is not None else []
        return text(events[0], "message") if events else None
    return None
