"""Long lists take turns: so many rows in one turn of the event loop, and none while something is urgent."""

from __future__ import annotations

import asyncio
from typing import Any

from db.security.access import unrestricted
from schema.building import build
from schema.context import RequestContext
from schema.limits import Limits, Policy
from schema.pacing import Pace
from tests.schema.api import Api, run


async def _settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_so_many_rows_in_one_turn_of_the_loop_in_order() -> None:
    async def check() -> None:
        pace, done = Pace(rows=100), list[int]()

        async def listed(number: int) -> None:
            await pace.turn(60)
            done.append(number)

        tasks = [asyncio.create_task(listed(number)) for number in range(6)]
        seen: list[int] = []
        while len(done) < 6:
            await asyncio.sleep(0)
            seen.append(len(done))
        await asyncio.gather(*tasks)
        assert done == list(range(6))
        assert max(later - earlier for earlier, later in zip([0, *seen], seen, strict=False)) == 2

    for _ in range(2):  # each with a loop of its own
        asyncio.run(check())


def test_what_is_held_goes_on_afterwards_and_who_left_takes_no_turn() -> None:
    async def check() -> None:
        pace = Pace(rows=100)
        pace.hold()
        await pace.turn(1)  # the first look at this loop begins anew
        pace.hold()
        leaving, staying = (asyncio.create_task(pace.turn(1)) for _ in range(2))
        await _settled()
        assert not staying.done()
        leaving.cancel()
        pace.go()
        await asyncio.wait_for(staying, 5)

    asyncio.run(check())


def test_a_query_waits_for_its_next_list_and_a_mutation_does_not(history_url: str) -> None:
    schema = build(Policy(Limits(max_depth=9)))

    async def check(api: Api) -> None:
        async def ask(query: str) -> Any:
            return await schema.execute(query, {}, RequestContext(api.runtime, unrestricted("tester")))

        services = "{ services(first: 2) { nodes { name } } }"
        assert (await ask(services)).errors is None
        schema.pace.hold()
        waiting = asyncio.create_task(ask(services))
        mutation = 'mutation { abortExecution(input: {executionId: "none"}) { userErrors { code } } }'
        assert (await asyncio.wait_for(ask(mutation), 5)).data["abortExecution"]["userErrors"]
        assert not waiting.done()
        schema.pace.go()
        assert len((await waiting).data["services"]["nodes"]) == 2

    run(history_url, check)


def test_rows_beyond_the_estimate_are_cut_off(history_url: str) -> None:
    # Fewer than an operator may set.
    schema = build(Policy(Limits.model_construct(max_nodes=4)))
    many = (
        '{ environment(identifier: "environment0") { services { service { environments { rollbackStatus } } } } }'
    )

    async def check(api: Api) -> None:
        found = await schema.execute(
            "{ services(first: 4) { nodes { name } } }", {}, RequestContext(api.runtime, unrestricted("x"))
        )
        assert found.errors is None
        # The estimate is made to fit, the truth is six services with three environments each.
        schema.documents.policy = Policy(Limits(max_nodes=10_000))
        answer = await schema.execute(many, {}, RequestContext(api.runtime, unrestricted("tester")))
        assert {(error.extensions or {})["code"] for error in answer.errors or []} == {"TOO_MANY_NODES"}

    run(history_url, check)
