"""Median time of a page of each list through the schema: `python -m benchmarks.lists sqlite:////tmp/big.db`.

Without a database it fills one first: 1,000 services, 10 environments, 20,000 executions, 200,000 instances.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time

import orjson
import uvloop
from strawberry import Schema

from benchmarks.seed import fill
from benchmarks.sizes import Size
from db.database import Database
from pipelines.runtime import Rules, Runtime
from providers.connectors import Connectors
from providers.registry import Registry
from schema.building import build
from schema.context import RequestContext

_BAR_MS = 100.0
_PAGE = "pageInfo { hasNextPage hasPreviousPage endCursor }"
_INSTANCE = (
    "id key health deployedAt deployedBy rollbackStatus artifact { displayName image tag } "
    "service { name } environment { name } infrastructure { name }"
)
_EXECUTION = "id kind status sequenceId triggeredBy createdAt finishedAt rollbackStatus pipeline { name }"

QUERIES: dict[str, str] = {
    "services": f"services(first: 100) {{ nodes {{ id identifier name tags deploymentType }} {_PAGE} }}",
    "services, searched, tagged": 'services(first: 100, filter: {search: "vice 00", tags: {tier: "1"}}) '
    f"{{ nodes {{ id name }} {_PAGE} }}",
    "services, last deployed first": "services(first: 100, orderBy: {field: LAST_DEPLOYED_AT, direction: DESC}) "
    f"{{ nodes {{ id name }} {_PAGE} }}",
    "services, counted": "services(first: 100) { nodes { id instanceCount } totalCount }",
    "dashboard: 50 services": "services(first: 50) { nodes { name environments { environment { name } "
    "instanceCount lastDeployedAt rollbackStatus } } }",
    "dashboard: 10 services, artifacts": "services(first: 10) { nodes { name environments { environment { name } "
    "artifacts { instanceCount artifact { displayName } } lastExecution { id status } } } }",
    "environments": f"environments(first: 100) {{ nodes {{ id name type groups {{ name }} }} {_PAGE} }}",
    "environment groups": f"environmentGroups {{ nodes {{ id name environments {{ name }} }} {_PAGE} }}",
    "pipelines": f"pipelines {{ nodes {{ id name }} {_PAGE} }}",
    "instances": f"instances(first: 100) {{ nodes {{ {_INSTANCE} }} {_PAGE} }}",
    "instances, last": f"instances(last: 100) {{ nodes {{ {_INSTANCE} }} {_PAGE} }}",
    "instances, counted": "instances(first: 100) { nodes { id } totalCount }",
    "instances of a service": 'instances(first: 100, filter: {serviceIdentifier: "service500"}) '
    f"{{ nodes {{ {_INSTANCE} }} {_PAGE} }}",
    "instances of an environment": 'instances(first: 100, filter: {environmentIdentifier: "environment5"}) '
    f"{{ nodes {{ {_INSTANCE} }} {_PAGE} }}",
    "instances of an infrastructure": "instances(first: 100, "
    'filter: {infrastructureIdentifier: "infrastructure9"}) '
    f"{{ nodes {{ {_INSTANCE} }} {_PAGE} }}",
    "instances of an artifact": 'instances(first: 100, filter: {artifact: "web:old"}) '
    f"{{ nodes {{ {_INSTANCE} }} {_PAGE} }}",
    "instances of no artifact": 'instances(first: 100, filter: {artifact: "nothing"}) { nodes { id } }',
    "instances rolled back": "instances(first: 100, filter: {rollbackStatus: SUCCESS}) "
    f"{{ nodes {{ {_INSTANCE} }} }}",
    "instances with failed rollback": "instances(first: 100, filter: {rollbackStatus: FAILURE}) { nodes { id } }",
    "10 services x 100 instances": "services(first: 10) { nodes { instances(first: 100) "
    "{ nodes { id key health artifact { tag } } } } }",
    "10 environments x 100 instances": "environments(first: 10) { nodes { instances(first: 100) "
    "{ nodes { id key health artifact { tag } } } } }",
    "executions": f"executions(first: 100) {{ nodes {{ {_EXECUTION} }} {_PAGE} }}",
    "executions, counted": "executions(first: 100) { nodes { id } totalCount }",
    "executions of a service": 'executions(first: 100, filter: {serviceIdentifier: "service500"}) '
    f"{{ nodes {{ {_EXECUTION} }} {_PAGE} }}",
    "executions of an environment": 'executions(first: 100, filter: {environmentIdentifier: "environment5"}) '
    f"{{ nodes {{ {_EXECUTION} }} {_PAGE} }}",
    "failed executions": "executions(first: 100, filter: {status: FAILED}) "
    f"{{ nodes {{ {_EXECUTION} }} {_PAGE} }}",
    "failed rollbacks in an environment": "executions(first: 100, filter: {kind: ROLLBACK, status: FAILED, "
    f'environmentIdentifier: "environment5"}}) {{ nodes {{ {_EXECUTION} }} {_PAGE} }}',
    "executions with stages and steps": "executions(first: 50) { nodes { id stages { name status "
    "environment { name } steps { name status } } } }",
    "executions of 50 pipelines": "pipelines(first: 50) { nodes { executions(first: 20) "
    "{ nodes { id status } } } }",
    "events of 50 executions": "executions(first: 50) { nodes { events(first: 100) "
    "{ nodes { sequence occurredAt } } } }",
}


async def _median_ms(schema: Schema, runtime: Runtime, query: str, rounds: int) -> tuple[float, float]:
    times: list[float] = []
    busy: list[float] = []
    for _ in range(rounds + 1):
        began, worked = time.perf_counter(), time.process_time()
        result = await schema.execute(query, context_value=RequestContext(runtime, "benchmark"))
        if result.errors:
            raise RuntimeError(f"{query}: {result.errors[0].message}")
        orjson.dumps(result.data)
        times.append((time.perf_counter() - began) * 1000)
        busy.append((time.process_time() - worked) * 1000)
    return statistics.median(times[1:]), statistics.median(busy[1:])


async def measure(url: str, rounds: int) -> bool:
    """Print a line per list; whether every median is below the bar."""
    database, registry = Database(url), Registry(Connectors())
    runtime = Runtime(database, registry, Rules(), _leave)
    good = True
    print(f"{'a page of':38} {'median':>10} {'processor':>13}")
    try:
        for name, query in QUERIES.items():
            median, busy = await _median_ms(build(), runtime, f"{{ {query} }}", rounds)
            good = good and median < _BAR_MS
            print(f"{name:38} {median:7.1f} ms {busy:10.1f} ms{'' if median < _BAR_MS else '  over the bar'}")
    finally:
        await registry.close()
        await database.close()
    return good


async def _leave(execution_id: str) -> None:
    del execution_id


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", help="a database that benchmarks.seed has filled")
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    if chosen.url is not None:
        return 0 if uvloop.run(measure(chosen.url, chosen.rounds)) else 1
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/lists.db"
        asyncio.run(fill(url, Size()))
        return 0 if uvloop.run(measure(url, chosen.rounds)) else 1


if __name__ == "__main__":
    sys.exit(main())
