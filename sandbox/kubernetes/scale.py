"""The scale subresource. Imports kinds, errors, selectors and core.wire."""

from sandbox.core.wire import Object, submap
from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.kinds import Kind
from sandbox.kubernetes.selectors import selector_text


def scale_of(kind: Kind, value: Object) -> Object:
    """An autoscaling/v1 Scale of a workload."""
    metadata, spec = value["metadata"], submap(value, "spec")
    selector = submap(spec, "selector")
    whole = selector if kind.group else {"matchLabels": selector}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            name: metadata[name] for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        },
        "spec": {"replicas": spec.get("replicas", 0)},
        "status": {
            "replicas": submap(value, "status").get("replicas", 0),
            "selector": selector_text(whole),
        },
    }


def rescaled(value: Object, scale: Object) -> Object:
    """The workload with a Scale's replicas and preconditions. Raises ApiError 400."""
    replicas = submap(scale, "spec").get("replicas", 0)
    if not isinstance(replicas, int):
        raise ApiError(400, "json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32")
    sent = submap(scale, "metadata")
    metadata = {**value["metadata"]}
    for name in ("uid", "resourceVersion"):
        if sent.get(name):
            metadata[name] = sent[name]
    return {**value, "metadata": metadata, "spec": {**value["spec"], "replicas": replicas}}
