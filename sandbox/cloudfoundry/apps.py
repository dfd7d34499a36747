"""/v3/apps (v3-apidocs.cloudfoundry.org, "Apps", "App features", "App revisions")."""

from __future__ import annotations

from sandbox.cloudfoundry import revisions
from sandbox.cloudfoundry.calls import Call, Reply, only, put_metadata, related
from sandbox.cloudfoundry.errors import not_found, taken, unprocessable
from sandbox.cloudfoundry.foundation import Foundation
from sandbox.cloudfoundry.paging import chosen, page
from sandbox.cloudfoundry.parts import to_one
from sandbox.cloudfoundry.presenting import Presenter
from sandbox.cloudfoundry.state import App, Job, Process
from sandbox.core.wire import Object, is_map, submap

FEATURES = {
    "ssh": "Enable SSHing into the app.",
    "revisions": "Enable versioning of an application",
}
NO_DROPLET = "Assign a droplet before starting this app."
CANNOT_ASSIGN = "Unable to assign current droplet. Ensure the droplet exists and belongs to this app."


class Apps:
    """The handlers."""

    def __init__(self, foundation: Foundation, presenter: Presenter) -> None:
        self._foundation = foundation
        self._presenter = presenter

    def create(self, call: Call) -> Reply:
        body = call.body()
        only(body, "name", "relationships", "lifecycle", "environment_variables", "metadata")
        name, space = str(body.get("name") or ""), related(body, "space")
        if not name:
            raise unprocessable("Name can't be blank")
        if space not in self._foundation.spaces:
            raise unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
        self._check_free(space, name)
        lifecycle = str(submap(body, "lifecycle").get("type", "buildpack"))
        app = App(name=name, space=space, lifecycle=lifecycle, env=_variables(body.get("environment_variables")))
        put_metadata(app, body)
        self._foundation.add(self._foundation.apps, app)
        self._foundation.add(self._foundation.processes, Process(app=app.guid, type="web"))
        return Reply(self._presenter.app(app), 201)

    def list(self, call: Call) -> Reply:
        found = chosen(
            self._foundation.apps.values(),
            call.query,
            {
                "guids": lambda item: item.guid,
                "names": lambda item: item.name,
                "space_guids": lambda item: item.space,
                "organization_guids": lambda item: self._foundation.spaces[item.space].organization,
                "stacks": lambda _: (),
                "lifecycle_type": lambda item: item.lifecycle,
            },
        )
        listed = page(self._presenter.base + call.path, call.query, found, self._presenter.app)
        if call.query.get("include") == "space":
            spaces = {item.space for item in found}
            listed["included"] = {
                "spaces": [self._presenter.space(self._foundation.spaces[one]) for one in spaces]
            }
        return Reply(listed)

    def get(self, call: Call) -> Reply:
        return Reply(self._presenter.app(self.find(call)))

    def update(self, call: Call) -> Reply:
        app, body = self.find(call), call.body()
        only(body, "name", "lifecycle", "metadata")
        name = str(body.get("name", app.name))
        if name != app.name:
            self._check_free(app.space, name)
            app.name = name
        put_metadata(app, body)
        self._foundation.changed(app)
        return Reply(self._presenter.app(app))

    def delete(self, call: Call) -> Reply:
        app = self.find(call)
        job = self._foundation.add(self._foundation.jobs, Job(operation="app.delete", subject=app.guid))
        return Reply(None, 202, {"location": f"{self._presenter.base}/v3/jobs/{job.guid}"})

    def start(self, call: Call) -> Reply:
        app = self.find(call)
        if app.droplet is None:
            raise unprocessable(NO_DROPLET)
        if app.state != "STARTED":
            self._run(app)
        return Reply(self._presenter.app(app))

    def stop(self, call: Call) -> Reply:
        app = self.find(call)
        app.state = "STOPPED"
        self._foundation.changed(app)
        return Reply(self._presenter.app(app))

    def restart(self, call: Call) -> Reply:
        app = self.find(call)
        if app.droplet is None:
            raise unprocessable(NO_DROPLET)
        self._run(app)
        return Reply(self._presenter.app(app))

    def environment(self, call: Call) -> Reply:
        return Reply(self._environment(self.find(call)))

    def set_environment(self, call: Call) -> Reply:
        app = self.find(call)
        for name, value in submap(call.body(), "var").items():
            if name.startswith("VCAP_") or name == "PORT":
                raise unprocessable(f"The name '{name}' is reserved")
            if value is None:
                app.env.pop(name, None)
            else:
                app.env[name] = str(value)
        self._foundation.changed(app)
        return Reply(self._environment(app))

    def current_droplet(self, call: Call) -> Reply:
        app = self.find(call)
        if app.droplet is None:
            raise not_found("Droplet")
        path = f"{self._presenter.base}/v3/apps/{app.guid}"
        links: Object = {
            "self": {"href": f"{path}/relationships/current_droplet"},
            "related": {"href": f"{path}/droplets/current"},
        }
        return Reply({**to_one(app.droplet), "links": links})

    def show_current_droplet(self, call: Call) -> Reply:
        app = self.find(call)
        if app.droplet is None:
            raise not_found("Droplet")
        return Reply(self._presenter.droplet(self._foundation.droplets[app.droplet]))

    def assign_droplet(self, call: Call) -> Reply:
        app = self.find(call)
        droplet = self._foundation.droplets.get(str(submap(call.body(), "data").get("guid", "")))
        if droplet is None or droplet.app != app.guid or droplet.state != "STAGED":
            raise unprocessable(CANNOT_ASSIGN)
        app.droplet = droplet.guid
        known = {process.type for process in self._foundation.processes_of(app.guid)}
        for kind in sorted(set(droplet.process_types) - known):
            self._foundation.add(self._foundation.processes, Process(app=app.guid, type=kind, instances=0))
        self._foundation.changed(app)
        return self.current_droplet(call)

    def feature(self, call: Call) -> Reply:
        return Reply(_feature(self.find(call), call.names["name"]))

    def set_feature(self, call: Call) -> Reply:
        app, name = self.find(call), call.names["name"]
        shown = _feature(app, name)
        if name == "revisions":
            app.revisions_enabled = bool(call.body().get("enabled"))
            self._foundation.changed(app)
            shown = _feature(app, name)
        return Reply(shown)

    def permissions(self, call: Call) -> Reply:
        app = self.find(call)
        allowed = {"read_basic_data": True, "read_sensitive_data": app.guid not in self.unreadable}
        return Reply({**allowed})

    unreadable: frozenset[str] = frozenset()
    """Apps whose environment the caller may not read: what an auditor sees."""

    def find(self, call: Call) -> App:
        """The app of the path. Raises ApiError 404."""
        app = self._foundation.apps.get(call.names["guid"])
        if app is None:
            raise not_found("App")
        return app

    def _run(self, app: App) -> None:
        app.state = "STARTED"
        revision = revisions.update(self._foundation, app)
        for process in self._foundation.processes_of(app.guid):
            revisions.run(process, app, revision)
        self._foundation.changed(app)

    def _check_free(self, space: str, name: str) -> None:
        if self._foundation.app_named(space, name) is not None:
            raise taken(f"App with the name '{name}' already exists.")

    def _environment(self, app: App) -> Object:
        path = f"{self._presenter.base}/v3/apps/{app.guid}"
        links = {"self": {"href": f"{path}/environment_variables"}, "app": {"href": path}}
        return {"var": dict(app.env), "links": links}


def _variables(given: object) -> dict[str, str]:
    return {str(name): str(value) for name, value in given.items()} if is_map(given) else {}


def _feature(app: App, name: str) -> Object:
    if name not in FEATURES:
        raise not_found("Feature")
    enabled = app.revisions_enabled if name == "revisions" else True
    return {"name": name, "description": FEATURES[name], "enabled": enabled}
