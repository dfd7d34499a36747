"""Waiting for workloads: watched, so that the end is seen when it happens; polled where watching fails.

What is waited for is decided in workloads.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Coroutine, Iterable, Mapping
from contextlib import suppress
from typing import Any

from providers.errors import ProviderError, ProviderNotFound, ProviderRefused, ProviderTimedOut
from providers.interface import Attempt
from providers.kubernetes.cluster import Cluster
from providers.kubernetes.discovery import POD
from providers.kubernetes.live import Site
from providers.kubernetes.objects import Ref
from providers.kubernetes.tree import Tree, text
from providers.kubernetes.workloads import Standing, selector, standing, waiting_reasons
from providers.values import Progress

WATCH_SECONDS = 60
POLL_SECONDS = 0.5
# A rollout that has not moved for so long is asked why.
STUCK_SECONDS = 2.0
# A failure that an earlier try left behind is believed after so long.
GRACE_SECONDS = 10.0
# Left of the step's time to say what was still missing when it ends.
TIME_TO_TELL_SECONDS = 0.5


class Watcher:
    """Waits for a set of workloads and tells the attempt how far they are."""

    def __init__(self, cluster: Cluster, attempt: Attempt) -> None:
        self._cluster = cluster
        self._attempt = attempt
        self._standings: dict[Ref, Standing] = {}
        self._bodies: dict[Ref, Tree] = {}
        self._moved = self._began = time.monotonic()
        self._fresh: frozenset[Ref] = frozenset()

    async def wait(self, workloads: Mapping[Ref, Tree | None], fresh: Collection[Ref] = ()) -> None:
        """Until all are rolled out. The values are the objects as they were last seen, to start from.

        `fresh` are those just applied; what is said of the others may be about an earlier try.

        ProviderRefused if one cannot finish, ProviderTimedOut when the step's time is over, both with the reasons
        that the pods give.
        """
        if not workloads:
            return
        self._fresh = frozenset(fresh)
        allowed = max(0.0, self._attempt.seconds_left - TIME_TO_TELL_SECONDS)
        try:
            async with asyncio.timeout(allowed):
                await _all(
                    [self._follow(ref, body) for ref, body in workloads.items()], beside=self._ask_when_stuck()
                )
        except TimeoutError as error:
            missing = "; ".join(item.message for item in self._standings.values() if not item.done)
            message = f"The rollout did not finish in the step's time: {missing or 'nothing was seen of it'}."
            raise ProviderTimedOut(message, await self._reasons() or None) from error

    async def _follow(self, ref: Ref, body: Tree | None) -> None:
        failures = 0
        while True:
            body = body if body is not None else await self._cluster.get(ref)
            if body is None:
                raise ProviderNotFound(f"{ref} disappeared while it was rolled out.")
            if await self._see(ref, body):
                return
            began = time.monotonic()
            try:
                if await self._watch(ref, text(body, "metadata", "resourceVersion") or ""):
                    return
            except ProviderNotFound as error:
                if error.said is None:
                    raise
                failures += 1
            except ProviderError:
                failures += 1
            # A watch that ends at once is as good as none: then the object is asked for again and again.
            failures = failures + 1 if time.monotonic() - began < POLL_SECONDS else 0
            if failures:
                await asyncio.sleep(POLL_SECONDS)
            body = None

    async def _watch(self, ref: Ref, version: str) -> bool:
        kind = await self._cluster.discovery.kind(ref.api_version, ref.kind)
        async for event in self._cluster.watch(kind, ref, version, WATCH_SECONDS):
            if event.type == "DELETED":
                raise ProviderNotFound(f"{ref} was deleted while it was rolled out.")
            if event.type in {"ADDED", "MODIFIED"} and await self._see(ref, event.body):
                return True
        return False

    async def _see(self, ref: Ref, body: Tree) -> bool:
        """Take note of a workload as it is now; whether it is done."""
        found = standing(body)
        self._bodies[ref] = body
        if found != self._standings.get(ref):
            self._moved = time.monotonic()
            self._standings[ref] = found
            await self._tell()
        if found.failure is not None and (ref in self._fresh or time.monotonic() - self._began > GRACE_SECONDS):
            reasons = await self._reasons()
            raise ProviderRefused(f"{found.message}: {reasons or 'its pods give no reason'}.", found.failure)
        return found.done

    async def _tell(self, why: str = "") -> None:
        unfinished = [item for item in self._standings.values() if not item.done]
        told = unfinished or list(self._standings.values())
        message = "; ".join(item.message for item in told[:3])
        await self._attempt.report(
            Progress(
                message=f"{message} ({why})" if why else message,
                ready=sum(item.ready for item in self._standings.values()),
                desired=sum(item.desired for item in self._standings.values()),
            )
        )

    async def _ask_when_stuck(self) -> None:
        while True:
            await asyncio.sleep(STUCK_SECONDS)
            if time.monotonic() - self._moved >= STUCK_SECONDS:
                why = await self._reasons()
                if why:
                    await self._tell(why)

    async def _reasons(self) -> str:
        """Why pods of unfinished workloads are not ready, as they say; empty if they don't, or can't be asked."""
        pods: list[Tree] = []
        for ref, found in self._standings.items():
            if found.done:
                continue
            with suppress(ProviderError):
                pods += await self._cluster.list(POD, ref.namespace or "", selector(self._bodies[ref]))
        return waiting_reasons(tuple(pods))


async def _all(waits: Iterable[Coroutine[Any, Any, None]], beside: Coroutine[Any, Any, None]) -> None:
    """Until all `waits` have ended, or the first has failed; `beside` runs for as long."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    helper = asyncio.ensure_future(beside)
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in (*tasks, helper):
            task.cancel()
        await asyncio.gather(*tasks, helper, return_exceptions=True)


async def until_gone(site: Site, refs: Iterable[Ref], attempt: Attempt) -> None:
    """Until none of the objects exists any more; ProviderTimedOut when the step's time is over."""
    left = list(refs)
    while left:
        found = [ref for ref in left if await site.cluster.get(ref) is not None]
        if not found:
            return
        left = found
        names = ", ".join(str(ref) for ref in left[:3])
        if attempt.seconds_left < TIME_TO_TELL_SECONDS:
            raise ProviderTimedOut(f"Still being deleted when the step's time was over: {names}.")
        await attempt.report(Progress(message=f"Waiting until {names} is gone"))
        await asyncio.sleep(POLL_SECONDS / 5)
