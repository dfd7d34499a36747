"""The tick that moves a world forward. Imports the standard library only.

One tick stands for one second of a platform's own deadlines (a progress deadline of 10 seconds ends after
10 ticks), so that a test can live through minutes in a moment.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

Listener = Callable[[int], Awaitable[None]]


class Clock:
    """Awaits its listeners once a tick, on the world's event loop; never two ticks at once."""

    def __init__(self, tick: float) -> None:
        self.tick = tick
        self.ticks = 0
        self._paused = False
        self._listeners: list[Listener] = []
        self._lock = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def on_tick(self, listener: Listener) -> None:
        """Awaits `listener(tick number)` at every tick from now on."""
        self._listeners.append(listener)

    def pause(self) -> None:
        """Stops time until `resume`; `advance` still works, which makes a test deterministic."""
        self._paused = True

    def resume(self) -> None:
        """Lets time run again."""
        self._paused = False

    @property
    def paused(self) -> bool:
        """Whether time stands still."""
        return self._paused

    def advance(self, ticks: int = 1) -> None:
        """Moves time from any other thread and returns when the world has lived through it."""
        if self._loop is None:
            raise RuntimeError("the world is not running")
        asyncio.run_coroutine_threadsafe(self.step(ticks), self._loop).result(timeout=30)

    async def step(self, ticks: int) -> None:
        """Moves time by `ticks`, on the world's loop."""
        for _ in range(ticks):
            async with self._lock:
                self.ticks += 1
                for listener in self._listeners:
                    await listener(self.ticks)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Ticks for as long as the block lasts."""
        self._loop = asyncio.get_running_loop()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self._loop = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self.tick)
            if not self._paused:
                await self.step(1)
