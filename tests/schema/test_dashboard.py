"""What the dashboards show is exactly what the records say."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from benchmarks.sizes import Kind, Size, environment_id, execution_id, identifier, moment, service_id
from db.statuses import RollbackStatus, most_telling
from db.tables import Instance, Stage, Target
from schema.ids import global_id
from tests.schema.api import Api, open_api, run

_PLACE = (
    "environment { identifier } instanceCount lastDeployedAt rollbackStatus lastExecution { sequenceId } "
    "infrastructures { identifier } artifacts { instanceCount artifact { displayName tag } } "
    "instances(first: 2) { nodes { key } totalCount pageInfo { hasNextPage } }"
)


def test_a_service_in_its_environments_newest_deployment_first(history_url: str) -> None:
    async def check(api: Api) -> None:
        query = f'{{ service(identifier: "service1") {{ instanceCount environments {{ {_PLACE} }} }} }}'
        service = (await api.data(query))["service"]
        assert service["instanceCount"] == 12
        places = service["environments"]
        assert [one["environment"]["identifier"] for one in places] == [
            "environment0",
            "environment2",
            "environment1",
        ]
        newest = places[0]
        assert newest["lastDeployedAt"] == moment(4 * 6 + 1).isoformat()
        assert newest["lastExecution"] == {"sequenceId": 5}
        assert newest["rollbackStatus"] == "NOT_STARTED"
        assert newest["infrastructures"] == [{"identifier": "infrastructure0"}]
        assert newest["artifacts"] == [
            {
                "instanceCount": 4,
                "artifact": {"displayName": "registry.example.com/service1/web:new-0", "tag": "new-0"},
            }
        ]
        assert newest["instanceCount"] == newest["instances"]["totalCount"] == 4
        assert [node["key"] for node in newest["instances"]["nodes"]] == ["pod-12", "pod-13"]
        assert newest["instances"]["pageInfo"]["hasNextPage"] is True

    run(history_url, check)


def test_an_environment_with_its_services(history_url: str) -> None:
    async def check(api: Api) -> None:
        query = (
            '{ environment(identifier: "environment0") { type groups { name } infrastructures { name spec } '
            "services { service { identifier } } instances(first: 1) { totalCount } } }"
        )
        found = (await api.data(query))["environment"]
        assert found["type"] == "PRODUCTION"
        assert found["groups"] == [{"name": "Everything"}]
        assert found["infrastructures"][0]["spec"] == {"connectorRef": "cluster", "namespace": "namespace0"}
        names = [one["service"]["identifier"] for one in found["services"]]
        assert names == [f"service{number}" for number in reversed(range(6))]
        assert found["instances"]["totalCount"] == 24

    run(history_url, check)


def test_gone_instances_are_counted_nowhere_and_still_found_by_id(tmp_path: Path) -> None:
    async def check() -> None:
        async with open_api(f"sqlite:///{tmp_path}/unship.db") as api:
            async with api.runtime.database.write() as session:
                gone = sa.update(Instance).where(col(Instance.service_id) == service_id(1))
                await session.execute(gone.values(removed_at=moment(0)))
            query = (
                f'{{ service(identifier: "service1") {{ instanceCount environments {{ {_PLACE} }} '
                "instances(first: 9) { nodes { id } totalCount } } instances(first: 1) { totalCount } }"
            )
            found = await api.data(query)
            assert found["service"]["instanceCount"] == found["service"]["instances"]["totalCount"] == 0
            assert found["service"]["instances"]["nodes"] == []
            assert [one["artifacts"] for one in found["service"]["environments"]] == [[], [], []]
            assert [one["instanceCount"] for one in found["service"]["environments"]] == [0, 0, 0]
            assert found["instances"]["totalCount"] == 60
            public = global_id("Instance", identifier(Kind.INSTANCE, 12))
            by_id = await api.data("query ($id: ID!) { instance(id: $id) { key removedAt } }", {"id": public})
            assert by_id["instance"] == {"key": "pod-12", "removedAt": moment(0).isoformat()}

    asyncio.run(check())


def test_an_instance_shows_what_its_stage_says(tmp_path: Path) -> None:
    async def check() -> None:
        async with open_api(f"sqlite:///{tmp_path}/unship.db") as api:
            first, second = identifier(Kind.INSTANCE, 0), identifier(Kind.INSTANCE, 1)
            async with api.runtime.database.write() as session:
                stage_id = await session.scalar(sa.select(col(Instance.stage_id)).where(col(Instance.id) == first))
                started = sa.update(Stage).where(col(Stage.id) == stage_id)
                await session.execute(started.values(rollback_status=RollbackStatus.STARTED))
                orphan = sa.update(Instance).where(col(Instance.id) == second)
                await session.execute(orphan.values(stage_id=None))
            query = (
                "{ instances(first: 2) { nodes { rollbackStatus rollbackEligibility { reasons { code } } } } "
                "unavailable: instances(first: 9, filter: {rollbackStatus: UNAVAILABLE}) { nodes { key } } "
                "started: instances(first: 9, filter: {rollbackStatus: STARTED}) { totalCount } "
                'service(identifier: "service0") { environments { rollbackStatus environment { identifier } } } }'
            )
            found = await api.data(query)
            statuses = [node["rollbackStatus"] for node in found["instances"]["nodes"]]
            assert statuses == ["STARTED", "UNAVAILABLE"]
            orphaned = found["instances"]["nodes"][1]["rollbackEligibility"]["reasons"]
            assert [one["code"] for one in orphaned] == ["NOT_A_DEPLOYMENT"]
            assert found["unavailable"]["nodes"] == [{"key": "pod-1"}]
            assert found["started"]["totalCount"] == 3
            by_environment = {
                one["environment"]["identifier"]: one["rollbackStatus"] for one in found["service"]["environments"]
            }
            assert by_environment["environment0"] == "STARTED"
            assert by_environment["environment1"] == "NOT_STARTED"

    asyncio.run(check())


def test_a_place_that_was_never_deployed_has_no_verdict(tmp_path: Path) -> None:
    async def check() -> None:
        async with open_api(f"sqlite:///{tmp_path}/unship.db") as api:
            async with api.runtime.database.write() as session:
                never = sa.update(Target).where(col(Target.environment_id) == environment_id(0))
                await session.execute(
                    never.values(deployed_stage_id=None, current_stage_id=None, last_deployed_at=None)
                )
            query = (
                '{ service(identifier: "service0") { environments { environment { identifier } lastDeployedAt '
                "rollbackStatus rollbackEligibility { verdict } } } }"
            )
            places = (await api.data(query))["service"]["environments"]
            assert places[-1] == {
                "environment": {"identifier": "environment0"},
                "lastDeployedAt": None,
                "rollbackStatus": "UNAVAILABLE",
                "rollbackEligibility": None,
            }
            assert all(one["rollbackEligibility"]["verdict"] == "INELIGIBLE" for one in places[:-1])

    asyncio.run(check())


def test_an_execution_with_its_stages_steps_and_rollbacks(tmp_path: Path) -> None:
    size = Size(services=2, environments=2, executions_per_service=10, stages=2, instances_per_target=1)

    async def check() -> None:
        async with open_api(f"sqlite:///{tmp_path}/unship.db", size) as api:
            undone, undoing = (global_id("Execution", execution_id(number)) for number in (16, 18))
            query = (
                "query ($id: ID!) { execution(id: $id) { id kind rollbackStatus yaml originalExecution { id } "
                "rollbacks { id kind } pipeline { identifier yaml } stages { identifier position artifact { tag } "
                "service { identifier } environment { identifier } infrastructure { identifier } "
                "steps { identifier outputs } } } }"
            )
            first: Any = (await api.data(query, {"id": undone}))["execution"]
            assert first["rollbacks"] == [{"id": undoing, "kind": "ROLLBACK"}]
            assert (first["kind"], first["rollbackStatus"]) == ("DEPLOYMENT", "SUCCESS")
            assert first["pipeline"]["identifier"] == "pipeline0"
            assert first["yaml"].startswith("pipeline")
            assert [stage["identifier"] for stage in first["stages"]] == ["stage0", "stage1"]
            assert first["stages"][1] == {
                "identifier": "stage1",
                "position": 1,
                "artifact": {"tag": "8"},
                "service": {"identifier": "service0"},
                "environment": {"identifier": "environment1"},
                "infrastructure": {"identifier": "infrastructure1"},
                "steps": [
                    {"identifier": "step0", "outputs": {"value": 0}},
                    {"identifier": "step1", "outputs": {"value": 1}},
                ],
            }
            second = (await api.data(query, {"id": undoing}))["execution"]
            assert (second["kind"], second["originalExecution"]) == ("ROLLBACK", {"id": undone})

    asyncio.run(check())


_R = RollbackStatus


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        ([], _R.UNAVAILABLE),
        ([_R.UNAVAILABLE, _R.NOT_STARTED], _R.NOT_STARTED),
        ([_R.NOT_STARTED, _R.SUCCESS], _R.SUCCESS),
        ([_R.SUCCESS, _R.FAILURE], _R.FAILURE),
        ([_R.FAILURE, _R.STARTED, _R.SUCCESS], _R.STARTED),
    ],
)
def test_one_status_for_several_infrastructures(statuses: list[RollbackStatus], shown: RollbackStatus) -> None:
    assert most_telling(statuses) is shown


def test_who_asks(history_url: str) -> None:
    async def check(api: Api) -> None:
        found = await api.data("{ viewer { subject permissions { permission environment { id } } } }")
        assert found["viewer"]["subject"] == "tester"
        assert {"permission": "rollback", "environment": None} in found["viewer"]["permissions"]

    run(history_url, check)
