"""What expressions can read of the steps: texts."""

from __future__ import annotations

from pydantic import JsonValue

from providers.ecs.live import Site
from providers.ecs.standing import definition_of
from providers.tree import Tree, number, text


def outputs(site: Site, service: Tree | None, name: str = "") -> dict[str, JsonValue]:
    """Of a step that ended with this service, or with none of that `name`."""
    return {
        "cluster": site.cluster.name,
        "serviceName": text(service, "serviceName") or name,
        "taskDefinition": definition_of(service) if service is not None else "",
        "desiredCount": str(number(service, "desiredCount") or 0),
    }
