"""Deployments that the service itself took back: not tried again by a repetition of the same attempt."""

from __future__ import annotations

from providers.ecs import tags
from providers.ecs.live import Site, is_same_definition
from providers.ecs.standing import definition_of
from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.tree import Tree, text, trees

_TAKEN_BACK = ("ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")


async def refuse_rejected(site: Site, live: Tree, definition: Tree, attempt: Attempt) -> None:
    """ProviderRefused if this attempt has been deployed before, and the service went back by itself.

    A stable service proves nothing then: it is stable because it runs what was there before.
    """
    own = tags.read(definition, "tags").get(tags.ATTEMPT) == tags.digest_of(attempt.token)
    if not own or is_same_definition(live, text(definition, "taskDefinitionArn") or ""):
        return
    wanted = definition_of({"taskDefinition": definition.get("taskDefinitionArn")})
    found = await site.cluster.deployments(text(live, "serviceName") or "", _TAKEN_BACK)
    revisions = await site.cluster.revisions(
        arn for item in found if (arn := text(item, "targetServiceRevisionArn")) is not None
    )
    by_arn = {text(item, "serviceRevisionArn"): definition_of(item) for item in revisions}
    for item in found:
        if by_arn.get(text(item, "targetServiceRevisionArn")) == wanted:
            raise ProviderRefused(
                f"The deployment of {wanted} failed, and the service went back by itself.",
                text(item, "statusReason"),
            )
    failed = [item for item in trees(live, "deployments") if text(item, "rolloutState") == "FAILED"]
    for item in failed:
        if definition_of(item) == wanted:
            raise ProviderRefused(f"The deployment of {wanted} failed.", text(item, "rolloutStateReason"))
