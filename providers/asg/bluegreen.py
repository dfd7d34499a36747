"""Blue/green: the release in the group of the other colour, and the swap that lets it serve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from providers.asg import colours, groups, shaping, templates
from providers.asg.activities import Activities
from providers.asg.deploying import created_by, outcome
from providers.asg.edits import edits, tag_edits
from providers.asg.groups import Group
from providers.asg.manifests import Wanted, group_name, parse
from providers.asg.merging import merge, with_tags
from providers.asg.names import BLUE, COLOUR_TAG, DEPLOYED_TAG, GREEN, SERVED_TAG, family, mark
from providers.asg.site import Work
from providers.asg.values import BlueGreenDeploySpec, SavedGroup, SwapServiceSpec, Tag
from providers.errors import ProviderRefused
from providers.tree import Tree, text
from providers.values import Outcome, Progress, Release

_AT_ONCE: Tree = {"MinHealthyPercentage": 0, "MaxHealthyPercentage": 100}
"""Nobody uses the group that is refreshed."""


async def deploy(work: Work, release: Release, step: BlueGreenDeploySpec) -> Outcome:
    """The release runs, healthy, in the group that does not serve, behind the stage listeners."""
    wanted = parse(release)
    image = text(wanted.template_data, "ImageId")
    live = await groups.read(work, family(wanted.name))
    mine = next((group for group in live.values() if group.tag(DEPLOYED_TAG) == mark(work.attempt.token)), None)
    if mine is not None and mine.tag(COLOUR_TAG) == BLUE:
        # This very step brought it there, and it was swapped since.
        return outcome(work, mine.state, image)
    await templates.demand_image(work, wanted.template_data)
    # Where this step began before, traffic may be half swapped by now.
    begun = () if mine is None else colours.pairs_of(mine)
    pairs = begun or await colours.pairs_in(work, step.load_balancers)
    serving = colours.blue(wanted.name, live, [pair.old for pair in pairs])
    template = await templates.ensure(work, wanted.template_name, wanted.template_data, anew=False)
    name = colours.other(wanted.name, serving)
    group = await shaping.present(work, name)
    state = merge(wanted, template, None if group is None else group.state, name=name)
    state = _sized(state, *_sizes(wanted, serving, step))
    state = state.model_copy(update={"target_groups": tuple(sorted({pair.new for pair in pairs}))})
    marks = [tag for number, pair in enumerate(pairs, 1) for tag in pair.tags(number)]
    marks += [Tag(key=COLOUR_TAG, value=GREEN), Tag(key=DEPLOYED_TAG, value=mark(work.attempt.token))]
    state = _tagged(state, marks, without=SERVED_TAG)
    if group is None:
        state = created_by(work, state)
        await shaping.create(work, state)
    else:
        await shaping.reshape(work, group, state, _AT_ONCE, template_first=True)
    return outcome(work, state, image)


async def swap(work: Work, release: Release, step: SwapServiceSpec) -> Outcome:
    """The group that stood by serves, and the one that served stands by."""
    name = group_name(release)
    live = await groups.read(work, family(name))
    new = _new(name, live, mark(work.attempt.token))
    for pair in colours.pairs_of(new):
        await work.attempt.report(Progress(message=f"{name}: production goes to {new.name}"))
        await colours.swap(work, pair)
    old = live.get(colours.other(name, new))
    served = Tag(key=SERVED_TAG, value=mark(work.attempt.token))
    await _paint(work, new, old, served)
    if old is not None and step.downsize_old_asg:
        await _empty(work, old.state)
    return outcome(work, new.state, await templates.image_of(work, new.state.template))


def _new(name: str, live: Mapping[str, Group], ours: str) -> Group:
    """The group that stands by; or serves already, because this step was broken off."""
    serving = colours.blue(name, live)
    if serving is not None and serving.tag(SERVED_TAG) == ours:
        return serving
    both = [live[item] for item in family(name) if item in live]
    for group in both:
        if group.tag(COLOUR_TAG) == GREEN and group.tag(SERVED_TAG) is None and colours.pairs_of(group):
            return group
    raise ProviderRefused(f"No group of {name} stands by to serve: run AsgBlueGreenDeploy first.")


def _sizes(wanted: Wanted, serving: Group | None, step: BlueGreenDeploySpec) -> tuple[int, int, int]:
    """Least, most and desired."""
    if step.instances is not None:
        fixed = step.instances.spec
        return fixed.min, fixed.max, fixed.desired
    if step.use_already_running_instances and serving is not None:
        return serving.state.least, serving.state.most, serving.state.desired
    return wanted.least, wanted.most, wanted.desired


def _sized(state: SavedGroup, least: int, most: int, desired: int) -> SavedGroup:
    return state.model_copy(update={"least": least, "most": most, "desired": desired})


def _tagged(state: SavedGroup, tags: Iterable[Tag], without: str = "") -> SavedGroup:
    kept = [tag for tag in state.tags if tag.key != without]
    return state.model_copy(update={"tags": with_tags(kept, tuple(tags))})


async def _paint(work: Work, new: Group, old: Group | None, served: Tag) -> None:
    """Both colours in one request, so that there are never two of one colour."""
    painted = [(new, _tagged(new.state, (Tag(key=COLOUR_TAG, value=BLUE), served)))]
    if old is not None:
        painted.append((old, _tagged(old.state, (Tag(key=COLOUR_TAG, value=GREEN),))))
    todo = tag_edits([(group.state, state) for group, state in painted])
    await shaping.apply(work, todo, *(state for _, state in painted))


async def _empty(work: Work, state: SavedGroup) -> None:
    empty = _sized(state, 0, state.most, 0)
    await shaping.apply(work, edits(state, empty), empty)
    await shaping.wait_until_healthy(work, empty, Activities(state.name))
