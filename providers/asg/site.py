"""One region of an account as the steps see it, with the attempt that acts. Knows no rules of deployments."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from pydantic import JsonValue

from providers.aws.account import Look
from providers.aws.client import Region
from providers.errors import ProviderTimedOut
from providers.interface import Attempt
from providers.tree import Tree

FIRST_POLL_SECONDS, LONGEST_POLL_SECONDS = 0.04, 1.0


@dataclass(frozen=True)
class Site:
    """Reading requests. `doing` completes "Unship could not ..."."""

    region: Region

    async def ask(self, service: str, operation: str, doing: str, **parameters: object) -> Tree:
        return await self.region.call(service, operation, _tree(parameters), doing)

    async def list(
        self, service: str, operation: str, key: str, doing: str, **parameters: object
    ) -> list[JsonValue]:
        """The members of the list `key`, over all pages."""
        return await self.region.list(service, operation, _tree(parameters), doing, key)


@dataclass(frozen=True)
class Work(Site):
    """A site with an attempt: requests that change something, and waits that end with its time."""

    attempt: Attempt
    began: float = field(default_factory=time.monotonic)
    done: list[str] = field(default_factory=list[str])
    """The operations that were sent and not refused."""

    async def change(
        self,
        service: str,
        operation: str,
        doing: str,
        parameters: Mapping[str, object],
        look: Look | None = None,
    ) -> Tree:
        """One request that changes something, and whose repetition changes nothing more.

        Where it would, `look` is asked before: it tells whether the first one had its effect, as in `Region.call`.
        """
        effect = self.attempt.before_effect
        answer = await self.region.call(
            service, operation, _tree(parameters), doing, effect=effect, repeatable=look is None, look=look
        )
        self.done.append(operation)
        return answer

    async def polls(self, waiting: Waiting) -> AsyncIterator[None]:
        """Ever slower, until time is over: then ProviderTimedOut says what was awaited and what was seen last."""
        pause = FIRST_POLL_SECONDS
        ends = self.began + self.attempt.seconds_left
        while True:
            yield
            left = ends - time.monotonic()
            if left <= 0:
                raise ProviderTimedOut(f"{waiting.what} did not happen in time.", waiting.seen or None)
            await asyncio.sleep(min(pause, left))
            pause = min(LONGEST_POLL_SECONDS, pause * 1.4)


@dataclass
class Waiting:
    """What is waited for, and what was last seen of it."""

    what: str
    seen: str = ""


def _tree(parameters: Mapping[str, object]) -> Tree:
    """Parameters as JSON, which all of ours are."""
    return cast("Tree", dict(parameters))
