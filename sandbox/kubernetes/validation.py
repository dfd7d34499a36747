"""What a real API server refuses: missing, wrong or immutable fields. Imports errors, kinds, selectors, core.wire.

Not a full schema: the fields that releases and rollbacks touch.
"""

import re
from collections.abc import Iterator
from typing import Any

from sandbox.core.wire import Object, sublist, submap
from sandbox.kubernetes.errors import Cause, invalid
from sandbox.kubernetes.kinds import Kind
from sandbox.kubernetes.selectors import selects

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
PERCENTAGE = re.compile(r"[0-9]+%")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")

POD_OWNERS = frozenset({"deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps"})
DNS_LABEL_KINDS = frozenset({"namespaces", "services"})
ANY_NAME = ".rbac.authorization.k8s.io"


def validate(kind: Kind, value: Object, old: Object | None) -> None:
    """Raises ApiError 422 with a cause for every wrong field."""
    causes = [*_metadata(kind, value), *_spec(kind, value)]
    if old is not None:
        causes += _immutable(kind, value, old)
    if causes:
        raise invalid(kind, value["metadata"].get("name", ""), causes)


def _metadata(kind: Kind, value: Object) -> Iterator[Cause]:
    name = value["metadata"].get("name", "")
    pattern = DNS_LABEL if kind.id in DNS_LABEL_KINDS else DNS_NAME
    if not kind.id.endswith(ANY_NAME) and pattern.fullmatch(name) is None:
        text = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
            "and must start and end with an alphanumeric character"
        )
        yield Cause("FieldValueInvalid", f'Invalid value: "{name}": {text}', "metadata.name")
    for label, text in submap(value, "metadata", "labels").items():
        if LABEL_VALUE.fullmatch(text) is None:
            message = f'Invalid value: "{text}": a valid label must be an empty string or consist of alphanumerics'
            yield Cause("FieldValueInvalid", message, f"metadata.labels.{label}")


def _spec(kind: Kind, value: Object) -> Iterator[Cause]:
    spec = submap(value, "spec")
    if kind.id in POD_OWNERS:
        yield from _selector(spec)
        yield from _containers(submap(spec, "template", "spec"), "spec.template.spec")
        yield from _portions(spec)
        if isinstance(spec.get("replicas"), int) and spec["replicas"] < 0:
            yield Cause(
                "FieldValueInvalid",
                f"Invalid value: {spec['replicas']}: must be greater than or equal to 0",
                "spec.replicas",
            )
    elif kind.id == "pods":
        yield from _containers(spec, "spec")
    elif kind.id == "jobs.batch":
        yield from _containers(submap(spec, "template", "spec"), "spec.template.spec")
        if submap(spec, "template", "spec").get("restartPolicy") not in {"Never", "OnFailure"}:
            message = 'Required value: valid values: "OnFailure", "Never"'
            yield Cause("FieldValueRequired", message, "spec.template.spec.restartPolicy")
    elif kind.id == "services" and _needs_ports(spec):
        yield Cause("FieldValueRequired", "Required value", "spec.ports")


def _needs_ports(spec: Object) -> bool:
    return not sublist(spec, "ports") and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None"


def _selector(spec: Object) -> Iterator[Cause]:
    selector = submap(spec, "selector")
    labels = submap(spec, "template", "metadata", "labels")
    if not selector:
        yield Cause("FieldValueRequired", "Required value", "spec.selector")
    elif not selects(selector, labels):
        message = f"Invalid value: {labels}: `selector` does not match template `labels`"
        yield Cause("FieldValueInvalid", message, "spec.template.metadata.labels")


def _portions(spec: Object) -> Iterator[Cause]:
    for strategy in ("strategy", "updateStrategy"):
        for name, value in submap(spec, strategy, "rollingUpdate").items():
            if isinstance(value, str) and PERCENTAGE.fullmatch(value) is None:
                text = f'Invalid value: "{value}": a valid percent string must be a numeric string followed by %'
                yield Cause("FieldValueInvalid", text, f"spec.{strategy}.rollingUpdate.{name}")


def _containers(spec: Object, path: str) -> Iterator[Cause]:
    containers = sublist(spec, "containers")
    if not containers:
        yield Cause("FieldValueRequired", "Required value", f"{path}.containers")
    seen: set[str] = set()
    for index, container in enumerate(containers):
        at = f"{path}.containers[{index}]"
        name = container.get("name", "")
        if not name:
            yield Cause("FieldValueRequired", "Required value", f"{at}.name")
        elif name in seen:
            yield Cause("FieldValueDuplicate", f'Duplicate value: "{name}"', f"{at}.name")
        elif DNS_LABEL.fullmatch(name) is None:
            yield Cause("FieldValueInvalid", f'Invalid value: "{name}": a lowercase RFC 1123 label', f"{at}.name")
        seen.add(name)
        if not container.get("image"):
            yield Cause("FieldValueRequired", "Required value", f"{at}.image")


IMMUTABLE: dict[str, tuple[tuple[str, ...], ...]] = {
    "deployments.apps": (("spec", "selector"),),
    "replicasets.apps": (("spec", "selector"),),
    "daemonsets.apps": (("spec", "selector"),),
    "statefulsets.apps": (
        ("spec", "selector"),
        ("spec", "serviceName"),
        ("spec", "podManagementPolicy"),
        ("spec", "volumeClaimTemplates"),
    ),
    "jobs.batch": (("spec", "selector"), ("spec", "template"), ("spec", "completionMode")),
    "services": (("spec", "clusterIP"),),
    "rolebindings.rbac.authorization.k8s.io": (("roleRef",),),
    "clusterrolebindings.rbac.authorization.k8s.io": (("roleRef",),),
    "secrets": (("type",),),
    "controllerrevisions.apps": (("data",),),
}


def _immutable(kind: Kind, value: Object, old: Object) -> Iterator[Cause]:
    fields = IMMUTABLE.get(kind.id, ())
    if old.get("immutable") is True:
        fields = (*fields, ("data",), ("binaryData",), ("immutable",))
    for path in fields:
        if _same(kind, path, value, old):
            continue
        field = ".".join(path)
        yield Cause("FieldValueInvalid", f"Invalid value: {_at(value, path)}: field is immutable", field)


def _same(kind: Kind, path: tuple[str, ...], value: Object, old: Object) -> bool:
    if kind.id == "services" and "ExternalName" in {
        submap(value, "spec").get("type"),
        submap(old, "spec").get("type"),
    }:
        return True
    return _at(value, path) == _at(old, path)


def _at(value: Object, path: tuple[str, ...]) -> Any:
    return submap(value, *path[:-1]).get(path[-1])
