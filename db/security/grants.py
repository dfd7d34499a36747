"""Grants: a role of a subject in one environment, for some time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlmodel import col

from db.columns import now
from db.security.access import EVERYTHING, NOTHING, Access, Standing, highest
from db.security.tokens import token_by_id
from db.statuses import Role
from db.tables import Environment, Grant


class GrantRow(NamedTuple):
    """`environment` is the identifier of the environment."""

    id: str
    subject: str
    role: Role
    environment: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None


async def create_grant(session: AsyncSession, grant: Grant) -> GrantRow:
    session.add(grant)
    await session.flush()
    (row,) = await _grants(session, col(Grant.id) == grant.id)
    return row


async def all_grants(connection: AsyncConnection) -> Sequence[GrantRow]:
    """Every grant there ever was, the oldest first."""
    return await _grants(connection)


async def revoke_grant(session: AsyncSession, grant_id: str) -> GrantRow | None:
    """Revoke a grant; None where there is none of that id, or it is revoked already."""
    changed = await session.execute(
        sa.update(Grant)
        .where(col(Grant.id) == grant_id, col(Grant.revoked_at).is_(None))
        .values(revoked_at=now())
        .returning(col(Grant.id))
    )
    if changed.first() is None:
        return None
    (row,) = await _grants(session, col(Grant.id) == grant_id)
    return row


async def environment_ids(session: AsyncSession) -> dict[str, str]:
    """The id of every environment by its identifier."""
    statement = sa.select(col(Environment.identifier), col(Environment.id))
    return {row.identifier: row.id for row in await session.execute(statement)}


async def access_of(connection: AsyncConnection | AsyncSession, standing: Standing) -> Access:
    """What somebody of this standing may do now: nothing once his credentials have ended or were revoked."""
    if standing.unrestricted:
        return EVERYTHING
    moment, role = now(), standing.role
    if standing.token_id is not None:
        token = await token_by_id(connection, standing.token_id)
        if token is None or not token.holds_at(moment):
            return NOTHING
        role = token.role
    elif standing.until is None or standing.until <= moment:
        return NOTHING
    statement = sa.select(col(Grant.environment_id), col(Grant.role)).where(
        col(Grant.subject) == standing.subject, col(Grant.revoked_at).is_(None), col(Grant.expires_at) > moment
    )
    grants = highest((row[0], row[1]) for row in await connection.execute(statement))
    return Access(role=role, grants=grants, subject=standing.subject)


async def _grants(
    connection: AsyncConnection | AsyncSession, *where: sa.ColumnElement[bool]
) -> Sequence[GrantRow]:
    statement = (
        sa.select(
            col(Grant.id),
            col(Grant.subject),
            col(Grant.role),
            col(Environment.identifier),
            col(Grant.created_at),
            col(Grant.created_by),
            col(Grant.expires_at),
            col(Grant.revoked_at),
        )
        .join(Environment, col(Environment.id) == col(Grant.environment_id))
        .where(*where)
        .order_by(col(Grant.id))
    )
    return [GrantRow(*row) for row in await connection.execute(statement)]
