"""Mutations made from the schema at random, asked by each kind of caller; UNSHIP_FUZZ says how many documents."""

import random
from pathlib import Path

import pytest
from hypothesis_graphql import mutations

from tests.schema.fuzz.asking import BY_HYPOTHESIS, CASES, callers
from tests.schema.fuzz.generated import share_answered
from tests.schema.fuzz.writing import Writer

_PARTS = 10
_EACH = (CASES - BY_HYPOTHESIS) // 2 // _PARTS


@pytest.mark.parametrize("part", range(_PARTS))
def test_whatever_is_asked_by_whomever_no_defect_shows(tmp_path: Path, part: int) -> None:
    with callers(tmp_path) as (they, run):
        writer = Writer(random.Random(part), they.ids)
        answered = sum(run(they.answered(writer.operation("mutation"))) for _ in range(_EACH))
        # The documents are worth asking: many pass validation.
        assert answered > _EACH * len(they) / 5


def test_what_another_generator_asks_shows_no_defect(tmp_path: Path) -> None:
    assert share_answered(tmp_path, mutations, BY_HYPOTHESIS // 2) > 0.1
