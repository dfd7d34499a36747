"""One helm at a time for each release, also over a crash of the server: a lock that helm itself keeps open.

A server that is killed leaves its helm at work. Whoever repeats the step on this machine waits until that helm has
ended, since a file lock lasts as long as any process has the file open.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from hashlib import sha256

from providers.errors import ProviderTimedOut
from providers.homes import own_directory

_POLL_SECONDS = 0.05


@asynccontextmanager
async def turn(place: str, seconds: float) -> AsyncGenerator[int]:
    """The turn at `place`: a file descriptor that helm is to inherit. ProviderTimedOut if it does not come."""
    path = own_directory("unship-turns") / sha256(place.encode()).hexdigest()[:32]
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        end = asyncio.get_running_loop().time() + seconds
        while not _take(descriptor):
            if asyncio.get_running_loop().time() > end:
                raise ProviderTimedOut(f"An earlier helm is still at work on {place}: wait until it has ended.")
            await asyncio.sleep(_POLL_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
