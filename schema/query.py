"""The queries."""

from typing import Annotated

import strawberry

from db.queries.environments import EnvironmentGroups, environments_by_identifier
from db.queries.executions import executions_by_id
from db.queries.freezes import FreezeWindows
from db.queries.instances import instances_by_id
from db.queries.pipelines import Pipelines, pipelines_by_identifier
from db.queries.services import services_by_identifier
from resolvers.errors import InputRefused, RefusalCode
from resolvers.granting import permissions
from resolvers.paging import MOST, page
from resolvers.reading_audit import audit_page
from resolvers.rollbacks import eligibility_of_scope
from rollback.errors import ScopeNotFound
from rollback.planning import plan_rollback
from schema.context import Ctx
from schema.ids import database_id, split_id
from schema.inputs import (
    ApprovalsWhere,
    AuditWhere,
    EnvironmentsWhere,
    ExecutionsWhere,
    InstancesWhere,
    ServicesBy,
    ServicesWhere,
    approvals_spec,
    audit_spec,
    environments_spec,
    executions_spec,
    instances_spec,
    services_spec,
    text,
)
from schema.nodes import node
from schema.scopes import RollbackTargetInput, scope_of
from schema.types.approval import RollbackApproval
from schema.types.audit import AuditEntry
from schema.types.connections import After, Before, Connection, First, Last, OptionalFirst, asked
from schema.types.environment import Environment, EnvironmentGroup
from schema.types.execution import Execution
from schema.types.freeze_window import FreezeWindow
from schema.types.instance import Instance
from schema.types.node import Node
from schema.types.pipeline import Pipeline
from schema.types.rollback import RollbackEligibility, RollbackPlan
from schema.types.service import Service
from schema.viewer import Viewer

Identifier = Annotated[str, strawberry.argument(description="Its name in YAML.")]
NodeId = Annotated[strawberry.ID, strawberry.argument(description="Its `id` as it was read.")]
Target = Annotated[RollbackTargetInput, strawberry.argument(description="What would be undone.")]


