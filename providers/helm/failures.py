"""From what helm wrote when it failed to the one ProviderError that says it. Pure.

Helm has one exit code for everything: what went wrong is in its text, of which the API server wrote a part.
"""

from __future__ import annotations

import re

from providers.errors import (
    ProviderConflict,
    ProviderError,
    ProviderNotFound,
    ProviderRefused,
    ProviderTimedOut,
    ProviderUnreachable,
)

_LONGEST_QUOTE = 1_000
_URL_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


class Unanswered(ProviderUnreachable):
    """Helm got no answer from a server, or a broken one: it may be run again, after a look at what it has done."""


class Unaccepted(ProviderRefused):
    """The API server did not take helm's credentials: those that helm was started with may have ended since."""


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_CREDENTIALS = _words(r"\bunauthorized\b", r"\b401\b", "asked for the client to provide credentials")
_FORBIDDEN = _words(r"is forbidden", r"\b403\b", r"cannot (list|get|create|patch|update|delete) resource")
_LATE = _words("context deadline exceeded", "timed out waiting", "would exceed context deadline")
# The API server's own time, or that of something before it, and not the step's.
_SERVER_LATE = _words("request did not complete within", "etcdserver: request timed out", "in the time allotted")
_LOST = _words(
    "connection reset", "connection refused", r"\bEOF\b", "broken pipe", "i/o timeout", "no such host",
    "TLS handshake timeout", "cluster unreachable", "server closed", "connection lost", "internal error occurred",
    "too many requests", "try again later", "unable to handle the request", "service unavailable", "bad gateway",
    "gateway timeout", "invalid character", "invalid byte", "unexpected end of JSON", "unable to decode",
    "couldn't get resource list", "couldn't get version", "object has been modified",
    r"an error on the server \(", "0-length response", r"status code 408\b", "etcdserver: leader changed",
    r"not ready\. status: Unknown", "could not get server version", "failed to download openapi", r"\b50[0234]\b",
)  # fmt: skip
# The chart's or the values' own fault, whatever else the text has in it.
_WRITTEN = _words(
    r"(?<!json )parse error", "template:", "execution error at", "don't meet the specifications",
    "error converting YAML", "failed to render", "chart metadata is missing", "yaml: line",
)  # fmt: skip
_BUSY = _words(r"another operation \(install/upgrade/rollback\) is in progress")
_CONFLICT = _words(
    "already exists", "invalid ownership metadata", "conflicts? with", r"apply failed with \d+ conflict"
)
_ABSENT = _words("release: not found", "has no .* version", "revision .* not found", "release not found")


def failure(doing: str, output: str) -> ProviderError:
    """The error of a helm that failed. `doing` continues "Unship could not ..."."""
    said = explained(output)
    kind, advice = _meaning(said)
    return kind(f"Unship could not {doing}.{advice}", said)


def _meaning(said: str) -> tuple[type[ProviderError], str]:
    meanings: tuple[tuple[re.Pattern[str], type[ProviderError], str], ...] = (
        (_WRITTEN, ProviderRefused, " The chart and its values do not go together."),
        (_BUSY, ProviderConflict, " Somebody else's helm is at work on the release, or was interrupted."),
        (_CREDENTIALS, Unaccepted, " The credentials of the connector were not accepted: renew them."),
        (_FORBIDDEN, ProviderRefused, " The connector's user lacks the permission: grant it."),
        (_SERVER_LATE, Unanswered, ""),
        (_LATE, ProviderTimedOut, " It was not ready in the step's time."),
        (_ABSENT, ProviderNotFound, ""),
        (_CONFLICT, ProviderConflict, ""),
        (_LOST, Unanswered, ""),
    )
    for pattern, kind, advice in meanings:
        if pattern.search(said):
            return kind, advice
    return ProviderRefused, ""


def explained(output: str) -> str:
    """What helm said, from its last error on, in one piece and without credentials of addresses."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    starts = [number for number, line in enumerate(lines) if line.startswith("Error:")]
    told = lines[starts[-1] :] if starts else lines[-3:]
    said = " ".join(told).removeprefix("Error:").strip() or "helm said nothing"
    return _URL_CREDENTIALS.sub("", said)[:_LONGEST_QUOTE]
