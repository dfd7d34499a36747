"""All resources of a foundation by kind and guid, and the count of changes. Imports state, fates and errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from sandbox.cloudfoundry.errors import not_found
from sandbox.cloudfoundry.fates import Fates
from sandbox.cloudfoundry.state import (
    App,
    Build,
    Deployment,
    Domain,
    Droplet,
    Job,
    Organization,
    Package,
    Process,
    Resource,
    Revision,
    Route,
    Space,
    new_guid,
)
from sandbox.core.wire import timestamp

R = TypeVar("R", bound=Resource)


class Foundation:
    """The tables. `changes` grows with every change that a request or a deployment makes."""

    def __init__(self, fates: Fates) -> None:
        self.fates = fates
        self.changes = 0
        self.organizations: dict[str, Organization] = {}
        self.spaces: dict[str, Space] = {}
        self.domains: dict[str, Domain] = {}
        self.apps: dict[str, App] = {}
        self.packages: dict[str, Package] = {}
        self.builds: dict[str, Build] = {}
        self.droplets: dict[str, Droplet] = {}
        self.revisions: dict[str, Revision] = {}
        self.processes: dict[str, Process] = {}
        self.deployments: dict[str, Deployment] = {}
        self.routes: dict[str, Route] = {}
        self.jobs: dict[str, Job] = {}

    def changed(self, resource: Resource | None = None) -> None:
        """Counts a change, and dates it."""
        self.changes += 1
        if resource is not None:
            resource.updated_at = timestamp()

    def add(self, table: dict[str, R], resource: R) -> R:
        """Stores a new resource."""
        table[resource.guid] = resource
        self.changes += 1
        return resource

    def processes_of(self, app: str, kind: str | None = None) -> list[Process]:
        """The processes of an app, oldest first."""
        found = (item for item in list(self.processes.values()) if item.app == app)
        return in_order(item for item in found if kind in (None, item.type))

    def newest(self, app: str, kind: str) -> Process | None:
        """The newest process of a type: the one that is scaled and shown by type."""
        return next(reversed(self.processes_of(app, kind)), None)

    def process(self, app: str, kind: str) -> Process:
        """As `newest`. Raises ApiError 404."""
        found = self.newest(app, kind)
        if found is None:
            raise not_found("Process")
        return found

    def revisions_of(self, app: str) -> list[Revision]:
        """The revisions of an app, oldest first."""
        return in_order(item for item in list(self.revisions.values()) if item.app == app)

    def active_deployment(self, app: str) -> Deployment | None:
        """The deployment of an app that is under way."""
        found = (item for item in list(self.deployments.values()) if item.app == app)
        return next((item for item in found if item.value == "ACTIVE"), None)

    def app_named(self, space: str, name: str) -> App | None:
        """The app of that name in a space."""
        return next((app for app in list(self.apps.values()) if (app.space, app.name) == (space, name)), None)

    def routes_of(self, app: str) -> list[Route]:
        """The routes that lead to an app."""
        return in_order(
            route for route in list(self.routes.values()) if any(item.app == app for item in route.destinations)
        )

    def url(self, route: Route) -> str:
        """Host, domain and path of a route."""
        domain = self.domains[route.domain].name
        return (f"{route.host}.{domain}" if route.host else domain) + route.path

    def forget_app(self, guid: str) -> None:
        """Removes an app and everything that belongs to it; routes stay, without it."""
        for table in (self.packages, self.builds, self.droplets, self.revisions, self.processes, self.deployments):
            for owned in [item.guid for item in table.values() if item.app == guid]:
                del table[owned]
        for route in self.routes.values():
            route.destinations = [item for item in route.destinations if item.app != guid]
        self.apps.pop(guid, None)
        self.changed()

    def stage(self, app: App, image: str | None, package: str | None) -> Droplet:
        """The droplet of a package; an app gets a process of each type that the droplet has."""
        kinds = {"web": ""} if image is not None else {"web": "bin/web", "worker": "bin/worker"}
        droplet = Droplet(
            app=app.guid,
            package=package,
            lifecycle=app.lifecycle,
            image=image,
            process_types=kinds,
            guid=new_guid(),
        )
        return self.add(self.droplets, droplet)


def in_order(resources: Iterable[R]) -> list[R]:
    """Oldest first."""
    return sorted(resources, key=lambda item: item.serial)
