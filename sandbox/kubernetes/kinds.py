"""Which resources the API server serves, by group and version. Imports the standard library only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource. `generation` says whether a change of its spec counts it up."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    generation: bool = False
    review: bool = False
    """Only POSTed, never stored."""

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def id(self) -> str:
        """`deployments.apps`, or `pods` for the core group: the kind of the store's keys."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


WORKLOAD = ("status", "scale")
STATUS = ("status",)

KINDS: tuple[Kind, ...] = (
    Kind("", "v1", "Namespace", "namespaces", False, ("ns",), ("status", "finalize")),
    Kind("", "v1", "Node", "nodes", False, ("no",), STATUS),
    Kind("", "v1", "Pod", "pods", True, ("po",), ("status", "log"), True),
    Kind("", "v1", "Service", "services", True, ("svc",), STATUS),
    Kind("", "v1", "ConfigMap", "configmaps", True, ("cm",)),
    Kind("", "v1", "Secret", "secrets"),
    Kind("", "v1", "ServiceAccount", "serviceaccounts", True, ("sa",)),
    Kind("", "v1", "Event", "events", True, ("ev",)),
    Kind("", "v1", "Endpoints", "endpoints", True, ("ep",)),
    Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", True, ("pvc",), STATUS),
    Kind("", "v1", "ReplicationController", "replicationcontrollers", True, ("rc",), WORKLOAD, True),
    Kind("", "v1", "ResourceQuota", "resourcequotas", True, ("quota",), STATUS),
    Kind("", "v1", "LimitRange", "limitranges", True, ("limits",)),
    Kind("apps", "v1", "Deployment", "deployments", True, ("deploy",), WORKLOAD, True),
    Kind("apps", "v1", "ReplicaSet", "replicasets", True, ("rs",), WORKLOAD, True),
    Kind("apps", "v1", "StatefulSet", "statefulsets", True, ("sts",), WORKLOAD, True),
    Kind("apps", "v1", "DaemonSet", "daemonsets", True, ("ds",), STATUS, True),
    Kind("apps", "v1", "ControllerRevision", "controllerrevisions"),
    Kind("batch", "v1", "Job", "jobs", True, (), STATUS, True),
    Kind("batch", "v1", "CronJob", "cronjobs", True, ("cj",), STATUS, True),
    Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True, ("hpa",), STATUS),
    Kind("networking.k8s.io", "v1", "Ingress", "ingresses", True, ("ing",), STATUS, True),
    Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", True, ("netpol",), (), True),
    Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", True, ("pdb",), STATUS, True),
    Kind("rbac.authorization.k8s.io", "v1", "Role", "roles"),
    Kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
    Kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", False),
    Kind("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", False),
    Kind("coordination.k8s.io", "v1", "Lease", "leases"),
    Kind("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", False, review=True),
    Kind("authorization.k8s.io", "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", False, review=True),
    Kind("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", False, review=True),
)

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

_BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
_BY_ID = {kind.id: kind for kind in KINDS}
_BY_TYPE = {(kind.api_version, kind.kind): kind for kind in KINDS}
_BY_NAME = {name: kind for kind in reversed(KINDS) for name in (kind.kind, kind.plural)}


def by_path(group: str, version: str, plural: str) -> Kind | None:
    """The resource a URL names."""
    return _BY_PATH.get((group, version, plural))


def by_id(kind_id: str) -> Kind:
    """The resource of a store key. Raises KeyError."""
    return _BY_ID[kind_id]


def by_type(api_version: str, kind: str) -> Kind | None:
    """The resource an object's apiVersion and kind name."""
    return _BY_TYPE.get((api_version, kind))


def by_name(name: str) -> Kind:
    """The resource called `Deployment`, `deployments` or `deployments.apps`. Raises KeyError."""
    return _BY_ID.get(name) or _BY_NAME[name]


def groups() -> dict[str, list[str]]:
    """Versions by group, the core group apart."""
    found: dict[str, list[str]] = {}
    for kind in KINDS:
        if kind.group and kind.version not in found.setdefault(kind.group, []):
            found[kind.group].append(kind.version)
    return found


NAMESPACE = _BY_ID["namespaces"]
NODE = _BY_ID["nodes"]
POD = _BY_ID["pods"]
EVENT = _BY_ID["events"]
SERVICE = _BY_ID["services"]
ENDPOINTS = _BY_ID["endpoints"]
SERVICE_ACCOUNT = _BY_ID["serviceaccounts"]
CONFIG_MAP = _BY_ID["configmaps"]
CLAIM = _BY_ID["persistentvolumeclaims"]
DEPLOYMENT = _BY_ID["deployments.apps"]
REPLICA_SET = _BY_ID["replicasets.apps"]
STATEFUL_SET = _BY_ID["statefulsets.apps"]
DAEMON_SET = _BY_ID["daemonsets.apps"]
REVISION = _BY_ID["controllerrevisions.apps"]
JOB = _BY_ID["jobs.batch"]
