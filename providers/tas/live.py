"""The apps of a service as they are now, read in a few requests, and as the snapshot says them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from providers.tas import names
from providers.tas.foundation import Foundation, variable_digests
from providers.tas.marks import APP_LABEL, Record, mark, record_of, selector
from providers.tas.values import AppState, ProcessState, RouteState, TasTarget
from providers.tas.wire import App, Deployment, Process, Revision, Route
from providers.tree import digest

_ROLLED_BACK = re.compile(r"Rolled back to revision (\d+)\.")
MOST_LINKS = 100


@dataclass(frozen=True)
class Version:
    """What a process runs. `number` is the revision that first had this content."""

    droplet: str | None
    image: str | None
    revision: str | None
    number: int | None
    content: str
    variables: dict[str, str]


@dataclass(frozen=True)
class LiveApp:
    """An app with its processes (oldest first), its routes and the deployment under way."""

    app: App
    processes: tuple[Process, ...]
    routes: tuple[Route, ...]
    deployment: Deployment | None

    @property
    def web(self) -> Process | None:
        """The newest web process: the one that is scaled, and the one that a deployment brings."""
        return next((one for one in reversed(self.processes) if one.type == "web"), None)

    @property
    def current(self) -> tuple[Process, ...]:
        """The newest process of each type."""
        newest = {process.type: process for process in self.processes}
        return tuple(newest[kind] for kind in sorted(newest))

    def is_ours(self, name: str) -> bool:
        """Whether Unship made it for the service's app of that name."""
        return self.app.labels.get(APP_LABEL) == mark(name)


@dataclass(frozen=True)
class Family:
    """All apps of a service in their order of creation, and the routes that Unship made for it."""

    name: str
    space: str
    members: tuple[LiveApp, ...]
    own_routes: tuple[Route, ...]

    @property
    def active(self) -> LiveApp | None:
        return self.named(self.name)

    def named(self, name: str) -> LiveApp | None:
        return next((one for one in self.members if one.app.name == name), None)

    def of(self, guid: str) -> LiveApp | None:
        return next((one for one in self.members if one.app.guid == guid), None)

    @property
    def records(self) -> tuple[tuple[LiveApp, Record], ...]:
        """The apps that have a record, with it."""
        found = ((one, record_of(one.app.annotations)) for one in self.members)
        return tuple((one, record) for one, record in found if record is not None)

    @property
    def holder(self) -> LiveApp | None:
        """The app with the newest record: the one that the last release deployed."""
        newest = max(self.records, key=lambda pair: pair[1].number, default=None)
        return newest[0] if newest is not None else None

    @property
    def record(self) -> Record | None:
        return record_of(self.holder.app.annotations) if self.holder is not None else None

    def number_for(self, token: str) -> int:
        """The number of a step's record: that of its first try, or the next one."""
        own = [record.number for _, record in self.records if record.token == token]
        return own[0] if own else 1 + max((record.number for _, record in self.records), default=0)


@dataclass(frozen=True)
class Site:
    """A space of a foundation."""

    foundation: Foundation
    target: TasTarget

    async def family(self, name: str) -> Family:
        """The apps of a service, and all that belongs to them."""
        foundation = self.foundation
        space = await foundation.space(self.target.organization, self.target.space)
        apps = await foundation.apps(space, names.family(name))
        guids = [app.guid for app in apps]
        own = foundation.routes_labelled(space, selector(APP_LABEL, name))
        if not guids:
            return Family(name, space, (), await own)
        own_routes, processes, routes, deployments = await asyncio.gather(
            own, foundation.processes(guids), foundation.routes_of(guids), foundation.active_deployments(guids)
        )
        return Family(
            name,
            space,
            own_routes=own_routes,
            members=tuple(
                LiveApp(
                    app,
                    tuple(one for one in processes if one.app == app.guid),
                    tuple(one for one in routes if app.guid in {to.app_guid for to in one.destinations}),
                    next((one for one in deployments if one.app == app.guid), None),
                )
                for app in apps
            ),
        )


