"""What we tell people to paste is valid: in the README, in the explorer page, in the demonstration."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, build_schema, parse, validate

import demo.operations
from schema.building import sdl
from server.explorer import explorer_page

ROOT = Path(__file__).resolve().parents[2]


def documents() -> Iterator[tuple[str, str]]:
    """(where, operations) of everything that is shown."""
    for number, block in enumerate(
        re.findall(r"```graphql\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    ):
        yield f"README {number}", block
    for name, text in vars(demo.operations).items():
        if name.isupper():
            yield f"demo {name}", text
    page = explorer_page()
    for name, text in re.findall(r'^  "([^"]+)": \[`(.*?)`,', page, re.DOTALL | re.MULTILINE):
        yield f"explorer {name}", text
    (introspection,) = re.findall(r"const INTROSPECTION = `(.*?)`;", page, re.DOTALL)
    (reference,) = re.findall(r'const TYPE = "(.*?)";', page)
    yield "explorer introspection", introspection.replace("${TYPE}", reference)


def test_they_are_found() -> None:
    assert {where.split()[0] for where, _ in documents()} == {"README", "demo", "explorer"}
    assert len(list(documents())) >= 18


@pytest.mark.parametrize(("where", "text"), [pytest.param(*shown, id=shown[0]) for shown in documents()])
def test_what_is_shown_to_be_pasted_is_valid(where: str, text: str) -> None:
    schema = build_schema(sdl())
    definitions = parse(text).definitions
    for definition in definitions:
        assert isinstance(definition, OperationDefinitionNode), where
        source = definition.loc
        assert source is not None
        assert validate(schema, parse(text[source.start : source.end])) == []


def test_the_page_is_self_contained() -> None:
    page = explorer_page()
    assert re.findall(r"""(?:src|href)\s*=|https?://|@import|url\(""", page) == []
