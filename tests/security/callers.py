"""One caller with his credentials on every transport of a real server."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx2
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

JSON, SSE, SOCKET = "application/json", "text/event-stream", "websocket"
TRANSPORTS = (JSON, SSE, SOCKET)


@dataclass(frozen=True)
class Answer:
    """`status` is that of HTTP, or the code with which the socket was closed; 200 for one that was answered."""

    status: int
    body: dict[str, Any]

    @property
    def data(self) -> Any:
        assert "errors" not in self.body, self.body
        return self.body["data"]

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.body.get("errors", [])]


@dataclass(frozen=True)
class Client:
    """Calls the server at `url` with a token, or without."""

    url: str
    client: httpx2.Client
    token: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.token is None else {"authorization": f"Bearer {self.token}"}

    def ask(self, query: str, transport: str = JSON, **variables: Any) -> Answer:
        """The first answer to an operation."""
        if transport == SOCKET:
            return self._over_socket({"query": query, "variables": variables})
        body = {"query": query, "variables": variables}
        answer = self.client.post(self.url, json=body, headers=self.headers | {"accept": transport})
        if transport == SSE and answer.headers["content-type"].startswith(SSE):
            lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
            return Answer(answer.status_code, json.loads(lines[0]))
        return Answer(answer.status_code, answer.json())

    def _over_socket(self, request: dict[str, Any]) -> Answer:
        with self.socket() as connection:
            try:
                connection.recv(5)
                return _asked_over(connection, "a", request)
            except ConnectionClosed as closed:
                return Answer(closed.rcvd.code if closed.rcvd else 0, {})

    @contextmanager
    def line(self, transport: str) -> Generator[Callable[[str], Answer]]:
        """Asks one query after the other, over one connection."""
        if transport != SOCKET:
            yield lambda query: self.ask(query, transport)
            return
        numbers = count()
        with self.socket() as connection:
            connection.recv(5)
            yield lambda query: _asked_over(connection, str(next(numbers)), {"query": query})

    @contextmanager
    def socket(self) -> Generator[ClientConnection]:
        """A connection that has sent its connection_init."""
        with connect(
            self.url.replace("http", "ws", 1), subprotocols=[Subprotocol("graphql-transport-ws")]
        ) as connection:
            payload = {} if self.token is None else {"authorization": f"Bearer {self.token}"}
            connection.send(json.dumps({"type": "connection_init", "payload": payload}))
            yield connection


def _asked_over(connection: ClientConnection, identifier: str, request: dict[str, Any]) -> Answer:
    """The first answer to an operation, which may still go on."""
    connection.send(json.dumps({"id": identifier, "type": "subscribe", "payload": request}))
    while (message := json.loads(connection.recv(30)))["id"] != identifier:
        pass
    payload: Any = message["payload"]
    return Answer(200, {"errors": payload} if isinstance(payload, list) else payload)
