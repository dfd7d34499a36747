"""A client of the public API, as anybody would write one: HTTP for operations, a WebSocket for streams."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from typing import Any

import httpx2
from websockets.sync.client import connect
from websockets.typing import Subprotocol

_PROTOCOL = Subprotocol("graphql-transport-ws")


class OperationFailed(Exception):
    """The server answered with top-level errors."""


class Client:
    """Calls one server. `url` is that of /graphql."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx2.Client(timeout=30)

    def run(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The `data` of a query or mutation."""
        body = {"query": document, "variables": variables or {}}
        answer = self._http.post(self.url, json=body, headers={"accept": "application/graphql-response+json"})
        return _data(answer.json())

    def stream(
        self, document: str, variables: Mapping[str, Any] | None = None, *, seconds: float = 60
    ) -> Generator[dict[str, Any]]:
        """The `data` of each event of a subscription, until it completes; TimeoutError after silence."""
        url = self.url.replace("http", "ws", 1)
        with connect(url, subprotocols=[_PROTOCOL], compression=None) as socket:
            socket.send(json.dumps({"type": "connection_init"}))
            payload = {"query": document, "variables": variables or {}}
            socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            while True:
                message = json.loads(socket.recv(seconds))
                match message["type"]:
                    case "next":
                        yield _data(message["payload"])
                    case "error":
                        raise OperationFailed(_worded(message["payload"]))
                    case "complete":
                        return
                    case _:
                        pass

    def close(self) -> None:
        self._http.close()


def _data(answer: Mapping[str, Any]) -> dict[str, Any]:
    if answer.get("errors"):
        raise OperationFailed(_worded(answer["errors"]))
    return answer["data"]


def _worded(errors: list[dict[str, Any]]) -> str:
    return "; ".join(f"{error['message']} ({error.get('extensions', {}).get('code')})" for error in errors)
