"""What mutations answer with besides their result."""

from collections.abc import Sequence
from typing import Annotated

import strawberry

from db.queries.executions import executions_by_id
from pipelines.answers import Refused
from pipelines.problems import Problem
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
    path: list[str] | None = strawberry.field(
        description="What it is about: the fields of the mutation's input that lead there. Of applyConfiguration: "
        "the keys and list positions (from 0) that lead there inside the YAML document; of a missing or unknown "
        "key, those of the mapping that lacks or holds it. Empty for the document as a whole."
    )
    document: int | None = strawberry.field(
        default=None, description="Of applyConfiguration: which document of the YAML, counted from 1."
    )
    line: int | None = strawberry.field(
        default=None, description="Of applyConfiguration: the line in the whole YAML, counted from 1."
    )
    column: int | None = strawberry.field(
        default=None, description="Of applyConfiguration: the column in that line, counted from 1."
    )

    @classmethod
    def of(cls, refused: Refused) -> "UserError":
        return cls.make(refused.code, refused.message, refused.path)

    @classmethod
    def of_input(cls, refused: InputRefused, path: Sequence[str]) -> "UserError":
        return cls.make(refused.code, refused.message, path)

    @classmethod
    def of_problem(cls, problem: Problem) -> "UserError":
        return cls(
            code=str(problem.code),
            message=str(problem),
            path=[str(part) for part in problem.path],
            document=problem.document,
            line=problem.line,
            column=problem.column,
        )

    @classmethod
    def make(cls, code: str, message: str, path: Sequence[str] | None = None) -> "UserError":
        return cls(code=str(code), message=message, path=None if path is None else list(path))


async def execution_now(context: RequestContext, execution_id: str) -> Execution | None:
    """The execution as it is after the mutation; None where who asked may no longer see it."""
    context.renew()
    row = await context.loaders.load(executions_by_id, execution_id)
    return None if row is None else Execution.of(row)
