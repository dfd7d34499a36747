"""Results of operations as XML or JSON, by the operation's own output shape. Imports models, names and errors.

A member that the shape does not have is a defect of the world and raises KeyError.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from sandbox.aws.names import request_id
from sandbox.aws.protocol.errors import JSON_TYPE, XML_TYPE
from sandbox.aws.protocol.models import Model
from sandbox.core.wire import Object, encode


def serialize(service: Model, operation: str, result: Mapping[str, Any]) -> tuple[str, bytes]:
    """Content type and body of a reply."""
    shape = service.output(operation)
    if service.protocol == "json":
        return JSON_TYPE, encode({} if shape is None else _json(service, shape, result))
    inner = "" if shape is None else _members(service, shape, result)
    if service.protocol == "ec2":
        inner = f"<requestId>{request_id()}</requestId>{inner}"
    else:
        wrapper = (shape or {}).get("resultWrapper", "")
        inner = f"<{wrapper}>{inner}</{wrapper}>" if wrapper else inner
        inner = f"{inner}<ResponseMetadata><RequestId>{request_id()}</RequestId></ResponseMetadata>"
    root = f"{operation}Response"
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{escape(service.namespace)}">{inner}</{root}>'
    return XML_TYPE, text.encode("utf-8", "replace")


def _members(service: Model, shape: Object, value: Mapping[str, Any]) -> str:
    parts: list[str] = []
    for name, inner in value.items():
        member = service.resolve(shape["members"][name])
        if inner is not None:
            parts.append(_element(service, member, member.get("locationName", name), inner))
    return "".join(parts)


def _element(service: Model, shape: Object, name: str, value: Any) -> str:
    match shape["type"]:
        case "structure":
            return f"<{name}>{_members(service, shape, value)}</{name}>"
        case "list":
            return _list(service, shape, name, value)
        case "map":
            return _map(service, shape, name, value)
        case kind:
            return f"<{name}>{escape(_text(kind, value))}</{name}>"


def _list(service: Model, shape: Object, name: str, values: Any) -> str:
    member = service.resolve(shape["member"])
    if shape.get("flattened"):
        return "".join(_element(service, member, member.get("locationName", name), inner) for inner in values)
    item = member.get("locationName", "member")
    return f"<{name}>{''.join(_element(service, member, item, inner) for inner in values)}</{name}>"


def _map(service: Model, shape: Object, name: str, values: Mapping[str, Any]) -> str:
    key, value = service.resolve(shape["key"]), service.resolve(shape["value"])
    entries = [
        _element(service, key, key.get("locationName", "key"), word)
        + _element(service, value, value.get("locationName", "value"), inner)
        for word, inner in values.items()
    ]
    if shape.get("flattened"):
        return "".join(f"<{name}>{entry}</{name}>" for entry in entries)
    return f"<{name}>{''.join(f'<entry>{entry}</entry>' for entry in entries)}</{name}>"


def _text(kind: str, value: Any) -> str:
    match kind:
        case "boolean":
            return "true" if value else "false"
        case "timestamp":
            moment: datetime = value
            return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        case "blob":
            return base64.b64encode(value).decode()
        case _:
            return str(value)


def _json(service: Model, shape: Object, value: Any) -> Any:
    match shape["type"]:
        case "structure":
            return {
                name: _json(service, service.resolve(shape["members"][name]), inner)
                for name, inner in value.items()
                if inner is not None
            }
        case "list":
            member = service.resolve(shape["member"])
            return [_json(service, member, inner) for inner in value]
        case "map":
            member = service.resolve(shape["value"])
            return {key: _json(service, member, inner) for key, inner in value.items()}
        case "timestamp":
            return value.timestamp() if isinstance(value, datetime) else value
        case "blob":
            return base64.b64encode(value).decode()
        case _:
            return value
