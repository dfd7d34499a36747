"""A second version of a release's Deployments beside the first: the canary, or one of two colours. Pure.

What tells the two apart is a suffix of the names and a label of the pods. The label joins the selector, so that
the copy takes no pod of the original; a Service that does not ask for it reaches both. ConfigMaps and Secrets
that the copies read are copied too, or a new version of them would reach the pods of the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from providers.errors import ProviderRefused
from providers.kubernetes.objects import (
    VARIANT_LABEL,
    KubeObject,
    Ref,
    label,
    targets_of_autoscaler,
    template,
    template_labels,
    template_path,
)
from providers.kubernetes.references import Needed, configuration_names, with_names
from providers.tree import Tree, put, put_all, texts


@dataclass(frozen=True)
class Variant:
    """`name` is the suffix of the objects' names and the value of the label `key` of their pods."""

    name: str
    key: str

    def of(self, ref: Ref) -> Ref:
        """The copy's identity."""
        return ref.named(f"{ref.name}-{self.name}")

    @property
    def label(self) -> dict[str, str]:
        return {self.key: self.name}


@dataclass(frozen=True)
class Split:
    """The objects of a release: the copies of a variant, and those that the copies do not stand for."""

    copies: tuple[KubeObject, ...]
    rest: tuple[KubeObject, ...]


def split(objects: tuple[KubeObject, ...], variant: Variant) -> Split:
    """Deployments, the configuration that they read, and what scales and protects them, as the variant.

    Configuration that something else reads as well is also among the rest. ProviderRefused where a copy would take
    the name of another object of the release.
    """
    deployments = [item for item in objects if item.ref.is_deployment]
    others = [item for item in objects if not item.ref.is_deployment]
    read = _read_by(deployments)
    read_by_others = _read_by(others)
    copied = [item for item in others if _is_copied(item, deployments, read)]
    copies = tuple(_copy(item, variant, read & _configuration(copied)) for item in (*copied, *deployments))
    names = {item.ref for item in objects}
    for item in copies:
        if item.ref in names:
            raise ProviderRefused(
                f"{item.ref} is in the manifests, and the copy for {variant.name} has that name."
            )
    kept = (item for item in others if item not in copied or (item.ref.kind, item.ref.name) in read_by_others)
    return Split(copies, tuple(kept))


def refuse_others(copies: Iterable[KubeObject], live: Mapping[Ref, Tree], variant: Variant) -> None:
    """ProviderRefused where an object of a copy's name exists that no strategy of Unship made."""
    for item in copies:
        body = live.get(item.ref)
        if body is not None and label(body, VARIANT_LABEL) != variant.name:
            raise ProviderRefused(
                f"{item.ref} exists and is not the {variant.name} of this release: rename it or delete it."
            )


def _read_by(objects: Iterable[KubeObject]) -> set[Needed]:
    return {name for item in objects for name in configuration_names(template(item.body))}


def _configuration(objects: Iterable[KubeObject]) -> set[Needed]:
    return {(item.ref.kind, item.ref.name) for item in objects if item.ref.is_configuration}


def _is_copied(found: KubeObject, deployments: list[KubeObject], read: set[Needed]) -> bool:
    if found.ref.is_configuration:
        return (found.ref.kind, found.ref.name) in read
    match found.ref.kind:
        case "HorizontalPodAutoscaler":
            return targets_of_autoscaler(found.body) in {(item.ref.kind, item.ref.name) for item in deployments}
        case "PodDisruptionBudget":
            wanted = texts(found.body, "spec", "selector", "matchLabels").items()
            return any(wanted and wanted <= template_labels(item.body).items() for item in deployments)
        case _:
            return False


def _copy(found: KubeObject, variant: Variant, copied: set[Needed]) -> KubeObject:
    ref = variant.of(found.ref)
    body = put(found.body, ref.name, "metadata", "name")
    body = put_all(body, {**variant.label, VARIANT_LABEL: variant.name}, "metadata", "labels")
    match found.ref.kind:
        case "Deployment":
            body = _deployment(body, variant, {need: f"{need[1]}-{variant.name}" for need in copied})
        case "HorizontalPodAutoscaler":
            _, target = targets_of_autoscaler(found.body)
            body = put(body, f"{target}-{variant.name}", "spec", "scaleTargetRef", "name")
        case "PodDisruptionBudget":
            body = put_all(body, variant.label, "spec", "selector", "matchLabels")
        case _:
            pass
    return KubeObject(ref, body)


def _deployment(body: Tree, variant: Variant, names: dict[Needed, str]) -> Tree:
    path = template_path("Deployment") or ()
    body = put_all(body, variant.label, "spec", "selector", "matchLabels")
    body = put_all(body, variant.label, *path, "metadata", "labels")
    return put(body, with_names(template(body), names), *path)
