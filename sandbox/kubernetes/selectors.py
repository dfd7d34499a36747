"""Label and field selectors, and the label selectors that objects carry. Imports errors and core.wire."""

import re
from collections.abc import Callable
from typing import Any

from sandbox.core.wire import Object, is_map, sublist, submap
from sandbox.kubernetes.errors import ApiError

Test = Callable[[Object], bool]

SET_BASED = re.compile(r"^\s*([A-Za-z0-9./_-]+)\s+(in|notin)\s+\(([^)]*)\)\s*$")
EQUALITY = re.compile(r"^\s*([A-Za-z0-9./_-]+)\s*(==|=|!=)\s*([A-Za-z0-9._-]*)\s*$")
EXISTS = re.compile(r"^\s*(!?)\s*([A-Za-z0-9./_-]+)\s*$")


def label_test(text: str) -> Test:
    """Whether an object's labels match. Raises ApiError 400."""
    tests = [_requirement(part) for part in re.split(r",(?![^(]*\))", text) if part.strip()]

    def matches(value: Object) -> bool:
        labels = submap(value, "metadata", "labels")
        return all(test(labels) for test in tests)

    return matches


def field_test(text: str) -> Test:
    """Whether an object's fields match; any path of plain values may be used. Raises ApiError 400."""
    tests: list[tuple[list[str], str, bool]] = []
    for part in filter(None, text.split(",")):
        matched = EQUALITY_OF_FIELD.match(part)
        if matched is None:
            raise ApiError(400, f"invalid selector: {text!r}; can't understand {part!r}")
        path, operator, wanted = matched.groups()
        tests.append((path.split("."), wanted, operator == "!="))

    def matches(value: Object) -> bool:
        return all((_field(value, path) == wanted) is not unequal for path, wanted, unequal in tests)

    return matches


EQUALITY_OF_FIELD = re.compile(r"^\s*([A-Za-z0-9./_-]+?)\s*(==|=|!=)\s*(.*)$")


def selects(selector: Object | None, labels: Object | None) -> bool:
    """Whether a label selector of an object (matchLabels, matchExpressions) matches; None selects nothing."""
    if selector is None:
        return False
    have = labels or {}
    if any(have.get(key) != value for key, value in submap(selector, "matchLabels").items()):
        return False
    return all(_expression(expression, have) for expression in sublist(selector, "matchExpressions"))


def selector_text(selector: Object | None) -> str:
    """A label selector as the text that list requests take."""
    return ",".join(f"{key}={value}" for key, value in submap(selector or {}, "matchLabels").items())


def _expression(expression: Object, labels: Object) -> bool:
    key, values = expression.get("key", ""), sublist(expression, "values")
    match expression.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return False


def _requirement(part: str) -> Test:
    if matched := SET_BASED.match(part):
        key, operator, listed = matched.groups()
        values = {item.strip() for item in listed.split(",")}
        return _member(key, values) if operator == "in" else _no_member(key, values)
    if matched := EQUALITY.match(part):
        key, operator, wanted = matched.groups()
        return _no_member(key, {wanted}) if operator == "!=" else _member(key, {wanted})
    if matched := EXISTS.match(part):
        return _presence(matched.group(2), matched.group(1) == "")
    raise ApiError(400, f"unable to parse requirement: found {part!r}")


def _member(key: str, values: set[str]) -> Test:
    return lambda labels: key in labels and labels[key] in values


def _no_member(key: str, values: set[str]) -> Test:
    return lambda labels: labels.get(key) not in values


def _presence(key: str, wanted: bool) -> Test:
    return lambda labels: (key in labels) is wanted


def _field(value: Any, path: list[str]) -> str:
    for part in path:
        value = value.get(part) if is_map(value) else None
    return "" if value is None else str(value)
