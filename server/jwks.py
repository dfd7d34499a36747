"""The public keys of the issuer, fetched from the one address that the settings name, and kept.

Imports server.callers and the providers' sessions. Loaded only with UNSHIP_AUTH=oidc: nothing else needs the
libraries.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from providers.web import open_session, what_happened
from server.callers import CannotTell

_log = logging.getLogger("unship.oidc")

# Asymmetric ones alone: with a public key as an HMAC secret anybody could sign.
ALGORITHMS: Mapping[str, str] = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}

_REFETCH_SECONDS = 30.0
_FRESH_SECONDS = 300.0
# For so long an issuer that does not answer locks nobody out whose key is known.
_STALE_SECONDS = 3600.0
_ANSWER_SECONDS = 5.0
_LARGEST = 256 * 1024
_SMALLEST_RSA_BITS = 2048

Fetch = Callable[[str], Awaitable[bytes]]
Keys = dict[str, dict[str, Any]]


class NotFetched(Exception):
    """The keys cannot be had now; the message says why."""


@dataclass
class Jwks:
    """The keys by `kid`. A `kid` that is not among them makes them be fetched again, every half minute at most."""

    url: str
    fetch: Fetch
    clock: Callable[[], float] = time.monotonic
    _keys: Keys = field(default_factory=dict[str, dict[str, Any]])
    _fetched_at: float | None = None
    _tried_at: float | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def key(self, kid: str, algorithm: str) -> PyJWK | None:
        """The key for this algorithm; None where the issuer has none. CannotTell where it cannot be asked."""
        if kid not in self._keys or self._older_than(_FRESH_SECONDS):
            async with self._lock:
                if kid not in self._keys or self._older_than(_FRESH_SECONDS):
                    await self._refresh()
        if self._older_than(_STALE_SECONDS):
            raise CannotTell("The keys of the issuer cannot be fetched; try again.")
        found = self._keys.get(kid)
        return None if found is None else _usable(found, algorithm)

    def _older_than(self, seconds: float) -> bool:
        return self._fetched_at is None or self.clock() - self._fetched_at > seconds

    async def _refresh(self) -> None:
        if self._tried_at is not None and self.clock() - self._tried_at < _REFETCH_SECONDS:
            return
        self._tried_at = self.clock()
        try:
            self._keys = keys_in(await self.fetch(self.url))
        except NotFetched as error:
            _log.warning("UNSHIP_OIDC_JWKS_URL: %s", error)
        else:
            self._fetched_at = self.clock()


async def fetch_over_http(url: str) -> bytes:
    """The document at the address: no redirects, no cookies, a bounded size and time. Raises NotFetched."""
    try:
        async with (
            asyncio.timeout(_ANSWER_SECONDS),
            open_session(url, True, "Issuer") as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise NotFetched(f"it answers with status {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _LARGEST:
                    raise NotFetched(f"it answers with more than {_LARGEST} bytes")
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise NotFetched(f"it {what_happened(error)}") from error
    return bytes(body)


def keys_in(document: bytes) -> Keys:
    """The public signature keys of a key set that say which they are; NotFetched where it is none."""
    try:
        parsed: object = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise NotFetched("it answers with something that is not JSON") from error
    listed: object = cast("dict[str, object]", parsed).get("keys") if isinstance(parsed, dict) else None
    if not isinstance(listed, list):
        raise NotFetched("it answers with something that is not a key set")
    found: Keys = {}
    for one in cast("list[object]", listed):
        if isinstance(one, dict) and _is_for_signatures(jwk := cast("dict[str, Any]", one)):
            found.setdefault(jwk["kid"], jwk)
    return found


def _is_for_signatures(jwk: Mapping[str, Any]) -> bool:
    operations: object = jwk.get("key_ops", ["verify"])
    return (
        isinstance(jwk.get("kid"), str)
        and jwk.get("kty") in ALGORITHMS.values()
        and jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and "d" not in jwk
    )


def _usable(jwk: dict[str, Any], algorithm: str) -> PyJWK | None:
    """The key, if it is one for this algorithm and strong enough."""
    if jwk["kty"] != ALGORITHMS[algorithm] or jwk.get("alg", algorithm) != algorithm:
        return None
    try:
        key = PyJWK.from_dict(jwk, algorithm)
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
    if jwk["kty"] == "RSA" and getattr(key.key, "key_size", 0) < _SMALLEST_RSA_BITS:
        return None
    return key
