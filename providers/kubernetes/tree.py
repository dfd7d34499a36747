"""The walks through JSON that all providers share, under the name that this package knows them by."""

from providers.tree import (
    Tree,
    at,
    compact,
    digest,
    drop,
    number,
    put,
    put_all,
    text,
    texts,
    tree,
    trees,
    without_nulls,
)

__all__ = [
    "Tree",
    "at",
    "compact",
    "digest",
    "drop",
    "number",
    "put",
    "put_all",
    "text",
    "texts",
    "tree",
    "trees",
    "without_nulls",
]
