"""/v3/processes (v3-apidocs.cloudfoundry.org, "Processes"; app/actions/process_scale.rb)."""

from __future__ import annotations

from sandbox.cloudfoundry.calls import Call, Reply, only, put_metadata
from sandbox.cloudfoundry.errors import not_found, scaling_in_flight, unprocessable, updating_in_flight
from sandbox.cloudfoundry.foundation import Foundation
from sandbox.cloudfoundry.paging import chosen, page
from sandbox.cloudfoundry.presenting import Presenter
from sandbox.cloudfoundry.presenting_runtime import stats
from sandbox.cloudfoundry.state import Process, health_check
from sandbox.core.wire import Object, submap

CHECKS = frozenset({"port", "process", "http"})


class Processes:
    """The handlers; a process is named by its guid, or by an app and a type."""

    def __init__(self, foundation: Foundation, presenter: Presenter) -> None:
        self._foundation = foundation
        self._presenter = presenter

    def list(self, call: Call) -> Reply:
        found = list(self._foundation.processes.values())
        if "app" in call.names:
            self._check_app(call.names["app"])
            found = self._foundation.processes_of(call.names["app"])
        listed = chosen(
            found,
            call.query,
            {
                "guids": lambda item: item.guid,
                "types": lambda item: item.type,
                "app_guids": lambda item: item.app,
                "space_guids": lambda item: self._foundation.apps[item.app].space,
            },
        )
        return Reply(page(self._presenter.base + call.path, call.query, listed, self._listed))

    def get(self, call: Call) -> Reply:
        return Reply(self._presenter.process(self._find(call)))

    def update(self, call: Call) -> Reply:
        process, body = self._find(call), call.body()
        only(body, "command", "user", "health_check", "readiness_health_check", "metadata")
        if process.type == "web" and self._foundation.active_deployment(process.app) is not None:
            raise updating_in_flight()
        if "command" in body:
            process.command = body["command"]
        if "health_check" in body:
            process.health_check = _merged(process.health_check, submap(body, "health_check"))
        if "readiness_health_check" in body:
            process.readiness = _merged(process.readiness, submap(body, "readiness_health_check"))
        put_metadata(process, body)
        self._foundation.changed(process)
        return Reply(self._presenter.process(process))

    def scale(self, call: Call) -> Reply:
        process, body = self._find(call), call.body()
        only(body, "instances", "memory_in_mb", "disk_in_mb", "log_rate_limit_in_bytes_per_second")
        if process.type == "web" and self._foundation.active_deployment(process.app) is not None:
            raise scaling_in_flight()
        for name, value in body.items():
            if not isinstance(value, int) or value < (0 if name == "instances" else -1):
                raise unprocessable(f"{name.capitalize().replace('_', ' ')} must be greater than or equal to 0")
        process.instances = body.get("instances", process.instances)
        before = (process.memory, process.disk)
        process.memory = body.get("memory_in_mb", process.memory)
        process.disk = body.get("disk_in_mb", process.disk)
        process.log_rate = body.get("log_rate_limit_in_bytes_per_second", process.log_rate)
        if before != (process.memory, process.disk):
            # Other limits need other containers: Diego starts every instance anew.
            process.copies.clear()
        self._foundation.changed(process)
        return Reply(self._presenter.process(process), 202)

    def stats(self, call: Call) -> Reply:
        return Reply({"resources": stats(self._find(call))})

    def _find(self, call: Call) -> Process:
        if "app" in call.names:
            self._check_app(call.names["app"])
            return self._foundation.process(call.names["app"], call.names["type"])
        process = self._foundation.processes.get(call.names["guid"])
        if process is None:
            raise not_found("Process")
        return process

    def _check_app(self, guid: str) -> None:
        if guid not in self._foundation.apps:
            raise not_found("App")

    def _listed(self, process: Process) -> Object:
        return self._presenter.process(process, listed=True)


def _merged(current: Object, given: Object) -> Object:
    kind = str(given.get("type", current["type"]))
    if kind not in CHECKS:
        raise unprocessable('Health check type must be "port", "process", or "http"')
    base = current if kind == current["type"] else health_check(kind)
    data: Object = {**submap(base, "data"), **submap(given, "data")}
    if kind == "http":
        data.setdefault("endpoint", "/")
    return {"type": kind, "data": data}
