"""Runs an execution: its blocks of stages in order, and closes it whatever happened."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from pipelines import journal
from pipelines.durable import Branch
from pipelines.ending import end_execution
from pipelines.plan import PlannedStage
from pipelines.runner.results import End, Result, worst
from pipelines.runner.stage import StageRunner
from pipelines.runner.steps import StepRunner
from pipelines.runner.work import Work

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExecutionRunner:
    """Runs one execution; the same for deployments and rollbacks."""

    work: Work

    async def run(self) -> None:
        try:
            await self._run_blocks()
        except Exception as error:
            if self.work.durable.is_interruption(error):
                raise
            logger.exception("execution %s failed unexpectedly", self.work.execution_id)
            await self.work.transaction("end after a defect", lambda session: self._end(session, unexpected=True))
            return
        await self.work.transaction("end", lambda session: self._end(session, unexpected=False))

    async def run_stage(self, stage_id: str, *, failed: bool) -> Result:
        """One stage as a branch of a parallel block."""
        return await StageRunner(self.work, self.work.plan.stage(stage_id)).run(failed=failed)

    async def run_branch(self, stage_id: str, *, undoing: bool, path: tuple[int, ...], failed: bool) -> Result:
        """One node of a parallel block of steps."""
        runner = StepRunner(self.work, self.work.plan.stage(stage_id), undoing=undoing)
        return await runner.run_at(path, failed=failed)

    async def _run_blocks(self) -> None:
        failed = False
        for block in self.work.plan.blocks():
            result = await self._run_block(block, failed=failed)
            failed = failed or result.end is End.FAILED

    async def _run_block(self, block: tuple[PlannedStage, ...], *, failed: bool) -> Result:
        if len(block) == 1:
            return await StageRunner(self.work, block[0]).run(failed=failed)
        ends = await self.work.durable.branches(
            [Branch("stage", stage.id, (self.work.execution_id, stage.id, failed)) for stage in block]
        )
        return worst(Result.model_validate(end) for end in ends)

    async def _end(self, session: AsyncSession, *, unexpected: bool) -> None:
        await journal.begin_execution(session, self.work.execution_id)
        await end_execution(session, self.work.execution_id, self.work.plan, unexpected=unexpected)
