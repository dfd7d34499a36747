"""Where the engine keeps its own database."""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url

from db.database import Database

APPLICATION = "unship"
UNDER_WAY = ("PENDING", "ENQUEUED")


def engine_url(database: Database) -> URL:
    """The file beside an embedded database; within PostgreSQL the same database, in a schema of its own."""
    url = make_url(database.url)
    if database.is_sqlite:
        return url.set(drivername="sqlite", database=f"{url.database}-engine")
    return url.set(drivername="postgresql")
