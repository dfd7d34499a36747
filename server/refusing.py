"""What a start or a command is refused for, in the words that its operator is told. Imports its neighbours.

Whoever imports this has not loaded the database's floors yet: they are loaded when something went wrong.
"""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from providers.connectors import ConnectorsError
from server.settings import SettingsError


def words_of(error: BaseException) -> str | None:
    """What to tell the operator; None for an error that nobody expected."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from db.exclusive import DatabaseInUse  # noqa: PLC0415
    from db.migrate import MigrationError  # noqa: PLC0415

    if isinstance(error, SettingsError | ConnectorsError | DatabaseInUse | MigrationError):
        return str(error)
    if isinstance(error, SQLAlchemyError):
        said = str(error.args[0] if error.args else error).strip()
        return f"The database cannot be used: {said}\nUNSHIP_DATABASE_URL says which one it is."
    return None


class PlainlyStarting(Starlette):
    """An application whose start, where it is refused, is answered in words and not with a traceback."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await super().__call__(scope, receive, send)
            return
        held: list[Message] = []

        async def sending(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                held.append(message)
            else:
                await send(message)

        try:
            await super().__call__(scope, receive, sending)
        except BaseException as error:
            for failed in held:
                said: dict[str, Any] = {} if (words := words_of(error)) is None else {"message": words}
                await send({**failed, **said})
            if not held or words_of(error) is None:
                raise
