"""The audit log as a list: every entry once, newest first, by whatever it is looked for, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks.sizes import Kind, execution_id, identifier
from db.columns import new_id, now
from db.security.access import Standing
from db.security.audit import AuditLog, Happened
from db.statuses import AuditOutcome, Role
from schema.ids import global_id
from tests.schema.api import Api, open_api

STAGE, INSTANCE = identifier(Kind.STAGE, 0), identifier(Kind.INSTANCE, 0)
ACCEPTED, REFUSED = AuditOutcome.ACCEPTED, AuditOutcome.REFUSED
ENTRIES = (
    Happened("operator:root", "createToken", "MachineToken:ci", ACCEPTED),
    Happened("ci", "runPipeline", "Pipeline:pipeline0", ACCEPTED, "new", details={"executionId": execution_id(4)}),
    Happened("ann", "rollbackDeployment", f"Stage:{STAGE}", REFUSED, "slow", "FROZEN", "It is frozen.",
             {"planHash": "h", "overrides": ["FROZEN: checkout is down"], "address": "10.1.1.1", "tokenId": "t"}),
    Happened("ann", "rollbackDeployment", f"Execution:{execution_id(4)}", ACCEPTED),
    Happened("bob", "syncInstances", "Service:service1 Environment:environment1", ACCEPTED),
    Happened("bob", "abortExecution", "100% of \ufffd all_things", REFUSED, code="INVALID_ID"),
    Happened("ci", "runPipeline", "Pipeline:gone", ACCEPTED, details={"executionId": "0" * 32, "overrides": "x"}),
    Happened("bob", "approveRollback", f"RollbackApproval:{new_id()}", AuditOutcome.FAILED, code="RuntimeError"),
    Happened("bob", "rollbackDeployment", f"Instance:{INSTANCE}", REFUSED),
)  # fmt: skip


def play(url: str, scenario: Callable[[Api], Awaitable[None]], entries: tuple[Happened, ...] = ENTRIES) -> None:
    async def run() -> None:
        async with open_api(url) as api:
            for entry in entries:
                await AuditLog(api.runtime.database, b"k" * 32).record(entry)
            await scenario(api)

    asyncio.run(run())


async def sequences(api: Api, **wanted: Any) -> list[int]:
    query = """query ($filter: AuditFilter) { auditLog(first: 50, filter: $filter)
      { totalCount nodes { sequence } } }"""
    found = (await api.data(query, {"filter": wanted}))["auditLog"]
    assert found["totalCount"] == len(found["nodes"])
    return [node["sequence"] for node in found["nodes"]]


def test_entries_are_found_by_each_filter_and_by_all(database_url: str) -> None:
    async def scenario(api: Api) -> None:
        assert await sequences(api) == [9, 8, 7, 6, 5, 4, 3, 2, 1]
        assert await sequences(api, actor="ann") == [4, 3]
        assert await sequences(api, action="runPipeline") == [7, 2]
        assert await sequences(api, outcome="REFUSED") == [9, 6, 3]
        assert await sequences(api, outcome="REFUSED", actor="bob", action="abortExecution") == [6]
        assert await sequences(api, object=global_id("Execution", execution_id(4))) == [4, 2]
        assert await sequences(api, object=global_id("Stage", STAGE)) == [3]
        assert await sequences(api, object="Environment:environment1") == [5]
        assert await sequences(api, object="Environment:environment") == []
        assert await sequences(api, object="100%") == [6]
        assert await sequences(api, object="1__%") == []
        assert await sequences(api, actor="nobody") == []

    play(database_url, scenario)


def test_entries_are_found_by_time_with_the_first_moment_and_without_the_last(database_url: str) -> None:
    async def scenario(api: Api) -> None:
        shown = await api.data("{ auditLog(first: 50) { nodes { sequence at } } }")
        at = {node["sequence"]: node["at"] for node in shown["auditLog"]["nodes"]}
        assert len(set(at.values())) == len(ENTRIES)
        assert await sequences(api, since=at[8]) == [9, 8]
        assert await sequences(api, until=at[3]) == [2, 1]
        assert await sequences(api, since=at[4], until=at[6], actor="bob") == [5]
        elsewhere = at[8].replace("+00:00", "Z")
        assert await sequences(api, since=elsewhere) == [9, 8]
        for text in ("2026-01-31T08:00:00", "0001-01-01T00:00:00+14:00"):
            answer = await api.ask(f'{{ auditLog(first: 1, filter: {{since: "{text}"}}) {{ totalCount }} }}')
            assert answer.codes == ["INVALID_VALUE"], text

    play(database_url, scenario)


def test_pages_in_both_directions_are_the_whole_log(database_url: str) -> None:
    async def scenario(api: Api) -> None:
        for size, way, edge, more in (("first", "after", "endCursor", "hasNextPage"),
                                      ("last", "before", "startCursor", "hasPreviousPage")):  # fmt: skip
            query = f"""query ($cursor: String) {{ auditLog({size}: 4, {way}: $cursor)
              {{ nodes {{ sequence }} pageInfo {{ {edge} {more} }} }} }}"""
            walked, cursor, goes_on = list[int](), None, True
            while goes_on:
                page = (await api.data(query, {"cursor": cursor}))["auditLog"]
                found = [node["sequence"] for node in page["nodes"]]
                walked = [*found, *walked] if size == "last" else [*walked, *found]
                cursor, goes_on = page["pageInfo"][edge], page["pageInfo"][more]
            assert walked == [9, 8, 7, 6, 5, 4, 3, 2, 1]
        assert (await api.ask("{ auditLog(first: 101) { totalCount } }")).codes == ["LIMIT_OUT_OF_RANGE"]
        assert (await api.ask('{ auditLog(first: 1, after: "x") { totalCount } }')).codes == ["INVALID_CURSOR"]

    play(database_url, scenario)


def test_an_entry_says_who_did_what_to_what_from_where_and_why(database_url: str) -> None:
    query = """{ auditLog(first: 50) { nodes { id sequence actor attempts source tokenId action outcome code
      message reason justifications planHash details mac objects { type name id } environments { identifier }
      execution { id } } } }"""

    async def scenario(api: Api) -> None:
        shown = {node["sequence"]: node for node in (await api.data(query))["auditLog"]["nodes"]}
        assert len({node["id"] for node in shown.values()}) == len(ENTRIES)
        assert all(len(node.pop("mac")) == 64 and node.pop("id") for node in shown.values())
        assert shown[3] == {
            "sequence": 3,
            "actor": "ann",
            "attempts": 1,
            "source": "10.1.1.1",
            "tokenId": "t",
            "action": "rollbackDeployment",
            "outcome": "REFUSED",
            "code": "FROZEN",
            "message": "It is frozen.",
            "reason": "slow",
            "justifications": ["FROZEN: checkout is down"],
            "planHash": "h",
            "details": dict(ENTRIES[2].details),
            "objects": [{"type": "Stage", "name": STAGE, "id": global_id("Stage", STAGE)}],
            "environments": [{"identifier": "environment0"}],
            "execution": None,
        }
        assert shown[2]["execution"] == {"id": global_id("Execution", execution_id(4))}
        assert shown[2]["environments"] == [{"identifier": "environment0"}, {"identifier": "environment1"}]
        assert shown[5]["objects"] == [
            {"type": "Service", "name": "service1", "id": None},
            {"type": "Environment", "name": "environment1", "id": None},
        ]
        assert shown[5]["environments"] == [{"identifier": "environment1"}]
        assert shown[6]["objects"] == [{"type": None, "name": "100% of \ufffd all_things", "id": None}]
        assert (shown[7]["execution"], shown[7]["environments"], shown[7]["justifications"]) == (None, [], [])
        assert shown[9]["environments"] != []

    play(database_url, scenario)


def test_one_entry_and_fifty_take_equally_many_statements(database_url: str) -> None:
    query = "auditLog(first: %d) { nodes { objects { id } environments { name } execution { status } } }"
    entry = Happened("ci", "runPipeline", f"Stage:{STAGE}", ACCEPTED, details={"executionId": execution_id(4)})

    async def scenario(api: Api) -> None:
        counts: list[int] = []
        for rows in (1, 50):
            found = await api.data(f"{{ {query % rows} }}")
            assert len(found["auditLog"]["nodes"]) == rows
            counts.append(len([one for one in api.statements if "PRAGMA" not in one]))
        assert counts[0] == counts[1] <= 3, counts

    play(database_url, scenario, (entry,) * 50)


@pytest.mark.parametrize("role", Role)
def test_who_may_not_read_it_is_told_so_and_asks_the_log_nothing(tmp_path: Any, role: Role) -> None:
    async def scenario(api: Api) -> None:
        api.by = Standing("somebody", role=role, until=now() + timedelta(hours=1))
        answer = await api.ask("{ auditLog(first: 1) { totalCount } viewer { subject } }")
        asked = any("auditentry" in one for one in api.statements)
        if role in (Role.AUDITOR, Role.ADMIN):
            assert answer.data["auditLog"] == {"totalCount": len(ENTRIES)}
            assert asked
        else:
            assert answer.data == {"auditLog": None, "viewer": {"subject": "somebody"}}
            assert answer.codes == ["PERMISSION_DENIED"]
            assert not asked

    play(f"sqlite:///{tmp_path}/unship.db", scenario)


def test_no_grant_gives_the_log(database_url: str) -> None:
    """Also not one that somebody has put into the table: the log is of no single environment."""

    async def scenario(api: Api) -> None:
        async with api.runtime.database.write() as session:
            await session.execute(
                sa.text(
                    'INSERT INTO "grant" (id, subject, role, environment_id, created_at, created_by, expires_at) '
                    "SELECT id, 'eve', role, id, :now, 'eve', :later FROM environment, "
                    "(SELECT 'AUDITOR' AS role UNION SELECT 'ADMIN') AS roles WHERE identifier = "
                    "CASE role WHEN 'ADMIN' THEN 'environment0' ELSE 'environment1' END"
                ).bindparams(now=now(), later=now() + timedelta(hours=1))
            )
        api.by = Standing("eve", until=now() + timedelta(hours=1))
        assert len((await api.data("{ environments(first: 9) { nodes { id } } }"))["environments"]["nodes"]) == 2
        assert (await api.ask("{ auditLog(first: 1) { totalCount } }")).codes == ["PERMISSION_DENIED"]

    play(database_url, scenario)
