"""Refusals of the Cloud Controller: {"errors": [{code, title, detail}]}.

Codes and titles are those of cloud_controller_ng, errors/v2.yml and errors/v3.yml.
"""

from __future__ import annotations

from sandbox.core.wire import Object

TITLES = {
    1000: "CF-InvalidAuthToken",
    1001: "CF-MessageParseError",
    10001: "UnknownError",
    10002: "CF-NotAuthenticated",
    10003: "CF-NotAuthorized",
    10005: "CF-BadQueryParameter",
    10008: "CF-UnprocessableEntity",
    10010: "CF-ResourceNotFound",
    10013: "CF-RateLimitExceeded",
    10015: "CF-ServiceUnavailable",
    10016: "CF-UniquenessError",
    170017: "CF-StagingInProgress",
    390016: "CF-ScaleDisabledDuringDeployment",
    390017: "CF-ProcessUpdateDisabledDuringDeployment",
}


class ApiError(Exception):
    """One refusal, with the status that carries it."""

    def __init__(self, status: int, code: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail

    def body(self) -> Object:
        """The body of the answer."""
        return {"errors": [{"code": self.code, "title": TITLES[self.code], "detail": self.detail}]}


def invalid_token() -> ApiError:
    """401: the token is expired or not ours."""
    return ApiError(401, 1000, "Invalid Auth Token")


def not_authenticated() -> ApiError:
    """401: no token at all."""
    return ApiError(401, 10002, "Authentication error")


def not_authorized() -> ApiError:
    """403: the role does not allow it."""
    return ApiError(403, 10003, "You are not authorized to perform the requested action")


def not_found(kind: str) -> ApiError:
    """404: there is no such thing, or it may not be seen."""
    return ApiError(404, 10010, f"{kind} not found")


def unknown_request() -> ApiError:
    """404: there is no such endpoint."""
    return ApiError(404, 10010, "Unknown request")


def unprocessable(detail: str) -> ApiError:
    """422: the request is understood and cannot be carried out."""
    return ApiError(422, 10008, detail)


def taken(detail: str) -> ApiError:
    """422: another one has that name."""
    return ApiError(422, 10016, detail)


INJECTED = {
    403: (10003, "You are not authorized to perform the requested action"),
    404: (10010, "Resource not found"),
    422: (10008, "injected by the sandbox"),
    429: (10013, "Rate Limit Exceeded"),
    401: (1000, "Invalid Auth Token"),
    503: (10015, "Service unavailable"),
}


def staging() -> ApiError:
    """422: another build of the app is not done yet."""
    return ApiError(422, 170017, "Only one build can be STAGING at a time per application.")


def scaling_in_flight() -> ApiError:
    """422: a deployment goes on, and scales the process."""
    return ApiError(422, 390016, "Cannot scale this process while a deployment is in flight.")


def updating_in_flight() -> ApiError:
    """422: a deployment goes on."""
    return ApiError(422, 390017, "Cannot update this process while a deployment is in flight.")


NOT_DONE_YET = (
    ("/builds", staging),
    ("/actions/scale", scaling_in_flight),
    ("/v3/processes/", updating_in_flight),
)
"""Operations to which something else that goes on is an obstacle."""


def injected(status: int, operation: str) -> ApiError:
    """The error that a fault of this status answers an operation with; 409 is "something else is not done yet"."""
    for part, error in NOT_DONE_YET:
        if status == 409 and part in operation:
            return error()
    code, detail = INJECTED.get(status, (10001, "An unknown error occurred."))
    return ApiError(status, code, detail)
