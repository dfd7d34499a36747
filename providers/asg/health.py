"""How instances fare with the load balancers that their group is attached to."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from providers.asg.site import Site
from providers.errors import ProviderNotFound
from providers.tree import Tree, text, trees

GOOD = frozenset({"healthy", "unused", "unavailable"})
"""States in which an instance gets traffic, or none is meant for it."""


async def of_targets(site: Site, target_groups: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """The states of each instance, one for each target group that it is registered with."""
    answers = await asyncio.gather(*(_described(site, arn) for arn in sorted(set(target_groups))))
    states: defaultdict[str, list[str]] = defaultdict(list)
    for described in answers:
        for item in described:
            state = text(item, "TargetHealth", "State") or ""
            if state != "draining":
                states[text(item, "Target", "Id") or ""].append(state)
    return states


async def _described(site: Site, arn: str) -> list[Tree]:
    try:
        answer = await site.ask(
            "elbv2", "DescribeTargetHealth", f"read the health of targets in {arn}", TargetGroupArn=arn
        )
    except ProviderNotFound:
        return []
    return trees(answer, "TargetHealthDescriptions")
