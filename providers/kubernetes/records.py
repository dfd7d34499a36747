"""What a release record says, and how it is written into a Secret and read back. Pure."""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property

from pydantic import JsonValue

from providers.errors import ProviderRefused
from providers.kubernetes.objects import KubeObject, Ref, annotation, label
from providers.kubernetes.values import Operation
from providers.tree import Tree, text
from providers.values import Artifact, Value

RECORD_TYPE = "unship.dev/release.v1"
HISTORY_LABEL = "unship.dev/history"
NUMBER_LABEL = "unship.dev/number"
STATUS_LABEL = "unship.dev/status"
OPERATION_LABEL = "unship.dev/operation"
STEP_ANNOTATION = "unship.dev/token"
TIME_ANNOTATION = "unship.dev/time"
SERVICE_ANNOTATION = "unship.dev/service"
# A Secret takes 1 MiB; base64 and metadata need their part of it.
MOST_BYTES = 700_000
_MOST_UNPACKED = 64 << 20


class Status(StrEnum):
    PENDING = "pending"
    DEPLOYED = "deployed"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"


_FINISHED = frozenset({Status.DEPLOYED, Status.SUPERSEDED, Status.ROLLED_BACK})
# A canary is there to be looked at and goes again: no state that anything goes back to begins with one.
_TRIALS = frozenset({Operation.CANARY, Operation.CANARY_DELETE})


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
    """What a record holds: what was applied, for which service, and what was there before.

    `restored` is the release that a rollback went back to; `replicas` what a scale step decided on.
    """

    service: str | None = None
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
    service: str | None
    packed: str = field(repr=False)

    @property
    def finished(self) -> bool:
        """Whether its step came to its end."""
        return self.status in _FINISHED

    @property
    def real(self) -> bool:
        """Whether it was really deployed at some time, as opposed to tried."""
        return self.finished and self.operation not in _TRIALS

    @cached_property
    def content(self) -> Content:
        """What it holds; ProviderRefused if somebody changed it. Unpacked when first asked for: few are."""
        try:
            packed = base64.b64decode(self.packed, validate=True)
            unpacked = zlib.decompressobj(wbits=31).decompress(packed, _MOST_UNPACKED)
            return Content.model_validate_json(unpacked)
        except (ValueError, binascii.Error, zlib.error) as error:
            raise _unreadable(self.name) from error


def of_token(records: Iterable[Record], token: str) -> Record | None:
    return next((record for record in records if record.token == token), None)


def newest(records: Sequence[Record]) -> Record | None:
    """The last of a history, which is in its order."""
    return records[-1] if records else None


def newest_real(records: Iterable[Record]) -> Record | None:
    """The newest release that was really deployed."""
    return max((record for record in records if record.real), key=lambda record: record.number, default=None)


def applied_by(record: Record) -> tuple[KubeObject, ...]:
    """The objects of a record as its step decided on them."""
    return tuple(
        KubeObject(stored.ref, stored.body) for stored in record.content.applied if stored.body is not None
    )


def refuse_of_another(records: Iterable[Record], service: str, release: str) -> None:
    """ProviderRefused where the release is another service's: a rollback of one would undo the other."""
    owner = next((record.service for record in records if record.real and record.service), service)
    if owner != service:
        raise ProviderRefused(
            f'Release "{release}" belongs to the service "{owner}": give "{service}" a releaseName of its own, '
            "such as release-<+INFRA_KEY_SHORT_ID>."
        )


@dataclass(frozen=True)
class NewRecord:
    """A record that is still to be created."""

    release: str
    namespace: str
    number: int
    operation: Operation
    token: str
    content: Content

    def secret(self) -> Tree:
        """The Secret that carries it; ProviderRefused if it is too large for one."""
        packed = gzip.compress(self.content.model_dump_json().encode(), mtime=0)
        if len(packed) > MOST_BYTES:
            raise ProviderRefused(
                f'Release "{self.release}" and what it replaces have {len(packed)} bytes even when compressed, '
                f"more than a Secret takes ({MOST_BYTES}): split the service."
            )
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": RECORD_TYPE,
            "metadata": {
                "name": f"unship.{self.release}.v{self.number}",
                "namespace": self.namespace,
                "labels": {
                    HISTORY_LABEL: self.release,
                    NUMBER_LABEL: str(self.number),
                    STATUS_LABEL: Status.PENDING.value,
                    OPERATION_LABEL: self.operation.value,
                },
                "annotations": {
                    STEP_ANNOTATION: self.token,
                    TIME_ANNOTATION: datetime.now(UTC).isoformat(timespec="seconds"),
                    **({SERVICE_ANNOTATION: self.content.service} if self.content.service else {}),
                },
            },
            "data": {"release": base64.b64encode(packed).decode()},
        }


def parse_record(secret: Tree) -> Record:
    """The record of a Secret; ProviderRefused if it is none any more."""
    name = text(secret, "metadata", "name") or ""
    try:
        return Record(
            name=name,
            uid=text(secret, "metadata", "uid") or "",
            number=int(label(secret, NUMBER_LABEL) or ""),
            status=Status(label(secret, STATUS_LABEL) or ""),
            operation=Operation(label(secret, OPERATION_LABEL) or ""),
            token=annotation(secret, STEP_ANNOTATION) or "",
            service=annotation(secret, SERVICE_ANNOTATION),
            packed=text(secret, "data", "release") or "",
        )
    except ValueError as error:
        raise _unreadable(name) from error


def _unreadable(name: str) -> ProviderRefused:
    return ProviderRefused(f"The release record Secret/{name} was changed by hand and cannot be read.")
