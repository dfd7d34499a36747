"""The Http step: one request, its answer judged by an assertion or its status code. Redirects are not followed."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass

import aiohttp
import orjson
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import JsonValue

from pipelines.documents.failure import FailureKind
from pipelines.documents.generic_steps import HttpSpec
from pipelines.documents.variables import VariableType
from pipelines.expressions import ExpressionError, Scope, evaluate_condition
from pipelines.steps.addresses import allowed_addresses
from pipelines.steps.texts import Texts, cleaned
from pipelines.steps.values import StepContext, StepFailed, StepResult
from providers.web import what_happened

_MAX_BODY = 1024 * 1024
_RECORDED_BODY = 64 * 1024
_SHOWN_BODY = 500
_CONNECT_SECONDS = 10.0
_HIDDEN = "**************"
# The server names the charset, and some of Python's codecs are slow, or no text codecs at all.
_CHARSETS = {"iso-8859-1": "iso-8859-1", "latin-1": "iso-8859-1", "windows-1252": "windows-1252"}
_KINDS = {401: FailureKind.AUTHENTICATION, 403: FailureKind.AUTHORIZATION}


@dataclass(frozen=True)
class _Request:
    method: str
    url: yarl.URL
    headers: tuple[tuple[str, str], ...]
    body: bytes | None


@dataclass(frozen=True)
class _Answer:
    code: int
    body: str


async def run_http(spec: HttpSpec, context: StepContext) -> StepResult:
    """Send the request; outputs are `httpUrl`, `httpMethod`, `httpResponseCode`, `httpResponseBody` and
    `outputVariables`; of the body at most 64 KiB are recorded.

    The assertion and the output variables read `httpResponseCode`, `httpResponseBody` and, where the body is
    JSON, `httpResponseJson`. Without an assertion a status from 400 on is a failure. Raises StepFailed.
    """
    texts = Texts(context.scope)
    url = texts.render(spec.url).strip()
    request = _request(spec, url, texts)
    try:
        async with asyncio.timeout(context.timeout):
            answer = await _send(request)
    except TimeoutError as error:
        message = f"{request.url.host} did not answer within {context.timeout:g} s."
        raise StepFailed(message, FailureKind.TIMEOUT) from error
    except aiohttp.ClientError as error:
        place = f"{request.url.host}:{request.url.port}"
        reason = texts.show(what_happened(error))
        raise StepFailed(f"{place} {reason}.", FailureKind.CONNECTIVITY) from error
    except ValueError as error:
        raise StepFailed(f"The request cannot be made: {texts.show(str(error))}") from error
    scope = _scope_with(answer, context.scope).with_masked(texts.secrets)
    _judge(spec, answer, scope, texts)
    outputs: dict[str, JsonValue] = {
        # As it was written: what the request makes of it spells a secret differently (percent signs).
        "httpUrl": texts.show(url),
        "httpMethod": spec.method.value,
        "httpResponseCode": answer.code,
        "httpResponseBody": texts.show(answer.body)[:_RECORDED_BODY],
        "outputVariables": _variables(spec, Texts(scope, texts.secrets)),
    }
    return StepResult(outputs, f"{spec.method.value} {outputs['httpUrl']}: {answer.code}")


def _request(spec: HttpSpec, text: str, texts: Texts) -> _Request:
    try:
        # yarl would write a space in the query as a plus sign, which not every server reads as one.
        url = yarl.URL(text.replace(" ", "%20"))
    except ValueError as error:
        raise StepFailed(f"The request cannot be made: {texts.show(str(error))}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise StepFailed("The url does not begin with http:// or https:// and a host.")
    headers = [(header.key, texts.render(header.value)) for header in spec.headers]
    # Compressed answers could grow without bound when they are unpacked.
    headers.append(("Accept-Encoding", "identity"))
    body = texts.render(spec.request_body).encode() if spec.request_body is not None else None
    return _Request(spec.method.value, url, tuple(headers), body)


async def _send(request: _Request) -> _Answer:
    """Raises aiohttp.ClientError, and ValueError for headers that cannot be sent."""
    url = request.url
    addresses = await allowed_addresses(url.raw_host or "", url.port or 0)
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(), resolver=_Checked(addresses))
    async with (
        aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Content-Type",),
            timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS),
        ) as session,
        session.request(
            request.method, url, headers=request.headers, data=request.body, allow_redirects=False
        ) as response,
    ):
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > _MAX_BODY:
                raise StepFailed(f"{url.host} answered with more than {_MAX_BODY} bytes.")
        text = body.decode(_CHARSETS.get((response.charset or "").lower(), "utf-8"), errors="replace")
        return _Answer(response.status, cleaned(text))


class _Checked(AbstractResolver):
    """The addresses that were checked: a name that resolves differently a moment later changes nothing."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - the overridden method's parameter
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


def _scope_with(answer: _Answer, scope: Scope) -> Scope:
    extended = scope.extended(httpResponseCode=answer.code, httpResponseBody=answer.body)
    try:
        return extended.extended(httpResponseJson=orjson.loads(answer.body))
    except (orjson.JSONDecodeError, TypeError):
        return extended


def _judge(spec: HttpSpec, answer: _Answer, scope: Scope, texts: Texts) -> None:
    said = texts.show(answer.body)[:_SHOWN_BODY]
    if spec.assertion is None:
        if answer.code >= 400:
            kind = _KINDS.get(answer.code, FailureKind.UNKNOWN)
            raise StepFailed(f"The answer has the status {answer.code}: {said}", kind)
        return
    try:
        held = evaluate_condition(spec.assertion, scope)
    except ExpressionError as error:
        raise StepFailed(f"The assertion cannot be evaluated: {error}") from error
    if not held:
        message = f"The assertion {spec.assertion} does not hold. The answer has the status {answer.code}: {said}"
        raise StepFailed(message, FailureKind.VERIFICATION)


def _variables(spec: HttpSpec, texts: Texts) -> dict[str, JsonValue]:
    return {
        output.name: _HIDDEN if output.type is VariableType.SECRET else texts.show(texts.render(output.value))
        for output in spec.output_variables
    }
