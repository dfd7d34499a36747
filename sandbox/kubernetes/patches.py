"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386). Imports errors and core.wire."""

from typing import Any

from sandbox.core.wire import Object, clone, is_list, is_map
from sandbox.kubernetes.errors import ApiError


def merge_patch(target: Any, patch: Any) -> Any:
    """The target after a merge patch; neither argument is changed."""
    if not is_map(patch):
        return clone(patch)
    result: Object = dict(target) if is_map(target) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def json_patch(target: Object, operations: Any) -> Object:
    """The target after a list of operations. Raises ApiError 400 or 422 as the API server does."""
    if not is_list(operations):
        raise ApiError(400, "json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    document: Any = clone(target)
    for step in operations:
        if not is_map(step) or "op" not in step or "path" not in step:
            raise ApiError(400, "Unexpected kind: a JSON patch operation needs op and path")
        document = _operate(document, step)
    return document


def _operate(document: Any, step: Object) -> Any:
    path = _pointer(step["path"])
    match step["op"]:
        case "add":
            return _add(document, path, clone(step.get("value")))
        case "remove":
            return _remove(document, path)
        case "replace":
            if not path:
                return clone(step.get("value"))
            _read(document, path)
            return _add(_remove(document, path), path, clone(step.get("value")))
        case "move" | "copy":
            source = _pointer(step.get("from", ""))
            value = clone(_read(document, source))
            if step["op"] == "move":
                document = _remove(document, source)
            return _add(document, path, value)
        case "test":
            if _read_or_none(document, path) != step.get("value"):
                raise ApiError(422, f"testing value {step['path']} failed: test failed", reason="Invalid")
            return document
        case unknown:
            raise ApiError(400, f"Unexpected kind: {unknown}")


def _pointer(text: str) -> list[str]:
    if not text:
        return []
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _read(document: Any, path: list[str]) -> Any:
    for part in path:
        document = _child(document, part)
    return document


def _read_or_none(document: Any, path: list[str]) -> Any:
    try:
        return _read(document, path)
    except ApiError:
        return None


def _child(document: Any, part: str) -> Any:
    try:
        return document[int(part)] if is_list(document) else document[part]
    except (KeyError, IndexError, ValueError, TypeError):
        raise _missing(part) from None


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _read(document, path[:-1])
    last = path[-1]
    if is_list(parent):
        index = len(parent) if last == "-" else _index(last, len(parent))
        parent.insert(index, value)
    elif is_map(parent):
        parent[last] = value
    else:
        raise _missing(last)
    return document


def _remove(document: Any, path: list[str]) -> Any:
    parent = _read(document, path[:-1])
    _child(parent, path[-1])
    if is_list(parent):
        del parent[int(path[-1])]
    else:
        del parent[path[-1]]
    return document


def _index(text: str, length: int) -> int:
    if text.isdigit() and int(text) <= length:
        return int(text)
    raise _missing(text)


def _missing(part: str) -> ApiError:
    return ApiError(
        422, f"the server rejected our request due to an error in our request: {part} is missing", reason="Invalid"
    )
