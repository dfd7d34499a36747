"""How the sandbox foundation rolls apps over: deployments, revisions, processes, crashes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.cloudfoundry import CloudFoundryWorld
from sandbox.cloudfoundry.fates import CRASH_DETAILS, STAGING_ERROR, Fate
from tests.sandbox.foundation import Client


@pytest.fixture
def world() -> Iterator[CloudFoundryWorld]:
    with CloudFoundryWorld.start(tick=0.005) as world:
        yield world


@pytest.fixture
def client(world: CloudFoundryWorld) -> Iterator[Client]:
    client = Client(world)
    yield client
    client.close()


def status(deployment: dict[str, Any]) -> tuple[str, str]:
    return deployment["status"]["value"], deployment["status"]["reason"]


def test_a_rolling_deployment_replaces_the_web_process_and_keeps_the_count(
    world: CloudFoundryWorld, client: Client
) -> None:
    app = client.deployed("web", "shop/web:1", instances=3)
    before = client.get(f"/v3/apps/{app}/processes/web")["guid"]
    world.clock.pause()
    world.clock.advance(5)
    body = {"droplet": {"guid": world.foundation.stage(world.foundation.apps[app], "shop/web:2", None).guid}}
    made = client.made("/v3/deployments", {**body, "relationships": {"app": {"data": {"guid": app}}}})
    assert status(made) == ("ACTIVE", "DEPLOYING")
    assert made["strategy"] == "rolling"
    assert set(made["links"]) == {"self", "app", "cancel"}
    up: list[int] = []
    while client.get(f"/v3/deployments/{made['guid']}")["status"]["value"] == "ACTIVE":
        world.clock.advance()
        copies = [copy.state for one in world.foundation.processes_of(app) for copy in one.copies.values()]
        up.append(copies.count("RUNNING"))
        assert len(copies) <= 3 + made["options"]["max_in_flight"]
    assert min(up) >= 3, "there were never fewer than before"
    (process,) = client.get(f"/v3/apps/{app}/processes")["resources"]
    assert process["guid"] == made["new_processes"][0]["guid"] != before
    assert (process["instances"], set(world.running())) == (3, {"shop/web:2"})


def test_a_broken_version_leaves_the_old_one_running(world: CloudFoundryWorld, client: Client) -> None:
    app = client.deployed("web", "shop/web:1")
    world.versions.bad(":2$")
    made = client.deployment(app, "shop/web:2")
    crashed = client.until(
        f"/v3/apps/{app}/processes/web/stats", lambda body: body["resources"][0]["state"] == "CRASHED"
    )
    assert crashed["resources"][0]["details"] == CRASH_DETAILS
    assert status(client.get(f"/v3/deployments/{made['guid']}")) == ("ACTIVE", "DEPLOYING")
    assert world.running().count("shop/web:1") == 2
    client.call("POST", f"/v3/deployments/{made['guid']}/actions/cancel", status=200)
    assert status(client.until_final(made)) == ("FINALIZED", "CANCELED")
    (process,) = client.get(f"/v3/apps/{app}/processes")["resources"]
    assert process["instances"] == 2
    droplet = client.get(f"/v3/apps/{app}/droplets/current")
    assert droplet["image"] == "shop/web:1", "the app has its earlier droplet again"
    client.call("POST", f"/v3/deployments/{made['guid']}/actions/cancel", status=422)


def test_a_new_deployment_supersedes_the_one_under_way(world: CloudFoundryWorld, client: Client) -> None:
    app = client.deployed("web", "shop/web:1", instances=3)
    world.versions.bad(":2$", Fate.HANGS)
    stuck = client.deployment(app, "shop/web:2")
    assert status(client.rolled(app, "shop/web:3")) == ("FINALIZED", "DEPLOYED")
    assert status(client.get(f"/v3/deployments/{stuck['guid']}")) == ("FINALIZED", "SUPERSEDED")
    assert client.get(f"/v3/apps/{app}/processes/web")["instances"] == 3


def test_a_canary_pauses_until_it_is_told_to_go_on(client: Client) -> None:
    app = client.deployed("web", "shop/web:1", instances=3)
    made = client.deployment(app, "shop/web:2", strategy="canary")
    path = f"/v3/deployments/{made['guid']}"
    paused = client.until(path, lambda body: body["status"]["reason"] == "PAUSED")
    assert set(paused["links"]) == {"self", "app", "cancel", "continue"}
    assert [one["instances"] for one in client.get(f"/v3/apps/{app}/processes")["resources"]] == [3, 1]
    client.call("POST", f"{path}/actions/continue", status=200)
    assert status(client.until_final(made)) == ("FINALIZED", "DEPLOYED")
    client.call("POST", f"{path}/actions/continue", status=422)


def test_the_web_process_cannot_be_changed_while_a_deployment_goes_on(
    world: CloudFoundryWorld, client: Client
) -> None:
    app = client.deployed("web", "shop/web:1")
    world.versions.bad(":2$", Fate.HANGS)
    client.deployment(app, "shop/web:2")
    (error,) = client.scale(app, 5, status=422).json()["errors"]
    assert error["detail"] == "Cannot scale this process while a deployment is in flight."
    client.call("PATCH", f"/v3/apps/{app}/processes/web", {"command": "x"}, status=422)


def test_options_of_a_deployment_size_the_new_process(client: Client) -> None:
    app = client.deployed("web", "shop/web:1")
    options = {"web_instances": 4, "memory_in_mb": 64, "max_in_flight": 2}
    client.rolled(app, "shop/web:2", options=options)
    process = client.get(f"/v3/apps/{app}/processes/web")
    assert (process["instances"], process["memory_in_mb"]) == (4, 64)


def test_revisions_say_what_changed_and_can_be_gone_back_to(client: Client) -> None:
    app = client.deployed("web", "shop/web:1")
    path = f"/v3/apps/{app}"
    client.call("PATCH", f"{path}/environment_variables", {"var": {"MODE": "fast"}}, status=200)
    client.rolled(app, "shop/web:2")
    first, second = client.get(f"{path}/revisions")["resources"]
    assert first["description"] == "Initial revision."
    assert second["description"] == "New droplet deployed. New environment variables deployed."
    back = {"revision": {"guid": first["guid"]}, "relationships": {"app": {"data": {"guid": app}}}}
    rolled = client.until_final(client.made("/v3/deployments", back))
    assert rolled["revision"]["version"] == 3
    third = client.get(f"{path}/revisions/deployed")["resources"][0]
    assert third["description"] == (
        "New droplet deployed. New environment variables deployed. Rolled back to revision 1."
    )
    assert client.get(f"{path}/environment_variables")["var"] == {}
    (error,) = client.call("POST", "/v3/deployments", back, status=422).json()["errors"]
    assert error["detail"].startswith("Unable to rollback. The code and configuration")


def test_an_expired_droplet_cannot_be_gone_back_to(world: CloudFoundryWorld, client: Client) -> None:
    app = client.deployed("web", "shop/web:1")
    client.rolled(app, "shop/web:2")
    world.expire_droplets()
    first = client.get(f"/v3/apps/{app}/revisions")["resources"][0]
    assert first["deployable"] is False
    back = {"revision": {"guid": first["guid"]}, "relationships": {"app": {"data": {"guid": app}}}}
    (error,) = client.call("POST", "/v3/deployments", back, status=422).json()["errors"]
    assert error["detail"] == "Unable to deploy this revision, the droplet for this revision no longer exists."


def test_revisions_that_are_off_are_not_made(client: Client) -> None:
    app = client.deployed("web", "shop/web:1")
    client.call("PATCH", f"/v3/apps/{app}/features/revisions", {"enabled": False}, status=200)
    rolled = client.rolled(app, "shop/web:2")
    assert rolled["revision"] is None
    assert len(client.get(f"/v3/apps/{app}/revisions")["resources"]) == 1
    assert client.get(f"/v3/apps/{app}/processes/web")["relationships"]["revision"] is None


def test_an_image_that_cannot_be_staged_fails_its_build(world: CloudFoundryWorld, client: Client) -> None:
    app = client.app("web")
    world.versions.bad("broken", Fate.UNSTAGEABLE)
    body = {"type": "docker", "data": {"image": "broken"}, "relationships": {"app": {"data": {"guid": app}}}}
    package = client.made("/v3/packages", body)
    build = client.made("/v3/builds", {"package": {"guid": package["guid"]}})
    ended = client.until(f"/v3/builds/{build['guid']}", lambda body: body["state"] != "STAGING")
    assert (ended["state"], ended["error"], ended["droplet"]) == ("FAILED", STAGING_ERROR, None)


def test_bits_are_uploaded_before_they_are_staged(client: Client) -> None:
    body = {"name": "bits", "relationships": {"space": {"data": {"guid": client.space}}}}
    app = client.made("/v3/apps", body)["guid"]
    package = client.made("/v3/packages", {"type": "bits", "relationships": {"app": {"data": {"guid": app}}}})
    assert package["state"] == "AWAITING_UPLOAD"
    client.call("POST", "/v3/builds", {"package": {"guid": package["guid"]}}, status=422)
    client.call("POST", f"/v3/packages/{package['guid']}/upload", status=200)
    build = client.made("/v3/builds", {"package": {"guid": package["guid"]}})
    staged = client.until(f"/v3/builds/{build['guid']}", lambda body: body["state"] == "STAGED")
    droplet = {"data": {"guid": staged["droplet"]["guid"]}}
    client.call("PATCH", f"/v3/apps/{app}/relationships/current_droplet", droplet, status=200)
    processes = client.get(f"/v3/apps/{app}/processes")["resources"]
    assert [(one["type"], one["instances"]) for one in processes] == [("web", 1), ("worker", 0)]


def test_versions_are_made_bad_from_another_process(world: CloudFoundryWorld, client: Client) -> None:
    client.call("POST", "/_sandbox/versions", {"pattern": ":2$", "fate": "crashes"}, status=201)
    assert world.versions.of("shop/web:2") is Fate.CRASHES
    client.call("POST", "/_sandbox/versions", {"pattern": ":2$", "fate": "sings"}, status=400)
    client.call("DELETE", "/_sandbox/versions", status=200)
    assert world.versions.of("shop/web:2") is None
