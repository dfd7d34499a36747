"""/v3/deployments (v3-apidocs.cloudfoundry.org, "Deployments"; app/controllers/v3/deployments_controller.rb)."""

from __future__ import annotations

from sandbox.cloudfoundry import revisions
from sandbox.cloudfoundry.calls import Call, Reply, only, put_metadata, related
from sandbox.cloudfoundry.errors import not_found, unprocessable
from sandbox.cloudfoundry.foundation import Foundation
from sandbox.cloudfoundry.paging import chosen, page
from sandbox.cloudfoundry.presenting import Presenter
from sandbox.cloudfoundry.presenting_runtime import CANCELABLE, deployment
from sandbox.cloudfoundry.rollouts import Rollouts
from sandbox.cloudfoundry.state import App, Deployment, Revision
from sandbox.core.wire import Object, submap

OPTIONS = frozenset(
    {
        "max_in_flight",
        "web_instances",
        "memory_in_mb",
        "disk_in_mb",
        "log_rate_limit_in_bytes_per_second",
        "canary",
    }
)
GONE = "Unable to deploy this revision, the droplet for this revision no longer exists."
NO_DROPLET = "Invalid droplet. Please specify a droplet in the request or set a current droplet for the app."


class Deployments:
    """The handlers."""

    def __init__(self, foundation: Foundation, presenter: Presenter, rollouts: Rollouts) -> None:
        self._foundation = foundation
        self._presenter = presenter
        self._rollouts = rollouts

    def create(self, call: Call) -> Reply:
        body = call.body()
        only(body, "droplet", "revision", "strategy", "options", "relationships", "metadata")
        app = self._foundation.apps.get(related(body, "app"))
        if app is None:
            raise unprocessable("Unable to use app. Ensure that the app exists and you have access to it.")
        strategy = str(body.get("strategy", "rolling"))
        if strategy not in {"rolling", "canary"}:
            raise unprocessable(f"Strategy '{strategy}' is not a supported deployment strategy")
        options = _options(body)
        previous = app.droplet
        revision = self._target(app, body)
        if app.droplet is None:
            raise unprocessable(NO_DROPLET)
        made = Deployment(
            app=app.guid,
            strategy=strategy,
            droplet=app.droplet,
            previous_droplet=previous,
            process="",
            original_count=0,
            max_in_flight=int(options.pop("max_in_flight", 1)),
            options=options,
            revision=revision.guid if revision is not None else None,
            revision_version=revision.version if revision is not None else None,
        )
        put_metadata(made, body)
        begin = self._rollouts.finish_at_once if app.state == "STOPPED" else self._rollouts.begin
        begin(made, app, revision)
        return Reply(self._show(made), 201)

    def list(self, call: Call) -> Reply:
        found = chosen(
            self._foundation.deployments.values(),
            call.query,
            {
                "app_guids": lambda item: item.app,
                "states": lambda item: item.state,
                "status_values": lambda item: item.value,
                "status_reasons": lambda item: item.reason,
            },
        )
        return Reply(page(self._presenter.base + call.path, call.query, found, self._show))

    def get(self, call: Call) -> Reply:
        return Reply(self._show(self._find(call)))

    def update(self, call: Call) -> Reply:
        found = self._find(call)
        put_metadata(found, call.body())
        self._foundation.changed(found)
        return Reply(self._show(found))

    def cancel(self, call: Call) -> Reply:
        found = self._find(call)
        if found.state not in CANCELABLE:
            raise unprocessable(f"Cannot cancel a {found.value} deployment with status reason {found.reason}")
        self._foundation.apps[found.app].droplet = found.previous_droplet
        found.state, found.reason = "CANCELING", "CANCELING"
        self._foundation.changed(found)
        return Reply()

    def go_on(self, call: Call) -> Reply:
        found = self._find(call)
        if found.state != "PAUSED":
            raise unprocessable(
                f"Cannot continue a deployment with status: {found.value} and reason: {found.reason}"
            )
        found.state, found.reason = "DEPLOYING", "DEPLOYING"
        self._foundation.changed(found)
        return Reply()

    def _target(self, app: App, body: Object) -> Revision | None:
        """Sets the app to what is deployed; the revision that says so. Raises ApiError 422."""
        droplet, revision = submap(body, "droplet").get("guid"), submap(body, "revision").get("guid")
        if droplet and revision:
            raise unprocessable("Cannot set both fields 'droplet' and 'revision'")
        if revision:
            return self._roll_back(app, str(revision))
        if droplet:
            found = self._foundation.droplets.get(str(droplet))
            if found is None or found.app != app.guid or found.state != "STAGED":
                raise unprocessable(
                    "Unable to assign current droplet. Ensure the droplet exists and belongs to this app."
                )
            app.droplet = found.guid
        return revisions.update(self._foundation, app)

    def _roll_back(self, app: App, guid: str) -> Revision | None:
        if not app.revisions_enabled:
            raise unprocessable("Cannot create deployment from a revision for an app without revisions enabled")
        target = self._foundation.revisions.get(guid)
        if target is None:
            raise unprocessable("The revision does not exist")
        droplet = self._foundation.droplets.get(target.droplet)
        if droplet is None or droplet.state != "STAGED":
            raise unprocessable(GONE)
        made = revisions.rolled_back(self._foundation, app, target)
        app.droplet, app.env = target.droplet, dict(target.env)
        return made

    def _find(self, call: Call) -> Deployment:
        found = self._foundation.deployments.get(call.names["guid"])
        if found is None:
            raise not_found("Deployment")
        return found

    def _show(self, item: Deployment) -> Object:
        app = self._foundation.apps[item.app]
        return deployment(item, self._presenter, revisions=app.revisions_enabled)


def _options(body: Object) -> Object:
    options = submap(body, "options")
    unknown = set(options) - OPTIONS
    if unknown:
        raise unprocessable(f"Options has unsupported key(s): {', '.join(sorted(unknown))}")
    for name, value in options.items():
        if name != "canary" and (not isinstance(value, int) or value < (0 if name == "web_instances" else 1)):
            raise unprocessable(f"{name.capitalize().replace('_', ' ')} must be greater than 0")
    return {**options}
