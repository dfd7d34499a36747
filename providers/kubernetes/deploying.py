"""K8sRollingDeploy and K8sApply: all manifests of a service, or some."""

from __future__ import annotations

from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.kubernetes.live import Site
from providers.kubernetes.manifests import parse, parse_all
from providers.kubernetes.objects import KubeObject
from providers.kubernetes.plans import Plan, carry_out
from providers.kubernetes.values import ApplySpec, Operation, RollingDeploySpec
from providers.values import Outcome, Release


async def roll_out(site: Site, release: Release, spec: RollingDeploySpec, attempt: Attempt) -> Outcome:
    """K8sRollingDeploy: all manifests of the service."""
    manifests = manifests_of(release)
    plan = Plan(
        Operation.DEPLOY,
        release.service,
        manifests,
        release.artifact,
        dry_run=not spec.skip_dry_run,
        prune=spec.pruning_enabled,
    )
    return await carry_out(site, plan, attempt)


def manifests_of(release: Release) -> tuple[KubeObject, ...]:
    """The objects of all manifests; ProviderRefused where there is none."""
    manifests = parse_all(release.manifests)
    if not manifests:
        raise ProviderRefused(f'Service "{release.service}" has no manifests, so there is nothing to deploy.')
    return manifests


async def apply_manifests(site: Site, release: Release, spec: ApplySpec, attempt: Attempt) -> Outcome:
    """K8sApply: some manifests of the service, or the step's own."""
    known = {manifest.identifier: manifest for manifest in release.manifests}
    missing = [name for name in spec.file_paths if name not in known]
    if missing:
        listed = ", ".join(sorted(known)) or "none"
        raise ProviderRefused(f'The service has no manifest "{missing[0]}" (it has: {listed}).')
    manifests = parse_all(known[name] for name in spec.file_paths)
    if spec.manifest_source is not None:
        manifests += parse("manifestSource", spec.manifest_source.spec.store.spec.content)
    if not manifests:
        raise ProviderRefused("K8sApply names nothing to apply: set filePaths or manifestSource.")
    plan = Plan(
        Operation.APPLY,
        release.service,
        manifests,
        release.artifact,
        dry_run=not spec.skip_dry_run,
        wait=not spec.skip_steady_state_check,
    )
    return await carry_out(site, plan, attempt)
