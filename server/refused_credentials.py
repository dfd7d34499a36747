"""Who tried to come in with credentials that let nobody in: told to the operator, and counted for the audit log.

One entry for each source and reason in five minutes, with how often it was, so that a flood makes few of them.
Imports its neighbours and db.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from db.columns import now
from db.security import ANONYMOUS
from db.security.audit import AuditLog, Happened
from db.security.tokens import TokenRow
from db.statuses import AuditOutcome
from providers.telemetry import Tally, facts
from server.callers import Caller, Door, Unauthenticated, Unwelcome

INTERVAL_SECONDS = 300.0
_MOST_SOURCES = 64
# A network of this size is one customer's; within it addresses cost nothing.
_IPV6_PREFIX = 64

logger = logging.getLogger(__name__)

REFUSED = Tally("unship_credentials_refused_total", "Callers who were not let in, by why.", ("code",))


class _Key(NamedTuple):
    """What is counted together. `source` is None for those beyond the number that is told apart."""

    why: Unwelcome
    source: str | None
    token: TokenRow | None


@dataclass(frozen=True)
class _Counted:
    """How often, the first and the last time, and what was said."""

    message: str
    times: int
    first: datetime
    last: datetime

    def __add__(self, later: _Counted) -> _Counted:
        return replace(self, times=self.times + later.times, last=later.last)


@dataclass
class RefusedCredentials:
    """What has been refused since the last entries; `most` sources are told apart."""

    most: int = _MOST_SOURCES
    _counted: dict[_Key, _Counted] = field(default_factory=dict[_Key, _Counted])

    def note(self, refused: Unauthenticated, address: str | None) -> None:
        """Count one. Whoever had no credentials at all has tried nothing, and is in the metrics alone."""
        REFUSED.add(refused.why.value)
        if refused.why is Unwelcome.MISSING:
            return
        moment = now()
        key = self._add(
            _Key(refused.why, _source(address), refused.token), _Counted(str(refused), 1, moment, moment)
        )
        if self._counted[key].times == 1:
            logger.warning("credentials were refused", extra=facts(code=key.why.value, source=key.source))

    @asynccontextmanager
    async def kept_in(self, log: AuditLog) -> AsyncGenerator[None]:
        """Entries are written within the block, and the last ones at its end."""
        ending = asyncio.Event()
        keeping = asyncio.create_task(self.keep(log, ending))
        try:
            yield
        finally:
            ending.set()
            await keeping

    async def keep(self, log: AuditLog, ending: asyncio.Event, seconds: float = INTERVAL_SECONDS) -> None:
        """Write the entries of each interval; those of the last one when `ending` is set, then return."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await ending.wait()
            last = ending.is_set()
            await self.write(log)
            if last:
                return

    async def write(self, log: AuditLog) -> None:
        """An entry for each source and reason; what cannot be written now is kept for the next time."""
        counted, self._counted = self._counted, {}
        if not counted:
            return
        try:
            async with log.database.write() as session:
                for key, found in counted.items():
                    await log.append(session, _happened(key, found))
        except Exception:
            logger.exception("Refused credentials could not be written to the audit log")
            since, self._counted = self._counted, {}
            for key, found in (*counted.items(), *since.items()):
                self._add(key, found)

    def _add(self, key: _Key, found: _Counted) -> _Key:
        """Under which key it was counted."""
        if key not in self._counted and len(self._counted) >= self.most:
            key = _Key(key.why, None, None)
        before = self._counted.get(key)
        self._counted[key] = found if before is None else before + found
        return key


@dataclass(frozen=True)
class WatchedDoor:
    """A door at which somebody counts who is sent away."""

    door: Door
    refused: RefusedCredentials

    async def admit(self, authorization: str | None, address: str | None) -> Caller:
        try:
            return await self.door.admit(authorization, address)
        except Unauthenticated as refused:
            self.refused.note(refused, address)
            raise

    async def ended(self, caller: Caller) -> Unauthenticated:
        return await self.door.ended(caller)


def _source(address: str | None) -> str | None:
    """The address; of IPv6 the network."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return address
    if found.version == 4 or found.is_loopback:
        return str(found)
    return str(ipaddress.ip_network((found, _IPV6_PREFIX), strict=False))


def _happened(key: _Key, found: _Counted) -> Happened:
    """Whoever has the secret of a token that holds no longer is named by it; of others nothing is known."""
    return Happened(
        subject=ANONYMOUS if key.token is None else key.token.name,
        action="authenticate",
        target="Credentials" if key.token is None else f"MachineToken:{key.token.name}",
        outcome=AuditOutcome.REFUSED,
        code=key.why.value,
        message=found.message,
        details={
            "address": key.source,
            "tokenId": None if key.token is None else key.token.id,
            "count": found.times,
            "firstAt": found.first.isoformat(),
            "lastAt": found.last.isoformat(),
        },
    )
