"""Deployments that the service itself took back: not tried again by a repetition of the same attempt."""

from __future__ import annotations

from providers.ecs import tags
from providers.ecs.live import Site, is_same_definition
from providers.ecs.standing import definition_of
from providers.ecs.waiting import taken_back
from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.tree import Tree, text, trees


async def refuse_rejected(site: Site, live: Tree, definition: Tree, attempt: Attempt) -> None:
    """ProviderRefused if this attempt has been deployed before, and the service went back by itself.

    A stable service proves nothing then: it is stable because it runs what was there before.
    """
    own = tags.read(definition, "tags").get(tags.ATTEMPT) == tags.digest_of(attempt.token)
    if not own or is_same_definition(live, text(definition, "taskDefinitionArn") or ""):
        return
    wanted = definition_of({"taskDefinition": definition.get("taskDefinitionArn")})
    why = await taken_back(site.cluster, text(live, "serviceName") or "", wanted)
    if why is not None:
        raise ProviderRefused(f"The deployment of {wanted} failed, and the service went back by itself.", why)
    failed = [item for item in trees(live, "deployments") if text(item, "rolloutState") == "FAILED"]
    for item in failed:
        if definition_of(item) == wanted:
            raise ProviderRefused(f"The deployment of {wanted} failed.", text(item, "rolloutStateReason"))
