"""What is counted in this process, in the text format of Prometheus. Imports every floor that counts.

Loaded only where the operations port is open: counting itself needs no library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry
from sqlalchemy.exc import SQLAlchemyError

from db.columns import now
from db.database import Database
from db.queries.operation import UnderWay, executions_under_way
from db.statuses import ExecutionKind
from pipelines.idempotency import DUPLICATES
from pipelines.telling import DURATION, FINISHED, STARTED, TAKEN_UP
from providers.telemetry import COMMANDS, PLATFORM_REQUESTS, Spread, Tally
from resolvers.auditing import ATTEMPTS, REFUSALS
from server.counting import OPEN_SOCKETS, REQUESTS
from server.refused_credentials import REFUSED
from server.slow_readers import GIVEN_UP
from server.version import VERSION
from server.watched_service import OPEN_SUBSCRIPTIONS, OPERATIONS, SECONDS

TALLIES = (
    REQUESTS,
    OPERATIONS,
    ATTEMPTS,
    REFUSALS,
    STARTED,
    TAKEN_UP,
    FINISHED,
    PLATFORM_REQUESTS,
    COMMANDS,
    DUPLICATES,
    OPEN_SUBSCRIPTIONS,
    OPEN_SOCKETS,
    REFUSED,
    GIVEN_UP,
)
SPREADS = (SECONDS, DURATION)

_ASK_SECONDS = 2.0


MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4


async def exposition(database: Database | None) -> bytes:
    """Every metric, as text of MEDIA_TYPE."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Collected([*_counted(), *_asked(await _under_way(database))]))
    return generate_latest(registry)


class _Collected(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


async def _under_way(database: Database | None) -> Sequence[UnderWay] | None:
    """None where the database cannot be asked at this moment."""
    if database is None:
        return None
    try:
        async with asyncio.timeout(_ASK_SECONDS), database.read() as connection:
            return await executions_under_way(connection)
    except (SQLAlchemyError, OSError, TimeoutError):
        return None


def _counted() -> Iterable[Metric]:
    version = GaugeMetricFamily("unship_build_info", "The version that runs.", labels=("version",))
    version.add_metric((VERSION,), 1)
    yield version
    for tally in TALLIES:
        yield _tally(tally)
    for spread in SPREADS:
        yield _spread(spread)


def _tally(tally: Tally) -> Metric:
    make = CounterMetricFamily if tally.name.endswith("_total") else GaugeMetricFamily
    family = make(tally.name, tally.meaning, labels=tally.labels)
    for values, count in tally.counts.items() or ([((), 0)] if not tally.labels else []):
        family.add_metric(values, count)
    return family


def _spread(spread: Spread) -> Metric:
    family = HistogramMetricFamily(spread.name, spread.meaning, labels=spread.labels)
    bounds = [*map(str, map(float, spread.bounds)), "+Inf"]
    for values, measured in spread.measured.items():
        below, buckets = 0, list[tuple[str, float]]()
        for bound, count in zip(bounds, measured.counts, strict=True):
            below += count
            buckets.append((bound, below))
        family.add_metric(values, buckets, measured.total)
    return family


def _asked(under_way: Sequence[UnderWay] | None) -> Iterable[Metric]:
    """What the database knows; only whether it answers, where it does not."""
    reachable = GaugeMetricFamily("unship_database_reachable", "Whether the database answered just now.")
    reachable.add_metric((), float(under_way is not None))
    yield reachable
    if under_way is None:
        return
    active = GaugeMetricFamily("unship_executions_active", "Executions that have not ended.", labels=("kind",))
    age = GaugeMetricFamily(
        "unship_executions_oldest_seconds", "Age of the oldest of them; 0 without any.", labels=("kind",)
    )
    found = {one.kind: one for one in under_way}
    for kind in ExecutionKind:
        one = found.get(kind)
        active.add_metric((kind.value,), one.executions if one else 0)
        age.add_metric((kind.value,), (now() - one.oldest).total_seconds() if one else 0)
    yield from (active, age)
