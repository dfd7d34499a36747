"""What a pod template needs to be there: ConfigMaps, Secrets, claims, a service account. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from providers.tree import Tree, at, text, tree, trees

# (kind, name)
Needed = tuple[str, str]

# The fields of containers and volumes that refer to configuration, and the kind that each refers to.
_KINDS = {
    "configMapRef": "ConfigMap",
    "configMapKeyRef": "ConfigMap",
    "configMap": "ConfigMap",
    "secretRef": "Secret",
    "secretKeyRef": "Secret",
    "secret": "Secret",
}
# A volume calls the name of its Secret differently from everything else.
_NAMES = ("name", "secretName")
_HOLDERS = ("containers", "initContainers", "volumes")


def configuration_names(pod_template: Tree) -> set[Needed]:
    """The ConfigMaps and Secrets that the pods read, optional ones too."""
    return {(kind, name) for kind, name, _ in _configuration(pod_template)}


def pull_secrets(pod_template: Tree) -> set[Needed]:
    """The Secrets that images are pulled with."""
    return {("Secret", text(item, "name") or "") for item in trees(pod_template, "spec", "imagePullSecrets")}


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


def with_names(pod_template: Tree, names: Mapping[Needed, str]) -> Tree:
    """The template, reading the ConfigMaps and Secrets of `names` under these names."""
    spec = tree(pod_template, "spec")
    changed = {field: _renamed(spec[field], names) for field in _HOLDERS if field in spec}
    return {**pod_template, "spec": {**spec, **changed}}


def _configuration(pod_template: Tree) -> Iterator[tuple[str, str, bool]]:
    for field in _HOLDERS:
        yield from _references(at(pod_template, "spec", field))


def _references(value: JsonValue) -> Iterator[tuple[str, str, bool]]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            name = _name_field(key, item)
            if name is not None:
                yield _KINDS[key], text(item, name) or "", at(item, "optional") is True
            else:
                yield from _references(item)


def _renamed(value: JsonValue, names: Mapping[Needed, str]) -> JsonValue:
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    changed: Tree = {}
    for key, item in value.items():
        name = _name_field(key, item)
        if name is None or not isinstance(item, dict):
            changed[key] = _renamed(item, names)
        else:
            known = text(item, name) or ""
            changed[key] = {**item, name: names.get((_KINDS[key], known), known)}
    return changed


def _name_field(key: str, value: JsonValue) -> str | None:
    """The field of a reference that has the name; None where it is no reference."""
    return next((name for name in _NAMES if key in _KINDS and text(value, name)), None)
