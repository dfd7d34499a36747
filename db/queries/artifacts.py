"""Which artifacts live instances run, found by steps through an index instead of a walk over all instances."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import col

from db.tables import Instance
from db.tables.instance import NAMES, UNIT


def live_artifacts(text: str) -> sa.Select[str]:
    """The values of `Instance.artifact` that match the text and that live instances have.

    Each distinct value is one step: the smallest one above the last. There are far fewer of them than instances,
    and neither SQLite nor PostgreSQL takes such steps by itself.
    """
    instance, later = aliased(Instance), aliased(Instance)
    first = sa.select(sa.func.min(col(instance.artifact)).label("value")).where(col(instance.removed_at).is_(None))
    found = first.cte("artifacts", recursive=True)
    above = (col(later.removed_at).is_(None), col(later.artifact) > found.c.value)
    following = (
        sa.select(col(later.artifact)).where(*above).order_by(col(later.artifact)).limit(1).scalar_subquery()
    )
    values = found.union_all(sa.select(following).where(found.c.value.is_not(None))).c.value
    return sa.select(values).where(artifact_matches(values, text))


def artifact_matches(artifact: sa.SQLColumnExpression[str | None], text: str) -> sa.SQLColumnExpression[bool]:
    """Whether the text is part of the display name or image, case ignored, or all of the tag or digest."""
    whole = sa.func.replace(artifact, f"{UNIT}{text}{UNIT}", "") != artifact
    # Both have to be looked at where neither holds; this one holds more often.
    return sa.or_(artifact.ilike(f"%{NAMES}%{_escaped(text)}%", escape="/"), whole)


def _escaped(text: str) -> str:
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")
