"""How long a rollback takes to be accepted while 20 clients send the worst queries that are let in.

`python -m benchmarks.hammering [--shops 5]`: a filled database, a real server, a process of their own for the
clients, one kind of query after the other. Ends with 1 where a rollback took longer than the bar.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from multiprocessing.synchronize import Event
from pathlib import Path

import aiohttp

from benchmarks.latency import CONNECTORS, TICK
from benchmarks.seed import fill
from benchmarks.sizes import Size
from sandbox.kubernetes import KubernetesWorld
from tests.support.shop import NEW, OLD, Shop
from tests.support.unship import Unship, execute, serving

_BAR_SECONDS = 1.0
_CLIENTS, _CLICKS = 20, 5
_INSTANCE = (
    "id key health deployedAt deployedBy rollbackStatus artifact { displayName image tag digest revision } "
    "service { id name } environment { id name type } infrastructure { id name }"
)
_SERVICE = "service { id name environments { instanceCount lastDeployedAt rollbackStatus environment { name } } }"

QUERIES: dict[str, str] = {
    "nothing": "",
    "100 services x 100 instances": (
        f"services(first: 100) {{ nodes {{ instances(first: 100) {{ nodes {{ {_INSTANCE} }} }} }} }}"
    ),
    "environments of services, again": (
        "services(first: 80) { nodes { environments { environment { name } service { environments { environment "
        "{ name } service { environments { instanceCount rollbackStatus } } } } } } }"
    ),
    "services of environments of services": (
        "services(first: 4) { nodes { environments { environment { services { service { name } instanceCount "
        "rollbackStatus artifacts { instanceCount } } } } } }"
    ),
    "100 executions, all of them": "executions(first: 100) { nodes { id yaml statusReason stages { name status "
    "artifact { displayName } steps { name status outputs } } rollbackEligibility { verdict reasons "
    "{ code message remedy } } events(first: 40) { nodes { sequence occurredAt } } } }",
    "the schema": "__schema { types { name description fields { name description args { name description "
    "type { name kind ofType { name kind } } } type { name kind ofType { name kind } } } } }",
    "documents never seen before": "viewer { subject } " * 40 + "a$n: __typename",
    "documents that are refused": "viewer { subject } " * 40 + "a$n",
}


@dataclass(frozen=True)
class Measured:
    """Seconds that rollbacks took to be accepted, and what the clients got meanwhile, by HTTP status."""

    taken: list[float]
    answers: Counter[int]


def _hammer(url: str, query: str, stop: Event, answers: multiprocessing.Queue[Counter[int]]) -> None:
    """What one process does: says when the first answer has come, and at the end how many of which."""
    counted: Counter[int] = Counter()
    numbers = count()

    async def ask(session: aiohttp.ClientSession) -> None:
        while not stop.is_set():
            body = {"query": f"{{ {query.replace('$n', str(next(numbers)))} }}"}
            async with session.post(url, json=body) as response:
                await response.read()
            if not counted:
                answers.put(Counter())
            counted[response.status] += 1

    async def everybody() -> None:
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(ask(session) for _ in range(_CLIENTS)))

    asyncio.run(everybody())
    answers.put(counted)


@contextmanager
def _hammered(url: str, query: str) -> Generator[Counter[int]]:
    """Clients that go on as long as the block does, and what they got."""
    got: Counter[int] = Counter()
    if not query:
        yield got
        return
    context = multiprocessing.get_context("spawn")
    stop, answers = context.Event(), context.Queue()
    clients = context.Process(target=_hammer, args=(url, query, stop, answers))
    clients.start()
    answers.get()  # the first answer has come
    try:
        yield got
    finally:
        stop.set()
        got.update(answers.get())
        clients.join()


def _accepted(unship: Unship, shops: list[Shop], query: str) -> Measured:
    """Roll a fresh deployment of every shop back; each click is repeated, as impatient people do."""
    deployments = [unship.run(shop.name, tag=NEW) for shop in shops]
    assert {unship.finish(one) for one in deployments} == {"SUCCEEDED"}
    taken: list[float] = []
    rollbacks: list[str] = []
    with _hammered(unship.url, query) as answers:
        for deployment in deployments:
            for _ in range(_CLICKS):
                began = time.perf_counter()
                payload = unship.roll_back(target={"executionId": deployment}, idempotencyKey=deployment)
                taken.append(time.perf_counter() - began)
                assert payload["userErrors"] == [], payload
                rollbacks.append(payload["execution"]["id"])
    assert {unship.finish(one) for one in set(rollbacks)} == {"SUCCEEDED"}
    return Measured(taken, answers)


def _report(unship: Unship, world: KubernetesWorld, shops: int, names: list[str]) -> float:
    """Print a line per query; the slowest rollback."""
    made = [Shop(f"shop{number}", world) for number in range(shops)]
    for shop in made:
        documents = shop.documents()
        documents[-1]["pipeline"]["stages"].pop(0)
        assert unship.apply(shop.yaml(documents)) == []
        unship.deploy(shop.name, tag=OLD)
    slowest = 0.0
    print(f"{'20 clients ask for':38} {'median':>9} {'p99':>10} {'answers to them, by status'}")
    for name in names:
        found = _accepted(unship, made, QUERIES[name])
        p99 = statistics.quantiles(found.taken, n=100, method="inclusive")[98]
        slowest = max(slowest, p99)
        print(
            f"{name:38} {statistics.median(found.taken) * 1000:6.0f} ms {p99 * 1000:7.0f} ms "
            f"{dict(found.answers)}",
            flush=True,
        )
    return slowest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", type=int, default=5, help="how many deployments are rolled back each time")
    parser.add_argument("--query", action="append", choices=QUERIES, help="only this one")
    options = parser.parse_args()
    shops: int = options.shops
    with tempfile.TemporaryDirectory() as scratch, KubernetesWorld.start(port=0, tick=TICK) as world:
        directory = Path(scratch)
        world.write_kubeconfig(directory / "kubeconfig")
        (directory / "connectors.yaml").write_text(CONNECTORS)
        url = f"sqlite:///{directory / 'hammering.db'}"
        asyncio.run(fill(url, Size(services=200, executions_per_service=10)))
        settings = {"connectors": str(directory / "connectors.yaml"), "rate_per_second": "0", "database_url": url}
        print(
            f"{shops} rollbacks, {_CLICKS} clicks each, load average {os.getloadavg()[0]:.1f}, no limit of rates\n"
        )
        with serving(directory, execute, **settings) as unship:
            slowest = _report(unship, world, shops, options.query or list(QUERIES))
    print(f"\nslowest p99: {slowest * 1000:.0f} ms, bar {_BAR_SECONDS * 1000:.0f} ms")
    return 1 if slowest >= _BAR_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
