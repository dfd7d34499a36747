"""A whole foundation on one socket. Imports everything of the package and sandbox.core."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

from starlette.datastructures import Headers
from starlette.routing import BaseRoute

from sandbox.cloudfoundry import revisions
from sandbox.cloudfoundry.api import TOKEN_PATH, Api
from sandbox.cloudfoundry.control import version_routes
from sandbox.cloudfoundry.errors import injected
from sandbox.cloudfoundry.fates import Fates
from sandbox.cloudfoundry.foundation import Foundation
from sandbox.cloudfoundry.identity import PASSWORD, USER, Identity
from sandbox.cloudfoundry.rollouts import Rollouts
from sandbox.cloudfoundry.runtime import Pace, Runtime
from sandbox.cloudfoundry.state import App, Domain, Organization, Process, Space
from sandbox.core.operations import Operation, by_method
from sandbox.core.wire import Object, encode
from sandbox.core.world import World

JSON_TYPE = "application/json; charset=utf-8"
ORGANIZATION, SPACES, DOMAIN = "shop", ("staging", "production"), "apps.example.com"


class CloudFoundryWorld(World):
    """UAA and Cloud Controller of a foundation, with an organization, spaces and a shared domain."""

    def __init__(self, *, tick: float = 0.1, pace: Pace | None = None) -> None:
        super().__init__(tick)
        self.versions = Fates()
        self.identity = Identity()
        self.foundation = Foundation(self.versions)
        self._rollouts = Rollouts(self.foundation)
        self._runtime = Runtime(self.foundation, pace or Pace())
        self.api = Api(self.foundation, self.identity, self._rollouts)
        organization = Organization(name=ORGANIZATION)
        self.foundation.add(self.foundation.organizations, organization)
        for name in SPACES:
            self.foundation.add(self.foundation.spaces, Space(name=name, organization=organization.guid))
        for name in (DOMAIN, "example.com"):
            self.foundation.add(self.foundation.domains, Domain(name=name))
        self.clock.on_tick(self._tick)

    @classmethod
    def start(
        cls, port: int = 0, tick: float = 0.02, *, host: str = "127.0.0.1", pace: Pace | None = None
    ) -> Self:
        """A running world; use it as a context manager. Port 0 takes a free one; `tick` is in seconds."""
        world = cls(tick=tick, pace=pace).serve(host, port)
        world.api.presenter.base = world.url
        return world

    def app(self, name: str, space: str = "production") -> App | None:
        """The app of that name; read from any thread."""
        found = next(one for one in self.foundation.spaces.values() if one.name == space)
        return self.foundation.app_named(found.guid, name)

    def web(self, app: App) -> Process:
        """The newest web process of an app."""
        return self.foundation.process(app.guid, "web")

    def running(self) -> list[str]:
        """The image of each live instance, one entry for each."""
        return [
            self.foundation.droplets[copy.droplet].image or copy.droplet
            for process in list(self.foundation.processes.values())
            for copy in list(process.copies.values())
            if copy.state != "DOWN"
        ]

    def push(self, name: str, image: str) -> None:
        """What `cf push` of another image does to a running app: a new droplet, and a restart."""
        app = self.app(name)
        if app is None:
            raise KeyError(name)
        app.droplet = self.foundation.stage(app, image, None).guid
        app.state = "STARTED"
        revision = revisions.update(self.foundation, app)
        for process in self.foundation.processes_of(app.guid):
            revisions.run(process, app, revision)
        self.foundation.changed(app)

    def expire_droplets(self) -> None:
        """Every droplet is deleted from the blobstore, as the clean-up does with old ones."""
        for droplet in self.foundation.droplets.values():
            droplet.state = "EXPIRED"
        self.foundation.changed()

    def routes(self) -> list[BaseRoute]:
        """UAA and the v3 API."""
        return self.api.routes()

    def control(self) -> list[BaseRoute]:
        """/_sandbox/versions."""
        return version_routes(self.versions)

    def connectors(self, directory: Path) -> list[Object]:
        """The connector `foundation`, with its user and password in files."""
        for name, text in (("cf-username", USER), ("cf-password", PASSWORD)):
            path = directory / name
            path.touch(mode=0o600)
            path.write_text(text)
        spec = {
            "endpointUrl": self.url,
            "usernameRef": "file:cf-username",
            "passwordRef": "file:cf-password",
        }
        return [{"identifier": "foundation", "type": "Tas", "spec": spec}]

    def close_streams(self) -> None:
        """There are none."""

    def operation(self, method: str, target: str, headers: Headers, body: bytes) -> Operation:  # noqa: ARG002
        """Method and path; asking for a token changes nothing."""
        if target == TOKEN_PATH:
            return Operation(f"{method} {target}", writes=False)
        return by_method(method, target)

    @property
    def revision(self) -> str:
        """All that there is, without when it was last written to; what is to be deleted is so once."""
        jobs = {(job.operation, job.subject) for job in self.foundation.jobs.values()}
        return repr(vars(self.foundation) | {"changes": None, "jobs": sorted(jobs)})

    def decode(self, content_type: str, body: bytes) -> Any:
        """JSON as data; forms are not kept, since they carry passwords."""
        if content_type.startswith("application/x-www-form-urlencoded"):
            return "(form)"
        try:
            return json.loads(body)
        except ValueError:
            return body.decode("utf-8", "replace")

    def error(self, status: int, retry_after: int | None) -> tuple[str, bytes]:  # noqa: ARG002
        """The Cloud Controller's error body."""
        return JSON_TYPE, encode(injected(status, "").body())

    def injected(self, operation: Operation, status: int, retry_after: int | None) -> tuple[int, str, bytes]:  # noqa: ARG002
        """The UAA has errors of its own form."""
        if TOKEN_PATH in operation.name:
            body = {"error": "unauthorized", "error_description": "Bad credentials"}
            return status, "application/json", encode(body)
        error = injected(status, operation.name)
        return error.status, JSON_TYPE, encode(error.body())

    async def _tick(self, _: int) -> None:
        self._runtime.tick()
        self._rollouts.tick()
