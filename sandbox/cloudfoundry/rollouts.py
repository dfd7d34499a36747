"""How a deployment replaces instances.

After cloud_controller_ng, lib/cloud_controller/deployment_updater/actions (scale.rb, canary.rb, cancel.rb,
finalize.rb) and app/actions/deployment_create.rb.
"""

from __future__ import annotations

from dataclasses import replace

from sandbox.cloudfoundry import revisions
from sandbox.cloudfoundry.foundation import Foundation
from sandbox.cloudfoundry.state import App, Deployment, Process, Revision, new_guid, next_serial
from sandbox.core.wire import timestamp


class Rollouts:
    """Begins deployments and moves them by one tick."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation

    def tick(self) -> None:
        """One round of the deployment updater."""
        for deployment in list(self._foundation.deployments.values()):
            match deployment.state:
                case "DEPLOYING":
                    self._scale(deployment)
                case "PREPAUSED":
                    self._pause(deployment)
                case "CANCELING":
                    self._cancel(deployment)
                case _:
                    pass

    def begin(self, deployment: Deployment, app: App, revision: Revision | None) -> None:
        """Starts a deployment for an app that runs; one under way is superseded."""
        previous = self._foundation.active_deployment(app.guid)
        oldest = self._foundation.processes_of(app.guid, "web")[0]
        deployment.original_count = previous.original_count if previous is not None else oldest.instances
        wanted = int(deployment.options.get("web_instances", deployment.original_count))
        first = 1 if deployment.strategy == "canary" else wanted
        process = self._clone(app, revision, min(deployment.max_in_flight, first))
        process.memory = int(deployment.options.get("memory_in_mb", process.memory))
        process.disk = int(deployment.options.get("disk_in_mb", process.disk))
        deployment.original_count, deployment.process = wanted, process.guid
        deployment.new_processes = [{"guid": process.guid, "type": "web"}]
        deployment.state = "PREPAUSED" if deployment.strategy == "canary" else "DEPLOYING"
        if previous is not None:
            state = "DEPLOYED" if previous.state == "DEPLOYING" else "CANCELED"
            self._set(previous, state, "FINALIZED", "SUPERSEDED")
        self._foundation.add(self._foundation.deployments, deployment)

    def finish_at_once(self, deployment: Deployment, app: App, revision: Revision | None) -> None:
        """A deployment of a stopped app starts it and is done."""
        process = self._foundation.process(app.guid, "web")
        process.instances = int(deployment.options.get("web_instances", process.instances))
        deployment.process = process.guid
        app.state = "STARTED"
        for found in self._foundation.processes_of(app.guid):
            revisions.run(found, app, revision)
        self._foundation.add(self._foundation.deployments, deployment)
        self._set(deployment, "DEPLOYED", "FINALIZED", "DEPLOYED")

    def _clone(self, app: App, revision: Revision | None, instances: int) -> Process:
        newest = self._foundation.process(app.guid, "web")
        clone = replace(
            newest,
            guid=new_guid(),
            serial=next_serial(),
            created_at=timestamp(),
            instances=instances,
            command=revision.commands.get("web") if revision is not None else newest.command,
            copies={},
            labels=dict(newest.labels),
            annotations=dict(newest.annotations),
        )
        revisions.run(clone, app, revision)
        return self._foundation.add(self._foundation.processes, clone)

    def _scale(self, deployment: Deployment) -> None:
        process = self._foundation.processes[deployment.process]
        routable = sum(1 for copy in process.copies.values() if copy.state == "RUNNING")
        nonroutable = process.instances - routable
        if nonroutable >= deployment.max_in_flight:
            return
        deployment.last_healthy = timestamp()
        if process.instances >= deployment.original_count:
            if nonroutable == 0:
                self._finalize(deployment)
            return
        surplus = sum(item.instances for item in self._others(deployment)) - max(
            deployment.original_count - routable, 0
        )
        for other in self._others(deployment):
            taken = min(max(surplus, 0), other.instances)
            other.instances -= taken
            surplus -= taken
        grown = process.instances + deployment.max_in_flight - nonroutable
        process.instances = min(grown, deployment.original_count)

    def _others(self, deployment: Deployment) -> list[Process]:
        found = self._foundation.processes_of(deployment.app, "web")
        return [process for process in found if process.guid != deployment.process]

    def _finalize(self, deployment: Deployment) -> None:
        process = self._foundation.processes[deployment.process]
        app = self._foundation.apps[deployment.app]
        for other in self._others(deployment):
            del self._foundation.processes[other.guid]
        revision = self._foundation.revisions.get(process.revision or "")
        for found in self._foundation.processes_of(app.guid):
            if found.type != "web":
                if revision is not None:
                    found.command = revision.commands.get(found.type)
                revisions.run(found, app, revision)
        self._set(deployment, "DEPLOYED", "FINALIZED", "DEPLOYED")

    def _pause(self, deployment: Deployment) -> None:
        process = self._foundation.processes[deployment.process]
        copies = list(process.copies.values())
        if len(copies) == process.instances and all(copy.state == "RUNNING" for copy in copies):
            self._set(deployment, "PAUSED", "ACTIVE", "PAUSED")

    def _cancel(self, deployment: Deployment) -> None:
        others = self._others(deployment)
        others[0].instances = deployment.original_count
        for unwanted in [*others[1:], self._foundation.processes[deployment.process]]:
            del self._foundation.processes[unwanted.guid]
        self._set(deployment, "CANCELED", "FINALIZED", "CANCELED")

    def _set(self, deployment: Deployment, state: str, value: str, reason: str) -> None:
        deployment.state, deployment.value, deployment.reason = state, value, reason
        deployment.last_status_change = timestamp()
        self._foundation.changed(deployment)
