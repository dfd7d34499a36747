"""Many keys as one table in a statement, so that one statement answers all of them. Knows both SQL dialects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

Key = tuple[str, ...]


@dataclass(frozen=True)
class KeyTable:
    """The keys as rows: `position` numbers them upwards in their order, `part(i)` is a key's i-th value."""

    source: sa.FromClause
    position: sa.SQLColumnExpression[int]
    is_sqlite: bool

    def part(self, index: int) -> sa.SQLColumnExpression[str]:
        value: Any = self.source.c.value
        return value[index].as_string()


def distinct_keys(keys: Sequence[Key], is_sqlite: bool) -> KeyTable:
    """As `key_table`, each key once: for statements whose rows are gathered by key."""
    return key_table(list(dict.fromkeys(keys)), is_sqlite)


def key_table(keys: Sequence[Key], is_sqlite: bool) -> KeyTable:
    """The keys, sent as one JSON parameter: the statement's text does not depend on how many there are."""
    text = sa.literal(orjson.dumps(keys).decode(), sa.Text())
    value = sa.column("value", sa.JSON())
    source: Any
    if is_sqlite:
        source = sa.func.json_each(text).table_valued(sa.column("key", sa.Integer()), value, name="keys")
    else:
        elements = sa.func.json_array_elements(sa.cast(text, sa.JSON()))
        source = elements.table_valued(value, with_ordinality="key", name="keys").render_derived()
    return KeyTable(source, source.c.key, is_sqlite)
