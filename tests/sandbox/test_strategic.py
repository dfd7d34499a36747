"""Strategic merge patch, directive by directive."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.core.wire import Object
from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.strategic import strategic_merge

POD: Object = {
    "metadata": {"finalizers": ["a", "b"], "labels": {"x": "1", "y": "2"}},
    "spec": {
        "containers": [
            {"name": "a", "image": "a:1", "ports": [{"containerPort": 80}], "args": ["one"]},
            {"name": "b", "image": "b:1"},
        ],
        "volumes": [{"name": "v", "emptyDir": {}}],
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
    },
}


@pytest.mark.parametrize(
    ("patch", "path", "expected"),
    [
        ({"metadata": {"labels": {"x": None, "z": "3"}}}, "metadata.labels", {"y": "2", "z": "3"}),
        (
            {"spec": {"containers": [{"name": "b", "image": "b:2"}]}},
            "spec.containers.1",
            {"name": "b", "image": "b:2"},
        ),
        ({"spec": {"containers": [{"name": "a", "$patch": "delete"}]}}, "spec.containers.0.name", "b"),
        ({"spec": {"containers": [{"name": "a", "args": ["two"]}]}}, "spec.containers.0.args", ["two"]),
        (
            {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 81}]}]}},
            "spec.containers.0.ports",
            [{"containerPort": 80}, {"containerPort": 81}],
        ),
        ({"spec": {"containers": [{"$patch": "replace"}, {"name": "c"}]}}, "spec.containers", [{"name": "c"}]),
        ({"metadata": {"$patch": "replace", "name": "n"}}, "metadata", {"name": "n"}),
        (
            {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}},
            "spec.strategy",
            {"type": "Recreate"},
        ),
        ({"metadata": {"finalizers": ["c"]}}, "metadata.finalizers", ["a", "b", "c"]),
        ({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}, "metadata.finalizers", ["b"]),
        (
            {
                "spec": {
                    "$setElementOrder/containers": [{"name": "c"}, {"name": "b"}, {"name": "a"}],
                    "containers": [{"name": "c", "image": "c:1"}],
                }
            },
            "spec.containers.*.name",
            ["c", "b", "a"],
        ),
        (
            {"metadata": {"$setElementOrder/finalizers": ["b", "a"]}},
            "metadata.finalizers",
            ["b", "a"],
        ),
    ],
)
def test_directive(patch: Object, path: str, expected: object) -> None:
    before = repr(POD)
    assert _at(strategic_merge(POD, patch), path) == expected
    assert repr(POD) == before, "the target must not change"


def test_bad_directives_are_refused() -> None:
    with pytest.raises(ApiError, match="Unknown patch type"):
        strategic_merge(POD, {"metadata": {"$patch": "shuffle"}})
    with pytest.raises(ApiError, match="merge key: name"):
        strategic_merge(POD, {"spec": {"containers": [{"image": "x"}]}})


def _at(value: Any, path: str) -> Any:
    for index, part in enumerate(parts := path.split(".")):
        if part == "*":
            return [_at(item, ".".join(parts[index + 1 :])) for item in value]
        value = value[int(part)] if part.isdigit() else value[part]
    return value
