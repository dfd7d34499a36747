"""Private directories that live as long as who uses them: what a killed server left goes when the next starts.

A file lock on the directory says that somebody is at work in it; it lasts as long as any process keeps it open.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from providers.errors import ProviderConflict


@dataclass(frozen=True)
class PrivateDirectory:
    """A directory of this user alone. Commands that work in it inherit `descriptor`, which keeps it from being
    taken for one that was left behind."""

    path: Path
    descriptor: int


@asynccontextmanager
async def private_directory(prefix: str) -> AsyncGenerator[PrivateDirectory]:
    """A new directory, removed with everything in it."""
    made = await asyncio.to_thread(_make, prefix)
    try:
        yield made
    finally:
        await asyncio.shield(asyncio.to_thread(_remove, made))


def remove_left_behind() -> None:
    """Remove the private directories that no living process works in, whichever server of this user made them.

    Nothing where they cannot be kept: the step that needs one says why.
    """
    try:
        homes = own_directory("unship-homes")
    except (OSError, ProviderConflict):
        return
    with _alone(homes):
        for path in homes.iterdir():
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except OSError:  # whoever worked in it has just removed it
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            except BlockingIOError:
                continue
            finally:
                os.close(descriptor)


def own_directory(name: str) -> Path:
    """A directory of this user alone among the temporary ones; another user's of that name would be a trap.

    Raises ProviderConflict where it is one.
    """
    path = Path(tempfile.gettempdir()) / f"{name}-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or not path.is_dir() or path.is_symlink():
        raise ProviderConflict(f"{path} belongs to somebody else or is open to others: remove it.")
    return path


@contextmanager
def _alone(homes: Path) -> Generator[None]:
    """Nobody makes a directory while somebody looks which are left: a new one is not locked yet."""
    descriptor = os.open(homes, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make(prefix: str) -> PrivateDirectory:
    homes = own_directory("unship-homes")
    with _alone(homes):
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=homes))
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return PrivateDirectory(path, descriptor)


def _remove(made: PrivateDirectory) -> None:
    shutil.rmtree(made.path, ignore_errors=True)
    os.close(made.descriptor)
