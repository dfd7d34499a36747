"""The closed sets of the domain, and the legal status transitions: for each status, what may precede it."""

from collections.abc import Iterable
from enum import StrEnum


class EnvironmentType(StrEnum):
    PRODUCTION = "PRODUCTION"
    PRE_PRODUCTION = "PRE_PRODUCTION"


class ExecutionKind(StrEnum):
    DEPLOYMENT = "DEPLOYMENT"
    ROLLBACK = "ROLLBACK"


class ExecutionStatus(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    VERIFYING = "VERIFYING"
    SUCCEEDED = "SUCCEEDED"
    SUCCEEDED_WITH_IGNORED_FAILURES = "SUCCEEDED_WITH_IGNORED_FAILURES"
    COMPLETED_WITH_DRIFT = "COMPLETED_WITH_DRIFT"
    FAILED = "FAILED"
    ABORTING = "ABORTING"
    ABORTED = "ABORTED"


class StageStatus(StrEnum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    VERIFYING = "VERIFYING"
    SUCCEEDED = "SUCCEEDED"
    SUCCEEDED_WITH_IGNORED_FAILURES = "SUCCEEDED_WITH_IGNORED_FAILURES"
    COMPLETED_WITH_DRIFT = "COMPLETED_WITH_DRIFT"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"
    ABANDONED = "ABANDONED"


class StepStatus(StrEnum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    IGNORED_FAILURE = "IGNORED_FAILURE"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"
    ABANDONED = "ABANDONED"


class RollbackStatus(StrEnum):
    UNAVAILABLE = "UNAVAILABLE"
    NOT_STARTED = "NOT_STARTED"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


class StepPhase(StrEnum):
    """Whether a step stands among a stage's `steps` or among its `rollbackSteps`."""

    FORWARD = "FORWARD"
    ROLLBACK = "ROLLBACK"


class EventType(StrEnum):
    EXECUTION_STATUS_CHANGED = "EXECUTION_STATUS_CHANGED"
    STAGE_STATUS_CHANGED = "STAGE_STATUS_CHANGED"
    STEP_STATUS_CHANGED = "STEP_STATUS_CHANGED"
    STEP_PROGRESSED = "STEP_PROGRESSED"


_E = ExecutionStatus
_STARTED = (_E.RUNNING, _E.VERIFYING)
LEGAL_EXECUTION: dict[ExecutionStatus, tuple[ExecutionStatus, ...]] = {
    _E.QUEUED: (),
    _E.RUNNING: (_E.QUEUED,),
    _E.VERIFYING: (_E.RUNNING,),
    _E.SUCCEEDED: (*_STARTED, _E.ABORTING),
    _E.SUCCEEDED_WITH_IGNORED_FAILURES: (*_STARTED, _E.ABORTING),
    _E.COMPLETED_WITH_DRIFT: (*_STARTED, _E.ABORTING),
    _E.FAILED: (_E.QUEUED, *_STARTED, _E.ABORTING),
    _E.ABORTING: (_E.QUEUED, *_STARTED),
    _E.ABORTED: (_E.ABORTING,),
}

_S = StageStatus
_BUSY = (_S.RUNNING, _S.VERIFYING)
LEGAL_STAGE: dict[StageStatus, tuple[StageStatus, ...]] = {
    _S.PENDING: (),
    _S.RUNNING: (_S.PENDING,),
    _S.VERIFYING: (_S.RUNNING,),
    _S.SUCCEEDED: _BUSY,
    _S.SUCCEEDED_WITH_IGNORED_FAILURES: _BUSY,
    _S.COMPLETED_WITH_DRIFT: (_S.VERIFYING,),
    _S.SKIPPED: (_S.PENDING, *_BUSY),
    _S.FAILED: (_S.PENDING, *_BUSY),
    _S.ABORTED: (_S.PENDING, *_BUSY),
    _S.ABANDONED: (_S.PENDING,),
}

_T = StepStatus
LEGAL_STEP: dict[StepStatus, tuple[StepStatus, ...]] = {
    _T.PENDING: (),
    _T.RUNNING: (_T.PENDING,),
    _T.SUCCEEDED: (_T.RUNNING,),
    _T.IGNORED_FAILURE: (_T.RUNNING,),
    _T.SKIPPED: (_T.PENDING, _T.RUNNING),
    _T.FAILED: (_T.PENDING, _T.RUNNING),
    _T.ABORTED: (_T.PENDING, _T.RUNNING),
    _T.ABANDONED: (_T.PENDING,),
}

ACTIVE_EXECUTIONS = frozenset({_E.QUEUED, _E.RUNNING, _E.VERIFYING, _E.ABORTING})
FINISHED_EXECUTIONS = frozenset(ExecutionStatus) - ACTIVE_EXECUTIONS
FINISHED_STAGES = frozenset(StageStatus) - {_S.PENDING, _S.RUNNING, _S.VERIFYING}
FINISHED_STEPS = frozenset(StepStatus) - {_T.PENDING, _T.RUNNING}

# A stage of a rollback in one of these holds, or has used up, the one undo of its original stage.
UNDO_CLAIMED = (
    _S.PENDING,
    _S.RUNNING,
    _S.VERIFYING,
    _S.SUCCEEDED,
    _S.SUCCEEDED_WITH_IGNORED_FAILURES,
    _S.SKIPPED,
)


_MOST_TELLING_FIRST = (
    RollbackStatus.STARTED,
    RollbackStatus.FAILURE,
    RollbackStatus.SUCCESS,
    RollbackStatus.NOT_STARTED,
)


def undo_outcome(stage: StageStatus) -> RollbackStatus:
    """What the end of a rollback's stage says of what it was to undo; one that was never reached is a failure."""
    return RollbackStatus.SUCCESS if stage in UNDO_CLAIMED and stage in FINISHED_STAGES else RollbackStatus.FAILURE


def most_telling(statuses: Iterable[RollbackStatus]) -> RollbackStatus:
    """One status for several stages: the one that a user must see first. NOT_STARTED only where nothing was."""
    present = set(statuses)
    return next((status for status in _MOST_TELLING_FIRST if status in present), RollbackStatus.UNAVAILABLE)


class ApprovalStatus(StrEnum):
    """How far a request for approval is. EXPIRED is never stored: it is what an open one is after its time."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    STALE = "STALE"
    USED = "USED"
    EXPIRED = "EXPIRED"


OPEN_APPROVALS = (ApprovalStatus.PENDING, ApprovalStatus.APPROVED)


class Role(StrEnum):
    """What a machine token or a grant is for, from the least to the most.

    NONE and AUDITOR are a token's alone: nothing but what its grants give, and a viewer who reads the audit log.
    """

    NONE = "none"
    VIEWER = "viewer"
    AUDITOR = "auditor"
    DEPLOYER = "deployer"
    ADMIN = "admin"


GRANTED_ROLES = (Role.VIEWER, Role.DEPLOYER, Role.ADMIN)


class AuditOutcome(StrEnum):
    """How an attempt to change something ended."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
