"""What Alembic executes around the migrations, on the connection of `db.migrate`. Logging is left alone."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import AutoString

from db import tables
from db.columns import UtcDateTime


def _as_plain_type(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write column types in migrations without reference to code that may change later."""
    if kind != "type":
        return False
    if isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, sa.Enum):
        return f"sa.String(length={item.length})"
    if isinstance(item, AutoString):
        return "sa.String()" if item.length is None else f"sa.String(length={item.length})"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.Service.metadata,
    render_as_batch=context.config.attributes.get("in_batches", True),
    render_item=_as_plain_type,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
