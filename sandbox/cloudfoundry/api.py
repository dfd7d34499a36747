"""The HTTP surface: the root document, UAA and the routes of the v3 API; errors in their own form."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.cloudfoundry.apps import Apps
from sandbox.cloudfoundry.calls import Call, Handler, Reply
from sandbox.cloudfoundry.deployments import Deployments
from sandbox.cloudfoundry.errors import ApiError, unknown_request
from sandbox.cloudfoundry.foundation import Foundation
from sandbox.cloudfoundry.identity import Identity, UaaError
from sandbox.cloudfoundry.places import Places
from sandbox.cloudfoundry.presenting import Presenter
from sandbox.cloudfoundry.processes import Processes
from sandbox.cloudfoundry.rollouts import Rollouts
from sandbox.cloudfoundry.routing import Routing
from sandbox.cloudfoundry.staging import Staging
from sandbox.core.wire import Object, encode

JSON = "application/json; charset=utf-8"
VERSION = "3.195.0"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
TOKEN_PATH = "/oauth/token"

Table = list[tuple[str, str, Handler]]


class Api:
    """All routes of a foundation."""

    def __init__(self, foundation: Foundation, identity: Identity, rollouts: Rollouts) -> None:
        self.presenter = Presenter(foundation)
        self.apps = Apps(foundation, self.presenter)
        self._identity = identity
        self._places = Places(foundation, self.presenter)
        self._processes = Processes(foundation, self.presenter)
        self._staging = Staging(foundation, self.presenter)
        self._deployments = Deployments(foundation, self.presenter, rollouts)
        self._routing = Routing(foundation, self.presenter)

    def routes(self) -> list[BaseRoute]:
        """In the order in which they match."""
        by_path: dict[str, dict[str, Handler]] = {}
        for method, path, handler in (*self._app_table(), *self._table(), *self._place_table()):
            by_path.setdefault(path, {})[method] = handler
        return [
            Route("/", self._root),
            Route(TOKEN_PATH, self._token, methods=["POST"]),
            *(self._route(path, handlers) for path, handlers in by_path.items()),
            self._route("/{path:path}", {}),
        ]

    def _app_table(self) -> Table:
        apps, processes, staging = self.apps, self._processes, self._staging
        return [
            ("GET", "/v3/apps", apps.list),
            ("POST", "/v3/apps", apps.create),
            ("GET", "/v3/apps/{guid}", apps.get),
            ("PATCH", "/v3/apps/{guid}", apps.update),
            ("DELETE", "/v3/apps/{guid}", apps.delete),
            ("POST", "/v3/apps/{guid}/actions/start", apps.start),
            ("POST", "/v3/apps/{guid}/actions/stop", apps.stop),
            ("POST", "/v3/apps/{guid}/actions/restart", apps.restart),
            ("GET", "/v3/apps/{guid}/environment_variables", apps.environment),
            ("PATCH", "/v3/apps/{guid}/environment_variables", apps.set_environment),
            ("GET", "/v3/apps/{guid}/relationships/current_droplet", apps.current_droplet),
            ("PATCH", "/v3/apps/{guid}/relationships/current_droplet", apps.assign_droplet),
            ("GET", "/v3/apps/{guid}/droplets/current", apps.show_current_droplet),
            ("GET", "/v3/apps/{guid}/features/{name}", apps.feature),
            ("PATCH", "/v3/apps/{guid}/features/{name}", apps.set_feature),
            ("GET", "/v3/apps/{guid}/permissions", apps.permissions),
            ("GET", "/v3/apps/{app}/packages", staging.list_packages),
            ("GET", "/v3/apps/{app}/builds", staging.list_builds),
            ("GET", "/v3/apps/{app}/droplets", staging.list_droplets),
            ("GET", "/v3/apps/{app}/revisions", staging.list_revisions),
            ("GET", "/v3/apps/{app}/revisions/deployed", staging.list_deployed_revisions),
            ("GET", "/v3/apps/{app}/routes", self._routing.list),
            ("GET", "/v3/apps/{app}/processes", processes.list),
            ("GET", "/v3/apps/{app}/processes/{type}", processes.get),
            ("PATCH", "/v3/apps/{app}/processes/{type}", processes.update),
            ("GET", "/v3/apps/{app}/processes/{type}/stats", processes.stats),
            ("POST", "/v3/apps/{app}/processes/{type}/actions/scale", processes.scale),
        ]

    def _table(self) -> Table:
        staging, deployments = self._staging, self._deployments
        return [
            ("GET", "/v3/packages", staging.list_packages),
            ("POST", "/v3/packages", staging.create_package),
            ("GET", "/v3/packages/{guid}", staging.get_package),
            ("POST", "/v3/packages/{guid}/upload", staging.upload),
            ("GET", "/v3/builds", staging.list_builds),
            ("POST", "/v3/builds", staging.create_build),
            ("GET", "/v3/builds/{guid}", staging.get_build),
            ("GET", "/v3/droplets", staging.list_droplets),
            ("GET", "/v3/droplets/{guid}", staging.get_droplet),
            ("PATCH", "/v3/droplets/{guid}", staging.update_droplet),
            ("GET", "/v3/revisions/{guid}", staging.get_revision),
            ("GET", "/v3/revisions/{guid}/environment_variables", staging.revision_environment),
            ("GET", "/v3/deployments", deployments.list),
            ("POST", "/v3/deployments", deployments.create),
            ("GET", "/v3/deployments/{guid}", deployments.get),
            ("PATCH", "/v3/deployments/{guid}", deployments.update),
            ("POST", "/v3/deployments/{guid}/actions/cancel", deployments.cancel),
            ("POST", "/v3/deployments/{guid}/actions/continue", deployments.go_on),
            ("GET", "/v3/processes", self._processes.list),
            ("GET", "/v3/processes/{guid}", self._processes.get),
            ("PATCH", "/v3/processes/{guid}", self._processes.update),
            ("GET", "/v3/processes/{guid}/stats", self._processes.stats),
            ("POST", "/v3/processes/{guid}/actions/scale", self._processes.scale),
        ]

    def _place_table(self) -> Table:
        routing = self._routing
        return [
            ("GET", "/v3/organizations", self._places.organizations),
            ("GET", "/v3/organizations/{guid}", self._places.organization),
            ("GET", "/v3/spaces", self._places.spaces),
            ("GET", "/v3/spaces/{guid}", self._places.space),
            ("GET", "/v3/domains", routing.list_domains),
            ("GET", "/v3/domains/{guid}", self._places.domain),
            ("GET", "/v3/jobs/{guid}", self._places.job),
            ("GET", "/v3/routes", routing.list),
            ("POST", "/v3/routes", routing.create),
            ("GET", "/v3/routes/{guid}", routing.get),
            ("PATCH", "/v3/routes/{guid}", routing.update),
            ("DELETE", "/v3/routes/{guid}", routing.delete),
            ("GET", "/v3/routes/{guid}/destinations", routing.destinations),
            ("POST", "/v3/routes/{guid}/destinations", routing.insert),
            ("PATCH", "/v3/routes/{guid}/destinations", routing.replace),
            ("DELETE", "/v3/routes/{guid}/destinations/{destination}", routing.remove),
        ]

    def _route(self, path: str, handlers: dict[str, Handler]) -> BaseRoute:
        async def endpoint(request: Request) -> Response:
            try:
                authorization = request.headers.get("authorization", "")
                self._identity.check(request.method, request.url.path, authorization)
                handler = handlers.get(request.method)
                if handler is None:
                    raise unknown_request()
                return _answer(handler(await _call(request)))
            except ApiError as error:
                return _answer(Reply(error.body(), error.status))

        return Route(path, endpoint, methods=METHODS)

    async def _root(self, _: Request) -> Response:
        """_root.erb, global_root; asked without a token."""
        base = self.presenter.base
        links: Object = {
            "self": {"href": base},
            "cloud_controller_v2": None,
            "cloud_controller_v3": {"href": f"{base}/v3", "meta": {"version": VERSION}},
            "login": {"href": base},
            "uaa": {"href": base},
            "credhub": None,
            "network_policy_v1": {"href": f"{base}/networking/v1/external"},
            "routing": {"href": f"{base}/routing"},
            "logging": None,
            "log_cache": None,
            "log_stream": None,
            "app_ssh": None,
        }
        return _answer(Reply({"links": links}))

    async def _token(self, request: Request) -> Response:
        try:
            body = self._identity.token(request.headers.get("authorization", ""), await request.body())
            return _answer(Reply(body, headers={"cache-control": "no-store"}))
        except UaaError as error:
            return _answer(Reply(error.body(), error.status))


async def _call(request: Request) -> Call:
    return Call(
        method=request.method,
        path=request.url.path,
        names=request.path_params,
        query=dict(request.query_params),
        content=await request.body(),
    )


def _answer(reply: Reply) -> Response:
    if reply.body is None:
        return Response(status_code=reply.status, headers=dict(reply.headers))
    headers = {**reply.headers, "content-type": JSON}
    return Response(encode(reply.body), status_code=reply.status, headers=headers)
