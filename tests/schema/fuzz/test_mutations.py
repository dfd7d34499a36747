"""Mutations made from the schema at random, asked by each kind of caller; UNSHIP_FUZZ says how many documents."""

from pathlib import Path

import pytest
from hypothesis_graphql import mutations

from tests.schema.fuzz import generated, written
from tests.schema.fuzz.asking import BY_HYPOTHESIS


@pytest.mark.parametrize("part", range(written.PARTS))
def test_whatever_is_asked_by_whomever_no_defect_shows(tmp_path: Path, part: int) -> None:
    assert written.share_answered(tmp_path, "mutation", part) > 0.2, "documents that are worth asking"


def test_what_another_generator_asks_shows_no_defect(tmp_path: Path) -> None:
    assert generated.share_answered(tmp_path, mutations, BY_HYPOTHESIS // 2) > 0.1
