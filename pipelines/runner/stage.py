"""Runs one stage: records the way back, runs its steps, proves the outcome, and closes its books."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.statuses import StageStatus, StepStatus
from db.tables import Stage
from pipelines import journal
from pipelines.closing import StageEnd, add_rollback_steps, close_stage, close_steps, stage_end
from pipelines.documents.failure import ActionType
from pipelines.expressions import ExpressionError, evaluate_condition
from pipelines.leftovers import left_behind
from pipelines.plan import PlannedStage
from pipelines.proving import Proof, prove
from pipelines.resolving import ResolvedStage, recording_scope, resolve
from pipelines.runner.capturing import WayBack
from pipelines.runner.results import End, Result, runs, worst
from pipelines.runner.steps import StepRunner
from pipelines.runner.work import Work, abort_requested
from pipelines.scope import base_words, stage_scope_words
from providers.registry import AnyProvider
from providers.sentences import sentences
from providers.tracing import TRACING


@dataclass(frozen=True)
class StageRunner:
    """Runs one stage of the plan; `failed` says whether an earlier stage did."""

    work: Work
    stage: PlannedStage

    async def run(self, *, failed: bool) -> Result:
        """Run it; `failed` as of the class."""
        known = {
            "unship.stage.identifier": self.stage.identifier,
            "unship.platform": None if self.stage.deployment_type is None else self.stage.deployment_type.value,
        }
        with TRACING.span("stage", facts=known) as span:
            result = await self._run(failed=failed)
            span.set("unship.result", result.end.value)
            return result

    async def _run(self, *, failed: bool) -> Result:
        begun = await self.work.transaction(
            f"begin stage {self.stage.identifier}", lambda session: self._begin(session, failed=failed)
        )
        if begun is not None:
            return Result.model_validate(begun)
        way_back = WayBack(self.work, self.stage) if self._deploys and not self.work.is_rollback else None
        if way_back is not None and (error := await way_back.record()) is not None:
            result = Result(end=End.FAILED, reason=error)
        else:
            result = await self._run_steps(way_back)
        return await (self._prove_and_end(result) if self._deploys else self._end(result))

    @property
    def _deploys(self) -> bool:
        """Whether a platform carries the stage: others run their generic steps and leave nothing to prove."""
        return self._provider is not None

    @property
    def _provider(self) -> AnyProvider | None:
        deployment_type = self.stage.deployment_type
        return None if deployment_type is None else self.work.runtime.registry.find(deployment_type)

    async def _begin(self, session: AsyncSession, *, failed: bool) -> dict[str, Any] | None:
        """Start the stage, or end it at once and say how."""
        if await abort_requested(session, self.work.execution_id):
            return await self._leave_out(session, StageStatus.ABANDONED, "The execution was aborted.", End.ABORTED)
        await journal.begin_execution(session, self.work.execution_id)
        if failed and self.work.is_rollback:
            return await self._leave_out(
                session, StageStatus.ABANDONED, "A stage before it could not be rolled back.", End.SKIPPED
            )
        if not self.work.is_rollback and not runs(self.stage.runs_after, failed):
            status = StageStatus.ABANDONED if failed else StageStatus.SKIPPED
            reason = f"Runs only after {self.stage.runs_after.value.lower()}."
            return await self._leave_out(session, status, reason, End.SKIPPED)
        try:
            if not await self._resolve_and_decide(session):
                return await self._leave_out(
                    session, StageStatus.SKIPPED, "Its condition does not hold.", End.SKIPPED
                )
        except ExpressionError as error:
            await self._leave_out(session, StageStatus.FAILED, str(error), End.FAILED)
            return Result(end=End.FAILED, reason=str(error)).as_json()
        await journal.move_stage(session, self.work.execution_id, self.stage.id, StageStatus.RUNNING)
        return None

    async def _resolve_and_decide(self, session: AsyncSession) -> bool:
        """Record what the stage resolves to, and tell whether its own condition holds."""
        if not self.work.is_rollback:
            stored = (
                await session.execute(sa.select(col(Stage.resolved)).where(col(Stage.id) == self.stage.id))
            ).scalar_one()
            definitions = ResolvedStage.model_validate(stored or {}).definitions
            base = await base_words(session, self.work.execution_id)
            late_words = self._provider.late_words if self._provider is not None else frozenset[str]()
            resolved = resolve(self.stage, definitions, base, late_words)
            artifact = resolved.release.artifact if resolved.release else None
            await session.execute(
                sa.update(Stage)
                .where(col(Stage.id) == self.stage.id)
                .values(resolved=resolved.as_json(), artifact=artifact.as_json() if artifact else None)
            )
        if self.stage.condition is None:
            return True
        words = await stage_scope_words(session, self.work.execution_id, self.stage.id)
        return evaluate_condition(self.stage.condition, recording_scope(words))

    async def _leave_out(
        self, session: AsyncSession, status: StageStatus, reason: str, end: End
    ) -> dict[str, JsonValue]:
        await journal.move_stage(session, self.work.execution_id, self.stage.id, status, reason, artifact=None)
        step_status = StepStatus.SKIPPED if status is StageStatus.SKIPPED else StepStatus.ABANDONED
        await close_steps(session, self.work.execution_id, self.stage.id, step_status)
        return Result(end=end, reason=reason).as_json()

    async def _run_steps(self, way_back: WayBack | None) -> Result:
        if self.work.is_rollback:
            return await StepRunner(self.work, self.stage, undoing=True).run_all()
        result = await StepRunner(self.work, self.stage, undoing=False, way_back=way_back).run_all()
        if result.action is not ActionType.STAGE_ROLLBACK or not self.stage.rollback_steps:
            return result

        async def add(session: AsyncSession) -> None:
            await add_rollback_steps(session, self.stage)

        await self.work.transaction(f"add rollback steps {self.stage.identifier}", add)
        undone = await StepRunner(self.work, self.stage, undoing=True).run_all()
        why = f": {undone.reason}" if undone.reason else ""
        how = f"could not be rolled back{why}" if undone.stops else "was rolled back"
        reason = sentences(result.reason, f"The stage {how}")
        return worst([Result(end=End.FAILED, reason=reason), undone.model_copy(update={"reason": reason})])

    async def _prove_and_end(self, result: Result) -> Result:
        """End the stage by what runs on the target now; after a rollback, that is compared with the snapshot."""
        if not result.stops:
            await self.work.transaction(f"verify {self.stage.identifier}", self._verify)
        compared = self.work.is_rollback and not result.stops

        async def end(session: AsyncSession, proof: Proof) -> None:
            await self._close(session, result, proof)

        await self.work.step(
            f"prove {self.stage.identifier}",
            lambda: prove(self.work.runtime, self.stage, compared=compared),
            end,
        )
        return result

    async def _verify(self, session: AsyncSession) -> None:
        await journal.move_stage(session, self.work.execution_id, self.stage.id, StageStatus.VERIFYING)
        # After the move, whose event has locked the execution: of two stages side by side the later one sees both.
        await journal.verify_execution(session, self.work.execution_id)

    async def _end(self, result: Result) -> Result:
        async def end(session: AsyncSession) -> None:
            await self._close(session, result, None)

        await self.work.transaction(f"end stage {self.stage.identifier}", end)
        return result

    async def _close(self, session: AsyncSession, result: Result, proof: Proof | None) -> None:
        steps = await close_steps(session, self.work.execution_id, self.stage.id, StepStatus.ABANDONED)
        status, reason = stage_end(self.work.plan, result, proof, steps)
        if result.stops and not self.work.is_rollback and proof is not None and self._provider is not None:
            left = await left_behind(session, self.stage.id, self._provider.step_types, proof)
            reason = sentences(reason, left) if left else reason
        await close_stage(
            session,
            StageEnd(
                execution_id=self.work.execution_id,
                stage=self.stage,
                status=status,
                reason=reason,
                live=proof.live if proof else None,
                triggered_by=self.work.triggered_by,
                has_begun=any(step.has_begun for step in steps),
            ),
        )
