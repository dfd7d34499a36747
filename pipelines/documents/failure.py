"""Conditions and failure strategies of stages and steps. Imports the shared model base only."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pipelines.documents.base import Duration, IntOrExpression, Model, Some, Text


class RunsAfter(StrEnum):
    """The state of what went before in which a stage or step runs."""

    SUCCESS = "Success"
    FAILURE = "Failure"
    ALL = "All"


class StageCondition(Model):
    """`when` of a stage."""

    pipeline_status: RunsAfter = RunsAfter.SUCCESS
    condition: Text | None = None


class StepCondition(Model):
    """`when` of a step or step group."""

    stage_status: RunsAfter = RunsAfter.SUCCESS
    condition: Text | None = None


class FailureKind(StrEnum):
    """The kinds of failure a strategy may name."""

    ALL_ERRORS = "AllErrors"
    ANY_OTHER = "AnyOther"
    APPROVAL_REJECTION = "ApprovalRejection"
    AUTHENTICATION = "Authentication"
    AUTHORIZATION = "Authorization"
    CONNECTIVITY = "Connectivity"
    DELEGATE_PROVISIONING = "DelegateProvisioning"
    DELEGATE_RESTART = "DelegateRestart"
    INPUT_TIMEOUT = "InputTimeoutError"
    POLICY_EVALUATION = "PolicyEvaluationFailure"
    TIMEOUT = "Timeout"
    UNKNOWN = "Unknown"
    USER_MARKED = "UserMarkedFailure"
    VERIFICATION = "Verification"


class ActionType(StrEnum):
    """What to do about a failure."""

    IGNORE = "Ignore"
    RETRY = "Retry"
    ABORT = "Abort"
    STAGE_ROLLBACK = "StageRollback"
    MARK_AS_SUCCESS = "MarkAsSuccess"
    MARK_AS_FAILURE = "MarkAsFailure"


class RetryFailure(Model):
    """What to do when the retries are used up."""

    action: "Action"


def _few(count: int | str) -> int | str:
    if isinstance(count, int) and not 1 <= count <= 100:
        raise PydanticCustomError("retry_count", "not between 1 and 100")
    return count


class RetrySpec(Model):
    """How often and after which pauses (in seconds); the last pause repeats."""

    retry_count: Annotated[IntOrExpression, AfterValidator(_few)] = 1
    retry_intervals: tuple[Duration, ...] = Field(default=(), max_length=100)
    on_retry_failure: RetryFailure | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.on_retry_failure is not None and self.on_retry_failure.action.type is ActionType.RETRY:
            raise PydanticCustomError("retry_again", "what follows the last retry is no Retry: raise retryCount")
        return self


class Action(Model):
    """One action; only Retry has a `spec`."""

    type: ActionType
    spec: RetrySpec | None = None

    @model_validator(mode="after")
    def _spec_belongs_to_retry(self) -> Self:
        if self.type is ActionType.RETRY and self.spec is None:
            raise PydanticCustomError("retry_spec", "Retry needs a spec with retryCount and retryIntervals")
        if self.type is not ActionType.RETRY and self.spec not in (None, RetrySpec()):
            raise PydanticCustomError("retry_spec", "only Retry has a spec")
        return self


class OnFailure(Model):
    """Which failures, and what to do about them."""

    errors: Some[FailureKind]
    action: Action


class FailureStrategy(Model):
    """One strategy; the first that names the failure is used."""

    on_failure: OnFailure
