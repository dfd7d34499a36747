"""What a service's manifests want of ECS: a task definition, a service, and the scaling of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from providers.aws.client import Region
from providers.ecs.values import (
    MANIFEST_TYPES,
    SCALABLE_TARGET,
    SCALING_POLICY,
    SERVICE_DEFINITION,
    TASK_DEFINITION,
)
from providers.errors import ProviderRefused
from providers.tree import Tree, text
from providers.values import Manifest, Release
from providers.yaml_text import documents

TARGET_GROUP = "<+targetGroupArn>"
"""What the blue/green steps fill in."""

_OURS = {
    "RegisterTaskDefinition": frozenset[str](),
    "CreateService": frozenset({"cluster", "taskDefinition", "clientToken"}),
    "RegisterScalableTarget": frozenset({"ResourceId"}),
    "PutScalingPolicy": frozenset({"ResourceId"}),
}


@dataclass(frozen=True)
class Wanted:
    """What is to run; each object as the request takes it, without cluster, task definition and resource id."""

    name: str
    definition: Tree
    service: Tree
    target: Tree | None
    policies: tuple[Tree, ...]

    @property
    def desired(self) -> int | None:
        count = self.service.get("desiredCount")
        return count if isinstance(count, int) else None


def service_name(release: Release) -> str:
    """The name of the service that a release is about; ProviderRefused where the manifests do not tell."""
    found = [_one(manifest) for manifest in release.manifests if manifest.type == SERVICE_DEFINITION]
    name = text(found[0], "serviceName") if found else None
    if name is None:
        raise ProviderRefused(
            f'Service "{release.service}" needs one manifest of type {SERVICE_DEFINITION} with a serviceName.'
        )
    return name


async def read(region: Region, release: Release) -> Wanted:
    """The manifests, checked against what the API takes; ProviderRefused names the manifest and the key."""
    name = service_name(release)
    definition = await _only(region, release, TASK_DEFINITION, "RegisterTaskDefinition")
    service = await _only(region, release, SERVICE_DEFINITION, "CreateService")
    if definition is None or service is None:
        raise ProviderRefused(
            f'Service "{release.service}" needs one manifest each of {TASK_DEFINITION} and {SERVICE_DEFINITION}.'
        )
    target = await _only(region, release, SCALABLE_TARGET, "RegisterScalableTarget")
    policies = [
        await _fit(region, manifest, "PutScalingPolicy")
        for manifest in release.manifests
        if manifest.type == SCALING_POLICY
    ]
    if policies and target is None:
        raise ProviderRefused(f"A manifest of type {SCALING_POLICY} needs one of type {SCALABLE_TARGET}.")
    return Wanted(name, definition, service, target, tuple(policies))


async def _only(region: Region, release: Release, kind: str, operation: str) -> Tree | None:
    found = [manifest for manifest in release.manifests if manifest.type == kind]
    if len(found) > 1:
        raise ProviderRefused(f'Service "{release.service}" has more than one manifest of type {kind}: keep one.')
    return await _fit(region, found[0], operation) if found else None


async def _fit(region: Region, manifest: Manifest, operation: str) -> Tree:
    where = f'Manifest "{manifest.identifier}"'
    service = "application-autoscaling" if "Scal" in operation else "ecs"
    found = await region.fit(service, operation, _one(manifest), where)
    for key in found.keys() & _OURS[operation]:
        raise ProviderRefused(f"{where} sets {key}, which Unship sets itself: remove it.")
    return found


def _one(manifest: Manifest) -> Tree:
    where = f'Manifest "{manifest.identifier}"'
    found = [document for document in documents(where, manifest.content) if document is not None]
    if len(found) != 1 or not isinstance(found[0], dict):
        raise ProviderRefused(f"{where} must hold one object.")
    return found[0]


def check_types(manifests: Iterable[Manifest]) -> None:
    """ProviderRefused for a manifest that ECS has not."""
    for manifest in manifests:
        if manifest.type not in MANIFEST_TYPES:
            known = ", ".join(sorted(MANIFEST_TYPES))
            raise ProviderRefused(
                f'Manifest "{manifest.identifier}" is of type {manifest.type}; ECS takes {known}.'
            )
