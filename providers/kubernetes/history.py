"""The release history: one labelled Secret for each release, on the cluster, so that it survives Unship.

Creating a record is the guard against doing a step twice: its name carries the next number and it carries the
step's token, so of two attempts one creates it and the other finds it. A record holds what the release applied and
what each of its objects said before, which is the way back; both stay in Secrets because they may hold some.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import gzip
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property

from pydantic import JsonValue

from providers.errors import ProviderConflict, ProviderError, ProviderRefused
from providers.kubernetes.client import Effect
from providers.kubernetes.cluster import Cluster, by_selector, each
from providers.kubernetes.discovery import SECRET
from providers.kubernetes.objects import KubeObject, Ref, annotation, label
from providers.kubernetes.tree import Tree, text
from providers.kubernetes.values import Operation
from providers.values import Artifact, Value

RECORD_TYPE = "unship.dev/release.v1"
HISTORY_LABEL = "unship.dev/history"
NUMBER_LABEL = "unship.dev/number"
STATUS_LABEL = "unship.dev/status"
OPERATION_LABEL = "unship.dev/operation"
STEP_ANNOTATION = "unship.dev/token"
TIME_ANNOTATION = "unship.dev/time"
# How many releases that were really deployed are kept; a way back needs the newest only.
KEPT_RELEASES = 10
# A Secret takes 1 MiB; base64 and metadata need their part of it.
MOST_BYTES = 700_000
_MOST_UNPACKED = 64 << 20


class Status(StrEnum):
    PENDING = "pending"
    DEPLOYED = "deployed"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"


# What was really deployed at some time, as opposed to tried.
REAL = frozenset({Status.DEPLOYED, Status.SUPERSEDED, Status.ROLLED_BACK})


class StoredObject(Value):
    """An object in a record; `body` is None where it did not exist."""

    api_version: str
    kind: str
    name: str
    namespace: str | None = None
    body: dict[str, JsonValue] | None = None

    @classmethod
    def of(cls, ref: Ref, body: Tree | None) -> StoredObject:
        return cls(api_version=ref.api_version, kind=ref.kind, name=ref.name, namespace=ref.namespace, body=body)

    @property
    def ref(self) -> Ref:
        return Ref.of(self.api_version, self.kind, self.name, self.namespace)


class Content(Value):
    """What a record holds: what was applied, and what was there before.

    `restored` is the release that a rollback went back to; `replicas` what a scale step decided on.
    """

    artifact: Artifact | None = None
    applied: tuple[StoredObject, ...] = ()
    before: tuple[StoredObject, ...] = ()
    restored: int | None = None
    replicas: int | None = None


@dataclass(frozen=True)
class Record:
    """One release of the history. `uid` is its Secret's, `packed` its content as stored there."""

    name: str
    uid: str
    number: int
    status: Status
    operation: Operation
    token: str
    packed: str = field(repr=False)

    @property
    def real(self) -> bool:
        return self.status in REAL

    @cached_property
    def content(self) -> Content:
        """What it holds; ProviderRefused if somebody changed it. Unpacked when first asked for: few are."""
        try:
            packed = base64.b64decode(self.packed, validate=True)
            unpacked = zlib.decompressobj(wbits=31).decompress(packed, _MOST_UNPACKED)
            return Content.model_validate_json(unpacked)
        except (ValueError, binascii.Error, zlib.error) as error:
            raise _unreadable(self.name) from error


