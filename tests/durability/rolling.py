"""Rolling restarts of three servers on one PostgreSQL, under load and with an audience that is cut off at random.

`python -m tests.durability.rolling [--restarts 20] [--sockets 500] [--shops 8] [--seed S]`. Nothing that was
accepted may be lost, no effect may come twice, and each client must read every event once; else it ends with 1.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.durability.audience import Audience, Reading, over_a_socket, over_events
from tests.durability.fleets import Fleet, fleet
from tests.durability.traffic import Traffic
from tests.durability.traps import trapped_world
from tests.support.postgres import postgres_server
from tests.support.shop import OLD, Shop

_EXIT_SECONDS = 25
# One of so many clients reads Server-Sent Events, the others WebSockets.
_EVENTS_EACH = 5


@dataclass(frozen=True)
class Size:
    """How much of it all; an execution at least begins after each restart.

    `patience`: how long a client stays connected, in seconds on average.
    """

    restarts: int
    sockets: int
    shops: int
    seed: int
    patience: float = 1.5


@dataclass(frozen=True)
class Played:
    """What came of it. `journals`: the events that each execution has; `exits`: seconds from SIGTERM on."""

    traffic: Traffic
    readings: list[Reading]
    journals: dict[str, list[int]]
    exits: list[float]

    @property
    def wrong(self) -> list[str]:
        """The readings with a gap, a repetition or no end."""
        return [
            f"{reading}, of {self.journals[reading.execution]}"
            for reading in self.readings
            if reading.sequences != self.journals[reading.execution] or not reading.ended
        ]

    def __str__(self) -> str:
        events = sum(len(reading.sequences) for reading in self.readings)
        cuts, breaks, refusals = (
            sum(getattr(one, name) for one in self.readings) for name in ("cuts", "breaks", "refusals")
        )
        return (
            f"{len(self.exits)} restarts, SIGTERM to the end {max(self.exits):.1f} s at most\n"
            f"{len(self.traffic.accepted)} executions accepted and right, {self.traffic.applied} effects,"
            f" each once, {self.traffic.asked_again} mutations sent again\n"
            f"{len(self.readings)} readings of {events} events: {cuts} cut by the client, {breaks} by a server"
            f" that ended or was not there, {refusals} refused for the moment;"
            f" {len(self.wrong)} with a gap, a repetition or no end"
        )


def play(servers: Fleet, size: Size) -> Played:
    """Restart the running servers in turn, under load, and see that all is well; AssertionError otherwise."""
    shops = [Shop(f"rolling_{number}", servers.world) for number in range(size.shops)]
    for shop in shops:
        assert servers.servers[0].apply(shop.yaml()) == []
        servers.servers[0].deploy(shop.name, tag=OLD)
    return asyncio.run(_played(servers, size, shops))


async def _played(servers: Fleet, size: Size, shops: list[Shop]) -> Played:
    drawn = random.Random(size.seed)
    urls = [server.url for server in servers.servers]
    audience = Audience(urls, drawn, size.patience)
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as everybody:
        traffic = Traffic(urls, audience, servers.effects, drawn, session)
        for shop in shops:
            everybody.create_task(traffic.keep_going(shop))
        await traffic.started.wait()
        for number in range(size.sockets):
            everybody.create_task(_watch(traffic, number, len(shops)))
        exits: list[float] = []
        for number in range(size.restarts):
            traffic.started.clear()
            exits.append(await asyncio.to_thread(_restart, servers, number))
            await traffic.started.wait()
        traffic.enough.set()
    journals = {execution: _journal(servers, execution) for execution in traffic.accepted}
    assert servers.statuses() == {"SUCCEEDED": len(traffic.accepted) + len(shops)}
    for server in servers.servers:
        assert "Traceback" not in server.log, server.log
    return Played(traffic, audience.readings, journals, exits)


def _journal(servers: Fleet, execution: str) -> list[int]:
    """The numbers of the execution's events, which are 1 and on without a gap."""
    sequences = [event["sequence"] for event in servers.servers[0].events(execution)]
    assert sequences == list(range(1, len(sequences) + 1))
    return sequences


async def _watch(traffic: Traffic, number: int, shops: int) -> None:
    """One client: it reads one execution of those begun last, and then another one."""
    follow = over_a_socket if number % _EVENTS_EACH else over_events
    while not traffic.enough.is_set():
        await traffic.audience.read(traffic.random.choice(traffic.accepted[-shops:]), follow)


def _restart(servers: Fleet, number: int) -> float:
    """End one server in order and start it again; seconds from SIGTERM to its end."""
    server = servers.servers[number % len(servers.servers)]
    began = time.monotonic()
    assert server.kill(signal.SIGTERM) == 0, server.log
    took = time.monotonic() - began
    assert took < _EXIT_SECONDS
    server.start()
    return took


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.durability.rolling", description=__doc__)
    parser.add_argument("--restarts", type=int, default=20, help="of all servers together, in turn")
    parser.add_argument("--sockets", type=int, default=500, help="clients that follow what runs")
    parser.add_argument("--shops", type=int, default=8, help="how many executions run at the same time")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="decides all that is drawn")
    size = Size(**vars(parser.parse_args()))
    with (
        tempfile.TemporaryDirectory() as scratch,
        postgres_server() as postgres,
        postgres.fresh_database() as url,
        trapped_world(tick=0.1) as world,
        fleet(world, url, Path(scratch), "abc") as servers,
    ):
        played = play(servers, size)
    print(f"seed {size.seed}, {size.sockets} clients, {size.shops} shops\n{played}")
    print("\n".join(played.wrong[:20]))
    return 1 if played.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
