"""The verdict and the plan as values: what resolvers get and the mutation re-checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from db.security.access import Standing
from pipelines.overriding import Override
from providers.values import Artifact, Change


class Verdict(StrEnum):
    ELIGIBLE = "ELIGIBLE"
    ELIGIBLE_WITH_WARNINGS = "ELIGIBLE_WITH_WARNINGS"
    INELIGIBLE = "INELIGIBLE"
    UNKNOWN = "UNKNOWN"


class Severity(StrEnum):
    BLOCKING = "BLOCKING"
    WARNING = "WARNING"


class ReasonCode(StrEnum):
    FEATURE_DISABLED = "FEATURE_DISABLED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    EXECUTION_NOT_SUCCESSFUL = "EXECUTION_NOT_SUCCESSFUL"
    NOT_A_DEPLOYMENT = "NOT_A_DEPLOYMENT"
    NOT_LATEST_DEPLOYMENT = "NOT_LATEST_DEPLOYMENT"
    DEPLOYMENT_TYPE_UNSUPPORTED = "DEPLOYMENT_TYPE_UNSUPPORTED"
    NO_ROLLBACK_STEPS = "NO_ROLLBACK_STEPS"
    ALREADY_ROLLED_BACK = "ALREADY_ROLLED_BACK"
    ROLLBACK_IN_PROGRESS = "ROLLBACK_IN_PROGRESS"
    NO_PREVIOUS_DEPLOYMENT = "NO_PREVIOUS_DEPLOYMENT"
    PREVIOUS_VERSION_UNAVAILABLE = "PREVIOUS_VERSION_UNAVAILABLE"
    TARGET_BUSY = "TARGET_BUSY"
    TOO_OLD = "TOO_OLD"
    FROZEN = "FROZEN"
    DRIFT_DETECTED = "DRIFT_DETECTED"
    EXPRESSION_UNRESOLVED = "EXPRESSION_UNRESOLVED"
    PROVIDER_UNREACHABLE = "PROVIDER_UNREACHABLE"
    APPROVAL_REQUIRED = "APPROVAL_REQUIRED"
    NOTHING_TO_CHANGE = "NOTHING_TO_CHANGE"


@dataclass(frozen=True)
class Reason:
    """One reason for or against a rollback.

    `stage_id` is the stage of the original execution it concerns; `execution_id` the other execution it names,
    `freeze_window_id` the freeze window, `approval_id` the approval. `overridable`: who asks may set it aside;
    `set_aside`: he did.
    """

    code: ReasonCode
    message: str
    remedy: str | None = None
    severity: Severity = Severity.BLOCKING
    stage_id: str | None = None
    overridable: bool = False
    execution_id: str | None = None
    freeze_window_id: str | None = None
    approval_id: str | None = None
    set_aside: bool = False


@dataclass(frozen=True)
class Eligibility:
    """The verdict with every reason. UNKNOWN where a platform could not be asked and nothing else blocks."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    evaluated_at: datetime

    @classmethod
    def of(cls, reasons: tuple[Reason, ...], evaluated_at: datetime) -> Eligibility:
        blocking = {reason.code for reason in reasons if reason.severity is Severity.BLOCKING}
        if blocking - {ReasonCode.PROVIDER_UNREACHABLE}:
            verdict = Verdict.INELIGIBLE
        elif blocking:
            verdict = Verdict.UNKNOWN
        else:
            verdict = Verdict.ELIGIBLE_WITH_WARNINGS if reasons else Verdict.ELIGIBLE
        return cls(verdict, reasons, evaluated_at)

    @property
    def allows(self) -> bool:
        return self.verdict in (Verdict.ELIGIBLE, Verdict.ELIGIBLE_WITH_WARNINGS)


@dataclass(frozen=True)
class Scope:
    """What to undo: exactly one of an execution, some of its stages, or the stage behind an instance.

    The identifiers are database ids.
    """

    execution_id: str | None = None
    stage_ids: tuple[str, ...] | None = None
    instance_id: str | None = None


@dataclass(frozen=True)
class PlannedStepView:
    identifier: str
    name: str
    type: str
    will_run: bool
    skipped_reason: str | None = None


@dataclass(frozen=True)
class PlannedStageView:
    """One stage of a rollback plan. `stage_id` names the stage of the original execution.

    `changes` is None where the platform could not be asked.
    """

    stage_id: str
    position: int
    current_artifact: Artifact | None
    target_artifact: Artifact | None
    steps: tuple[PlannedStepView, ...]
    changes: tuple[Change, ...] | None
    skipped_reason: str | None = None


@dataclass(frozen=True)
class RollbackPlanView:
    """The plan as shown: `hash` covers what it will do; stages in the order in which they will run."""

    hash: str
    eligibility: Eligibility
    stages: tuple[PlannedStageView, ...]


@dataclass(frozen=True)
class RollbackRequest:
    scope: Scope
    by: Standing
    reason: str | None = None
    plan_hash: str | None = None
    idempotency_key: str | None = None
    overrides: tuple[Override, ...] = field(default=())

    @property
    def subject(self) -> str:
        return self.by.subject


@dataclass(frozen=True)
class RollbackRefused:
    """An expected no.

    `code` is a ReasonCode, or PLAN_STALE (with the new `plan`), IDEMPOTENCY_KEY_REUSED, INVALID_IDEMPOTENCY_KEY,
    OVERRIDE_NOT_ALLOWED, JUSTIFICATION_REQUIRED, NOT_FOUND or CONFLICT.
    """

    code: str
    message: str
    eligibility: Eligibility | None = None
    path: tuple[str, ...] | None = None
    plan: RollbackPlanView | None = None


@dataclass(frozen=True)
class RollbackStarted:
    """The rollback's execution, and the approval that it used.

    `eligibility` is None in the repeated answer to an idempotency key.
    """

    execution_id: str
    eligibility: Eligibility | None
    approval_id: str | None = None
