"""What people do to a foundation past Unship, over HTTP as the cf command line does."""

from __future__ import annotations

from typing import Any

import httpx2

from sandbox.cloudfoundry import CloudFoundryWorld
from sandbox.cloudfoundry.identity import PASSWORD, USER
from sandbox.cloudfoundry.state import App


def token(world: CloudFoundryWorld) -> str:
    form = {"grant_type": "password", "username": USER, "password": PASSWORD}
    answer = httpx2.post(f"{world.url}/oauth/token", data=form, auth=("cf", ""), verify=False)
    access: str = answer.json()["access_token"]
    return access


def cf(world: CloudFoundryWorld, method: str, path: str, body: Any = None) -> httpx2.Response:
    """One request of a person who may do everything."""
    return httpx2.request(
        method,
        world.url + path,
        json=body,
        headers={"Authorization": f"bearer {token(world)}"},
        timeout=30,
        verify=False,
    )


def the_app(world: CloudFoundryWorld, name: str = "mailer") -> App:
    found = world.app(name)
    assert found is not None, f"there is no app {name}"
    return found


def set_env(world: CloudFoundryWorld, **variables: str | None) -> None:
    """cf set-env and unset-env, followed by cf restart."""
    app = the_app(world)
    cf(world, "PATCH", f"/v3/apps/{app.guid}/environment_variables", {"var": variables}).raise_for_status()
    cf(world, "POST", f"/v3/apps/{app.guid}/actions/restart").raise_for_status()
    world.clock.advance(5)


def scale(world: CloudFoundryWorld, instances: int, name: str = "mailer") -> None:
    """cf scale -i."""
    path = f"/v3/apps/{the_app(world, name).guid}/processes/web/actions/scale"
    cf(world, "POST", path, {"instances": instances}).raise_for_status()


def writes(world: CloudFoundryWorld, mark: int) -> list[str]:
    """What Unship changed, in its order: the method and the path's words without guids."""
    found: list[str] = []
    for request in world.requests.writes(mark):
        if request.user_agent.startswith("unship/"):
            words = [word for word in request.path.split("/")[2:] if len(word) != 36]
            found.append(f"{request.method} {'/'.join(words)}")
    return found
