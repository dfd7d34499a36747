"""What mutations answer with besides their result."""

from collections.abc import Sequence
from typing import Annotated

import strawberry

from db.queries.executions import executions_by_id
from pipelines.answers import Refused
from resolvers.errors import InputRefused
from schema.context import RequestContext
from schema.types.execution import Execution

ClientMutationId = Annotated[
    str | None, strawberry.argument(description="Any text of the client's; comes back in the payload.")
]
CLIENT_MUTATION_ID = "Any text of the client's; comes back in the payload."


@strawberry.type(description="An expected no: what was wrong with the input, or why it cannot be done.")
class UserError:
    code: str = strawberry.field(description="What is wrong, for programs. Expect new codes.")
    message: str = strawberry.field(description="What is wrong and what to do next, for people.")
    path: list[str] | None = strawberry.field(description="The part of the input it is about.")

    @classmethod
    def of(cls, refused: Refused) -> "UserError":
        return cls.make(refused.code, refused.message, refused.path)

    @classmethod
    def of_input(cls, refused: InputRefused, path: Sequence[str]) -> "UserError":
        return cls.make(refused.code, refused.message, path)

    @classmethod
    def make(cls, code: str, message: str, path: Sequence[str] | None = None) -> "UserError":
        return cls(code=str(code), message=message, path=None if path is None else list(path))


async def execution_now(context: RequestContext, execution_id: str) -> Execution:
    """The execution as it is after the mutation."""
    context.renew()
    return Execution.of(await context.loaders.load_existing(executions_by_id, execution_id))
