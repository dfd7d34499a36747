"""From what a service's manifests say to what is applied: labels, numbers, counts, kubectl's annotation. Pure.

Nothing that differs from release to release goes into a pod template, or going back would not meet the ReplicaSet
that is still there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from providers.kubernetes.cluster import FIELD_MANAGER
from providers.kubernetes.live import Live
from providers.kubernetes.objects import (
    CONFIGURATION_ANNOTATION,
    LAST_APPLIED,
    NUMBER_ANNOTATION,
    SCALABLE,
    SKIP_VERSIONING,
    KubeObject,
    annotation,
    last_applied,
    template,
    template_path,
)
from providers.kubernetes.references import configuration_names
from providers.tree import (
    Tree,
    at,
    digest,
    drop,
    number,
    put,
    put_all,
    text,
    tree,
    trees,
)


def with_configuration(objects: tuple[KubeObject, ...]) -> tuple[KubeObject, ...]:
    """The objects, pod templates marked with a digest of the release's configuration that they read.

    Pods read ConfigMaps and Secrets at their start, so a changed one needs a rollout (docs/decisions/0005). The
    mark depends on content only. `harness.io/skip-versioning` on a ConfigMap or Secret leaves it out.
    """
    contents: dict[tuple[str, str], Tree] = {}
    for found in objects:
        skipped = annotation(found.body, SKIP_VERSIONING) == "true"
        if found.ref.is_configuration and not skipped:
            contents[(found.ref.kind, found.ref.name)] = {
                key: found.body[key] for key in ("data", "binaryData", "stringData") if key in found.body
            }
    return tuple(_with_mark(found, contents) for found in objects)


def _with_mark(found: KubeObject, contents: Mapping[tuple[str, str], Tree]) -> KubeObject:
    path = template_path(found.ref.kind)
    if path is None or not found.ref.is_workload:
        return found
    names = sorted(name for name in configuration_names(template(found.body)) if name in contents)
    if not names:
        return found
    mark = digest([[*name, contents[name]] for name in names])[:16]
    entry = {CONFIGURATION_ANNOTATION: mark}
    return KubeObject(found.ref, put_all(found.body, entry, *path, "metadata", "annotations"))


def to_deploy(
    found: KubeObject, manifest: Tree, live: Live, number_of_release: int, *, counted: bool = False
) -> KubeObject:
    """What a deployment applies for an object whose manifest is `manifest`.

    `counted` says that the step itself decided on the replica count.
    """
    body, before = found.body, live.bodies.get(found.ref)
    if found.ref.is_workload:
        body = numbered(body, str(number_of_release))
    if before is not None:
        if annotation(before, LAST_APPLIED) is not None:
            entry = {LAST_APPLIED: last_applied(manifest)}
            body = put_all(body, entry, "metadata", "annotations")
        if not counted:
            body = with_live_replicas(found, body, before, autoscaled=live.autoscaled(found.ref))
    return KubeObject(found.ref, body)


def to_restore(found: KubeObject, live: Live, *, autoscaled: bool, count: int | None = None) -> KubeObject:
    """What a rollback applies to bring an object back to the state `found`; with a replica count of its own."""
    before = live.bodies.get(found.ref)
    if before is None:
        return found
    if count is not None:
        return KubeObject(found.ref, put(found.body, count, "spec", "replicas"))
    return KubeObject(found.ref, with_live_replicas(found, found.body, before, autoscaled=autoscaled))


def numbered(body: Tree, number_of_release: str) -> Tree:
    return put_all(body, {NUMBER_ANNOTATION: number_of_release}, "metadata", "annotations")


def with_live_replicas(found: KubeObject, body: Tree, before: Tree, *, autoscaled: bool) -> Tree:
    """The body with the replica count left to who owns it.

    An autoscaler decides, or, where the manifest names no count, whoever set it last. A field that we own and no
    longer apply would fall back to 1, so then the live count is applied; otherwise none is.
    """
    if found.ref.kind not in SCALABLE or not (autoscaled or at(body, "spec", "replicas") is None):
        return body
    current = number(before, "spec", "replicas")
    if current is not None and owns_replicas(before):
        return put(body, current, "spec", "replicas")
    return drop(body, "spec", "replicas")


def owns_replicas(live: Tree) -> bool:
    """Whether our own server-side apply owns the replica count."""
    return any(
        text(entry, "manager") == FIELD_MANAGER
        and text(entry, "operation") == "Apply"
        and "f:replicas" in tree(entry, "fieldsV1", "f:spec")
        for entry in trees(live, "metadata", "managedFields")
    )


def stale_strategy(body: Tree, before: Tree) -> Tree:
    """What the live object has of a strategy that does not go with the one to apply, for `ownership`.

    The server filled in the rolling-update parameters by itself; another strategy is refused beside them.
    """
    for field in ("strategy", "updateStrategy"):
        kind = text(body, "spec", field, "type")
        stale = at(before, "spec", field, "rollingUpdate")
        if kind in {"Recreate", "OnDelete"} and stale and at(body, "spec", field, "rollingUpdate") is None:
            return {"spec": {field: {"rollingUpdate": stale}}}
    return {}


def in_order(objects: Iterable[KubeObject]) -> list[list[KubeObject]]:
    """The objects in the order to apply them: lists of those that can go together."""
    ranks: dict[int, list[KubeObject]] = {}
    for found in objects:
        ranks.setdefault(found.rank, []).append(found)
    return [ranks[rank] for rank in sorted(ranks)]
