"""Any node by its type name and database id."""

from collections.abc import Callable
from typing import Any

from db.queries.approvals import approvals_by_id
from db.queries.environments import environments_by_id, groups_by_id, infrastructures_by_id
from db.queries.executions import executions_by_id
from db.queries.freezes import freeze_windows_by_id
from db.queries.instances import instances_by_id
from db.queries.pipelines import pipelines_by_id
from db.queries.services import services_by_id
from db.queries.stages import stages_by_id, steps_by_id
from resolvers.loading import Loaders, Query
from schema.types.approval import RollbackApproval
from schema.types.environment import Environment, EnvironmentGroup, Infrastructure
from schema.types.execution import Execution
from schema.types.freeze_window import FreezeWindow
from schema.types.instance import Instance
from schema.types.node import Node
from schema.types.pipeline import Pipeline
from schema.types.service import Service
from schema.types.stage import Stage, Step

_NODES: dict[str, tuple[Query[str, Any], Callable[[Any], Node]]] = {
    "Service": (services_by_id, Service.of),
    "Environment": (environments_by_id, Environment.of),
    "EnvironmentGroup": (groups_by_id, EnvironmentGroup.of),
    "Infrastructure": (infrastructures_by_id, Infrastructure.of),
    "Pipeline": (pipelines_by_id, Pipeline.of),
    "Instance": (instances_by_id, Instance.of),
    "Execution": (executions_by_id, Execution.of),
    "Stage": (stages_by_id, Stage.of),
    "Step": (steps_by_id, Step.of),
    "RollbackApproval": (approvals_by_id, RollbackApproval.of),
    "FreezeWindow": (freeze_windows_by_id, FreezeWindow.of),
}


async def node(loaders: Loaders, type_name: str, database_id: str) -> Node | None:
    """The node; None where there is none."""
    if type_name not in _NODES:
        return None
    query, make = _NODES[type_name]
    row = await loaders.load(query, database_id)
    return None if row is None else make(row)
