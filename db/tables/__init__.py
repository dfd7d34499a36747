"""The tables. Each unique index here enforces a rule that the code above only explains."""

from db.tables.configuration import (
    Environment,
    EnvironmentGroup,
    EnvironmentGroupMember,
    Infrastructure,
    Pipeline,
    Service,
)
from db.tables.execution import Event, Execution, ExecutionTarget, IdempotencyKey, Stage, Step
from db.tables.instance import Instance, Target

__all__ = [
    "Environment",
    "EnvironmentGroup",
    "EnvironmentGroupMember",
    "Event",
    "Execution",
    "ExecutionTarget",
    "IdempotencyKey",
    "Infrastructure",
    "Instance",
    "Pipeline",
    "Service",
    "Stage",
    "Step",
    "Target",
]
