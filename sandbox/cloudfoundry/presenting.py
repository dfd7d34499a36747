"""Resources as the v3 API shows them.

Fields are those of cloud_controller_ng, docs/v3/source/includes/api_resources/*.erb, the source of
v3-apidocs.cloudfoundry.org.
"""

from __future__ import annotations

from sandbox.cloudfoundry.parts import head, lifecycle, metadata, to_one
from sandbox.cloudfoundry.presenting_places import PlacePresenter
from sandbox.cloudfoundry.state import (
    App,
    Build,
    Droplet,
    Package,
    Process,
    Revision,
    Route,
)
from sandbox.core.wire import Object

HIDDEN = "[PRIVATE DATA HIDDEN IN LISTS]"


class Presenter(PlacePresenter):
    """Makes the JSON of what is deployed."""

    def app(self, item: App) -> Object:
        """_apps.erb."""
        path = f"apps/{item.guid}"
        links = {
            "self": self.link(path),
            "space": self.link(f"spaces/{item.space}"),
            **{name: self.link(f"{path}/{name}") for name in _APP_PARTS},
            "current_droplet": self.link(f"{path}/droplets/current"),
            "deployed_revisions": self.link(f"{path}/revisions/deployed"),
            **{name: self.link(f"{path}/actions/{name}", "POST") for name in ("start", "stop")},
        }
        return {
            **head(item),
            "name": item.name,
            "state": item.state,
            "lifecycle": lifecycle(item.lifecycle),
            "relationships": {"space": to_one(item.space), "current_droplet": to_one(item.droplet)},
            "links": links,
            **metadata(item),
        }

    def package(self, item: Package) -> Object:
        """_packages.erb; a password is not shown."""
        data = {**item.data, "password": "***"} if "password" in item.data else item.data
        path = f"packages/{item.guid}"
        links = {"self": self.link(path), "app": self.link(f"apps/{item.app}")}
        if item.type == "bits":
            links |= {
                "upload": self.link(f"{path}/upload", "POST"),
                "download": self.link(f"{path}/download", "GET"),
            }
        return {
            **head(item),
            "type": item.type,
            "data": data,
            "state": item.state,
            "relationships": {"app": to_one(item.app)},
            "links": links,
            **metadata(item),
        }

    def build(self, item: Build) -> Object:
        """_builds.erb."""
        droplet = item.droplet and {"guid": item.droplet, **self.link(f"droplets/{item.droplet}")}
        return {
            **head(item),
            "created_by": {
                "guid": "3cb4e243-bed4-49d5-8739-f8b45abdec1c",
                "name": "deployer",
                "email": "deployer",
            },
            "state": item.state,
            "staging_memory_in_mb": 1024,
            "staging_disk_in_mb": 1024,
            "staging_log_rate_limit_bytes_per_second": -1,
            "error": item.error,
            "lifecycle": lifecycle(item.lifecycle),
            "package": {"guid": item.package},
            "droplet": droplet,
            "relationships": {"app": to_one(item.app)},
            "links": {"self": self.link(f"builds/{item.guid}"), "app": self.link(f"apps/{item.app}")},
            **metadata(item),
        }

    def droplet(self, item: Droplet, *, listed: bool = False) -> Object:
        """_droplets.erb; commands are hidden in lists."""
        path = f"droplets/{item.guid}"
        links = {
            "self": self.link(path),
            "app": self.link(f"apps/{item.app}"),
            "assign_current_droplet": self.link(f"apps/{item.app}/relationships/current_droplet", "PATCH"),
        }
        if item.package is not None:
            links["package"] = self.link(f"packages/{item.package}")
        return {
            **head(item),
            "state": item.state,
            "error": None,
            "lifecycle": {"type": item.lifecycle, "data": {}},
            "execution_metadata": HIDDEN if listed else "",
            "process_types": {"redacted_message": HIDDEN} if listed else dict(item.process_types),
            "checksum": None,
            "buildpacks": None,
            "stack": None,
            "image": item.image,
            "relationships": {"app": to_one(item.app)},
            "links": links,
            **metadata(item),
        }

    def revision(self, item: Revision) -> Object:
        """_revisions.erb and revision_presenter.rb: deployable as long as its droplet is staged."""
        droplet = self.foundation.droplets.get(item.droplet)
        return {
            **head(item),
            "version": item.version,
            "droplet": {"guid": item.droplet},
            "processes": {kind: {"command": command} for kind, command in item.commands.items()},
            "sidecars": [],
            "description": item.description,
            "deployable": droplet is not None and droplet.state == "STAGED",
            "relationships": {"app": to_one(item.app)},
            "links": {
                "self": self.link(f"revisions/{item.guid}"),
                "app": self.link(f"apps/{item.app}"),
                "environment_variables": self.link(f"revisions/{item.guid}/environment_variables"),
            },
            **metadata(item),
        }

    def process(self, item: Process, *, listed: bool = False) -> Object:
        """_processes.erb; commands are hidden in lists."""
        path = f"processes/{item.guid}"
        space = self.foundation.apps[item.app].space
        revision = None if item.revision is None else to_one(item.revision)
        return {
            **head(item),
            "type": item.type,
            "command": HIDDEN if listed and item.command else item.command,
            "user": None,
            "instances": item.instances,
            "memory_in_mb": item.memory,
            "disk_in_mb": item.disk,
            "log_rate_limit_in_bytes_per_second": item.log_rate,
            "health_check": item.health_check,
            "readiness_health_check": item.readiness,
            "relationships": {"app": to_one(item.app), "revision": revision},
            "links": {
                "self": self.link(path),
                "scale": self.link(f"{path}/actions/scale", "POST"),
                "app": self.link(f"apps/{item.app}"),
                "space": self.link(f"spaces/{space}"),
                "stats": self.link(f"{path}/stats"),
                "process_instances": self.link(f"{path}/process_instances"),
            },
            **metadata(item),
        }

    def route(self, item: Route) -> Object:
        """_routes.erb."""
        path = f"routes/{item.guid}"
        return {
            **head(item),
            "protocol": "http",
            "host": item.host,
            "path": item.path,
            "port": None,
            "url": self.foundation.url(item),
            "destinations": self.destinations(item),
            "options": {},
            "relationships": {"space": to_one(item.space), "domain": to_one(item.domain)},
            "links": {
                "self": self.link(path),
                "space": self.link(f"spaces/{item.space}"),
                "domain": self.link(f"domains/{item.domain}"),
                "destinations": self.link(f"{path}/destinations"),
            },
            **metadata(item),
        }

    def destinations(self, item: Route) -> list[Object]:
        """route_destination_presenter.rb."""
        return [
            {
                "guid": found.guid,
                "app": {"guid": found.app, "process": {"type": found.process}},
                "weight": found.weight,
                "port": 8080 if found.port is None else found.port,
                "protocol": found.protocol,
                "created_at": item.created_at,
                "updated_at": item.updated_at,
            }
            for found in item.destinations
        ]


_APP_PARTS = ("processes", "packages", "environment_variables", "droplets", "tasks", "revisions", "features")
