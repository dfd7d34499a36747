"""HTTP as the providers speak it: sessions, what went wrong on the wire, and sending again. Knows no platform.

Sending again is decided here, where it is known what may be repeated, and never by the library.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
import yarl

from providers.errors import ProviderError
from providers.retry import given_up, note, patience_left, wait_before
from providers.telemetry import count_answer
from providers.tracing import TRACING, Kind

USER_AGENT = "unship/0.1.0"
# How long any client waits for a connection, and for an answer to go on: what is longer counts as no answer.
SILENCE_SECONDS = 10.0

AnswerT = TypeVar("AnswerT")
_CONNECT_FAILED = re.compile(r"\[Errno (\d+)\] Connect call failed")


@dataclass(frozen=True)
class Failure:
    """A try that failed. `transient` says whether the same request may be sent again."""

    error: ProviderError
    transient: bool
    retry_after: float | None = None


async def until_answered(attempt: Callable[[], Awaitable[AnswerT | Failure]]) -> AnswerT:
    """The first answer; the error of the last try where there is none."""
    number_of_try = 1
    while True:
        answer = await attempt()
        if not isinstance(answer, Failure):
            note(None)
            return answer
        note(answer.error)
        number_of_try += 1
        if not answer.transient:
            raise answer.error
        wait = wait_before(number_of_try, answer.retry_after)
        if wait is None:
            raise given_up(answer.error, answer.retry_after)
        await asyncio.sleep(wait)


def open_session(server: str, context: ssl.SSLContext | bool, platform: str) -> aiohttp.ClientSession:
    """A pool of connections to one server that sends each request exactly once, counted as that platform's."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, limit=100, keepalive_timeout=60),
        headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
        cookie_jar=aiohttp.DummyCookieJar(),
        # As Go does: proxies of the environment are not used for addresses of this machine.
        trust_env=not is_loopback(urlsplit(server).hostname),
        trace_configs=[_watching(platform)],
    )
    session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
    return session


def _watching(platform: str) -> aiohttp.TraceConfig:
    """Each request counted, and a span: where to and how, but not what for, which a path or a query may tell."""

    async def began(_session: object, context: SimpleNamespace, start: aiohttp.TraceRequestStartParams) -> None:
        known = {
            "unship.platform": platform,
            "http.request.method": start.method,
            "server.address": start.url.host,
            "server.port": start.url.port,
        }
        context.span = TRACING.begin(start.method, Kind.REQUEST, known)

    async def answered(_session: object, context: SimpleNamespace, end: aiohttp.TraceRequestEndParams) -> None:
        status = end.response.status
        count_answer(platform, status)
        context.span.set("http.response.status_code", status)
        context.span.end(str(status) if status >= 400 else None)

    async def failed(_session: object, context: SimpleNamespace, end: aiohttp.TraceRequestExceptionParams) -> None:
        count_answer(platform, None)
        context.span.end(type(end.exception).__name__)

    watching = aiohttp.TraceConfig()
    watching.on_request_start.append(began)
    watching.on_request_end.append(answered)
    watching.on_request_exception.append(failed)
    return watching


def longest_silence(silence: float | None = None) -> float:
    """`silence`, or SILENCE_SECONDS, but no more than whoever asks has patience; never 0, which is no limit."""
    return max(0.01, min(SILENCE_SECONDS if silence is None else silence, patience_left()))


def timeout(silence: float | None = None) -> aiohttp.ClientTimeout:
    """Content may not pause for longer than `silence` seconds, SILENCE_SECONDS by default."""
    return aiohttp.ClientTimeout(connect=longest_silence(), sock_read=longest_silence(silence))


def was_never_sent(error: Exception) -> bool:
    """Whether the request surely had no effect."""
    return isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def is_in_vain(error: Exception) -> bool:
    """Whether sending again cannot help."""
    return isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.InvalidURL)


def what_happened(error: Exception) -> str:
    """What went wrong on the wire, completing "HOST ..."."""
    if isinstance(error, TimeoutError):
        return "gave no answer in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"has a certificate that cannot be trusted ({_first(error.certificate_error)})"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"gave no connection ({_first(error.os_error)})"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | aiohttp.ClientPayloadError):
        return "broke the connection off"
    return f"gave a broken answer ({_first(error)})"


def is_usable(url: str) -> bool:
    """Whether the address is http or https, with a host."""
    try:
        parsed = yarl.URL(url)
    except ValueError:
        return False
    return parsed.scheme in ("http", "https") and bool(parsed.host)


def host_of(url: str) -> str:
    """Host and port for messages: never a user or password that the address may carry."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def is_loopback(host: str | None) -> bool:
    if host is None or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _first(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if failed := _CONNECT_FAILED.search(str(error)):
        # asyncio repeats the address, and all of them where there are several.
        reason = os.strerror(int(failed[1]))
    return reason[:200] or type(error).__name__
