"""The messages of the graphql-transport-ws protocol. Imports server.json_codec and server.graphql_request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from server import json_codec
from server.graphql_request import GraphQLRequest, MalformedRequest, from_parameters

SUBPROTOCOL = "graphql-transport-ws"


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ping:
    payload: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Pong:
    pass


@dataclass(frozen=True, slots=True)
class Subscribe:
    id: str
    request: GraphQLRequest


@dataclass(frozen=True, slots=True)
class Complete:
    id: str


Message = ConnectionInit | Ping | Pong | Subscribe | Complete


class MalformedMessage(Exception):
    """Not a message of the protocol: the socket is closed with 4400 and this text."""


def parse_message(text: str | None) -> Message:
    """The message of a frame; `text` is None for a binary one."""
    if text is None:
        raise MalformedMessage("Frames must be text")
    try:
        decoded = json_codec.decode(text)
    except ValueError as error:
        raise MalformedMessage("Frames must be valid JSON") from error
    if not isinstance(decoded, dict):
        raise MalformedMessage("Messages must be JSON objects")
    message = cast("dict[str, object]", decoded)
    match message.get("type"):
        case "connection_init":
            return ConnectionInit(_payload(message) or {})
        case "ping":
            return Ping(_payload(message))
        case "pong":
            _payload(message)
            return Pong()
        case "subscribe":
            return Subscribe(_id(message), _request(message))
        case "complete":
            return Complete(_id(message))
        case _:
            raise MalformedMessage("Unknown message type")


def ack() -> dict[str, Any]:
    return {"type": "connection_ack"}


def pong(payload: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"type": "pong"} if payload is None else {"type": "pong", "payload": payload}


def next_(id_: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": id_, "type": "next", "payload": body}


def error(id_: str, errors: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": id_, "type": "error", "payload": errors}


def complete(id_: str) -> dict[str, Any]:
    return {"id": id_, "type": "complete"}


def _payload(message: Mapping[str, object]) -> dict[str, Any] | None:
    payload = message.get("payload")
    if not isinstance(payload, dict | None):
        raise MalformedMessage("`payload` must be an object")
    return cast("dict[str, Any] | None", payload)


def _id(message: Mapping[str, object]) -> str:
    id_ = message.get("id")
    if not isinstance(id_, str) or not id_:
        raise MalformedMessage("`id` must be a string that is not empty")
    return id_


def _request(message: Mapping[str, object]) -> GraphQLRequest:
    try:
        return from_parameters(message.get("payload"))
    except MalformedRequest as refused:
        raise MalformedMessage(refused.message) from refused
