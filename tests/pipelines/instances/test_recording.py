"""What the end of a stage, and a sync between executions, leave in the instances."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from db.tables import Instance
from pipelines.claiming import NOBODY, Claim, StageMark
from pipelines.instances import record_instances
from pipelines.runtime import Runtime
from providers.values import Artifact, InstanceHealth, LiveInstance
from tests.pipelines.instances.seeds import Seed, add_stage, live, seed, stored
from tests.support.runtimes import open_runtime

WEB_2 = Artifact(display_name="web:2", image="web", tag="2")


async def stage(
    runtime: Runtime,
    seeded: Seed,
    sequence: int,
    by: str,
    *instances: LiveInstance,
    claim: Claim = Claim.EVERYTHING,
    artifact: Artifact | None = None,
) -> StageMark:
    """A stage that ends with these instances; `artifact` is what it was to have running."""
    async with runtime.database.write() as session:
        mark = replace(await add_stage(session, seeded, sequence, by), claim=claim, artifact=artifact)
        await record_instances(session, seeded.target, instances, mark)
    return mark


async def sync(runtime: Runtime, seeded: Seed, *instances: LiveInstance) -> None:
    async with runtime.database.write() as session:
        await record_instances(session, seeded.target, instances)


def points_at(row: Instance, mark: StageMark) -> bool:
    return {name: getattr(row, name) for name in NOBODY} == mark.columns


def test_a_deployment_and_the_next(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url) as runtime:
            seeded = await seed(runtime)
            first = await stage(runtime, seeded, 1, "ann", live("a"), live("b"))
            rows = await stored(runtime, seeded.target.id)
            assert rows.keys() == {"a", "b"}
            assert all(points_at(row, first) for row in rows.values())
            assert (rows["a"].display_name, rows["a"].digest, rows["a"].details) == (
                "web:1",
                "sha256:1",
                {"node": "a"},
            )
            assert rows["a"].service_id == seeded.target.service_id
            # A restart changes the keys; what stays (b) was found good by the second stage.
            second = await stage(runtime, seeded, 2, "bob", live("b"), live("c", "2"))
            rows = await stored(runtime, seeded.target.id)
            assert rows.keys() == {"b", "c"}
            assert all(points_at(row, second) for row in rows.values())
            gone = await stored(runtime, seeded.target.id, removed=True)
            assert gone.keys() == {"a"}
            assert points_at(gone["a"], first), "history is not rewritten"

    asyncio.run(scenario())


def test_what_runs_another_version_keeps_the_stage_that_brought_it(database_url: str) -> None:
    """An idle colour is no work of the deployment that left it idle; what has an image of its own is."""

    async def scenario() -> None:
        async with open_runtime(database_url) as runtime:
            seeded = await seed(runtime)
            beside = live("store", artifact=Artifact(display_name="store:7", image="store", tag="7"))
            first = await stage(runtime, seeded, 1, "ann", live("blue", group="blue"), beside)
            both = (live("blue", group="blue"), live("green", "2", group="green"), beside)
            second = await stage(runtime, seeded, 2, "bob", *both, claim=Claim.ITS_VERSION, artifact=WEB_2)
            rows = await stored(runtime, seeded.target.id)
            assert points_at(rows["blue"], first)
            assert points_at(rows["green"], second)
            assert points_at(rows["store"], second)
            # Restarted, the idle one is still of the first, which its like tells.
            await sync(runtime, seeded, live("blue2", group="blue"), live("green2", "2", group="green"), beside)
            rows = await stored(runtime, seeded.target.id)
            assert (points_at(rows["blue2"], first), points_at(rows["green2"], second)) == (True, True)
            # A rollback is about all that is there.
            third = await stage(runtime, seeded, 3, "eve", live("blue2", group="blue"), beside)
            assert all(points_at(row, third) for row in (await stored(runtime, seeded.target.id)).values())

    asyncio.run(scenario())


def test_a_deployment_that_failed_has_what_it_brought_and_nothing_else(database_url: str) -> None:
    """What scales meanwhile is not its work."""

    async def scenario() -> None:
        async with open_runtime(database_url) as runtime:
            seeded = await seed(runtime)
            first = await stage(runtime, seeded, 1, "ann", live("a"), live("b"))
            meanwhile = (live("a"), live("more"), live("broken", "2"))
            failed = await stage(
                runtime, seeded, 2, "bob", *meanwhile, claim=Claim.WHAT_IT_BROUGHT, artifact=WEB_2
            )
            rows = await stored(runtime, seeded.target.id)
            assert {key: points_at(row, failed) for key, row in rows.items()} == {
                "a": False,
                "more": False,
                "broken": True,
            }
            assert points_at(rows["a"], first)
            assert points_at(rows["more"], first)
            # The version that fails to be deployed again was there before.
            again = live("a").artifact
            await stage(runtime, seeded, 3, "eve", *meanwhile, claim=Claim.WHAT_IT_BROUGHT, artifact=again)
            rows = await stored(runtime, seeded.target.id)
            assert points_at(rows["a"], first)
            assert points_at(rows["broken"], failed)

    asyncio.run(scenario())


def test_between_executions_the_known_keep_their_stage_and_the_new_inherit(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url) as runtime:
            seeded = await seed(runtime)
            first = await stage(runtime, seeded, 1, "ann", live("a"), live("b"))
            before = await stored(runtime, seeded.target.id)
            await sync(runtime, seeded, live("a", health=InstanceHealth.UNHEALTHY), live("c"))
            rows = await stored(runtime, seeded.target.id)
            assert rows.keys() == {"a", "c"}
            assert rows["a"].id == before["a"].id
            assert rows["a"].health is InstanceHealth.UNHEALTHY
            assert rows["a"].seen_at > before["a"].seen_at
            assert all(points_at(row, first) for row in rows.values())

    asyncio.run(scenario())


def test_a_key_that_comes_back_is_a_new_instance(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url) as runtime:
            seeded = await seed(runtime)
            await stage(runtime, seeded, 1, "ann", live("a"))
            first = (await stored(runtime, seeded.target.id))["a"]
            await sync(runtime, seeded)
            assert await stored(runtime, seeded.target.id) == {}
            await sync(runtime, seeded, live("a"))
            again = (await stored(runtime, seeded.target.id))["a"]
            assert again.id != first.id
            assert (await stored(runtime, seeded.target.id, removed=True)).keys() == {"a"}

    asyncio.run(scenario())


def test_what_ran_before_unship_knew_the_target_has_no_execution(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url) as runtime:
            seeded = await seed(runtime)
            await sync(runtime, seeded, live("a"))
            row = (await stored(runtime, seeded.target.id))["a"]
            assert (row.stage_id, row.execution_id, row.deployed_at, row.deployed_by) == (None, None, None, None)

    asyncio.run(scenario())


def test_targets_do_not_touch_each_other(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url) as runtime:
            one, other = await seed(runtime, "one"), await seed(runtime, "other")
            await stage(runtime, one, 1, "ann", live("a"), live("b"))
            mark = await stage(runtime, other, 1, "bob", live("a"))
            await stage(runtime, one, 2, "ann")
            assert await stored(runtime, one.target.id) == {}
            rows = await stored(runtime, other.target.id)
            assert rows.keys() == {"a"}
            assert points_at(rows["a"], mark)

    asyncio.run(scenario())


def test_two_writers_at_once_leave_one_row_per_key(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url) as runtime:
            seeded = await seed(runtime)
            everything = [live(f"key-{number}") for number in range(700)]
            await asyncio.gather(*(sync(runtime, seeded, *everything) for _ in range(6)))
            assert len(await stored(runtime, seeded.target.id)) == 700
            await sync(runtime, seeded, live("key-0"))
            assert (await stored(runtime, seeded.target.id)).keys() == {"key-0"}
            assert len(await stored(runtime, seeded.target.id, removed=True)) == 699

    asyncio.run(scenario())
