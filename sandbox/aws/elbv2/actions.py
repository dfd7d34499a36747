"""Actions of listeners and rules in the form in which they are described."""

from __future__ import annotations

from typing import Any

from sandbox.aws.protocol.errors import AwsError
from sandbox.core.wire import Object


def normal(actions: list[Any]) -> list[Object]:
    """With both forms of a forward to one target group, in order. Raises AwsError for a forward to nowhere."""
    return [_normal(action, order) for order, action in enumerate(actions, 1)]


def _normal(action: Object, order: int) -> Object:
    found: Object = {**action}
    if len(found) > 1 and found["Type"] == "forward":
        groups = [
            {"Weight": 1, **group}
            for group in found.get("ForwardConfig", {}).get("TargetGroups", [])
            or [{"TargetGroupArn": found["TargetGroupArn"]}]
        ]
        config = {"TargetGroupStickinessConfig": {"Enabled": False}, **found.get("ForwardConfig", {})}
        found["ForwardConfig"] = {**config, "TargetGroups": groups}
        if len(groups) == 1:
            found["TargetGroupArn"] = groups[0]["TargetGroupArn"]
    elif found["Type"] == "forward":
        raise AwsError("ValidationError", "A target group ARN must be specified")
    found.setdefault("Order", order)
    return found


def target_groups(actions: list[Object]) -> list[str]:
    """The target groups that actions forward to, also with a weight of 0."""
    return [
        group["TargetGroupArn"]
        for action in actions
        for group in action.get("ForwardConfig", {}).get("TargetGroups", [])
    ]
