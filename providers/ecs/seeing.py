"""Whether what was read of a service is at least as new as what we wrote to it. Pure.

A service has no version. What has an order is when it, and its deployments, were created: ECS says that itself.
"""

from __future__ import annotations

from providers.aws.written import Shows
from providers.ecs import tags
from providers.ecs.settings import primary, settings_of, uncovered
from providers.tree import Tree, number, text, trees


def deployment(answered: Tree) -> Shows:
    """The deployment that was answered to a write, or one that was begun, or a deletion that was done, since."""
    ours = text(primary(answered), "id")

    def shows(found: Tree | None) -> bool:
        if found is None:
            return False
        if text(found, "status") != "ACTIVE":
            return _created(found) >= _created(answered)
        ids = {text(item, "id") for item in trees(found, "deployments")}
        return ours in ids or _is_newer(found, answered)

    return shows


def settings(answered: Tree, request: Tree) -> Shows:
    """The count and the settings that an update asked for."""
    count = number(request, "desiredCount")

    def shows(found: Tree | None) -> bool:
        if found is None or text(found, "status") != "ACTIVE" or _is_newer(found, answered):
            return True
        return count in (None, number(found, "desiredCount")) and not uncovered(settings_of(found), request)

    return shows


def tag(key: str, value: str) -> Shows:
    """A tag that was written on a service."""

    def shows(found: Tree | None) -> bool:
        return found is None or text(found, "status") != "ACTIVE" or tags.read(found, "tags").get(key) == value

    return shows


def deletion(answered: Tree) -> Shows:
    """The end of a service, or another one of its name."""

    def shows(found: Tree | None) -> bool:
        if found is None or text(found, "status") != "ACTIVE":
            return True
        return bool(_created(answered)) and _created(found) > _created(answered)

    return shows


def tasks(settled: Tree) -> Shows:
    """The tasks of a service that was seen to run those of its newest deployment alone."""
    some = bool(number(settled, "runningCount"))

    def shows(found: list[Tree]) -> bool:
        return bool(found) == some and all(_created(task) >= _created(primary(settled)) for task in found)

    return shows


def _is_newer(found: Tree, answered: Tree) -> bool:
    """Whether its newest deployment was begun after the one that was answered."""
    return _created(primary(found)) > _created(primary(answered))


def _created(item: Tree) -> str:
    # In UTC, and so in the order of time.
    return text(item, "createdAt") or ""
