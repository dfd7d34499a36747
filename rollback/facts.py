"""What the records say about a deployment that somebody wants to undo. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from db.statuses import ACTIVE_EXECUTIONS, UNDO_CLAIMED, ExecutionKind, ExecutionStatus, StageStatus
from pipelines.documents.service import Service
from pipelines.plan import PlannedStage
from pipelines.resolving import ResolvedStage
from pipelines.roots import Words
from providers.values import Artifact, DeploymentType

DONE = (ExecutionStatus.SUCCEEDED, ExecutionStatus.SUCCEEDED_WITH_IGNORED_FAILURES)


@dataclass(frozen=True)
class ExecutionMark:
    """An execution named in a reason."""

    execution_id: str
    kind: ExecutionKind
    sequence_id: int
    pipeline: str
    status: ExecutionStatus

    def __str__(self) -> str:
        return f"{self.kind.lower()} #{self.sequence_id} of pipeline {self.pipeline}"


@dataclass(frozen=True)
class Undo:
    """A stage of a rollback that undoes, or tried to undo, a stage."""

    rollback: ExecutionMark
    status: StageStatus


@dataclass(frozen=True)
class StageFacts:
    """One stage of the deployment: its plan, what it recorded, and what else concerns its target.

    `newer` is a more recent successful deployment of the target, which may have been undone there since; `holder`
    the execution that holds it now.
    """

    planned: PlannedStage
    ordinal: int
    status: StageStatus
    service_id: str | None
    environment_id: str | None
    infrastructure_id: str | None
    artifact: Artifact | None
    resolved: dict[str, Any]
    snapshot: dict[str, Any] | None
    left_groups: list[dict[str, Any]] | None
    newer: ExecutionMark | None = None
    newer_undone: bool = False
    holder: ExecutionMark | None = None
    holder_message: str | None = None
    undos: tuple[Undo, ...] = ()

    @property
    def id(self) -> str:
        return self.planned.id

    @property
    def deployment_type(self) -> DeploymentType | None:
        return self.planned.deployment_type

    @property
    def type_word(self) -> str:
        """The deployment type as the service's YAML spelt it, which may be one that nothing here knows."""
        definitions = ResolvedStage.model_validate(self.resolved).definitions
        if definitions is None:
            return str(self.deployment_type)
        return Service.model_validate(definitions.service).deployment_type

    @property
    def ran(self) -> bool:
        """Whether the stage changed something: stages that never ran are left out of a rollback."""
        return self.status in (StageStatus.SUCCEEDED, StageStatus.SUCCEEDED_WITH_IGNORED_FAILURES)

    @property
    def instances_before(self) -> int:
        """How many instances there were just before the deployment."""
        return _instances((self.snapshot or {}).get("groups"))

    @property
    def instances_after(self) -> int:
        """How many there were when it had ended."""
        return _instances(self.left_groups)

    @property
    def previous_artifact(self) -> Artifact | None:
        stored = (self.snapshot or {}).get("artifact")
        return Artifact.model_validate(stored) if stored else None


def undo_counts(undo: Undo) -> bool:
    """Whether this try used up the one rollback of its stage: it succeeded, as a whole."""
    return undo.status in UNDO_CLAIMED and undo.rollback.status in DONE


def undone_before(stage: StageFacts) -> Undo | None:
    """The earlier, failed or aborted rollback that had already undone this stage: it is not undone twice."""
    return next(
        (
            undo
            for undo in stage.undos
            if undo.status in UNDO_CLAIMED and undo.rollback.status not in (*DONE, *ACTIVE_EXECUTIONS)
        ),
        None,
    )


def _instances(groups: list[dict[str, Any]] | None) -> int:
    return sum(int(group["count"]) for group in groups or ())


@dataclass(frozen=True)
class DeploymentFacts:
    """The execution that somebody wants to undo, with its deployment stages in scope, in executed order.

    `words` are what its expressions can read, by stage id.
    """

    mark: ExecutionMark
    pipeline_id: str
    yaml: str
    recorded: dict[str, Any]
    finished_at: datetime | None
    stages: tuple[StageFacts, ...]
    words: dict[str, Words] = field(default_factory=dict[str, Words])
