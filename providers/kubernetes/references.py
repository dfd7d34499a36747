"""What a pod template needs to be there: ConfigMaps, Secrets, claims, a service account. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from providers.kubernetes.tree import Tree, at, text, tree, trees

# (kind, name)
Needed = tuple[str, str]


def configuration_names(pod_template: Tree) -> set[Needed]:
    """The ConfigMaps and Secrets that the pods read, optional ones too."""
    return {(kind, name) for kind, name, _ in _configuration(pod_template)}


def needed(pod_template: Tree) -> set[Needed]:
    """All that must exist or the pods do not start."""
    found = {(kind, name) for kind, name, optional in _configuration(pod_template) if not optional}
    for volume in trees(pod_template, "spec", "volumes"):
        claim = text(volume, "persistentVolumeClaim", "claimName")
        if claim:
            found.add(("PersistentVolumeClaim", claim))
    account = text(pod_template, "spec", "serviceAccountName")
    if account and account != "default":
        found.add(("ServiceAccount", account))
    return found


def _configuration(pod_template: Tree) -> Iterator[tuple[str, str, bool]]:
    for field in ("containers", "initContainers"):
        for container in trees(pod_template, "spec", field):
            yield from _of_container(container)
    for volume in trees(pod_template, "spec", "volumes"):
        yield from _of_volume(volume)


def _of_container(container: Tree) -> Iterator[tuple[str, str, bool]]:
    for source in trees(container, "envFrom"):
        yield from _named("ConfigMap", tree(source, "configMapRef"))
        yield from _named("Secret", tree(source, "secretRef"))
    for variable in trees(container, "env"):
        yield from _named("ConfigMap", tree(variable, "valueFrom", "configMapKeyRef"))
        yield from _named("Secret", tree(variable, "valueFrom", "secretKeyRef"))


def _of_volume(volume: Tree) -> Iterator[tuple[str, str, bool]]:
    yield from _named("ConfigMap", tree(volume, "configMap"))
    yield from _named("Secret", tree(volume, "secret"), "secretName")
    for source in trees(volume, "projected", "sources"):
        yield from _named("ConfigMap", tree(source, "configMap"))
        yield from _named("Secret", tree(source, "secret"))


def _named(kind: str, source: Tree, key: str = "name") -> Iterator[tuple[str, str, bool]]:
    name = text(source, key)
    if name:
        yield kind, name, at(source, "optional") is True
