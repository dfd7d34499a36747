"""The durable engine: dbos carries every execution. The only module that knows it.

The application database holds the truth; the engine's own database remembers how far each workflow got. A
workflow's id is its execution's id, so that handing it over twice is harmless.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from dbos import (
    DBOS,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    SetWorkflowID,
    error,
)
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession

from db.columns import now
from db.database import Database, prepare_sqlite
from db.exclusive import only_process
from db.outages import is_outage, outlast
from pipelines.bell import Bell
from pipelines.checkpoints import Checkpoints, forget
from pipelines.durable import Branch
from pipelines.instances import keep_synced
from pipelines.reconciling import reconcile
from pipelines.runner.execution import ExecutionRunner
from pipelines.runner.work import Work
from pipelines.runtime import Rules, Runtime
from providers.registry import Registry

logger = logging.getLogger(__name__)

T = TypeVar("T")
Workflow = Callable[..., Coroutine[Any, Any, Any]]

# Recovery works only between processes of one version, so this changes only when the shape of the workflows does.
_APPLICATION_VERSION = "1"
_MAX_EXECUTOR_THREADS = 24
_RECONCILE_SECONDS = 10.0
_KEEP_DAYS = 7
_FORGET_AT_ONCE = 100
_SERIALIZER = DBOSPortableJSONSerializer()


@dataclass
class _Engine:
    """The workflows of this process."""

    database: Database
    workflows: dict[str, Workflow] = field(default_factory=dict[str, Workflow])
    tasks: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    def register(self, name: str, function: Workflow) -> None:
        """Make `function` a workflow of that name; must happen before the launch, for recovery to find it."""

        @wraps(function)
        async def tracked(*arguments: Any) -> Any:
            task = asyncio.current_task()
            if task is not None:
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
            return await function(*arguments)

        self.workflows[name] = DBOS.workflow(name=name, max_recovery_attempts=None)(tracked)

    async def enqueue(self, execution_id: str) -> None:
        with SetWorkflowID(execution_id):
            await DBOS.start_workflow_async(self.workflows["execution"], execution_id)

    async def stop(self) -> None:
        """Let go of the workflows where they are; the next process takes them up from their last record."""
        tasks = tuple(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)


@dataclass
class _Workflow:
    """The workflow that runs here and now, as the runner sees it (`pipelines.durable.Durable`)."""

    engine: _Engine
    checkpoints: Checkpoints

    async def transaction(self, name: str, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        return await self.checkpoints.transaction(name, work)

    async def step(
        self,
        name: str,
        act: Callable[[], Awaitable[T]],
        record: Callable[[AsyncSession, T], Awaitable[Any]],
    ) -> Any:
        return await self.checkpoints.step(name, act, record)

    async def sleep(self, seconds: float) -> None:
        await DBOS.sleep_async(seconds)

    async def branches(self, calls: Sequence[Branch]) -> list[Any]:
        handles: list[Any] = []
        for call in calls:
            with SetWorkflowID(f"{self.checkpoints.execution_id}:{call.key}"):
                workflow = self.engine.workflows[call.workflow]
                handles.append(await DBOS.start_workflow_async(workflow, *call.arguments))
        ends: list[Any] = []
        failures: list[Exception] = []
        # One after the other: the engine numbers what a workflow awaits by the order in which it does.
        for handle in handles:
            try:
                ends.append(await handle.get_result())
            except Exception as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
        return ends

    def is_interruption(self, raised: Exception) -> bool:
        return isinstance(raised, error.DBOSException) or is_outage(raised)


@asynccontextmanager
async def running(database_url: str, registry: Registry, rules: Rules) -> AsyncGenerator[Runtime]:
    """The application, running: database opened, interrupted executions taken up again.

    Raises DatabaseInUse where another process serves the same embedded database. The schema must be migrated.
    """
    database = Database(database_url)
    with only_process(database):
        try:
            DBOS(config=_config(database))
            engine = _Engine(database)
            runtime = Runtime(database, registry, rules, engine.enqueue, Bell())
            _register_workflows(engine, runtime)
            DBOS.launch()
            keepers = [asyncio.create_task(_keep_reconciled(runtime)), asyncio.create_task(keep_synced(runtime))]
            try:
                yield runtime
            finally:
                for keeper in keepers:
                    keeper.cancel()
                await asyncio.gather(*keepers, return_exceptions=True)
                await engine.stop()
        finally:
            await registry.close()
            await database.close()


def _register_workflows(engine: _Engine, runtime: Runtime) -> None:
    async def runner(execution_id: str) -> ExecutionRunner:
        workflow_id = DBOS.workflow_id or execution_id

        async def opened(_again: bool) -> Work:
            checkpoints = await Checkpoints.open(engine.database, execution_id, workflow_id)
            return await Work.load(runtime, _Workflow(engine, checkpoints), execution_id)

        return ExecutionRunner(await outlast(opened))

    async def execution(execution_id: str) -> None:
        await (await runner(execution_id)).run()

    async def stage(execution_id: str, stage_id: str, failed: bool) -> dict[str, Any]:
        result = await (await runner(execution_id)).run_stage(stage_id, failed=failed)
        return result.as_json()

    async def branch(*arguments: Any) -> dict[str, Any]:
        execution_id, stage_id, undoing, path, failed = arguments
        found = await runner(execution_id)
        result = await found.run_branch(stage_id, undoing=undoing, path=tuple(path), failed=failed)
        return result.as_json()

    for name, function in {"execution": execution, "stage": stage, "branch": branch}.items():
        engine.register(name, function)


async def _keep_reconciled(runtime: Runtime) -> None:
    while True:
        try:
            for execution_id in await reconcile(runtime.database, _lost_workflows):
                await runtime.enqueue(execution_id)
            await _forget_finished_workflows(runtime.database)
        except Exception:
            logger.exception("accepted executions could not be compared with the engine's workflows")
        await asyncio.sleep(_RECONCILE_SECONDS)


async def _forget_finished_workflows(database: Database) -> None:
    """The events are the history; the engine's records of what has ended only take up room."""
    cutoff = now() - timedelta(days=_KEEP_DAYS)
    await forget(database, finished_before=cutoff)
    finished = await DBOS.list_workflows_async(
        status="SUCCESS",
        completed_before=cutoff.isoformat(),
        limit=_FORGET_AT_ONCE,
        load_input=False,
        load_output=False,
    )
    if finished:
        await DBOS.delete_workflows_async([workflow.workflow_id for workflow in finished])


