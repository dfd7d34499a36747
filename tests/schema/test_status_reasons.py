"""Why an execution ended as it did: the last reason that was given for a status of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import sqlalchemy as sa

from benchmarks.sizes import execution_id
from db.queries.executions import status_reasons_of_executions
from db.statuses import EventType, ExecutionStatus
from pipelines import journal
from schema.ids import global_id
from tests.schema.api import Api, open_api

_QUERY = "query ($id: ID!) { execution(id: $id) { status statusReason } }"
_E = ExecutionStatus


async def _append(api: Api, key: str, event: EventType, status: str, message: str | None = None) -> None:
    async with api.runtime.database.write() as session:
        await journal.append(session, key, event, status=status, message=message)


def test_the_last_reason_of_the_execution_itself_is_told(database_url: str) -> None:
    async def check() -> None:
        async with open_api(database_url) as api:
            key, other = execution_id(3), execution_id(4)

            async def told() -> str | None:
                reason: str | None = (await api.data(_QUERY, {"id": global_id("Execution", key)}))["execution"][
                    "statusReason"
                ]
                return reason

            assert await told() is None, "nobody gave a reason"
            await _append(api, key, EventType.EXECUTION_STATUS_CHANGED, _E.QUEUED, "Checkout is slow.")
            assert await told() is None, "why somebody asked for it is no reason for its end"
            await _append(api, key, EventType.EXECUTION_STATUS_CHANGED, _E.ABORTING, "Wrong version.")
            await _append(api, key, EventType.STEP_STATUS_CHANGED, "FAILED", "It broke.")
            await _append(api, other, EventType.EXECUTION_STATUS_CHANGED, _E.FAILED, "Another one.")
            assert await told() == "Wrong version."
            await _append(api, key, EventType.EXECUTION_STATUS_CHANGED, _E.ABORTED)
            assert await told() == "Wrong version.", "an end without a reason leaves the one before it"
            await _append(api, key, EventType.EXECUTION_STATUS_CHANGED, _E.FAILED, 'Stage "Stage 0": It broke.')
            assert await told() == 'Stage "Stage 0": It broke.'

    asyncio.run(check())


def test_it_is_found_along_the_key_of_the_events(tmp_path: Path) -> None:
    async def check() -> None:
        async with open_api(f"sqlite:///{tmp_path}/unship.db") as api:
            async with api.runtime.database.read() as connection:
                assert await status_reasons_of_executions(connection, [execution_id(1), "none"]) == [None, None]
            (statement,) = (one for one in api.statements if "event" in one)
            async with api.runtime.database.read() as connection:
                # The ids are the last of the statement's parameters; the plan is the same for any.
                text = statement.replace("?", "'1'")
                plan = [row[-1] for row in await connection.execute(sa.text(f"EXPLAIN QUERY PLAN {text}"))]
            assert not [step for step in plan if step.startswith("SCAN")], plan
            assert not [step for step in plan if "TEMP B-TREE" in step], plan

    asyncio.run(check())
