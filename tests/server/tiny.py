"""A small schema on a real server, to test the transports without the rest of the application."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import strawberry
from graphql import GraphQLSchema
from starlette.applications import Starlette
from strawberry.scalars import JSON

from schema.documents import Documents
from server.callers import Caller, Door, Unauthenticated
from server.graphql_service import GraphQLService
from server.routes import graphql_routes
from server.rules import load_of, policy_of
from server.running import Running as Edge
from server.serving import Server, config
from server.settings import Settings


@dataclass
class Watch:
    """What the subscriptions' sources saw: how many are open now, and how much they were asked for."""

    open_sources: int = 0
    produced: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def count(self, *, opened: int = 0, produced: int = 0) -> None:
        with self.changed:
            self.open_sources += opened
            self.produced += produced
            self.changed.notify_all()

    def wait_open(self, wanted: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.open_sources == wanted, timeout=5), self.open_sources


watch = Watch()


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    def number(self, value: int) -> int:
        return value

    @strawberry.field
    def echo(self, value: JSON) -> JSON:
        return value

    @strawberry.field
    def nullable_boom(self) -> str | None:
        raise ValueError("boom")

    @strawberry.field
    def boom(self) -> str:
        raise ValueError("boom")


@strawberry.type
class Mutation:
    @strawberry.mutation
    def touch(self) -> bool:
        watch.count(produced=1)
        return True


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncGenerator[int]:
        for number in range(to):
            yield number

    @strawberry.subscription
    async def forever(self, size: int = 0) -> AsyncGenerator[str]:
        watch.count(opened=1)
        try:
            yield "x"
            while size:
                watch.count(produced=1)
                yield "x" * size
                await asyncio.sleep(0)
            await asyncio.Event().wait()
        finally:
            watch.count(opened=-1)

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[int]:
        yield 1
        raise ValueError("boom")


class _Server(Server):
    def __init__(self, app: Starlette, edge: Edge, ready: threading.Event) -> None:
        super().__init__(config(app, shutdown_seconds=3), edge)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class OpenDoor:
    """Everybody comes in, whatever he shows, and may stay."""

    async def admit(self, authorization: str | None, address: str | None) -> Caller:
        return Caller("anybody", address)

    async def ended(self, caller: Caller) -> Unauthenticated:
        await asyncio.Event().wait()
        raise AssertionError("nothing sets it")


@dataclass
class Running:
    """A server in a thread of this process; `stop` ends it in order and waits."""

    port: int
    server: Server
    thread: threading.Thread

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(15)
        assert not self.thread.is_alive()


@contextmanager
def serving_tiny_schema(door: Door | None = None, **settings: object) -> Generator[Running]:
    edge = Edge()
    chosen = Settings.model_validate(settings)
    schema = strawberry.Schema(Query, Mutation, Subscription)
    core: GraphQLSchema = getattr(schema, "_schema")  # noqa: B009 - strawberry has no public name for it
    documents = Documents(core, policy_of(chosen))
    service = GraphQLService(schema, documents, load_of(chosen), lambda _caller, _document: None)
    routes = graphql_routes(service, door or OpenDoor(), chosen, edge.draining, explorer="<!doctype html><p>page")
    listener = socket.create_server(("127.0.0.1", 0))
    ready = threading.Event()
    server = _Server(Starlette(routes=routes), edge, ready)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    running = Running(listener.getsockname()[1], server, thread)
    assert ready.wait(10)
    try:
        yield running
    finally:
        running.stop()
