"""Writes as clients make them: checked, defaulted, owned, conflict-safe.

Imports cluster, apply, defaults and validation.
"""

import uuid
from dataclasses import dataclass

from sandbox.core.wire import Object, clone, submap, timestamp
from sandbox.kubernetes.apply import APPLY, UPDATE, Manager, Owners, applied, managed, updated
from sandbox.kubernetes.cluster import Cluster, key_of
from sandbox.kubernetes.defaults import apply_defaults, tidy
from sandbox.kubernetes.errors import ApiError, Cause, already_exists, forbidden, invalid, modified, not_found
from sandbox.kubernetes.fields import fields_of
from sandbox.kubernetes.kinds import DEPLOYMENT, NAMESPACE, POD, Kind
from sandbox.kubernetes.lastapplied import allowed_conflicts, refreshed
from sandbox.kubernetes.names import random_suffix
from sandbox.kubernetes.schema import Finding, mistyped, pruned, unknown
from sandbox.kubernetes.validation import validate

KEPT_METADATA = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Who writes, to which subresource, and whether only to try."""

    manager: str
    subresource: str = ""
    dry_run: bool = False
    force: bool = False
    strict: bool = False
    """Refuse unknown fields, which are dropped otherwise."""


class Writer:
    """Create, replace and apply."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def create(self, kind: Kind, namespace: str, value: Object, options: WriteOptions) -> Object:
        """A new object. Raises ApiError 400, 403, 404, 409 or 422."""
        value = _decoded(kind, value, options)
        fresh = self._prepared(kind, namespace, value)
        if fresh["metadata"].get("resourceVersion"):
            raise ApiError(400, "resourceVersion should not be set on objects to be created")
        owners: Owners = {}
        return self._insert(kind, namespace, fresh, owners, options)

    def replace(self, kind: Kind, namespace: str, old: Object, value: Object, options: WriteOptions) -> Object:
        """`value` in the place of `old`; an unchanged object is not written. Raises ApiError 400, 409 or 422."""
        value = _decoded(kind, value, options)
        name = old["metadata"]["name"]
        _check_identity(kind, namespace, name, value)
        _check_preconditions(kind, old, value)
        new = self._settled(kind, old, tidy(value), options)
        base = _with_managed(old, value)
        manager = Manager(options.manager, UPDATE, kind.api_version, options.subresource)
        return self._update(kind, old, new, updated(base, new, manager), options)

    def apply(self, kind: Kind, namespace: str, name: str, configuration: Object, options: WriteOptions) -> Object:
        """Server-side apply; creates what is not there. Raises ApiError 400, 404, 409, 422 or 500."""
        _check_identity(kind, namespace, name, configuration)
        _check_typed(kind, f"{namespace}/{name}", configuration)
        if submap(configuration, "metadata").get("managedFields"):
            raise ApiError(400, "metadata.managedFields must be nil")
        manager = Manager(options.manager, APPLY, kind.api_version, options.subresource)
        old = self._cluster.find(kind, namespace, name)
        if old is None:
            return self._apply_new(kind, namespace, configuration, manager, options)
        _check_preconditions(kind, old, configuration)
        allowed = allowed_conflicts(manager.name, old)
        merged, owners = applied(old, configuration, manager, force=options.force, allowed=allowed)
        merged = refreshed(manager.name, merged, configuration)
        new = self._settled(kind, old, tidy(merged), options)
        return self._update(kind, old, new, owners, options)

    def _apply_new(
        self, kind: Kind, namespace: str, configuration: Object, manager: Manager, options: WriteOptions
    ) -> Object:
        metadata = submap(configuration, "metadata")
        if metadata.get("resourceVersion") or metadata.get("uid") or options.subresource:
            raise not_found(kind, metadata.get("name", ""))
        fresh = self._prepared(kind, namespace, configuration)
        owners = {manager: frozenset(fields_of(configuration))}
        return self._insert(kind, namespace, fresh, owners, options)

    def _prepared(self, kind: Kind, namespace: str, value: Object) -> Object:
        fresh = tidy(clone(value))
        metadata = fresh.setdefault("metadata", {})
        _check_identity(kind, namespace, None, fresh)
        for name in (*KEPT_METADATA, "managedFields", "selfLink"):
            metadata.pop(name, None)
        if kind.namespaced:
            metadata["namespace"] = namespace
            self._check_namespace(kind, namespace, metadata.get("name", ""))
        if "status" in kind.subresources:
            fresh.pop("status", None)
        if not metadata.get("name"):
            if not metadata.get("generateName"):
                cause = Cause(
                    "FieldValueRequired", "Required value: name or generateName is required", "metadata.name"
                )
                raise invalid(kind, "", [cause])
            metadata["name"] = metadata["generateName"] + random_suffix()
        return fresh

    def _insert(self, kind: Kind, namespace: str, fresh: Object, owners: Owners, options: WriteOptions) -> Object:
        metadata = fresh["metadata"]
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = timestamp()
        if kind.generation:
            metadata["generation"] = 1
        fresh = {"apiVersion": kind.api_version, "kind": kind.kind, **fresh}
        apply_defaults(kind, fresh)
        if kind == POD:
            fresh.setdefault("status", {"phase": "Pending", "qosClass": "BestEffort"})
        validate(kind, fresh, None)
        if self._cluster.find(kind, namespace, metadata["name"]) is not None:
            raise already_exists(kind, metadata["name"])
        if not owners:
            owners = updated(None, fresh, Manager(options.manager, UPDATE, kind.api_version))
        metadata["managedFields"] = managed(None, owners)
        if options.dry_run:
            return fresh
        return self._cluster.store.put(key_of(kind, namespace, metadata["name"]), fresh)

    def _settled(self, kind: Kind, old: Object, new: Object, options: WriteOptions) -> Object:
        """What a client may not change put back, defaults filled in, and all of it validated."""
        new = clone(new)
        if options.subresource == "status":
            metadata = {**new["metadata"]}
            new = {**clone(old), "status": new.get("status", {})}
            new["metadata"]["annotations"] = metadata.get("annotations", {})
            new = tidy(new)
        elif "status" in kind.subresources:
            new.pop("status", None)
            if "status" in old:
                new["status"] = old["status"]
        metadata, kept = new["metadata"], old["metadata"]
        for name in KEPT_METADATA:
            metadata.pop(name, None)
            if name in kept:
                metadata[name] = kept[name]
        metadata["name"] = kept["name"]
        metadata["resourceVersion"] = kept["resourceVersion"]
        if kind.namespaced:
            metadata["namespace"] = kept["namespace"]
        new["apiVersion"], new["kind"] = kind.api_version, kind.kind
        _keep_allocated(kind, old, new)
        apply_defaults(kind, new)
        validate(kind, new, old)
        return new

    def _update(self, kind: Kind, old: Object, new: Object, owners: Owners, options: WriteOptions) -> Object:
        metadata, before = new["metadata"], old["metadata"]
        metadata["managedFields"] = managed(old, owners)
        if not metadata["managedFields"]:
            del metadata["managedFields"]
        if new == old:
            return old
        respecified = new.get("spec") != old.get("spec")
        annotated = metadata.get("annotations") != before.get("annotations")
        if kind == DEPLOYMENT and not options.subresource and annotated and not respecified:
            # annotations are copied to ReplicaSets, so a change of them counts as one of the spec
            metadata["generation"] = before["generation"] + 1
        if not options.dry_run:
            return self._cluster.commit(kind, old, new)
        if kind.generation and respecified:
            metadata["generation"] = before.get("generation", 0) + 1
        return new

    def _check_namespace(self, kind: Kind, namespace: str, name: str) -> None:
        found = self._cluster.get(NAMESPACE, "", namespace)
        if submap(found, "status").get("phase") == "Terminating":
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(kind, name, why, "NamespaceTerminating")


