"""The release history: one labelled Secret for each release, on the cluster, so that it survives Unship.

Creating a record is the guard against doing a step twice: its name carries the next number and it carries the
step's token, so of two attempts one creates it and the other finds it. A record holds what the release applied and
what each of its objects said before, which is the way back; both stay in Secrets because they may hold some.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

from providers.errors import ProviderConflict, ProviderError
from providers.kubernetes.calls import Effect
from providers.kubernetes.cluster import by_selector, each
from providers.kubernetes.discovery import SECRET
from providers.kubernetes.live import Site
from providers.kubernetes.objects import Ref
from providers.kubernetes.records import (
    HISTORY_LABEL,
    STATUS_LABEL,
    Content,
    NewRecord,
    Record,
    Status,
    of_token,
    parse_record,
)
from providers.kubernetes.values import Operation
from providers.tree import Tree

# How many releases that were really deployed are kept; a way back needs the newest only.
KEPT_RELEASES = 10


class History:
    """The records of one release name in one namespace."""

    def __init__(self, site: Site) -> None:
        self._cluster = site.cluster
        self._namespace = site.namespace
        self._release = site.release

    async def read(self) -> tuple[Record, ...]:
        """All records, oldest first."""
        selector = by_selector({HISTORY_LABEL: self._release})
        secrets = await self._cluster.list(SECRET, self._namespace, selector)
        return tuple(sorted((parse_record(secret) for secret in secrets), key=lambda record: record.number))

    async def begin(
        self,
        records: tuple[Record, ...],
        operation: Operation,
        token: str,
        content: Content,
        effect: Effect,
    ) -> Record:
        """The record of this token: the one that is there, or a new one with the next number."""
        for _ in range(5):
            own = of_token(records, token)
            if own is not None:
                return own
            number = records[-1].number + 1 if records else 1
            body = NewRecord(self._release, self._namespace, number, operation, token, content).secret()
            try:
                return parse_record(await self._cluster.create(SECRET, self._namespace, body, effect))
            except ProviderConflict:
                # Ours, whose answer was lost, or another writer's: the list tells.
                records = await self.read()
        raise ProviderConflict(
            f'Others keep writing releases of "{self._release}" in namespace {self._namespace}: try again.'
        )

    async def _mark(self, records: Iterable[Record], status: Status, effect: Effect) -> None:
        """Set the status of records; those that are gone stay gone."""

        async def one(record: Record) -> None:
            patch: Tree = {"metadata": {"labels": {STATUS_LABEL: status.value}}}
            await self._cluster.merge(SECRET, self._ref(record), patch, effect)

        await each([record for record in records if record.status is not status], one)

    @asynccontextmanager
    async def ending(
        self,
        record: Record,
        records: tuple[Record, ...],
        effect: Effect,
        *,
        undone: tuple[Record, ...] = (),
    ) -> AsyncGenerator[None]:
        """Around what the step of `record` does: notes how it ended, for the records before it too."""
        try:
            yield
        except ProviderError:
            await self._fail(record, effect)
            raise
        await self._finish(record, records, effect, undone=undone)

    async def settle(
        self, records: tuple[Record, ...], restored: int, effect: Effect, *, undone: tuple[Record, ...]
    ) -> None:
        """Note that a rollback to the release `restored`, which had failed, has come to its end after all."""
        late = [record for record in undone if record.content.restored == restored and not record.finished]
        if late:
            await self._finish(late[-1], records, effect, undone=undone)

    async def _finish(
        self,
        record: Record,
        records: tuple[Record, ...],
        effect: Effect,
        *,
        undone: tuple[Record, ...] = (),
    ) -> None:
        """The step of `record` has succeeded: it is what is deployed now, and `undone` no longer is.

        Its own mark comes last: where this is broken off, the repetition of the step makes the others.
        """
        older = [item for item in records if item.number < record.number]
        numbers = {item.number for item in undone if item.finished}
        deployed = [item for item in older if item.status is Status.DEPLOYED and item.number not in numbers]
        await asyncio.gather(
            self._mark([item for item in older if item.number in numbers], Status.ROLLED_BACK, effect),
            self._mark(deployed, Status.SUPERSEDED, effect),
            self._prune(older, effect),
        )
        await self._mark([record], Status.DEPLOYED, effect)

    async def _fail(self, record: Record, effect: Effect) -> None:
        """The step of `record` has failed. The note of it may get lost: a record left pending means the same."""
        try:
            await self._mark([record], Status.FAILED, effect)
        except ProviderError:
            return

    async def _prune(self, older: list[Record], effect: Effect) -> None:
        real = [record.number for record in older if record.real]
        if len(real) < KEPT_RELEASES:
            return
        oldest_kept = real[-KEPT_RELEASES]

        async def one(record: Record) -> None:
            await self._cluster.delete(self._ref(record), record.uid, effect)

        await each([record for record in older if record.number < oldest_kept], one)

    def _ref(self, record: Record) -> Ref:
        return Ref.of("v1", "Secret", record.name, self._namespace)
