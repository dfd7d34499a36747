"""Where listeners and their rules send traffic, and how that is changed: what all platforms on AWS need of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from pydantic import JsonValue

from providers.aws.account import Effect
from providers.aws.client import Region
from providers.aws.values import Route
from providers.errors import ProviderError, ProviderNotFound, ProviderRefused
from providers.tree import Tree, number, text, trees


async def read(region: Region, arn: str) -> Route:
    """The route of a rule's or a listener's ARN; a default rule's is that of its listener."""

    async def look() -> dict[str, Route]:
        return {arn: await _read(region, arn)}

    return (await region.written.read(arn, look))[arn]


async def _read(region: Region, arn: str) -> Route:
    if ":listener-rule/" not in arn:
        answer = await region.call("elbv2", "DescribeListeners", {"ListenerArns": [arn]}, f"read listener {arn}")
        found = trees(answer, "Listeners")
        return Route(listener=arn, actions=tuple(trees(found[0] if found else {}, "DefaultActions")))
    answer = await region.call("elbv2", "DescribeRules", {"RuleArns": [arn]}, f"read listener rule {arn}")
    rules = trees(answer, "Rules")
    return _route(arn.rpartition("/")[0].replace(":listener-rule/", ":listener/"), rules[0] if rules else {})


async def name(region: Region, route: Route) -> str:
    """What people know it by: load balancer and port, of a rule its priority and what it matches; else its ARN."""
    doing = f"read {route.arn}"
    try:
        answer = await region.call("elbv2", "DescribeListeners", {"ListenerArns": [route.listener]}, doing)
        listener = (trees(answer, "Listeners") or [{}])[0]
        balancer = route.listener.partition(":listener/")[2].split("/")
        told = f"{balancer[1]} {text(listener, 'Protocol') or ''}:{number(listener, 'Port')}"
        if route.rule is None:
            return told
        answer = await region.call("elbv2", "DescribeRules", {"RuleArns": [route.rule]}, doing)
        rule = (trees(answer, "Rules") or [{}])[0]
    except (ProviderError, IndexError):
        return route.arn
    matched = [str(value) for condition in trees(rule, "Conditions") for value in _values(condition)]
    return f"{told}, rule {text(rule, 'Priority')}" + (f" ({', '.join(matched)})" if matched else "")


def _values(condition: Tree) -> list[JsonValue]:
    values = condition.get("Values")
    return values if isinstance(values, list) else []


async def into(region: Region, target_groups: Iterable[str]) -> tuple[Route, ...]:
    """Every route that forwards to any of the target groups."""
    wanted = sorted(set(target_groups))
    if not wanted:
        return ()
    balancers = await asyncio.gather(*(_balancers(region, arn) for arn in wanted))
    found = await asyncio.gather(
        *(of_balancer(region, arn) for arn in sorted({arn for some in balancers for arn in some}))
    )
    return tuple(route for routes in found for route in routes if set(route.groups) & set(wanted))


async def of_balancer(region: Region, balancer: str) -> tuple[Route, ...]:
    """The routes of a load balancer that forward."""
    found = await asyncio.gather(*(of_listener(region, arn) for arn in await listeners(region, balancer)))
    return tuple(route for routes in found for route in routes)


async def listeners(region: Region, balancer: str) -> list[str]:
    """The ARNs of the listeners of a load balancer, which is named or given by its ARN."""
    arn = balancer
    if not balancer.startswith("arn:"):
        answer = await region.call(
            "elbv2", "DescribeLoadBalancers", {"Names": [balancer]}, f"find load balancer {balancer}"
        )
        found = trees(answer, "LoadBalancers")
        if not found:
            raise ProviderRefused(f"There is no load balancer {balancer}.")
        arn = text(found[0], "LoadBalancerArn") or ""
    wanted: Tree = {"LoadBalancerArn": arn}
    items = await region.list(
        "elbv2", "DescribeListeners", wanted, f"read the listeners of {balancer}", "Listeners"
    )
    return [text(item, "ListenerArn") or "" for item in items]


async def of_listener(region: Region, listener: str) -> tuple[Route, ...]:
    """The routes of a listener that forward; its default actions are one of them."""

    async def look() -> dict[str, Route]:
        rules = await region.list(
            "elbv2", "DescribeRules", {"ListenerArn": listener}, f"read the rules of {listener}", "Rules"
        )
        routes = [_route(listener, rule) for rule in rules if isinstance(rule, dict)]
        return {route.arn: route for route in routes}

    found = await region.written.read(f"rules of {listener}", look)
    return tuple(sorted((route for route in found.values() if route.groups), key=lambda route: route.arn))


async def turn(region: Region, route: Route, effect: Effect) -> None:
    """Let a listener or a rule do what the route says. A repetition changes nothing."""
    doing = f"change where {route.arn} sends traffic"
    actions: list[JsonValue] = [_sendable(action) for action in route.actions]
    operation, request = "ModifyRule", {"RuleArn": route.rule, "Actions": actions}
    if route.rule is None:
        operation, request = "ModifyListener", {"ListenerArn": route.listener, "DefaultActions": actions}
    await region.call("elbv2", operation, {**request}, doing, effect=effect, repeatable=True)

    def shows(found: Route) -> bool:
        return found.groups == route.groups

    region.written.note(route.arn, "actions", shows)


def _route(listener: str, rule: Tree) -> Route:
    is_default = rule.get("IsDefault") is True
    return Route(
        listener=listener,
        rule=None if is_default else text(rule, "RuleArn"),
        actions=tuple(trees(rule, "Actions")),
    )


def _sendable(action: Tree) -> Tree:
    """Without the short form beside the long one, which must agree and need not be there."""
    long = "ForwardConfig" in action
    return {key: value for key, value in action.items() if not (long and key == "TargetGroupArn")}


async def _balancers(region: Region, target_group: str) -> list[str]:
    try:
        answer = await region.call(
            "elbv2", "DescribeTargetGroups", {"TargetGroupArns": [target_group]}, f"read {target_group}"
        )
    except ProviderNotFound:
        return []
    lists = [group.get("LoadBalancerArns") for group in trees(answer, "TargetGroups")]
    return [str(arn) for arns in lists if isinstance(arns, list) for arn in arns]
