"""/v3/packages, /v3/builds, /v3/droplets and /v3/revisions (v3-apidocs.cloudfoundry.org)."""

from __future__ import annotations

from sandbox.cloudfoundry.calls import Call, Reply, only, put_metadata, related
from sandbox.cloudfoundry.errors import not_found, staging, unprocessable
from sandbox.cloudfoundry.foundation import Foundation
from sandbox.cloudfoundry.paging import chosen, page
from sandbox.cloudfoundry.presenting import Presenter
from sandbox.cloudfoundry.state import Build, Droplet, Package
from sandbox.core.wire import Object, submap


class Staging:
    """The handlers from a package to a droplet."""

    def __init__(self, foundation: Foundation, presenter: Presenter) -> None:
        self._foundation = foundation
        self._presenter = presenter

    def create_package(self, call: Call) -> Reply:
        body = call.body()
        only(body, "type", "data", "relationships", "metadata")
        app, kind, data = related(body, "app"), str(body.get("type", "")), submap(body, "data")
        if app not in self._foundation.apps:
            raise unprocessable("App is invalid. Ensure it exists and you have access to it.")
        if kind not in {"docker", "bits"}:
            raise unprocessable("Type must be one of 'bits, docker'")
        if (kind == "docker") != (self._foundation.apps[app].lifecycle == "docker"):
            raise unprocessable(f"Cannot create {kind} package for a {self._foundation.apps[app].lifecycle} app.")
        if kind == "docker" and not data.get("image"):
            raise unprocessable("Data Image required")
        shown = data if kind == "docker" else {"checksum": {"type": "sha256", "value": None}, "error": None}
        state = "READY" if kind == "docker" else "AWAITING_UPLOAD"
        package = Package(app=app, type=kind, data=shown, state=state)
        put_metadata(package, body)
        self._foundation.add(self._foundation.packages, package)
        return Reply(self._presenter.package(package), 201)

    def upload(self, call: Call) -> Reply:
        package = self._package(call)
        if package.type != "bits":
            raise unprocessable("Package type must be bits.")
        package.state = "READY"
        self._foundation.changed(package)
        return Reply(self._presenter.package(package))

    def list_packages(self, call: Call) -> Reply:
        found = chosen(
            self._foundation.packages.values(),
            self._with_app(call),
            {
                "guids": lambda item: item.guid,
                "states": lambda item: item.state,
                "types": lambda item: item.type,
                "app_guids": lambda item: item.app,
            },
        )
        return Reply(page(self._presenter.base + call.path, call.query, found, self._presenter.package))

    def get_package(self, call: Call) -> Reply:
        return Reply(self._presenter.package(self._package(call)))

    def create_build(self, call: Call) -> Reply:
        body = call.body()
        only(body, "package", "lifecycle", "metadata", "staging_memory_in_mb", "staging_disk_in_mb")
        package = self._foundation.packages.get(str(submap(body, "package").get("guid", "")))
        if package is None:
            raise unprocessable("Unable to use package. Ensure that the package exists and you have access to it.")
        if package.state != "READY":
            raise unprocessable("Cannot stage package whose state is not ready.")
        if any(one.app == package.app and one.state == "STAGING" for one in self._foundation.builds.values()):
            raise staging()
        build = Build(
            app=package.app, package=package.guid, lifecycle=self._foundation.apps[package.app].lifecycle
        )
        put_metadata(build, body)
        self._foundation.add(self._foundation.builds, build)
        return Reply(self._presenter.build(build), 201)

    def list_builds(self, call: Call) -> Reply:
        found = chosen(
            self._foundation.builds.values(),
            self._with_app(call),
            {
                "states": lambda item: item.state,
                "app_guids": lambda item: item.app,
                "package_guids": lambda item: item.package,
            },
        )
        return Reply(page(self._presenter.base + call.path, call.query, found, self._presenter.build))

    def get_build(self, call: Call) -> Reply:
        found = self._foundation.builds.get(call.names["guid"])
        if found is None:
            raise not_found("Build")
        return Reply(self._presenter.build(found))

    def list_droplets(self, call: Call) -> Reply:
        found = chosen(
            self._foundation.droplets.values(),
            self._with_app(call),
            {
                "guids": lambda item: item.guid,
                "states": lambda item: item.state,
                "app_guids": lambda item: item.app,
            },
        )
        return Reply(page(self._presenter.base + call.path, call.query, found, self._listed))

    def get_droplet(self, call: Call) -> Reply:
        return Reply(self._presenter.droplet(self._droplet(call)))

    def update_droplet(self, call: Call) -> Reply:
        found = self._droplet(call)
        put_metadata(found, call.body())
        self._foundation.changed(found)
        return Reply(self._presenter.droplet(found))

    def list_revisions(self, call: Call) -> Reply:
        found = chosen(
            self._foundation.revisions_of(call.names["app"]),
            call.query,
            {"versions": lambda item: str(item.version), "deployable": lambda _: ()},
        )
        return Reply(page(self._presenter.base + call.path, call.query, found, self._presenter.revision))

    def list_deployed_revisions(self, call: Call) -> Reply:
        app = self._foundation.apps.get(call.names["app"])
        running = self._foundation.processes_of(call.names["app"]) if app and app.state == "STARTED" else []
        used = {process.revision for process in running}
        found = [item for item in self._foundation.revisions_of(call.names["app"]) if item.guid in used]
        return Reply(page(self._presenter.base + call.path, call.query, found, self._presenter.revision))

    def get_revision(self, call: Call) -> Reply:
        found = self._foundation.revisions.get(call.names["guid"])
        if found is None:
            raise not_found("Revision")
        return Reply(self._presenter.revision(found))

    def revision_environment(self, call: Call) -> Reply:
        found = self._foundation.revisions.get(call.names["guid"])
        if found is None:
            raise not_found("Revision")
        path = f"{self._presenter.base}/v3/revisions/{found.guid}"
        links: Object = {
            "self": {"href": f"{path}/environment_variables"},
            "revision": {"href": path},
            "app": {"href": f"{self._presenter.base}/v3/apps/{found.app}"},
        }
        return Reply({"var": dict(found.env), "links": links})

    def _with_app(self, call: Call) -> dict[str, str]:
        """The query, narrowed to the app that the path names."""
        narrowed = {"app_guids": call.names["app"]} if "app" in call.names else {}
        return {**call.query, **narrowed}

    def _package(self, call: Call) -> Package:
        found = self._foundation.packages.get(call.names["guid"])
        if found is None:
            raise not_found("Package")
        return found

    def _droplet(self, call: Call) -> Droplet:
        found = self._foundation.droplets.get(call.names["guid"])
        if found is None:
            raise not_found("Droplet")
        return found

    def _listed(self, droplet: Droplet) -> Object:
        return self._presenter.droplet(droplet, listed=True)
