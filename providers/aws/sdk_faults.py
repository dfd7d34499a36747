"""The SDK's exceptions, read: which failure each of them is. Imports the SDK only when it has raised one."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import aiohttp

from providers.aws import faults
from providers.aws.faults import Failure, Refusal
from providers.retry import retry_after
from providers.web import host_of, is_usable, what_happened

_NO_CREDENTIALS = (
    "CredentialRetrievalError",
    "NoAuthTokenError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "ProfileNotFound",
    "RefreshWithMFAUnsupportedError",
    "SSOError",
    "TokenRetrievalError",
)


def of_exception(doing: str, action: str, error: Exception) -> Failure | None:
    """The failure that an exception of the SDK means; None for one that is not the SDK's."""
    known: Any = import_module("botocore.exceptions")
    parsers: Any = import_module("botocore.parsers")
    if isinstance(error, known.ClientError):
        return _of_answer(doing, action, error)
    if isinstance(error, parsers.ResponseParserError | UnicodeDecodeError):
        return faults.of_lost(doing, "answered with something that is not its API", never_sent=False)
    if isinstance(error, known.HTTPClientError | known.ConnectionError | aiohttp.ClientError | TimeoutError):
        return _of_transport(doing, known, error)
    if isinstance(error, known.BotoCoreError):
        return _of_preparation(doing, known, error)
    return None


def _of_preparation(doing: str, known: Any, error: Exception) -> Failure:
    if isinstance(error, tuple(getattr(known, name) for name in _NO_CREDENTIALS)):
        return faults.of_credentials(doing, str(error))
    return faults.of_parameters(doing, str(error).replace("\n", " "))


def _of_answer(doing: str, action: str, error: Any) -> Failure:
    told = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    refusal = Refusal(str(told.get("Code", "")), str(told.get("Message", "")), metadata.get("HTTPStatusCode", 0))
    if error.operation_name == "AssumeRole":
        doing, action = f"{doing}: its credentials come from a role that it could not assume", "sts:AssumeRole"
    return faults.of_refusal(
        doing, action, refusal, retry_after(metadata.get("HTTPHeaders", {}).get("retry-after"))
    )


def _of_transport(doing: str, known: Any, error: Any) -> Failure:
    cause: object = getattr(error, "kwargs", {}).get("error")
    if isinstance(error, known.SSLError) or isinstance(cause, aiohttp.ClientSSLError):
        return faults.of_untrusted(doing, str(cause or error))
    # The SDK says "could not connect" of a connection that broke after the request had been sent, too.
    if isinstance(cause, aiohttp.ClientConnectorError) or isinstance(error, known.ProxyConnectionError):
        told = what_happened(cause) if isinstance(cause, aiohttp.ClientConnectorError) else "gave no connection"
        return faults.of_lost(doing, _at(told, error), never_sent=True)
    if isinstance(error, known.ConnectTimeoutError):
        return faults.of_lost(doing, _at("gave no connection in time", error), never_sent=True)
    if isinstance(error, known.ReadTimeoutError | TimeoutError):
        return faults.of_lost(doing, _at("gave no answer in time", error), never_sent=False)
    return faults.of_lost(doing, _at("broke the connection off", error), never_sent=False)


def _at(happened: str, error: Any) -> str:
    """What happened, and at which address, where the SDK tells."""
    endpoint = str(getattr(error, "kwargs", {}).get("endpoint_url") or "")
    return f"at {host_of(endpoint)} {happened}" if is_usable(endpoint) else happened
