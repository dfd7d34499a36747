"""What each verb does to a resource. Imports cluster, writes, deletes, patches, listing and subresources."""

from dataclasses import replace as with_changes

from sandbox.core.wire import Object, submap
from sandbox.kubernetes.access import Access
from sandbox.kubernetes.bodies import media_type
from sandbox.kubernetes.cluster import Cluster
from sandbox.kubernetes.deletes import Deleter
from sandbox.kubernetes.errors import ApiError, no_such_page
from sandbox.kubernetes.listing import list_page, select
from sandbox.kubernetes.patches import json_patch, merge_patch
from sandbox.kubernetes.requests import Call
from sandbox.kubernetes.scale import rescaled, scale_of
from sandbox.kubernetes.strategic import strategic_merge
from sandbox.kubernetes.writes import Writer

APPLY_TYPES = frozenset({"application/apply-patch+yaml", "application/apply-patch+cbor"})

Answer = tuple[int, Object]


class Resources:
    """The verbs, apart from watch and logs."""

    def __init__(self, cluster: Cluster, writer: Writer, deleter: Deleter, access: Access) -> None:
        self._cluster = cluster
        self._writer = writer
        self._deleter = deleter
        self._access = access

    def handle(self, call: Call) -> Answer:
        """Status code and object of the answer. Raises ApiError."""
        verbs = {
            "create": self._create,
            "get": self._get,
            "list": self._list,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }
        return verbs[call.verb](call)

    def _find(self, call: Call) -> Object:
        if not call.target.name:
            raise ApiError(405, "the server does not allow this method on the requested resource")
        return self._cluster.get(call.kind, call.target.namespace, call.target.name)

    def _create(self, call: Call) -> Answer:
        target = call.target
        if call.kind.review:
            return 201, self._access.review(call.kind, call.object())
        if target.name:
            raise ApiError(405, "the server does not allow this method on the requested resource")
        if call.kind.namespaced and not target.namespace:
            raise no_such_page()
        return 201, self._writer.create(call.kind, target.namespace, call.object(), call.options())

    def _get(self, call: Call) -> Answer:
        value = self._find(call)
        return 200, scale_of(call.kind, value) if call.target.subresource == "scale" else value

    def _list(self, call: Call) -> Answer:
        return 200, list_page(self._cluster, call.kind, call.target.namespace, call.query)

    def _update(self, call: Call) -> Answer:
        old = self._find(call)
        if call.target.subresource == "finalize":
            return 200, self._cluster.modify(call.kind, old, lambda value: _finalize(value, call.object()))
        return 200, self._replace(call, old, call.object())

    def _replace(self, call: Call, old: Object, value: Object) -> Object:
        options = call.options()
        if call.target.subresource != "scale":
            return self._writer.replace(call.kind, call.target.namespace, old, value, options)
        written = self._writer.replace(call.kind, call.target.namespace, old, rescaled(old, value), options)
        return scale_of(call.kind, written)

    def _patch(self, call: Call) -> Answer:
        kind, target = call.kind, call.target
        patch_type = media_type(call.content_type)
        if patch_type in APPLY_TYPES and target.subresource != "scale":
            before = self._cluster.find(kind, target.namespace, target.name)
            options = call.options(for_apply=True)
            value = self._writer.apply(kind, target.namespace, target.name, call.object(), options)
            return (201 if before is None else 200), value
        old = self._find(call)
        current = scale_of(kind, old) if target.subresource == "scale" else old
        return 200, self._replace(call, old, _patched(patch_type, current, call))

    def _delete(self, call: Call) -> Answer:
        return 200, self._deleter.delete(call.kind, self._find(call), call.delete_options())

    def _delete_collection(self, call: Call) -> Answer:
        namespace = call.target.namespace
        if call.kind.namespaced and not namespace:
            raise ApiError(405, "the server does not allow this method on the requested resource")
        found = select(self._cluster, call.kind, namespace, call.query)
        chosen = found[: len(found) // 2] if call.half_done else found
        options = with_changes(call.delete_options(), uid="", revision="")
        self._deleter.delete_all(call.kind, chosen, options)
        page = list_page(self._cluster, call.kind, namespace, {"labelSelector": "sandbox.none=none"})
        return 200, {**page, "items": chosen}


def _patched(patch_type: str, current: Object, call: Call) -> Object:
    patch = call.data()
    match patch_type:
        case "application/json-patch+json":
            return json_patch(current, patch)
        case "application/merge-patch+json":
            return merge_patch(current, call.object())
        case "application/strategic-merge-patch+json":
            return strategic_merge(current, call.object())
        case _:
            raise ApiError(415, f"the body of the request was in an unknown format: {patch_type}")


def _finalize(value: Object, wanted: Object) -> None:
    value["spec"]["finalizers"] = submap(wanted, "spec").get("finalizers") or []
