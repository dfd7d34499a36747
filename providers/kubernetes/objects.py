"""Kubernetes objects as values: identity, what of them is state and what is bookkeeping, the order to apply them.

Pure: no input or output.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from providers.errors import ProviderRefused
from providers.tree import Tree, drop, put, put_all, text, texts, tree, trees, without_nulls

# On every object of a release and on its pod templates. The value is the release name, the same for every
# release, so that going back to an earlier template meets the ReplicaSet that is still there.
RELEASE_LABEL = "unship.dev/release"
# On workloads themselves, never on their templates: the release that last changed them.
NUMBER_ANNOTATION = "unship.dev/release-number"
# On pod templates: a digest of the release's ConfigMaps and Secrets that the pods read at their start.
CONFIGURATION_ANNOTATION = "unship.dev/configuration"
# By which a ReplicaSet tells its pods from those of the Deployment's other templates.
POD_HASH = "pod-template-hash"
SKIP_VERSIONING = "harness.io/skip-versioning"
# On pods and in selectors: which of two versions that run side by side they belong to.
TRACK_LABEL = "harness.io/track"
COLOR_LABEL = "harness.io/color"
# On objects themselves: that a strategy made them beside those of the manifests (canary, blue, green).
VARIANT_LABEL = "unship.dev/variant"
PRIMARY_SERVICE = "harness.io/primary-service"
STAGE_SERVICE = "harness.io/stage-service"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
SCALABLE = frozenset({"Deployment", "StatefulSet"})
CONFIGURATION = frozenset({"ConfigMap", "Secret"})

# Where each kind keeps its pod template.
_TEMPLATES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys((*WORKLOADS, "ReplicaSet", "Job", "ReplicationController"), ("spec", "template")),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}

# What others need comes first. Kinds that are not named go between the built-in ones that only support and the
# workloads, since a custom resource is more often needed by a workload than the reverse.
_FIRST = (
    "Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass", "ResourceQuota", "LimitRange",
    "NetworkPolicy", "ServiceAccount", "Secret", "ConfigMap", "PersistentVolume", "PersistentVolumeClaim",
    "ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding", "Service",
)  # fmt: skip
_LAST = (
    "Pod", "ReplicaSet", "DaemonSet", "Deployment", "StatefulSet", "Job", "CronJob", "Ingress",
    "HorizontalPodAutoscaler", "PodDisruptionBudget", "APIService", "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
)  # fmt: skip
_RANKS = {kind: rank for rank, kind in enumerate(_FIRST)} | {
    kind: rank for rank, kind in enumerate(_LAST, len(_FIRST) + 1)
}

# Deleting one of these destroys what no manifest can bring back.
NEVER_DELETED = frozenset({"Namespace", "CustomResourceDefinition", "PersistentVolumeClaim", "PersistentVolume"})


def api_group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


@dataclass(frozen=True, order=True)
class Ref:
    """An object's identity. The API version is how it was asked for, not what it is."""

    group: str
    kind: str
    name: str
    namespace: str | None = None
    api_version: str = field(default="v1", compare=False)

    @classmethod
    def of(cls, api_version: str, kind: str, name: str, namespace: str | None) -> Ref:
        return cls(api_group(api_version), kind, name, namespace, api_version)

    @classmethod
    def of_body(cls, body: Tree) -> Ref:
        """The identity of an object that the API server sent."""
        version, kind, metadata = text(body, "apiVersion"), text(body, "kind"), tree(body, "metadata")
        return cls.of(version or "", kind or "", text(metadata, "name") or "", text(metadata, "namespace"))

    @property
    def identity(self) -> tuple[str, str, str | None, str]:
        return self.group, self.kind, self.namespace, self.name

    @property
    def is_workload(self) -> bool:
        return self.group == "apps" and self.kind in WORKLOADS

    @property
    def is_deployment(self) -> bool:
        return self.group == "apps" and self.kind == "Deployment"

    @property
    def is_configuration(self) -> bool:
        return not self.group and self.kind in CONFIGURATION

    def named(self, name: str) -> Ref:
        """An object of the same kind beside this one."""
        return replace(self, name=name)

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class KubeObject:
    """An object with its body. The body is shared and never changed in place."""

    ref: Ref
    body: Tree

    @classmethod
    def of(cls, body: Tree, where: str) -> KubeObject:
        """The object of a manifest or an answer; ProviderRefused where it has no identity."""
        api_version, kind, name = text(body, "apiVersion"), text(body, "kind"), text(body, "metadata", "name")
        if not api_version or not kind:
            raise ProviderRefused(f"{where} has an object without apiVersion or kind.")
        if not name:
            raise ProviderRefused(f"{where} has a {kind} without metadata.name (generateName is not enough).")
        return cls(Ref.of(api_version, kind, name, text(body, "metadata", "namespace")), body)

    @property
    def rank(self) -> int:
        return _RANKS.get(self.ref.kind, len(_FIRST))

    def placed_in(self, namespace: str | None) -> KubeObject:
        """The object in that namespace; None for a kind that has no namespaces."""
        body = put(self.body, namespace, "metadata", "namespace") if namespace else self.body
        body = body if namespace else drop(self.body, "metadata", "namespace")
        ref = self.ref
        return KubeObject(Ref(ref.group, ref.kind, ref.name, namespace, ref.api_version), body)


