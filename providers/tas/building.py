"""From an image to a droplet that can be deployed: package, build, droplet."""

from __future__ import annotations

from providers.errors import ProviderRefused, ProviderTimedOut
from providers.interface import Attempt
from providers.tas.changing import Changes
from providers.tas.manifest import Wanted
from providers.tas.waiting import Patience
from providers.tas.wire import App
from providers.values import Progress


async def build_droplet(changes: Changes, attempt: Attempt, app: App, wanted: Wanted) -> str:
    """The guid of the droplet that this step made; ProviderRefused where the image cannot be staged."""
    docker = wanted.app.docker
    package = await changes.create_package(app, docker.image, docker.username, wanted.docker_password)
    build = await changes.create_build(app, package.guid)
    patience = Patience(attempt)
    while build.state == "STAGING":
        await attempt.report(Progress(message=f"Staging {docker.image}"))
        if not await patience.pause():
            raise ProviderTimedOut(f"{docker.image} was not staged in the step's time.", build.state)
        build = await changes.foundation.build(build.guid)
    if build.droplet_guid is None:
        raise ProviderRefused(f"{docker.image} could not be staged.", build.error or build.state)
    return build.droplet_guid
