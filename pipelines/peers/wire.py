"""Carries the rings of the bell between the processes. A lost one costs a follower seconds and never an event."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from db import postgres
from db.database import Database
from pipelines.bell import Bell
from pipelines.keeping import kept_going
from pipelines.peers.channel import CHANNEL, GOODBYE

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 1.0
_SAY = sa.text("SELECT pg_notify(:channel, payload) FROM unnest(CAST(:payloads AS text[])) AS payload")


class Wire:
    """Hears on a connection of its own; says through the pool, and all at once what has come up meanwhile."""

    def __init__(self, database: Database, bell: Bell, executor_id: str, on_goodbye: Callable[[], None]) -> None:
        self._database = database
        self._bell = bell
        self._id = executor_id
        self._on_goodbye = on_goodbye
        self._unsaid: set[str] = set()
        self._something = asyncio.Event()

    def relay(self, execution_id: str) -> None:
        """Ring in the other processes too, soon."""
        self._unsaid.add(execution_id)
        self._something.set()

    async def keep_saying(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            payloads = [f"{self._id} {execution_id}" for execution_id in self._unsaid]
            self._unsaid.clear()
            with kept_going("the other processes were not woken, and look by themselves"):
                async with self._database.engine.begin() as connection:
                    await connection.execute(_SAY, {"channel": CHANNEL, "payloads": payloads})

    async def keep_hearing(self) -> None:
        url = make_url(self._database.url).set(drivername="postgresql")
        while True:
            try:
                await self._hear(url)
            except psycopg.Error as error:
                logger.warning("the other processes are not heard for a moment: %s", error)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _hear(self, url: URL) -> None:
        connection = await psycopg.AsyncConnection.connect(
            url.render_as_string(hide_password=False), autocommit=True, **postgres.arguments(url)
        )
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            # What was rung before this moment was not heard.
            self._bell.wake_all()
            self._on_goodbye()
            async for notification in connection.notifies():
                self._heard(notification.payload)

    def _heard(self, payload: str) -> None:
        sender, _, what = payload.partition(" ")
        if sender == self._id:
            return
        if what == GOODBYE:
            self._on_goodbye()
        else:
            self._bell.wake(what)