def template_path(kind: str) -> tuple[str, ...] | None:
    return _TEMPLATES.get(kind)


def template(body: Tree) -> Tree:
    """The pod template of a workload; an empty tree for everything else."""
    path = _TEMPLATES.get(text(body, "kind") or "")
    return tree(body, *path) if path else {}


def template_labels(body: Tree) -> dict[str, str]:
    """The labels that a workload gives to its pods."""
    return texts(template(body), "metadata", "labels")


def labelled(found: KubeObject, release: str) -> KubeObject:
    """The object and its pod template with the release's label."""
    labels = {RELEASE_LABEL: release}
    body = put_all(found.body, labels, "metadata", "labels")
    path = _TEMPLATES.get(found.ref.kind)
    if path and tree(body, *path):
        body = put_all(body, labels, *path, "metadata", "labels")
    return KubeObject(found.ref, body)


_SERVER_METADATA = (
    "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "selfLink",
    "deletionGracePeriodSeconds", "managedFields", "ownerReferences", "finalizers", "generateName",
)  # fmt: skip
_SERVER_ANNOTATIONS = (
    "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
)


def stateless(live: Tree) -> Tree:
    """A live object without what the server or a controller keeps in it: what one would apply to have it again."""
    cleaned = without_nulls(drop(live, "status"))
    body = cleaned if isinstance(cleaned, dict) else {}
    for name in _SERVER_METADATA:
        body = drop(body, "metadata", name)
    for name in _SERVER_ANNOTATIONS:
        body = drop(body, "metadata", "annotations", name)
    match text(body, "kind"):
        case "Service":
            # Addresses are given by the cluster and cannot be changed; "None" (headless) is a choice.
            if text(body, "spec", "clusterIP") != "None":
                body = drop(drop(body, "spec", "clusterIP"), "spec", "clusterIPs")
        case "PersistentVolumeClaim":
            body = drop(body, "spec", "volumeName")
        case "Namespace":
            body = drop(body, "spec")
        case _:
            pass
    return body


def targets_of_autoscaler(autoscaler: Tree) -> tuple[str, str]:
    """Kind and name of what a HorizontalPodAutoscaler scales."""
    target = tree(autoscaler, "spec", "scaleTargetRef")
    return text(target, "kind") or "", text(target, "name") or ""


def last_applied(manifest: Tree) -> str:
    """The annotation as `kubectl apply` of this manifest would write it."""
    return json.dumps(drop(manifest, "metadata", "annotations", LAST_APPLIED), separators=(",", ":")) + "\n"


def annotation(body: Tree, name: str) -> str | None:
    return texts(body, "metadata", "annotations").get(name)


def label(body: Tree, name: str) -> str | None:
    return texts(body, "metadata", "labels").get(name)


def containers(pod_template: Tree) -> list[Tree]:
    """The containers that run for as long as the pod does, in their order."""
    return trees(pod_template, "spec", "containers")
