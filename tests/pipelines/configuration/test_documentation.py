"""docs/configuration.md is true: its documents load, and it names every word that a configuration may use."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.configuration import Applied, apply_configuration
from pipelines.documents.configuration import KINDS
from pipelines.documents.failure import ActionType, FailureKind
from pipelines.documents.vocabulary import GENERIC_STEPS
from pipelines.expressions import ROOTS
from pipelines.expressions.cel_door import CEL_METHODS, FUNCTIONS
from pipelines.expressions.methods import METHODS
from providers.connectors import Connector, Connectors
from tests.support.runtimes import open_runtime

PAGE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
# By the page's own convention a block that begins like this holds whole documents.
WHOLE: list[str] = re.findall(r"^```yaml\n(# document\b.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
# The axes of a matrix are keys of their own in the YAML; the model collects them under this name.
NOT_WRITTEN = frozenset({"axes"})
# Named once for all documents.
NOT_USED = frozenset({"delegateSelectors", "onDelegate"})


def section(heading: str) -> str:
    """The text below a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    _, found, rest = PAGE.partition(f"\n{heading}\n")
    assert found, f"the page has no section {heading}"
    return re.split(rf"^#{{2,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def named(text: str) -> frozenset[str]:
    """The words that stand in code, inline or in a block; what only occurs in a sentence is not named."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    code = "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", prose)])
    return frozenset(re.findall(r"[A-Za-z_]\w*", code))


def words_of(schema: dict[str, Any]) -> frozenset[str]:
    """Every key and every word of a closed set in a model's JSON schema, nested models included."""
    words: set[str] = set()
    for part in (schema, *schema.get("$defs", {}).values()):
        words |= {*part.get("properties", ()), *part.get("enum", ())}
        words |= {part["const"]} if "const" in part else set()
    return frozenset(words) - NOT_WRITTEN


def test_every_whole_document_on_the_page_loads(database_url: str) -> None:
    assert len(WHOLE) == PAGE.count("\n# document") >= 2
    connectors = Connectors({"cluster": Connector("cluster", "Kubernetes", {}, Path())})

    async def scenario() -> None:
        async with open_runtime(database_url, connectors=connectors) as runtime:
            for block in WHOLE:
                result = await apply_configuration(runtime, block, None)
                assert isinstance(result, Applied), "\n".join(map(str, result))

    asyncio.run(scenario())


@pytest.mark.parametrize("step_type", GENERIC_STEPS)
def test_every_key_of_a_generic_step_is_named(step_type: str) -> None:
    written = named(section("### Generic steps")) | named(section("### Variables")) | NOT_USED
    assert words_of(GENERIC_STEPS[step_type].model_json_schema()) | {step_type} <= written


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_a_document_is_named(kind: str) -> None:
    missing = (words_of(KINDS[kind].model_json_schema()) | {kind}) - named(PAGE)
    assert missing == set()


def test_every_failure_action_and_error_is_named() -> None:
    missing = {*ActionType, *FailureKind} - named(section("### Failure strategies"))
    assert missing == set()


def test_every_expression_root_method_and_function_is_named() -> None:
    missing = (ROOTS | METHODS.keys() | CEL_METHODS | FUNCTIONS) - named(section("## Expressions"))
    assert missing == set()
