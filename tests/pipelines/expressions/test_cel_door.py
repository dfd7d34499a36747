"""The expression library: what the house relies on, so that an upgrade cannot change it unseen."""

import subprocess
import sys

import pytest

from pipelines.expressions.cel_door import Program
from pipelines.expressions.errors import ExpressionEvaluationError, ExpressionSyntaxError


def test_only_the_extension_is_loaded_and_the_package_still_works() -> None:
    code = (
        "import sys; from pipelines.expressions.cel_door import Program\n"
        "assert not {'typer', 'rich', 'prompt_toolkit'} & set(sys.modules), sorted(sys.modules)\n"
        "import cel; assert cel.evaluate('1 + 2') == 3\n"
        "assert Program('v0 + v1', 0).run([1, 2]) == 3"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


def test_package_imported_first_is_used() -> None:
    code = "import cel; from pipelines.expressions.cel_door import Program; assert Program('v0', 0).run([1]) == 1"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_program_computes_over_bound_values() -> None:
    assert Program('v0 == v1 ? v2 : "b"', 0).run(["x", "x", "a"]) == "a"
    assert Program("v0 . toUpperCase ( )", 0).run(["x"]) == "X"
    assert Program("[ v0 , v1 ]", 0).run([1, {"a": None}]) == [1, {"a": None}]


def test_text_is_never_source() -> None:
    assert Program("v0 + v1", 0).run(['" + v1 + "', "1 + 1"]) == '" + v1 + "1 + 1'


@pytest.mark.parametrize("source", ["", "v0 v1", "(", ")", "v0 +", "v0 ? v1", "&&", "'", "v0 = v1"])
def test_source_that_is_not_well_formed(source: str) -> None:
    with pytest.raises(ExpressionSyntaxError):
        Program(source, 3)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("v0 / 0", "division by zero"),
        ("9223372036854775807 + v0", "too large"),
        ("v0 + 'a'", "do not fit"),
        ("v1 + v0", "cannot be evaluated"),
        ("[v0].map(x, duration('1s'))", "not text"),
        ("v0.__class__", "do not fit"),
    ],
)
def test_evaluation_that_fails(source: str, reason: str) -> None:
    with pytest.raises(ExpressionEvaluationError, match=reason):
        Program(source, 0).run([1])
