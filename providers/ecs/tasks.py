"""Tasks as live instances, and the groups that a service's tasks form."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from providers.ecs.cluster import EcsCluster
from providers.ecs.settings import short
from providers.ecs.values import ContainerDetails, ServiceState, TaskDetails
from providers.errors import ProviderNotFound
from providers.images import artifact_of, main_container
from providers.tree import Tree, text, trees
from providers.values import Artifact, InstanceGroup, InstanceHealth, LiveInstance

_ENDING = frozenset({"DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED", "DELETED"})


async def tasks_of(cluster: EcsCluster, services: Mapping[str, Tree]) -> dict[str, list[Tree]]:
    """The tasks of each active service that are there to stay, oldest first."""
    names = [name for name, service in services.items() if text(service, "status") == "ACTIVE"]

    async def one(name: str) -> list[Tree]:
        try:
            found = await cluster.tasks(name)
        except ProviderNotFound:
            return []
        return [task for task in found if text(task, "lastStatus") not in _ENDING]

    found = await asyncio.gather(*(one(name) for name in names))
    return dict(zip(names, found, strict=True))


def instance(
    cluster: str, service: str, task: Tree, artifact: Artifact | None, *, autoscaled: bool
) -> LiveInstance:
    """One task."""
    started = text(task, "startedAt")
    return LiveInstance(
        key=text(task, "taskArn") or "",
        group=service,
        artifact=_artifact(task, artifact),
        revision=revision_of(task),
        health=_health(task),
        autoscaled=autoscaled,
        started_at=datetime.fromisoformat(started) if started else None,
        details=_details(cluster, service, task).as_json(),
    )


def revision_of(task: Tree) -> str:
    return short(text(task, "taskDefinitionArn") or "")


def group_of(
    state: ServiceState,
    definition: Tree | None,
    tasks: list[Tree],
    artifact: Artifact | None,
    *,
    autoscaled: bool,
) -> InstanceGroup:
    """The tasks that are to run again, described by those that do now and by their task definition."""
    revision = short(state.definition)
    own = [task for task in tasks if revision_of(task) == revision and text(task, "lastStatus") == "RUNNING"]
    found = [_artifact(task, artifact) for task in own]
    digests = sorted({item.digest for item in found if item.digest})
    if not found:
        main = main_container(trees(definition, "containerDefinitions"), artifact)
        found = [artifact_of(text(main, "image") or "", None, revision)]
    return InstanceGroup(
        name=state.name,
        artifact=found[0],
        revision=revision,
        digests=tuple(digests),
        count=state.desired,
        autoscaled=autoscaled,
    )


def _artifact(task: Tree, artifact: Artifact | None) -> Artifact:
    container = main_container(trees(task, "containers"), artifact)
    return artifact_of(text(container, "image") or "", text(container, "imageDigest"), revision_of(task))


def _health(task: Tree) -> InstanceHealth:
    if text(task, "lastStatus") != "RUNNING":
        return InstanceHealth.STARTING
    return InstanceHealth.UNHEALTHY if text(task, "healthStatus") == "UNHEALTHY" else InstanceHealth.HEALTHY


def _details(cluster: str, service: str, task: Tree) -> TaskDetails:
    addresses = [
        text(item, "value")
        for attachment in trees(task, "attachments")
        for item in trees(attachment, "details")
        if text(item, "name") == "privateIPv4Address"
    ]
    return TaskDetails(
        cluster=cluster,
        service=service,
        task_definition=revision_of(task),
        deployment_id=text(task, "startedBy"),
        status=text(task, "lastStatus"),
        launch_type=text(task, "launchType"),
        availability_zone=text(task, "availabilityZone"),
        private_ip=addresses[0] if addresses else None,
        cpu=text(task, "cpu"),
        memory=text(task, "memory"),
        containers=tuple(
            ContainerDetails(
                name=text(item, "name") or "",
                image=text(item, "image") or "",
                status=text(item, "lastStatus"),
                health=text(item, "healthStatus"),
                reason=text(item, "reason"),
            )
            for item in trees(task, "containers")
        ),
    )
