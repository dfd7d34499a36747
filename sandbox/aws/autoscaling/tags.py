"""Tags of groups, as they are kept and as they are described."""

from __future__ import annotations

from sandbox.core.wire import Object


def tagged(tag: Object) -> Object:
    """A tag as a group keeps it, by its key."""
    return {"Value": tag.get("Value", ""), "PropagateAtLaunch": tag.get("PropagateAtLaunch", False)}


def tag_shown(group: str, key: str, tag: Object) -> Object:
    """A tag of a group as it is described."""
    return {
        "ResourceId": group,
        "ResourceType": "auto-scaling-group",
        "Key": key,
        "Value": tag["Value"],
        "PropagateAtLaunch": tag["PropagateAtLaunch"],
    }
