"""One process at a time serves a database, of either kind."""

from __future__ import annotations

import pytest

from db.database import Database
from db.exclusive import DatabaseInUse, only_process
from tests.support.postgres import PostgresServer


def test_the_second_is_refused_until_the_first_is_gone(database_url: str) -> None:
    first, second = Database(database_url), Database(database_url)
    with only_process(first):
        for _ in range(2):
            with pytest.raises(DatabaseInUse, match=r"Another process serves this .*stop the other one first\."):
                only_process(second).__enter__()
    with only_process(second):
        pass


def test_other_databases_of_the_same_server_are_not_held(postgres: PostgresServer, postgres_url: str) -> None:
    with (
        postgres.fresh_database() as another,
        only_process(Database(postgres_url)),
        only_process(Database(another)),
    ):
        pass
