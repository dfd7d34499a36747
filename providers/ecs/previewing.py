"""What a rollback would change: live services, their scaling and routes against the saved ones. Reads only."""

from __future__ import annotations

import asyncio

from pydantic import JsonValue

from providers.ecs.definitions import described
from providers.ecs.leading import route_changes
from providers.ecs.live import Site, names_of
from providers.ecs.restoring import final_count, request_for
from providers.ecs.scaling import NOT_SUSPENDED
from providers.ecs.settings import settings_of
from providers.ecs.standing import definition_of
from providers.ecs.values import EcsSnapshot, ScalingState, ServiceState
from providers.tree import Tree, compact, number, text
from providers.values import Change


async def preview(site: Site, snapshot: EcsSnapshot) -> tuple[Change, ...]:
    """What a rollback would change: the live services and their scaling against the saved ones."""
    names = names_of(snapshot.base)
    services, scaling = await asyncio.gather(site.cluster.services(names), site.scaling.read(names))
    found: list[Change] = []
    for name in names:
        live = services.get(name)
        live = live if live is not None and text(live, "status") != "INACTIVE" else None
        state = snapshot.service(name)
        saved = snapshot.scaling_of(name)
        found += await _service_changes(site, name, live, state, autoscaled=saved is not None)
        if live is not None or state is not None:
            found += scaling_changes(name, scaling.get(name), saved)
    return (*found, *await route_changes(site, snapshot, services))


async def _service_changes(
    site: Site, name: str, live: Tree | None, state: ServiceState | None, *, autoscaled: bool
) -> list[Change]:
    resource = f"service/{name}"
    if live is None and state is None:
        return []
    if live is None or state is None:
        current = await described(site.cluster, definition_of(live)) if live is not None else None
        target = await described(site.cluster, state.definition) if state is not None else None
        return [Change(resource=resource, field="service", current=current, target=target)]
    request = request_for(live, state, autoscaled=autoscaled)
    # A rollback reduces the count last, in a request of its own.
    if (count := final_count(live, state, autoscaled=autoscaled)) is not None:
        request["desiredCount"] = count
    shown = {"desiredCount": number(live, "desiredCount"), **settings_of(live)}
    found = [
        Change(resource=resource, field=key, current=_text(shown.get(key)), target=_text(value))
        for key, value in sorted(request.items())
        if key != "taskDefinition"
    ]
    if "taskDefinition" in request:
        old, new = await asyncio.gather(
            described(site.cluster, definition_of(live)), described(site.cluster, state.definition)
        )
        found.insert(0, Change(resource=resource, field="taskDefinition", current=old, target=new))
    return found


def scaling_changes(service: str, live: ScalingState | None, saved: ScalingState | None) -> list[Change]:
    """How the scaling of a service differs."""
    resource = f"scalable-target/{service}"
    before, after = _fields(live), _fields(saved)
    return [
        Change(resource=resource, field=key, current=before.get(key), target=after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _fields(state: ScalingState | None) -> dict[str, str | None]:
    if state is None:
        return {}
    policies = {f"policy {item.get('PolicyName')}": _text(item) for item in state.policies}
    target = {"SuspendedState": NOT_SUSPENDED, **state.target}
    return {**{key: _text(value) for key, value in target.items()}, **policies}


def _text(value: JsonValue) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return compact(value)