def _keep_allocated(kind: Kind, old: Object, new: Object) -> None:
    """Addresses the server chose stay when a client leaves them out."""
    if kind.id != "services":
        return
    before, after = submap(old, "spec"), submap(new, "spec")
    if after.get("type", "ClusterIP") == "ExternalName" or before.get("type") == "ExternalName":
        return
    for name in ("clusterIP", "clusterIPs"):
        if name not in after and name in before:
            after[name] = before[name]


def _check_identity(kind: Kind, namespace: str, name: str | None, value: Object) -> None:
    if value.get("kind", kind.kind) != kind.kind or value.get("apiVersion", kind.api_version) != kind.api_version:
        got = f"{value.get('apiVersion')}, Kind={value.get('kind')}"
        raise ApiError(400, f"the object provided is unrecognized (must be of type {kind.kind}): {got}")
    metadata = submap(value, "metadata")
    if name is not None and metadata.get("name", name) != name:
        text = f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})"
        raise ApiError(400, text)
    if kind.namespaced and metadata.get("namespace", namespace) not in {namespace, ""}:
        text = "the namespace of the provided object does not match the namespace sent on the request"
        raise ApiError(400, text)


def _check_preconditions(kind: Kind, old: Object, value: Object) -> None:
    metadata, current = submap(value, "metadata"), old["metadata"]
    uid = metadata.get("uid")
    if uid and uid != current["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {current['uid']}"
        raise modified(kind, current["name"], why)
    revision = metadata.get("resourceVersion")
    if revision and revision != current["resourceVersion"]:
        raise modified(kind, current["name"])


def _with_managed(old: Object, value: Object) -> Object:
    """The old object with the managedFields a client sent, if it sent any (a reset, or an upgrade of them)."""
    sent = submap(value, "metadata").get("managedFields")
    if sent is None:
        return old
    entries = [entry for entry in sent if entry.get("manager") or entry.get("fieldsV1")]
    return {**old, "metadata": {**old["metadata"], "managedFields": entries}}


def _decoded(kind: Kind, value: Object, options: WriteOptions) -> Object:
    wrong = mistyped(kind, value)
    head = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}'
    if wrong is not None:
        where = f"Go struct field {kind.kind}{wrong.path}: expected {wrong.expected}"
        raise ApiError(400, f"{head}: json: cannot unmarshal into {where}")
    strange = unknown(kind, value)
    if strange and options.strict:
        listed = ", ".join(f'unknown field "{path.removeprefix(".")}"' for path in strange)
        raise ApiError(400, f"{head}: strict decoding error: {listed}")
    return pruned(kind, value) if strange else value


def _check_typed(kind: Kind, target: str, configuration: Object) -> None:
    strange = [Finding(path, "") for path in unknown(kind, configuration)]
    wrong = mistyped(kind, configuration) or (strange[0] if strange else None)
    if wrong is not None:
        problem = f"expected {wrong.expected}" if wrong.expected else "field not declared in schema"
        head = f"failed to create typed patch object ({target}; {kind.api_version}, Kind={kind.kind})"
        raise ApiError(500, f"{head}: {wrong.path}: {problem}", reason="")