class History:
    """The records of one release name in one namespace."""

    def __init__(self, cluster: Cluster, namespace: str, release: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._release = release

    async def read(self) -> tuple[Record, ...]:
        """All records, oldest first."""
        selector = by_selector({HISTORY_LABEL: self._release})
        secrets = await self._cluster.list(SECRET, self._namespace, selector)
        return tuple(sorted((_record(secret) for secret in secrets), key=lambda record: record.number))

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
            body = self._secret(number, operation, token, content)
            try:
                return _record(await self._cluster.create(SECRET, self._namespace, body, effect))
            except ProviderConflict:
                # Ours, whose answer was lost, or another writer's: the list tells.
                records = await self.read()
        raise ProviderConflict(
            f'Others keep writing releases of "{self._release}" in namespace {self._namespace}: try again.'
        )

    async def mark(self, records: Iterable[Record], status: Status, effect: Effect) -> None:
        """Set the status of records; those that are gone stay gone."""

        async def one(record: Record) -> None:
            patch: Tree = {"metadata": {"labels": {STATUS_LABEL: status.value}}}
            await self._cluster.merge(SECRET, self._ref(record), patch, effect)

        await each([record for record in records if record.status is not status], one)

    async def finish(
        self,
        record: Record,
        records: tuple[Record, ...],
        effect: Effect,
        *,
        undone: tuple[Record, ...] = (),
    ) -> None:
        """The step of `record` has succeeded: it is what is deployed now, and `undone` no longer is."""
        await self.mark([record], Status.DEPLOYED, effect)
        older = [item for item in records if item.number < record.number]
        numbers = {item.number for item in undone if item.real}
        deployed = [item for item in older if item.status is Status.DEPLOYED and item.number not in numbers]
        await asyncio.gather(
            self.mark([item for item in older if item.number in numbers], Status.ROLLED_BACK, effect),
            self.mark(deployed, Status.SUPERSEDED, effect),
            self._prune(older, effect),
        )

    async def fail(self, record: Record, effect: Effect) -> None:
        """The step of `record` has failed. The note of it may get lost: a record left pending means the same."""
        try:
            await self.mark([record], Status.FAILED, effect)
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

    def _secret(self, number: int, operation: Operation, token: str, content: Content) -> Tree:
        packed = gzip.compress(content.model_dump_json().encode(), mtime=0)
        if len(packed) > MOST_BYTES:
            raise ProviderRefused(
                f'Release "{self._release}" and what it replaces have {len(packed)} bytes even when compressed, '
                f"more than a Secret takes ({MOST_BYTES}): split the service."
            )
        labels: Mapping[str, str] = {
            HISTORY_LABEL: self._release,
            NUMBER_LABEL: str(number),
            STATUS_LABEL: Status.PENDING.value,
            OPERATION_LABEL: operation.value,
        }
        annotations = {STEP_ANNOTATION: token, TIME_ANNOTATION: datetime.now(UTC).isoformat(timespec="seconds")}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": RECORD_TYPE,
            "metadata": {
                "name": f"unship.{self._release}.v{number}",
                "namespace": self._namespace,
                "labels": dict(labels),
                "annotations": dict(annotations),
            },
            "data": {"release": base64.b64encode(packed).decode()},
        }


def of_token(records: Iterable[Record], token: str) -> Record | None:
    return next((record for record in records if record.token == token), None)


def newest_real(records: Iterable[Record]) -> Record | None:
    """The newest release that was really deployed."""
    return max((record for record in records if record.real), key=lambda record: record.number, default=None)


def applied_objects(record: Record) -> tuple[KubeObject, ...]:
    return tuple(KubeObject(item.ref, item.body) for item in record.content.applied if item.body is not None)


def _record(secret: Tree) -> Record:
    name = text(secret, "metadata", "name") or ""
    try:
        return Record(
            name=name,
            uid=text(secret, "metadata", "uid") or "",
            number=int(label(secret, NUMBER_LABEL) or ""),
            status=Status(label(secret, STATUS_LABEL) or ""),
            operation=Operation(label(secret, OPERATION_LABEL) or ""),
            token=annotation(secret, STEP_ANNOTATION) or "",
            packed=text(secret, "data", "release") or "",
        )
    except ValueError as error:
        raise _unreadable(name) from error


def _unreadable(name: str) -> ProviderRefused:
    return ProviderRefused(f"The release record Secret/{name} was changed by hand and cannot be read.")
