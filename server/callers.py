"""Who calls: a machine token names him; without credentials he is anonymous. Imports db.

What a token's role allows is not decided anywhere yet: whoever is let in may do everything.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers

from db.columns import now
from db.database import Database
from db.security import ANONYMOUS
from db.security.tokens import TokenRow, token_by_id, token_of

_RECHECK_SECONDS = 30.0
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caller:
    """`subject` is recorded with what he does; `address` is None where the socket has none."""

    subject: str
    address: str | None = None
    token: TokenRow | None = None


class Unauthenticated(Exception):
    """Credentials that let nobody in. `expired`: they once did, and a fresh token of the same name would."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired


class CannotTell(Exception):
    """The database cannot be asked now whether the credentials are good."""


class Door(Protocol):
    """Decides who comes in, and for how long."""

    async def admit(self, authorization: str | None, address: str | None) -> Caller:
        """The caller with this Authorization header; Unauthenticated or CannotTell for a bad one."""
        ...

    async def ended(self, caller: Caller) -> Unauthenticated:
        """Returns when the caller is no longer welcome, half a minute late at most."""
        ...


@dataclass(frozen=True)
class TokenDoor:
    """Lets in whoever has no credentials, and whoever has a machine token that holds."""

    database: Callable[[], Database]
    recheck_seconds: float = _RECHECK_SECONDS

    async def admit(self, authorization: str | None, address: str | None) -> Caller:
        if authorization is None:
            return Caller(ANONYMOUS, address)
        bearer = _BEARER.fullmatch(authorization)
        if bearer is None:
            raise Unauthenticated("Send `Authorization: Bearer` and a machine token, or no credentials at all.")
        try:
            async with self.database().read() as connection:
                token = await token_of(connection, bearer[1])
        except (SQLAlchemyError, OSError) as error:
            raise CannotTell("The database cannot be reached; try again.") from error
        lapsed = _lapsed(token)
        if lapsed is not None or token is None:
            raise lapsed or _unknown()
        return Caller(token.name, address, token)

    async def ended(self, caller: Caller) -> Unauthenticated:
        token = caller.token
        if token is None:
            await asyncio.Event().wait()
        while True:
            lapsed = _lapsed(token)
            if lapsed is not None:
                return lapsed
            assert token is not None, "a lapse was found otherwise"
            left = (token.expires_at - now()).total_seconds()
            await asyncio.sleep(max(0.0, min(left, self.recheck_seconds)))
            token = await self._again(token)

    async def _again(self, token: TokenRow) -> TokenRow | None:
        try:
            async with self.database().read() as connection:
                return await token_by_id(connection, token.id)
        except (SQLAlchemyError, OSError):
            return token  # an outage of the database ends no stream; the next look tells


def authorization_of(headers: Headers) -> str | None:
    """The credentials of a request, several as one, which then is none that holds; None where there are none."""
    found = headers.getlist("authorization")
    return ",".join(found) if found else None


def _lapsed(token: TokenRow | None) -> Unauthenticated | None:
    if token is None:
        return _unknown()
    if token.revoked_at is not None:
        return Unauthenticated("The token was revoked.")
    if not token.holds_at(now()):
        return Unauthenticated("The token has expired.", expired=True)
    return None


def _unknown() -> Unauthenticated:
    return Unauthenticated("The token is not known here.")
