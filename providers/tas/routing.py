"""From the routes of a manifest to routes that lead to an app."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from providers.errors import ProviderRefused
from providers.tas.changing import Changes
from providers.tas.values import RouteState
from providers.tas.wire import Route
from providers.tree import Tree


@dataclass(frozen=True)
class Address:
    """Host labels and path of a route, as the manifest writes it: where the domain begins is not known yet."""

    url: str
    labels: tuple[str, ...]
    path: str

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that it may belong to, the longest first."""
        return tuple(".".join(self.labels[start:]) for start in range(len(self.labels)))

    def host_in(self, domain: str) -> str:
        return ".".join(self.labels[: len(self.labels) - len(domain.split("."))])


def address(url: str) -> Address:
    """ProviderRefused for what is no HTTP route."""
    rest = url.partition("://")[2] or url
    host, slash, path = rest.partition("/")
    if not host or ":" in host or "*" in host or "?" in rest:
        raise ProviderRefused(
            f'The route "{url}" cannot be used: write it like app.example.com or app.example.com/path.'
        )
    return Address(f"{host}{slash}{path}".rstrip("/"), tuple(host.split(".")), f"/{path}".rstrip("/"))


async def map_urls(changes: Changes, space: str, service: str, app: str, urls: Iterable[str]) -> tuple[Route, ...]:
    """Makes these routes lead to the app; those that do already stay as they are. Creates missing ones."""
    mapped: list[Route] = []
    for url in dict.fromkeys(urls):
        route = await _route(changes, space, service, address(url))
        mapped.append(route)
        if not any(one.app_guid == app and one.process_type == "web" for one in route.destinations):
            await changes.map_route(route.guid, url, {"app": {"guid": app}})
    return tuple(mapped)


async def map_state(changes: Changes, space: str, service: str, app: str, state: RouteState) -> None:
    """Makes a route of a snapshot lead to the app again; one that was deleted is created anew."""
    route = await changes.foundation.route(state.guid) or await _route(changes, space, service, address(state.url))
    destination: Tree = {"app": {"guid": app, "process": {"type": state.process}}}
    if state.protocol is not None:
        destination["protocol"] = state.protocol
    await changes.map_route(route.guid, state.url, destination)


async def unmap(changes: Changes, route: Route, app: str) -> None:
    """Takes an app off a route."""
    for one in route.destinations:
        if one.app_guid == app:
            await changes.unmap_route(route, one)


async def _route(changes: Changes, space: str, service: str, wanted: Address) -> Route:
    known = {domain.name: domain for domain in await changes.foundation.domains(wanted.domains)}
    for name in wanted.domains:
        if name in known:
            return await changes.create_route(space, known[name].guid, wanted.host_in(name), wanted.path, service)
    raise ProviderRefused(f"No domain of the foundation fits the route {wanted.url}.")
