"""What is served under /graphql. Imports the other modules of this floor."""

from __future__ import annotations

import asyncio

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from server.callers import Door
from server.counting import Counted
from server.forwarded import BehindProxy
from server.graphql_http import GraphQLHttp
from server.graphql_service import GraphQLService
from server.graphql_socket import GraphQLSockets
from server.hosts import AllowedHosts, origin_pattern
from server.settings import Settings


def graphql_routes(
    service: GraphQLService, door: Door, settings: Settings, draining: asyncio.Event, explorer: str | None
) -> list[BaseRoute]:
    """POST, GET, Server-Sent Events and WebSocket on the same path, behind the list of allowed hosts."""
    hosts = settings.callable_hosts
    guard = [
        *([Middleware(BehindProxy)] if settings.behind_proxy else []),
        Middleware(Counted),
        Middleware(AllowedHosts, hosts=hosts),
        Middleware(
            CORSMiddleware,
            allow_origin_regex=f"(?i:{origin_pattern(hosts)})",
            allow_methods=("GET", "POST"),
            allow_headers=("Accept", "Authorization", "Content-Type", "traceparent"),
            expose_headers=("Retry-After",),
            max_age=3600,
        ),
    ]
    http = GraphQLHttp(service, door, settings.max_body_bytes, draining, explorer)
    return [
        Route("/graphql", http, middleware=guard),
        WebSocketRoute("/graphql", GraphQLSockets(service, door), middleware=guard),
    ]
