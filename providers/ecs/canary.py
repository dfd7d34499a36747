"""EcsCanaryDeploy and EcsCanaryDelete: one task of the new version beside the service, in a service of its own."""

from __future__ import annotations

from providers.ecs.comparing import same
from providers.ecs.deploying import deploy
from providers.ecs.live import CANARY, Site
from providers.ecs.manifests import Wanted, check_types, read
from providers.ecs.outputs import outputs
from providers.ecs.restoring import remove
from providers.ecs.standing import is_settled
from providers.ecs.values import RollingDeploySpec
from providers.interface import Attempt
from providers.tree import text
from providers.values import Effect, Outcome, Release


async def deploy_canary(site: Site, release: Release, attempt: Attempt) -> Outcome:
    """One task of the release; nothing scales it. None where the service itself already runs the release."""
    check_types(release.manifests)
    wanted = await read(site.cluster.region, release)
    name = wanted.name + CANARY
    if await _runs(site, wanted):
        return Outcome(
            effect=Effect.SKIPPED,
            reason=f"Service {wanted.name} already runs this version.",
            outputs={**outputs(site, None, name), "canary": name},
        )
    canary = Wanted(name, wanted.definition, {**wanted.service, "desiredCount": 1}, None, ())
    outcome = await deploy(site, canary, RollingDeploySpec(), attempt)
    return outcome.model_copy(update={"outputs": {**outcome.outputs, "canary": name}})


async def _runs(site: Site, wanted: Wanted) -> bool:
    service = await site.cluster.service(wanted.name)
    if service is None or not is_settled(service):
        return False
    definition = await site.cluster.definition(text(service, "taskDefinition") or "")
    return definition is not None and same(definition, wanted.definition)


async def delete_canary(site: Site, base: str, attempt: Attempt) -> Outcome:
    """Take the canary away, where there is one; going forward and going back alike."""
    name = base + CANARY
    removed = await remove(site, name, attempt)
    return Outcome(
        effect=Effect.CHANGED if removed.changed else Effect.SKIPPED,
        reason=None if removed.changed else "There is no canary.",
        outputs={"cluster": site.cluster.name, "canary": name},
    )
