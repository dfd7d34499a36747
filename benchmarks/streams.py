"""What clients that do not read cost a server, and those that do: 200 of each follow the same executions.

`python -m benchmarks.streams [--clients 200] [--rounds 2]`: in each round the healthy ones alone, then beside as
many that never read. Ends with 1 where the bars are missed, or where somebody cannot go on after his cursor.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from websockets.exceptions import ConnectionClosed

from benchmarks.custom import pipeline, resident, script, wait
from tests.durability.audience import batches_of, over_a_socket, subscribed
from tests.support.unship import Unship, execute, serving

_BAR_MIB, _BAR_RATIO = 64, 2.0
_EXECUTIONS, _STEPS, _FILLING_SECONDS = 4, 23, 15
_EVENTS = """
subscription ($id: ID!) { executionProgress(executionId: $id) { execution { status } events { occurredAt } } }
"""
# 100 KB in each batch, so that the buffers of who does not read them are soon full.
_MUCH = """
subscription ($id: ID!) {
  executionProgress(executionId: $id) { cursor execution { status yaml } events { sequence } }
}
"""


@dataclass
class Phase:
    """One run of the executions: seconds from events to their readers, memory at its highest, in MiB."""

    delays: list[float] = field(default_factory=list[float])
    resident: float = 0
    kernel: float = 0
    closed: float = 0.0
    resumed: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def watch(self, pid: int) -> None:
        self.resident = max(self.resident, resident(pid))
        self.kernel = max(self.kernel, _kernel())


def _kernel() -> float:
    """MiB that the kernel holds for the TCP sockets of this machine."""
    (line,) = (one for one in Path("/proc/net/sockstat").read_text().splitlines() if one.startswith("TCP:"))
    return int(line.split()[-1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200, help="how many read, and how many do not")
    parser.add_argument("--rounds", type=int, default=2, help="how often each is measured")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(Path(scratch), execute, rate_per_second="0") as unship,
    ):
        assert unship.apply(_pipeline()) == []
        alone: list[Phase] = []
        beside: list[Phase] = []
        for _ in range(options.rounds):
            alone.append(asyncio.run(_phase(unship, options.clients, 0)))
            beside.append(asyncio.run(_phase(unship, options.clients, options.clients)))
    return _report(alone, beside, options.clients)


def _pipeline() -> str:
    """A step every two seconds, and then a long script, which is in the YAML of the execution from the start."""
    return pipeline("long", *[wait("2s")] * _STEPS, script(f": {'x' * 100_000}"))


async def _phase(unship: Unship, healthy: int, stalled: int) -> Phase:
    assert unship.process is not None
    pid, phase = unship.process.pid, Phase()
    started = [await asyncio.to_thread(unship.run, "long") for _ in range(_EXECUTIONS)]
    async with asyncio.TaskGroup() as clients:
        watching = clients.create_task(_watch(phase, pid))
        reading = [clients.create_task(_read(phase, unship, started[one % _EXECUTIONS])) for one in range(healthy)]
        for one in range(stalled):
            clients.create_task(_stall(phase, unship, started[one % _EXECUTIONS]))
        await asyncio.wait(reading)
        watching.cancel()
        phase.over.set()
    return phase


async def _watch(phase: Phase, pid: int) -> None:
    while True:
        phase.watch(pid)
        await asyncio.sleep(0.2)


async def _read(phase: Phase, unship: Unship, execution: str) -> None:
    began = time.time()
    async with subscribed(unship.url, _EVENTS, {"id": execution}) as connection:
        async for batch in batches_of(connection):
            arrived = time.time()
            happened = [datetime.fromisoformat(event["occurredAt"]).timestamp() for event in batch["events"]]
            # All the clients come at once, and some of them fill their buffers; that is over by then.
            phase.delays += [arrived - moment for moment in happened if moment > began + _FILLING_SECONDS]


async def _stall(phase: Phase, unship: Unship, execution: str) -> None:
    """Read nothing until the server ends the connection; then what has arrived, and go on after the others."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", unship.port))
    sequences: list[int] = []
    cursor = None
    async with subscribed(unship.url, _MUCH, {"id": execution}, sock=connection, max_queue=1) as client:
        began = time.monotonic()
        await _until_ended(connection)
        phase.closed = max(phase.closed, time.monotonic() - began)
        try:
            async for batch in batches_of(client):
                sequences += [event["sequence"] for event in batch["events"]]
                cursor = batch["cursor"]
        except ConnectionClosed:
            pass
    await phase.over.wait()
    async for batch in over_a_socket(unship.url, execution, cursor):
        sequences += [event["sequence"] for event in batch["events"]]
    phase.resumed += sequences == list(range(1, len(sequences) + 1))


async def _until_ended(connection: socket.socket) -> None:
    """Until the kernel knows that the connection is no more: its state is the first byte of TCP_INFO."""
    established = 1
    while connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == established:  # noqa: ASYNC110
        await asyncio.sleep(0.5)


def _report(alone: list[Phase], beside: list[Phase], clients: int) -> int:
    def middle(phases: list[Phase], percent: int) -> float:
        found = [1000 * statistics.quantiles(phase.delays, n=100)[percent - 1] for phase in phases]
        return statistics.median(found)

    growth, kernel = (
        max(getattr(one, name) for one in beside) - max(getattr(one, name) for one in alone)
        for name in ("resident", "kernel")
    )
    ratio = middle(beside, 99) / middle(alone, 99)
    resumed = sum(phase.resumed for phase in beside)
    print(f"{clients} that read, {clients} that do not, {len(beside)} rounds, load {os.getloadavg()[0]:.1f}\n")
    for what, phases in (("those who read alone", alone), ("beside those who do not", beside)):
        print(f"{what:40} p50 {middle(phases, 50):6.1f} ms, p99 {middle(phases, 99):6.1f} ms")
    print(f"{'p99, ratio of the two':40} {ratio:6.2f}   bar: at most {_BAR_RATIO}")
    print(f"{'memory of the server, more':40} {growth:6.1f} MiB   bar: under {_BAR_MIB} MiB")
    print(f"{'memory of all sockets in the kernel, more':40} {kernel:6.1f} MiB")
    print(f"{'the last one given up after':40} {max(phase.closed for phase in beside):6.1f} s")
    print(f"{'resumed without gap or repetition':40} {resumed} of {clients * len(beside)}")
    return 0 if ratio <= _BAR_RATIO and growth < _BAR_MIB and resumed == clients * len(beside) else 1


if __name__ == "__main__":
    sys.exit(main())
