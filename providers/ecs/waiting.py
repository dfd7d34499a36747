"""Waiting for services: polled, faster at first; what is waited for is decided in standing.py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from providers.ecs.cluster import EcsCluster
from providers.ecs.settings import primary
from providers.ecs.standing import Standing, definition_of, standing
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
_TAKEN_BACK = ("ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
# Left of the step's time to say what was still missing when it ends.
TIME_TO_TELL_SECONDS = 0.5


async def until_steady(cluster: EcsCluster, service: Tree, attempt: Attempt) -> Tree:
    """The service, when its newest deployment as it was seen in `service` has come to its end.

    ProviderRefused if the service's own circuit breaker, or an alarm, ended it, with what the tasks said;
    ProviderConflict if somebody began another one; ProviderTimedOut, with the reasons, when the time is over.
    """
    name, deployment = text(service, "serviceName") or "", text(primary(service), "id") or ""
    definition = definition_of(service)
    last: list[Standing] = []

    async def look() -> Tree | None:
        now = await cluster.service(name)
        if now is None or text(now, "status") != "ACTIVE":
            raise ProviderNotFound(f"Service {name} was deleted while it was rolled out.")
        found = standing(now, deployment)
        why = ""
        failure = found.failure
        if failure is None and found.replaced:
            failure = await taken_back(cluster, name, definition)
        if failure is not None:
            said = await reasons(cluster, name, deployment) or failure
            raise ProviderRefused(f"The deployment of {name} failed: {failure}.", said)
        if found.replaced:
            raise ProviderConflict(f"Somebody began another deployment of {name} while this one was going on.")
        if found.failed_tasks and (not last or last[-1].failed_tasks != found.failed_tasks):
            why = await reasons(cluster, name, deployment)
        last.append(found)
        message = f"{found.message} ({why})" if why else found.message
        await attempt.report(Progress(message=message, ready=found.ready, desired=found.desired))
        return now if found.done else None

    try:
        settled = await poll(look, attempt)
        cluster.settled(settled)
        return settled
    except TimeoutError as error:
        missing = last[-1].message if last else "nothing was seen of it"
        said = await reasons(cluster, name, deployment) or await _newest_event(cluster, name)
        raise ProviderTimedOut(f"The rollout did not finish in the step's time: {missing}.", said) from error


async def taken_back(cluster: EcsCluster, service: str, definition: str) -> str | None:
    """Why the service went back by itself from deploying that task definition; None where it did not."""
    found = await cluster.deployments(service, _TAKEN_BACK)
    revisions = await cluster.revisions(
        arn for item in found if (arn := text(item, "targetServiceRevisionArn")) is not None
    )
    by_arn = {text(item, "serviceRevisionArn"): definition_of(item) for item in revisions}
    for item in found:
        if by_arn.get(text(item, "targetServiceRevisionArn")) == definition:
            return text(item, "statusReason") or "the service went back by itself"
    return None


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
