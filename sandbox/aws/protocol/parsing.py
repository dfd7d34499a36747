"""Parameters of a request, from form fields or JSON, by the operation's input shape. Imports models and errors.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html and aws-ec2-query-protocol.html
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.models import Model
from sandbox.core.wire import Object, is_list, is_map

Tree = dict[str, Any]


def _anything(_: object) -> bool:
    return True


JSON_TYPES: Mapping[str, Callable[[object], bool]] = {
    "structure": is_map,
    "map": is_map,
    "list": is_list,
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
}


def form_fields(body: bytes) -> dict[str, str]:
    """The fields of a form; the last of several with one name."""
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def parse(service: Model, operation: str, body: bytes) -> Object:
    """The parameters. Raises AwsError for what is not one or is missing."""
    shape = service.input(operation)
    if shape is None:
        return {}
    if service.protocol == "json":
        parsed = _from_json(service, shape, _document(body), "")
    else:
        parsed = _from_tree(service, shape, _tree(form_fields(body)))
    _demand(service, shape, parsed, "")
    return parsed


def _document(body: bytes) -> Object:
    try:
        document: Any = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise AwsError("SerializationException", "The request body is not JSON") from error
    if not is_map(document):
        raise AwsError("SerializationException", "Start of structure expected")
    return document


def _tree(fields: dict[str, str]) -> Tree:
    """`A.member.1=x` as {"A": {"member": {"1": "x"}}}."""
    root: Tree = {}
    for path, value in fields.items():
        node, names = root, path.split(".")
        for name in names[:-1]:
            inner = node.get(name)
            if not is_map(inner):
                inner = node[name] = {}
            node = inner
        node[names[-1]] = value
    return root


def _from_tree(service: Model, shape: Object, node: Any) -> Any:
    match shape["type"]:
        case "structure":
            return _structure(service, shape, node)
        case "list":
            return _list(service, shape, node)
        case "map":
            return _map(service, shape, node)
        case kind:
            return _scalar(kind, node)


def _structure(service: Model, shape: Object, node: Any) -> Object:
    if not is_map(node):
        return {}
    found: Object = {}
    for name, reference in shape["members"].items():
        member = service.resolve(reference)
        key = _field_name(service, member, name)
        if member["type"] == "list" and member.get("flattened") and service.protocol == "query":
            key = service.resolve(member["member"]).get("locationName", key)
        if key in node:
            found[name] = _from_tree(service, member, node[key])
    return found


def _field_name(service: Model, member: Object, name: str) -> str:
    if service.protocol != "ec2":
        return member.get("locationName", name)
    if "queryName" in member:
        return member["queryName"]
    key = member.get("locationName", name)
    return key[:1].upper() + key[1:]


def _list(service: Model, shape: Object, node: Any) -> list[Any]:
    if not is_map(node):
        return []
    member = service.resolve(shape["member"])
    if service.protocol == "query" and not shape.get("flattened"):
        node = node.get(member.get("locationName", "member"), {})
    return [_from_tree(service, member, item) for _, item in _numbered(node)]


def _map(service: Model, shape: Object, node: Any) -> Object:
    if is_map(node) and not shape.get("flattened"):
        node = node.get("entry", {})
    value, key = service.resolve(shape["value"]), service.resolve(shape["key"])
    names = key.get("locationName", "key"), value.get("locationName", "value")
    return {entry[names[0]]: _from_tree(service, value, entry[names[1]]) for _, entry in _numbered(node)}


def _numbered(node: Any) -> list[tuple[int, Any]]:
    if not is_map(node):
        return []
    return sorted((int(key), value) for key, value in node.items() if key.isdigit())


def _from_json(service: Model, shape: Object, value: Any, path: str) -> Any:
    kind = shape["type"]
    if not JSON_TYPES.get(kind, _anything)(value):
        raise AwsError("SerializationException", f"{path or 'The request'} is not of type {kind}")
    if kind == "structure":
        members = {name: service.resolve(reference) for name, reference in shape["members"].items()}
        return {
            name: _from_json(service, members[name], inner, f"{path}.{name}".lstrip("."))
            for name, inner in value.items()
            if name in members and inner is not None
        }
    if kind == "list":
        member = service.resolve(shape["member"])
        return [_from_json(service, member, inner, f"{path}[{index}]") for index, inner in enumerate(value)]
    if kind == "map":
        member = service.resolve(shape["value"])
        return {key: _from_json(service, member, inner, f"{path}.{key}") for key, inner in value.items()}
    return value if kind in {"string", "boolean"} else _scalar(kind, value)


def _scalar(kind: str, value: Any) -> Any:
    try:
        match kind:
            case "integer" | "long":
                return int(value)
            case "float" | "double":
                return float(value)
            case "boolean":
                return str(value).lower() == "true"
            case "timestamp":
                return _timestamp(value)
            case "blob":
                return base64.b64decode(value)
            case _:
                return str(value)
    except (TypeError, ValueError, binascii.Error) as error:
        raise AwsError("MalformedInput", f"{value!r} is not of type {kind}") from error


def _timestamp(value: Any) -> datetime:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _demand(service: Model, shape: Object, value: Any, path: str) -> None:
    """Required members are there and closed sets are kept, also inside of structures and lists."""
    if shape["type"] == "list" and is_list(value):
        member = service.resolve(shape["member"])
        for index, inner in enumerate(value, 1):
            _demand(service, member, inner, f"{path}.{index}.member")
    if shape["type"] == "string" and value not in shape.get("enum", (value,)):
        raise _invalid(service, f"Value '{value}' at '{path}'", f"enum value set: {sorted(shape['enum'])}")
    if shape["type"] != "structure" or not is_map(value):
        return
    for name in shape.get("required", ()):
        if name not in value:
            raise _invalid(service, f"Value null at '{_camel(path, name)}'", "not be null")
    for name, inner in value.items():
        _demand(service, service.resolve(shape["members"][name]), inner, _camel(path, name))


def _camel(path: str, name: str) -> str:
    return f"{path}.{name[:1].lower()}{name[1:]}".lstrip(".")


def _invalid(service: Model, what: str, constraint: str) -> AwsError:
    message = f"1 validation error detected: {what} failed to satisfy constraint: Member must {_verb(constraint)}"
    if service.protocol == "ec2":
        return AwsError("MissingParameter" if "null" in what else "InvalidParameterValue", message)
    code = "InvalidParameterException" if service.protocol == "json" else "ValidationError"
    return AwsError(code, message)


def _verb(constraint: str) -> str:
    return constraint if constraint.startswith("not") else f"satisfy {constraint}"
