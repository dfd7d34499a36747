"""References between types that refer to each other, without import cycles."""

from typing import TYPE_CHECKING, Annotated

import strawberry

if TYPE_CHECKING:
    from schema.types.approval import RollbackApproval
    from schema.types.environment import Environment, EnvironmentGroup, Infrastructure
    from schema.types.execution import Execution
    from schema.types.freeze_window import FreezeWindow
    from schema.types.instance import Instance
    from schema.types.pipeline import Pipeline
    from schema.types.place import ServiceEnvironment
    from schema.types.rollback import RollbackEligibility
    from schema.types.service import Service
    from schema.types.stage import Stage, Step

AnApproval = Annotated["RollbackApproval", strawberry.lazy("schema.types.approval")]
AService = Annotated["Service", strawberry.lazy("schema.types.service")]
AnEnvironment = Annotated["Environment", strawberry.lazy("schema.types.environment")]
AnEnvironmentGroup = Annotated["EnvironmentGroup", strawberry.lazy("schema.types.environment")]
AnInfrastructure = Annotated["Infrastructure", strawberry.lazy("schema.types.environment")]
AFreezeWindow = Annotated["FreezeWindow", strawberry.lazy("schema.types.freeze_window")]
APlace = Annotated["ServiceEnvironment", strawberry.lazy("schema.types.place")]
APipeline = Annotated["Pipeline", strawberry.lazy("schema.types.pipeline")]
AnInstance = Annotated["Instance", strawberry.lazy("schema.types.instance")]
AnExecution = Annotated["Execution", strawberry.lazy("schema.types.execution")]
AStage = Annotated["Stage", strawberry.lazy("schema.types.stage")]
AStep = Annotated["Step", strawberry.lazy("schema.types.stage")]
AnEligibility = Annotated["RollbackEligibility", strawberry.lazy("schema.types.rollback")]
