"""The commands of helm that change or fetch something, as argument lists. Knows nothing of when they are right.

Each that changes something is announced (`before_effect`) directly before its process starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from providers.errors import ProviderTimedOut
from providers.helm.binary import Binaries, Binary, find_binary
from providers.helm.failures import failure
from providers.helm.home import Home, kubeconfig_of
from providers.interface import Attempt
from providers.kubernetes.connecting import Clusters
from providers.kubernetes.credentials import obtain
from providers.kubernetes.live import Site
from providers.processes import Ended, run

# Left of the step's time for helm to note that it was over, and for us to say what was missing.
TIME_TO_TELL_SECONDS = 2.0
LEAST_SECONDS = 0.5
LEAST_IN_ALL_SECONDS = 5.0


@dataclass(frozen=True)
class Helm:
    """The helm of one connector, for one release on its cluster."""

    clusters: Clusters
    binaries: Binaries
    connector: str
    site: Site

    async def upgrade(
        self, home: Home, lock: int, attempt: Attempt, archive: Path, options: Sequence[str]
    ) -> None:
        """Install the chart, or upgrade the release to it. ProviderError with what helm said where it failed."""
        forced = (await self._binary()).forced
        wanted = ["upgrade", self.site.release, str(archive), "--install", "--create-namespace", *forced, *options]
        await self._change(f"install or upgrade {self.name}", home, lock, attempt, wanted)

    async def roll_back(
        self, home: Home, lock: int, attempt: Attempt, revision: int, options: Sequence[str]
    ) -> None:
        forced = (await self._binary()).forced
        wanted = ["rollback", self.site.release, str(revision), *forced, *options]
        await self._change(f"roll {self.name} back to revision {revision}", home, lock, attempt, wanted)

    async def uninstall(self, home: Home, lock: int, attempt: Attempt, options: Sequence[str]) -> None:
        wanted = ["uninstall", self.site.release, *options]
        await self._change(f"uninstall {self.name}", home, lock, attempt, wanted)

    async def run(self, home: Home, arguments: Sequence[str], lock: int | None = None) -> Ended:
        """Any command, away from the cluster."""
        path = (await self._binary()).path
        keeps_open = (home.descriptor,) if lock is None else (home.descriptor, lock)
        return await run("helm", [path, *arguments], home.environment, home.directory, keeps_open)

    async def _change(self, doing: str, home: Home, lock: int, attempt: Attempt, arguments: Sequence[str]) -> None:
        access = await asyncio.to_thread(self.clusters.access, self.connector)
        text = kubeconfig_of(access, await obtain(access), self.site.namespace)
        kubeconfig = await home.write("kubeconfig", text)
        place = ["--kubeconfig", str(kubeconfig), "--kube-context", "unship", "--namespace", self.site.namespace]
        seconds = max(LEAST_IN_ALL_SECONDS, attempt.seconds_left - LEAST_SECONDS)
        await attempt.before_effect()
        try:
            # Helm's own --timeout is for what it waits for; for the answer to a request it waits for ever.
            async with asyncio.timeout(seconds):
                ended = await self.run(home, [*arguments, *place], lock)
        except TimeoutError as error:
            raise ProviderTimedOut(f"Unship could not {doing}: helm did not end in the step's time.") from error
        if ended.code != 0:
            raise failure(doing, ended.output.text())

    @property
    def place(self) -> str:
        """What only one helm at a time may work on."""
        server = self.clusters.access(self.connector).cluster.server
        return f"{server}/{self.site.namespace}/{self.site.release}"

    @property
    def name(self) -> str:
        return f'the release "{self.site.release}" in namespace {self.site.namespace}'

    async def _binary(self) -> Binary:
        connector, spec = self.clusters.spec(self.connector)
        return await self.binaries.get(find_binary(spec.helm, connector.directory))


def waiting(seconds_left: float) -> list[str]:
    """Wait until everything is ready, but no longer than the step may."""
    seconds = max(LEAST_SECONDS, seconds_left - TIME_TO_TELL_SECONDS)
    return ["--wait", "--timeout", f"{int(seconds * 1000)}ms"]
