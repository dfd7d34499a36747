"""Bringing one service back to what it was: its settings, its task definition, its count and its scaling."""

from __future__ import annotations

from dataclasses import dataclass

from providers.ecs import tags
from providers.ecs.changing import create, update
from providers.ecs.live import Site, free_or_active, is_same_definition
from providers.ecs.settings import differing, is_counted, settings_of
from providers.ecs.values import ScalingState, ServiceState
from providers.ecs.waiting import until_gone, until_steady
from providers.errors import ProviderConflict, ProviderError
from providers.interface import Attempt
from providers.tree import Tree, number, text

_MOST_UPDATES = 3


@dataclass(frozen=True)
class Restored:
    """The service afterwards (None where it is gone), and whether anything was done for it."""

    service: Tree | None
    changed: bool


def request_for(live: Tree, state: ServiceState, *, autoscaled: bool) -> Tree:
    """What UpdateService must be told to bring the service back, its capacity never going below what it has.

    Where an autoscaler decides, the count is only raised to what was saved; what was scaled to nothing serves
    nobody and goes at once.
    """
    request = differing(settings_of(live), state.settings)
    if not is_same_definition(live, state.definition):
        request["taskDefinition"] = state.definition
    count = final_count(live, state, autoscaled=autoscaled)
    if count is not None and (count >= (number(live, "desiredCount") or 0) or not count or not request):
        request["desiredCount"] = count
    return request


def final_count(live: Tree, state: ServiceState, *, autoscaled: bool) -> int | None:
    """The count that the service ends up with, where it is another one than it has now."""
    count = number(live, "desiredCount") or 0
    if not is_counted(state.settings) or count == state.desired:
        return None
    return state.desired if count < state.desired or not state.desired or not autoscaled else None


async def restore(site: Site, state: ServiceState, saved: ScalingState | None, attempt: Attempt) -> Restored:
    """Bring the service back and wait for it; nothing scales it meanwhile."""
    live = await free_or_active(site, state.name, attempt)
    scaling = (await site.scaling.read([state.name])).get(state.name)
    if live is None:
        service = await _create(site, state, attempt)
        changed = True
    else:
        began = tags.read(live, "tags").get(tags.ATTEMPT) == tags.digest_of(attempt.token)
        request = request_for(live, state, autoscaled=saved is not None)
        if request and scaling is not None:
            await site.scaling.suspend(scaling, attempt.before_effect)
        try:
            service = await _update_all(site, live, request, state, saved, attempt)
        except ProviderError:
            await _let_scale_again(site, state.name, scaling, saved, attempt)
            raise
        changed = began or bool(request)
    scaling = (await site.scaling.read([state.name])).get(state.name)
    if saved is not None:
        changed |= await site.scaling.bring(scaling, saved, attempt.before_effect)
    elif scaling is not None:
        await site.scaling.remove(state.name, attempt.before_effect)
        changed = True
    return Restored(service, changed)


async def _update_all(
    site: Site, live: Tree, request: Tree, state: ServiceState, saved: ScalingState | None, attempt: Attempt
) -> Tree:
    """First what must run, at the greater of both counts; then the count that was saved."""
    service = live
    for _ in range(_MOST_UPDATES):
        if request:
            service = await update(site, service, request, attempt)
        service = await until_steady(site.cluster, service, attempt)
        request = request_for(service, state, autoscaled=saved is not None)
        if not request:
            return service
    changed = ", ".join(sorted(request))
    raise ProviderConflict(f"Service {state.name} does not keep what it is given: somebody changes its {changed}.")


async def _let_scale_again(
    site: Site, name: str, before: ScalingState | None, saved: ScalingState | None, attempt: Attempt
) -> None:
    """After a failure: the service is not left without its autoscaler."""
    wanted = saved or before
    live = (await site.scaling.read([name])).get(name)
    if wanted is not None and live is not None:
        again = live.model_copy(update={"target": {**live.target, "SuspendedState": _suspended(wanted)}})
        await site.scaling.bring(live, again, attempt.before_effect)


def _suspended(state: ScalingState) -> object:
    return state.target.get("SuspendedState")


async def _create(site: Site, state: ServiceState, attempt: Attempt) -> Tree:
    request: Tree = {
        **state.settings,
        "serviceName": state.name,
        "taskDefinition": state.definition,
        **({"desiredCount": state.desired} if is_counted(state.settings) else {}),
        "tags": tags.write(state.tags),
    }
    service = await create(site, request, attempt)
    return await until_steady(site.cluster, service, attempt)


async def remove(site: Site, name: str, attempt: Attempt) -> Restored:
    """Take away a service that was not there before, with its scaling.

    Its task definition stays: nothing runs it, and another service may have come to use the same one.
    """
    service = (await site.cluster.services([name])).get(name)
    status = text(service, "status")
    if name in await site.scaling.read([name]):
        await site.scaling.remove(name, attempt.before_effect)
    if service is None or status == "INACTIVE":
        return Restored(None, changed=False)
    if status == "ACTIVE":
        await site.cluster.delete_service(name, attempt.before_effect)
    await until_gone(site.cluster, name, attempt)
    return Restored(None, changed=True)
