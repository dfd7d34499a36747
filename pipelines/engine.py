"""The durable engine: dbos carries every execution. Only this module and `engine_database` know it.

The application database holds the truth, and the records of what each execution has done; the engine's own
database knows which are under way. A workflow's id is its execution's id, so handing it over twice is harmless.
Which process carries which is not dbos' to say, but the carrier's (`pipelines/carrying.py`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from db.columns import now
from db.database import Database
from db.exclusive import only_process
from pipelines.bell import Bell
from pipelines.carrying import Carrier, carrier_of
from pipelines.checkpoints import forget
from pipelines.engine_database import APPLICATION, KEPT, UNDER_WAY, engine_connections, engine_url
from pipelines.instances import keep_synced
from pipelines.keeping import kept_going
from pipelines.reconciling import settled_before, unfinished
from pipelines.retention import keep_retired
from pipelines.runner.execution import run_execution
from pipelines.runtime import Rules, Runtime
from providers.registry import Registry

logger = logging.getLogger(__name__)

Workflow = Callable[[str], Coroutine[Any, Any, None]]

# Recovery works only between processes of one version, so this changes only when what a workflow is changes.
_APPLICATION_VERSION = "1"
_MAX_EXECUTOR_THREADS = 24
# The engine sleeps that long between looks for notifications, which we never send: a stop waits for it to wake.
_MOST_STOP_SECONDS = 0.1
_TIDY_SECONDS = 10.0
# Several looks in a row that failed, or one that hangs.
_SILENT_SECONDS = 60.0
# How long the engine's own recovery may take after a start; it finds what a process of the same id left.
_RECOVERY_SECONDS = 30.0
_FORGET_AT_ONCE = 100
# What an outage interrupts in it, the engine repeats after pauses that grow to 90 seconds; nobody waits for that.
_ANSWER_SECONDS = 5.0


@dataclass
class _Engine:
    """The workflows of this process, by the ids of their executions."""

    carrier: Carrier
    run: Workflow | None = None
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, asyncio.Task[None]])
    starting: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    started: datetime = field(default_factory=now)
    since: float = field(default_factory=time.monotonic)
    looked: float = field(default_factory=time.monotonic)

    def register(self, run: Workflow) -> None:
        """Make `run` the workflow; must happen before the launch, for recovery to find it."""

        async def execution(execution_id: str) -> None:
            task = asyncio.current_task()
            if task is None or execution_id in self.tasks:
                return
            self.tasks[execution_id] = task
            try:
                await run(execution_id)
            finally:
                self.tasks.pop(execution_id, None)

        self.run = DBOS.workflow(name="execution", max_recovery_attempts=None)(execution)

    async def enqueue(self, execution_id: str) -> None:
        """Hand over an execution that is accepted; where that fails or takes long, it is done later.

        By `_keep_reconciled`, or by the engine itself, whichever comes first: the other one finds it done.
        """
        starting = asyncio.create_task(self._start(execution_id))
        self.starting.add(starting)
        starting.add_done_callback(self.starting.discard)
        await asyncio.wait({starting}, timeout=_ANSWER_SECONDS)

    async def _start(self, execution_id: str) -> None:
        assert self.run is not None
        try:
            with SetWorkflowID(execution_id):
                await DBOS.start_workflow_async(self.run, execution_id)
        except Exception:
            logger.exception("execution %s is accepted, and handed to the engine later", execution_id)

    async def lost(self, execution_ids: Sequence[str]) -> list[str]:
        """Those of the active executions that nothing carries; what the engine still knows of them is deleted."""
        idle = [execution_id for execution_id in execution_ids if execution_id not in self.tasks]
        if not idle:
            return []
        known = await DBOS.list_workflows_async(workflow_ids=idle, load_input=False, load_output=False)
        recovers = self.carrier.executor_id is None
        recovering = recovers and time.monotonic() - self.since < _RECOVERY_SECONDS
        coming = {one.workflow_id for one in known if recovering and one.status in UNDER_WAY}
        lost = [one for one in idle if one not in coming and one not in self.tasks]
        if dead := [one.workflow_id for one in known if one.workflow_id in lost]:
            await DBOS.delete_workflows_async(dead)
        return lost

    def complaint(self) -> str | None:
        """What is wrong where the engine has not been able to look after its executions for some time."""
        silent = time.monotonic() - self.looked
        return f"the engine has not answered for {silent:.0f} s" if silent > _SILENT_SECONDS else None

    def let_go(self, execution_ids: Collection[str]) -> list[asyncio.Task[None]]:
        """Stop their workflows where they are; who takes them up goes on from their last record."""
        tasks = [self.tasks[execution_id] for execution_id in execution_ids if execution_id in self.tasks]
        for task in tasks:
            task.cancel()
        return tasks


@asynccontextmanager
async def running(database_url: str, registry: Registry, rules: Rules) -> AsyncGenerator[Runtime]:
    """The application, running: database opened, interrupted executions taken up again.

    Raises DatabaseInUse where another process serves the same embedded database. The schema must be migrated.
    """
    database = Database(database_url)
    with only_process(database):
        try:
            carrier = carrier_of(database, rules.lease_seconds)
            connections = engine_connections(database)
            DBOS(config=_config(database, connections, carrier.executor_id))
            engine, bell = _Engine(carrier), Bell()
            runtime = Runtime(
                database, registry, rules, engine.enqueue, bell, fence=carrier, complaint=engine.complaint
            )
            engine.register(lambda execution_id: run_execution(runtime, execution_id))
            DBOS.launch()
            try:
                async with carrier.working(bell), _carrying(runtime, engine):
                    yield runtime
            finally:
                await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
                connections.dispose()
        finally:
            await registry.close()
            await database.close()


@asynccontextmanager
async def _carrying(runtime: Runtime, engine: _Engine) -> AsyncGenerator[None]:
    keepers = [
        asyncio.create_task(_keep_reconciled(runtime, engine)),
        asyncio.create_task(_keep_tidy(runtime.database, engine)),
        asyncio.create_task(keep_synced(runtime, lambda: engine.carrier.leads)),
        asyncio.create_task(keep_retired(runtime, lambda: engine.carrier.leads)),
    ]
    try:
        yield
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        await asyncio.gather(*engine.let_go(tuple(engine.tasks)), return_exceptions=True)


async def _keep_reconciled(runtime: Runtime, engine: _Engine) -> None:
    """Carry what this process has to carry and does not: after a crash, here or elsewhere, or a defect."""
    while not runtime.leaving.is_set():
        with kept_going("accepted executions could not be compared with the engine's workflows"):
            duties = await engine.carrier.look(engine.tasks, settled_before(engine.started))
            engine.let_go(duties.superseded)
            for execution_id in await asyncio.wait_for(engine.lost(duties.own), _ANSWER_SECONDS):
                await engine.enqueue(execution_id)
            engine.looked = time.monotonic()
        await engine.carrier.rest()


async def _keep_tidy(database: Database, engine: _Engine) -> None:
    while True:
        with kept_going("the records of what has ended could not be deleted"):
            if engine.carrier.leads:
                await _forget_finished(database)
                await engine.carrier.forget()
        await asyncio.sleep(_TIDY_SECONDS)


async def _forget_finished(database: Database) -> None:
    """The events are the history; the engine's records of what has ended, however, only take up room."""
    cutoff = now() - KEPT
    await forget(database, finished_before=cutoff)
    kept = 0
    while True:
        old = await DBOS.list_workflows_async(
            end_time=cutoff.isoformat(),
            limit=_FORGET_AT_ONCE,
            offset=kept,
            load_input=False,
            load_output=False,
        )
        ids = [workflow.workflow_id for workflow in old]
        needed = await unfinished(database, ids, cutoff)
        if ended := [one for one in ids if one not in needed]:
            await DBOS.delete_workflows_async(ended)
        if len(ids) < _FORGET_AT_ONCE:
            return
        kept += len(needed)


def _config(database: Database, connections: sa.Engine, executor_id: str | None) -> DBOSConfig:
    config: DBOSConfig = {
        "name": APPLICATION,
        "application_version": _APPLICATION_VERSION,
        "max_executor_threads": _MAX_EXECUTOR_THREADS,
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "WARNING",
        "notification_listener_polling_interval_sec": _MOST_STOP_SECONDS,
        "system_database_url": engine_url(database).render_as_string(hide_password=False),
        "system_database_engine": connections,
    }
    if executor_id is not None:
        config["executor_id"] = executor_id
    return config
