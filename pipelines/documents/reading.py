"""From a guarded YAML tree to a typed model, pydantic's complaints turned into problems with a place and a remedy.

Imports the problems, the YAML nodes and the models.
"""

from collections.abc import Sequence
from types import UnionType
from typing import Annotated, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from pipelines.documents.base import has_expression
from pipelines.problems import Path, Problem, ProblemCode, nearest, shown, suggestion
from pipelines.yaml_nodes import Document, Node, plain, position

ModelT = TypeVar("ModelT", bound=BaseModel)

_WRONG_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "int_parsing": "a whole number",
    "bool_parsing": "true or false",
    "float_parsing": "a number",
}


class ProblemSink:
    """Collects the problems of one document; turns a path into a place."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def add(self, code: ProblemCode, message: str, path: Path, at: Path | None = None) -> None:
        """Report a problem with the value that `path` leads to; its place is that of `at`, where given."""
        line, column = position(self.document.root, path if at is None else at)
        self.problems.append(Problem(code, message, self.document.index, line, column, path))


def validated(
    model: type[ModelT], value: object, path: Path, sink: ProblemSink, *, rendered: bool
) -> ModelT | None:
    """The value as a model, or None with the problems in the sink.

    Unless `rendered`, complaints about text that still holds an expression are put off until it is rendered;
    then None comes back without a problem.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False)
        misspelt = {_meant(model, detail) for detail in details if detail["type"] == "extra_forbidden"}
        for detail in details:
            if detail["type"] == "missing" and detail["loc"] in misspelt:
                continue  # said better by the complaint about the unknown key
            _report(model, value, detail, path, sink, rendered=rendered)
    return None


def json_of(node: Node) -> JsonValue:
    """The tree as plain JSON values."""
    return cast("JsonValue", plain(node))


def _meant(model: type[BaseModel], detail: ErrorDetails) -> Path:
    """Where the known key would stand that an unknown key is most like."""
    *parent, key = detail["loc"]
    return (*parent, nearest(str(key), model_keys(model_at(model, tuple(parent)))) or "")


def _report(
    model: type[BaseModel], value: object, detail: ErrorDetails, path: Path, sink: ProblemSink, *, rendered: bool
) -> None:
    place = (*path, *_readable(value, detail["loc"]))
    kind = detail["type"]
    if kind == "extra_forbidden":
        key = str(detail["loc"][-1])
        known = model_keys(model_at(model, detail["loc"][:-1]))
        message = f'unknown key "{shown(key)}"{suggestion(key, known)}'
        sink.add(ProblemCode.UNKNOWN_KEY, message, place[:-1], at=place)
    elif kind == "missing":
        message = f'the key "{detail["loc"][-1]}" is missing; add it'
        sink.add(ProblemCode.MISSING_KEY, message, place[:-1])
    elif not rendered and has_expression(_found(value, detail["loc"])):
        return
    elif kind in _WRONG_TYPES:
        given = _described(detail["input"])
        sink.add(ProblemCode.WRONG_TYPE, f"expected {_WRONG_TYPES[kind]}, found {given}", place)
    else:
        sink.add(ProblemCode.INVALID_VALUE, _invalid(detail), place)


def _invalid(detail: ErrorDetails) -> str:
    kind, given = detail["type"], detail["input"]
    context = detail.get("ctx", {})
    if kind == "enum" and isinstance(given, str):
        expected = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
        near = nearest(given, expected.split(", "))
        hint = f'; did you mean "{near}"?' if near else ""
        return f'"{shown(given)}" is not one of {expected}{hint}'
    if kind == "string_pattern_mismatch" and isinstance(given, str):
        return f'"{shown(given)}" does not match {context.get("pattern")}'
    if isinstance(given, str):
        return f'"{shown(given)}": {_lower_first(detail["msg"])}'
    return _lower_first(detail["msg"])


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _described(value: object) -> str:
    if isinstance(value, str):
        return f'"{shown(value)}"'
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, Sequence) else "nothing"


def _readable(value: object, loc: Path) -> Path:
    """The location without what pydantic adds for the keys of dicts and the members of unions."""
    parts: list[str | int] = []
    found = value
    for index, part in enumerate(loc):
        if isinstance(part, str) and "[" in part:
            continue
        if isinstance(found, dict):
            mapping = cast("dict[object, object]", found)
            if part not in mapping and index < len(loc) - 1:
                continue
            found = mapping.get(part)
        elif isinstance(found, list) and isinstance(part, int):
            found = cast("list[object]", found)[part]
        parts.append(part)
    return tuple(parts)


def _found(value: object, loc: Path) -> object:
    found = value
    for part in loc:
        if isinstance(found, dict):
            mapping = cast("dict[object, object]", found)
            found = mapping.get(part, mapping)
        elif isinstance(found, list) and isinstance(part, int):
            found = cast("list[object]", found)[part]
    return cast("object", found)


def model_keys(model: type[BaseModel] | None) -> frozenset[str]:
    """The YAML keys of a model."""
    if model is None:
        return frozenset()
    return frozenset(info.alias or name for name, info in model.model_fields.items())


def model_at(model: type[BaseModel], loc: Path) -> type[BaseModel] | None:
    """The model that describes the value at a pydantic location inside `model`."""
    current: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, int) or current is None:
            continue
        info = next((info for name, info in current.model_fields.items() if part in {name, info.alias}), None)
        if info is None:
            return None
        current = _model_in(info.annotation)
    return current


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {Union, UnionType, Annotated, tuple, list, dict}:
        found = (_model_in(argument) for argument in get_args(annotation))
        return next((model for model in found if model is not None), None)
    return None
