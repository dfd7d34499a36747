"""What the commands about tokens, grants and the audit log share: the database, and an entry for each change.

They work beside a running server. Imports db.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from db import migrate
from db.columns import now
from db.database import Database
from db.security.audit import AuditLog, Detail, Happened
from db.statuses import AuditOutcome
from server.audit_key import sealing_key
from server.settings import Settings

ChangedT = TypeVar("ChangedT")

_NOT_ENFORCED = (
    "note: with UNSHIP_AUTH=none roles and grants are recorded but not enforced: whoever reaches the port may do"
    " everything, with a token or without"
)


class AdministrationRefused(Exception):
    """What was asked for cannot be; the message says why and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Deed:
    """What an operator wants to change, for the audit log."""

    action: str
    target: str
    details: Mapping[str, Detail] = field(default_factory=dict[str, Detail])


@asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[Database]:
    """The database of these settings, at the newest migration."""
    settings.prepare_files()
    await migrate.upgrade(settings.resolved_database_url)
    database = Database(settings.resolved_database_url)
    try:
        yield database
    finally:
        await database.close()


async def carry_out(
    settings: Settings,
    deed: Deed,
    change: Callable[[AsyncSession], Awaitable[tuple[ChangedT, Mapping[str, Detail]]]],
) -> ChangedT:
    """The result of a change, and its entry with the details that came of it: both are committed, or neither.

    A refused one is recorded as well, and raised.
    """
    async with opened(settings) as database:
        log = AuditLog(database, await sealing_key(settings))
        try:
            async with database.write() as session:
                changed, details = await change(session)
                await log.append(session, _happened(deed, AuditOutcome.ACCEPTED, details))
        except AdministrationRefused as refused:
            await log.record(_happened(deed, AuditOutcome.REFUSED, {}, refused))
            raise
    return changed


def operator() -> str:
    """Who works on this machine, by the account and not by what the environment says."""
    user = os.getuid()
    try:
        return f"operator:{pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"operator:{user}"


def note_what_is_enforced(settings: Settings) -> None:
    """Say so on standard error where a role or grant has no effect."""
    if not settings.authenticates:
        print(_NOT_ENFORCED, file=sys.stderr)


def utc(moment: datetime | None) -> str:
    """To the second, with a Z; empty for none."""
    return "" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def state(expires_at: datetime, revoked_at: datetime | None) -> str:
    if revoked_at is not None:
        return f"revoked {utc(revoked_at)}"
    return "expired" if expires_at <= now() else "active"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines with columns in line, for people and for awk."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (heads, *rows)]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def _happened(
    deed: Deed, outcome: AuditOutcome, details: Mapping[str, Detail], refused: AdministrationRefused | None = None
) -> Happened:
    return Happened(
        subject=operator(),
        action=deed.action,
        target=deed.target,
        outcome=outcome,
        code=refused.code if refused else None,
        message=str(refused) if refused else None,
        details={**deed.details, **details},
    )