async def version_of(foundation: Foundation, live: LiveApp, process: Process | None) -> Version:
    """What a process runs, or would run: its revision says it, or else the app.

    A stopped app starts with its own droplet and variables, whatever it ran before.
    """
    guid = process.revision if process is not None and live.app.started else None
    revision = await foundation.revision(guid) if guid is not None else None
    if revision is None:
        return await _unversioned(foundation, live, process)
    variables, image, number = await asyncio.gather(
        foundation.revision_variables(live.app.guid, revision.guid),
        foundation.image(revision.droplet_guid),
        _first_number(foundation, live.app.guid, revision),
    )
    return Version(
        droplet=revision.droplet_guid,
        image=image,
        revision=revision.guid,
        number=number,
        content=digest([live.app.guid, revision.droplet_guid, {**variables}, revision.processes])[:12],
        variables=variables,
    )


async def _unversioned(foundation: Foundation, live: LiveApp, process: Process | None) -> Version:
    """Where revisions are off: the app's own droplet and variables; an older process has the droplet before."""
    current, values = await asyncio.gather(
        foundation.current_droplet(live.app.guid), foundation.environment(live.app.guid)
    )
    variables = variable_digests(live.app.guid, values)
    droplet, image = (current.guid, current.image) if current is not None else (None, None)
    rolling = live.deployment
    if rolling is not None and process is not None and process.guid not in rolling.process_guids:
        before = rolling.previous_droplet or {}
        droplet = str(before.get("guid") or "") or None
        image = await foundation.image(droplet)
    return Version(
        droplet=droplet,
        image=image,
        revision=None,
        number=None,
        content=digest([live.app.guid, droplet, {**variables}])[:12],
        variables=variables,
    )


async def _first_number(foundation: Foundation, app: str, revision: Revision) -> int:
    """The number of the revision that this one goes back to, over any number of rollbacks."""
    number = revision.version
    for _ in range(MOST_LINKS):
        found = _ROLLED_BACK.search(revision.description or "")
        if found is None:
            return number
        number = int(found[1])
        earlier = await foundation.revision_of_version(app, number)
        if earlier is None:
            return number
        revision = earlier
    return number


async def state_of(foundation: Foundation, live: LiveApp) -> AppState:
    """An app as the snapshot says it."""
    found = await version_of(foundation, live, live.web)
    wanted = await _wanted_web_instances(foundation, live)
    return AppState(
        guid=live.app.guid,
        name=live.app.name,
        started=live.app.started,
        droplet=found.droplet,
        image=found.image,
        revision=found.revision,
        version=found.number,
        content=found.content,
        variables=found.variables,
        processes=tuple(
            ProcessState(
                type=process.type,
                instances=wanted if process.type == "web" else process.instances,
                memory_in_mb=process.memory_in_mb,
                disk_in_mb=process.disk_in_mb,
                health_check=process.health_check,
                readiness_health_check=process.readiness_health_check,
            )
            for process in live.current
        ),
        routes=route_states(live),
    )


def route_states(live: LiveApp) -> tuple[RouteState, ...]:
    """The routes that lead to an app, in a stable order."""
    found = (
        RouteState(guid=route.guid, url=route.url, process=to.process_type, port=to.port, protocol=to.protocol)
        for route in live.routes
        for to in route.destinations
        if to.app_guid == live.app.guid
    )
    return tuple(sorted(found, key=lambda item: (item.url, item.process, item.port or 0)))


async def _wanted_web_instances(foundation: Foundation, live: LiveApp) -> int:
    """How many web instances there are to be; while a deployment goes on, what it will end with."""
    webs = [process for process in live.processes if process.type == "web"]
    if live.deployment is None or len(webs) < 2:
        return webs[-1].instances if webs else 0
    asked = (live.deployment.options or {}).get("web_instances")
    if isinstance(asked, int):
        return asked
    # The updater keeps as many old instances as new ones are not routable yet.
    up = sum(1 for one in await foundation.stats(webs[-1].guid) if one.state == "RUNNING")
    return sum(process.instances for process in webs[:-1]) + up
