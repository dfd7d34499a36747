"""Waiting for workloads: watched, so that the end is seen when it happens; polled where watching fails.

What is waited for is decided in workloads.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from contextlib import suppress
from typing import Any

from providers.errors import ProviderError, ProviderNotFound, ProviderRefused, ProviderTimedOut
from providers.interface import Attempt
from providers.kubernetes.cluster import Cluster, each
from providers.kubernetes.discovery import POD
from providers.kubernetes.inventory import Inventory, is_live
from providers.kubernetes.live import Live, Site
from providers.kubernetes.objects import Ref
from providers.kubernetes.workloads import Standing, selector, standing, waiting_reasons
from providers.tree import Tree, text
from providers.values import Progress

WATCH_SECONDS = 60
# Events get lost behind some proxies: after so long a silence the object itself is asked.
RESYNC_SECONDS = 5.0
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
        while True:
            body = body if body is not None else await self._cluster.get(ref)
            if body is None:
                raise ProviderNotFound(f"{ref} disappeared while it was rolled out.")
            found = await self._note(ref, body)
            if found.done:
                return
            if self._is_final(ref, found):
                why = await self._reasons() or "its pods give no reason"
                raise ProviderRefused(f"{found.message}: {why}.", found.failure)
            began = time.monotonic()
            try:
                body = await self._watch(ref, text(body, "metadata", "resourceVersion") or "")
            except ProviderError:
                body = None
            # A watch that ends at once is as good as none: then the object is asked for again and again.
            if body is None and time.monotonic() - began < POLL_SECONDS:
                await asyncio.sleep(POLL_SECONDS)

    async def _watch(self, ref: Ref, version: str) -> Tree | None:
        """The workload as soon as it is done or has failed; None if the watch ended or was silent for long."""
        kind = await self._cluster.discovery.kind(ref.api_version, ref.kind)
        events = self._cluster.watch(kind, ref, version, WATCH_SECONDS)
        try:
            async with asyncio.timeout(RESYNC_SECONDS) as silence:
                async for event in events:
                    silence.reschedule(asyncio.get_running_loop().time() + RESYNC_SECONDS)
                    if event.type == "DELETED":
                        return None
                    if event.type == "BOOKMARK":
                        continue
                    found = await self._note(ref, event.body)
                    if found.done or self._is_final(ref, found):
                        return event.body
        except TimeoutError:
            return None
        finally:
            await events.aclose()
        return None

    def _is_final(self, ref: Ref, found: Standing) -> bool:
        """Whether a failure is about this try: where nothing was applied, it may be what an earlier one left."""
        known = ref in self._fresh or time.monotonic() - self._began > GRACE_SECONDS
        return found.failure is not None and known

    async def _note(self, ref: Ref, body: Tree) -> Standing:
        """How far a workload is, told if it is news."""
        found = standing(body)
        self._bodies[ref] = body
        if found != self._standings.get(ref):
            self._moved = time.monotonic()
            self._standings[ref] = found
            await self._tell()
        return found

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


async def until_gone(site: Site, refs: Iterable[Ref], live: Live, attempt: Attempt) -> None:
    """Until none of the objects that `live` has exists any more; another one of the same name is not waited for.

    ProviderTimedOut when the step's time is over.
    """

    async def is_there(ref: Ref) -> bool:
        body = await site.cluster.get(ref)
        return body is not None and text(body, "metadata", "uid") == text(live.bodies[ref], "metadata", "uid")

    await _while_there([ref for ref in refs if ref in live.bodies], is_there, attempt)


async def until_ended(site: Site, owned: Mapping[Ref, Inventory], live: Live, attempt: Attempt) -> None:
    """Until all pods of these workloads, which are being deleted, are gone or on their way out.

    ProviderTimedOut when the step's time is over.
    """

    async def is_there(ref: Ref) -> bool:
        known = {text(pod, "metadata", "uid") for pod in owned[ref].pods}
        if not known:
            return False
        pods = await site.cluster.list(POD, ref.namespace or "", selector(live.bodies[ref]))
        return any(is_live(pod) and text(pod, "metadata", "uid") in known for pod in pods)

    await _while_there(list(owned), is_there, attempt)


async def _while_there(left: list[Ref], is_there: Callable[[Ref], Awaitable[bool]], attempt: Attempt) -> None:
    while left:
        there = await each(left, is_there)
        left = [ref for ref, found in zip(left, there, strict=True) if found]
        if not left:
            return
        names = ", ".join(str(ref) for ref in left[:3])
        if attempt.seconds_left < TIME_TO_TELL_SECONDS:
            raise ProviderTimedOut(f"Still being deleted when the step's time was over: {names}.")
        await attempt.report(Progress(message=f"Waiting until {names} is gone"))
        await asyncio.sleep(POLL_SECONDS / 5)
