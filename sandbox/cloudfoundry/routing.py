"""/v3/routes and their destinations (v3-apidocs.cloudfoundry.org, "Routes"; update_route_destinations.rb)."""

from __future__ import annotations

from sandbox.cloudfoundry.calls import Call, Reply, only, put_metadata, related
from sandbox.cloudfoundry.errors import not_found, unprocessable
from sandbox.cloudfoundry.foundation import Foundation
from sandbox.cloudfoundry.paging import chosen, page
from sandbox.cloudfoundry.presenting import Presenter
from sandbox.cloudfoundry.state import Destination, Job, Route
from sandbox.core.wire import Object, is_map, sublist, submap

NO_APP = 'App(s) with guid(s) "{}" do not exist or you do not have access.'
NO_DESTINATION = "Unable to unmap route from destination. Ensure the route has a destination with this guid."


class Routing:
    """The handlers."""

    def __init__(self, foundation: Foundation, presenter: Presenter) -> None:
        self._foundation = foundation
        self._presenter = presenter

    def create(self, call: Call) -> Reply:
        body = call.body()
        only(body, "host", "path", "port", "options", "relationships", "metadata")
        domain = self._foundation.domains.get(related(body, "domain"))
        if domain is None:
            raise unprocessable("Invalid domain. Ensure that the domain exists and you have access to it.")
        space = related(body, "space")
        if space not in self._foundation.spaces:
            raise unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
        host, path = str(body.get("host") or ""), str(body.get("path") or "")
        if not host:
            raise unprocessable("Missing host. Routes in shared domains must have a host defined.")
        self._check_free(host, path, domain.guid)
        route = Route(host=host, path=path, domain=domain.guid, space=space)
        put_metadata(route, body)
        self._foundation.add(self._foundation.routes, route)
        return Reply(self._presenter.route(route), 201)

    def list(self, call: Call) -> Reply:
        found = list(self._foundation.routes.values())
        if "app" in call.names:
            found = self._foundation.routes_of(call.names["app"])
        listed = chosen(
            found,
            call.query,
            {
                "guids": lambda item: item.guid,
                "hosts": lambda item: item.host,
                "paths": lambda item: item.path,
                "ports": lambda _: (),
                "domain_guids": lambda item: item.domain,
                "space_guids": lambda item: item.space,
                "app_guids": lambda item: [one.app for one in item.destinations],
                "organization_guids": lambda item: self._foundation.spaces[item.space].organization,
            },
        )
        answer = page(self._presenter.base + call.path, call.query, listed, self._presenter.route)
        if "domain" in call.query.get("include", "").split(","):
            used = {route.domain for route in listed}
            domains = [self._presenter.domain(self._foundation.domains[guid]) for guid in sorted(used)]
            answer["included"] = {"domains": domains}
        return Reply(answer)

    def get(self, call: Call) -> Reply:
        return Reply(self._presenter.route(self._find(call)))

    def update(self, call: Call) -> Reply:
        route = self._find(call)
        put_metadata(route, call.body())
        self._foundation.changed(route)
        return Reply(self._presenter.route(route))

    def delete(self, call: Call) -> Reply:
        route = self._find(call)
        job = self._foundation.add(self._foundation.jobs, Job(operation="route.delete", subject=route.guid))
        return Reply(None, 202, {"location": f"{self._presenter.base}/v3/jobs/{job.guid}"})

    def destinations(self, call: Call) -> Reply:
        return Reply(self._destinations(self._find(call)))

    def insert(self, call: Call) -> Reply:
        route = self._find(call)
        wanted = self._wanted(call)
        new = [one for one in wanted if not any(one.same(known) for known in route.destinations)]
        if new:
            route.destinations = [*route.destinations, *new]
            self._foundation.changed(route)
        return Reply(self._destinations(route))

    def replace(self, call: Call) -> Reply:
        route = self._find(call)
        wanted = self._wanted(call)
        route.destinations = [
            next((known for known in route.destinations if one.same(known)), one) for one in wanted
        ]
        self._foundation.changed(route)
        return Reply(self._destinations(route))

    def remove(self, call: Call) -> Reply:
        route, guid = self._find(call), call.names["destination"]
        if all(one.guid != guid for one in route.destinations):
            raise unprocessable(NO_DESTINATION)
        route.destinations = [one for one in route.destinations if one.guid != guid]
        self._foundation.changed(route)
        return Reply(None, 204)

    def list_domains(self, call: Call) -> Reply:
        found = chosen(
            self._foundation.domains.values(),
            call.query,
            {"names": lambda item: item.name, "guids": lambda item: item.guid, "organization_guids": lambda _: ()},
        )
        return Reply(page(self._presenter.base + call.path, call.query, found, self._presenter.domain))

    def _wanted(self, call: Call) -> list[Destination]:
        found: list[Destination] = []
        for item in sublist(call.body(), "destinations"):
            app = str(submap(item, "app").get("guid", "")) if is_map(item) else ""
            if app not in self._foundation.apps:
                raise unprocessable(NO_APP.format(app))
            kind = str(submap(item, "app", "process").get("type", "web"))
            found.append(Destination(app, kind, item.get("port"), item.get("protocol") or "http1"))
        if len({(one.app, one.process, one.port) for one in found}) < len(found):
            raise unprocessable("Destinations cannot contain duplicate entries")
        return found

    def _destinations(self, route: Route) -> Object:
        path = f"{self._presenter.base}/v3/routes/{route.guid}"
        links = {"self": {"href": f"{path}/destinations"}, "route": {"href": path}}
        return {"destinations": self._presenter.destinations(route), "links": links}

    def _check_free(self, host: str, path: str, domain: str) -> None:
        for route in self._foundation.routes.values():
            if (route.host, route.path, route.domain) == (host, path, domain):
                name = self._foundation.domains[domain].name
                where = f"host '{host}' and path '{path}'" if path else f"host '{host}'"
                raise unprocessable(f"Route already exists with {where} for domain '{name}'.")

    def _find(self, call: Call) -> Route:
        route = self._foundation.routes.get(call.names["guid"])
        if route is None:
            raise not_found("Route")
        return route
