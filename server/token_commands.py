"""`token create`, `token list`, `token revoke`. Imports server.administration and db."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from db.columns import now
from db.security.audit import Detail
from db.security.tokens import NewToken, TokenRow, all_tokens, create_token, revoke_token
from db.statuses import Role
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


def run_token(options: argparse.Namespace) -> int:
    """Run the chosen subcommand; 0 when it is done."""
    settings = load_settings()
    match options.subcommand:
        case "create":
            made = asyncio.run(_create(settings, options.name, options.role, options.days))
            # Alone on standard output, so that it can be piped to where it is kept.
            print(made.secret)
            print(f"{made.row.name} until {utc(made.row.expires_at)}; it is not shown again", file=sys.stderr)
            note_what_is_enforced(settings)
        case "revoke":
            revoked = asyncio.run(_revoke(settings, options.token))
            print(f"revoked {revoked.name} ({revoked.id}); open streams end within half a minute")
        case _:
            print(asyncio.run(_list(settings)))
    return 0


async def _create(settings: Settings, name: str, role: Role, days: int) -> NewToken:
    expires_at = now() + timedelta(days=days)

    async def change(session: AsyncSession) -> tuple[NewToken, Mapping[str, Detail]]:
        made = await create_token(session, name, role, expires_at, operator())
        if made is None:
            raise AdministrationRefused(
                "NAME_IN_USE", f'There is a token "{name}" already; revoke it first, or choose another name.'
            )
        return made, {"tokenId": made.row.id}

    deed = Deed("createToken", f"MachineToken:{name}", {"role": role.value, "expiresAt": utc(expires_at)})
    return await carry_out(settings, deed, change)


async def _revoke(settings: Settings, wanted: str) -> TokenRow:
    async def change(session: AsyncSession) -> tuple[TokenRow, Mapping[str, Detail]]:
        revoked = await revoke_token(session, wanted)
        if revoked is None:
            raise _nothing_to_revoke(wanted, await all_tokens(session))
        return revoked, {"tokenId": revoked.id, "name": revoked.name}

    return await carry_out(settings, Deed("revokeToken", f"MachineToken:{wanted}"), change)


def _nothing_to_revoke(wanted: str, tokens: Sequence[TokenRow]) -> AdministrationRefused:
    for token in reversed(tokens):
        if wanted in (token.id, token.name):
            message = f'The token "{wanted}" was revoked already, at {utc(token.revoked_at)}.'
            return AdministrationRefused("ALREADY_REVOKED", message)
    names = {token.name for token in tokens if token.revoked_at is None}
    return AdministrationRefused("NOT_FOUND", f'There is no token "{wanted}"{suggestion(wanted, names)}')


async def _list(settings: Settings) -> str:
    async with opened(settings) as database, database.read() as connection:
        tokens = await all_tokens(connection)
    heads = ("NAME", "ROLE", "STATE", "EXPIRES", "CREATED", "BY", "TOKEN", "ID")
    return table(
        heads,
        [
            (
                token.name,
                token.role.value,
                state(token.expires_at, token.revoked_at),
                utc(token.expires_at),
                utc(token.created_at),
                token.created_by,
                f"{token.prefix}...",
                token.id,
            )
            for token in tokens
        ],
    )
