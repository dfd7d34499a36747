"""Rows of what is configured and of what lives, a table at a time."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.sizes import (
    START,
    Kind,
    Row,
    Size,
    environment_id,
    environment_number,
    identifier,
    moment,
    service_id,
    target_number,
)
from db.statuses import EnvironmentType
from providers.values import DeploymentType, InstanceHealth


def services(size: Size) -> Iterator[Row]:
    for number in range(size.services):
        yield {
            "id": service_id(number),
            "identifier": f"service{number}",
            "name": f"Service {number:05d}",
            "description": f"The service of number {number}",
            "tags": {"team": f"team{number % 20}", "tier": str(number % 3)},
            "deployment_type": DeploymentType.KUBERNETES,
            "definition": {},
            "last_deployed_at": moment(size.executions - number) if number % 7 else None,
            "created_at": START,
            "updated_at": START,
        }


def environments(size: Size) -> Iterator[Row]:
    for number in range(size.environments):
        yield {
            "id": environment_id(number),
            "identifier": f"environment{number}",
            "name": f"Environment {number:03d}",
            "type": EnvironmentType.PRE_PRODUCTION if number % 2 else EnvironmentType.PRODUCTION,
            "definition": {},
            "created_at": START,
            "updated_at": START,
        }


def groups(_size: Size) -> Iterator[Row]:
    yield {"id": identifier(Kind.GROUP, 0), "identifier": "everything", "name": "Everything"}


def group_members(size: Size) -> Iterator[Row]:
    for number in range(size.environments):
        yield {
            "group_id": identifier(Kind.GROUP, 0),
            "environment_id": environment_id(number),
            "position": number,
        }


def infrastructures(size: Size) -> Iterator[Row]:
    for number in range(size.environments):
        yield {
            "id": identifier(Kind.INFRASTRUCTURE, number),
            "identifier": f"infrastructure{number}",
            "name": f"Infrastructure {number}",
            "environment_id": environment_id(number),
            "deployment_type": DeploymentType.KUBERNETES,
            "spec": {"connectorRef": "cluster", "namespace": f"namespace{number}"},
        }


def pipelines(size: Size) -> Iterator[Row]:
    for number in range(size.services):
        yield {
            "id": identifier(Kind.PIPELINE, number),
            "identifier": f"pipeline{number}",
            "name": f"Pipeline {number:05d}",
            "yaml": "pipeline: {}\n" * 50,
            "last_sequence": size.executions_per_service,
            "created_at": START,
            "updated_at": START,
        }


def targets(size: Size) -> Iterator[Row]:
    """Each stands at the last stage that went to it; one that no execution reached was never deployed."""
    for service in range(size.services):
        last = {
            environment_number(size, run, ordinal): (run * size.services + service) * size.stages + ordinal
            for run in range(size.executions_per_service)
            for ordinal in range(size.stages)
        }
        for environment in range(size.environments):
            stage = last.get(environment)
            stage_id = None if stage is None else identifier(Kind.STAGE, stage)
            yield {
                "id": identifier(Kind.TARGET, target_number(size, service, environment)),
                "service_id": service_id(service),
                "environment_id": environment_id(environment),
                "infrastructure_id": identifier(Kind.INFRASTRUCTURE, environment),
                "current_stage_id": stage_id,
                "deployed_stage_id": stage_id,
                "last_deployed_at": None if stage is None else moment(stage // size.stages),
                "resolved": None,
                "synced_at": START,
            }


def instances(size: Size) -> Iterator[Row]:
    """The instances of a target run its last stage's artifact; every fifth the one before it.

    Each service has an image of its own, and the tags differ from environment to environment.
    """
    number = 0
    for place, target in enumerate(targets(size)):
        service, environment = divmod(place, size.environments)
        image = f"registry.example.com/service{service}/web"
        for copy in range(size.instances_per_target):
            tag = f"{'old' if copy % 5 == 4 else 'new'}-{environment % 3}"
            yield {
                "id": identifier(Kind.INSTANCE, number),
                "target_id": target["id"],
                "service_id": target["service_id"],
                "environment_id": target["environment_id"],
                "infrastructure_id": target["infrastructure_id"],
                "key": f"pod-{number}",
                "group": "Deployment/web",
                "display_name": f"{image}:{tag}",
                "image": image,
                "tag": tag,
                "digest": f"sha256:{tag}",
                "revision": tag,
                "health": InstanceHealth.HEALTHY,
                "details": {"namespace": "web", "pod_name": f"pod-{number}", "node": f"node-{number % 50}"},
                "execution_id": None,
                "stage_id": target["current_stage_id"],
                "deployed_at": target["last_deployed_at"],
                "deployed_by": "benchmark",
                "seen_at": START,
                "removed_at": None,
            }
            number += 1
