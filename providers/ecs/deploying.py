"""EcsRollingDeploy: the task definition, the service, and when it runs its scaling."""

from __future__ import annotations

from providers.ecs import tags
from providers.ecs.changing import create, update
from providers.ecs.definitions import ensure
from providers.ecs.live import Site, free_or_active, is_same_definition
from providers.ecs.manifests import TARGET_GROUP, Wanted, check_types, read
from providers.ecs.outputs import outputs
from providers.ecs.rejections import refuse_rejected
from providers.ecs.scaling import declared
from providers.ecs.settings import is_counted, primary, settings_of, uncovered
from providers.ecs.values import RollingDeploySpec
from providers.ecs.waiting import until_steady
from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.tree import Tree, number, text, tree, trees
from providers.values import Effect, Outcome, Release

# UpdateService cannot change these.
_FIXED = ("launchType", "schedulingStrategy")


async def roll_out(site: Site, release: Release, spec: RollingDeploySpec, attempt: Attempt) -> Outcome:
    """Deploy the release to its service, which is created where there is none."""
    check_types(release.manifests)
    return await deploy(site, await read(site.cluster.region, release), spec, attempt)


async def deploy(site: Site, wanted: Wanted, spec: RollingDeploySpec, attempt: Attempt) -> Outcome:
    """Bring one service to what is wanted of it, and wait for it."""
    refuse_other_controller(wanted)
    _refuse_open_target_group(wanted)
    live = await free_or_active(site, wanted.name, attempt)
    current = await site.cluster.definition(text(live, "taskDefinition") or "") if live is not None else None
    definition = await ensure(site.cluster, wanted.definition, current, attempt, force=spec.force_new_deployment)
    arn = text(definition, "taskDefinitionArn") or ""
    scaling = await site.scaling.read([wanted.name])
    changed = True
    if live is None:
        service = await create(site, creation(wanted, wanted.name, arn), attempt)
    else:
        refuse_fixed(live, wanted)
        await refuse_rejected(site, live, definition, attempt)
        keeps_count = wanted.name in scaling or spec.same_as_already_running_instances
        request = _request(live, wanted, arn, keeps_count=keeps_count)
        if not request and _has_failed(live, attempt):
            request["forceNewDeployment"] = True
        changed = bool(request)
        service = await update(site, live, request, attempt) if request else live
    service = await until_steady(site.cluster, service, attempt)
    if wanted.target is not None:
        state = declared(wanted.name, wanted.target, wanted.policies)
        changed |= await site.scaling.bring(scaling.get(wanted.name), state, attempt.before_effect)
    reason = None if changed else "The service already runs what the manifests say."
    effect = Effect.CHANGED if changed else Effect.SKIPPED
    return Outcome(effect=effect, reason=reason, outputs=outputs(site, service))


def creation(wanted: Wanted, name: str, definition: str) -> Tree:
    """The request for a new service. ECS's own default for the count is none at all."""
    request: Tree = {**wanted.service, "serviceName": name, "taskDefinition": definition}
    if is_counted(wanted.service) and wanted.desired is None:
        request["desiredCount"] = 1
    return request


def refuse_other_controller(wanted: Wanted) -> None:
    kind = text(tree(wanted.service, "deploymentController"), "type") or "ECS"
    if kind != "ECS":
        raise ProviderRefused(f"The manifest's deploymentController is {kind}: Unship can only deploy with ECS.")


def _refuse_open_target_group(wanted: Wanted) -> None:
    if any(item.get("targetGroupArn") == TARGET_GROUP for item in trees(wanted.service, "loadBalancers")):
        raise ProviderRefused(
            f"The service definition has targetGroupArn: {TARGET_GROUP}, which only the blue/green steps fill in: "
            "name a target group."
        )


def _has_failed(live: Tree, attempt: Attempt) -> bool:
    """Whether it runs what is wanted only in name: an earlier attempt's deployment of it failed."""
    own = tags.read(live, "tags").get(tags.ATTEMPT) == tags.digest_of(attempt.token)
    return text(primary(live), "rolloutState") == "FAILED" and not own


def refuse_fixed(live: Tree, wanted: Wanted) -> None:
    """ProviderRefused where the manifest wants what no update can give."""
    settings = settings_of(live)
    for key in _FIXED:
        old, new = text(settings, key), text(wanted.service, key)
        if new is not None and old is not None and new != old:
            raise ProviderRefused(
                f"The {key} of service {wanted.name} is {old} and cannot be changed to {new}: delete the service "
                "first, or give it another name."
            )


def _request(live: Tree, wanted: Wanted, definition: str, *, keeps_count: bool) -> Tree:
    """What UpdateService must be told; empty where the service is as wanted."""
    request = uncovered(settings_of(live), wanted.service)
    if not is_same_definition(live, definition):
        request["taskDefinition"] = definition
    if not keeps_count and wanted.desired not in (None, number(live, "desiredCount")):
        request["desiredCount"] = wanted.desired
    return request
