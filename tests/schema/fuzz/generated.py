"""Documents of hypothesis-graphql, large and deep; one that shows a defect is made small and printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes

from schema.building import sdl
from tests.schema.fuzz.asking import callers

_SCALARS = {
    "JSON": st.sampled_from([nodes.String("text"), nodes.Int(7), nodes.Null, nodes.List([])]),
    "DateTime": st.sampled_from([nodes.String("2026-01-31T08:00:00Z"), nodes.String("now")]),
}
_TIMELESS = settings(
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def share_answered(directory: Path, maker: Any, cases: int) -> float:
    """Asks that many documents; what part of the answers had data."""
    answered: list[int] = []
    with callers(directory) as (they, run):

        @settings(_TIMELESS, max_examples=cases)
        @given(maker(sdl(), custom_scalars=_SCALARS))
        def ask(document: str) -> None:
            answered.append(run(they.answered(document)))

        ask()
        return sum(answered) / len(answered) / len(they)
