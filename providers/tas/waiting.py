"""Waiting until a foundation has done what was asked: builds, deployments, instances, deletions. Polls."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial

from providers.errors import ProviderConflict, ProviderNotFound, ProviderRefused, ProviderTimedOut
from providers.interface import Attempt
from providers.tas.foundation import Foundation
from providers.tas.wire import Deployment, Instance, Process, Route
from providers.values import Progress

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 1.0
# Left of the step's time to say what was still missing when it ends.
TIME_TO_TELL_SECONDS = 0.5
# Instances may crash while they find what they need; after so long without any progress they are believed.
CRASHING_SECONDS = 20.0


class Patience:
    """Pauses that grow, until the step's time is over."""

    def __init__(self, attempt: Attempt) -> None:
        self._until = time.monotonic() + max(0.0, attempt.seconds_left - TIME_TO_TELL_SECONDS)
        self._pause = FIRST_PAUSE_SECONDS

    async def pause(self) -> bool:
        """False, at once, where there is no time left."""
        left = self._until - time.monotonic()
        if left <= 0:
            return False
        await asyncio.sleep(min(left, self._pause * random.uniform(0.8, 1.2)))  # noqa: S311 - spreads load
        self._pause = min(LONGEST_PAUSE_SECONDS, self._pause * 1.6)
        return True


@dataclass(frozen=True)
class Standing:
    """How far an app is: its instances, the newest of each process type."""

    ready: int
    desired: int
    crashed: tuple[str, ...]
    waiting: tuple[str, ...]

    @property
    def done(self) -> bool:
        return self.ready == self.desired

    @property
    def reasons(self) -> str | None:
        """What the platform says of those that are not up."""
        return "; ".join((*self.crashed, *self.waiting)[:5]) or None


async def standing(foundation: Foundation, app: str) -> Standing:
    """The app's instances now."""
    newest = {process.type: process for process in await foundation.processes((app,))}
    stats = await asyncio.gather(*(foundation.stats(process.guid) for process in newest.values()))
    return _sum(list(zip(newest.values(), stats, strict=True)))


def _sum(found: Iterable[tuple[Process, tuple[Instance, ...]]]) -> Standing:
    every = [(process, one) for process, stats in found for one in stats if one.index < process.instances]
    up = [one for _, one in every if one.state == "RUNNING" and one.routable is not False]
    down = [(process, one) for process, one in every if one not in up]
    told = [
        (
            one.state,
            f"{process.type} instance {one.index} is {one.state}" + (f": {one.details}" if one.details else ""),
        )
        for process, one in down
    ]
    return Standing(
        ready=len(up),
        desired=sum({process.guid: process.instances for process, _ in found}.values()),
        crashed=tuple(text for state, text in told if state == "CRASHED"),
        waiting=tuple(text for state, text in told if state != "CRASHED"),
    )


class Watch:
    """Waits for one app and tells the attempt how far it is."""

    def __init__(
        self, foundation: Foundation, attempt: Attempt, name: str, crashing_seconds: float = CRASHING_SECONDS
    ) -> None:
        self._foundation = foundation
        self._attempt = attempt
        self._name = name
        self._crashing_seconds = crashing_seconds
        self._crashing_since: float | None = None
        self._best = -1

    async def until_up(self, app: str) -> Standing:
        """Until every instance is RUNNING; ProviderRefused where they keep crashing, ProviderTimedOut after."""
        patience = Patience(self._attempt)
        while True:
            now = await standing(self._foundation, app)
            await self._tell(now, f"{now.ready} of {now.desired} instances of {self._name} run")
            if now.done:
                return now
            self._check(now)
            if not await patience.pause():
                raise ProviderTimedOut(
                    f"Not every instance of {self._name} came up in time ({now.ready} of {now.desired}).",
                    now.reasons,
                )

    async def until_deployed(self, app: str, deployment: Deployment) -> None:
        """Until a deployment is DEPLOYED; ProviderConflict where somebody cancels or supersedes it."""
        patience = Patience(self._attempt)
        while True:
            if deployment.deployed:
                return
            if not deployment.active:
                raise ProviderConflict(
                    f"The deployment of {self._name} was ended by somebody else ({deployment.status.reason}): "
                    "look at what runs, and run the step again."
                )
            now = await standing(self._foundation, app)
            await self._tell(now, f"{self._name} is rolled over: {now.ready} of {now.desired} new instances run")
            self._check(now)
            if not await patience.pause():
                raise ProviderTimedOut(
                    f"The deployment of {self._name} did not finish in time ({now.ready} of {now.desired} "
                    "new instances run).",
                    now.reasons or f"{deployment.status.value}, {deployment.status.reason}",
                )
            found = await self._foundation.deployment(deployment.guid)
            if found is None:
                raise ProviderNotFound(f"The app {self._name} was deleted while it was rolled over.")
            deployment = found

    def _check(self, now: Standing) -> None:
        """Believes that a version is broken whose instances have crashed for long while none came up."""
        if now.ready > self._best or (self._crashing_since is None and not now.crashed):
            self._best, self._crashing_since = max(now.ready, self._best), None
        if now.crashed and self._crashing_since is None:
            self._crashing_since = time.monotonic()
        since = self._crashing_since
        if now.crashed and since is not None and time.monotonic() - since >= self._crashing_seconds:
            raise ProviderRefused(f"Instances of {self._name} keep crashing.", now.reasons)

    async def _tell(self, now: Standing, message: str) -> None:
        why = f" ({now.crashed[0]})" if now.crashed else ""
        await self._attempt.report(Progress(message=message + why, ready=now.ready, desired=now.desired))


async def until_ended(foundation: Foundation, attempt: Attempt, deployment: Deployment) -> None:
    """Until a deployment that was canceled is over."""
    patience = Patience(attempt)
    while True:
        found = await foundation.deployment(deployment.guid)
        if found is None or not found.active:
            return
        await attempt.report(Progress(message="Waiting until the deployment under way is canceled"))
        if not await patience.pause():
            raise ProviderTimedOut("The deployment under way was not canceled in the step's time.")


async def until_gone(
    foundation: Foundation, attempt: Attempt, apps: Iterable[tuple[str, str]], routes: Iterable[Route] = ()
) -> None:
    """Until these apps (guid and name) and routes do not exist any more."""
    patience = Patience(attempt)

    async def wait(name: str, find: Callable[[], Awaitable[object]]) -> None:
        while await find() is not None:
            await attempt.report(Progress(message=f"Waiting until {name} is gone"))
            if not await patience.pause():
                raise ProviderTimedOut(f"{name} was still being deleted when the step's time was over.")

    for guid, name in apps:
        await wait(name, partial(foundation.app, guid))
    for route in routes:
        await wait(route.url, partial(foundation.route, route.guid))
