"""Reaching a cluster with nothing but a kubeconfig: contexts, certificates, tokens, exec plugins."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from providers.connectors import Connector, Connectors
from providers.errors import ProviderRefused, ProviderUnreachable
from providers.kubernetes import KubernetesProvider
from providers.kubernetes.calls import Call
from providers.kubernetes.client import Connection
from providers.kubernetes.kubeconfig import read_access
from providers.kubernetes.values import KubernetesTarget
from providers.tree import Tree
from providers.values import Release
from providers.web import USER_AGENT
from tests.providers.kubernetes.platform import KubernetesPlatform

TLS = Path(__file__).parent / "tls"
SECRET = "canary-credential"
PLUGIN = """
import json, os, sys
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
with open(sys.argv[1] + ".log", "a") as log:
    log.write(json.dumps(info) + "\\n")
status = json.load(open(sys.argv[1]))
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": status}))
"""


def write(directory: Path, server: str, cluster: Tree | None = None, user: Tree | None = None) -> Path:
    """A kubeconfig with the context `here`."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}, *OTHER],
    }
    path = directory / "config"
    path.write_text(json.dumps(document))
    return path


OTHER = [{"name": "there", "context": {"cluster": "absent"}}]


def exec_plugin(directory: Path, status: dict[str, str], **fields: Any) -> Tree:
    """A user whose credentials a program prints; `status` is what it prints."""
    (directory / "plugin.py").write_text(PLUGIN)
    (directory / "status.json").write_text(json.dumps(status))
    arguments: list[Any] = ["plugin.py", "status.json"]
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(directory / name) for name in arguments],
            "interactiveMode": "Never",
            "env": None,
            **fields,
        }
    }


def ask(path: Path, times: int = 1, context: str | None = None) -> Tree:
    """What /version answers over a connection with that kubeconfig."""

    async def run() -> Tree:
        connection = Connection(lambda: read_access(path, context))
        try:
            for _ in range(times - 1):
                await connection.send(Call("ask", "GET", "/version"))
            return await connection.send(Call("ask", "GET", "/version"))
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("content", "context", "said"),
    [
        (None, None, "cannot be read: FileNotFoundError"),
        (f"token: [{SECRET}", None, "not a valid kubeconfig"),
        (f"users: [{{name: u, user: {{token: [{SECRET}]}}}}]", None, "not a valid kubeconfig"),
        ("", None, "not a valid kubeconfig"),
        ("{}", "prod", r'no context "prod" \(it has: none\)'),
        ("contexts: [{name: a, context: {cluster: c}}]", "prod", r"it has: a\)"),
        ("contexts: [{name: a, context: {cluster: c}}]", "a", 'no cluster "c"'),
        (
            "{contexts: [{name: a, context: {cluster: c, user: u}}], clusters: [{name: c, cluster: {server: s}}]}",
            "a",
            'no user "u"',
        ),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_refused_without_its_secrets(
    tmp_path: Path, content: str | None, context: str | None, said: str
) -> None:
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ProviderRefused, match=said) as refused:
        read_access(path, context)
    assert SECRET not in str(refused.value)


def test_an_auth_provider_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = write(tmp_path, "http://x", user={"auth-provider": {"name": "gcp"}})
    with pytest.raises(ProviderRefused, match="use an exec plugin"):
        read_access(path, None)


def test_a_connector_that_is_missing_or_wrong_is_refused(tmp_path: Path) -> None:
    async def run(connectors: Connectors) -> None:
        target = KubernetesTarget(connector_ref="c", namespace="a", release_name="b")
        await KubernetesProvider(connectors).capture(target, Release(service="s"))

    with pytest.raises(ProviderRefused, match='no connector "c"'):
        asyncio.run(run(Connectors()))
    wrong = Connectors({"c": Connector("c", "Kubernetes", {"kubeconfg": "./x"}, tmp_path)})
    with pytest.raises(ProviderRefused, match="kubeconfg"):
        asyncio.run(run(wrong))


