"""Verdicts, plans and previews of rollbacks."""

from datetime import datetime
from operator import attrgetter
from typing import ClassVar

import strawberry

from db.queries.approvals import approvals_by_id
from db.queries.executions import executions_by_id
from db.queries.freezes import freeze_windows_by_id
from db.queries.stages import stages_by_id
from providers.values import Change
from resolvers.loading import Relation
from resolvers.rollbacks import shown
from rollback.values import (
    Eligibility,
    PlannedStageView,
    PlannedStepView,
    Reason,
    ReasonCode,
    RollbackPlanView,
    Severity,
    Verdict,
)
from schema.context import Ctx
from schema.types import approval as approvals
from schema.types import execution as executions
from schema.types import freeze_window as freezes
from schema.types import stage as stages
from schema.types.artifact import Artifact
from schema.types.lazies import AFreezeWindow, AnApproval, AnExecution, AStage
from schema.warming import Relations, warm


@strawberry.type(description="One reason for or against a rollback.")
class RollbackReason:
    relations: ClassVar[Relations] = {
        "stage": Relation(stages_by_id, attrgetter("stage_id")),
        "execution": Relation(executions_by_id, attrgetter("execution_id")),
        "approval": Relation(approvals_by_id, attrgetter("approval_id")),
        "freeze_window": Relation(freeze_windows_by_id, attrgetter("freeze_window_id")),
    }
    row: strawberry.Private[Reason]
    code: ReasonCode = strawberry.field(description="Which reason it is.")
    severity: Severity = strawberry.field(description="Whether it forbids the rollback.")
    message: str = strawberry.field(description="The reason in words.")
    remedy: str | None = strawberry.field(description="What to do about it.")
    overridable: bool = strawberry.field(description="Whether the caller can set it aside by `overrides`.")

    @classmethod
    def of(cls, reason: Reason) -> "RollbackReason":
        return cls(
            row=reason,
            code=reason.code,
            severity=reason.severity,
            message=reason.message,
            remedy=reason.remedy,
            overridable=reason.overridable,
        )

    @strawberry.field(description="The stage of the original execution that it concerns; null if all of it.")
    def stage(self, info: Ctx) -> AStage | None:
        return info.context.loaders.optional(self.relations["stage"], self.row, stages.Stage.of)

    @strawberry.field(
        description="The other execution that it names: the rollback that runs or ran already, the one that holds "
        "the target, or the newer deployment; null where it names none."
    )
    def execution(self, info: Ctx) -> AnExecution | None:
        return info.context.loaders.optional(self.relations["execution"], self.row, executions.Execution.of)

    @strawberry.field(
        description="Of APPROVAL_REQUIRED: the request that is open, or was granted; null otherwise."
    )
    def approval(self, info: Ctx) -> AnApproval | None:
        relation = self.relations["approval"]
        return info.context.loaders.optional(relation, self.row, approvals.RollbackApproval.of)

    @strawberry.field(description="Of FROZEN: the window that holds; null otherwise.")
    def freeze_window(self, info: Ctx) -> AFreezeWindow | None:
        return info.context.loaders.optional(self.relations["freeze_window"], self.row, freezes.FreezeWindow.of)


@strawberry.type(description="Whether a rollback may begin, with every reason at once.")
class RollbackEligibility:
    value: strawberry.Private[Eligibility]
    verdict: Verdict = strawberry.field(description="The answer.")
    evaluated_at: datetime = strawberry.field(description="When it was judged; it may change at any time.")

    @classmethod
    def of(cls, value: Eligibility) -> "RollbackEligibility":
        return cls(value=value, verdict=value.verdict, evaluated_at=value.evaluated_at)

    @strawberry.field(description="Every reason for it.")
    async def reasons(self, info: Ctx) -> list[RollbackReason]:
        reasons = await shown(info.context.loaders, self.value.reasons)
        await warm(info, RollbackReason.relations, reasons)
        return [RollbackReason.of(reason) for reason in reasons]


@strawberry.type(description="A step of a planned rollback.")
class RollbackPlanStep:
    identifier: str = strawberry.field(description="Its name in YAML.")
    name: str = strawberry.field(description="What to show.")
    type: str = strawberry.field(description="What it does, as the YAML spells it.")
    will_run: bool = strawberry.field(description="Whether it will run.")
    skipped_reason: str | None = strawberry.field(description="Why it will not.")

    @classmethod
    def of(cls, value: PlannedStepView) -> "RollbackPlanStep":
        return cls(
            identifier=value.identifier,
            name=value.name,
            type=value.type,
            will_run=value.will_run,
            skipped_reason=value.skipped_reason,
        )


@strawberry.type(description="One difference that a rollback would make at a platform.")
class RollbackChange:
    resource: str = strawberry.field(description="What would change.")
    field: str = strawberry.field(description="Which part of it.")
    current: str | None = strawberry.field(description="How it is now; null where it is absent.")
    target: str | None = strawberry.field(description="How it would be; null where it would go.")

    @classmethod
    def of(cls, value: Change) -> "RollbackChange":
        return cls(resource=value.resource, field=value.field, current=value.current, target=value.target)


@strawberry.type(description="A stage of a planned rollback.")
class RollbackPlanStage:
    stage_id: strawberry.Private[str]
    position: int = strawberry.field(description="Its place in the order; stages that run together share it.")
    current_artifact: Artifact | None = strawberry.field(description="What the deployment left.")
    target_artifact: Artifact | None = strawberry.field(description="What will run again.")
    steps: list[RollbackPlanStep] = strawberry.field(description="Its rollback steps in order.")
    changes: list[RollbackChange] | None = strawberry.field(
        description="What would change at the platform; null where it could not be asked."
    )
    skipped_reason: str | None = strawberry.field(description="Why the stage will not run.")

    @classmethod
    def of(cls, value: PlannedStageView) -> "RollbackPlanStage":
        changes = value.changes
        return cls(
            stage_id=value.stage_id,
            position=value.position,
            current_artifact=Artifact.of_value(value.current_artifact),
            target_artifact=Artifact.of_value(value.target_artifact),
            steps=[RollbackPlanStep.of(step) for step in value.steps],
            changes=None if changes is None else [RollbackChange.of(change) for change in changes],
            skipped_reason=value.skipped_reason,
        )

    @strawberry.field(description="The stage of the original execution that it undoes.")
    async def stage(self, info: Ctx) -> AStage:
        row = await info.context.loaders.load_existing(stages_by_id, self.stage_id)
        return stages.Stage.of(row)


@strawberry.type(description="What a rollback would do; what is shown is what runs.")
class RollbackPlan:
    hash: str = strawberry.field(description="Over what it will do. Pass it as `planHash`.")
    eligibility: RollbackEligibility = strawberry.field(description="Whether it may begin.")
    stages: list[RollbackPlanStage] = strawberry.field(description="In the order in which they will run.")

    @classmethod
    def of(cls, value: RollbackPlanView) -> "RollbackPlan":
        return cls(
            hash=value.hash,
            eligibility=RollbackEligibility.of(value.eligibility),
            stages=[RollbackPlanStage.of(stage) for stage in value.stages],
        )
