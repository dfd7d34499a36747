"""Blue and green: which Service is the primary, which is the stage, and which colour a Service points at. Pure.

A Service points at a colour by the label in its selector. The primary's says what serves; the stage's is for
looking at what is going to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from providers.errors import ProviderRefused
from providers.kubernetes.live import Live
from providers.kubernetes.objects import (
    COLOR_LABEL,
    POD_HASH,
    PRIMARY_SERVICE,
    STAGE_SERVICE,
    KubeObject,
    annotation,
)
from providers.kubernetes.variants import Variant
from providers.tree import Tree, drop, put, put_all, text, texts, trees

BLUE, GREEN = Variant("blue", COLOR_LABEL), Variant("green", COLOR_LABEL)
# What a cluster gives to one Service alone, so that a second one cannot have it too.
_OWN_ADDRESSES = ("clusterIPs", "loadBalancerIP", "externalIPs", "healthCheckNodePort")


@dataclass(frozen=True)
class Services:
    """The two Services of a release, as its manifests have them. `stage` is derived where they have none."""

    primary: KubeObject
    stage: KubeObject


def other(colour: Variant) -> Variant:
    return GREEN if colour == BLUE else BLUE


def colour_of(service: Tree | None) -> Variant | None:
    """The colour that a Service points at; None where it points at none."""
    name = selector_of(service).get(COLOR_LABEL)
    return next((colour for colour in (BLUE, GREEN) if colour.name == name), None)


def selector_of(service: Tree | None) -> dict[str, str]:
    return texts(service, "spec", "selector")


def pointing(service: KubeObject, selector: Mapping[str, str]) -> KubeObject:
    """The Service with that selector."""
    return KubeObject(service.ref, put(service.body, {**selector}, "spec", "selector"))


def at_colour(service: KubeObject, colour: Variant) -> KubeObject:
    """The Service, pointing at that colour of what it selects."""
    return pointing(service, {**selector_of(service.body), **colour.label})


def services_of(objects: Iterable[KubeObject]) -> Services:
    """The primary and the stage Service; ProviderRefused where it is not clear which is which."""
    services = [item for item in objects if item.ref.kind == "Service" and not item.ref.group]
    stages = _annotated(services, STAGE_SERVICE)
    primaries = _annotated(services, PRIMARY_SERVICE)
    if not primaries:
        primaries = [item for item in services if item not in stages]
    if len(primaries) != 1 or len(stages) > 1:
        raise ProviderRefused(
            "Blue and green need exactly one primary Service, and at most one for the stage: mark them with the "
            f'annotations {PRIMARY_SERVICE}: "true" and {STAGE_SERVICE}: "true".'
        )
    primary = primaries[0]
    if not selector_of(primary.body):
        raise ProviderRefused(f"{primary.ref} has no selector, so no colour of pods can be chosen for it.")
    return Services(primary, stages[0] if stages else _derived(primary))


def refuse_both_colours(objects: Iterable[KubeObject], live: Live) -> None:
    """ProviderRefused where a Service that leads to one of two colours would come to lead to both."""
    for item in objects:
        alone = {COLOR_LABEL, POD_HASH} & selector_of(item.body).keys()
        if colour_of(live.bodies.get(item.ref)) is not None and not alone:
            raise ProviderRefused(
                f"{item.ref} leads to one of two colours and would lead to both without {COLOR_LABEL} in its "
                "selector: go on with K8sBlueGreenDeploy, or delete the Service and the colours first."
            )


def _annotated(services: Iterable[KubeObject], name: str) -> list[KubeObject]:
    return [item for item in services if annotation(item.body, name) == "true"]


def _derived(primary: KubeObject) -> KubeObject:
    """The stage Service of a release that has none: as the primary, without what only one of them can have."""
    ref = primary.ref.named(f"{primary.ref.name}-stage")
    body = put(primary.body, ref.name, "metadata", "name")
    body = drop(body, "metadata", "annotations", PRIMARY_SERVICE)
    body = put_all(body, {STAGE_SERVICE: "true"}, "metadata", "annotations")
    for field in _OWN_ADDRESSES:
        body = drop(body, "spec", field)
    if text(body, "spec", "clusterIP") != "None":
        body = drop(body, "spec", "clusterIP")
    ports = [drop(port, "nodePort") for port in trees(body, "spec", "ports")]
    return KubeObject(ref, put(body, [*ports], "spec", "ports") if ports else body)
