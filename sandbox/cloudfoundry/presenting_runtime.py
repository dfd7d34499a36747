"""Deployments and instances as the v3 API shows them (_deployments.erb, process_stats_presenter.rb)."""

from __future__ import annotations

from sandbox.cloudfoundry.parts import head, metadata, to_one
from sandbox.cloudfoundry.presenting import Presenter
from sandbox.cloudfoundry.state import Copy, Deployment, Process
from sandbox.core.wire import Object, timestamp_micro

MEGABYTE = 1 << 20
CANCELABLE = frozenset({"DEPLOYING", "PREPAUSED", "PAUSED", "CANCELING"})


def deployment(item: Deployment, presenter: Presenter, *, revisions: bool) -> Object:
    """_deployments.erb; what may be done with it appears among its links."""
    path = f"deployments/{item.guid}"
    links = {"self": presenter.link(path), "app": presenter.link(f"apps/{item.app}")}
    if item.state in CANCELABLE:
        links["cancel"] = presenter.link(f"{path}/actions/cancel", "POST")
    if item.state == "PAUSED":
        links["continue"] = presenter.link(f"{path}/actions/continue", "POST")
    revision = {"guid": item.revision, "version": item.revision_version} if revisions and item.revision else None
    details = {"last_successful_healthcheck": item.last_healthy, "last_status_change": item.last_status_change}
    status: Object = {"value": item.value, "reason": item.reason, "details": details}
    if item.strategy == "canary":
        status["canary"] = {"steps": {"current": 1, "total": 1}}
    return {
        **head(item),
        "status": status,
        "strategy": item.strategy,
        "options": {"max_in_flight": item.max_in_flight, **item.options},
        "droplet": {"guid": item.droplet},
        "previous_droplet": {"guid": item.previous_droplet},
        "new_processes": item.new_processes,
        "revision": revision,
        "relationships": {"app": to_one(item.app)},
        "links": links,
        **metadata(item),
    }


def stats(process: Process) -> list[Object]:
    """process_stats_presenter.rb: one entry per wanted instance; one without a container is DOWN."""
    entries: list[Object] = []
    for index in range(process.instances):
        copy = process.copies.get(index)
        common: Object = {"type": process.type, "index": index, "instance_guid": f"{process.guid}-{index}"}
        if copy is None or copy.state == "DOWN":
            details = None if copy is None else copy.details
            down: Object = {"state": "DOWN", "uptime": 0, "routable": None, "isolation_segment": None}
            entries.append({**common, **down, "details": details})
            continue
        entries.append({**common, **_running(process, copy)})
    return entries


def _running(process: Process, copy: Copy) -> Object:
    is_up = copy.state == "RUNNING"
    return {
        "state": copy.state,
        "usage": {
            "time": timestamp_micro(),
            "cpu": 0.01,
            "mem": 19 * MEGABYTE,
            "disk": 66 * MEGABYTE,
            "log_rate": 0,
        }
        if is_up
        else {},
        "host": "10.244.16.10",
        "instance_internal_ip": "10.255.93.15",
        "instance_ports": [{"external": 61_000 + copy.index, "internal": 8080}],
        "uptime": copy.ticks,
        "mem_quota": process.memory * MEGABYTE,
        "disk_quota": process.disk * MEGABYTE,
        "log_rate_limit": process.log_rate,
        "fds_quota": 16_384,
        "isolation_segment": None,
        "routable": is_up,
        "details": copy.details,
    }
