"""Who calls: a machine token names him, or a JWT; without credentials he is anonymous, or stays out. Imports db.

What he may do is decided below, by his standing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers

from db.columns import now
from db.database import Database
from db.outages import outage_in_words
from db.security import ANONYMOUS
from db.security.access import Standing, unrestricted
from db.security.tokens import OWN_PREFIX, TokenRow, name_in_use, token_by_id, token_of

_RECHECK_SECONDS = 30.0
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caller:
    """`subject` is recorded with what he does; `address` is None where the socket has none.

    Without a `standing` nothing is allowed.
    """

    subject: str
    address: str | None = None
    token: TokenRow | None = None
    standing: Standing | None = None

    @property
    def until(self) -> datetime | None:
        """When the credentials end; None where there are none."""
        return None if self.standing is None else self.standing.until


class Unwelcome(StrEnum):
    """Why credentials let nobody in."""

    MISSING = "CREDENTIALS_MISSING"
    MALFORMED = "CREDENTIALS_MALFORMED"
    UNKNOWN = "TOKEN_UNKNOWN"
    REVOKED = "TOKEN_REVOKED"
    EXPIRED = "TOKEN_EXPIRED"
    JWT_INVALID = "JWT_INVALID"
    NAME_IN_USE = "NAME_IN_USE"


class Unauthenticated(Exception):
    """Credentials that let nobody in; `token` is the machine token that they once were."""

    def __init__(
        self, message: str, why: Unwelcome = Unwelcome.JWT_INVALID, token: TokenRow | None = None
    ) -> None:
        super().__init__(message)
        self.why = why
        self.token = token

    @property
    def expired(self) -> bool:
        """Whether a fresh token of the same name would do."""
        return self.why is Unwelcome.EXPIRED


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


class Verifier(Protocol):
    """Tells whose credentials of another issuer these are."""

    async def verify(self, text: str) -> Standing:
        """The standing of their subject; Unauthenticated or CannotTell for bad ones."""
        ...


@dataclass(frozen=True)
class TokenDoor:
    """Lets in whoever has a machine token that holds, or what the verifier vouches for.

    Unless credentials are `required`, whoever has none comes in as well, and nothing is forbidden to anybody.
    """

    database: Callable[[], Database]
    recheck_seconds: float = _RECHECK_SECONDS
    required: bool = False
    verifier: Verifier | None = None

    async def admit(self, authorization: str | None, address: str | None) -> Caller:
        if authorization is None and not self.required:
            return Caller(ANONYMOUS, address, standing=unrestricted(ANONYMOUS))
        bearer = _BEARER.fullmatch(authorization or "")
        if bearer is None:
            why = Unwelcome.MISSING if authorization is None else Unwelcome.MALFORMED
            raise Unauthenticated(self._wanted(), why)
        if self.verifier is not None and not bearer[1].startswith(OWN_PREFIX):
            return await self._vouched_for(self.verifier, bearer[1], address)
        token = await self._token(bearer[1])
        lapsed = _lapsed(token)
        if lapsed is not None or token is None:
            raise lapsed or _unknown()
        standing = Standing(token.name, not self.required, token.role, token.id, token.expires_at)
        return Caller(token.name, address, token, standing)

    async def ended(self, caller: Caller) -> Unauthenticated:
        token, until = caller.token, caller.until
        if until is None:
            await asyncio.Event().wait()
        assert until is not None, "whoever has no credentials waits for ever"
        while True:
            lapsed = _lapsed(token) if caller.token is not None else _expired_at(until)
            if lapsed is not None:
                return lapsed
            left = (until - now()).total_seconds()
            await asyncio.sleep(max(0.0, min(left, self.recheck_seconds)))
            if token is not None:
                token = await self._again(token)

    async def _token(self, secret: str) -> TokenRow | None:
        try:
            async with self.database().read() as connection:
                return await token_of(connection, secret)
        except (SQLAlchemyError, OSError) as error:
            raise CannotTell(outage_in_words(error)) from error

    async def _vouched_for(self, verifier: Verifier, text: str, address: str | None) -> Caller:
        standing = await verifier.verify(text)
        try:
            async with self.database().read() as connection:
                taken = await name_in_use(connection, standing.subject)
        except (SQLAlchemyError, OSError) as error:
            raise CannotTell(outage_in_words(error)) from error
        if taken:
            message = "The subject is the name of a machine token here; nobody else may have it."
            raise Unauthenticated(message, Unwelcome.NAME_IN_USE)
        return Caller(standing.subject, address, standing=standing)

    def _wanted(self) -> str:
        if not self.required:
            return "Send `Authorization: Bearer` and a machine token, or no credentials at all."
        kinds = "a machine token" if self.verifier is None else "a machine token or a JWT of the issuer"
        return f"Send `Authorization: Bearer` and {kinds}."

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
        return Unauthenticated("The token was revoked.", Unwelcome.REVOKED, token)
    if not token.holds_at(now()):
        return Unauthenticated("The token has expired.", Unwelcome.EXPIRED, token)
    return None


def _expired_at(until: datetime) -> Unauthenticated | None:
    return Unauthenticated("The token has expired.", Unwelcome.EXPIRED) if until <= now() else None


def _unknown() -> Unauthenticated:
    return Unauthenticated("The token is not known here.", Unwelcome.UNKNOWN)
