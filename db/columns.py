"""Column types shared by the tables: UTC timestamps, enums as text, sortable identifiers."""

from datetime import UTC, datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from uuid_utils import uuid7

# Identifiers begin with milliseconds in so many digits.
_MOMENT = 12


def new_id() -> str:
    """A fresh identifier; later ones sort after earlier ones, so it is also a keyset cursor."""
    return uuid7().hex


def id_after(other: str, fresh: str) -> str:
    """The fresh identifier moved to the millisecond after the other one's."""
    return f"{int(other[:_MOMENT], 16) + 1:0{_MOMENT}x}{fresh[_MOMENT:]}"


def identifier_at(moment: datetime) -> str:
    """What sorts before every identifier made from that moment on."""
    return f"{int(moment.timestamp() * 1000):0{_MOMENT}x}"


def now() -> datetime:
    return datetime.now(UTC)


class UtcDateTime(sa.TypeDecorator[datetime]):
    """Aware UTC timestamps on every database, SQLite included (which stores no zone)."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a timestamp without a zone cannot be stored")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def text_enum(enum: type[Enum]) -> Any:
    """An enum stored as text with a generous width, so that adding a member needs no migration.

    Typed Any because SQLModel declares `sa_type` as a class although it takes instances.
    """
    return sa.Enum(enum, native_enum=False, create_constraint=False, length=64)
