"""From what went wrong on the wire to the one ProviderError that says it: pure mapping, no input or output.

The error bodies are those of v3-apidocs.cloudfoundry.org ("Errors") and, for tokens, of RFC 6749, 5.2; the codes
are those of cloud_controller_ng, errors/v2.yml and errors/v3.yml.
"""

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
from providers.tree import number, text, trees
from providers.web import what_happened

LONGEST_QUOTE = 1_000
TAKEN, STAGING_IN_PROGRESS = 10016, 170017
# A process can be neither scaled nor configured while a deployment of its app goes on.
DEPLOYMENT_IN_FLIGHT = frozenset({390016, 390017})

_MEANINGS: dict[int, tuple[type[ProviderError], str]] = {
    429: (ProviderUnreachable, " The foundation limits the rate of requests."),
    401: (ProviderRefused, " The foundation does not accept the credentials of the connector: renew them."),
    403: (ProviderRefused, " The connector's user needs the role Space Developer in the space."),
    404: (ProviderNotFound, ""),
    409: (ProviderConflict, ""),
}


class BusyError(ProviderUnreachable):
    """An answer after which nobody knows whether there was an effect, and how long to wait before looking."""

    def __init__(self, error: ProviderError, retry_after: float | None) -> None:
        super().__init__(error.message, error.said)
        self.retry_after = retry_after


class InFlightError(ProviderConflict):
    """A deployment goes on, and nothing was done: it may be over soon."""


def of_response(doing: str, status: int, content: bytes) -> ProviderError:
    """The error of an answer that is not a success. `doing` completes "Unship could not ..."."""
    said, codes = _said(status, content)
    kind, advice = _meaning(status, codes)
    return kind(f"Unship could not {doing}.{advice}", said)


def _meaning(status: int, codes: frozenset[int]) -> tuple[type[ProviderError], str]:
    if status == 422 and codes & {TAKEN, STAGING_IN_PROGRESS, ROUTE_TAKEN}:
        return ProviderConflict, ""
    if codes & DEPLOYMENT_IN_FLIGHT:
        return InFlightError, " A deployment of the app is under way: let it end, and try again."
    if status in _MEANINGS:
        return _MEANINGS[status]
    if is_transient(status):
        return ProviderUnreachable, " The foundation is overloaded or failing."
    return ProviderRefused, ""


# Not a code of the platform: a taken route has the general 10008 and is known by its words.
ROUTE_TAKEN = -1


def of_token_response(status: int, content: bytes) -> ProviderError:
    """The error of a refused token. A bad password is 401, and for some grants 400."""
    said, _ = _said(status, content)
    if is_transient(status):
        return ProviderUnreachable("Unship could not log in: the foundation's UAA is overloaded or failing.", said)
    return ProviderRefused(
        "Unship could not log in: the foundation does not accept the credentials of the connector: renew them.",
        said,
    )


def of_transport(doing: str, host: str, error: Exception) -> ProviderUnreachable:
    """The error of a request that got no answer, or none that can be trusted."""
    return ProviderUnreachable(f"Unship could not {doing}: {host} {what_happened(error)}.")


def of_garbage(doing: str, host: str) -> ProviderUnreachable:
    return ProviderUnreachable(
        f"Unship could not {doing}: {host} answered with something that is not the Cloud Foundry API."
    )


def _said(status: int, content: bytes) -> tuple[str, frozenset[int]]:
    """What the errors of the body say, or the beginning of whatever else came, and their codes."""
    try:
        parsed: JsonValue = json.loads(content)
    except (ValueError, RecursionError):
        return f"HTTP {status} {content[:200].decode(errors='replace')}".strip(), frozenset()
    errors = trees(parsed, "errors")
    told = [f"{text(error, 'detail') or ''} ({text(error, 'title') or 'error'})" for error in errors]
    codes = {number(error, "code") or 0 for error in errors}
    if any("Route already exists" in line for line in told):
        codes.add(ROUTE_TAKEN)
    oauth = text(parsed, "error_description") or text(parsed, "error")
    return ("; ".join(told) or oauth or f"HTTP {status}")[:LONGEST_QUOTE], frozenset(codes)
