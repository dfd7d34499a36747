"""Relay connections over pages: one generic type, whose edges, page info and total come from the page."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from resolvers.paging import Asked, Page
from schema.context import Ctx
from schema.inputs import given
from schema.warming import Relations, warm

NodeT = TypeVar("NodeT")

First = Annotated[
    int | None,
    strawberry.argument(description="How many from the start, 1 to 100. Give this or `last`, not both."),
]
OnlyFirst = Annotated[int | None, strawberry.argument(description="How many from the start, 1 to 100. Required.")]
OptionalFirst = Annotated[
    int | None, strawberry.argument(description="How many from the start, 1 to 100. By default 100.")
]
Last = Annotated[
    int | None, strawberry.argument(description="How many from the end, 1 to 100. Give this or `first`, not both.")
]
After = Annotated[str | None, strawberry.argument(description="Only what follows this cursor.")]
Before = Annotated[str | None, strawberry.argument(description="Only what precedes this cursor.")]


def asked(
    first: int | None = None, after: str | None = None, last: int | None = None, before: str | None = None
) -> Asked:
    """The connection arguments, absent ones as None."""
    return Asked(given(first), given(after), given(last), given(before))


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    page: strawberry.Private[Page[Any]]

    @strawberry.field(description="Whether more follows after the page.")
    async def has_next_page(self) -> bool:
        return await self.page.has_next()

    @strawberry.field(description="Whether more stands before the page.")
    async def has_previous_page(self) -> bool:
        return await self.page.has_previous()

    @strawberry.field(description="The cursor of the page's first row, for `before`.")
    def start_cursor(self) -> str | None:
        return self.page.cursor(self.page.rows[0]) if self.page.rows else None

    @strawberry.field(description="The cursor of the page's last row, for `after`.")
    def end_cursor(self) -> str | None:
        return self.page.cursor(self.page.rows[-1]) if self.page.rows else None


@strawberry.type(description="One row of a page, with its place in the list.")
class Edge(Generic[NodeT]):
    cursor: str = strawberry.field(description="The place of this row, for `after` and `before`.")
    node: NodeT = strawberry.field(description="What stands there.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[NodeT]):
    page: strawberry.Private[Page[Any]]
    make: strawberry.Private[Callable[[Any], Any]]
    relations: strawberry.Private[Relations]

    @strawberry.field(description="The rows of the page, each with its cursor.")
    async def edges(self, info: Ctx) -> list[Edge[NodeT]]:
        await warm(info, self.relations, self.page.rows, below="node")
        return [Edge(cursor=self.page.cursor(row), node=self.make(row)) for row in self.page.rows]

    @strawberry.field(description="The rows of the page.")
    async def nodes(self, info: Ctx) -> list[NodeT]:
        await warm(info, self.relations, self.page.rows)
        return [self.make(row) for row in self.page.rows]

    @strawberry.field(description="Where the page stands in the list.")
    def page_info(self) -> PageInfo:
        return PageInfo(page=self.page)

    @strawberry.field(description="How long the whole list is; counted only when asked for.")
    async def total_count(self) -> int | None:
        return await self.page.total()
