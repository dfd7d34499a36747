"""The sign of life of this process, written from a thread of its own: a busy event loop must not look dead."""

from __future__ import annotations

import logging
import threading
import time

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from db import postgres
from pipelines.peers.channel import CHANNEL, GOODBYE

logger = logging.getLogger(__name__)

_BEATS_PER_LEASE = 5
# Lost with the database's last moments at worst, and written anew then; so it need not wait for a disk.
_UNFLUSHED = sa.text("SET LOCAL synchronous_commit = off")
_BEAT = sa.text(
    "INSERT INTO executor (id, started_at, beaten_at) VALUES (:id, clock_timestamp(), clock_timestamp()) "
    "ON CONFLICT (id) DO UPDATE SET beaten_at = clock_timestamp()"
)
_END = sa.text("DELETE FROM executor WHERE id = :id")
_SAY = sa.text("SELECT pg_notify(:channel, :payload)")


class Heart:
    """Beats five times per lease (seconds); whoever has not beaten for a lease is taken for dead by the others."""

    def __init__(self, url: str, executor_id: str, lease: float) -> None:
        self._id = executor_id
        self._lease = lease
        # A connection that no longer answers must fail long before the lease ends.
        patience = max(1, int(lease / 2))
        self._engine = sa.create_engine(
            make_url(url),
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args={"connect_timeout": max(2, patience), "tcp_user_timeout": patience * 1000},
        )
        postgres.watch(self._engine)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep_beating, name="heart", daemon=True)
        self._last = self._steady_since = 0.0

    def start(self) -> None:
        """Beat once, and go on. Raises SQLAlchemyError where the first beat fails."""
        self._steady_since = self._last = time.monotonic()
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye, last of all: from then on the others may carry what this process has claimed."""
        self._ending.set()
        self._thread.join()
        try:
            with self._engine.begin() as connection:
                connection.execute(_END, {"id": self._id})
                connection.execute(_SAY, {"channel": CHANNEL, "payload": f"{self._id} {GOODBYE}"})
        except SQLAlchemyError as error:
            logger.warning("the others have to notice by themselves that this process ends: %s", error)
        finally:
            self._engine.dispose()

    @property
    def may_judge(self) -> bool:
        """Whether old beats of others mean that they are dead.

        After an outage of the database everybody's are old. So this process has reached it for a whole lease
        without interruption, in which others could have beaten too, and for two after one that it met itself.
        """
        moment = time.monotonic()
        return moment - self._last < self._lease / 2 and moment - self._steady_since >= self._lease

    def _keep_beating(self) -> None:
        while not self._ending.wait(self._lease / _BEATS_PER_LEASE):
            try:
                self._beat()
            except SQLAlchemyError as error:
                logger.warning("this process could not show that it lives: %s", error)

    def _beat(self) -> None:
        began = time.monotonic()
        with self._engine.begin() as connection:
            connection.execute(_UNFLUSHED)
            connection.execute(_BEAT, {"id": self._id})
        if began - self._last > self._lease / 2:
            self._steady_since = time.monotonic() + self._lease
        self._last = began
