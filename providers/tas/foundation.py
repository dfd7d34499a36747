"""Questions to a foundation, by what is asked. Reads only; changing.py changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TypeVar

from pydantic import BaseModel

from providers.errors import ProviderNotFound
from providers.tas.calls import Call
from providers.tas.client import Connection
from providers.tas.wire import (
    App,
    Build,
    Deployment,
    Domain,
    Droplet,
    Instance,
    Package,
    Process,
    Revision,
    Route,
    parsed,
)
from providers.tree import digest, number, text, texts, trees

PER_PAGE = 200

MOST_REMEMBERED = 1_000

ResourceT = TypeVar("ResourceT", bound=BaseModel)
FactT = TypeVar("FactT")


class Foundation:
    """One foundation. Lists are complete and in the order of creation, the API's own default."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._images: dict[str, str | None] = {}
        self._variables: dict[str, dict[str, str]] = {}

    async def close(self) -> None:
        await self.connection.close()

    async def space(self, organization: str, space: str) -> str:
        """The guid of a space; ProviderNotFound where it does not exist or may not be seen."""
        params = {"names": space, "include": "organization", "per_page": str(PER_PAGE)}
        body = await self.connection.send(Call(f"find the space {space}", "GET", "/v3/spaces", params))
        owners = {
            text(one, "guid")
            for one in trees(body, "included", "organizations")
            if text(one, "name") == organization
        }
        for found in trees(body, "resources"):
            if text(found, "relationships", "organization", "data", "guid") in owners:
                return text(found, "guid") or ""
        raise ProviderNotFound(
            f"The space {space} of the organization {organization} does not exist, or the connector's user has no "
            "role in it."
        )

    async def apps(self, space: str, names: Iterable[str]) -> tuple[App, ...]:
        params = {"space_guids": space, "names": ",".join(names)}
        return await self._all(App, "list the apps", "/v3/apps", params)

    async def apps_labelled(self, space: str, selector: str) -> tuple[App, ...]:
        params = {"space_guids": space, "label_selector": selector}
        return await self._all(App, "list the apps", "/v3/apps", params)

    async def app(self, guid: str) -> App | None:
        body = await self.connection.find(Call("read the app", "GET", f"/v3/apps/{guid}"))
        return parsed(App, body, "read the app") if body is not None else None

    async def processes(self, apps: Iterable[str]) -> tuple[Process, ...]:
        return await self._all(Process, "list the processes", "/v3/processes", {"app_guids": ",".join(apps)})

    async def process(self, guid: str) -> Process | None:
        """One process, with its command, which lists hide."""
        body = await self.connection.find(Call("read the process", "GET", f"/v3/processes/{guid}"))
        return parsed(Process, body, "read the process") if body is not None else None

    async def stats(self, process: str) -> tuple[Instance, ...]:
        """The instances of a process; none where it has just been replaced."""
        body = await self.connection.find(Call("read the instances", "GET", f"/v3/processes/{process}/stats"))
        return tuple(parsed(Instance, one, "read the instances") for one in trees(body, "resources"))

    async def current_droplet(self, app: str) -> Droplet | None:
        doing = "read the current droplet"
        body = await self.connection.find(Call(doing, "GET", f"/v3/apps/{app}/droplets/current"))
        return parsed(Droplet, body, doing) if body is not None else None

    async def droplet(self, guid: str) -> Droplet | None:
        body = await self.connection.find(Call("read the droplet", "GET", f"/v3/droplets/{guid}"))
        return parsed(Droplet, body, "read the droplet") if body is not None else None

    async def image(self, droplet: str | None) -> str | None:
        """The image that a droplet was made of, which never changes; None for one of a buildpack, or gone."""
        if droplet is None:
            return None
        if droplet not in self._images:
            found = await self.droplet(droplet)
            if found is None:
                return None
            _remember(self._images, droplet, found.image)
        return self._images[droplet]

    async def revision(self, guid: str) -> Revision | None:
        body = await self.connection.find(Call("read the revision", "GET", f"/v3/revisions/{guid}"))
        return parsed(Revision, body, "read the revision") if body is not None else None

    async def revision_of_version(self, app: str, version: int) -> Revision | None:
        path, doing = f"/v3/apps/{app}/revisions", "list the revisions"
        found = await self._all(Revision, doing, path, {"versions": str(version)})
        return next(iter(found), None)

    async def revision_variables(self, app: str, revision: str) -> dict[str, str]:
        """The digests of a revision's variables, which never change; no value of one is kept."""
        if revision not in self._variables:
            path, doing = f"/v3/revisions/{revision}/environment_variables", "read the variables of the revision"
            body = await self.connection.send(Call(doing, "GET", path))
            _remember(self._variables, revision, variable_digests(app, texts(body, "var")))
        return self._variables[revision]

    async def environment(self, app: str) -> dict[str, str]:
        """The variables of an app; none of one that has just been deleted."""
        doing = "read the environment variables"
        body = await self.connection.find(Call(doing, "GET", f"/v3/apps/{app}/environment_variables"))
        return texts(body, "var")

    async def has_revisions(self, app: str) -> bool:
        doing = "read the app's features"
        body = await self.connection.find(Call(doing, "GET", f"/v3/apps/{app}/features/revisions"))
        return body is not None and body.get("enabled") is True

    async def may_manage(self, app: str) -> bool:
        """Whether we may see what only a Space Developer sees."""
        doing = "read what is allowed"
        body = await self.connection.find(Call(doing, "GET", f"/v3/apps/{app}/permissions"))
        return body is not None and body.get("read_sensitive_data") is True

    async def active_deployments(self, apps: Iterable[str]) -> tuple[Deployment, ...]:
        params = {"app_guids": ",".join(apps), "status_values": "ACTIVE"}
        return await self._all(Deployment, "list the deployments", "/v3/deployments", params)

    async def deployment(self, guid: str) -> Deployment | None:
        body = await self.connection.find(Call("read the deployment", "GET", f"/v3/deployments/{guid}"))
        return parsed(Deployment, body, "read the deployment") if body is not None else None

    async def deployment_labelled(self, app: str, selector: str) -> Deployment | None:
        """The newest one with that label."""
        params = {"app_guids": app, "label_selector": selector}
        found = await self._all(Deployment, "list the deployments", "/v3/deployments", params)
        return found[-1] if found else None

    async def package_labelled(self, app: str, selector: str) -> Package | None:
        params = {"app_guids": app, "label_selector": selector}
        found = await self._all(Package, "list the packages", "/v3/packages", params)
        return next(iter(found), None)

    async def build_labelled(self, app: str, selector: str) -> Build | None:
        params = {"app_guids": app, "label_selector": selector}
        found = await self._all(Build, "list the builds", "/v3/builds", params)
        return next(iter(found), None)

    async def build(self, guid: str) -> Build:
        doing = "read the build"
        return parsed(Build, await self.connection.send(Call(doing, "GET", f"/v3/builds/{guid}")), doing)

    async def routes_of(self, apps: Iterable[str]) -> tuple[Route, ...]:
        return await self._all(Route, "list the routes", "/v3/routes", {"app_guids": ",".join(apps)})

    async def route(self, guid: str) -> Route | None:
        body = await self.connection.find(Call("read the route", "GET", f"/v3/routes/{guid}"))
        return parsed(Route, body, "read the route") if body is not None else None

    async def routes_labelled(self, space: str, selector: str) -> tuple[Route, ...]:
        params = {"space_guids": space, "label_selector": selector}
        return await self._all(Route, "list the routes", "/v3/routes", params)

    async def route_at(self, domain: str, host: str, path: str) -> Route | None:
        """The route of that address, wherever it is mapped."""
        params = {"domain_guids": domain, "hosts": host, "paths": path}
        found = await self._all(Route, "look for the route", "/v3/routes", params)
        return next(iter(found), None)

    async def domains(self, names: Iterable[str]) -> tuple[Domain, ...]:
        return await self._all(Domain, "look for the domain", "/v3/domains", {"names": ",".join(names)})

    async def _all(
        self, model: type[ResourceT], doing: str, path: str, params: Mapping[str, str]
    ) -> tuple[ResourceT, ...]:
        first = await self.connection.send(Call(doing, "GET", path, {**params, "per_page": str(PER_PAGE)}))
        pages = number(first, "pagination", "total_pages") or 1
        further = await asyncio.gather(
            *(
                self.connection.send(
                    Call(doing, "GET", path, {**params, "per_page": str(PER_PAGE), "page": str(page)})
                )
                for page in range(2, pages + 1)
            )
        )
        return tuple(parsed(model, one, doing) for body in (first, *further) for one in trees(body, "resources"))


def variable_digests(app: str, variables: Mapping[str, str]) -> dict[str, str]:
    """A digest of each variable, different in every app and for every name, so that equal secrets do not show."""
    return {name: digest([app, name, value])[:16] for name, value in sorted(variables.items())}


def _remember(facts: dict[str, FactT], guid: str, fact: FactT) -> None:
    """Keeps what never changes, within bounds."""
    if len(facts) >= MOST_REMEMBERED:
        facts.clear()
    facts[guid] = fact
