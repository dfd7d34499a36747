"""The tables. Each unique index here enforces a rule that the code above only explains."""

from db.tables.approval import RollbackApproval
from db.tables.checkpoint import Checkpoint
from db.tables.configuration import (
    Environment,
    EnvironmentGroup,
    EnvironmentGroupMember,
    FreezeWindow,
    FreezeWindowEnvironment,
    FreezeWindowGroup,
    Infrastructure,
    Package,
    Pipeline,
    Service,
)
from db.tables.execution import Event, Execution, ExecutionTarget, IdempotencyKey, Stage, Step
from db.tables.executor import Executor
from db.tables.instance import Instance, Target
from db.tables.security import AuditEntry, Grant, MachineToken

__all__ = [
    "AuditEntry",
    "Checkpoint",
    "Environment",
    "EnvironmentGroup",
    "EnvironmentGroupMember",
    "Event",
    "Execution",
    "ExecutionTarget",
    "Executor",
    "FreezeWindow",
    "FreezeWindowEnvironment",
    "FreezeWindowGroup",
    "Grant",
    "IdempotencyKey",
    "Infrastructure",
    "Instance",
    "MachineToken",
    "Package",
    "Pipeline",
    "RollbackApproval",
    "Service",
    "Stage",
    "Step",
    "Target",
]