@strawberry.type(description="Everything that can be read. Lists that grow need `first` or `last`, 1 to 100.")
class Query:
    @strawberry.field(description="Anything with an id; null where there is none.")
    async def node(self, info: Ctx, id: NodeId) -> Node | None:  # noqa: A002 - the contract's name
        parts = split_id(id)
        return None if parts is None else await node(info.context.loaders, *parts)

    @strawberry.field(description="The services, by name unless ordered otherwise.")
    async def services(
        self,
        info: Ctx,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: ServicesWhere = strawberry.UNSET,  # noqa: A002 - the contract's name
        order_by: ServicesBy = strawberry.UNSET,
    ) -> Connection[Service]:
        spec = services_spec(filter, order_by)
        found = await page(info.context.loaders, spec, asked(first, after, last, before))
        return Connection(page=found, make=Service.of, relations=Service.relations)

    @strawberry.field(description="One service; null where there is none.")
    async def service(self, info: Ctx, identifier: Identifier) -> Service | None:
        row = await info.context.loaders.load(services_by_identifier, text(identifier) or "")
        return None if row is None else Service.of(row)

    @strawberry.field(description="The environments, by name.")
    async def environments(
        self,
        info: Ctx,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: EnvironmentsWhere = strawberry.UNSET,  # noqa: A002 - the contract's name
    ) -> Connection[Environment]:
        spec = environments_spec(filter)
        found = await page(info.context.loaders, spec, asked(first, after, last, before))
        return Connection(page=found, make=Environment.of, relations=Environment.relations)

    @strawberry.field(description="One environment; null where there is none.")
    async def environment(self, info: Ctx, identifier: Identifier) -> Environment | None:
        row = await info.context.loaders.load(environments_by_identifier, text(identifier) or "")
        return None if row is None else Environment.of(row)

    @strawberry.field(description="The environment groups, by name.")
    async def environment_groups(
        self, info: Ctx, first: OptionalFirst = strawberry.UNSET, after: After = strawberry.UNSET
    ) -> Connection[EnvironmentGroup]:
        found = await page(info.context.loaders, EnvironmentGroups(), asked(first, after), default=MOST)
        return Connection(page=found, make=EnvironmentGroup.of, relations=EnvironmentGroup.relations)

    @strawberry.field(description="The freeze windows, by name, whether they hold now or not.")
    async def freeze_windows(
        self, info: Ctx, first: OptionalFirst = strawberry.UNSET, after: After = strawberry.UNSET
    ) -> Connection[FreezeWindow]:
        found = await page(info.context.loaders, FreezeWindows(), asked(first, after), default=MOST)
        return Connection(page=found, make=FreezeWindow.of, relations=FreezeWindow.relations)

    @strawberry.field(description="The pipelines, by name.")
    async def pipelines(
        self, info: Ctx, first: OptionalFirst = strawberry.UNSET, after: After = strawberry.UNSET
    ) -> Connection[Pipeline]:
        found = await page(info.context.loaders, Pipelines(), asked(first, after), default=MOST)
        return Connection(page=found, make=Pipeline.of, relations=Pipeline.relations)

    @strawberry.field(description="One pipeline; null where there is none.")
    async def pipeline(self, info: Ctx, identifier: Identifier) -> Pipeline | None:
        row = await info.context.loaders.load(pipelines_by_identifier, text(identifier) or "")
        return None if row is None else Pipeline.of(row)

    @strawberry.field(description="The live instances in the order in which they were first seen.")
    async def instances(
        self,
        info: Ctx,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: InstancesWhere = strawberry.UNSET,  # noqa: A002 - the contract's name
    ) -> Connection[Instance]:
        spec = instances_spec(filter)
        found = await page(info.context.loaders, spec, asked(first, after, last, before))
        return Connection(page=found, make=Instance.of, relations=Instance.relations)

    @strawberry.field(description="One instance, also one that no longer lives; null where there is none.")
    async def instance(self, info: Ctx, id: NodeId) -> Instance | None:  # noqa: A002 - the contract's name
        key = database_id(id, "Instance")
        row = None if key is None else await info.context.loaders.load(instances_by_id, key)
        return None if row is None else Instance.of(row)

    @strawberry.field(description="The executions, newest first.")
    async def executions(
        self,
        info: Ctx,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: ExecutionsWhere = strawberry.UNSET,  # noqa: A002 - the contract's name
    ) -> Connection[Execution]:
        spec = executions_spec(filter)
        found = await page(info.context.loaders, spec, asked(first, after, last, before))
        return Connection(page=found, make=Execution.of, relations=Execution.relations)

    @strawberry.field(description="One execution; null where there is none.")
    async def execution(self, info: Ctx, id: NodeId) -> Execution | None:  # noqa: A002 - the contract's name
        key = database_id(id, "Execution")
        row = None if key is None else await info.context.loaders.load(executions_by_id, key)
        return None if row is None else Execution.of(row)

    @strawberry.field(description="The requests for a second person's approval of a rollback, newest first.")
    async def rollback_approvals(
        self,
        info: Ctx,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: ApprovalsWhere = strawberry.UNSET,  # noqa: A002 - the contract's name
    ) -> Connection[RollbackApproval]:
        spec = approvals_spec(filter)
        found = await page(info.context.loaders, spec, asked(first, after, last, before))
        return Connection(page=found, make=RollbackApproval.of, relations=RollbackApproval.relations)

    @strawberry.field(
        description="What was attempted, newest first, accepted or refused. For auditors and admins: null with "
        "PERMISSION_DENIED for all others."
    )
    async def audit_log(
        self,
        info: Ctx,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: AuditWhere = strawberry.UNSET,  # noqa: A002 - the other lists' name
    ) -> Connection[AuditEntry] | None:
        found = await audit_page(info.context.loaders, audit_spec(filter), asked(first, after, last, before))
        return Connection(page=found, make=AuditEntry.of, relations=AuditEntry.relations)

    @strawberry.field(description="Whether something can be rolled back, with every reason at once.")
    async def rollback_eligibility(self, info: Ctx, target: Target) -> RollbackEligibility:
        try:
            found = await eligibility_of_scope(info.context.loaders, scope_of(target))
        except ScopeNotFound as error:
            raise InputRefused(RefusalCode.NOT_FOUND, str(error)) from error
        return RollbackEligibility.of(found)

    @strawberry.field(description="What a rollback would do, compared with the platforms as they are now.")
    async def rollback_plan(self, info: Ctx, target: Target) -> RollbackPlan:
        try:
            access = await info.context.loaders.access()
            plan = await plan_rollback(info.context.runtime, scope_of(target), access)
        except ScopeNotFound as error:
            raise InputRefused(RefusalCode.NOT_FOUND, str(error)) from error
        return RollbackPlan.of(plan)

    @strawberry.field(description="Who asks.")
    async def viewer(self, info: Ctx) -> Viewer:
        return Viewer.of(info.context.subject, await permissions(info.context.loaders))
