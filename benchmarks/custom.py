"""Servers with pipelines that ask no platform, on each database, for the benchmarks of the engine."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import sqlalchemy as sa
from sqlmodel import col

from db.database import Database
from db.statuses import FINISHED_EXECUTIONS
from db.tables import Execution
from tests.durability.crowds import RUN
from tests.support.postgres import postgres_server
from tests.support.unship import Unship, execute, serving

DATABASES = ("SQLite", "PostgreSQL")
UNDER_WAY = sa.select(sa.func.count()).where(col(Execution.status).not_in(FINISHED_EXECUTIONS))
_ACCEPTED: dict[str, Any] = {"userErrors": []}
_PATIENCE_SECONDS = 300


def wait(duration: str) -> dict[str, Any]:
    """A step that waits so long (`1h`, `1s`)."""
    return {"type": "Wait", "spec": {"duration": duration}}


def script(text: str) -> dict[str, Any]:
    """A step that runs this shell script."""
    return {"type": "ShellScript", "spec": {"shell": "Sh", "source": {"spec": {"script": text}}}}


@contextmanager
def serving_on(database: str) -> Generator[tuple[Unship, str]]:
    """A server on a fresh database, and its URL; there is no limit on rates."""
    with ExitStack() as end:
        directory = Path(end.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{directory / 'unship.db'}"
        if database == "PostgreSQL":
            url = end.enter_context(end.enter_context(postgres_server()).fresh_database())
        yield end.enter_context(serving(directory, execute, rate_per_second="0", database_url=url)), url


def pipeline(identifier: str, *steps: dict[str, Any]) -> str:
    """A pipeline of one stage with these steps, one after another."""
    numbered = [
        {"step": {"identifier": f"s{number}", "name": f"s{number}", **step}} for number, step in enumerate(steps)
    ]
    stage = {"identifier": "stage", "name": "stage", "type": "Custom", "spec": {"execution": {"steps": numbered}}}
    # JSON is YAML without anchors, which are refused.
    return json.dumps({"pipeline": {"identifier": identifier, "name": identifier, "stages": [{"stage": stage}]}})


def accepted(unship: Unship, identifier: str, number: int, connections: int) -> float:
    """Start so many executions of the pipeline over so many connections; the seconds until all are accepted."""
    body = {"query": RUN, "variables": {"input": {"pipelineIdentifier": identifier}}}
    return asyncio.run(_sent(unship, [body] * number, connections))


def answered(unship: Unship, number: int, connections: int) -> float:
    """Send the smallest query as often; the seconds until all are answered."""
    return asyncio.run(_sent(unship, [{"query": "{ __typename }"}] * number, connections))


async def _sent(unship: Unship, bodies: list[dict[str, Any]], connections: int) -> float:
    left = iter(bodies)
    async with aiohttp.ClientSession() as session:

        async def client() -> None:
            for body in left:
                async with session.post(unship.url, json=body) as response:
                    answer = await response.json()
                assert "errors" not in answer, answer
                assert answer["data"].get("runPipeline", _ACCEPTED)["userErrors"] == [], answer

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(connections)))
        return time.perf_counter() - began


def until_counted(url: str, question: sa.Select[int], wanted: int) -> None:
    """Ask the database until it answers so."""
    asyncio.run(_until_counted(url, question, wanted))


async def _until_counted(url: str, question: sa.Select[int], wanted: int) -> None:
    database = Database(url)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while await _counted(database, question) != wanted:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
    await database.close()


async def _counted(database: Database, question: sa.Select[int]) -> int:
    async with database.read() as connection:
        return int((await connection.execute(question)).scalar_one())


def resident(pid: int) -> float:
    """MiB of memory that the process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def processor_seconds(pid: int) -> float:
    """What the process has used of processors since its start."""
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
