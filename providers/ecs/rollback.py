"""EcsRollingRollback: the service of the manifests' own name, as it was."""

from __future__ import annotations

from providers.ecs.live import Site
from providers.ecs.outputs import outputs
from providers.ecs.preflight import refuse_closed_way
from providers.ecs.restoring import Restored, remove, restore
from providers.ecs.values import EcsSnapshot
from providers.interface import Attempt
from providers.values import Effect, Outcome


async def roll_back(site: Site, snapshot: EcsSnapshot, attempt: Attempt) -> Outcome:
    """Bring the service back to the snapshot; one that did not exist is removed."""
    state = snapshot.service(snapshot.base)
    if state is None:
        return outcome(site, snapshot, await remove(site, snapshot.base, attempt))
    await refuse_closed_way(site, [state])
    return outcome(site, snapshot, await restore(site, state, snapshot.scaling_of(state.name), attempt))


def outcome(site: Site, snapshot: EcsSnapshot, restored: Restored) -> Outcome:
    """What the step says of itself."""
    found = outputs(site, restored.service, snapshot.base)
    found["artifact"] = snapshot.artifact.display_name if snapshot.artifact is not None else ""
    if restored.changed:
        return Outcome(effect=Effect.CHANGED, outputs=found)
    reason = "The service already is as it was before the deployment."
    if restored.service is None:
        reason = "The service that the deployment would have created does not exist."
    return Outcome(effect=Effect.SKIPPED, reason=reason, outputs=found)
