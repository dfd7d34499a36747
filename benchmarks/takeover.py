"""How soon another server goes on after one has died or was stopped, and how soon it hears of what one does.

`python -m benchmarks.takeover [--runs 5] [--lease 20]`: two servers on one PostgreSQL, which is as in the tests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

import httpx2

from db.database import Database
from pipelines.bell import Bell
from pipelines.peers.peer import Peer
from tests.durability.fleets import Fleet, assert_rolled_back, begun, fleet, struck
from tests.durability.traps import trapped_world
from tests.support.postgres import postgres_server
from tests.support.shop import Shop
from tests.support.unship import Unship

_EVENTS = """
subscription ($id: ID!) { executionProgress(executionId: $id) { events { occurredAt } } }
"""
_FOLLOWED_PER_RUN = 4
_RINGS = 300


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="how often each figure is taken")
    parser.add_argument("--lease", type=float, default=20, help="UNSHIP_LEASE_SECONDS of the servers")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as scratch,
        postgres_server() as postgres,
        postgres.fresh_database() as url,
        trapped_world(tick=0.1) as world,
        fleet(world, url, Path(scratch), lease=options.lease) as servers,
    ):
        _report(servers, options.runs, options.lease)
        print(f"a ring, from one bell to another's listener: {_milliseconds(asyncio.run(_rung(url)))}")
    return 0


def _report(servers: Fleet, runs: int, lease: float) -> None:
    killed = [_handed_over(servers, f"killed_{run}", signal.SIGKILL, lease + 10) for run in range(runs)]
    print(f"lease {lease:g} s, {runs} runs, from the signal to the other server's first request at the platform")
    print(f"  SIGKILL: {_seconds(killed)}", flush=True)
    stopped = [_handed_over(servers, f"stopped_{run}", signal.SIGTERM, lease + 10) for run in range(runs)]
    print(f"  SIGTERM: {_seconds(stopped)}", flush=True)
    here, there = _followed(servers, runs * _FOLLOWED_PER_RUN)
    print(f"{len(there)} events, from the moment of the event to the client that reads it")
    print(f"  at the server that carries the execution: {_milliseconds(here)}")
    print(f"  at the other server: {_milliseconds(there)}", flush=True)


def _handed_over(servers: Fleet, name: str, sent: signal.Signals, within: float) -> float:
    """Seconds from the signal in the middle of a rollback to the first request of the server that goes on."""
    servers.start()
    first, second = servers.servers
    shop = Shop(name, servers.world)
    hit = struck(servers, shop, sent)
    went_on = servers.goes_on_elsewhere(hit.rollback, hit.former, within)
    servers.world.set(None)
    assert first.process is not None
    first.process.wait(timeout=30)
    second.finish(hit.rollback)
    assert_rolled_back(second, shop, hit.rollback)
    return went_on - hit.at


def _followed(servers: Fleet, runs: int) -> tuple[list[float], list[float]]:
    """Seconds from each event to its reader: at the first server, which carries the executions; at the second."""
    servers.start()
    here: list[float] = []
    there: list[float] = []
    shop = Shop("followed", servers.world)
    for _ in range(runs):
        rollback = begun(servers.servers[0], servers.deployed(shop))
        with ThreadPoolExecutor() as followers:
            found = [followers.submit(_delays, server, rollback) for server in servers.servers]
        here += found[0].result()
        there += found[1].result()
    return here, there


def _delays(server: Unship, execution: str) -> list[float]:
    """Of all events but those that were there before the stream."""
    began = time.time()
    delays: list[float] = []
    body = {"query": _EVENTS, "variables": {"id": execution}}
    with (
        httpx2.Client(timeout=60) as client,
        client.stream("POST", server.url, json=body, headers={"accept": "text/event-stream"}) as response,
    ):
        for line in response.iter_lines():
            if not line.startswith("data: {"):
                continue
            arrived = time.time()
            events = json.loads(line.removeprefix("data:"))["data"]["executionProgress"]["events"]
            happened = [datetime.fromisoformat(event["occurredAt"]).timestamp() for event in events]
            # The stream opens a little after its request is sent.
            delays += [arrived - moment for moment in happened if moment > began + 0.1]
    return delays


async def _rung(url: str) -> list[float]:
    """Seconds from a ring at one peer to the listener's next step at another one; all go through PostgreSQL."""
    database, bells = Database(url), (Bell(), Bell())
    delays: list[float] = []
    async with AsyncExitStack() as working:
        working.push_async_callback(database.close)
        with bells[1].listen("benchmark") as rung:
            for bell in bells:
                await working.enter_async_context(Peer(database, 20).working(bell))
            await rung.wait()
            for _ in range(_RINGS):
                rung.clear()
                began = time.perf_counter()
                bells[0].ring("benchmark")
                await rung.wait()
                delays.append(time.perf_counter() - began)
    return delays


def _seconds(figures: Sequence[float]) -> str:
    return f"median {statistics.median(figures):.2f} s, longest {max(figures):.2f} s"


def _milliseconds(figures: Sequence[float]) -> str:
    percent = statistics.quantiles(figures, n=100)
    return f"p50 {1000 * percent[49]:.1f} ms, p99 {1000 * percent[98]:.1f} ms"


if __name__ == "__main__":
    raise SystemExit(main())
