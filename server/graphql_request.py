"""A GraphQL request out of whatever came over the wire: parsed once, refused with a reason. Imports json_codec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from server import json_codec


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """A well-formed request; whether the document is valid is for the schema to say."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


class MalformedRequest(Exception):
    """Not a GraphQL request. `status` is the HTTP status, `headers` what goes with it."""

    def __init__(self, message: str, *, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.headers = dict(headers or {})


_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    408: "REQUEST_TIMEOUT",
    413: "REQUEST_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    503: "UNAVAILABLE",
}


def code_of(status: int) -> str:
    """The `extensions.code` that goes with an HTTP status."""
    return _CODES[status]


def parse_body(body: bytes) -> GraphQLRequest:
    """The request of a POST body in JSON."""
    return from_parameters(_decode(body, "The request body"))


def parse_query_string(parameters: Mapping[str, str]) -> GraphQLRequest:
    """The request of a GET: `variables` and `extensions` are JSON texts, an empty parameter counts as absent."""
    return from_parameters(
        {
            "query": parameters.get("query"),
            "operationName": parameters.get("operationName"),
            "variables": _decode_parameter(parameters, "variables"),
            "extensions": _decode_parameter(parameters, "extensions"),
        }
    )


def from_parameters(parameters: object) -> GraphQLRequest:
    """The request of decoded parameters; MalformedRequest names the parameter of the wrong type."""
    if isinstance(parameters, list):
        raise MalformedRequest("Batching is not supported: send one operation per request, as a JSON object.")
    if not isinstance(parameters, dict):
        raise MalformedRequest("The request must be a JSON object with a `query`.")
    known = cast("dict[str, object]", parameters)
    query = known.get("query")
    if query is None:
        raise MalformedRequest("The request has no `query`.")
    if not isinstance(query, str):
        raise MalformedRequest("`query` must be a string.")
    operation_name = known.get("operationName")
    if not isinstance(operation_name, str | None):
        raise MalformedRequest("`operationName` must be a string or null.")
    return GraphQLRequest(query, _map(known, "variables"), operation_name or None, _map(known, "extensions"))


def _map(parameters: dict[str, object], name: str) -> dict[str, Any] | None:
    value = parameters.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise MalformedRequest(f"`{name}` must be an object or null.")
    return cast("dict[str, Any]", value)


def _decode_parameter(parameters: Mapping[str, str], name: str) -> object:
    text = parameters.get(name)
    return _decode(text, f"`{name}`") if text else None


def _decode(text: bytes | str, what: str) -> object:
    try:
        return json_codec.decode(text)
    except ValueError as error:
        raise MalformedRequest(f"{what} is not valid JSON: {error}") from error
