"""What all platforms on AWS put into their values.

May import `providers.values`, `providers.tree` and pydantic only.
"""

from __future__ import annotations

from pydantic import Field, JsonValue

from providers.tree import text, trees
from providers.values import Document, Value

CONNECTOR_TYPE = "Aws"


class RegionTarget(Document):
    """What the `spec` of every infrastructure on AWS says: which connector, and which region of its account."""

    connector_ref: str = Field(min_length=1)
    region: str = Field(min_length=1)


class Route(Value):
    """What a listener does with requests: by one of its rules, or by default where `rule` is null."""

    listener: str
    rule: str | None = None
    actions: tuple[dict[str, JsonValue], ...]

    @property
    def arn(self) -> str:
        """What identifies it."""
        return self.rule or self.listener

    @property
    def groups(self) -> tuple[str, ...]:
        """The target groups that get a part of the traffic."""
        return tuple(
            sorted(
                text(group, "TargetGroupArn") or ""
                for action in self.actions
                for group in trees(action, "ForwardConfig", "TargetGroups")
                if group.get("Weight") != 0
            )
        )

    def with_group(self, old: str, new: str) -> Route:
        """The same with another target group in the place of one."""
        return self.model_copy(update={"actions": tuple(_replaced(action, old, new) for action in self.actions)})


def group_name(arn: str) -> str:
    """The name of a target group."""
    parts = arn.split("/")
    return parts[1] if len(parts) > 1 else arn


def _replaced(value: JsonValue, old: str, new: str) -> dict[str, JsonValue]:
    found = _anywhere(value, old, new)
    return found if isinstance(found, dict) else {}


def _anywhere(value: JsonValue, old: str, new: str) -> JsonValue:
    if isinstance(value, dict):
        return {key: _anywhere(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_anywhere(item, old, new) for item in value]
    return new if value == old else value
