"""A request as a handler sees it, and its answer. Imports errors and core.wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.cloudfoundry.errors import ApiError, unprocessable
from sandbox.cloudfoundry.state import Resource
from sandbox.core.wire import Object, is_map, submap


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request: names from the path, the query, and the body as it came."""

    method: str
    path: str
    names: Mapping[str, str]
    query: Mapping[str, str]
    content: bytes

    def body(self) -> Object:
        """The body as a JSON object. Raises ApiError 400."""
        if not self.content.strip():
            return {}
        try:
            parsed: Any = json.loads(self.content)
        except ValueError:
            parsed = None
        if not is_map(parsed):
            raise ApiError(400, 1001, "Request invalid due to parse error: invalid request body")
        return parsed


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the API."""

    body: Object | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Handler = Callable[[Call], Reply]


def related(body: Object, name: str) -> str:
    """The guid of a to-one relationship; empty where there is none."""
    return str(submap(body, "relationships", name, "data").get("guid", ""))


def only(body: Object, *known: str) -> None:
    """Raises ApiError 422 for a field that the API does not know."""
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise unprocessable(f"Unknown field(s): '{', '.join(unknown)}'")


def put_metadata(resource: Resource, body: Object) -> None:
    """Takes labels and annotations over; null removes one. Raises ApiError 422 for what is too long."""
    given = submap(body, "metadata")
    for target, limit, name in ((resource.labels, 63, "labels"), (resource.annotations, 5_000, "annotations")):
        for key, value in submap(given, name).items():
            if value is None:
                target.pop(key, None)
                continue
            if len(str(value)) > limit:
                raise unprocessable(
                    f"Metadata {name[:-1]} value error: '{key}' is greater than {limit} characters"
                )
            target[key] = str(value)
