"""Deployments and rollbacks that a client starts one after another at any of several servers."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from tests.durability.audience import Audience, over_a_socket
from tests.durability.crowds import ROLL_BACK, RUN
from tests.durability.effects import Effects
from tests.durability.ordeals import DEPLOYED, ROLLED_BACK
from tests.durability.rehearsal import namespaces
from tests.support.shop import NEW, OLD, Shop

_PATIENCE_SECONDS = 60
# Replica sets are there again after the first time; the oldest records of a release go when there are enough.
_HOUSEKEEPING = {"ReplicaSet created", "ReplicaSet deleted", "Secret deleted"}


@dataclass
class Traffic:
    """Starts executions through `session` until `enough` is set; what it started is in `accepted`, in order.

    `asked_again`: how often a server did not take a mutation, or its answer was lost.
    """

    urls: Sequence[str]
    audience: Audience
    effects: Effects
    random: Random
    session: aiohttp.ClientSession
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    accepted: list[str] = field(default_factory=list[str])
    applied: int = 0
    asked_again: int = 0
    started: asyncio.Event = field(default_factory=asyncio.Event)

    async def keep_going(self, shop: Shop) -> None:
        """Deploy the new version over the old one and roll it back, again and again; each must be right."""
        for number in itertools.count():
            if self.enough.is_set():
                return
            wanted = {"pipelineIdentifier": shop.name, "variables": {"tag": NEW}}
            deployment = await self._carried_out(shop, RUN, wanted, f"{shop.name}-{number}", DEPLOYED)
            _assert_runs(shop, NEW)
            target = {"target": {"executionId": deployment}}
            await self._carried_out(shop, ROLL_BACK, target, f"{shop.name}-undo-{number}", ROLLED_BACK)
            _assert_runs(shop, OLD)

    async def _carried_out(
        self, shop: Shop, mutation: str, given: dict[str, Any], key: str, expected: dict[str, int]
    ) -> str:
        mark = self.effects.mark
        payload = await self._ask(mutation, given | {"idempotencyKey": key})
        assert payload["userErrors"] == [], payload
        execution: str = payload["execution"]["id"]
        self.accepted.append(execution)
        self.started.set()
        reading = await self.audience.read(execution, over_a_socket)
        assert reading.status == "SUCCEEDED", reading
        effects = self.effects.since(mark, *namespaces(shop))
        found = {what: count for what, count in effects.items() if what not in _HOUSEKEEPING}
        assert found == expected, f"{execution}: {effects}"
        self.applied += sum(found.values())
        return execution

    async def _ask(self, mutation: str, given: dict[str, Any]) -> dict[str, Any]:
        """The payload, from the first server that takes the mutation."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                with suppress(aiohttp.ClientError):
                    body = {"query": mutation, "variables": {"input": given}}
                    async with self.session.post(self.random.choice(self.urls), json=body) as response:
                        if response.status != 503:
                            answer = await response.json()
                            assert "errors" not in answer, answer
                            payload: dict[str, Any] = next(iter(answer["data"].values()))
                            return payload
                self.asked_again += 1
                await asyncio.sleep(self.random.uniform(0, 0.2))


def _assert_runs(shop: Shop, tag: str) -> None:
    for environment in ("staging", "prod"):
        assert {image.partition(":")[2] for image in shop.images(environment)} == {tag}
