"""Fields of the wrong JSON type, which a real API server can not decode. Imports errors, kinds, core.wire.

Not a full schema: the fields that releases and rollbacks touch.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.core.wire import Object, is_list, is_map
from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.kinds import Kind

PERCENTAGE = re.compile(r"[0-9]+%")

INTEGERS = frozenset(
    {
        "replicas",
        "revisionHistoryLimit",
        "progressDeadlineSeconds",
        "minReadySeconds",
        "containerPort",
        "nodePort",
        "hostPort",
        "partition",
        "minReplicas",
        "maxReplicas",
        "completions",
        "parallelism",
        "backoffLimit",
        "terminationGracePeriodSeconds",
        "initialDelaySeconds",
        "periodSeconds",
        "timeoutSeconds",
        "failureThreshold",
        "successThreshold",
    }
)
BOOLEANS = frozenset({"paused", "hostNetwork", "readOnly", "immutable", "privileged", "suspend"})
TEXT_MAPS = frozenset({"labels", "annotations", "matchLabels", "nodeSelector"})
TEXTS = frozenset(
    {
        "name",
        "namespace",
        "generateName",
        "uid",
        "resourceVersion",
        "type",
        "image",
        "mountPath",
        "serviceName",
        "serviceAccountName",
        "clusterIP",
        "restartPolicy",
        "imagePullPolicy",
        "dnsPolicy",
        "operator",
    }
)
MAPS = frozenset(
    {
        "metadata",
        "spec",
        "template",
        "strategy",
        "updateStrategy",
        "rollingUpdate",
        "selector",
        "resources",
        "securityContext",
        "roleRef",
        "jobTemplate",
        "httpGet",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "valueFrom",
        "configMap",
        "secret",
        "projected",
        "downwardAPI",
        "hostPath",
    }
)
LISTS_OF_MAPS = frozenset(
    {
        "containers",
        "initContainers",
        "env",
        "envFrom",
        "volumeMounts",
        "volumes",
        "ports",
        "ownerReferences",
        "managedFields",
        "volumeClaimTemplates",
        "subjects",
        "matchExpressions",
    }
)
LISTS_OF_TEXT = frozenset({"finalizers", "args", "command"})
OPEN = frozenset({"data", "stringData", "binaryData", "labels", "annotations", "matchLabels", "nodeSelector"})


DATA = frozenset({".data", ".stringData", ".binaryData"})
DATA_KINDS = frozenset({"configmaps", "secrets"})

Rule = tuple[str, Callable[[Any], bool]]
"""What a field must be, in words and as a test."""


def mistyped(kind: Kind, value: Object) -> tuple[str, str] | None:
    """The first field of the wrong JSON type as (path, what is wrong); None when there is none."""
    return next(_types(kind, value, "", ""), None)


def refuse_mistyped(kind: Kind, value: Object) -> None:
    """Raises ApiError 400 as a decoding failure does."""
    wrong = mistyped(kind, value)
    if wrong is not None:
        path, expected = wrong
        message = (
            f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: json: cannot unmarshal '
            f"into Go struct field {kind.kind}{path}: expected {expected}"
        )
        raise ApiError(400, message)


def _types(kind: Kind, value: Any, name: str, path: str) -> Iterator[tuple[str, str]]:
    expected = _expected(kind, name, path)
    if value is not None and expected is not None and not expected[1](value):
        yield path, expected[0]
    elif is_map(value) and name not in OPEN:
        for key, inner in value.items():
            yield from _types(kind, inner, key, f"{path}.{key}")
    elif is_list(value):
        for index, item in enumerate(value):
            yield from _types(kind, item, "", f"{path}[{index}]")


def _expected(kind: Kind, name: str, path: str) -> Rule | None:
    if path in DATA and kind.id in DATA_KINDS:
        return TEXT_MAP
    if kind.group == "rbac.authorization.k8s.io" and path.startswith(".rules"):
        return None
    return TEXT if name == "value" and ".env[" in path else RULES.get(name)


def _text_map(value: Any) -> bool:
    return is_map(value) and all(inner is None or isinstance(inner, str) for inner in value.values())


def _list_of_maps(value: Any) -> bool:
    return is_list(value) and all(is_map(item) for item in value)


def _list_of_text(value: Any) -> bool:
    return is_list(value) and all(isinstance(item, str) for item in value)


def _portion(value: Any) -> bool:
    return _integer(value) or (isinstance(value, str) and PERCENTAGE.fullmatch(value) is not None)


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str)


TEXT: Rule = ("string", _text)
TEXT_MAP: Rule = ("map of strings", _text_map)
RULES: dict[str, Rule] = {
    **dict.fromkeys(INTEGERS, ("integer", _integer)),
    **dict.fromkeys(BOOLEANS, ("boolean", _boolean)),
    **dict.fromkeys(TEXTS, TEXT),
    **dict.fromkeys(TEXT_MAPS, TEXT_MAP),
    **dict.fromkeys(MAPS, ("object", is_map)),
    **dict.fromkeys(LISTS_OF_MAPS, ("list of objects", _list_of_maps)),
    **dict.fromkeys(LISTS_OF_TEXT, ("list of strings", _list_of_text)),
    **dict.fromkeys(("maxSurge", "maxUnavailable"), ("integer or percentage", _portion)),
}
