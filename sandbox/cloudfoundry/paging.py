"""Lists: filters by query and label, and pages (v3-apidocs.cloudfoundry.org, "Pagination", "Label selectors")."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from sandbox.cloudfoundry.errors import ApiError
from sandbox.cloudfoundry.foundation import in_order
from sandbox.cloudfoundry.state import Resource
from sandbox.core.wire import Object

R = TypeVar("R", bound=Resource)
Filters = Mapping[str, Callable[[R], "str | Iterable[str]"]]

COMMON = frozenset({"page", "per_page", "order_by", "label_selector", "include", "created_ats", "updated_ats"})
MOST_PER_PAGE = 5_000


def chosen(resources: Iterable[R], query: Mapping[str, str], filters: Filters[R]) -> list[R]:
    """The resources that match the query, in its order; oldest first without one. Raises ApiError 400."""
    unknown = set(query) - COMMON - set(filters)
    if unknown:
        names = ", ".join(f"'{name}'" for name in sorted(unknown))
        known = ", ".join(f"'{name}'" for name in sorted({*filters, *COMMON}))
        raise ApiError(400, 10005, f"Unknown query parameter(s): {names}. Valid parameters are: {known}")
    found = list(resources)
    for name, read in filters.items():
        if name in query:
            wanted = set(query[name].split(","))
            found = [item for item in found if wanted.intersection(_values(read(item)))]
    if "label_selector" in query:
        found = [item for item in found if selects(query["label_selector"], item.labels)]
    return _ordered(found, query.get("order_by", ""))


def _values(value: str | Iterable[str]) -> Iterable[str]:
    return [value] if isinstance(value, str) else value


def selects(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether labels match a selector of equality and existence."""
    for part in selector.split(","):
        name, different, value = part.partition("!=")
        if different:
            matches = labels.get(name) != value
        elif "=" in part:
            name, _, value = part.replace("==", "=").partition("=")
            matches = labels.get(name) == value
        else:
            matches = (part.lstrip("!") in labels) != part.startswith("!")
        if not matches:
            return False
    return True


def _ordered(found: list[R], order: str) -> list[R]:
    ordered = in_order(found)
    if order.lstrip("-") not in {"", "created_at", "updated_at", "name", "position"}:
        raise ApiError(400, 10005, "Order by can only be: 'created_at', 'updated_at', 'name'")
    if order.lstrip("-") == "name":
        ordered.sort(key=lambda item: str(getattr(item, "name", "")))
    if order.startswith("-"):
        ordered.reverse()
    return ordered


def page(url: str, query: Mapping[str, str], found: Sequence[R], show: Callable[[R], Object]) -> Object:
    """One page of a list. Raises ApiError 400 for a page or size that cannot be."""
    number, size = _number(query, "page", 1), _number(query, "per_page", 50)
    if size > MOST_PER_PAGE:
        raise ApiError(400, 10005, f"Per page must be between 1 and {MOST_PER_PAGE}")
    pages = max(1, -(-len(found) // size))
    kept = {name: value for name, value in query.items() if name not in {"page", "per_page"}}

    def link(to: int) -> Object:
        return {"href": f"{url}?{urlencode({**kept, 'page': to, 'per_page': size})}"}

    return {
        "pagination": {
            "total_results": len(found),
            "total_pages": pages,
            "first": link(1),
            "last": link(pages),
            "next": link(number + 1) if number < pages else None,
            "previous": link(number - 1) if number > 1 else None,
        },
        "resources": [show(item) for item in found[(number - 1) * size : number * size]],
    }


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or int(text) < 1:
        raise ApiError(400, 10005, f"{name.replace('_', ' ').capitalize()} must be a positive integer")
    return int(text)
