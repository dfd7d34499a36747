"""ControllerRevisions: the past templates of StatefulSets and DaemonSets. Imports cluster, podset, names."""

from collections.abc import Collection
from dataclasses import dataclass

from sandbox.core.wire import Object, clone, submap
from sandbox.kubernetes.cluster import Cluster
from sandbox.kubernetes.controllers.podset import owner_reference
from sandbox.kubernetes.kinds import REVISION, Kind
from sandbox.kubernetes.names import REVISION_LABEL, normalised, template_hash


@dataclass(frozen=True, slots=True)
class Past:
    """One revision: its object's name, the hash in it, its number and the template."""

    name: str
    digest: str
    number: int
    template: Object


def past_of(revision: Object) -> Past:
    """A ControllerRevision, read."""
    template = clone(submap(revision, "data", "spec", "template"))
    template.pop("$patch", None)
    digest = submap(revision, "metadata", "labels").get(REVISION_LABEL, "")
    return Past(revision["metadata"]["name"], digest, revision["revision"], template)


def revisions(cluster: Cluster, owner: Object) -> list[Past]:
    """The owner's revisions by number."""
    found = [past_of(item) for item in cluster.owned(owner["metadata"]["uid"], REVISION)]
    return sorted(found, key=lambda past: past.number)


def record(cluster: Cluster, kind: Kind, owner: Object) -> Past:
    """The revision of the current template: made, or given the newest number if it is an older one."""
    known = revisions(cluster, owner)
    template = submap(owner, "spec", "template")
    newest = max((past.number for past in known), default=0)
    for past in known:
        if normalised(past.template) == normalised(template):
            return past if past.number == newest else _renumber(cluster, owner, past, newest + 1)
    return _create(cluster, kind, owner, newest + 1)


def prune(cluster: Cluster, owner: Object, used: Collection[str]) -> None:
    """Removes the oldest revisions beyond revisionHistoryLimit that nothing uses."""
    idle = [past for past in revisions(cluster, owner) if past.name not in used and past.digest not in used]
    surplus = len(idle) - submap(owner, "spec").get("revisionHistoryLimit", 10)
    for past in idle[: max(surplus, 0)]:
        found = cluster.find(REVISION, owner["metadata"]["namespace"], past.name)
        if found is not None:
            cluster.remove(REVISION, found)


def _renumber(cluster: Cluster, owner: Object, past: Past, number: int) -> Past:
    found = cluster.get(REVISION, owner["metadata"]["namespace"], past.name)

    def change(value: Object) -> None:
        value["revision"] = number

    return past_of(cluster.modify(REVISION, found, change))


def _create(cluster: Cluster, kind: Kind, owner: Object, number: int) -> Past:
    template = clone(submap(owner, "spec", "template"))
    collisions = 0
    metadata = owner["metadata"]
    while cluster.find(REVISION, metadata["namespace"], _name(metadata["name"], template, collisions)):
        collisions += 1
    labels = {
        **submap(template, "metadata", "labels"),
        REVISION_LABEL: template_hash(template, collisions),
    }
    value = cluster.create(
        REVISION,
        {
            "metadata": {
                "name": _name(metadata["name"], template, collisions),
                "namespace": metadata["namespace"],
                "labels": labels,
                "annotations": dict(submap(metadata, "annotations")),
                "ownerReferences": [owner_reference(kind, owner)],
            },
            "data": {"spec": {"template": {"$patch": "replace", **template}}},
            "revision": number,
        },
    )
    return past_of(value)


def _name(owner: str, template: Object, collisions: int) -> str:
    return f"{owner}-{template_hash(template, collisions)}"
