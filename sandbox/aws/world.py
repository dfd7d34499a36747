"""A region of an AWS account on a socket. Imports everything of the package and sandbox.core."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from starlette.datastructures import Headers
from starlette.routing import BaseRoute

from sandbox.aws.access import Access, AccessKey
from sandbox.aws.api import Api
from sandbox.aws.autoscaling import AutoScaling
from sandbox.aws.ec2 import Ec2
from sandbox.aws.ec2.control import machine_image_routes
from sandbox.aws.ecs import ApplicationScaling, ContainerService, image_routes
from sandbox.aws.elbv2 import LoadBalancing
from sandbox.aws.names import Account
from sandbox.aws.protocol import errors
from sandbox.aws.protocol.parsing import form_fields
from sandbox.aws.services import Service
from sandbox.aws.sts import SecurityTokens
from sandbox.core.clock import Listener
from sandbox.core.operations import Operation
from sandbox.core.wire import Object, clone
from sandbox.core.world import World

KEY = AccessKey("AKIASANDBOX000000001", "sandbox-secret-access-key")
ValueT = TypeVar("ValueT")


class AwsWorld(World):
    """All services of one region at one address, told apart as the endpoints of an emulator are."""

    def __init__(self, *, tick: float = 0.1, account: Account | None = None) -> None:
        super().__init__(tick)
        self.account = account or Account()
        self.access = Access(self.account)
        self.ec2 = Ec2(self.account)
        self.load_balancing = LoadBalancing(self.account)
        self.load_balancing.targets.on_probe(self._answers)
        self.auto_scaling = AutoScaling(self.account, self.ec2, self.load_balancing)
        self.containers = ContainerService(self.account, targets=self.load_balancing.targets)
        self.scaling = ApplicationScaling(self.account)
        services = self._services()
        self._api = Api({service.name: service for service in services}, self.access)
        for service in services:
            self.clock.on_tick(_living(service))

    @classmethod
    def start(
        cls, port: int = 0, tick: float = 0.02, *, host: str = "127.0.0.1", account: Account | None = None
    ) -> Self:
        """A running world; use it as a context manager. Port 0 takes a free one; `tick` is in seconds."""
        return cls(tick=tick, account=account).serve(host, port)

    def _services(self) -> Sequence[Service]:
        """Every service, in the order in which a tick moves them."""
        return (
            SecurityTokens(self.account, self.access),
            self.ec2,
            self.load_balancing,
            self.auto_scaling,
            self.containers,
            self.scaling,
        )

    def _answers(self, target: str) -> bool:
        return not target.startswith("i-") or self.ec2.instances.is_serving(target)

    def look(self, reader: Callable[[], ValueT]) -> ValueT:
        """What `reader` finds in the services' state, read between two requests, as a copy; from any thread."""

        async def read() -> ValueT:
            return clone(reader())

        if self._loop is None:
            return clone(reader())
        return asyncio.run_coroutine_threadsafe(read(), self._loop).result(timeout=30)

    def routes(self) -> list[BaseRoute]:
        """The API."""
        return self._api.routes()

    def control(self) -> list[BaseRoute]:
        """/_sandbox/images for containers, /_sandbox/machine-images for instances."""
        return [*image_routes(self.containers.images), *machine_image_routes(self.ec2.images)]

    def connectors(self, directory: Path) -> list[Object]:
        """The connector `aws`, with files of an access key and its secret."""
        spec: Object = {"region": self.account.region, "endpointUrl": self.url}
        for name, reference, value in (
            ("aws-access-key", "accessKeyRef", KEY.id),
            ("aws-secret-key", "secretKeyRef", KEY.secret),
        ):
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(value)
            spec[reference] = f"file:{path.resolve()}"
        return [{"identifier": "aws", "type": "Aws", "spec": spec}]

    def close_streams(self) -> None:
        """There are none."""

    def operation(self, method: str, target: str, headers: Headers, body: bytes) -> Operation:  # noqa: ARG002
        """As IAM names it: `ecs:UpdateService`."""
        return self._api.operation(headers, body)

    @property
    def revision(self) -> object:
        """Of all services."""
        return (
            self.containers.state.revision,
            self.scaling.revision,
            repr(self.auto_scaling.groups),
            repr(self.ec2.launch_templates.all()),
            repr(self.load_balancing.routing.listeners),
            repr(self.load_balancing.routing.rules),
        )

    def decode(self, content_type: str, body: bytes) -> Any:
        """The fields of a form, or JSON, as data."""
        return form_fields(body) if "form" in content_type else _json(body)

    def error(self, status: int, retry_after: int | None) -> tuple[str, bytes]:  # noqa: ARG002
        """In the form of the query protocol."""
        return errors.render(errors.injected(status, "query", self.account.user, "unknown"), "query")

    def injected(
        self,
        operation: Operation,
        status: int,
        retry_after: int | None,  # noqa: ARG002
    ) -> tuple[int, str, bytes]:
        """In the form, and with the status, of the service that was asked."""
        service = self._api.model_of(operation)
        protocol, namespace = ("query", "") if service is None else (service.protocol, service.namespace)
        error = errors.injected(status, protocol, self.account.user, operation.name)
        return error.status, *errors.render(error, protocol, namespace)


def _living(service: Service) -> Listener:
    async def tick(number: int) -> None:
        service.tick(number)

    return tick


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
