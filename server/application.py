"""The application as ASGI: the transports over the schema, the schema over the engine. Imports every floor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Route

from db.queries.operation import migration
from db.security.access import Standing
from db.security.audit import AuditLog
from pipelines.runtime import Runtime
from providers.connectors import Connectors
from providers.homes import remove_left_behind
from providers.registry import Registry
from resolvers.auditing import Auditor
from schema.building import build
from schema.context import Origin, RequestContext
from schema.documents import Document
from server.audit_key import sealing_key
from server.callers import Caller, Door, TokenDoor, Verifier
from server.explorer import explorer_page
from server.health import health_routes
from server.hosts import AllowedHosts
from server.refused_credentials import RefusedCredentials, WatchedDoor
from server.refusing import PlainlyStarting
from server.routes import graphql_routes
from server.rules import load_of, policy_of, rules_of
from server.running import Running
from server.settings import AuthMode, Settings
from server.tracing import traced
from server.watched_service import WatchedService


def application(settings: Settings, connectors: Connectors) -> Starlette:
    """The application of these settings.

    Starting it migrates the database, takes its lock and continues what was interrupted.
    """
    running, refused = Running(), RefusedCredentials()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        async with traced(), _engine(settings, Registry(connectors)) as (runtime, key):
            log = AuditLog(runtime.database, key)
            running.runtime, running.auditor = runtime, Auditor(log)
            async with runtime.database.read() as connection:
                running.migration = await migration(connection)
            async with refused.kept_in(log):
                yield
            running.leave()
            running.draining.set()
            await running.auditor.finished()

    def new_context(caller: Caller, document: Document) -> RequestContext:
        origin = Origin(caller.address, caller.token.id if caller.token else None)
        standing = caller.standing or Standing(caller.subject)
        return RequestContext(running.started, standing, origin, running.auditor, document)

    schema = build(policy_of(settings))
    load = load_of(settings, schema.pace)
    service = WatchedService(schema, schema.documents, load, new_context, running.leaving)
    door = WatchedDoor(_door(settings, running), refused)
    app = PlainlyStarting(routes=_routes(service, door, settings, running), lifespan=lifespan)
    # Such a redirect would go to whatever host the request names, and by http behind a proxy that speaks TLS.
    app.router.redirect_slashes = False
    app.state.running, app.state.connectors = running, connectors
    return app


def _routes(service: WatchedService, door: Door, settings: Settings, running: Running) -> list[BaseRoute]:
    page = explorer_page() if settings.shows_schema else None
    hosts = settings.callable_hosts
    return [
        Route("/", RedirectResponse("/graphql"), middleware=[Middleware(AllowedHosts, hosts=hosts)]),
        *health_routes(running, hosts),
        *graphql_routes(service, door, settings, running.draining, page),
    ]


def _door(settings: Settings, running: Running) -> TokenDoor:
    verifier = _verifier(settings)
    return TokenDoor(lambda: running.started.database, required=settings.authenticates, verifier=verifier)


def _verifier(settings: Settings) -> Verifier | None:
    if settings.auth is not AuthMode.OIDC:
        return None
    # Who has no issuer needs none of what it takes to ask one.
    from server.jwks import Jwks, fetch_over_http  # noqa: PLC0415
    from server.oidc import Issuer, JwtVerifier  # noqa: PLC0415

    issuer = Issuer(settings.oidc_issuer, settings.oidc_audience, settings.oidc_roles_claim)
    return JwtVerifier(issuer, Jwks(settings.oidc_jwks_url, fetch_over_http))


@asynccontextmanager
async def _engine(settings: Settings, registry: Registry) -> AsyncGenerator[tuple[Runtime, bytes]]:
    """The engine over a database of this version's shape, with the key that seals the audit log."""
    # A third of all that is imported, and who does not serve needs none of it.
    from db import migrate  # noqa: PLC0415
    from pipelines import engine  # noqa: PLC0415

    settings.prepare_files()
    await asyncio.to_thread(remove_left_behind)
    registry.load()
    url = settings.resolved_database_url
    await migrate.upgrade(url)
    key = await sealing_key(settings)
    async with engine.running(url, registry, rules_of(settings)) as runtime:
        yield runtime, key
