"""Runs a command to its end with everything bounded: time, kept output, and the life of what it started.

The command leads a process group of its own; whatever is left of the group when the command ends, or when it is
stopped, is killed. Imports nothing of the project.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from providers.telemetry import COMMANDS
from providers.tracing import TRACING

KEPT_BYTES = 64 * 1024
GRACE_SECONDS = 5.0
# A process that left the group keeps its end of the pipe open; it is not waited for.
_DRAIN_SECONDS = 1.0
_READ_BYTES = 64 * 1024


class Tail:
    """The last `KEPT_BYTES` of what was written; `cut` tells whether anything before them was dropped."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self.cut = False

    def add(self, chunk: bytes) -> None:
        self._kept += chunk
        if len(self._kept) > KEPT_BYTES:
            del self._kept[:-KEPT_BYTES]
            self.cut = True

    def text(self) -> str:
        return self._kept.decode("utf-8", errors="replace")


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (negative: the signal that killed it) and the ends of what it wrote."""

    code: int
    output: Tail
    errors: Tail


async def run(
    program: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    directory: Path,
    keeps_open: Sequence[int] = (),
) -> Ended:
    """Run `command` with exactly this environment. Cancelled, it stops the whole group: SIGTERM, then SIGKILL.

    It is counted, and traced, as `program`.
    `keeps_open` are file descriptors that the command inherits. `output` has what was written to both streams in
    the order of arrival, `errors` only the error stream.
    Raises OSError where the command cannot be started.
    """
    outcome = "none"
    with TRACING.span(f"run {program}") as span:
        try:
            ended = await _run(command, environment, directory, keeps_open)
            outcome = "failed" if ended.code else "ok"
        finally:
            COMMANDS.add(program, outcome)
        span.set("process.exit.code", ended.code)
        return ended


async def _run(
    command: Sequence[str], environment: Mapping[str, str], directory: Path, keeps_open: Sequence[int]
) -> Ended:
    output, errors = Tail(), Tail()
    with _pipe() as (out_read, out_write), _pipe() as (err_read, err_write):
        starting = asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out_write,
            stderr=err_write,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
            pass_fds=tuple(keeps_open),
        )
        process = await _started(asyncio.ensure_future(starting))
        out_write.close()
        err_write.close()
        readers = asyncio.gather(_read(out_read, output), _read(err_read, output, errors))
        try:
            await process.wait()
        finally:
            await _stop(process)
            await _drain(readers)
    return Ended(process.returncode or 0, output, errors)


async def _started(starting: asyncio.Future[asyncio.subprocess.Process]) -> asyncio.subprocess.Process:
    """Cancelled by itself, a start would kill the command it has begun, and not what that started meanwhile."""
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _stop(await starting)
        raise


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Leave nothing of the process group behind."""
    try:
        if process.returncode is None:
            _signal(process.pid, signal.SIGTERM)
            async with asyncio.timeout(GRACE_SECONDS):
                await process.wait()
    except TimeoutError:
        pass  # it had its chance
    finally:
        _signal(process.pid, signal.SIGKILL)
        await process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # nothing of it is left
        os.killpg(group, number)


async def _drain(readers: asyncio.Future[tuple[None, None]]) -> None:
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            await readers
    except TimeoutError:
        pass  # cancelled by the timeout; what was read is kept


async def _read(pipe: FileIO, *tails: Tail) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(pipe, readable.set)
    try:
        while True:
            await readable.wait()
            readable.clear()
            chunk = pipe.read(_READ_BYTES)
            if chunk is None:
                continue
            if not chunk:
                return
            for tail in tails:
                tail.add(chunk)
    finally:
        loop.remove_reader(pipe)


@contextmanager
def _pipe() -> Generator[tuple[FileIO, FileIO]]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    with FileIO(read, "rb") as reader, FileIO(write, "wb") as writer:
        yield reader, writer
