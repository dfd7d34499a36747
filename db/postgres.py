"""How every engine of the process connects to PostgreSQL: what leads nowhere is noticed, and given up."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, ExceptionContext

# SQLSTATE of a write to a PostgreSQL server that is a standby, as after a fail-over.
READ_ONLY_TRANSACTION = "25006"
# After that PostgreSQL ends a transaction whose process hangs, so that its rows can be had by another one.
_ABANDONED_SECONDS = 20
# How long a statement may wait for a lock that another session holds.
_LOCKED_OUT_SECONDS = 30
# Where the other side has vanished without a word, the kernel would go on asking for a quarter of an hour.
_GIVEN_UP_SECONDS = 10
_NOTICED = {
    "connect_timeout": _GIVEN_UP_SECONDS,
    "tcp_user_timeout": _GIVEN_UP_SECONDS * 1000,
    "keepalives_idle": _GIVEN_UP_SECONDS,
    "keepalives_interval": _GIVEN_UP_SECONDS // 2,
    "keepalives_count": 2,
}


def arguments(url: URL) -> dict[str, Any]:
    """The `connect_args` of an engine; what the URL says itself goes before."""
    return {name: value for name, value in _NOTICED.items() if name not in url.query}


def watch(engine: sa.Engine) -> None:
    """Bound what its sessions wait for, and let none that may only read back into the pool."""
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "handle_error", _give_up_read_only)


def _prepare(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET idle_in_transaction_session_timeout = '{_ABANDONED_SECONDS}s'")
    cursor.execute(f"SET lock_timeout = '{_LOCKED_OUT_SECONDS}s'")
    cursor.close()
    connection.commit()


def _give_up_read_only(context: ExceptionContext) -> None:
    """A session that began at a standby may stay read-only when its server, or another one, can be written to."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY_TRANSACTION:
        context.is_disconnect = True