def test_proxies_of_the_environment_are_not_used_for_this_machine(
    cluster: KubernetesPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask(write(tmp_path, cluster.world.url))["major"]
    assert cluster.world.requests[-1].user_agent == USER_AGENT


def test_the_user_agent_names_the_version_of_the_project() -> None:
    pyproject = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert f'version = "{USER_AGENT.removeprefix("unship/")}"' in pyproject


def test_a_token_file_is_read_again_when_its_token_expires(cluster: KubernetesPlatform, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"{SECRET}-1\n")
    path = write(tmp_path, cluster.world.url, user={"tokenFile": "token"})

    async def run() -> None:
        connection = Connection(lambda: read_access(path, None))
        cluster.world.access.require_token(f"{SECRET}-1")
        await connection.send(Call("ask", "GET", "/api/v1"))
        cluster.world.access.require_token(f"{SECRET}-2")
        with pytest.raises(ProviderRefused, match="credentials") as refused:
            await connection.send(Call("ask", "GET", "/api/v1"))
        assert SECRET not in str(refused.value)
        token.write_text(f"{SECRET}-2")
        await connection.send(Call("ask", "GET", "/api/v1"))
        await connection.close()

    asyncio.run(run())


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_an_exec_plugin_is_asked_once_and_again_when_its_token_expires(
    cluster: KubernetesPlatform, tmp_path: Path, version: str
) -> None:
    user = exec_plugin(
        tmp_path,
        {"token": f"{SECRET}-1"},
        apiVersion=f"client.authentication.k8s.io/{version}",
        provideClusterInfo=True,
    )
    path = write(tmp_path, cluster.world.url, user=user)
    cluster.world.access.require_token(f"{SECRET}-1")

    async def run() -> None:
        connection = Connection(lambda: read_access(path, None))
        await asyncio.gather(*(connection.send(Call("ask", "GET", "/api/v1")) for _ in range(5)))
        assert len(asked(tmp_path)) == 1
        cluster.world.access.require_token(f"{SECRET}-2")
        (tmp_path / "status.json").write_text(json.dumps({"token": f"{SECRET}-2"}))
        await asyncio.gather(*(connection.send(Call("ask", "GET", "/api/v1")) for _ in range(5)))
        assert len(asked(tmp_path)) == 2
        await connection.close()

    asyncio.run(run())
    first = asked(tmp_path)[0]
    assert first["apiVersion"].endswith(version)
    assert first["spec"]["cluster"]["server"] == cluster.world.url


def test_credentials_that_are_about_to_end_are_renewed_before(cluster: KubernetesPlatform, tmp_path: Path) -> None:
    user = exec_plugin(tmp_path, {"token": "a", "expirationTimestamp": "2020-01-01T00:00:00Z"})
    path = write(tmp_path, cluster.world.url, user=user)
    ask(path, times=3)
    assert len(asked(tmp_path)) == 3


def asked(directory: Path) -> list[Any]:
    return [json.loads(line) for line in (directory / "status.json.log").read_text().splitlines()]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"command": "no-such-program-anywhere", "installHint": "Install it."}, "cannot be started. Install it."),
        ({"args": ["-c", f"import sys; sys.exit('{SECRET}')"]}, "failed with code 1"),
        ({"args": ["-c", f"print('{SECRET}')"]}, "printed no ExecCredential"),
        ({"apiVersion": "client.authentication.k8s.io/v9"}, "v9, which is not known"),
    ],
)
def test_an_exec_plugin_that_fails_is_told_without_its_output(
    tmp_path: Path, fields: dict[str, Any], said: str
) -> None:
    path = write(tmp_path, "http://127.0.0.1:9", user=exec_plugin(tmp_path, {}, **fields))
    with pytest.raises(ProviderRefused, match=said) as refused:
        ask(path)
    assert SECRET not in str(refused.value)


@contextlib.asynccontextmanager
async def tls_server() -> AsyncGenerator[str]:
    """A server that wants a client certificate and answers with its common name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    context.load_verify_locations(TLS / "ca.pem")
    context.verify_mode = ssl.CERT_OPTIONAL

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            peer = writer.get_extra_info("peercert")
            body = json.dumps({"subject": str(peer.get("subject") if peer else None)}).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def over_tls(directory: Path, cluster: Tree, user: Tree | None = None) -> Tree:
    async def run() -> Tree:
        async with tls_server() as url:
            connection = Connection(lambda: read_access(write(directory, url, cluster, user), None))
            try:
                return await connection.send(Call("ask", "GET", "/version"))
            finally:
                await connection.close()

    return asyncio.run(run())


def encoded(name: str) -> str:
    return base64.b64encode((TLS / name).read_bytes()).decode()


def test_certificates_as_data_and_another_server_name(tmp_path: Path) -> None:
    cluster: Tree = {"certificate-authority-data": encoded("ca.pem"), "tls-server-name": "api.test"}
    user: Tree = {"client-certificate-data": encoded("client.pem"), "client-key-data": encoded("client.key")}
    assert "client.test" in str(over_tls(tmp_path, cluster, user))
    assert over_tls(tmp_path, cluster) == {"subject": "None"}


def test_certificates_as_files_beside_the_kubeconfig(tmp_path: Path) -> None:
    for name in ("ca.pem", "client.pem", "client.key"):
        (tmp_path / name).write_bytes((TLS / name).read_bytes())
    cluster: Tree = {
        "certificate-authority": "ca.pem",
        "insecure-skip-tls-verify": False,
        "tls-server-name": "api.test",
    }
    user: Tree = {"client-certificate": "client.pem", "client-key": "client.key"}
    assert "client.test" in str(over_tls(tmp_path, cluster, user))


def test_an_exec_plugin_may_answer_with_a_certificate(tmp_path: Path) -> None:
    status = {
        "clientCertificateData": (TLS / "client.pem").read_text(),
        "clientKeyData": (TLS / "client.key").read_text(),
    }
    cluster: Tree = {"insecure-skip-tls-verify": True}
    assert "client.test" in str(over_tls(tmp_path, cluster, exec_plugin(tmp_path, status)))


@pytest.mark.parametrize(
    "cluster", [{}, {"certificate-authority-data": encoded("ca.pem")}], ids=["unknown", "name"]
)
def test_a_server_that_is_not_who_it_should_be_is_not_asked(tmp_path: Path, cluster: Tree) -> None:
    with pytest.raises(ProviderUnreachable, match="certificate verify failed"):
        over_tls(tmp_path, cluster)


def test_certificates_that_are_none_are_refused(tmp_path: Path) -> None:
    cases: tuple[tuple[Tree, Tree], ...] = (
        ({"certificate-authority-data": "bm9uZQ=="}, {}),
        ({"certificate-authority": "absent.pem"}, {}),
        ({}, {"client-certificate-data": "bm9uZQ==", "client-key-data": "bm9uZQ=="}),
    )
    for cluster, user in cases:
        with pytest.raises(ProviderRefused, match="certificates cannot be used"):
            over_tls(tmp_path, cluster, user)
    with pytest.raises(ProviderRefused, match="client-certificate cannot be read"):
        over_tls(tmp_path, {}, {"client-certificate": "absent.pem"})
