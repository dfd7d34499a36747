"""Canary: some instances of the release in a group of their own, beside those that serve; and their removal."""

from __future__ import annotations

from providers.asg import groups, shaping, templates
from providers.asg.deploying import created_by, outcome
from providers.asg.manifests import group_name, parse
from providers.asg.merging import merge
from providers.asg.names import CANARY, CANARY_TAG, CREATED_TAG, mark
from providers.asg.refreshing import GENTLE
from providers.asg.site import Work
from providers.asg.values import CanaryDeploySpec
from providers.errors import ProviderConflict
from providers.tree import text
from providers.values import Effect, Outcome, Release


async def deploy(work: Work, release: Release, step: CanaryDeploySpec) -> Outcome:
    """So many healthy instances of the release, in the same target groups as the service's own."""
    wanted = parse(release)
    await templates.demand_image(work, wanted.template_data)
    template = await templates.ensure(work, wanted.template_name, wanted.template_data, anew=False)
    name = wanted.name + CANARY
    group = await shaping.present(work, name)
    primary = await groups.read_one(work, wanted.name)
    live = primary if group is None else group
    state = merge(wanted, template, None if live is None else live.state, name=name)
    count = step.instance_selection.spec.count
    if wanted.target_groups is None and primary is not None:
        state = state.model_copy(update={"target_groups": primary.state.target_groups})
    own = {"least": count, "most": count, "desired": count, "policies": (), "scheduled": ()}
    state = created_by(work, state.model_copy(update=own))
    image = text(wanted.template_data, "ImageId")
    if group is not None:
        await shaping.reshape(work, group, state, GENTLE, template_first=True)
    elif await _was_done(work, wanted.template_name):
        return outcome(work, state, image)
    else:
        await shaping.create(work, state)
    await _note(work, template.id, wanted.template_name)
    return outcome(work, state, image)


async def delete_of_release(work: Work, release: Release) -> Outcome:
    """The canary of a service is gone."""
    return await delete(work, group_name(release))


async def delete(work: Work, name: str) -> Outcome:
    """The canary of the group `name` is gone; ProviderConflict where it is somebody else's."""
    canary = name + CANARY
    group = await groups.read_one(work, canary)
    if group is not None and group.tag(CREATED_TAG) is None:
        raise ProviderConflict(
            f"The Auto Scaling group {canary} was not created by Unship: delete or rename it if it is not needed."
        )
    await shaping.delete(work, canary)
    if not work.done:
        return Outcome(effect=Effect.SKIPPED, reason=f"There is no {canary}.", outputs={"asgName": canary})
    return Outcome(effect=Effect.CHANGED, outputs={"asgName": canary})


async def _was_done(work: Work, template: str) -> bool:
    """Whether this very step was completed, so that a canary that is not there was deleted since."""
    found = await templates.find(work, template)
    return found is not None and found.tags.get(CANARY_TAG) == mark(work.attempt.token)


async def _note(work: Work, template: str, name: str) -> None:
    if not await _was_done(work, name):
        tags = [{"Key": CANARY_TAG, "Value": mark(work.attempt.token)}]
        doing = f"note the canary at the launch template {name}"
        await work.change("ec2", "CreateTags", doing, {"Resources": [template], "Tags": tags})
        ours = mark(work.attempt.token)
        templates.note(work, name, "canary", lambda found: found is None or found.tags.get(CANARY_TAG) == ours)
