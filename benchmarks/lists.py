"""Time of a page of each list, asked of a real server over HTTP: `python -m benchmarks.lists`.

Fills a database first (1,000 services, 10 environments, 20,000 executions, 200,000 instances), unless it is
given the URL of one that `benchmarks.seed` has filled: `python -m benchmarks.lists sqlite:////tmp/big.db`. `--p99`
judges by the slowest but one in a hundred requests, not by the median. Ends with 1 where one is over the bar.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.seed import fill
from benchmarks.sizes import Size
from tests.support.unship import Unship, execute, serving

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
    "instances of an artifact": 'instances(first: 100, filter: {artifact: "service500/web"}) '
    f"{{ nodes {{ {_INSTANCE} }} {_PAGE} }}",
    "instances of a common artifact": 'instances(first: 100, filter: {artifact: "registry"}) '
    f"{{ nodes {{ {_INSTANCE} }} {_PAGE} }}",
    "instances of no artifact": 'instances(first: 100, filter: {artifact: "nothing"}) { nodes { id } }',
    "instances rolled back": "instances(first: 100, filter: {rollbackStatus: SUCCESS}) "
    f"{{ nodes {{ {_INSTANCE} }} }}",
    "instances with failed rollback": "instances(first: 100, filter: {rollbackStatus: FAILURE}) { nodes { id } }",
    "instances not rolled back": "instances(first: 100, filter: {rollbackStatus: NOT_STARTED}) "
    f"{{ nodes {{ {_INSTANCE} }} }}",
    "instances without rollback": "instances(first: 100, filter: {rollbackStatus: UNAVAILABLE}) { nodes { id } }",
    "instances by all filters": 'instances(first: 100, filter: {serviceIdentifier: "service500", '
    'environmentIdentifier: "environment5", artifact: "new", rollbackStatus: NOT_STARTED}) { nodes { id } }',
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


@dataclass(frozen=True)
class Measured:
    """Milliseconds from sending a request to having its whole answer, and the answer's size in bytes."""

    median: float
    p99: float
    size: int


def _measure(unship: Unship, query: str, rounds: int) -> Measured:
    times: list[float] = []
    size = 0
    for _ in range(rounds + 1):
        began = time.perf_counter()
        response = unship.client.post(unship.url, json={"query": f"{{ {query} }}"})
        times.append((time.perf_counter() - began) * 1000)
        answer = response.json()
        if "errors" in answer:
            raise RuntimeError(f"{query}: {answer['errors'][0]['message']}")
        size = len(response.content)
    ordered = sorted(times[1:])
    return Measured(statistics.median(ordered), ordered[int(0.99 * (len(ordered) - 1))], size)


def _report(url: str, directory: Path, rounds: int, *, p99: bool) -> list[str]:
    """Print a line per list; the lists that miss the bar."""
    missed: list[str] = []
    print(f"{rounds} requests each, one connection, load average {os.getloadavg()[0]:.1f}, bar {_BAR_MS:.0f} ms\n")
    print(f"{'a page of':38} {'median':>10} {'p99':>10} {'answer':>11}")
    with serving(directory, execute, database_url=url) as unship:
        for name, query in QUERIES.items():
            found = _measure(unship, query, rounds)
            over = (found.p99 if p99 else found.median) >= _BAR_MS
            missed += [name] if over else []
            print(
                f"{name:38} {found.median:7.1f} ms {found.p99:7.1f} ms {found.size / 1024:7.1f} KiB"
                f"{'  over the bar' if over else ''}",
                flush=True,
            )
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", help="of a database that benchmarks.seed has filled")
    parser.add_argument("--p99", action="store_true", help="judge by the 99th percentile; with 100 rounds or more")
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        url: str = chosen.url or f"sqlite:///{directory / 'lists.db'}"
        if chosen.url is None:
            asyncio.run(fill(url, Size()))
        missed = _report(url, directory, chosen.rounds, p99=chosen.p99)
    print(f"\n{len(missed)} of {len(QUERIES)} over the bar{': ' if missed else ''}{', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
