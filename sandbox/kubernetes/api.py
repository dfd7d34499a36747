"""The HTTP surface: routes, discovery, errors as Status. Imports resources, watch, discovery and starlette."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from sandbox.core.wire import Object, encode, parse_bool, sublist
from sandbox.kubernetes import discovery
from sandbox.kubernetes.access import Access
from sandbox.kubernetes.cluster import Cluster
from sandbox.kubernetes.errors import ApiError, no_such_page
from sandbox.kubernetes.requests import Call, read_call
from sandbox.kubernetes.resources import Resources
from sandbox.kubernetes.watch import events, open_watch

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
JSON = "application/json"

Endpoint = Callable[[Request], Awaitable[Response]]


class Api:
    """All routes of the API server."""

    def __init__(self, cluster: Cluster, resources: Resources, access: Access) -> None:
        self._cluster = cluster
        self._resources = resources
        self._access = access

    def routes(self) -> list[BaseRoute]:
        """In the order in which they match."""
        pages: list[tuple[str, Endpoint]] = [
            ("/version", self._version),
            ("/healthz", self._healthy),
            ("/livez", self._healthy),
            ("/readyz", self._healthy),
            ("/api", self._api),
            ("/apis", self._apis),
            ("/api/v1", self._core),
            ("/apis/{group}", self._group),
            ("/apis/{group}/{version}", self._group_version),
            ("/openapi/v3", self._openapi),
            ("/openapi/v3/api/v1", self._openapi_core),
            ("/openapi/v3/apis/{group}/{version}", self._openapi_group),
        ]
        routes: list[BaseRoute] = [Route(path, self._guarded(page)) for path, page in pages]
        routes.append(Route("/{path:path}", self._guarded(self._resource), methods=METHODS))
        return routes

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            try:
                self._access.check_token(request.headers.get("authorization", ""))
                return await endpoint(request)
            except ApiError as error:
                return answer(error.status(), error.code)

        return guarded

    async def _version(self, _: Request) -> Response:
        return answer(discovery.VERSION)

    async def _healthy(self, _: Request) -> Response:
        return PlainTextResponse("ok")

    async def _api(self, request: Request) -> Response:
        if discovery.wants_aggregated(request.headers.get("accept", "")):
            return answer(discovery.aggregated(core=True), media_type=discovery.AGGREGATED)
        return answer(discovery.api_versions())

    async def _apis(self, request: Request) -> Response:
        if discovery.wants_aggregated(request.headers.get("accept", "")):
            return answer(discovery.aggregated(core=False), media_type=discovery.AGGREGATED)
        return answer(discovery.api_groups())

    async def _core(self, _: Request) -> Response:
        return _found(discovery.resources("", "v1"))

    async def _group(self, request: Request) -> Response:
        return _found(discovery.api_group(request.path_params["group"]))

    async def _group_version(self, request: Request) -> Response:
        return _found(discovery.resources(request.path_params["group"], request.path_params["version"]))

    async def _openapi(self, _: Request) -> Response:
        return answer(discovery.openapi_index())

    async def _openapi_core(self, _: Request) -> Response:
        return _found(discovery.openapi_document("", "v1"))

    async def _openapi_group(self, request: Request) -> Response:
        return _found(discovery.openapi_document(request.path_params["group"], request.path_params["version"]))

    async def _resource(self, request: Request) -> Response:
        call = await read_call(request)
        target = call.target
        self._access.check(call.verb, call.kind, target.namespace, target.name)
        if call.watching:
            return self._watch(call)
        if target.subresource == "log":
            return self._log(call)
        code, value = self._resources.handle(call)
        if value.get("kind") in {"Status", "Scale"}:
            return answer(value, code)
        return answer(call.view(call.kind, value), code)

    def _watch(self, call: Call) -> Response:
        query = dict(call.query)
        if call.target.name:
            query["fieldSelector"] = f"metadata.name={call.target.name}"
        watch = open_watch(self._cluster, call.kind, call.target.namespace, query)
        return StreamingResponse(events(self._cluster, watch, call.view), media_type=JSON)

    def _log(self, call: Call) -> Response:
        pod = self._cluster.get(call.kind, call.target.namespace, call.target.name)
        containers = sublist(pod, "spec", "containers")
        wanted = call.query.get("container") or containers[0]["name"]
        found = [item for item in containers if item["name"] == wanted]
        if not found:
            raise ApiError(400, f"container {wanted} is not valid for pod {call.target.name}")
        for status in sublist(pod, "status", "containerStatuses"):
            waiting = status.get("state", {}).get("waiting")
            if status["name"] == wanted and waiting:
                why = f"is waiting to start: {waiting['reason']}"
                raise ApiError(400, f'container "{wanted}" in pod "{call.target.name}" {why}')
        lines = [f"{wanted}: started {found[0].get('image')}", f"{wanted}: ready"]
        if parse_bool(call.query.get("timestamps")):
            lines = [f"{pod['metadata']['creationTimestamp']} {line}" for line in lines]
        tail = call.query.get("tailLines")
        if tail is not None and tail.isdigit():
            lines = lines[len(lines) - min(int(tail), len(lines)) :]
        return PlainTextResponse("".join(f"{line}\n" for line in lines))


def answer(value: Object, code: int = 200, media_type: str = JSON) -> Response:
    """A JSON answer."""
    return Response(encode(value), status_code=code, headers={"content-type": media_type})


def _found(value: Object | None) -> Response:
    if value is None:
        raise no_such_page()
    return answer(value)
