"""One process at a time serves an embedded database; any number serve one PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from db.database import Database
from db.exclusive import DatabaseInUse, only_process


def test_the_second_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    first, second = (Database(f"sqlite:///{tmp_path}/unship.db") for _ in range(2))
    with only_process(first):
        for _ in range(2):
            with pytest.raises(DatabaseInUse, match=r"Another process serves this .* give several servers a Post"):
                only_process(second).__enter__()
    with only_process(second):
        pass


def test_other_files_beside_it_are_not_held(tmp_path: Path) -> None:
    with (
        only_process(Database(f"sqlite:///{tmp_path}/unship.db")),
        only_process(Database(f"sqlite:///{tmp_path}/other.db")),
    ):
        pass


def test_several_processes_serve_one_postgres(postgres_url: str) -> None:
    with only_process(Database(postgres_url)), only_process(Database(postgres_url)):
        pass
