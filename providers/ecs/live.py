"""Where a provider acts, and what is there: services and their scaling. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from providers.ecs import tags
from providers.ecs.cluster import EcsCluster
from providers.ecs.scaling import Scaling
from providers.ecs.settings import controller, primary, settings_of, short, with_revision
from providers.ecs.standing import definition_of
from providers.ecs.values import ServiceState
from providers.ecs.waiting import until_gone
from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.tree import Tree, number, text, trees

CANARY = "Canary"
NOTHING = "none"
"""What was there before, where nothing was."""
COLOURS = ("__1", "__2")


@dataclass(frozen=True)
class Site:
    """One target: a cluster, and the scaling of its services."""

    cluster: EcsCluster
    scaling: Scaling


def names_of(base: str) -> tuple[str, ...]:
    """The services that the strategies make for a service of that name."""
    return (base, base + CANARY, *(base + colour for colour in COLOURS))


async def free_or_active(site: Site, name: str, attempt: Attempt) -> Tree | None:
    """The active service, None where the name is free; one that is being deleted is waited for.

    ProviderRefused for a service that something else than ECS deploys.
    """
    service = await site.cluster.service(name)
    if service is not None and text(service, "status") == "DRAINING":
        await until_gone(site.cluster, name, attempt)
        return None
    if service is not None and controller(service) != "ECS":
        raise ProviderRefused(
            f"Service {name} is deployed by {controller(service)}: Unship can only deploy services whose "
            "deploymentController is ECS."
        )
    return service


@dataclass(frozen=True)
class Base:
    """What was really deployed last: a task definition (family:revision) and how many tasks were wanted."""

    definition: str
    desired: int


def base_of(service: Tree) -> Base:
    """What is live; where our last deployment has not come to its end, what was before it."""
    live = Base(definition_of(service), number(service, "desiredCount") or 0)
    found = tags.read(service, "tags")
    unfinished = text(primary(service), "rolloutState") not in ("COMPLETED", None)
    before, count = found.get(tags.BEFORE), found.get(tags.BEFORE_COUNT, "")
    if (
        unfinished
        and found.get(tags.DEPLOYS) == live.definition
        and before not in (None, NOTHING)
        and count.isdigit()
    ):
        return Base(before, int(count))
    failed = text(primary(service), "rolloutState") == "FAILED" or number(primary(service), "failedTasks")
    good = [item for item in trees(service, "deployments") if text(item, "rolloutState") == "COMPLETED"]
    if unfinished and failed and good:
        return Base(definition_of(good[0]), live.desired)
    return live


def never_ran(service: Tree) -> bool:
    """Whether it is what a deployment of ours left that failed, and that had nothing to go back to."""
    found = tags.read(service, "tags")
    states = [text(item, "rolloutState") for item in trees(service, "deployments")]
    ours = found.get(tags.DEPLOYS) == definition_of(service) and found.get(tags.BEFORE, NOTHING) == NOTHING
    return ours and not any(state in ("COMPLETED", None) for state in states)


async def state_of(site: Site, service: Tree) -> ServiceState:
    """A service as it is to be brought back."""
    base = base_of(service)
    settings = settings_of(service)
    if base.definition != definition_of(service):
        arns = [text(item, "arn") or "" for item in trees(service, "currentServiceRevisions")]
        earlier = await site.cluster.revisions(arn for arn in arns if arn)
        same = [item for item in earlier if definition_of(item) == base.definition]
        settings = with_revision(settings, same[0]) if same else settings
    return ServiceState(
        name=text(service, "serviceName") or "",
        definition=base.definition,
        desired=base.desired,
        settings=settings,
        tags=tags.foreign(tags.read(service, "tags")),
    )


def is_same_definition(service: Tree, definition: str) -> bool:
    """Whether the service is about that task definition, an ARN or family:revision."""
    return definition_of(service) == short(definition)
