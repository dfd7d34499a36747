"""Documents of an abusive shape are refused before anything runs, and quickly."""

from __future__ import annotations

import time

import pytest

from tests.schema.api import Api, run

_FANNED = "{ ...f0 }" + "".join(
    f" fragment f{number} on Query {{ ...f{number + 1} ...f{number + 1} }}" for number in range(60)
)


def _nested(depth: int) -> str:
    """A query whose deepest field is that deep."""
    return (
        "{ services(first: 1) { nodes "
        + "{ environments { service " * (depth // 2)
        + "{ id }"
        + " } }" * (depth // 2)
        + " } }"
    )


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (_nested(10), "nested more than 10 deep"),
        ("{ " + " ".join(f"a{n}: viewer {{ subject }}" for n in range(16)) + " }", "more than 15 aliases"),
        (
            "{ ...a ...a } fragment a on Query { " + " ".join(f"a{n}: __typename" for n in range(8)) + " }",
            "more than 15 aliases",
        ),
        (_FANNED + " fragment f60 on Query { a: __typename }", "more than 15 aliases"),
        ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "Cannot spread fragment"),
        ("{ " + "{ a " * 450 + "}" * 450, "Syntax Error"),
        ("{ a(x: " + "[" * 450 + "]" * 450 + ") }", "Syntax Error"),
    ],
)
def test_abusive_documents_are_refused(history_url: str, query: str, message: str) -> None:
    async def check(api: Api) -> None:
        began = time.process_time()
        answer = await api.ask(query)
        assert time.process_time() - began < 2
        assert message in str(answer.errors)
        assert answer.data is None
        assert set(answer.codes) <= {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}
        assert api.statements == []

    run(history_url, check)


def test_what_dashboards_ask_is_within_the_limits(history_url: str) -> None:
    async def check(api: Api) -> None:
        await api.data(_nested(6))
        await api.data("{ " + " ".join(f"a{n}: viewer {{ subject }}" for n in range(15)) + " }")

    run(history_url, check)
