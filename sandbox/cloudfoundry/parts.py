"""What many resources have in common in their JSON. Imports state and core.wire."""

from __future__ import annotations

from sandbox.cloudfoundry.state import Resource
from sandbox.core.wire import Object


def head(item: Resource) -> Object:
    """What begins every resource."""
    return {"guid": item.guid, "created_at": item.created_at, "updated_at": item.updated_at}


def metadata(item: Resource) -> Object:
    """Labels and annotations."""
    return {"metadata": {"labels": dict(item.labels), "annotations": dict(item.annotations)}}


def to_one(guid: str | None) -> Object:
    """A to-one relationship."""
    return {"data": None if guid is None else {"guid": guid}}


def lifecycle(kind: str) -> Object:
    """An app's lifecycle."""
    return {"type": kind, "data": {} if kind == "docker" else {"buildpacks": [], "stack": "cflinuxfs4"}}
