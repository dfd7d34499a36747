"""K8sCanaryDeploy and K8sCanaryDelete: some copies of the new version beside the one that runs.

The Deployments of the release run as NAME-canary with their own copies of the configuration that they read;
nothing of the running version is touched. The objects carry a label of ours, by which K8sCanaryDelete finds
exactly them.
"""

from __future__ import annotations

from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.kubernetes.applying import place_all
from providers.kubernetes.cluster import by_selector, each
from providers.kubernetes.deleting import delete_once
from providers.kubernetes.deploying import manifests_of
from providers.kubernetes.discovery import CONFIG_MAP, DEPLOYMENT, SECRET, Kind
from providers.kubernetes.history import History
from providers.kubernetes.live import Live, Site, read_live
from providers.kubernetes.objects import (
    RELEASE_LABEL,
    TRACK_LABEL,
    VARIANT_LABEL,
    KubeObject,
    Ref,
    template,
)
from providers.kubernetes.plans import Plan, carry_out
from providers.kubernetes.records import Record, applied_by, of_token
from providers.kubernetes.references import needed, pull_secrets
from providers.kubernetes.rollback import read_way
from providers.kubernetes.values import (
    CanaryCount,
    CanaryDeploySpec,
    CanarySelection,
    KubernetesSnapshot,
    Operation,
)
from providers.kubernetes.variants import Variant, refuse_others, split
from providers.kubernetes.workloads import desired, share_of
from providers.tree import Tree, number, put
from providers.values import Outcome, Release

CANARY = Variant("canary", TRACK_LABEL)
_KINDS = (DEPLOYMENT, CONFIG_MAP, SECRET)


async def deploy(site: Site, release: Release, spec: CanaryDeploySpec, attempt: Attempt) -> Outcome:
    """K8sCanaryDeploy. How many copies is decided once: a repetition takes what its record says."""
    record = of_token(await History(site).read(), attempt.token)
    objects = applied_by(record) if record else await _canary(site, release, spec.instance_selection)
    plan = Plan(
        Operation.CANARY,
        release.service,
        objects,
        release.artifact,
        dry_run=not spec.skip_dry_run,
        counted=True,
    )
    outcome = await carry_out(site, plan, attempt)
    deployments = [item for item in objects if item.ref.is_deployment]
    counts = {
        "canaryWorkload": ",".join(str(item.ref) for item in deployments),
        "replicas": ",".join(str(number(item.body, "spec", "replicas")) for item in deployments),
    }
    return outcome.model_copy(update={"outputs": {**outcome.outputs, **counts}})


async def delete(site: Site, attempt: Attempt) -> Outcome:
    """K8sCanaryDelete; SKIPPED where there is no canary."""

    async def choose(records: tuple[Record, ...]) -> Live:
        namespaces = {site.namespace}
        for record in records:
            if record.operation is Operation.CANARY:
                namespaces |= {stored.namespace for stored in record.content.applied if stored.namespace}
        return await _found(site, namespaces)

    return await delete_once(site, Operation.CANARY_DELETE, choose, attempt)


async def delete_for_rollback(site: Site, snapshot: KubernetesSnapshot, attempt: Attempt) -> Outcome:
    """K8sCanaryDelete among rollback steps: refused, as the whole rollback is, where the way back is closed."""
    await read_way(site, snapshot, attempt.token)
    return await delete(site, attempt)


async def _canary(site: Site, release: Release, chosen: CanarySelection) -> tuple[KubeObject, ...]:
    """What to apply: the copies, and of the rest only what their pods cannot start without and is missing."""
    objects = await place_all(site, manifests_of(release))
    parts = split(objects, CANARY)
    copies = [item for item in parts.copies if item.ref.is_deployment or item.ref.is_configuration]
    if not any(item.ref.is_deployment for item in copies):
        raise ProviderRefused("A canary is made of Deployments, and the manifests have none: roll it out.")
    live = await read_live(site, {item.ref for item in (*objects, *copies)})
    refuse_others(copies, live.bodies, CANARY)
    originals = {CANARY.of(item.ref): item for item in objects if item.ref.is_deployment}
    counted = [
        _with_count(item, originals[item.ref], live, chosen) if item.ref.is_deployment else item for item in copies
    ]
    templates = [template(item.body) for item in copies]
    names = {name for one in templates for name in needed(one) | pull_secrets(one)}
    missing = [
        item for item in parts.rest if (item.ref.kind, item.ref.name) in names and item.ref not in live.bodies
    ]
    return (*missing, *counted)


def _with_count(copy: KubeObject, original: KubeObject, live: Live, chosen: CanarySelection) -> KubeObject:
    """The copy with its share of the copies wanted of the original."""
    if isinstance(chosen, CanaryCount):
        count = chosen.spec.count
    else:
        count = share_of(_wanted(original, live), chosen.spec.percentage)
    return KubeObject(copy.ref, put(copy.body, count, "spec", "replicas"))


def _wanted(found: KubeObject, live: Live) -> int:
    """How many copies the original is to have: as its manifest says, or else as many as run."""
    named, body = number(found.body, "spec", "replicas"), live.bodies.get(found.ref)
    if body is not None and (named is None or live.autoscaled(found.ref)):
        return desired(body)
    return 1 if named is None else named


async def _found(site: Site, namespaces: set[str]) -> Live:
    """What canaries of the release are made of and exists."""
    selector = by_selector({RELEASE_LABEL: site.release, VARIANT_LABEL: CANARY.name})

    async def one(where: tuple[str, Kind]) -> tuple[Tree, ...]:
        namespace, kind = where
        return await site.cluster.list(kind, namespace, selector)

    found = await each([(namespace, kind) for namespace in sorted(namespaces) for kind in _KINDS], one)
    return Live({Ref.of_body(body): body for part in found for body in part})
