"""The sandbox foundation against the published description of the API, spoken to as any client would.

Field lists: cloud_controller_ng, docs/v3/source/includes/api_resources/*.erb, the source of
v3-apidocs.cloudfoundry.org, and the presenters beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from sandbox.cloudfoundry import CloudFoundryWorld
from sandbox.cloudfoundry.identity import CLIENT, CLIENT_SECRET, PASSWORD, USER
from tests.sandbox.foundation import Client

HEAD = {"guid", "created_at", "updated_at", "metadata", "links"}
FIELDS = {
    "organization": HEAD | {"name", "suspended", "relationships"},
    "space": HEAD | {"name", "relationships"},
    "domain": HEAD | {"name", "internal", "router_group", "supported_protocols", "relationships"},
    "app": HEAD | {"name", "state", "lifecycle", "relationships"},
    "package": HEAD | {"type", "data", "state", "relationships"},
    "build": HEAD
    | {
        "created_by",
        "state",
        "staging_memory_in_mb",
        "staging_disk_in_mb",
        "staging_log_rate_limit_bytes_per_second",
        "error",
        "lifecycle",
        "package",
        "droplet",
        "relationships",
    },
    "droplet": HEAD
    | {
        "state",
        "error",
        "lifecycle",
        "execution_metadata",
        "process_types",
        "checksum",
        "buildpacks",
        "stack",
        "image",
        "relationships",
    },
    "revision": HEAD
    | {"version", "droplet", "processes", "sidecars", "description", "deployable", "relationships"},
    "process": HEAD
    | {
        "type",
        "command",
        "user",
        "instances",
        "memory_in_mb",
        "disk_in_mb",
        "log_rate_limit_in_bytes_per_second",
        "health_check",
        "readiness_health_check",
        "relationships",
    },
    "deployment": HEAD
    | {
        "status",
        "strategy",
        "options",
        "droplet",
        "previous_droplet",
        "new_processes",
        "revision",
        "relationships",
    },
    "route": HEAD | {"protocol", "host", "path", "port", "url", "destinations", "options", "relationships"},
    "job": {"guid", "created_at", "updated_at", "operation", "state", "errors", "warnings", "links"},
    "stats": {
        "type",
        "index",
        "instance_guid",
        "state",
        "usage",
        "host",
        "instance_internal_ip",
        "instance_ports",
        "uptime",
        "mem_quota",
        "disk_quota",
        "log_rate_limit",
        "fds_quota",
        "isolation_segment",
        "routable",
        "details",
    },
    "destination": {"guid", "app", "weight", "port", "protocol", "created_at", "updated_at"},
}
APP_LINKS = {
    "self",
    "space",
    "processes",
    "packages",
    "environment_variables",
    "current_droplet",
    "droplets",
    "tasks",
    "start",
    "stop",
    "revisions",
    "deployed_revisions",
    "features",
}


@pytest.fixture
def world() -> Iterator[CloudFoundryWorld]:
    with CloudFoundryWorld.start(tick=0.005) as world:
        yield world


@pytest.fixture
def client(world: CloudFoundryWorld) -> Iterator[Client]:
    client = Client(world)
    yield client
    client.close()


def test_every_resource_has_exactly_the_published_fields(client: Client) -> None:
    app = client.deployed("web", "shop/web:1")
    deployment = client.rolled(app, "shop/web:2")
    path = f"/v3/apps/{app}"
    shown = {
        "organization": client.get("/v3/organizations")["resources"][0],
        "space": client.get("/v3/spaces")["resources"][0],
        "domain": client.get("/v3/domains")["resources"][0],
        "app": client.get(path),
        "package": client.get(f"{path}/packages")["resources"][0],
        "build": client.get(f"{path}/builds")["resources"][0],
        "droplet": client.get(f"{path}/droplets/current"),
        "revision": client.get(f"{path}/revisions")["resources"][0],
        "process": client.get(f"{path}/processes/web"),
        "deployment": deployment,
        "route": client.get(f"{path}/routes")["resources"][0],
        "stats": client.get(f"{path}/processes/web/stats")["resources"][0],
        "job": client.get(client.call("DELETE", path, status=202).headers["location"].removeprefix(client.url)),
    }
    shown["destination"] = shown["route"]["destinations"][0]
    assert {name: set(body) for name, body in shown.items()} == FIELDS
    assert set(shown["app"]["links"]) == APP_LINKS
    assert shown["package"]["data"] == {"image": "shop/web:1"}


def test_the_root_names_uaa_and_the_api_without_a_token(world: CloudFoundryWorld) -> None:
    links = httpx2.get(world.url).json()["links"]
    assert links["login"]["href"] == links["uaa"]["href"] == world.url
    assert links["cloud_controller_v3"]["href"] == f"{world.url}/v3"


def test_uaa_gives_tokens_for_users_clients_and_refreshes(world: CloudFoundryWorld) -> None:
    def ask(form: dict[str, str], client: tuple[str, str] = ("cf", "")) -> httpx2.Response:
        return httpx2.post(f"{world.url}/oauth/token", data=form, auth=client, verify=False)

    user = ask({"grant_type": "password", "username": USER, "password": PASSWORD}).json()
    assert set(user) == {"access_token", "token_type", "expires_in", "scope", "jti", "refresh_token"}
    assert "refresh_token" not in ask({"grant_type": "client_credentials"}, (CLIENT, CLIENT_SECRET)).json()
    again = ask({"grant_type": "refresh_token", "refresh_token": user["refresh_token"]})
    assert again.json()["access_token"] != user["access_token"]
    refused = ask({"grant_type": "password", "username": USER, "password": "wrong"})
    assert (refused.status_code, refused.json()) == (
        401,
        {"error": "unauthorized", "error_description": "Bad credentials"},
    )
    assert ask({"grant_type": "client_credentials"}, (CLIENT, "wrong")).json()["error"] == "invalid_client"
    assert ask({"grant_type": "magic"}).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "title"),
    [
        ("GET", "/v3/apps/none", None, 404, 10010, "CF-ResourceNotFound"),
        ("GET", "/v3/nothing", None, 404, 10010, "CF-ResourceNotFound"),
        ("GET", "/v3/apps?colour=red", None, 400, 10005, "CF-BadQueryParameter"),
        ("GET", "/v3/apps?per_page=0", None, 400, 10005, "CF-BadQueryParameter"),
        ("POST", "/v3/apps", {"colour": "red"}, 422, 10008, "CF-UnprocessableEntity"),
        ("POST", "/v3/deployments", {"strategy": "magic"}, 422, 10008, "CF-UnprocessableEntity"),
    ],
)
def test_refusals_have_the_codes_of_the_platform(
    client: Client, method: str, path: str, body: Any, status: int, code: int, title: str
) -> None:
    (error,) = client.call(method, path, body, status=status).json()["errors"]
    assert set(error) == {"code", "title", "detail"}
    assert (error["code"], error["title"]) == (code, title)


def test_tokens_are_asked_for_and_end(world: CloudFoundryWorld, client: Client) -> None:
    assert httpx2.get(f"{world.url}/v3/apps").json()["errors"][0]["title"] == "CF-NotAuthenticated"
    client.get("/v3/apps")
    world.identity.expire_all()
    (error,) = client.call("GET", "/v3/apps", status=401).json()["errors"]
    assert error == {"code": 1000, "title": "CF-InvalidAuthToken", "detail": "Invalid Auth Token"}


def test_a_role_that_does_not_allow_it_is_refused(world: CloudFoundryWorld, client: Client) -> None:
    world.identity.deny("POST", "/v3/apps")
    assert client.call("POST", "/v3/apps", {}, status=403).json()["errors"][0]["code"] == 10003


def test_a_name_is_free_once_in_a_space_and_a_route_once_in_a_domain(client: Client) -> None:
    client.app("web")
    body = {"name": "web", "relationships": {"space": {"data": {"guid": client.space}}}}
    assert client.call("POST", "/v3/apps", body, status=422).json()["errors"][0]["code"] == 10016
    client.route("web")
    (error,) = client.call("POST", "/v3/routes", client.route_body("web"), status=422).json()["errors"]
    assert error["detail"] == "Route already exists with host 'web' for domain 'apps.example.com'."


def test_lists_come_in_pages_in_the_order_of_creation(client: Client) -> None:
    for number in range(5):
        client.app(f"app-{number}", labels={"parity": "even" if number % 2 == 0 else "odd"})
    first = client.get("/v3/apps?per_page=2&page=2")
    assert [app["name"] for app in first["resources"]] == ["app-2", "app-3"]
    pagination = first["pagination"]
    assert (pagination["total_results"], pagination["total_pages"]) == (5, 3)
    assert pagination["next"]["href"].endswith("page=3&per_page=2")
    assert client.names("/v3/apps?label_selector=parity=odd") == ["app-1", "app-3"]
    assert client.names("/v3/apps?label_selector=parity!=odd,parity") == ["app-0", "app-2", "app-4"]
    assert client.names("/v3/apps?names=app-4,app-1") == ["app-1", "app-4"]
    assert client.names("/v3/apps?order_by=-created_at&per_page=1") == ["app-4"]
    assert client.get("/v3/spaces?include=organization")["included"]["organizations"][0]["name"] == "shop"


def test_destinations_are_inserted_once_replaced_and_removed(client: Client) -> None:
    first, second, route = client.app("one"), client.app("two"), client.route("web")
    path = f"/v3/routes/{route}/destinations"
    client.call("POST", path, {"destinations": [{"app": {"guid": first}}]}, status=200)
    shown = client.call("POST", path, {"destinations": [{"app": {"guid": first}}]}, status=200).json()
    assert [one["app"] for one in shown["destinations"]] == [{"guid": first, "process": {"type": "web"}}]
    shown = client.call("PATCH", path, {"destinations": [{"app": {"guid": second}}]}, status=200).json()
    (only,) = shown["destinations"]
    assert only["app"]["guid"] == second
    client.call("DELETE", f"{path}/{only['guid']}", status=204)
    assert client.call("DELETE", f"{path}/{only['guid']}", status=422).json()["errors"][0]["code"] == 10008
    assert client.get(path)["destinations"] == []


def test_metadata_has_the_limits_of_the_platform(client: Client) -> None:
    path = f"/v3/apps/{client.app('web')}"
    client.call("PATCH", path, {"metadata": {"annotations": {"a": "x" * 5000}}}, status=200)
    client.call("PATCH", path, {"metadata": {"annotations": {"a": "x" * 5001}}}, status=422)
    client.call("PATCH", path, {"metadata": {"labels": {"a": "x" * 64}}}, status=422)
    client.call("PATCH", path, {"metadata": {"annotations": {"a": None}}}, status=200)
    assert client.get(path)["metadata"]["annotations"] == {}


def test_an_app_is_deleted_by_a_job(world: CloudFoundryWorld, client: Client) -> None:
    app = client.app("web")
    world.clock.pause()
    job = client.call("DELETE", f"/v3/apps/{app}", status=202).headers["location"].removeprefix(world.url)
    assert client.get(job)["state"] == "PROCESSING"
    assert client.get(f"/v3/apps/{app}")["name"] == "web"
    world.clock.advance(3)
    assert (client.get(job)["state"], client.get(job)["operation"]) == ("COMPLETE", "app.delete")
    client.call("GET", f"/v3/apps/{app}", status=404)
