"""K8sBlueGreenDeploy and K8sBGSwapServices: the new version as the colour that does not serve, then the swap.

Until the swap nothing changes for the primary Service. What serves is recorded all the same: a rollback brings it
up again if somebody scaled it down since, before it leads traffic back to it.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import JsonValue

from providers.errors import ProviderNotFound, ProviderRefused
from providers.interface import Attempt
from providers.kubernetes.applying import place_all
from providers.kubernetes.cluster import by_selector
from providers.kubernetes.colours import (
    BLUE,
    Services,
    at_colour,
    colour_of,
    other,
    pointing,
    selector_of,
    services_of,
)
from providers.kubernetes.deploying import manifests_of
from providers.kubernetes.discovery import POD
from providers.kubernetes.history import History
from providers.kubernetes.inventory import is_live
from providers.kubernetes.live import Live, Site, read_live
from providers.kubernetes.objects import (
    COLOR_LABEL,
    POD_HASH,
    KubeObject,
    Ref,
    label,
    stateless,
    targets_of_autoscaler,
    template,
    template_labels,
)
from providers.kubernetes.plans import Plan, carry_out, outputs
from providers.kubernetes.records import applied_by, newest, of_token
from providers.kubernetes.references import configuration_names
from providers.kubernetes.values import BlueGreenDeploySpec, Operation, SwapServicesSpec
from providers.kubernetes.variants import Variant, refuse_others, split
from providers.kubernetes.waiting import Watcher
from providers.kubernetes.workloads import desired
from providers.tree import Tree, number, put
from providers.values import Effect, Outcome, Release


async def deploy(site: Site, release: Release, spec: BlueGreenDeploySpec, attempt: Attempt) -> Outcome:
    """K8sBlueGreenDeploy. The colour is decided once: a repetition takes what its record says."""
    manifests = await place_all(site, manifests_of(release))
    services = services_of(manifests)
    record = of_token(await History(site).read(), attempt.token)
    if record is not None:
        objects, beside = applied_by(record), ()
    else:
        objects, beside = await _new_colour(site, manifests, services)
    plan = Plan(
        Operation.BLUE_GREEN,
        release.service,
        objects,
        release.artifact,
        dry_run=not spec.skip_dry_run,
        counted=True,
        beside=beside,
    )
    outcome = await carry_out(site, plan, attempt)
    colour = next(template_labels(item.body)[COLOR_LABEL] for item in objects if item.ref.is_deployment)
    return _with_outputs(outcome, services, colour)


async def swap(site: Site, release: Release, spec: SwapServicesSpec, attempt: Attempt) -> Outcome:
    """K8sBGSwapServices: the primary leads to the new colour, once that is up; then the stage to the old one."""
    manifests = await place_all(site, manifests_of(release))
    services = services_of(manifests)
    records = await History(site).read()
    record = of_token(records, attempt.token)
    objects = applied_by(record) if record else await _swapped(site, services)
    colour = colour_of(objects[0].body) if objects else None
    if colour is None:
        reason = f"{services.primary.ref} already leads to the colour that {services.stage.ref} leads to."
        served = colour_of(await site.cluster.get(services.primary.ref))
        skipped = Outcome(effect=Effect.SKIPPED, reason=reason, outputs=outputs(site, newest(records)))
        return _with_outputs(skipped, services, served.name if served is not None else "")
    if record is None or not record.finished:
        deployments = [colour.of(item.ref) for item in manifests if item.ref.is_deployment]
        await _until_up(site, deployments, attempt)
    plan = Plan(
        Operation.SWAP,
        release.service,
        objects,
        release.artifact,
        dry_run=not spec.skip_dry_run,
        in_turn=True,
    )
    return _with_outputs(await carry_out(site, plan, attempt), services, colour.name)


def _with_outputs(outcome: Outcome, services: Services, colour: str) -> Outcome:
    told: dict[str, JsonValue] = {
        "primaryService": services.primary.ref.name,
        "stageService": services.stage.ref.name,
        "color": colour,
    }
    return outcome.model_copy(update={"outputs": {**outcome.outputs, **told}})


async def _new_colour(
    site: Site, manifests: tuple[KubeObject, ...], services: Services
) -> tuple[tuple[KubeObject, ...], tuple[Ref, ...]]:
    """What to apply, and what to record beside it."""
    deployments = [item for item in manifests if item.ref.is_deployment]
    _refuse_unfit(manifests, deployments)
    primary = await site.cluster.get(services.primary.ref)
    serving = colour_of(primary)
    colour = other(serving) if serving else BLUE
    parts = split(manifests, colour)
    serving_refs = {item.ref: serving.of(item.ref) if serving else item.ref for item in deployments}
    live = await read_live(site, {item.ref for item in parts.copies} | set(serving_refs.values()))
    refuse_others(parts.copies, live.bodies, colour)
    originals = {colour.of(item.ref): item for item in deployments}
    copies = [
        _with_count(item, live, live.bodies.get(serving_refs[originals[item.ref].ref]), parts.copies)
        if item.ref.is_deployment
        else item
        for item in parts.copies
    ]
    rest = [item for item in parts.rest if item.ref not in {services.primary.ref, services.stage.ref}]
    kept = await _primary_until_swap(site, services.primary, primary, colour)
    objects = (*rest, *kept, at_colour(services.stage, colour), *copies)
    return objects, (services.primary.ref, *_serving(live, set(serving_refs.values())))


def _refuse_unfit(manifests: Iterable[KubeObject], deployments: list[KubeObject]) -> None:
    for item in manifests:
        if item.ref.is_workload and not item.ref.is_deployment:
            raise ProviderRefused(
                f"{item.ref} cannot run as blue and green, which are made of Deployments: "
                "move it to a service of its own and roll it out."
            )
    if not deployments:
        raise ProviderRefused("Blue and green are made of Deployments, and the manifests have none.")


def _with_count(copy: KubeObject, live: Live, serving: Tree | None, copies: Iterable[KubeObject]) -> KubeObject:
    """The copy with enough pods for the traffic to come.

    As many as the manifest says; where an autoscaler decides, or nobody, no fewer than serve now.
    """
    named = number(copy.body, "spec", "replicas")
    targets = [targets_of_autoscaler(item.body) for item in copies if item.ref.kind == "HorizontalPodAutoscaler"]
    scaled = live.autoscaled(copy.ref) or (copy.ref.kind, copy.ref.name) in targets
    if named is not None and not scaled:
        return copy
    count = max(1 if named is None else named, desired(serving) if serving is not None else 0)
    return KubeObject(copy.ref, put(copy.body, count, "spec", "replicas"))


async def _primary_until_swap(
    site: Site, primary: KubeObject, live: Tree | None, colour: Variant
) -> list[KubeObject]:
    """What keeps the primary Service from leading to pods of the new colour before the swap.

    Nothing, where it points at a colour already. One that selects no colour would reach the new pods as well, so
    it is narrowed to the template of those that serve.
    """
    if live is None:
        return [at_colour(primary, other(colour))]
    selector = selector_of(live)
    if colour_of(live) is not None or POD_HASH in selector:
        return []
    pods = await site.cluster.list(POD, primary.ref.namespace or site.namespace, by_selector(selector))
    hashes = {label(pod, POD_HASH) for pod in pods if is_live(pod)}
    known = {found for found in hashes if found}
    if len(hashes) > 1 or known != hashes:
        raise ProviderRefused(
            f"{primary.ref} leads to pods of several versions, or to others than a Deployment's, so it cannot be "
            "kept from the new ones: let the rollout end, or roll this release out instead."
        )
    narrowed = {POD_HASH: known.pop()} if known else other(colour).label
    return [pointing(KubeObject(primary.ref, stateless(live)), {**selector, **narrowed})]


def _serving(live: Live, refs: set[Ref]) -> list[Ref]:
    """What serves now: the workloads, what they read and what scales them."""
    found = [ref for ref in refs if ref in live.bodies]
    names = {(ref.kind, ref.name) for ref in found}
    read = [
        Ref.of("v1", kind, name, ref.namespace)
        for ref in found
        for kind, name in sorted(configuration_names(template(live.bodies[ref])))
    ]
    scalers = [Ref.of_body(body) for body in live.autoscalers if targets_of_autoscaler(body) in names]
    return sorted({*found, *read, *scalers})


async def _swapped(site: Site, services: Services) -> tuple[KubeObject, ...]:
    """Both Services as they are after the swap, the primary first; nothing where both lead to the same colour."""
    live = await read_live(site, [services.primary.ref, services.stage.ref])
    primary, stage = live.bodies.get(services.primary.ref), live.bodies.get(services.stage.ref)
    new = colour_of(stage)
    if primary is None or new is None:
        raise ProviderRefused(
            f"{services.stage.ref} does not lead to a colour that could become the primary: "
            "run K8sBlueGreenDeploy first."
        )
    if colour_of(primary) == new:
        return ()
    return at_colour(services.primary, new), pointing(services.stage, selector_of(primary))


async def _until_up(site: Site, refs: list[Ref], attempt: Attempt) -> None:
    """No traffic is led to where nothing runs. ProviderNotFound or ProviderRefused where nothing is going to."""
    live = await read_live(site, refs)
    for ref in refs:
        body = live.bodies.get(ref)
        if body is None:
            raise ProviderNotFound(f"{ref} does not exist, so no traffic can be led to it: deploy it again.")
        if desired(body) == 0:
            raise ProviderRefused(f"{ref} is scaled to zero, so no traffic can be led to it: scale it up first.")
    await Watcher(site.cluster, attempt).wait({ref: live.bodies[ref] for ref in refs})
