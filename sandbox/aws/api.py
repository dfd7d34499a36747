"""One address for every service: finds the operation that a request asks for and lets its handler answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.aws.access import Access, SignedRequest
from sandbox.aws.names import request_id
from sandbox.aws.protocol import errors, signatures
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.models import Model, is_reading, model
from sandbox.aws.protocol.parsing import form_fields, parse
from sandbox.aws.protocol.serializing import serialize
from sandbox.aws.services import Service
from sandbox.core.operations import Operation

UNKNOWN = Operation("unknown", writes=True)


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of a service's model."""

    model: Model
    operation: str

    @property
    def action(self) -> str:
        """As IAM policies name it, such as `elasticloadbalancing:ModifyListener`."""
        return f"{self.model.prefix}:{self.operation}"


class Api:
    """Answers requests. Services are told apart by X-Amz-Target, else by the scope of the signature."""

    def __init__(self, services: Mapping[str, Service], access: Access) -> None:
        self._services = services
        self._access = access
        self._by_prefix: dict[str, Model] = {}
        self._by_target: dict[str, Model] = {}
        for name in services:
            found = model(name)
            self._by_prefix[found.prefix] = found
            if found.target:
                self._by_target[found.target] = found

    def routes(self) -> list[BaseRoute]:
        """The one address."""
        return [Route("/", self._answer, methods=["POST"])]

    def operation(self, headers: Headers, body: bytes) -> Operation:
        """In the word of an IAM policy; `unknown` for what no service has."""
        call = self._find(headers, body)
        return UNKNOWN if call is None else Operation(call.action, not is_reading(call.operation))

    def model_of(self, operation: Operation) -> Model | None:
        """The service that an operation belongs to."""
        return self._by_prefix.get(operation.name.partition(":")[0])

    def _find(self, headers: Headers, body: bytes) -> Call | None:
        target, _, operation = headers.get("x-amz-target", "").partition(".")
        found = self._by_target.get(target)
        if found is None:
            signature = signatures.read(headers)
            found = None if signature is None else self._by_prefix.get(signature.service)
            operation = form_fields(body).get("Action", "")
        return Call(found, operation) if found is not None and operation in found.operations else None

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        call = self._find(request.headers, body)
        protocol, namespace = ("query", "") if call is None else (call.model.protocol, call.model.namespace)
        try:
            if call is None:
                raise AwsError("InvalidAction", "Could not find operation for this request.")
            content_type, text = self._handle(call, request, body)
            status = 200
        except AwsError as error:
            content_type, text = errors.render(error, protocol, namespace)
            status = error.status
        return Response(text, status, {"x-amzn-RequestId": request_id()}, content_type)

    def _handle(self, call: Call, request: Request, body: bytes) -> tuple[str, bytes]:
        signature = signatures.read(request.headers)
        if signature is None:
            raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
        query = request.url.query
        target = f"{request.url.path}?{query}" if query else request.url.path
        signed = SignedRequest(request.method, target, request.headers, body)
        self._access.check(signed, signature, call.model.protocol, call.action)
        handler = self._services[call.model.name].handlers.get(call.operation)
        if handler is None:
            raise AwsError("InvalidAction", f"The sandbox does not have {call.action}.", 501)
        return serialize(call.model, call.operation, handler(parse(call.model, call.operation, body)))
