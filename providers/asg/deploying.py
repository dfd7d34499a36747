"""AsgRollingDeploy: a new version of the launch template, and an instance refresh that brings it everywhere."""

from __future__ import annotations

from providers.asg import shaping, templates
from providers.asg.manifests import parse
from providers.asg.merging import merge, with_tags
from providers.asg.names import CREATED_TAG, mark
from providers.asg.site import Work
from providers.asg.values import RollingDeploySpec, SavedGroup, Tag
from providers.tree import Tree, text
from providers.values import Effect, Outcome, Release


async def roll_out(work: Work, release: Release, step: RollingDeploySpec) -> Outcome:
    """Every instance of the group runs the release and is healthy."""
    wanted = parse(release)
    await templates.demand_image(work, wanted.template_data)
    template = await templates.ensure(
        work, wanted.template_name, wanted.template_data, anew=not step.skip_matching
    )
    group = await shaping.present(work, wanted.name)
    live = None if group is None else group.state
    state = merge(wanted, template, live, keep=step.use_already_running_instances)
    if group is None:
        state = created_by(work, state)
        await shaping.create(work, state)
    else:
        await shaping.reshape(work, group, state, preferences(step), template_first=False)
    return outcome(work, state, text(wanted.template_data, "ImageId"))


def preferences(step: RollingDeploySpec) -> Tree:
    """The preferences of the step's instance refresh."""
    found: Tree = {"MinHealthyPercentage": step.minimum_healthy_percentage}
    if step.maximum_healthy_percentage is not None:
        found["MaxHealthyPercentage"] = step.maximum_healthy_percentage
    if step.instance_warmup is not None:
        found["InstanceWarmup"] = step.instance_warmup
    return found


def created_by(work: Work, state: SavedGroup) -> SavedGroup:
    """A group with the tag that says that a deployment created it."""
    tag = Tag(key=CREATED_TAG, value=mark(work.attempt.token))
    return state.model_copy(update={"tags": with_tags(state.tags, (tag,))})


def outcome(work: Work, state: SavedGroup, image: str | None) -> Outcome:
    """What a step did to a group."""
    effect = Effect.CHANGED if work.done else Effect.SKIPPED
    return Outcome(
        effect=effect,
        reason=None if work.done else f"{state.name} runs this version already.",
        outputs={
            "asgName": state.name,
            "launchTemplateName": state.template.name,
            "launchTemplateVersion": str(state.template.version),
            "imageId": image,
            "desiredCapacity": state.desired,
        },
    )
