"""The same on PostgreSQL: a rollback ends right when it is killed, or its database connections are, on the way."""

from __future__ import annotations

from collections.abc import Callable, Generator

import psycopg
import pytest

from sandbox.__main__ import write_connectors
from tests.durability.traps import TrappedCluster
from tests.support.shop import NEW, OLD, Shop
from tests.support.unship import Unship, serving


@pytest.fixture
def unship(
    world: TrappedCluster, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Unship]:
    directory = tmp_path_factory.mktemp("postgres")
    write_connectors([world], directory)
    with serving(
        directory, connectors=str(directory / "connectors.yaml"), database_url=postgres_url, lease_seconds="1"
    ) as running:
        yield running


@pytest.fixture
def shop(unship: Unship, world: TrappedCluster) -> Shop:
    shop = Shop("elephant", world)
    assert unship.apply(shop.yaml()) == []
    unship.deploy(shop.name, tag=OLD)
    return shop


def kill(unship: Unship, _postgres_url: str) -> None:
    unship.kill()
    unship.start()


def cut_connections(_unship: Unship, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize("fault", [kill, cut_connections])
def test_a_rollback_survives(
    unship: Unship, shop: Shop, postgres_url: str, fault: Callable[[Unship, str], None]
) -> None:
    deployment = unship.deploy(shop.name, tag=NEW)
    rollback = unship.roll_back(target={"executionId": deployment})["execution"]["id"]
    with unship.progress(rollback) as batches:
        seen = next(batch for batch in batches if batch["events"][-1]["sequence"] >= 6)
        fault(unship, postgres_url)
    with unship.progress(rollback, after=seen["cursor"]) as batches:
        rest = [event["sequence"] for batch in batches for event in batch["events"]]
    assert unship.execution(rollback)["status"] == "SUCCEEDED"
    assert rest == list(range(seen["events"][-1]["sequence"] + 1, rest[-1] + 1))
    assert [event["sequence"] for event in unship.events(rollback)] == list(range(1, rest[-1] + 1))
    for environment in ("staging", "prod"):
        assert {image.partition(":")[2] for image in shop.images(environment)} == {OLD}
