"""`grant`, `grant list`, `grant revoke`. Imports server.administration and db."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from db.columns import now
from db.security.audit import Detail
from db.security.grants import GrantRow, all_grants, create_grant, environment_ids, revoke_grant
from db.statuses import Role
from db.tables import Grant
from pipelines.problems import suggestion
from server.administration import (
    AdministrationRefused,
    Deed,
    carry_out,
    note_what_is_enforced,
    opened,
    operator,
    state,
    table,
    utc,
)
from server.settings import Settings, load_settings


def run_grant(options: argparse.Namespace) -> int:
    """Run the chosen subcommand, or grant; 0 when it is done."""
    settings = load_settings()
    match options.subcommand:
        case "list":
            print(asyncio.run(_list(settings)))
        case "revoke":
            revoked = asyncio.run(_revoke(settings, options.grant))
            print(f"revoked {revoked.id}: {_said(revoked)}")
        case _:
            given = asyncio.run(
                _grant(settings, options.subject, options.role, options.environment, options.hours)
            )
            print(given.id)
            print(f"{_said(given)} until {utc(given.expires_at)}", file=sys.stderr)
            note_what_is_enforced(settings)
    return 0


def _said(grant: GrantRow) -> str:
    return f"{grant.subject} is {grant.role.value} in {grant.environment}"


async def _grant(settings: Settings, subject: str, role: Role, environment: str, hours: float) -> GrantRow:
    expires_at = now() + timedelta(hours=hours)

    async def change(session: AsyncSession) -> tuple[GrantRow, Mapping[str, Detail]]:
        known = await environment_ids(session)
        if environment not in known:
            message = f'There is no environment "{environment}"{suggestion(environment, known)}'
            raise AdministrationRefused("ENVIRONMENT_NOT_FOUND", message)
        grant = Grant(
            subject=subject,
            role=role,
            environment_id=known[environment],
            created_by=operator(),
            expires_at=expires_at,
        )
        return await create_grant(session, grant), {"grantId": grant.id}

    details: dict[str, Detail] = {"grantee": subject, "role": role.value, "expiresAt": utc(expires_at)}
    return await carry_out(settings, Deed("grant", f"Environment:{environment}", details), change)


async def _revoke(settings: Settings, grant_id: str) -> GrantRow:
    async def change(session: AsyncSession) -> tuple[GrantRow, Mapping[str, Detail]]:
        revoked = await revoke_grant(session, grant_id)
        if revoked is None:
            raise AdministrationRefused(
                "NOT_FOUND", f'There is no grant "{grant_id}" to revoke; `grant list` shows them with their ids.'
            )
        return revoked, {
            "grantee": revoked.subject,
            "role": revoked.role.value,
            "environment": revoked.environment,
        }

    return await carry_out(settings, Deed("revokeGrant", f"Grant:{grant_id}"), change)


async def _list(settings: Settings) -> str:
    async with opened(settings) as database, database.read() as connection:
        grants = await all_grants(connection)
    heads = ("SUBJECT", "ROLE", "ENVIRONMENT", "STATE", "EXPIRES", "CREATED", "BY", "ID")
    return table(
        heads,
        [
            (
                grant.subject,
                grant.role.value,
                grant.environment,
                state(grant.expires_at, grant.revoked_at),
                utc(grant.expires_at),
                utc(grant.created_at),
                grant.created_by,
                grant.id,
            )
            for grant in grants
        ],
    )
