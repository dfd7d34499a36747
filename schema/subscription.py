"""The subscriptions."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from db.queries.events import Events
from db.queries.executions import ExecutionRow, executions_by_id
from resolvers.changes import changed_executions
from resolvers.cursors import decode, encode
from resolvers.errors import InputRefused, RefusalCode
from resolvers.progress import ProgressBatch, progress
from resolvers.running import still_seen
from schema.context import Ctx, RequestContext
from schema.ids import database_id
from schema.inputs import ExecutionsWhere, executions_spec, given
from schema.types.connections import After
from schema.types.events import ExecutionEvent, event_of
from schema.types.execution import Execution

_EVENTS = Events().listing()


@strawberry.type(description="What happened next in an execution.")
class ExecutionProgress:
    cursor: str = strawberry.field(description="The place of the last event here; pass it as `after` to go on.")
    execution: Execution = strawberry.field(description="The execution as of the last event here.")
    events: list[ExecutionEvent] = strawberry.field(description="What happened, in order.")
    has_more_past_events: bool = strawberry.field(
        description="Whether more has happened already; it follows at once."
    )

    @classmethod
    def of(cls, batch: ProgressBatch) -> "ExecutionProgress":
        return cls(
            cursor=encode(_EVENTS, _EVENTS.key_of(batch.events[-1])),
            execution=Execution.of(batch.execution),
            events=[event_of(event) for event in batch.events],
            has_more_past_events=batch.more,
        )


@strawberry.type(description="Everything that can be watched.")
class Subscription:
    @strawberry.subscription(
        description="Replays everything after the cursor, then follows live: no gap, no duplicate, in order. "
        "Completes after the terminal event."
    )
    async def execution_progress(
        self,
        info: Ctx,
        execution_id: Annotated[strawberry.ID, strawberry.argument(description="Which execution.")],
        after: After = strawberry.UNSET,
    ) -> AsyncGenerator[ExecutionProgress, None]:
        key = database_id(execution_id, "Execution")
        if key is None or await info.context.loaders.load(executions_by_id, key) is None:
            raise _not_found()
        return _progress(info.context, key, _sequence(given(after)))

    @strawberry.subscription(
        description="Every execution that starts or changes status, as it is then, for dashboards."
    )
    async def executions_changed(
        self,
        info: Ctx,
        filter: ExecutionsWhere = strawberry.UNSET,  # noqa: A002 - the contract's name
    ) -> AsyncGenerator[Execution, None]:
        rows = await changed_executions(info.context.runtime, executions_spec(filter))
        return _executions(info.context, rows)


def _not_found() -> InputRefused:
    return InputRefused(RefusalCode.NOT_FOUND, "There is no execution of that id.")


def _sequence(after: str | None) -> int:
    if after is None:
        return 0
    sequence = decode(_EVENTS, after, "after")[0]
    assert isinstance(sequence, int)
    return sequence


async def _progress(
    context: RequestContext, execution_id: str, after: int
) -> AsyncGenerator[ExecutionProgress, None]:
    async with aclosing(progress(context.runtime, execution_id, after)) as batches:
        async for batch in batches:
            context.renew()
            if not await still_seen(context.loaders, execution_id):
                raise _not_found()
            yield ExecutionProgress.of(batch)


async def _executions(
    context: RequestContext, rows: AsyncGenerator[ExecutionRow]
) -> AsyncGenerator[Execution, None]:
    async with aclosing(rows):
        async for row in rows:
            context.renew()
            if await still_seen(context.loaders, row.id):
                yield Execution.of(row)
