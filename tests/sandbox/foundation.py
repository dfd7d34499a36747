"""A client of the sandbox foundation for its tests: what `cf push` does, request by request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from sandbox.cloudfoundry import CloudFoundryWorld
from sandbox.cloudfoundry.identity import PASSWORD, USER

_TICKS = 500


class Client:
    """One logged-in person."""

    def __init__(self, world: CloudFoundryWorld) -> None:
        self.url = world.url
        self._clock = world.clock
        form = {"grant_type": "password", "username": USER, "password": PASSWORD}
        token = httpx2.post(f"{world.url}/oauth/token", data=form, auth=("cf", ""), verify=False).json()[
            "access_token"
        ]
        self._http = httpx2.Client(
            base_url=world.url, headers={"Authorization": f"bearer {token}"}, timeout=30, verify=False
        )
        self.space: str = self.get("/v3/spaces?names=production")["resources"][0]["guid"]
        self.domain: str = self.get("/v3/domains?names=apps.example.com")["resources"][0]["guid"]

    def call(self, method: str, path: str, body: Any = None, *, status: int) -> httpx2.Response:
        """One request whose status is known."""
        answer = self._http.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        return answer

    def get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", path, status=200).json()
        return found

    def names(self, path: str) -> list[str]:
        return [one["name"] for one in self.get(path)["resources"]]

    def made(self, path: str, body: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.call("POST", path, body, status=201).json()
        return found

    def app(self, name: str, labels: Mapping[str, str] | None = None) -> str:
        """The guid of a new app."""
        body: dict[str, Any] = {
            "name": name,
            "lifecycle": {"type": "docker", "data": {}},
            "relationships": {"space": {"data": {"guid": self.space}}},
            "metadata": {"labels": dict(labels or {})},
        }
        guid: str = self.made("/v3/apps", body)["guid"]
        return guid

    def route_body(self, host: str) -> dict[str, Any]:
        relationships = {"space": {"data": {"guid": self.space}}, "domain": {"data": {"guid": self.domain}}}
        return {"host": host, "relationships": relationships}

    def route(self, host: str) -> str:
        guid: str = self.made("/v3/routes", self.route_body(host))["guid"]
        return guid

    def droplet(self, app: str, image: str) -> str:
        """The guid of a staged droplet of an image."""
        relationships = {"app": {"data": {"guid": app}}}
        body = {"type": "docker", "data": {"image": image}, "relationships": relationships}
        package = self.made("/v3/packages", body)
        build = self.made("/v3/builds", {"package": {"guid": package["guid"]}})
        staged = self.until(f"/v3/builds/{build['guid']}", lambda body: body["state"] != "STAGING")
        assert staged["state"] == "STAGED", staged
        guid: str = staged["droplet"]["guid"]
        return guid

    def deployed(self, name: str, image: str, instances: int = 2) -> str:
        """The guid of a running app with a route."""
        app = self.app(name)
        body = {"data": {"guid": self.droplet(app, image)}}
        self.call("PATCH", f"/v3/apps/{app}/relationships/current_droplet", body, status=200)
        self.scale(app, instances, status=202)
        destinations = {"destinations": [{"app": {"guid": app}}]}
        self.call("POST", f"/v3/routes/{self.route(name)}/destinations", destinations, status=200)
        self.call("POST", f"/v3/apps/{app}/actions/start", status=200)
        self.until_states(app, ["RUNNING"] * instances)
        return app

    def scale(self, app: str, instances: int, *, status: int) -> httpx2.Response:
        path = f"/v3/apps/{app}/processes/web/actions/scale"
        return self.call("POST", path, {"instances": instances}, status=status)

    def deployment(self, app: str, image: str, **more: Any) -> dict[str, Any]:
        """A new deployment of an image."""
        body = {"droplet": {"guid": self.droplet(app, image)}, "relationships": {"app": {"data": {"guid": app}}}}
        return self.made("/v3/deployments", {**body, **more})

    def rolled(self, app: str, image: str, **more: Any) -> dict[str, Any]:
        """A deployment that is over."""
        return self.until_final(self.deployment(app, image, **more))

    def until_final(self, deployment: Mapping[str, Any]) -> dict[str, Any]:
        path = f"/v3/deployments/{deployment['guid']}"
        return self.until(path, lambda body: body["status"]["value"] == "FINALIZED")

    def states(self, app: str) -> list[str]:
        return [one["state"] for one in self.get(f"/v3/apps/{app}/processes/web/stats")["resources"]]

    def until_states(self, app: str, wanted: list[str]) -> None:
        path = f"/v3/apps/{app}/processes/web/stats"
        self.until(path, lambda body: [one["state"] for one in body["resources"]] == wanted)

    def until(self, path: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What is at a path once something holds of it; the world's time goes on between two looks."""
        for _ in range(_TICKS):
            body = self.get(path)
            if holds(body):
                return body
            self._clock.advance()
        raise AssertionError(f"it did not come to that within {_TICKS} ticks: {self.get(path)}")

    def close(self) -> None:
        self._http.close()
