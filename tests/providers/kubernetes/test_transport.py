"""The wire under a connection, against a bare socket: what is sent, and how often."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from providers.errors import ProviderUnreachable
from providers.kubernetes.calls import Call
from providers.kubernetes.client import Connection
from providers.kubernetes.kubeconfig import read_access

_KUBECONFIG = """
current-context: here
clusters: [{name: c, cluster: {server: "http://127.0.0.1:%d"}}]
users: [{name: u, user: {}}]
contexts: [{name: here, context: {cluster: c, user: u}}]
"""
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def test_a_request_whose_connection_breaks_is_not_sent_again_by_the_library(tmp_path: Path) -> None:
    """Whether it may be, and that somebody is told before each effect, is decided above the library."""
    asked: list[str] = []
    announced: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Breaks every connection off at its second request."""
        for answer in (_ANSWER, None):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            asked.append(re.split(rb"\s", head)[0].decode())
            if answer is None:
                break
            writer.write(answer)
        writer.close()

    async def announce() -> None:
        announced.append("DELETE")

    async def scenario() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        path = tmp_path / "kubeconfig"
        path.write_text(_KUBECONFIG % server.sockets[0].getsockname()[1])
        connection = Connection(lambda: read_access(path, None))
        try:
            await connection.send(Call("ask", "GET", "/version"))
            with pytest.raises(ProviderUnreachable, match="broke the connection off"):
                await connection.send(Call("delete it", "DELETE", "/api/v1/x", effect=announce, repeatable=False))
        finally:
            await connection.close()
            server.close()

    asyncio.run(scenario())
    assert asked == ["GET", "DELETE"]
    assert announced == ["DELETE"]
