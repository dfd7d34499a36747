"""Runs an execution: its blocks of stages in order, and closes it whatever happened."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from db.outages import is_outage, outlast
from pipelines import journal
from pipelines.checkpoints import END
from pipelines.ending import end_execution
from pipelines.plan import PlannedStage
from pipelines.runner.results import End, Result, worst
from pipelines.runner.stage import StageRunner
from pipelines.runner.work import Work
from pipelines.runtime import Runtime
from pipelines.telling import told
from pipelines.withdrawing import stop_if_forbidden
from providers.telemetry import CURRENT_EXECUTION

logger = logging.getLogger(__name__)


async def run_execution(runtime: Runtime, execution_id: str) -> None:
    """Run an execution from where its records end; the same for deployments and rollbacks.

    One that has ended is left alone: its records may be gone by now, and without them it would begin anew.
    """
    CURRENT_EXECUTION.set(execution_id)
    work = await outlast(lambda _again: Work.load(runtime, execution_id))
    if work is None:
        return
    await outlast(lambda _again: stop_if_forbidden(runtime, execution_id))
    await told(work, ExecutionRunner(work).run)


@dataclass(frozen=True)
class ExecutionRunner:
    """Runs one execution."""

    work: Work

    async def run(self) -> str:
        """Returns the status that it ended with."""
        try:
            await self._run_blocks()
        except Exception as error:
            if is_outage(error):
                raise
            logger.exception("execution %s failed unexpectedly", self.work.execution_id)
            # Apart from the records that may be what is wrong.
            return await self.work.branch("defect").transaction(
                END, lambda session: self._end(session, unexpected=True)
            )
        return await self.work.transaction(END, lambda session: self._end(session, unexpected=False))

    async def _run_blocks(self) -> None:
        failed = False
        for block in self.work.plan.blocks():
            result = await self._run_block(block, failed=failed)
            failed = failed or result.end is End.FAILED

    async def _run_block(self, block: tuple[PlannedStage, ...], *, failed: bool) -> Result:
        if len(block) == 1:
            return await StageRunner(self.work, block[0]).run(failed=failed)

        def member(stage: PlannedStage) -> Callable[[Work], Awaitable[Result]]:
            return lambda work: StageRunner(work, stage).run(failed=failed)

        return worst(await self.work.beside({stage.id: member(stage) for stage in block}))

    async def _end(self, session: AsyncSession, *, unexpected: bool) -> str:
        await journal.begin_execution(session, self.work.execution_id)
        return await end_execution(session, self.work.execution_id, self.work.plan, unexpected=unexpected)
