"""Telling how far helm is while it works, since helm itself says nothing until its end.

A rollout that cannot finish ends helm early: helm would wait for it until the step's time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from providers.errors import ProviderError, ProviderRefused, ProviderTimedOut
from providers.helm.releases import read_releases
from providers.helm.states import objects_of
from providers.interface import Attempt
from providers.kubernetes.cluster import each
from providers.kubernetes.discovery import POD
from providers.kubernetes.live import Site
from providers.kubernetes.objects import Ref
from providers.kubernetes.workloads import Standing, selector, standing, waiting_reasons
from providers.tree import Tree, number
from providers.values import Progress

POLL_SECONDS = 0.5

Seen = dict[Ref, Tree]


async def told(site: Site, attempt: Attempt, message: str, work: Coroutine[Any, Any, None]) -> None:
    """Do `work`, telling the attempt what the release's workloads look like meanwhile.

    ProviderRefused, with what the pods say, as soon as a rollout that `work` began cannot finish; then `work` is
    stopped. Where `work` fails by itself, its error comes with what the pods say too.
    """
    try:
        before = await _workloads(site)
    except ProviderError:
        work.close()
        raise
    working = asyncio.ensure_future(work)
    following = asyncio.ensure_future(_follow(site, attempt, message, before))
    try:
        await asyncio.wait({working, following}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise following.result()
        await working
    except (ProviderTimedOut, ProviderRefused) as error:
        why = "" if following.done() else await _why(site)
        raise type(error)(error.message, f"{why}; {error.said}" if why else error.said) from error
    finally:
        working.cancel()
        following.cancel()
        await asyncio.gather(working, following, return_exceptions=True)


async def _follow(site: Site, attempt: Attempt, message: str, before: Seen) -> ProviderRefused:
    """Returns only when a rollout that was begun meanwhile has failed."""
    await attempt.report(Progress(message=message))
    while True:
        await asyncio.sleep(POLL_SECONDS)
        try:
            seen = await _workloads(site)
            standings = {ref: standing(body) for ref, body in seen.items()}
            for ref, found in standings.items():
                if found.failure is not None and _generation(seen, ref) != _generation(before, ref):
                    why = await _why(site) or "its pods give no reason"
                    return ProviderRefused(f"{found.message}: {why}.", found.failure)
            await _tell(attempt, list(standings.values()))
        except ProviderError:
            continue  # helm asks the same API server and will say so itself


async def _tell(attempt: Attempt, standings: list[Standing]) -> None:
    unfinished = [item for item in standings if not item.done]
    if unfinished:
        message = "; ".join(item.message for item in unfinished[:3])
        ready, desired = (sum(getattr(item, name) for item in standings) for name in ("ready", "desired"))
        await attempt.report(Progress(message=message, ready=ready, desired=desired))


async def _workloads(site: Site) -> Seen:
    """The live workloads of the newest revision."""
    newest = (await read_releases(site)).newest
    if newest is None:
        return {}
    refs = [item.ref for item in await objects_of(site, newest) if item.ref.is_workload]
    found = await each(refs, site.cluster.get)
    return {ref: body for ref, body in zip(refs, found, strict=True) if body is not None}


def _generation(seen: Seen, ref: Ref) -> int | None:
    return number(seen.get(ref, {}), "metadata", "generation")


async def _why(site: Site) -> str:
    """What the pods of unfinished workloads say; empty where they don't, or can't be asked."""
    try:
        pods: list[Tree] = []
        for ref, body in (await _workloads(site)).items():
            if not standing(body).done:
                pods += await site.cluster.list(POD, ref.namespace or "", selector(body))
        return waiting_reasons(tuple(pods))
    except ProviderError:
        return ""
