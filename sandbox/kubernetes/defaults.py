"""The values a real API server fills in, kind by kind. Imports pods' defaults, kinds and core.wire.

Every function changes its argument in place; the caller owns it.
"""

import base64
import hashlib
from collections.abc import Callable

from sandbox.core.wire import Object, is_list, is_map, sublist, submap
from sandbox.kubernetes.kinds import Kind
from sandbox.kubernetes.pod_defaults import default_pod_spec

DROPPED_WHEN_EMPTY = frozenset(
    {"labels", "annotations", "finalizers", "ownerReferences", "matchLabels", "nodeSelector", "data"}
)


def tidy(value: Object) -> Object:
    """Without nulls, and without the empty maps and lists that Go leaves out; a new object."""
    result: Object = {}
    for name, inner in value.items():
        kept = _tidy(inner)
        if kept is None or kept == [] or (kept == {} and name in DROPPED_WHEN_EMPTY):
            continue
        result[name] = kept
    return result


def _tidy(value: object) -> object:
    if is_map(value):
        return tidy(value)
    if is_list(value):
        return [_tidy(item) for item in value]
    return value


def apply_defaults(kind: Kind, value: Object) -> None:
    """Fills in what the kind's strategy and defaulting functions fill in."""
    default = DEFAULTS.get(kind.id)
    if default is not None:
        default(value)


def _deployment(value: Object) -> None:
    spec = value.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    _template(spec)


def _replica_set(value: Object) -> None:
    spec = value.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    _template(spec)


def _replication_controller(value: Object) -> None:
    spec = value.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    if "selector" not in spec:
        spec["selector"] = dict(submap(spec, "template", "metadata", "labels"))
    _template(spec)


def _stateful_set(value: Object) -> None:
    spec = value.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("serviceName", "")
    retention = {"whenDeleted": "Retain", "whenScaled": "Retain"}
    spec.setdefault("persistentVolumeClaimRetentionPolicy", retention)
    for claim in sublist(spec, "volumeClaimTemplates"):
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
        claim.setdefault("status", {"phase": "Pending"})
    _template(spec)


def _daemon_set(value: Object) -> None:
    spec = value.setdefault("spec", {})
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", 0)
        rolling.setdefault("maxUnavailable", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    _template(spec)


def _job(value: Object) -> None:
    spec = value.setdefault("spec", {})
    for name, default in (
        ("backoffLimit", 6),
        ("completionMode", "NonIndexed"),
        ("suspend", False),
        ("parallelism", 1),
        ("podReplacementPolicy", "TerminatingOrFailed"),
    ):
        spec.setdefault(name, default)
    spec.setdefault("completions", spec["parallelism"])
    metadata = value["metadata"]
    uid = metadata.get("uid")
    if uid and "selector" not in spec:
        labels = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": metadata["name"]}
        old = {"controller-uid": uid, "job-name": metadata["name"]}
        template = spec.setdefault("template", {})
        own = template.setdefault("metadata", {}).setdefault("labels", {})
        own.update({**labels, **old})
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    _template(spec)


def _cron_job(value: Object) -> None:
    spec = value.setdefault("spec", {})
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    _template(submap(spec, "jobTemplate", "spec"))


def _pod(value: Object) -> None:
    default_pod_spec(value.setdefault("spec", {}))
    value["spec"].setdefault("enableServiceLinks", True)


def _service(value: Object) -> None:
    spec = value.setdefault("spec", {})
    kind = spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in sublist(spec, "ports"):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    if kind == "ExternalName":
        return
    spec.setdefault("internalTrafficPolicy", "Cluster")
    metadata = value["metadata"]
    spec.setdefault("clusterIP", _address("10.96", f"{metadata.get('namespace')}/{metadata.get('name')}"))
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    if kind in {"NodePort", "LoadBalancer"}:
        spec.setdefault("externalTrafficPolicy", "Cluster")
        for port in sublist(spec, "ports"):
            port.setdefault("nodePort", 30000 + _digest(f"{metadata['name']}/{port.get('port')}") % 2768)
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    value.setdefault("status", {"loadBalancer": {}})


def _secret(value: Object) -> None:
    value.setdefault("type", "Opaque")
    plain = value.pop("stringData", None)
    if plain:
        data = value.setdefault("data", {})
        data.update({name: base64.b64encode(str(text).encode()).decode() for name, text in plain.items()})


def _autoscaler(value: Object) -> None:
    value.setdefault("spec", {}).setdefault("minReplicas", 1)


def _binding(value: Object) -> None:
    value.setdefault("roleRef", {}).setdefault("apiGroup", "rbac.authorization.k8s.io")
    for subject in sublist(value, "subjects"):
        if subject.get("kind") in {"User", "Group"}:
            subject.setdefault("apiGroup", "rbac.authorization.k8s.io")


def _namespace(value: Object) -> None:
    metadata = value["metadata"]
    if metadata.get("name"):
        metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]
    value.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    value.setdefault("status", {}).setdefault("phase", "Active")


def _claim(value: Object) -> None:
    spec = value.setdefault("spec", {})
    spec.setdefault("volumeMode", "Filesystem")
    value.setdefault("status", {"phase": "Pending"})


def _network_policy(value: Object) -> None:
    value.setdefault("spec", {}).setdefault("policyTypes", ["Ingress"])


def _template(spec: Object) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    default_pod_spec(template.setdefault("spec", {}))


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _address(prefix: str, seed: str) -> str:
    number = _digest(seed)
    return f"{prefix}.{number >> 8 & 0xFF}.{(number & 0xFF) or 1}"


DEFAULTS: dict[str, Callable[[Object], None]] = {
    "deployments.apps": _deployment,
    "replicasets.apps": _replica_set,
    "statefulsets.apps": _stateful_set,
    "daemonsets.apps": _daemon_set,
    "replicationcontrollers": _replication_controller,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "pods": _pod,
    "services": _service,
    "secrets": _secret,
    "namespaces": _namespace,
    "persistentvolumeclaims": _claim,
    "horizontalpodautoscalers.autoscaling": _autoscaler,
    "rolebindings.rbac.authorization.k8s.io": _binding,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding,
    "networkpolicies.networking.k8s.io": _network_policy,
}
