"""The forms in which objects are answered: whole, as a table, as metadata only. Imports kinds and core.wire."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sandbox.core.wire import Object, sublist, submap
from sandbox.kubernetes.kinds import Kind

View = Callable[[Kind, Object], Object]
Columns = tuple[tuple[str, Callable[[Object], object]], ...]


def view_for(accept: str) -> View:
    """The view an Accept header asks for first."""
    wanted = accept.split(",", 1)[0]
    if "as=Table" in wanted:
        return as_table
    if "as=PartialObjectMetadata" in wanted:
        return as_metadata
    return as_is


def as_is(_: Kind, value: Object) -> Object:
    """The object itself."""
    return value


def as_metadata(kind: Kind, value: Object) -> Object:
    """PartialObjectMetadata, or a list of them."""
    if "items" in value and value.get("kind", "").endswith("List"):
        items = [as_metadata(kind, item) for item in value["items"]]
        return {**_METADATA, "kind": "PartialObjectMetadataList", "metadata": value["metadata"], "items": items}
    return {**_METADATA, "kind": "PartialObjectMetadata", "metadata": value["metadata"]}


_METADATA: Object = {"apiVersion": "meta.k8s.io/v1"}


def as_table(kind: Kind, value: Object) -> Object:
    """A Table of one object or of a list."""
    is_page = value.get("kind") == f"{kind.kind}List"
    items: Sequence[Object] = value["items"] if is_page else [value]
    columns = (("Name", _name), *COLUMNS.get(kind.id, ()), ("Age", _age))
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": value["metadata"] if is_page else {"resourceVersion": value["metadata"]["resourceVersion"]},
        "columnDefinitions": [
            {"name": name, "type": "string", "format": "", "description": name, "priority": 0}
            for name, _ in columns
        ],
        "rows": [
            {"cells": [cell(item) for _, cell in columns], "object": as_metadata(kind, item)} for item in items
        ],
    }


def _name(value: Object) -> str:
    return value["metadata"]["name"]


def _age(value: Object) -> str:
    text = value["metadata"].get("creationTimestamp")
    if not text:
        return "<unknown>"
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds())
    if seconds < 120:
        return f"{seconds}s"
    return f"{seconds // 60}m" if seconds < 7200 else f"{seconds // 3600}h"


def _ready(value: Object) -> str:
    return f"{_status(value, 'readyReplicas')}/{submap(value, 'spec').get('replicas', 0)}"


def _status(value: Object, name: str) -> int:
    return submap(value, "status").get(name, 0)


def _pod_ready(value: Object) -> str:
    statuses = sublist(value, "status", "containerStatuses")
    ready = sum(bool(status.get("ready")) for status in statuses)
    return f"{ready}/{len(sublist(value, 'spec', 'containers'))}"


def _pod_status(value: Object) -> str:
    if value["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for status in sublist(value, "status", "containerStatuses"):
        for state in ("waiting", "terminated"):
            reason = submap(status, "state", state).get("reason")
            if reason:
                return str(reason)
    return str(submap(value, "status").get("phase", "Unknown"))


def _restarts(value: Object) -> int:
    return sum(status.get("restartCount", 0) for status in sublist(value, "status", "containerStatuses"))


COLUMNS: dict[str, Columns] = {
    "pods": (("Ready", _pod_ready), ("Status", _pod_status), ("Restarts", _restarts)),
    "deployments.apps": (
        ("Ready", _ready),
        ("Up-to-date", lambda value: _status(value, "updatedReplicas")),
        ("Available", lambda value: _status(value, "availableReplicas")),
    ),
    "replicasets.apps": (
        ("Desired", lambda value: submap(value, "spec").get("replicas", 0)),
        ("Current", lambda value: _status(value, "replicas")),
        ("Ready", lambda value: _status(value, "readyReplicas")),
    ),
    "statefulsets.apps": (("Ready", _ready),),
    "daemonsets.apps": (
        ("Desired", lambda value: _status(value, "desiredNumberScheduled")),
        ("Ready", lambda value: _status(value, "numberReady")),
        ("Up-to-date", lambda value: _status(value, "updatedNumberScheduled")),
    ),
    "namespaces": (("Status", lambda value: submap(value, "status").get("phase", "")),),
    "services": (
        ("Type", lambda value: submap(value, "spec").get("type", "")),
        ("Cluster-IP", lambda value: submap(value, "spec").get("clusterIP", "<none>")),
    ),
    "configmaps": (("Data", lambda value: len(submap(value, "data"))),),
    "secrets": (
        ("Type", lambda value: value.get("type", "")),
        ("Data", lambda value: len(submap(value, "data"))),
    ),
}
