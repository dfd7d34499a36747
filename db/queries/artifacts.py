"""Which artifacts live instances run, found by steps through an index instead of a walk over all instances."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import col

from db.tables import Instance
from db.tables.instance import NAMES, UNIT


def live_artifacts(text: str) -> sa.Select[str]:
    """The `Instance.artifact` values in which the text is part of the display name or image, or all of the tag or
    digest.

    Each distinct value is one step: the smallest one above the last. There are far fewer of them than instances,
    and neither SQLite nor PostgreSQL takes such steps by itself.
    """
    instance, later = aliased(Instance), aliased(Instance)
    first = sa.select(sa.func.min(col(instance.artifact)).label("value")).where(col(instance.removed_at).is_(None))
    found = first.cte("artifacts", recursive=True)
    above = (col(later.removed_at).is_(None), col(later.artifact) > found.c.value)
    following = sa.select(sa.func.min(col(later.artifact))).where(*above).scalar_subquery()
    values = found.union_all(sa.select(following).where(found.c.value.is_not(None))).c.value
    whole = sa.func.replace(values, f"{UNIT}{text}{UNIT}", "") != values
    return sa.select(values).where(sa.or_(whole, values.ilike(f"%{NAMES}%{_escaped(text)}%", escape="/")))


def _escaped(text: str) -> str:
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")
