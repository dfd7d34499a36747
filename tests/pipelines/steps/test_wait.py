"""How long a Wait step waits."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from pipelines.expressions import scope_of
from pipelines.steps import StepFailed, wait_seconds

SCOPE = scope_of(pipeline={"variables": {"pause": "90s", "bad": "soon", "nested": "<+pipeline.variables.pause>"}})


@pytest.mark.parametrize(
    ("duration", "seconds"), [("30s", 30), ("10m", 600), ("1h30m", 5400), ("<+pipeline.variables.pause>", 90)]
)
def test_the_duration_in_seconds(duration: str, seconds: float) -> None:
    assert wait_seconds({"duration": duration}, SCOPE) == seconds


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"duration": "soon"},
        {"duration": "0s"},
        {"duration": "<+pipeline.variables.bad>"},
        {"duration": "<+pipeline.variables.none>"},
        {"duration": "<+pipeline.variables.nested>"},
        {"duration": "1s", "unknown": "x"},
    ],
)
def test_what_is_no_duration(spec: dict[str, JsonValue]) -> None:
    with pytest.raises(StepFailed):
        wait_seconds(spec, SCOPE)


def test_without_a_scope_nothing_has_a_value() -> None:
    assert wait_seconds({"duration": "5s"}) == 5
    with pytest.raises(StepFailed, match="no value"):
        wait_seconds({"duration": "<+pipeline.variables.pause>"})
