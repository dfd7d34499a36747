"""LIST with selectors and pages. Imports cluster, selectors, errors and core.wire."""

import base64
import binascii
import json
from collections.abc import Mapping

from sandbox.core.wire import Object
from sandbox.kubernetes.cluster import Cluster
from sandbox.kubernetes.errors import ApiError, expired
from sandbox.kubernetes.kinds import Kind
from sandbox.kubernetes.selectors import Test, field_test, label_test


def selector_test(query: Mapping[str, str]) -> Test:
    """Whether an object matches labelSelector and fieldSelector of a query. Raises ApiError 400."""
    labels = label_test(query.get("labelSelector", ""))
    fields = field_test(query.get("fieldSelector", ""))
    return lambda value: labels(value) and fields(value)


def select(cluster: Cluster, kind: Kind, namespace: str, query: Mapping[str, str]) -> list[Object]:
    """The objects a query selects, by namespace and name; all namespaces when `namespace` is empty."""
    test = selector_test(query)
    scope = namespace if namespace or not kind.namespaced else None
    return [value for value in cluster.store.values(kind.id, scope) if test(value)]


def list_page(cluster: Cluster, kind: Kind, namespace: str, query: Mapping[str, str]) -> Object:
    """A list object, one page of it if `limit` is given. Raises ApiError 400 or 410."""
    revision = cluster.store.revision
    found = select(cluster, kind, namespace, query)
    metadata: Object = {}
    limit = _number(query.get("limit"))
    if query.get("continue"):
        revision, start = _decode(query["continue"], cluster)
        found = [value for value in found if _position(value) > start]
    if limit and len(found) > limit:
        metadata["remainingItemCount"] = len(found) - limit
        found = found[:limit]
        metadata["continue"] = _encode(revision, _position(found[-1]))
    metadata["resourceVersion"] = str(revision)
    return {
        "kind": f"{kind.kind}List",
        "apiVersion": kind.api_version,
        "metadata": metadata,
        "items": found,
    }


def _position(value: Object) -> str:
    metadata = value["metadata"]
    return f"{metadata.get('namespace', '')}\0{metadata['name']}"


def _encode(revision: int, start: str) -> str:
    return base64.urlsafe_b64encode(json.dumps({"rv": revision, "start": start}).encode()).decode()


def _decode(token: str, cluster: Cluster) -> tuple[int, str]:
    try:
        page = json.loads(base64.urlsafe_b64decode(token))
        revision, start = int(page["rv"]), str(page["start"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise ApiError(400, "continue key is not valid") from None
    if cluster.store.forgot(revision):
        raise expired("The provided continue parameter is too old to display a consistent list result.")
    return revision, start


def _number(text: str | None) -> int:
    if not text:
        return 0
    if not text.isdigit():
        raise ApiError(400, f'unable to parse "{text}" as a number')
    return int(text)
