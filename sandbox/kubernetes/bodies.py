"""Request bodies by content type: JSON, YAML, protobuf. Imports protobuf, errors and pyyaml."""

import json
from typing import Any

import yaml

from sandbox.core.wire import Object, is_map
from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.protobuf import MAGIC, decode_protobuf

PROTOBUF = "application/vnd.kubernetes.protobuf"


def media_type(content_type: str) -> str:
    """The type without parameters, in lower case."""
    return content_type.split(";", 1)[0].strip().lower()


def decode_body(content_type: str, body: bytes) -> Any:
    """Any JSON data. Raises ApiError 400 or 415."""
    kind = media_type(content_type)
    if kind == PROTOBUF or body.startswith(MAGIC):
        return decode_protobuf(body)
    try:
        if kind.endswith("yaml") and not body.lstrip().startswith(b"{"):
            return yaml.safe_load(body)
        return json.loads(body)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise ApiError(400, f"error decoding the request body: {error}") from None


def decode_object(content_type: str, body: bytes) -> Object:
    """One object. Raises ApiError 400 or 415."""
    value = decode_body(content_type, body)
    if not is_map(value):
        raise ApiError(400, "the request body is not an object")
    return value


def decode_for_log(content_type: str, body: bytes) -> Any:
    """As `decode_body`, but text where it can not be decoded."""
    try:
        return decode_body(content_type, body)
    except ApiError:
        return body.decode("utf-8", "replace")
