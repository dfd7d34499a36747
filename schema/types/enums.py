"""The closed sets of the domain as GraphQL enums: the same Python enums, given descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

import strawberry

from db.queries.services import ServiceOrderField
from db.statuses import (
    ApprovalStatus,
    AuditOutcome,
    EnvironmentType,
    ExecutionKind,
    ExecutionStatus,
    RollbackStatus,
    StageStatus,
    StepStatus,
)
from providers.values import DeploymentType, InstanceHealth
from rollback.values import ReasonCode, Severity, Verdict

EnumT = TypeVar("EnumT", bound=Enum)


def describe(enum: type[EnumT], description: str, values: Mapping[EnumT, str], name: str | None = None) -> None:
    """Make the enum a GraphQL enum. Every member needs a description: KeyError names one without."""
    strawberry.enum(enum, name=name, description=description)
    definition: Any = getattr(enum, "__strawberry_definition__")  # noqa: B009 - set by strawberry.enum
    for value in definition.values:
        value.description = values[enum[value.name]]


class OrderDirection(Enum):
    ASC = "ASC"
    DESC = "DESC"


describe(
    DeploymentType,
    "What kind of platform something is deployed to. Expect new values.",
    {
        DeploymentType.KUBERNETES: "Kubernetes manifests.",
        DeploymentType.NATIVE_HELM: "A Helm chart, installed by Helm itself.",
        DeploymentType.ECS: "Amazon Elastic Container Service.",
        DeploymentType.ASG: "Amazon EC2 Auto Scaling Groups.",
        DeploymentType.TAS: "Cloud Foundry.",
        DeploymentType.CUSTOM: "Any other platform: stored and shown, but not rolled back.",
    },
)
describe(
    EnvironmentType,
    "How much an environment matters. Expect new values.",
    {
        EnvironmentType.PRODUCTION: "Serves users.",
        EnvironmentType.PRE_PRODUCTION: "Everything else.",
    },
)
describe(
    ExecutionKind,
    "Which way an execution goes. Expect new values.",
    {
        ExecutionKind.DEPLOYMENT: "Forward: runs the pipeline's steps.",
        ExecutionKind.ROLLBACK: "Back: runs the rollback steps of an earlier deployment.",
    },
)
describe(
    ExecutionStatus,
    "How far an execution is. Expect new values.",
    {
        ExecutionStatus.QUEUED: "Accepted; nothing lost from here on, nothing begun yet.",
        ExecutionStatus.RUNNING: "Its steps run.",
        ExecutionStatus.VERIFYING: "All its steps are done; what lives at the platforms is being compared.",
        ExecutionStatus.SUCCEEDED: "Ended: every step succeeded and the outcome is proved.",
        ExecutionStatus.SUCCEEDED_WITH_IGNORED_FAILURES: "Ended: some steps failed and were told to be ignored.",
        ExecutionStatus.COMPLETED_WITH_DRIFT: "Ended: the steps succeeded, but what lives is not what should.",
        ExecutionStatus.FAILED: "Ended: a step failed.",
        ExecutionStatus.ABORTING: "Asked to stop; the current step is finishing.",
        ExecutionStatus.ABORTED: "Ended: stopped on request.",
    },
)
describe(
    StageStatus,
    "How far a stage is. Expect new values.",
    {
        StageStatus.PENDING: "Not begun.",
        StageStatus.RUNNING: "Its steps run.",
        StageStatus.VERIFYING: "Its steps are done; the live instances are being compared.",
        StageStatus.SUCCEEDED: "Ended well, outcome proved.",
        StageStatus.SUCCEEDED_WITH_IGNORED_FAILURES: "Ended; some of its steps failed and were ignored.",
        StageStatus.COMPLETED_WITH_DRIFT: "Ended; the live instances are not what they should be.",
        StageStatus.SKIPPED: "Did not have to run, or its condition was false; see the reason.",
        StageStatus.FAILED: "Ended: a step failed.",
        StageStatus.ABORTED: "Stopped on request.",
        StageStatus.ABANDONED: "Never reached, because the execution ended before it.",
    },
)
describe(
    StepStatus,
    "How far a step is. Expect new values.",
    {
        StepStatus.PENDING: "Not begun.",
        StepStatus.RUNNING: "Under way.",
        StepStatus.SUCCEEDED: "Ended well.",
        StepStatus.IGNORED_FAILURE: "Failed, and its failure strategy says to go on.",
        StepStatus.SKIPPED: "Did not have to run, or its condition was false; see the reason.",
        StepStatus.FAILED: "Failed.",
        StepStatus.ABORTED: "Stopped on request.",
        StepStatus.ABANDONED: "Never reached, because the stage ended before it.",
    },
)
describe(
    RollbackStatus,
    "How far the rollback of something deployed is. Expect new values.",
    {
        RollbackStatus.UNAVAILABLE: "It is nothing that a rollback undoes: not a deployment that succeeded.",
        RollbackStatus.NOT_STARTED: "No rollback of it was started; whether one can be says its eligibility.",
        RollbackStatus.STARTED: "A rollback is under way.",
        RollbackStatus.SUCCESS: "It was rolled back, and that is proved.",
        RollbackStatus.FAILURE: "A rollback failed or was aborted before it was restored; it may be tried again.",
    },
)
describe(
    AuditOutcome,
    "How an attempt to change something ended. Expect new values.",
    {
        AuditOutcome.ACCEPTED: "Done, or begun.",
        AuditOutcome.REFUSED: "Not done: not allowed, not possible, or not understood. The code says which.",
        AuditOutcome.FAILED: "Broke off: a defect, or a database that could not be reached.",
    },
)
describe(
    InstanceHealth,
    "How an instance does, as its platform says. Expect new values.",
    {
        InstanceHealth.HEALTHY: "Ready to serve.",
        InstanceHealth.UNHEALTHY: "Running but failing, or stopped.",
        InstanceHealth.STARTING: "Not ready yet.",
        InstanceHealth.UNKNOWN: "The platform does not say, or could not be asked.",
    },
)
describe(
    Verdict,
    "Whether a rollback may begin. Expect new values.",
    {
        Verdict.ELIGIBLE: "Yes.",
        Verdict.ELIGIBLE_WITH_WARNINGS: "Yes; read the reasons first.",
        Verdict.INELIGIBLE: "No; the reasons say why and what to do.",
        Verdict.UNKNOWN: "A platform could not be asked: neither yes nor no.",
    },
    name="RollbackVerdict",
)
describe(
    Severity,
    "What a reason does to the verdict. Expect new values.",
    {Severity.BLOCKING: "Forbids the rollback.", Severity.WARNING: "Allows it."},
    name="RollbackReasonSeverity",
)
describe(
    ReasonCode,
    "Why a rollback may not begin, or should be thought about. Expect new values.",
    {
        ReasonCode.FEATURE_DISABLED: "Post-deployment rollback is switched off.",
        ReasonCode.PERMISSION_DENIED: "The caller may not roll back in that environment.",
        ReasonCode.EXECUTION_NOT_SUCCESSFUL: "Only a successful deployment can be rolled back.",
        ReasonCode.NOT_A_DEPLOYMENT: "A rollback cannot itself be rolled back; run the pipeline again.",
        ReasonCode.NOT_LATEST_DEPLOYMENT: "A newer deployment of the same target succeeded.",
        ReasonCode.DEPLOYMENT_TYPE_UNSUPPORTED: "This deployment type cannot be rolled back.",
        ReasonCode.NO_ROLLBACK_STEPS: "The stage declares no rollback steps.",
        ReasonCode.ALREADY_ROLLED_BACK: "It has been rolled back before.",
        ReasonCode.ROLLBACK_IN_PROGRESS: "A rollback of it is under way.",
        ReasonCode.NO_PREVIOUS_DEPLOYMENT: "Nothing ran there before, so there is nothing to go back to.",
        ReasonCode.PREVIOUS_VERSION_UNAVAILABLE: "The platform no longer has what was there before.",
        ReasonCode.TARGET_BUSY: "Another execution works on the same target.",
        ReasonCode.TOO_OLD: "The deployment is older than the operator's limit.",
        ReasonCode.FROZEN: "A freeze window covers the environment.",
        ReasonCode.DRIFT_DETECTED: "The live state is no longer what the deployment left.",
        ReasonCode.EXPRESSION_UNRESOLVED: "A rollback step needs a value that was never recorded.",
        ReasonCode.PROVIDER_UNREACHABLE: "The platform could not be asked.",
        ReasonCode.APPROVAL_REQUIRED: "A second person has to approve it; a warning once one has.",
        ReasonCode.NOTHING_TO_CHANGE: "What ran before is what runs now, so a rollback would help nobody.",
    },
    name="RollbackReasonCode",
)
describe(
    ApprovalStatus,
    "How far a request for approval is. Expect new values.",
    {
        ApprovalStatus.PENDING: "Waits for an answer.",
        ApprovalStatus.APPROVED: "Approved; who asked can use it.",
        ApprovalStatus.REJECTED: "Rejected, taken back, or withdrawn.",
        ApprovalStatus.STALE: "The plan is another one by now, so it is worth nothing.",
        ApprovalStatus.USED: "A rollback has used it.",
        ApprovalStatus.EXPIRED: "Nobody answered, or used it, in time.",
    },
    name="RollbackApprovalStatus",
)
describe(
    ServiceOrderField,
    "What services are sorted by.",
    {
        ServiceOrderField.NAME: "The name, capitals and small letters alike.",
        ServiceOrderField.LAST_DEPLOYED_AT: "The last deployment anywhere; never deployed ones stand last.",
    },
)
describe(
    OrderDirection,
    "Which way a list is sorted.",
    {
        OrderDirection.ASC: "Upwards: A to Z.",
        OrderDirection.DESC: "Downwards: Z to A.",
    },
)
