"""Everything that changes a foundation, one request each, announced before it is sent.

The API has no idempotency key: what makes something new looks first, before every try.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel

from providers.errors import ProviderConflict, ProviderRefused, ProviderUnreachable
from providers.retry import wait_before
from providers.tas.calls import Call, Effect
from providers.tas.faults import BusyError
from providers.tas.foundation import Foundation
from providers.tas.marks import TOKEN_LABEL, Record, labels, mark, record_annotations, selector
from providers.tas.wire import App, Build, Deployment, Destination, Package, Route, parsed
from providers.tree import Tree

FoundT = TypeVar("FoundT", bound=BaseModel)


class Changes:
    """The changes of one step of one attempt."""

    def __init__(self, foundation: Foundation, token: str, effect: Effect) -> None:
        self.foundation = foundation
        self.token = token
        self._effect = effect

    async def create_app(self, space: str, name: str, service: str, record: Record) -> App:
        """A new app of that name; one that this step made before, under any name, is found by its token."""

        async def find() -> App | None:
            found = await self.foundation.apps_labelled(space, selector(TOKEN_LABEL, self.token))
            return found[0] if found else None

        body: Tree = {
            "name": name,
            "lifecycle": {"type": "docker", "data": {}},
            "relationships": _to("space", space),
            "metadata": {"labels": labels(self.token, service), "annotations": record_annotations(record, {})},
        }
        return await self._once(find, lambda: self._made(App, f"create the app {name}", "/v3/apps", body))

    async def create_package(self, app: App, image: str, username: str | None, password: str | None) -> Package:
        data: Tree = {"image": image}
        if username is not None and password is not None:
            data |= {"username": username, "password": password}
        body: Tree = {"type": "docker", "data": data, "relationships": _to("app", app.guid), **self._mark()}
        wanted = selector(TOKEN_LABEL, self.token)
        return await self._once(
            lambda: self.foundation.package_labelled(app.guid, wanted),
            lambda: self._made(Package, f"create a package of {image}", "/v3/packages", body),
        )

    async def create_build(self, app: App, package: str) -> Build:
        body: Tree = {"package": {"guid": package}, **self._mark()}
        wanted = selector(TOKEN_LABEL, self.token)
        return await self._once(
            lambda: self.foundation.build_labelled(app.guid, wanted),
            lambda: self._made(Build, "stage the image", "/v3/builds", body),
        )

    async def create_deployment(self, app: App, what: Tree, options: Tree) -> Deployment:
        """A rolling deployment of `what`, a droplet or a revision."""
        body: Tree = {**what, "strategy": "rolling", "relationships": _to("app", app.guid), **self._mark()}
        if options:
            body["options"] = options
        wanted = selector(TOKEN_LABEL, self.token)
        return await self._once(
            lambda: self.foundation.deployment_labelled(app.guid, wanted),
            lambda: self._made(Deployment, f"roll {app.name} over", "/v3/deployments", body),
        )

    async def cancel_deployment(self, deployment: Deployment) -> None:
        try:
            await self._post("cancel the deployment", f"/v3/deployments/{deployment.guid}/actions/cancel")
        except ProviderRefused:
            # One that has ended meanwhile, perhaps by a first try whose answer was lost, is refused.
            now = await self.foundation.deployment(deployment.guid)
            if now is not None and now.active:
                raise

    async def create_route(self, space: str, domain: str, host: str, path: str, service: str) -> Route:
        body: Tree = {
            "host": host,
            "relationships": {**_to("space", space), **_to("domain", domain)},
            "metadata": {"labels": labels(self.token, service)},
        }
        if path:
            body["path"] = path
        return await self._once(
            lambda: self.foundation.route_at(domain, host, path),
            lambda: self._made(Route, f"create the route {host}{path}", "/v3/routes", body),
        )

    async def map_route(self, route: str, url: str, destination: Tree) -> None:
        path = f"/v3/routes/{route}/destinations"
        await self._post(f"map the route {url}", path, {"destinations": [destination]})

    async def unmap_route(self, route: Route, destination: Destination) -> None:
        path = f"/v3/routes/{route.guid}/destinations/{destination.guid}"
        try:
            await self._delete(f"unmap the route {route.url}", path)
        except ProviderRefused:
            # A destination that is gone, perhaps by a first try whose answer was lost, is refused with 422.
            now = await self.foundation.route(route.guid)
            if now is not None and destination.guid in {one.guid for one in now.destinations}:
                raise

    async def delete_route(self, route: Route) -> None:
        await self._delete(f"delete the route {route.url}", f"/v3/routes/{route.guid}")

    async def delete_app(self, app: str, name: str) -> None:
        await self._delete(f"delete the app {name}", f"/v3/apps/{app}")

    async def rename(self, app: str, name: str) -> None:
        await self._patch(f"rename an app to {name}", f"/v3/apps/{app}", {"name": name})

    async def write_record(self, app: App, record: Record) -> App:
        """The app with the record; also marks it as one that Unship knows."""
        body: Tree = {"metadata": {"annotations": record_annotations(record, app.annotations)}}
        doing = f"write the record of {app.name}"
        return parsed(App, await self._patch(doing, f"/v3/apps/{app.guid}", body), doing)

    async def set_environment(self, app: str, variables: Tree) -> None:
        path = f"/v3/apps/{app}/environment_variables"
        await self._patch("set the environment variables", path, {"var": variables})

    async def assign_droplet(self, app: str, droplet: str) -> None:
        path = f"/v3/apps/{app}/relationships/current_droplet"
        await self._patch("set the current droplet", path, {"data": {"guid": droplet}})

    async def update_process(self, process: str, body: Tree) -> None:
        await self._patch("configure the process", f"/v3/processes/{process}", body)

    async def scale(self, process: str, limits: Tree) -> None:
        await self._post("scale the process", f"/v3/processes/{process}/actions/scale", limits)

    async def start(self, app: str, name: str) -> None:
        await self._post(f"start {name}", f"/v3/apps/{app}/actions/start")

    async def stop(self, app: str, name: str) -> None:
        await self._post(f"stop {name}", f"/v3/apps/{app}/actions/stop")

    def _mark(self) -> Tree:
        return {"metadata": {"labels": {TOKEN_LABEL: mark(self.token)}}}

    async def _made(self, model: type[FoundT], doing: str, path: str, body: Tree) -> FoundT:
        call = Call(doing, "POST", path, body=body, effect=self._effect, repeatable=False)
        return parsed(model, await self.foundation.connection.send(call), doing)

    async def _post(self, doing: str, path: str, body: Tree | None = None) -> None:
        await self.foundation.connection.send(Call(doing, "POST", path, body=body, effect=self._effect))

    async def _patch(self, doing: str, path: str, body: Tree) -> Tree:
        return await self.foundation.connection.send(Call(doing, "PATCH", path, body=body, effect=self._effect))

    async def _delete(self, doing: str, path: str) -> None:
        await self.foundation.connection.find(Call(doing, "DELETE", path, effect=self._effect))

    async def _once(
        self, find: Callable[[], Awaitable[FoundT | None]], make: Callable[[], Awaitable[FoundT]]
    ) -> FoundT:
        """What is there already, or else what is made now. After a lost answer it is looked for again."""
        number_of_try = 1
        while True:
            found = await find()
            if found is not None:
                return found
            try:
                return await make()
            except (ProviderUnreachable, ProviderConflict) as error:
                number_of_try += 1
                wait = wait_before(number_of_try, error.retry_after if isinstance(error, BusyError) else None)
                if wait is None:
                    raise
                await asyncio.sleep(wait)


def _to(name: str, guid: str) -> Tree:
    return {name: {"data": {"guid": guid}}}
