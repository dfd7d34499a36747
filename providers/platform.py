"""The base of the platforms: what one declares is loaded with the server, its verbs when one is needed."""

from __future__ import annotations

from importlib import import_module
from typing import Generic

from pydantic import BaseModel

from providers.connectors import Connectors
from providers.interface import Attempt, SnapshotT, TargetT, Verbs
from providers.values import Change, LiveInstance, Obstacle, Outcome, Release


class Platform(Generic[TargetT, SnapshotT]):
    """A `Provider` in two parts: its declarations, on the subclass, and its verbs, in a module of their own.

    `verbs` is where these are, as "package.module:Class"; the class takes the connectors. Clients and SDKs are
    imported with it, so a server loads only those of the platforms that it works with.
    """

    verbs: str
    source_connector_types: frozenset[str] = frozenset()

    def __init__(self, connectors: Connectors) -> None:
        self._connectors = connectors
        self._loaded: Verbs[TargetT, SnapshotT] | None = None

    def load(self) -> Verbs[TargetT, SnapshotT]:
        """The verbs, imported at the first call."""
        if self._loaded is None:
            module, _, name = self.verbs.partition(":")
            verbs: Verbs[TargetT, SnapshotT] = getattr(import_module(module), name)(self._connectors)
            self._loaded = verbs
        return self._loaded

    async def capture(self, target: TargetT, release: Release) -> SnapshotT:
        return await self.load().capture(target, release)

    async def deploy(self, target: TargetT, release: Release, step: BaseModel, attempt: Attempt) -> Outcome:
        return await self.load().deploy(target, release, step, attempt)

    async def roll_back(self, target: TargetT, snapshot: SnapshotT, step: BaseModel, attempt: Attempt) -> Outcome:
        return await self.load().roll_back(target, snapshot, step, attempt)

    async def instances(self, target: TargetT, release: Release) -> tuple[LiveInstance, ...]:
        return await self.load().instances(target, release)

    async def preview(self, target: TargetT, snapshot: SnapshotT) -> tuple[Change, ...]:
        return await self.load().preview(target, snapshot)

    async def preflight(self, target: TargetT, snapshot: SnapshotT) -> tuple[Obstacle, ...]:
        return await self.load().preflight(target, snapshot)

    async def check(self, connector: str) -> str:
        return await self.load().check(connector)

    async def close(self) -> None:
        if self._loaded is not None:
            await self._loaded.close()
