"""One page of a list: its arguments checked, its rows loaded, its neighbours and its total only when asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.keys import Key
from db.queries.listing import Listing, Slice, Spec, Window, reaches_beyond, slices, totals
from resolvers.cursors import decode, encode
from resolvers.errors import InputRefused, RefusalCode
from resolvers.loading import Loaders
from resolvers.visibility import narrowed, narrowed_itself

MOST = 100
RowT = TypeVar("RowT", bound=tuple[Any, ...])
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True)
class Asked:
    """The connection arguments as the caller gave them."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


class PageKey(NamedTuple):
    """A window of one parent's list. Keys that differ in the parent alone share a statement."""

    spec: Spec
    window: Window
    parent: Key


@dataclass(frozen=True)
class Page(Generic[RowT]):
    """The rows of one window of a list."""

    rows: tuple[RowT, ...]
    more: bool
    listing: Listing[RowT]
    key: PageKey
    loaders: Loaders

    def cursor(self, row: RowT) -> str:
        return encode(self.listing, self.listing.key_of(row))

    async def has_next(self) -> bool:
        backward = self.key.window.backward
        return await self._comes_from_further() if backward else self.more

    async def has_previous(self) -> bool:
        backward = self.key.window.backward
        return self.more if backward else await self._comes_from_further()

    async def total(self) -> int:
        """How many rows the whole list has, whatever the window."""
        return await self.loaders.load(totals_of, self.key._replace(window=Window(0)))

    async def _comes_from_further(self) -> bool:
        window = self.key.window
        if (window.before if window.backward else window.after) is None:
            return False
        return await self.loaders.load(beyond_of, self.key)


async def page(
    loaders: Loaders, spec: Spec, asked: Asked, parent: Key = (), default: int | None = None
) -> Page[Any]:
    """The asked page; InputRefused where the arguments are wrong. `default` is the size where none is given."""
    spec = narrowed(spec, (await loaders.access()).visible)
    listing = spec.listing()
    key = PageKey(spec, _window(listing, asked, default), parent)
    found = await loaders.load(slices_of, key)
    return Page(found.rows, found.more, listing, key, loaders)


def _window(listing: Listing[Any], asked: Asked, default: int | None) -> Window:
    if (asked.first is None) == (asked.last is None):
        if asked.first is not None or default is None:
            raise InputRefused(
                RefusalCode.FIRST_OR_LAST_REQUIRED,
                f"Give either `first` or `last`, a number from 1 to {MOST}.",
            )
        size, backward = default, False
    else:
        backward = asked.first is None
        size = asked.first if asked.first is not None else asked.last or 0
    if not 1 <= size <= MOST:
        argument = "last" if backward else "first"
        raise InputRefused(RefusalCode.LIMIT_OUT_OF_RANGE, f"`{argument}` is {size}; it must be from 1 to {MOST}.")
    return Window(
        limit=size,
        backward=backward,
        after=None if asked.after is None else decode(listing, asked.after, "after"),
        before=None if asked.before is None else decode(listing, asked.before, "before"),
    )


@narrowed_itself
async def slices_of(connection: AsyncConnection, keys: Sequence[PageKey]) -> list[Slice[Any]]:
    """The rows of each page: one statement per list and window, whatever the number of parents."""
    return await _by_list(keys, lambda key, parents: slices(connection, key.spec.listing(), parents, key.window))


@narrowed_itself
async def totals_of(connection: AsyncConnection, keys: Sequence[PageKey]) -> list[int]:
    """The total of each list."""
    return await _by_list(keys, lambda key, parents: totals(connection, key.spec.listing(), parents))


@narrowed_itself
async def beyond_of(connection: AsyncConnection, keys: Sequence[PageKey]) -> list[bool]:
    """Whether each list has rows on the far side of where the page begins."""
    return await _by_list(
        keys, lambda key, parents: reaches_beyond(connection, key.spec.listing(), parents, key.window)
    )


async def _by_list(
    keys: Sequence[PageKey], read: Callable[[PageKey, Sequence[Key]], Awaitable[Sequence[AnswerT]]]
) -> list[AnswerT]:
    lists: dict[PageKey, list[PageKey]] = {}
    for key in keys:
        lists.setdefault(key._replace(parent=()), []).append(key)
    answers: dict[PageKey, AnswerT] = {}
    for listed, members in lists.items():
        parents = [member.parent for member in members]
        answers.update(zip(members, await read(listed, parents), strict=True))
    return [answers[key] for key in keys]
