"""Which of two groups serves, and the listeners or rules that decide it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from providers.asg.groups import Group
from providers.asg.names import BLUE, CANARY, COLOUR_TAG, COLOURS, CREATED_TAG, GREEN, ROUTE_TAG, SERVED_TAG
from providers.asg.site import Site, Work
from providers.asg.values import BalancerSpec, Tag
from providers.aws import routes
from providers.aws.values import Route
from providers.errors import ProviderRefused

_KINDS = ("prod", "stage", "old", "new")


@dataclass(frozen=True)
class Pair:
    """Two routes by ARN (of a rule, or of a listener for its default), and the target groups they exchange."""

    prod: str
    stage: str
    old: str
    new: str

    def tags(self, number: int) -> tuple[Tag, ...]:
        """The pair as tags of a group."""
        return tuple(Tag(key=f"{ROUTE_TAG}-{kind}-{number}", value=getattr(self, kind)) for kind in _KINDS)


def blue(name: str, live: Mapping[str, Group], prod: Iterable[str] = ()) -> Group | None:
    """The colour that serves: by its tag, else by the production target groups that it is attached to."""
    both = [live[name + suffix] for suffix in COLOURS if name + suffix in live]
    tagged = [group for group in both if group.tag(COLOUR_TAG) == BLUE]
    attached = [group for group in both if {*prod} & {*group.state.target_groups}]
    return next(iter((*tagged, *attached)), None)


def other(name: str, serving: Group | None) -> str:
    """The group of the other colour; the first one where none serves."""
    first, second = (name + suffix for suffix in COLOURS)
    return second if serving is not None and serving.name == first else first


def is_left_over(group: Group) -> bool:
    """Whether a group is what a deployment left that did not come to its end: it never served alone."""
    if group.tag(CREATED_TAG) is None:
        return False
    never = group.tag(COLOUR_TAG) == GREEN and group.tag(SERVED_TAG) is None
    return never or group.name.endswith(CANARY)


async def pairs_in(site: Site, specs: Sequence[BalancerSpec]) -> tuple[Pair, ...]:
    """The pairs that a step names, as traffic is now; ProviderRefused where that cannot be swapped."""
    return tuple([await _pair(site, spec) for spec in specs])


def pairs_of(group: Group) -> tuple[Pair, ...]:
    """The pairs that a group's tags name; none where it has no such tags."""
    start = f"{ROUTE_TAG}-prod-"
    numbers = sorted(tag.key.removeprefix(start) for tag in group.state.tags if tag.key.startswith(start))
    named = [{kind: group.tag(f"{ROUTE_TAG}-{kind}-{number}") or "" for kind in _KINDS} for number in numbers]
    return tuple(Pair(**found) for found in named)


def target_groups(group: Group) -> set[str]:
    """Those that a group is attached to, and those that it changed places with."""
    exchanged = {arn for pair in pairs_of(group) for arn in (pair.old, pair.new)}
    return {*group.state.target_groups, *exchanged}


async def swap(work: Work, pair: Pair) -> None:
    """Production leads to the new target group, then the stage to the old one; what is so already stays."""
    for arn, before, after in ((pair.prod, pair.old, pair.new), (pair.stage, pair.new, pair.old)):
        await _lead(work, arn, before, after)


async def swap_back(work: Work, pair: Pair) -> None:
    """As it was before the swap."""
    for arn, before, after in ((pair.prod, pair.new, pair.old), (pair.stage, pair.old, pair.new)):
        await _lead(work, arn, before, after)


async def turn(work: Work, route: Route) -> None:
    """Lets a listener or a rule do what the route says. A repetition changes nothing."""
    await routes.turn(work.region, route, work.attempt.before_effect)
    work.done.append("turn")


async def _lead(work: Work, arn: str, before: str, after: str) -> None:
    route = await routes.read(work.region, arn)
    if before in route.groups:
        await turn(work, route.with_group(before, after))


async def _pair(site: Site, spec: BalancerSpec) -> Pair:
    prod = spec.prod_listener_rule_arn or spec.prod_listener
    stage = spec.stage_listener_rule_arn or spec.stage_listener
    old, new = (
        route.groups for route in await asyncio.gather(*(routes.read(site.region, arn) for arn in (prod, stage)))
    )
    if len(old) != 1 or len(new) != 1 or old == new:
        raise ProviderRefused(
            "The production and stage listeners must each forward to one target group, and not to the same: "
            f"production forwards to {', '.join(old) or 'none'}, stage to {', '.join(new) or 'none'}."
        )
    return Pair(prod, stage, old[0], new[0])
