"""The Http step: one request, its answer judged by an assertion or its status code. Redirects are not followed."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

import httpx2
import orjson
from pydantic import JsonValue

from pipelines.documents.failure import FailureKind
from pipelines.documents.generic_steps import HttpSpec
from pipelines.documents.variables import VariableType
from pipelines.expressions import ExpressionError, Scope, evaluate_condition
from pipelines.steps.addresses import allowed_addresses
from pipelines.steps.texts import Texts, cleaned
from pipelines.steps.values import StepContext, StepFailed, StepResult

_MAX_BODY = 1024 * 1024
_RECORDED_BODY = 64 * 1024
_SHOWN_BODY = 500
_CONNECT_SECONDS = 10.0
_HIDDEN = "**************"
# The server names the charset, and some of Python's codecs are slow, or no text codecs at all.
_CHARSETS = {"iso-8859-1": "iso-8859-1", "latin-1": "iso-8859-1", "windows-1252": "windows-1252"}
_KINDS = {401: FailureKind.AUTHENTICATION, 403: FailureKind.AUTHORIZATION}


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
            answer = await _send(request, context.timeout)
    except (TimeoutError, httpx2.TimeoutException) as error:
        message = f"{request.url.host} did not answer within {context.timeout:g} s."
        raise StepFailed(message, FailureKind.TIMEOUT) from error
    except (httpx2.TransportError, httpx2.StreamError) as error:
        reason = texts.show(str(error)) or type(error).__name__
        raise StepFailed(f"{request.url.host} could not be asked: {reason}", FailureKind.CONNECTIVITY) from error
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


def _request(spec: HttpSpec, text: str, texts: Texts) -> httpx2.Request:
    headers = [(header.key, texts.render(header.value)) for header in spec.headers]
    body = texts.render(spec.request_body) if spec.request_body is not None else None
    try:
        url = httpx2.URL(text)
        # Compressed answers could grow without bound when they are unpacked.
        headers.append(("Accept-Encoding", "identity"))
        request = httpx2.Request(spec.method.value, url, headers=headers, content=body)
    except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
        raise StepFailed(f"The request cannot be made: {texts.show(str(error))}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise StepFailed("The url does not begin with http:// or https:// and a host.")
    return request


async def _send(request: httpx2.Request, timeout: float) -> _Answer:  # noqa: ASYNC109
    """Send the request to the first of its host's addresses that takes the connection.

    The address that was checked is the one that is called: a name that resolves differently a moment later
    changes nothing.
    """
    url = request.url
    addresses = await allowed_addresses(url.host, url.port or (443 if url.scheme == "https" else 80))
    limits = httpx2.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS))
    async with httpx2.AsyncClient(
        verify=ssl.create_default_context(), timeout=limits, trust_env=False, follow_redirects=False
    ) as client:
        for address in addresses[:-1]:
            try:
                return await _send_to(client, request, address)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue  # the next address may take it
        return await _send_to(client, request, addresses[-1])


async def _send_to(client: httpx2.AsyncClient, request: httpx2.Request, address: str) -> _Answer:
    pinned = httpx2.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        content=request.content,
        extensions={
            "timeout": client.timeout.as_dict(),
            "sni_hostname": request.url.raw_host.decode("ascii"),
        },
    )
    response = await client.send(pinned, stream=True)
    try:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > _MAX_BODY:
                raise StepFailed(f"{request.url.host} answered with more than {_MAX_BODY} bytes.")
    finally:
        await response.aclose()
    text = body.decode(_CHARSETS.get((response.charset_encoding or "").lower(), "utf-8"), errors="replace")
    return _Answer(response.status_code, cleaned(text))


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
