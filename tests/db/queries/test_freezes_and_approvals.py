"""Freeze windows and approvals, as both databases find and change them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import col

from benchmarks.seed import seed
from benchmarks.sizes import Size, environment_id, execution_id
from db.columns import now
from db.database import Database
from db.queries.approvals import Approvals, approvals_by_id, open_approvals, requiring_approval
from db.queries.environments import environments_by_id
from db.queries.freezes import (
    FreezeWindowRow,
    environments_of_freeze_windows,
    freeze_windows_of_environments,
    groups_of_freeze_windows,
)
from db.queries.listing import Window, slices
from db.queries.visibility import those_seen
from db.statuses import OPEN_APPROVALS, ApprovalStatus
from db.tables import (
    Environment,
    EnvironmentGroup,
    EnvironmentGroupMember,
    FreezeWindow,
    FreezeWindowEnvironment,
    FreezeWindowGroup,
    RollbackApproval,
)
from rollback.approval_writes import give, outdate, refuse, spend, spent_on
from tests.support.runtimes import open_runtime

SIZE = Size(services=2, environments=3, executions_per_service=3, stages=1, instances_per_target=1)
STORED = [one for one in ApprovalStatus if one is not ApprovalStatus.EXPIRED]
ONE, TWO, THREE = (environment_id(number) for number in range(3))


def play(url: str, scenario: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_runtime(url) as runtime:
            await seed(runtime.database, SIZE)
            await scenario(runtime.database)

    asyncio.run(run())


def test_windows_are_found_by_environments_and_by_groups_once_each(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        async with database.write() as session:
            group = EnvironmentGroup(identifier="some", name="Some")
            windows = [
                FreezeWindow(identifier=name, name=name, definition={"a": name}) for name in ("x", "y", "z")
            ]
            session.add_all([group, *windows])
            await session.flush()
            session.add_all(
                EnvironmentGroupMember(group_id=group.id, environment_id=one, position=position)
                for position, one in enumerate((TWO, ONE))
            )
            x, y, _ = (window.id for window in windows)
            session.add_all(
                [
                    FreezeWindowEnvironment(window_id=x, environment_id=ONE, position=0),
                    FreezeWindowGroup(window_id=x, group_id=group.id, position=0),
                    FreezeWindowGroup(window_id=y, group_id=group.id, position=0),
                ]
            )
        async with database.read() as connection:
            found = await freeze_windows_of_environments(connection, [ONE, TWO, THREE])
            assert [[row.identifier for row in rows] for rows in found] == [["x", "y"], ["x", "y"], []]
            assert found[0][0].definition == {"a": "x"}
            named = await environments_of_freeze_windows(connection, [y, x])
            assert [[row.id for row in rows] for rows in named] == [[], [ONE]]
            groups = await groups_of_freeze_windows(connection, [y])
            assert [row.identifier for row in groups[0]] == ["some"]
            every = [window.id for window in windows]
            assert await those_seen(connection, FreezeWindowRow, every, {THREE}) == frozenset()
            assert await those_seen(connection, FreezeWindowRow, every, {TWO}) == {x, y}

    play(database_url, scenario)


def test_the_rule_is_read_from_the_document(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        async with database.write() as session:
            for one, definition in (
                (ONE, {"requireRollbackApproval": True}),
                (TWO, {"requireRollbackApproval": False}),
            ):
                changed = sa.update(Environment).where(col(Environment.id) == one)
                await session.execute(changed.values(definition=definition))
        async with database.read() as connection:
            assert await requiring_approval(connection, [ONE, TWO, THREE]) == {ONE}
            assert (await environments_by_id(connection, [ONE]))[0] is not None

    play(database_url, scenario)


async def made(database: Database, status: ApprovalStatus, minutes: float = 30) -> str:
    async with database.write() as session:
        row = RollbackApproval(
            execution_id=execution_id(0),
            stage_ids=["s"],
            plan_hash="h",
            status=status,
            requested_by="ann",
            expires_at=now() + timedelta(minutes=minutes),
        )
        session.add(row)
        await session.flush()
        return row.id


def test_lists_by_status_know_what_has_expired(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        ids: dict[str, str] = {}
        for status in ApprovalStatus:
            if status is not ApprovalStatus.EXPIRED:
                ids[status] = await made(database, status)
        late = {
            await made(database, ApprovalStatus.PENDING, -1),
            await made(database, ApprovalStatus.APPROVED, -1),
        }
        await made(database, ApprovalStatus.USED, -1)

        async def listed(status: ApprovalStatus | None = None, of: str | None = None) -> list[str]:
            async with database.read() as connection:
                (found,) = await slices(connection, Approvals(status, of).listing(), [()], Window(50))
            return [row.id for row in found.rows]

        assert await listed(ApprovalStatus.PENDING) == [ids["PENDING"]]
        assert await listed(ApprovalStatus.APPROVED) == [ids["APPROVED"]]
        assert set(await listed(ApprovalStatus.EXPIRED)) == late
        assert len(await listed(ApprovalStatus.USED)) == 2
        every = await listed(of=execution_id(0))
        assert every == sorted(every, reverse=True)
        assert len(every) == 8
        assert await listed(of=execution_id(1)) == []
        async with database.read() as connection:
            found = await open_approvals(connection, [execution_id(0)], now())
            assert [row.id for row in found] == [ids["APPROVED"], ids["PENDING"]]
            assert {row.status_at(now()) for row in await approvals_by_id(connection, sorted(late)) if row} == {
                ApprovalStatus.EXPIRED
            }

    play(database_url, scenario)


RIGHT = {
    "give": {ApprovalStatus.PENDING},
    "refuse": {ApprovalStatus.PENDING, ApprovalStatus.APPROVED},
    "spend": {ApprovalStatus.APPROVED},
}


def test_each_step_is_taken_from_the_right_status_and_in_time(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        for status in STORED:
            for name, right in RIGHT.items():
                for minutes in (30, -1):
                    done = await step(database, name, await made(database, status, minutes))
                    assert done == (status in right and minutes > 0), (status, name, minutes)
            identifier = await made(database, status)
            async with database.write() as session:
                await outdate(session, [identifier])
                await spent_on(session, identifier, execution_id(1))
            async with database.read() as connection:
                (row,) = await approvals_by_id(connection, [identifier])
            assert row is not None
            after = ApprovalStatus.STALE if status in OPEN_APPROVALS else status
            assert (row.status, row.rollback_id) == (after, execution_id(1))

    play(database_url, scenario)


async def step(database: Database, name: str, identifier: str) -> bool:
    async with database.write() as session:
        if name == "give":
            return await give(session, identifier, "bob", "fine", now() + timedelta(minutes=5))
        return await (spend(session, identifier) if name == "spend" else refuse(session, identifier, "bob", None))


def test_of_many_at_once_one_uses_an_approval(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        identifier = await made(database, ApprovalStatus.APPROVED)

        async def use() -> bool:
            async with database.write() as session:
                return await spend(session, identifier)

        assert sorted(await asyncio.gather(*(use() for _ in range(8)))) == [False] * 7 + [True]

    play(database_url, scenario)
