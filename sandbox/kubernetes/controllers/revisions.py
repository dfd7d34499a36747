"""A Deployment's ReplicaSets by template and revision. Imports cluster, rollout, podset, names, core.wire."""

from collections.abc import Sequence

from sandbox.core.wire import Object, clone, submap
from sandbox.kubernetes.controllers.podset import owner_reference
from sandbox.kubernetes.controllers.rollout import DESIRED, limits, wanted
from sandbox.kubernetes.kinds import DEPLOYMENT
from sandbox.kubernetes.names import HASH_LABEL, normalised, template_hash

REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        HISTORY,
        DESIRED,
        MAXIMUM,
        "deprecated.deployment.rollback.to",
    }
)


def revision_of(value: Object) -> int:
    """The revision annotation; 0 when there is none."""
    text = submap(value, "metadata", "annotations").get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def split(deployment: Object, every: Sequence[Object]) -> tuple[Object | None, list[Object]]:
    """The ReplicaSet of the current template (the oldest, if several), and the others, oldest first."""
    template = normalised(submap(deployment, "spec", "template"))
    ordered = sorted(every, key=_age)
    new = next((item for item in ordered if normalised(submap(item, "spec", "template")) == template), None)
    return new, [item for item in ordered if item is not new]


def _age(value: Object) -> tuple[str, int]:
    return value["metadata"]["creationTimestamp"], revision_of(value)


def next_revision(olds: Sequence[Object]) -> int:
    """One more than the highest of the old ones."""
    return max((revision_of(item) for item in olds), default=0) + 1


def new_replica_set(deployment: Object, replicas: int, revision: int, collisions: int) -> Object:
    """A ReplicaSet for the current template."""
    spec = submap(deployment, "spec")
    digest = template_hash(submap(spec, "template"), collisions)
    template = clone(submap(spec, "template"))
    labels = {**submap(template, "metadata", "labels"), HASH_LABEL: digest}
    template.setdefault("metadata", {})["labels"] = labels
    selector = clone(submap(spec, "selector"))
    selector.setdefault("matchLabels", {})[HASH_LABEL] = digest
    body: Object = {"replicas": replicas, "selector": selector, "template": template}
    if spec.get("minReadySeconds"):
        body["minReadySeconds"] = spec["minReadySeconds"]
    return {
        "metadata": {
            "name": f"{deployment['metadata']['name']}-{digest}",
            "namespace": deployment["metadata"]["namespace"],
            "labels": dict(labels),
            "annotations": {**copied(deployment), **sizes(deployment), REVISION: str(revision)},
            "ownerReferences": [owner_reference(DEPLOYMENT, deployment)],
        },
        "spec": body,
        "status": {"replicas": 0},
    }


def copied(deployment: Object) -> Object:
    """The Deployment's annotations that its ReplicaSets carry too."""
    annotations = submap(deployment, "metadata", "annotations")
    return {name: value for name, value in annotations.items() if name not in NOT_COPIED}


def sizes(deployment: Object) -> Object:
    """The annotations that tell a later change of the number of replicas."""
    replicas = wanted(deployment)
    return {DESIRED: str(replicas), MAXIMUM: str(replicas + limits(deployment)[0])}


def reannotate(deployment: Object, replica_set: Object, revision: int) -> None:
    """Gives an existing ReplicaSet its next revision, remembering the old one; changes it in place."""
    annotations = replica_set["metadata"].setdefault("annotations", {})
    annotations.update(copied(deployment))
    old = revision_of(replica_set)
    if old < revision:
        if old:
            past = [text for text in annotations.get(HISTORY, "").split(",") if text]
            annotations[HISTORY] = ",".join([*past, str(old)])
        annotations[REVISION] = str(revision)
