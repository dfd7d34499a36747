"""Whether the way back is open, and what it would change. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic import JsonValue

from providers.ecs import comparing
from providers.ecs.live import Site, names_of
from providers.ecs.registry import missing_images
from providers.ecs.restoring import request_for
from providers.ecs.scaling import NOT_SUSPENDED
from providers.ecs.settings import controller, settings_of, short
from providers.ecs.standing import definition_of
from providers.ecs.values import EcsSnapshot, ScalingState, ServiceState
from providers.errors import ProviderError, ProviderNotFound
from providers.tree import Tree, compact, number, text, trees
from providers.values import Change, Obstacle


async def preflight(site: Site, states: Sequence[ServiceState]) -> tuple[Obstacle, ...]:
    """Everything that stands in the way of bringing these services back, all at once."""
    if not states:
        return ()
    try:
        services = await site.cluster.services([state.name for state in states])
    except ProviderNotFound as error:
        remedy = f"Create cluster {site.cluster.name} again, then deploy the earlier version as a new deployment."
        return (Obstacle(message=error.message, remedy=remedy),)
    found = await asyncio.gather(*(_of_service(site, state, services.get(state.name)) for state in states))
    return tuple(item for part in found for item in part)


async def _of_service(site: Site, state: ServiceState, live: Tree | None) -> list[Obstacle]:
    obstacles: list[Obstacle] = []
    if live is not None and text(live, "status") == "ACTIVE" and controller(live) != "ECS":
        message = f"Service {state.name} is deployed by {controller(live)} now."
        obstacles.append(Obstacle(message=message, remedy="Roll back with what deploys the service."))
    definition, groups = await asyncio.gather(
        site.cluster.definition(state.definition), _missing_target_groups(site, state)
    )
    obstacles += groups
    if definition is None or text(definition, "status") != "ACTIVE":
        kind = "was deleted" if definition is None else f"is {text(definition, 'status')}"
        obstacles.append(
            Obstacle(
                message=f"Task definition {short(state.definition)}, which service {state.name} ran, {kind}.",
                remedy="It cannot be used again: deploy the earlier version as a new deployment.",
            )
        )
        return obstacles
    for image in await missing_images(site.cluster.region, definition):
        message = f"The image {image}, which service {state.name} ran, is no longer in its repository."
        obstacles.append(Obstacle(message=message, remedy="Push it again under the same tag."))
    return obstacles


async def _missing_target_groups(site: Site, state: ServiceState) -> list[Obstacle]:
    arns = {text(item, "targetGroupArn") for item in trees(state.settings, "loadBalancers")} - {None}

    async def one(arn: str) -> list[Obstacle]:
        doing = f"look for target group {arn}"
        try:
            await site.cluster.region.call("elbv2", "DescribeTargetGroups", {"TargetGroupArns": [arn]}, doing)
        except ProviderNotFound:
            message = f"The target group {short_group(arn)} of service {state.name} does not exist any more."
            return [Obstacle(message=message, remedy="Create it again, or deploy with another one.")]
        return []

    found = await asyncio.gather(*(one(arn) for arn in sorted(arn for arn in arns if arn)))
    return [item for part in found for item in part]


def short_group(arn: str) -> str:
    """The name of a target group."""
    parts = arn.split("/")
    return parts[1] if len(parts) > 1 else arn


async def refuse_closed_way(site: Site, states: Sequence[ServiceState]) -> None:
    """ProviderNotFound, before anything is changed, where preflight would say that the way is closed."""
    for obstacle in await preflight(site, states):
        if obstacle.blocking:
            raise ProviderNotFound(f"{obstacle.message} {obstacle.remedy}")


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
    return tuple(found)


async def _service_changes(
    site: Site, name: str, live: Tree | None, state: ServiceState | None, *, autoscaled: bool
) -> list[Change]:
    resource = f"service/{name}"
    if live is None and state is None:
        return []
    if live is None or state is None:
        current = await _described(site, definition_of(live)) if live is not None else None
        target = await _described(site, state.definition) if state is not None else None
        return [Change(resource=resource, field="service", current=current, target=target)]
    request = request_for(live, state, autoscaled=autoscaled)
    shown = {"desiredCount": number(live, "desiredCount"), **settings_of(live)}
    found = [
        Change(resource=resource, field=key, current=_text(shown.get(key)), target=_text(value))
        for key, value in sorted(request.items())
        if key != "taskDefinition"
    ]
    if "taskDefinition" in request:
        old, new = await asyncio.gather(_described(site, definition_of(live)), _described(site, state.definition))
        found.insert(0, Change(resource=resource, field="taskDefinition", current=old, target=new))
    return found


async def _described(site: Site, definition: str) -> str:
    """`family:revision (image, image)`."""
    try:
        found = await site.cluster.definition(definition)
    except ProviderError:
        found = None
    shown = ", ".join(sorted(comparing.images(found or {}).values()))
    return f"{short(definition)} ({shown})" if shown else short(definition)


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
