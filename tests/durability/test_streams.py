"""Clients that follow a rollback over restarts of the server: each reads every event once, in order."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from db.statuses import FINISHED_EXECUTIONS
from tests.durability.ordeals import Theatre
from tests.support.shop import NEW, Shop
from tests.support.unship import PROGRESS, Unship

_PROTOCOL = Subprotocol("graphql-transport-ws")
_PATIENCE_SECONDS = 60.0

Follow = Callable[[Unship, str, str | None], Iterator[dict[str, Any]]]


def over_events(unship: Unship, execution: str, after: str | None) -> Iterator[dict[str, Any]]:
    """The batches of one stream of Server-Sent Events, as long as it lasts."""
    with closing(httpx2.Client(timeout=30, verify=False)) as client:
        own = Unship(unship.directory, port=unship.port, client=client)
        with own.progress(execution, after) as batches:
            yield from batches


def over_a_socket(unship: Unship, execution: str, after: str | None) -> Iterator[dict[str, Any]]:
    """The batches of one subscription over graphql-transport-ws, as long as it lasts."""
    url = unship.url.replace("http", "ws", 1)
    with connect(url, subprotocols=[_PROTOCOL], open_timeout=5) as socket:
        socket.send('{"type": "connection_init"}')
        assert json.loads(socket.recv(timeout=5))["type"] == "connection_ack"
        payload = {"query": PROGRESS, "variables": {"id": execution, "after": after}}
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        while (message := json.loads(socket.recv(timeout=30)))["type"] == "next":
            yield message["payload"]["data"]["executionProgress"]
        assert message["type"] == "complete", message


def read(unship: Unship, execution: str, follow: Follow) -> tuple[list[int], int]:
    """Follow to the end, going on after the last cursor where the stream breaks; sequences, number of breaks."""
    sequences: list[int] = []
    cursor, status, breaks = None, "", 0
    until = time.monotonic() + _PATIENCE_SECONDS
    while status not in FINISHED_EXECUTIONS:
        assert time.monotonic() < until, f"still {status} after {sequences}"
        try:
            for batch in follow(unship, execution, cursor):
                cursor, status = batch["cursor"], batch["execution"]["status"]
                sequences += [event["sequence"] for event in batch["events"]]
        except (httpx2.TransportError, ConnectionClosed, OSError):
            breaks += 1
            time.sleep(0.05)
    return sequences, breaks


@pytest.mark.parametrize("follow", [over_events, over_a_socket])
def test_a_follower_reads_every_event_once_over_restarts(stage: Theatre, shop: Shop, follow: Follow) -> None:
    deployment = stage.unship.deploy(shop.name, tag=NEW)
    rollback: str = stage.unship.roll_back(target={"executionId": deployment})["execution"]["id"]
    with ThreadPoolExecutor(3) as followers:
        found = [followers.submit(read, stage.unship, rollback, follow) for _ in range(3)]
        for least in (3, 9):
            with stage.unship.progress(rollback) as batches:
                next(batch for batch in batches if batch["events"][-1]["sequence"] >= least)
            stage.unship.stop()
            stage.unship.start()
        read_by_each = [future.result() for future in found]
    everything = [event["sequence"] for event in stage.unship.events(rollback)]
    assert everything == list(range(1, len(everything) + 1))
    assert stage.unship.execution(rollback)["status"] == "SUCCEEDED"
    for sequences, breaks in read_by_each:
        assert sequences == everything
        assert breaks >= 1
