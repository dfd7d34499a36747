"""Machine tokens: made, found by their secret, listed, revoked."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlmodel import col

from db.columns import now
from db.queries.columns import columns_of
from db.statuses import Role
from db.tables import MachineToken

OWN_PREFIX = "unship_"

_BYTES = 32
_SHOWN = len(OWN_PREFIX) + 6
_SECRET = re.compile(r"unship_[A-Za-z0-9_-]{43}")


class TokenRow(NamedTuple):
    id: str
    name: str
    role: Role
    prefix: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None

    def holds_at(self, moment: datetime) -> bool:
        """Whether it lets anybody in at that moment."""
        return self.revoked_at is None and moment < self.expires_at


class NewToken(NamedTuple):
    """A token and its secret, which nothing can tell again."""

    row: TokenRow
    secret: str


async def create_token(
    session: AsyncSession, name: str, role: Role, expires_at: datetime, created_by: str
) -> NewToken | None:
    """Make a token of 32 random bytes; None where one of that name is not revoked yet."""
    if await _live_named(session, name) is not None:
        return None
    secret = f"{OWN_PREFIX}{secrets.token_urlsafe(_BYTES)}"
    token = MachineToken(
        name=name,
        role=role,
        prefix=secret[:_SHOWN],
        sha256=_digest(secret),
        created_by=created_by,
        expires_at=expires_at,
    )
    session.add(token)
    await session.flush()
    return NewToken(TokenRow(*(getattr(token, field) for field in TokenRow._fields)), secret)


async def token_of(connection: AsyncConnection, secret: str) -> TokenRow | None:
    """The token with this secret, be it expired or revoked; None for whatever else.

    What the database compares is the part that may be shown; the rest is compared in constant time.
    """
    if not _SECRET.fullmatch(secret):
        return None
    statement = sa.select(col(MachineToken.sha256), *columns_of(MachineToken, TokenRow))
    alike = (await connection.execute(statement.where(col(MachineToken.prefix) == secret[:_SHOWN]))).all()
    digest = _digest(secret)
    found = [TokenRow(*row) for stored, *row in alike if hmac.compare_digest(stored, digest)]
    return found[0] if found else None


async def token_by_id(connection: AsyncConnection | AsyncSession, token_id: str) -> TokenRow | None:
    statement = sa.select(*columns_of(MachineToken, TokenRow)).where(col(MachineToken.id) == token_id)
    row = (await connection.execute(statement)).first()
    return None if row is None else TokenRow(*row)


async def name_in_use(connection: AsyncConnection, name: str) -> bool:
    """Whether a token that is not revoked has this name."""
    return await _live_named(connection, name) is not None


async def all_tokens(connection: AsyncConnection | AsyncSession) -> Sequence[TokenRow]:
    """Every token there ever was, the oldest first."""
    statement = sa.select(*columns_of(MachineToken, TokenRow)).order_by(col(MachineToken.id))
    return [TokenRow(*row) for row in await connection.execute(statement)]


async def revoke_token(session: AsyncSession, name_or_id: str) -> TokenRow | None:
    """Revoke the token of that name or id; None where none that is not revoked has it."""
    token_id = await _live_named(session, name_or_id)
    changed = await session.execute(
        sa.update(MachineToken)
        .where(col(MachineToken.id) == (token_id or name_or_id), col(MachineToken.revoked_at).is_(None))
        .values(revoked_at=now())
        .returning(col(MachineToken.id))
    )
    revoked = changed.scalar_one_or_none()
    return None if revoked is None else await token_by_id(session, revoked)


async def _live_named(session: AsyncSession | AsyncConnection, name: str) -> str | None:
    statement = sa.select(col(MachineToken.id)).where(
        col(MachineToken.name) == name, col(MachineToken.revoked_at).is_(None)
    )
    return (await session.execute(statement)).scalar_one_or_none()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
