"""executionProgress replays and follows without gap or duplicate; executionsChanged tells of every change."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.sizes import Kind, execution_id, identifier
from db.columns import now
from db.statuses import EventType, ExecutionKind, ExecutionStatus
from db.tables import Execution, Stage
from pipelines import journal
from providers.values import Progress
from schema.ids import global_id
from tests.schema.api import Answer, Api, open_api, run

_EVENT = (
    "__typename sequence ... on ExecutionStatusChanged { status } ... on StageStatusChanged { stage { name } }"
)
_PROGRESS = (
    "subscription ($id: ID!, $after: String) { executionProgress(executionId: $id, after: $after) "
    "{ cursor hasMorePastEvents execution { status statusReason startedAt finishedAt } "
    f"events {{ {_EVENT} }} }} }}"
)
_E = ExecutionStatus


async def _all(api: Api, variables: dict[str, Any]) -> list[Any]:
    return [_batch(answer) async for answer in api.watch(_PROGRESS, variables)]


def _batch(answer: Answer) -> Any:
    assert answer.errors == []
    return answer.data["executionProgress"]


async def _add_execution(api: Api, key: str, status: ExecutionStatus) -> str:
    """An execution with one stage and no event yet; returns its public id."""
    async with api.runtime.database.write() as session:
        session.add(
            Execution(
                id=key,
                kind=ExecutionKind.DEPLOYMENT,
                sequence_id=int(key, 16) % 10**6,
                pipeline_id=identifier(Kind.PIPELINE, 0),
                status=status,
                triggered_by="tester",
                yaml="",
                plan={},
                started_at=now(),
                finished_at=now(),
            )
        )
        await session.flush()
        session.add(Stage(id=key, execution_id=key, ordinal=0, position=0, identifier="one", name="One"))
    return global_id("Execution", key)


async def _stage_event(session: AsyncSession, key: str) -> None:
    await journal.append(session, key, EventType.STAGE_STATUS_CHANGED, stage_id=key, status="RUNNING")


def _sequences(batches: list[Any]) -> list[int]:
    return [event["sequence"] for batch in batches for event in batch["events"]]


def test_replay_of_a_finished_execution_from_each_cursor(history_url: str) -> None:
    async def check(api: Api) -> None:
        public = global_id("Execution", execution_id(3))
        batches = await _all(api, {"id": public})
        assert _sequences(batches) == list(range(1, 11))
        assert batches[-1]["execution"]["status"] == "SUCCEEDED"
        assert batches[-1]["events"][1] == {
            "__typename": "StageStatusChanged",
            "sequence": 2,
            "stage": {"name": "Stage 0"},
        }
        query = "query ($id: ID!) { execution(id: $id) { events(first: 100) { edges { cursor } } } }"
        edges = (await api.data(query, {"id": public}))["execution"]["events"]["edges"]
        for place, edge in enumerate(edges, 1):
            rest = await _all(api, {"id": public, "after": edge["cursor"]})
            assert _sequences(rest) == list(range(place + 1, 11))
        assert batches[-1]["cursor"] == edges[-1]["cursor"]

    run(history_url, check)


def test_unknown_executions_and_cursors_are_refused(history_url: str) -> None:
    async def check(api: Api) -> None:
        public = global_id("Execution", execution_id(3))
        for variables, code in (
            ({"id": "nonsense"}, "NOT_FOUND"),
            ({"id": global_id("Execution", "0" * 32)}, "NOT_FOUND"),
            ({"id": global_id("Service", execution_id(3))}, "NOT_FOUND"),
            ({"id": public, "after": "nonsense"}, "INVALID_CURSOR"),
        ):
            answers = [answer async for answer in api.watch(_PROGRESS, variables)]
            assert [answer.codes for answer in answers] == [[code]]

    run(history_url, check)


def test_a_long_replay_comes_in_batches_with_the_status_of_its_time(tmp_path: Path) -> None:
    async def check() -> None:
        async with open_api(f"sqlite:///{tmp_path}/unship.db") as api:
            key = "f" * 32
            public = await _add_execution(api, key, _E.QUEUED)
            async with api.runtime.database.write() as session:
                await journal.append(session, key, EventType.EXECUTION_STATUS_CHANGED, status=_E.QUEUED)
                for _ in range(149):
                    await _stage_event(session, key)
                await journal.move_execution(session, key, _E.RUNNING)
                for _ in range(98):
                    await _stage_event(session, key)
                await journal.move_execution(session, key, _E.FAILED, "It broke.")
            batches = await _all(api, {"id": public})
            assert _sequences(batches) == list(range(1, 251))
            assert [len(batch["events"]) for batch in batches] == [100, 100, 50]
            assert [batch["hasMorePastEvents"] for batch in batches] == [True, True, False]
            assert [batch["execution"]["status"] for batch in batches] == ["QUEUED", "RUNNING", "FAILED"]
            assert [batch["execution"]["statusReason"] for batch in batches] == [None, None, "It broke."]
            assert [batch["execution"]["startedAt"] is None for batch in batches] == [True, False, False]
            assert [batch["execution"]["finishedAt"] is None for batch in batches] == [True, True, False]
            resumed = await _all(api, {"id": public, "after": batches[0]["cursor"]})
            assert resumed == batches[1:]

    asyncio.run(check())


def test_following_live_until_the_end(tmp_path: Path) -> None:
    async def check() -> None:
        async with open_api(f"sqlite:///{tmp_path}/unship.db") as api:
            key = "f" * 32
            public = await _add_execution(api, key, _E.QUEUED)
            answers = api.watch(_PROGRESS, {"id": public})
            received: list[Any] = []

            async def step(status: ExecutionStatus) -> None:
                async with api.runtime.database.write() as session:
                    await journal.move_execution(session, key, status)
                api.runtime.bell.ring(key)
                received.append(_batch(await anext(answers)))

            await step(_E.RUNNING)
            await step(_E.VERIFYING)
            await step(_E.SUCCEEDED)
            assert [batch["execution"]["status"] for batch in received] == ["RUNNING", "VERIFYING", "SUCCEEDED"]
            assert [batch["execution"]["finishedAt"] is None for batch in received] == [True, True, False]
            assert _sequences(received) == [1, 2, 3]
            assert await anext(answers, None) is None

    asyncio.run(check())


def test_a_step_progressed_shows_what_the_platform_said(tmp_path: Path) -> None:
    async def check() -> None:
        async with open_api(f"sqlite:///{tmp_path}/unship.db") as api:
            key, stage, step = execution_id(3), identifier(Kind.STAGE, 6), identifier(Kind.STEP, 12)
            async with api.runtime.database.write() as session:
                said = Progress(message="2 of 5 updated", ready=2, desired=5)
                assert await journal.progressed(session, key, stage, step, said)
            query = (
                "query ($id: ID!) { execution(id: $id) { events(first: 100) { nodes { __typename "
                "... on StepProgressed { message ready desired stage { name } step { name } } } } } }"
            )
            found = await api.data(query, {"id": global_id("Execution", key)})
            assert found["execution"]["events"]["nodes"][-1] == {
                "__typename": "StepProgressed",
                "message": "2 of 5 updated",
                "ready": 2,
                "desired": 5,
                "stage": {"name": "Stage 0"},
                "step": {"name": "Step 0"},
            }

    asyncio.run(check())


def test_changes_are_heard_until_the_client_leaves(tmp_path: Path) -> None:
    async def check() -> None:
        async with open_api(f"sqlite:///{tmp_path}/unship.db") as api:
            query = "subscription { executionsChanged(filter: {status: QUEUED}) { id status pipeline { name } } }"
            answers = api.watch(query)
            heard = asyncio.ensure_future(anext(answers))
            added: list[str] = []
            while not heard.done():
                key = f"{'f' * 26}{len(added):06x}"
                added.append(await _add_execution(api, key, _E.QUEUED))
                api.runtime.bell.ring(key)
                await asyncio.wait({heard}, timeout=0.05)
            found = (await heard).data["executionsChanged"]
            assert found["id"] in added
            assert (found["status"], found["pipeline"]["name"]) == ("QUEUED", "Pipeline 00000")
            await answers.aclose()

    asyncio.run(check())
