"""What happens by itself: instances start, crash and are started again; builds stage; jobs end.

Restarts wait as Diego's do: three at once, then longer and longer.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.cloudfoundry.fates import CRASH_DETAILS, STAGING_ERROR, Fate
from sandbox.cloudfoundry.foundation import Foundation
from sandbox.cloudfoundry.state import App, Build, Copy, Job, Process
from sandbox.core.wire import timestamp

MOST_BACKOFF_TICKS = 64


@dataclass(frozen=True, slots=True)
class Pace:
    """How many ticks things take."""

    staging: int = 2
    starting: int = 2
    deleting: int = 2


class Runtime:
    """Moves everything but deployments by one tick."""

    def __init__(self, foundation: Foundation, pace: Pace) -> None:
        self._foundation = foundation
        self._pace = pace

    def tick(self) -> None:
        """One tick."""
        for build in list(self._foundation.builds.values()):
            if build.state == "STAGING":
                self._stage(build)
        for job in list(self._foundation.jobs.values()):
            if job.state == "PROCESSING":
                self._work(job)
        for process in list(self._foundation.processes.values()):
            self._run(process, self._foundation.apps[process.app])

    def _stage(self, build: Build) -> None:
        build.ticks += 1
        if build.ticks < self._pace.staging:
            return
        package = self._foundation.packages[build.package]
        image = package.data.get("image")
        build.updated_at = timestamp()
        if self._foundation.fates.of(str(image)) is Fate.UNSTAGEABLE:
            build.state, build.error = "FAILED", STAGING_ERROR
            return
        droplet = self._foundation.stage(self._foundation.apps[build.app], image, package.guid)
        build.state, build.droplet = "STAGED", droplet.guid

    def _work(self, job: Job) -> None:
        job.ticks += 1
        if job.ticks < self._pace.deleting:
            return
        job.state, job.updated_at = "COMPLETE", timestamp()
        if job.operation == "app.delete":
            if job.subject in self._foundation.apps:
                self._foundation.forget_app(job.subject)
        elif self._foundation.routes.pop(job.subject, None) is not None:
            self._foundation.changed()

    def _run(self, process: Process, app: App) -> None:
        wanted = process.instances if app.state == "STARTED" and process.running_droplet is not None else 0
        for index in [index for index in process.copies if index >= wanted]:
            del process.copies[index]
        for index in range(wanted):
            copy = process.copies.get(index)
            if copy is None:
                process.copies[index] = Copy(index, process.running_droplet or "")
            else:
                self._live(copy)

    def _live(self, copy: Copy) -> None:
        copy.ticks += 1
        fate = self._fate(copy.droplet)
        if copy.state == "STARTING" and copy.ticks >= self._pace.starting and fate is not Fate.HANGS:
            copy.state, copy.ticks = ("RUNNING", 0) if fate is None else ("CRASHED", 0)
            if fate is not None:
                copy.crashes += 1
                copy.details = CRASH_DETAILS
        elif copy.state == "RUNNING" and fate is Fate.CRASHES:
            copy.state, copy.ticks, copy.crashes, copy.details = "CRASHED", 0, copy.crashes + 1, CRASH_DETAILS
        elif copy.state == "CRASHED" and copy.ticks >= _backoff(copy.crashes):
            copy.state, copy.ticks, copy.details = "STARTING", 0, None

    def _fate(self, droplet: str) -> Fate | None:
        found = self._foundation.droplets.get(droplet)
        return self._foundation.fates.of(found.image or found.guid) if found is not None else Fate.CRASHES


def _backoff(crashes: int) -> int:
    return 1 if crashes <= 3 else min(MOST_BACKOFF_TICKS, 2 ** (crashes - 2))
