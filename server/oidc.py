"""Bearer JWTs of one OpenID Connect issuer: whose they are, or why they let nobody in.

What a token says of its own keys is not listened to: the algorithms stand in the code, the keys come from the
settings' address. Imports server.callers and server.jwks.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import jwt
from jwt.exceptions import ExpiredSignatureError, PyJWTError

from db.security import ANONYMOUS
from db.security.access import Standing
from db.statuses import Role
from server.callers import Unauthenticated, Unwelcome
from server.jwks import ALGORITHMS, Jwks

_LEEWAY_SECONDS = 30
_LONGEST = 16 * 1024
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_REQUIRED = ("iss", "aud", "exp", "iat", "sub")
_TYPES = ("jwt", "at+jwt", "application/at+jwt")
_SUBJECT = re.compile(r"[^\s\x00-\x1f\x7f\ud800-\udfff]{1,200}")
# What the audit log calls those who work on the machine itself.
_OPERATORS = "operator:"


@dataclass(frozen=True)
class Issuer:
    """Whose tokens are believed. `roles_claim` empty: their subjects have nothing but grants."""

    name: str
    audience: str
    roles_claim: str = ""


@dataclass(frozen=True)
class _Header:
    kid: str
    algorithm: str


@dataclass(frozen=True)
class JwtVerifier:
    """Verifies JWTs of the issuer by its keys."""

    issuer: Issuer
    keys: Jwks

    async def verify(self, text: str) -> Standing:
        """The standing of its subject; Unauthenticated for whatever else, CannotTell where keys are missing."""
        header = _header(text)
        key = await self.keys.key(header.kid, header.algorithm)
        if key is None:
            raise Unauthenticated("The token is signed with a key that the issuer does not have.")
        try:
            claims = jwt.decode(
                text,
                key,
                algorithms=[header.algorithm],
                audience=self.issuer.audience,
                issuer=self.issuer.name,
                leeway=_LEEWAY_SECONDS,
                options={"require": list(_REQUIRED)},
            )
        except ExpiredSignatureError as error:
            raise Unauthenticated("The token has expired.", Unwelcome.EXPIRED) from error
        except (PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise Unauthenticated("The token does not hold: its signature, issuer, audience or times.") from error
        return Standing(_subject(claims), role=role_in(claims, self.issuer.roles_claim), until=_until(claims))


def role_in(claims: Mapping[str, Any], name: str) -> Role:
    """The highest role that the claim of this name lists; with dots it is looked for in nested objects too."""
    if not name:
        return Role.NONE
    found: object = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = cast("dict[str, object]", found).get(part) if isinstance(found, dict) else None
    listed: Sequence[object] = cast("list[object]", found) if isinstance(found, list) else [found]
    return next((role for role in reversed(Role) if role.value in listed), Role.NONE)


def _header(text: str) -> _Header:
    """What has to be known before a key is looked for; nothing else in the header is listened to."""
    compact = _COMPACT.fullmatch(text) if len(text) <= _LONGEST else None
    if compact is None:
        raise _malformed()
    try:
        decoded = base64.b64decode(compact[1] + "=" * (-len(compact[1]) % 4), altchars=b"-_", validate=True)
        header: object = json.loads(decoded, object_pairs_hook=_without_duplicates)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _malformed() from error
    if not isinstance(header, dict):
        raise _malformed()
    parts = cast("dict[str, object]", header)
    kid, algorithm, kind = parts.get("kid"), parts.get("alg"), parts.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise Unauthenticated(f"The token is not signed in one of these ways: {', '.join(ALGORITHMS)}.")
    if not isinstance(kid, str) or not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise _malformed()
    # Extensions that must be understood are not; the others change how the rest is to be read.
    if {"crit", "b64", "zip", "enc"} & set(parts):
        raise _malformed()
    return _Header(kid, algorithm)


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name stands there twice")
    return names


def _subject(claims: Mapping[str, Any]) -> str:
    subject: object = claims["sub"]
    if (
        not isinstance(subject, str)
        or not _SUBJECT.fullmatch(subject)
        or subject == ANONYMOUS
        or subject.startswith(_OPERATORS)
    ):
        raise Unauthenticated("The subject of the token is no name that can be used here.")
    return subject


def _until(claims: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromtimestamp(float(claims["exp"]) + _LEEWAY_SECONDS, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unauthenticated("The token says of no time at which it ends.") from error


def _malformed() -> Unauthenticated:
    return Unauthenticated("The token is not a JWT that can be read here.")
