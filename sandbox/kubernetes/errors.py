"""Refusals of the API server as Status objects with the right reason and code. Imports kinds and core.wire."""

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.core.wire import Object
from sandbox.kubernetes.kinds import Kind

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason of a refusal, at one field."""

    reason: str
    message: str
    field: str

    def wire(self) -> Object:
        """As it travels in details.causes."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


class ApiError(Exception):
    """A refusal; `reason` empty stays empty (as a real server does for unexpected errors)."""

    def __init__(self, code: int, message: str, *, reason: str | None = None, details: Object | None = None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = REASONS.get(code, "") if reason is None else reason
        self.details = details

    def status(self) -> Object:
        """The Status object of the answer."""
        status: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            status["details"] = self.details
        return status


def not_found(kind: Kind, name: str) -> ApiError:
    """404 NotFound."""
    return ApiError(404, f'{kind.id} "{name}" not found', details=_about(kind, name))


def no_such_page() -> ApiError:
    """404 for a path that names no resource."""
    return ApiError(404, "the server could not find the requested resource", details={})


def already_exists(kind: Kind, name: str) -> ApiError:
    """409 AlreadyExists."""
    message = f'{kind.id} "{name}" already exists'
    return ApiError(409, message, reason="AlreadyExists", details=_about(kind, name))


def modified(kind: Kind, name: str, why: str = "") -> ApiError:
    """409 Conflict: the object is not what the client believes."""
    reason = why or ("the object has been modified; please apply your changes to the latest version and try again")
    message = f'Operation cannot be fulfilled on {kind.id} "{name}": {reason}'
    return ApiError(409, message, details=_about(kind, name))


def apply_conflict(causes: Sequence[Cause]) -> ApiError:
    """409 Conflict of a server-side apply: fields owned by others, one cause each."""
    count = f"{len(causes)} conflict{'s' if len(causes) > 1 else ''}"
    if len(causes) == 1:
        text = f"Apply failed with {count}: {causes[0].message}: {causes[0].field}"
    else:
        lines = "\n".join(f"- {cause.message}: {cause.field}" for cause in causes)
        text = f"Apply failed with {count}:\n{lines}"
    return ApiError(409, text, details={"causes": [cause.wire() for cause in causes]})


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
    """422 Invalid with every wrong field."""
    texts = [f"{cause.field}: {cause.message}" for cause in causes]
    summary = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = {
        **_about(kind, name),
        "kind": kind.kind,
        "causes": [cause.wire() for cause in causes],
    }
    return ApiError(422, f'{kind.kind}{_suffix(kind)} "{name}" is invalid: {summary}', details=details)


def forbidden(kind: Kind, name: str, why: str, cause: str = "") -> ApiError:
    """403 Forbidden."""
    details = _about(kind, name)
    if cause:
        details["causes"] = [Cause(cause, why, "metadata.namespace").wire()]
    target = f'{kind.id} "{name}"' if name else kind.id
    return ApiError(403, f"{target} is forbidden: {why}", details=details)


def expired(message: str) -> ApiError:
    """410 Expired: a watch or a page older than the history."""
    return ApiError(410, message)


def _about(kind: Kind, name: str) -> Object:
    about: Object = {"name": name, "kind": kind.plural}
    if kind.group:
        about["group"] = kind.group
    return about


def _suffix(kind: Kind) -> str:
    return f".{kind.group}" if kind.group else ""
