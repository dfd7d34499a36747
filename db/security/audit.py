"""The audit log: appended to, never changed; each entry is sealed together with the one before it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlmodel import col

from db.columns import now
from db.database import Database
from db.queries.columns import columns_of
from db.statuses import AuditOutcome
from db.tables import AuditEntry

Detail = str | int | Sequence[str] | None

KEY_BYTES = 32
# What the first entry has in place of the mac of an entry before it.
NO_MAC = "0" * 64

# Any constant that nothing else in the database uses as an advisory lock.
_ADVISORY_LOCK = 7_305_861_022_115_530_242
_LONGEST_TEXT = 2_000
_CHUNK = 1_000
# What reading a column raises that somebody else has written to: no text, no member, no timestamp, no JSON.
_UNREADABLE = (DBAPIError, LookupError, ValueError, TypeError, RecursionError)


_LAST = sa.select(col(AuditEntry.sequence), col(AuditEntry.mac)).order_by(col(AuditEntry.sequence).desc()).limit(1)


class Entry(NamedTuple):
    """An entry as it is stored; the columns of `AuditEntry`.

    `target` names one thing or several, each as `Kind:name`, or is what a caller wrote.
    """

    sequence: int
    at: datetime
    subject: str
    action: str
    target: str
    outcome: AuditOutcome
    reason: str | None
    code: str | None
    message: str | None
    details: dict[str, Any]
    previous_mac: str
    mac: str

    def sealed(self, key: bytes) -> str:
        """The mac that the entry must have: HMAC-SHA256 of all its other columns as canonical JSON."""
        columns = {
            **self._asdict(),
            "at": self.at.isoformat(timespec="microseconds"),
            "outcome": self.outcome.value,
        }
        del columns["mac"]
        canonical = json.dumps(columns, sort_keys=True, separators=(",", ":"))
        return hmac.new(key, canonical.encode(), hashlib.sha256).hexdigest()

    def fits(self, key: bytes) -> bool:
        """Whether its mac is the one it must have."""
        try:
            return self.sealed(key) == self.mac
        except (TypeError, ValueError):
            return False  # a column of another type than it was written with


@dataclass(frozen=True)
class Happened:
    """An attempt to change something: by whom, what, to what, how it ended.

    `reason` is the caller's why; `code` and `message` say why it was not accepted. Details without a value are
    left out, texts of any length and content may be given.
    """

    subject: str
    action: str
    target: str
    outcome: AuditOutcome
    reason: str | None = None
    code: str | None = None
    message: str | None = None
    details: Mapping[str, Detail] = field(default_factory=dict[str, Detail])


@dataclass(frozen=True)
class AuditLog:
    """The log in a database, sealed with a key that is not in the database."""

    database: Database
    key: bytes = field(repr=False)

    async def record(self, happened: Happened) -> None:
        """Append in a transaction of its own."""
        async with self.database.write() as session:
            await self.append(session, happened)

    async def append(self, session: AsyncSession, happened: Happened) -> None:
        """Append in the caller's transaction, which from here on excludes all others that append."""
        if not self.database.is_sqlite:
            await session.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        last = (await session.execute(_LAST)).first()
        entry = Entry(
            sequence=last.sequence + 1 if last else 1,
            at=now(),
            subject=_text(happened.subject),
            action=happened.action,
            target=_text(happened.target),
            outcome=happened.outcome,
            reason=_optional(happened.reason),
            code=_optional(happened.code),
            message=_optional(happened.message),
            details={name: _detail(value) for name, value in happened.details.items() if value is not None},
            previous_mac=last.mac if last else NO_MAC,
            mac="",
        )
        session.add(AuditEntry(**entry._replace(mac=entry.sealed(self.key))._asdict()))
        await session.flush()


@dataclass(frozen=True)
class Unreadable:
    """An entry with a column that holds what cannot have been written there."""

    sequence: int


async def last_entry(connection: AsyncConnection) -> Entry | Unreadable | None:
    last = (await connection.execute(_LAST)).first()
    return None if last is None else await _read_one(connection, last.sequence)


async def entries(connection: AsyncConnection) -> AsyncGenerator[Entry | Unreadable]:
    """All entries by sequence, a thousand at a time."""
    sequence = col(AuditEntry.sequence)
    rest = sa.select(sequence).order_by(sequence).limit(_CHUNK)
    chunk = rest
    while True:
        numbers = (await connection.execute(chunk)).scalars().all()
        if not numbers:
            return
        chunk = rest.where(sequence > numbers[-1])
        try:
            found: Sequence[Entry | Unreadable] = await _read(connection, numbers[0], numbers[-1])
        except _UNREADABLE:
            found = [await _read_one(connection, number) for number in numbers]
        for entry in found:
            yield entry


async def _read(connection: AsyncConnection, first: int, last: int) -> list[Entry]:
    sequence = col(AuditEntry.sequence)
    statement = sa.select(*columns_of(AuditEntry, Entry)).where(sequence.between(first, last)).order_by(sequence)
    return [Entry(*row) for row in await connection.execute(statement)]


async def _read_one(connection: AsyncConnection, number: int) -> Entry | Unreadable:
    try:
        return (await _read(connection, number, number))[0]
    except _UNREADABLE:
        return Unreadable(number)


def digest_of(text: str) -> str:
    """The SHA-256 of a text that is too long, or too secret, for the log."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _detail(value: Detail) -> Detail:
    if value is None or isinstance(value, int):
        return value
    return _text(value) if isinstance(value, str) else [_text(one) for one in value]


def _optional(value: str | None) -> str | None:
    return None if value is None else _text(value)


def _text(value: str) -> str:
    """A text that every database can hold, and no longer than anybody will read."""
    kept = value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "…"
    return kept.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
