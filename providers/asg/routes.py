"""Where listeners and their rules send traffic, and how that is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from providers.asg.site import Site, Work
from providers.asg.values import Route
from providers.errors import ProviderNotFound
from providers.tree import Tree, text, trees


async def into(site: Site, target_groups: Iterable[str]) -> tuple[Route, ...]:
    """Every route that forwards, of the load balancers that lead to any of the target groups."""
    arns = sorted(set(target_groups))
    if not arns:
        return ()
    balancers = await asyncio.gather(*(_balancers(site, arn) for arn in arns))
    found = await asyncio.gather(
        *(of_balancer(site, arn) for arn in sorted({arn for some in balancers for arn in some}))
    )
    return tuple(route for routes in found for route in routes)


async def of_balancer(site: Site, balancer: str) -> tuple[Route, ...]:
    """The routes of a load balancer that forward."""
    listeners = await site.list(
        "elbv2", "DescribeListeners", "Listeners", "read the listeners", LoadBalancerArn=balancer
    )
    arns = [text(listener, "ListenerArn") or "" for listener in listeners]
    found = await asyncio.gather(*(of_listener(site, arn) for arn in arns))
    return tuple(route for routes in found for route in routes)


async def of_listener(site: Site, listener: str) -> tuple[Route, ...]:
    """The routes of a listener that forward; its default actions are one of them."""
    rules = await site.list("elbv2", "DescribeRules", "Rules", "read the rules", ListenerArn=listener)
    routes = [
        Route(
            listener=listener,
            rule=None if rule.get("IsDefault") is True else text(rule, "RuleArn"),
            actions=tuple(trees(rule, "Actions")),
        )
        for rule in rules
        if isinstance(rule, dict)
    ]
    return tuple(sorted((route for route in routes if targets(route)), key=lambda route: route.rule or ""))


def targets(route: Route) -> tuple[str, ...]:
    """The target groups that get a part of the traffic."""
    return tuple(
        sorted(
            text(group, "TargetGroupArn") or ""
            for action in route.actions
            for group in trees(action, "ForwardConfig", "TargetGroups")
            if group.get("Weight") != 0
        )
    )


async def turn(work: Work, route: Route) -> None:
    """Lets a listener or a rule do what the route says. A repetition changes nothing."""
    where = route.rule or route.listener
    doing = f"change where {where} sends traffic"
    actions = [_sendable(action) for action in route.actions]
    if route.rule is None:
        await work.change(
            "elbv2", "ModifyListener", doing, {"ListenerArn": route.listener, "DefaultActions": actions}
        )
    else:
        await work.change("elbv2", "ModifyRule", doing, {"RuleArn": route.rule, "Actions": actions})


def _sendable(action: Tree) -> Tree:
    """Without the short form beside the long one, which must agree and need not be there."""
    long = "ForwardConfig" in action
    return {key: value for key, value in action.items() if not (long and key == "TargetGroupArn")}


async def _balancers(site: Site, target_group: str) -> list[str]:
    try:
        answer = await site.ask(
            "elbv2", "DescribeTargetGroups", "read the target groups", TargetGroupArns=[target_group]
        )
    except ProviderNotFound:
        return []
    lists = [group.get("LoadBalancerArns") for group in trees(answer, "TargetGroups")]
    return [str(arn) for arns in lists if isinstance(arns, list) for arn in arns]