async def _lost_workflows(execution_ids: Sequence[str]) -> list[str]:
    """Those of the active executions that no workflow carries; broken workflows are resumed on the way."""
    known = await DBOS.list_workflows_async(workflow_ids=list(execution_ids), load_input=False, load_output=False)
    for status in known:
        if status.status in ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "CANCELLED"):
            await DBOS.resume_workflow_async(status.workflow_id)
    found = {status.workflow_id for status in known}
    return [execution_id for execution_id in execution_ids if execution_id not in found]


def _config(database: Database) -> DBOSConfig:
    config: DBOSConfig = {
        "name": "unship",
        "application_version": _APPLICATION_VERSION,
        "max_executor_threads": _MAX_EXECUTOR_THREADS,
        "serializer": _SERIALIZER,
        "log_level": "WARNING",
    }
    url = make_url(database.url)
    if not database.is_sqlite:
        config["system_database_url"] = url.set(drivername="postgresql").render_as_string(hide_password=False)
        return config
    path = f"{url.database}-engine"
    Path(path).touch(mode=0o600)
    engine_url = url.set(drivername="sqlite", database=path)
    engine = sa.create_engine(engine_url)
    event.listen(engine, "connect", prepare_sqlite)
    config["system_database_url"] = engine_url.render_as_string()
    config["system_database_engine"] = engine
    return config
