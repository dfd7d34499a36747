"""What the process does again and again beside its executions: how a round of it fails, and how it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager

from db.outages import is_outage

logger = logging.getLogger(__name__)


@contextmanager
def kept_going(complaint: str) -> Generator[None]:
    """Around one round of a task that goes on, whatever fails in it, until it is cancelled.

    What fails is logged under `complaint`; an outage of the database passes by itself, and is not.
    """
    try:
        yield
    except Exception as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # A database driver may answer a cancellation with an error of its own.
            raise asyncio.CancelledError from None
        if not is_outage(error):
            logger.exception(complaint)
