"""Asks a document as each kind of caller would: whatever it is, the answer is data or a coded error, no defect."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from db.columns import now
from db.security.access import Standing, unrestricted
from db.statuses import Role
from pipelines.runtime import Rules
from schema.building import build
from schema.context import RequestContext
from schema.documents import Document
from tests.schema.api import SMALL, Api, granted_somewhere, open_api
from tests.server.ward import WAITING

CASES = int(os.environ.get("UNSHIP_FUZZ", "10000"))
"""How many documents each caller asks, altogether."""
BY_HYPOTHESIS = CASES // 20
"""How many of them hypothesis-graphql writes, which takes twenty times as long."""

_APPLY = """mutation ($yaml: String!) { applyConfiguration(input: {yaml: $yaml}) { userErrors { message } } }"""


class Callers:
    """One of each role, one who sees a single environment, and one of whom nobody asks who he is."""

    def __init__(self, api: Api, standings: list[Standing], ids: list[str]) -> None:
        self._api = api
        self._standings = standings
        self.ids = ids

    def __len__(self) -> int:
        return len(self._standings)

    async def answered(self, text: str) -> int:
        """How many of them get data. Raises AssertionError for an error without a code, or of our own."""
        document = build().documents.read_now(text)
        return sum([await self._answered(document, by) for by in self._standings])

    async def _answered(self, document: Document, by: Standing) -> bool:
        context = RequestContext(self._api.runtime, by, document=document)
        result = await build().execute(document.text, {}, context)
        for error in result.errors or []:
            code = (error.extensions or {}).get("code")
            assert code not in (None, "UNEXPECTED", "UNAVAILABLE"), (by.subject, document.text, error)
            assert "Traceback" not in error.message
        return result.data is not None


@contextmanager
def callers(directory: Path) -> Generator[tuple[Callers, Callable[[Coroutine[Any, Any, Any]], Any]]]:
    """They, over a small made-up history, and what runs a coroutine there."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        rules = Rules(authorize=True, post_prod_rollback=True)
        api = runner.run(stack.enter_async_context(open_api(f"sqlite:///{directory}/unship.db", SMALL, rules)))
        assert runner.run(api.data(_APPLY, {"yaml": WAITING}))["applyConfiguration"]["userErrors"] == []
        try:
            yield Callers(api, runner.run(_standings(api)), runner.run(_ids(api))), runner.run
        finally:
            runner.run(stack.aclose())


async def _standings(api: Api) -> list[Standing]:
    await granted_somewhere(api, "guest", Role.DEPLOYER)
    until = now() + timedelta(hours=1)
    named = [Standing(role.value, role=role, until=until) for role in Role]
    return [*named, Standing("guest", until=until), unrestricted("tester")]


async def _ids(api: Api) -> list[str]:
    """Ids that are there, of every kind, and some that are not."""
    found = await api.data(
        "{ services(first: 2) { nodes { id } } environments(first: 2) { nodes { id } } "
        "executions(first: 3) { nodes { id stages { id steps { id } } } } instances(first: 2) { nodes { id } } }"
    )

    def ids(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            for one in cast("list[Any]", value):
                yield from ids(one)
        elif isinstance(value, dict):
            yield from ids(list(cast("dict[str, Any]", value).values()))

    return [*ids(found), "", "nothing", "U2VydmljZTo", "=" * 50]
