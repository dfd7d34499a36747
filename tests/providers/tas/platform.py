"""The mailer in a space of a sandbox foundation, as the contract sees it, with each of its strategies."""

from __future__ import annotations

import re
from pathlib import Path

from providers.connectors import Connector, Connectors
from providers.registry import Registry
from providers.values import Artifact, DeploymentType, Manifest, Release
from sandbox.cloudfoundry import CloudFoundryWorld
from sandbox.core.requests import RequestRecord
from tests.providers.platform import Platform

MAILER = """
applications:
  - name: mailer
    instances: 2
    memory: 256M
    docker: {{image: "shop/mailer:{version}"}}
    routes: [{{route: mailer.apps.example.com}}]
"""

_GUID = re.compile(r"/[0-9a-f]{8}-[0-9a-f-]{27}")


class TasPlatform(Platform):
    """The mailer, rolled over."""

    of_failures = "^PATCH /vN/apps/ID$"
    contended = "/builds|/actions/scale|^PATCH /v3/processes/"

    def __init__(self, directory: Path, *, tick: float = 0.005, world: CloudFoundryWorld | None = None) -> None:
        self._world = world or CloudFoundryWorld.start(tick=tick)
        directory.mkdir(parents=True, exist_ok=True)
        (entry,) = self._world.connectors(directory)
        connector = Connector(entry["identifier"], entry["type"], entry["spec"], directory)
        self.connectors = Connectors({"foundation": connector})
        self.registry = Registry(self.connectors)
        provider = self.registry.find(DeploymentType.TAS)
        assert provider is not None
        self.provider = provider
        self.target = provider.target_model.model_validate(
            {"connectorRef": "foundation", "organization": "shop", "space": "production"}
        )
        self.strategy()

    def strategy(self) -> None:
        """The steps of the strategy."""
        self.deploy_steps = (self.spec("TasRollingDeploy"),)
        self.rollback_steps = (self.spec("TasRollingRollback"),)

    @property
    def world(self) -> CloudFoundryWorld:
        return self._world

    def release(self, version: str) -> Release:
        return self.of_manifest(MAILER.format(version=version), version)

    def of_manifest(self, content: str, version: str = "1", *more: Manifest) -> Release:
        """A release of another manifest."""
        artifact = Artifact(display_name=f"shop/mailer:{version}", image="shop/mailer", tag=version)
        manifest = Manifest(identifier="app", type="TasManifest", content=content)
        return Release(service="mailer", artifact=artifact, manifests=(manifest, *more))

    def running(self) -> list[str]:
        return [image.rpartition(":")[2] for image in self.world.running()]

    def fingerprint(self) -> object:
        return self.world.foundation.changes

    def state(self) -> object:
        foundation = self.world.foundation
        apps = {
            app.name: (app.guid, app.state, app.droplet, tuple(sorted(app.env.items())))
            for app in list(foundation.apps.values())
        }
        processes = sorted(
            (foundation.apps[one.app].name, one.type, one.instances, one.memory, one.disk, str(one.health_check))
            for one in list(foundation.processes.values())
        )
        routes = {
            foundation.url(route): sorted(foundation.apps[to.app].name for to in route.destinations)
            for route in list(foundation.routes.values())
        }
        return apps, processes, routes, sorted(self.running())

    def break_version(self, version: str) -> None:
        self.world.versions.bad(f":{version}$")

    def change_by_hand(self) -> None:
        self.world.push("mailer", "shop/mailer:by-hand")

    def close_the_way(self) -> None:
        self.world.expire_droplets()

    def is_harmless(self, request: RequestRecord) -> bool:
        return False

    def safeguard(self, request: RequestRecord) -> str:
        if request.method in {"PATCH", "DELETE"}:
            return request.method
        path = _GUID.sub("", request.path)
        *_, parent, last = path.split("/")
        if last == "destinations":
            return "POST destinations"
        return f"POST actions/{last}" if parent == "actions" else f"POST {path}"

    def close(self) -> None:
        self.world.close()


class TasBlueGreenPlatform(TasPlatform):
    """The mailer in two colours, whose routes are swapped."""

    def strategy(self) -> None:
        self.deploy_steps = (
            self.spec("BGAppSetup", tempRoutes=["mailer-temp.apps.example.com"]),
            self.spec("SwapRoutes", downSizeOldApplication=True),
        )
        self.rollback_steps = (self.spec("SwapRollback"),)


class TasCanaryPlatform(TasPlatform):
    """The mailer, of which a new version takes over instance by instance."""

    def strategy(self) -> None:
        self.deploy_steps = (
            self.spec("CanaryAppSetup"),
            self.spec("AppResize", newAppInstances=_percent(50), oldAppInstances=_percent(50)),
            self.spec("AppResize", newAppInstances=_percent(100), oldAppInstances=_percent(0)),
        )
        self.rollback_steps = (self.spec("AppRollback"),)


class TasBasicPlatform(TasPlatform):
    """The mailer, of which a new version takes over at once."""

    def strategy(self) -> None:
        self.deploy_steps = (
            self.spec("BasicAppSetup"),
            self.spec("AppResize", newAppInstances=_percent(100)),
            self.spec("SwapRoutes", downSizeOldApplication=True),
        )
        self.rollback_steps = (self.spec("AppRollback"),)


def _percent(value: int) -> dict[str, object]:
    return {"type": "Percentage", "spec": {"value": value}}
