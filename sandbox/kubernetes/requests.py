"""One API request, parsed. Imports paths, errors, bodies and starlette."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sandbox.core.gate import HALF_DONE
from sandbox.core.wire import Object, is_map, parse_bool, submap
from sandbox.kubernetes.bodies import decode_body, decode_object
from sandbox.kubernetes.deletes import DeleteOptions
from sandbox.kubernetes.errors import ApiError, Cause
from sandbox.kubernetes.kinds import Kind
from sandbox.kubernetes.paths import Target, parse_path
from sandbox.kubernetes.views import View, view_for
from sandbox.kubernetes.writes import WriteOptions


@dataclass(frozen=True, slots=True)
class Call:
    """What a client asks for."""

    method: str
    target: Target
    query: Mapping[str, str]
    content_type: str
    body: bytes
    user_agent: str
    view: View
    half_done: bool

    @property
    def kind(self) -> Kind:
        """The resource."""
        return self.target.kind

    @property
    def watching(self) -> bool:
        """Whether a GET is a watch."""
        return self.method == "GET" and parse_bool(self.query.get("watch"))

    @property
    def verb(self) -> str:
        """The verb that access rules name."""
        collection = not self.target.name
        match self.method:
            case "GET":
                return "watch" if self.watching else ("list" if collection else "get")
            case "POST":
                return "create"
            case "PUT":
                return "update"
            case "PATCH":
                return "patch"
            case _:
                return "deletecollection" if collection else "delete"

    @property
    def dry_run(self) -> bool:
        """Whether nothing may be stored. Raises ApiError 422."""
        wanted = self.query.get("dryRun")
        if wanted not in {None, "", "All"}:
            raise self._invalid("dryRun", f'Unsupported value: "{wanted}": supported values: "All"')
        return wanted == "All"

    def object(self) -> Object:
        """The body as an object. Raises ApiError 400 or 415."""
        return decode_object(self.content_type, self.body)

    def data(self) -> Any:
        """The body as any JSON data. Raises ApiError 400 or 415."""
        return decode_body(self.content_type, self.body)

    def options(self, *, for_apply: bool = False) -> WriteOptions:
        """Who writes and how. Raises ApiError 422."""
        manager = self.query.get("fieldManager", "")
        if for_apply and not manager:
            raise self._invalid("fieldManager", "Required value: is required for apply patch")
        force = parse_bool(self.query.get("force"))
        if force and not for_apply:
            raise self._invalid("force", "Forbidden: may not be specified for non-apply patch")
        name = manager or self.user_agent.split("/", 1)[0] or "unknown"
        strict = self.query.get("fieldValidation") == "Strict"
        return WriteOptions(name, self.target.subresource, self.dry_run, force, strict)

    def delete_options(self) -> DeleteOptions:
        """How to delete: from the body, else from the query. Raises ApiError 400 or 422."""
        body: Any = self.data() if self.body.strip() else None
        given: Object = body if is_map(body) else {}
        preconditions = submap(given, "preconditions")
        policy = given.get("propagationPolicy") or self.query.get("propagationPolicy", "")
        orphan = given.get("orphanDependents")
        if orphan is None and "orphanDependents" in self.query:
            orphan = parse_bool(self.query["orphanDependents"])
        if orphan is not None and not policy:
            policy = "Orphan" if orphan else "Background"
        grace = given.get("gracePeriodSeconds", self.query.get("gracePeriodSeconds"))
        return DeleteOptions(
            policy=policy,
            grace=None if grace is None else int(grace),
            uid=preconditions.get("uid", ""),
            revision=preconditions.get("resourceVersion", ""),
            dry_run=self.dry_run or given.get("dryRun") == ["All"],
        )

    def _invalid(self, field: str, message: str) -> ApiError:
        cause = Cause("FieldValueInvalid", message, field)
        details: Object = {"kind": "PatchOptions", "group": "meta.k8s.io", "causes": [cause.wire()]}
        return ApiError(422, f'PatchOptions.meta.k8s.io "" is invalid: {field}: {message}', details=details)


async def read_call(request: Request) -> Call:
    """The call of a request. Raises ApiError 404 for a path that names nothing."""
    headers = request.headers
    return Call(
        method=request.method,
        target=parse_path(request.url.path),
        query=dict(request.query_params),
        content_type=headers.get("content-type", ""),
        body=await request.body(),
        user_agent=headers.get("user-agent", ""),
        view=view_for(headers.get("accept", "")),
        half_done=request.scope.get(HALF_DONE, False),
    )
