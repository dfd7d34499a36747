"""From what went wrong on the wire to the one ProviderError that says it: pure mapping, no input or output."""

from __future__ import annotations

import json

from pydantic import JsonValue

from providers.errors import (
    ProviderConflict,
    ProviderError,
    ProviderNotFound,
    ProviderRefused,
    ProviderUnreachable,
)
from providers.retry import is_transient
from providers.tree import text
from providers.web import what_happened

LONGEST_QUOTE = 1_000


def of_response(doing: str, status: int, content: bytes) -> ProviderError:
    """The error of an answer that is not a success. `doing` continues "Unship could not ..."."""
    said = _said(status, content)
    kind, advice = _meaning(status, said)
    return kind(f"Unship could not {doing}.{advice}", said)


def _meaning(status: int, said: str) -> tuple[type[ProviderError], str]:
    if status in _MEANINGS:
        return _MEANINGS[status]
    if is_transient(status) and not _is_about_content(said):
        return ProviderUnreachable, " The API server is overloaded or failing."
    return ProviderRefused, ""


_MEANINGS: dict[int, tuple[type[ProviderError], str]] = {
    429: (ProviderUnreachable, " The API server limits the rate of requests."),
    401: (ProviderRefused, " The cluster does not accept the credentials of the connector: renew them."),
    403: (ProviderRefused, " The connector's user lacks the permission: grant it."),
    404: (ProviderNotFound, ""),
    409: (ProviderConflict, ""),
    410: (ProviderNotFound, ""),
}


def passes(method: str, content: bytes) -> bool:
    """Whether a conflict is with what others do at this moment, so that the same request may succeed later.

    Not so where what is to be made is there already, or where a precondition has failed.
    """
    try:
        parsed: JsonValue = json.loads(content)
    except (ValueError, RecursionError):
        return False
    is_there = method == "POST" and text(parsed, "reason") == "AlreadyExists"
    return not is_there and "Precondition failed" not in (text(parsed, "message") or "")


def of_transport(doing: str, server: str, error: Exception) -> ProviderUnreachable:
    """The error of a request that got no answer, or none that can be trusted."""
    return ProviderUnreachable(f"Unship could not {doing}: {server} {what_happened(error)}.")


def of_garbage(doing: str, server: str) -> ProviderUnreachable:
    return ProviderUnreachable(
        f"Unship could not {doing}: {server} answered with something that is not the Kubernetes API."
    )


def _is_about_content(said: str) -> bool:
    """Server-side apply answers 500 to a field of the wrong type, which no repetition makes right."""
    return "failed to create typed patch object" in said or "failed to create manager for existing" in said


def _said(status: int, content: bytes) -> str:
    """The message of the API server's Status object, or the beginning of whatever else came."""
    try:
        parsed: JsonValue = json.loads(content)
    except (ValueError, RecursionError):
        return f"HTTP {status} {content[:200].decode(errors='replace')}".strip()
    message = text(parsed, "message") or text(parsed, "reason")
    return (message or f"HTTP {status}")[:LONGEST_QUOTE]
