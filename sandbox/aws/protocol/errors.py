"""Errors as AWS answers them, each protocol in its own form. Imports names only."""

from __future__ import annotations

from xml.sax.saxutils import escape

from sandbox.aws.names import request_id
from sandbox.core.wire import Object, encode

JSON_TYPE = "application/x-amz-json-1.1"
XML_TYPE = "text/xml"

_FAILURES = {
    ("throttled", "query"): ("Throttling", "Rate exceeded"),
    ("throttled", "ec2"): ("RequestLimitExceeded", "Request limit exceeded."),
    ("throttled", "json"): ("ThrottlingException", "Rate exceeded"),
    ("unavailable", "query"): ("ServiceUnavailable", "Service is unavailable"),
    ("unavailable", "ec2"): ("Unavailable", "The server is overloaded and can't handle the request."),
    ("unavailable", "json"): ("ServiceUnavailableException", "Service is unavailable"),
    ("failed", "query"): ("InternalFailure", "The request processing has failed because of an internal error"),
    ("failed", "ec2"): ("InternalError", "An internal error has occurred"),
    ("failed", "json"): ("ServerException", "Service Unavailable. Please try again later."),
}

_CONTENTION = {
    "autoscaling": (500, "ResourceContention", "You already have a pending update to an Auto Scaling resource."),
    "application-autoscaling": (500, "ConcurrentUpdateException", "There is a pending update of the resource."),
    "ec2": (400, "ConcurrentTagAccess", "You can't run simultaneous commands to modify a tag of a resource."),
    "ecs": (
        400,
        "ClientException",
        "Too many concurrent attempts to create a new revision of the specified family.",
    ),
}
"""What services answer to a request that meets another one; ECS to RegisterTaskDefinition, EC2 to CreateTags."""


class AwsError(Exception):
    """What a service refuses; `status` is 400 unless its documentation says otherwise."""

    def __init__(self, code: str, message: str, status: int = 400, **members: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.members: Object = members
        """More members of the error's shape; JSON services only."""


def render(error: AwsError, protocol: str, namespace: str = "") -> tuple[str, bytes]:
    """Content type and body of an error."""
    if protocol == "json":
        return JSON_TYPE, encode({"__type": error.code, "message": error.message, **error.members})
    code, message = escape(error.code), escape(error.message)
    if protocol == "ec2":
        text = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            f"<RequestID>{request_id()}</RequestID></Response>"
        )
    else:
        kind = "Sender" if error.status < 500 else "Receiver"
        text = (
            f'<ErrorResponse xmlns="{escape(namespace)}"><Error><Type>{kind}</Type><Code>{code}</Code>'
            f"<Message>{message}</Message></Error><RequestId>{request_id()}</RequestId></ErrorResponse>"
        )
    return XML_TYPE, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def expired(protocol: str) -> AwsError:
    """Temporary credentials that are over."""
    if protocol == "ec2":
        return AwsError("RequestExpired", "Request has expired.")
    message = "The security token included in the request is expired"
    if protocol == "json":
        return AwsError("ExpiredTokenException", message)
    return AwsError("ExpiredToken", message, 403)


def unknown_key(protocol: str) -> AwsError:
    """An access key that does not exist."""
    if protocol == "ec2":
        message = "AWS was not able to validate the provided access credentials"
        return AwsError("AuthFailure", message, 401)
    message = "The security token included in the request is invalid."
    if protocol == "json":
        return AwsError("UnrecognizedClientException", message)
    return AwsError("InvalidClientTokenId", message, 403)


def wrong_signature(protocol: str) -> AwsError:
    """A signature that another secret made."""
    if protocol == "ec2":
        return unknown_key(protocol)
    message = (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
        "Access Key and signing method. Consult the service documentation for details."
    )
    if protocol == "json":
        return AwsError("InvalidSignatureException", message)
    return AwsError("SignatureDoesNotMatch", message, 403)


def denied(protocol: str, user: str, action: str) -> AwsError:
    """An action that no policy allows."""
    if protocol == "ec2":
        return AwsError("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)
    message = (
        f"User: {user} is not authorized to perform: {action} because no identity-based policy allows the "
        f"{action} action"
    )
    if protocol == "json":
        return AwsError("AccessDeniedException", message)
    return AwsError("AccessDenied", message, 403)


def injected(status: int, protocol: str, user: str, action: str) -> AwsError:
    """The error that a service means with a status: 400 and 429 are both throttling, 401 is an expired token,
    409 is another request that is not done yet."""
    if status == 401:
        return expired(protocol)
    if status == 403:
        return denied(protocol, user, action)
    service = action.partition(":")[0]
    if status == 409 and service in _CONTENTION:
        status, code, message = _CONTENTION[service]
        return AwsError(code, message, status)
    kind = "throttled" if status in (400, 429) else "unavailable" if status == 503 else "failed"
    code, message = _FAILURES[kind, protocol]
    return AwsError(code, message, status)
