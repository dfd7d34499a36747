"""From what went wrong between us and AWS to the one ProviderError that says it: pure mapping, no input or output.

Error codes are those of the services' API references ("Common errors", and the errors of each action).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from providers.errors import (
    ProviderConflict,
    ProviderError,
    ProviderNotFound,
    ProviderRefused,
    ProviderUnreachable,
)
from providers.retry import is_transient

LONGEST_QUOTE = 1_000


class Remedy(Enum):
    """What may help against a failed request."""

    SEND_AGAIN = auto()
    """It was turned away before anything was done, or never got there."""
    SEND_AGAIN_IF_REPEATABLE = auto()
    """It may have had its effect."""
    RENEW_CREDENTIALS = auto()
    NOTHING = auto()


@dataclass(frozen=True)
class Failure:
    """A request that did not succeed."""

    error: ProviderError
    remedy: Remedy = Remedy.NOTHING
    retry_after: float | None = None


@dataclass(frozen=True)
class Refusal:
    """An error as AWS answers it."""

    code: str
    message: str
    status: int

    @property
    def said(self) -> str:
        return ": ".join(part for part in (self.code, self.message) if part)[:LONGEST_QUOTE]


_THROTTLED = re.compile(
    r"throttl|RequestLimitExceeded|TooManyRequests|SlowDown|BandwidthLimitExceeded|PriorRequestNotComplete",
    re.IGNORECASE,
)
_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidIdentityToken",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
_DENIED = re.compile(r"AccessDenied|UnauthorizedOperation|UnauthorizedException|OptInRequired|NotAuthorized")
_NOT_FOUND = re.compile(r"NotFound|NoSuchEntity|\.Unknown$")
_CONFLICT = re.compile(
    r"Conflict|AlreadyExists|Duplicate|InUse|Contention|Concurrent|InProgress|IdempotentParameterMismatch"
)
# Another request about the same thing is not done yet. ECS has no code of its own for it.
_CONTENDED = re.compile(
    r"^(ResourceContention|ConcurrentUpdateException|ConcurrentTagAccess)\b|^ClientException: Too many concurrent "
)


def of_refusal(doing: str, action: str, refusal: Refusal, retry_after: float | None = None) -> Failure:
    """The failure of an error answer. `doing` continues "Unship could not ...", `action` is IAM's word for it."""
    meaning = next(item for item in _MEANINGS if item.applies(refusal))
    message = f"Unship could not {doing}.{meaning.advice.format(action=action)}"
    return Failure(meaning.kind(message, refusal.said or None), meaning.remedy, retry_after)


def code_of(error: ProviderError) -> str:
    """AWS's error code behind an error of this package; empty where AWS said nothing."""
    return (error.said or "").partition(":")[0]


def _is_throttled(refusal: Refusal) -> bool:
    return refusal.status == 429 or _THROTTLED.search(refusal.code) is not None


def _is_about_credentials(refusal: Refusal) -> bool:
    return refusal.status == 401 or refusal.code in _CREDENTIALS


@dataclass(frozen=True)
class _Meaning:
    applies: Callable[[Refusal], object]
    kind: type[ProviderError]
    advice: str = ""
    remedy: Remedy = Remedy.NOTHING


# The first that applies counts.
_MEANINGS = (
    _Meaning(_is_throttled, ProviderUnreachable, " AWS limits the rate of requests.", Remedy.SEND_AGAIN),
    _Meaning(
        _is_about_credentials,
        ProviderRefused,
        " AWS does not accept the credentials of the connector: renew them.",
        Remedy.RENEW_CREDENTIALS,
    ),
    _Meaning(
        lambda refusal: _DENIED.search(refusal.code),
        ProviderRefused,
        " The connector's identity may not {action}: grant it.",
    ),
    _Meaning(
        lambda refusal: _CONTENDED.search(refusal.said),
        ProviderConflict,
        " Something else is being done to it.",
        Remedy.SEND_AGAIN,
    ),
    _Meaning(
        lambda refusal: is_transient(refusal.status),
        ProviderUnreachable,
        " AWS is overloaded or failing.",
        Remedy.SEND_AGAIN_IF_REPEATABLE,
    ),
    _Meaning(lambda refusal: _NOT_FOUND.search(refusal.code), ProviderNotFound),
    _Meaning(lambda refusal: _CONFLICT.search(refusal.code), ProviderConflict),
    _Meaning(lambda _: True, ProviderRefused),
)


def of_lost(doing: str, reason: str, *, never_sent: bool) -> Failure:
    """The failure of a request that got no answer, or none that can be trusted."""
    remedy = Remedy.SEND_AGAIN if never_sent else Remedy.SEND_AGAIN_IF_REPEATABLE
    return Failure(ProviderUnreachable(f"Unship could not {doing}: AWS {reason}."), remedy)


def of_untrusted(doing: str, reason: str) -> Failure:
    """The failure of a request to an address whose certificate cannot be trusted."""
    message = f"Unship could not {doing}: the certificate of the endpoint cannot be trusted."
    return Failure(ProviderUnreachable(message, reason[:LONGEST_QUOTE]))


def of_credentials(doing: str, reason: str) -> Failure:
    """The failure of a request for which there are no credentials."""
    message = f"Unship could not {doing}: it has no AWS credentials. Set keys, a profile or a role."
    return Failure(ProviderRefused(message, reason[:LONGEST_QUOTE]))


def of_parameters(doing: str, reason: str) -> Failure:
    """The failure of a request that does not fit AWS's own description of it. Values may be secrets."""
    without_values = re.sub(r", value: .*?(?=, (type|valid))", "", reason, flags=re.DOTALL)
    return Failure(ProviderRefused(f"Unship could not {doing}: {without_values[:LONGEST_QUOTE]}"))
